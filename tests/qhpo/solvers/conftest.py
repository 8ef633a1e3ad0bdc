"""Models that every solver must manage."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest

from qhpo.encoding import DenseDQM, eliminate

FrustratedDQM = Callable[..., dimod.DiscreteQuadraticModel]


def _scaled(dqm: dimod.DiscreteQuadraticModel, factor: float) -> dimod.DiscreteQuadraticModel:
    vectors = dqm.to_numpy_vectors(return_offset=True)
    rows, columns, biases = vectors.quadratic
    return dimod.DiscreteQuadraticModel.from_numpy_vectors(
        vectors.case_starts,
        factor * np.asarray(vectors.linear_biases),
        (rows, columns, factor * np.asarray(biases)),
        labels=list(dqm.variables),
        offset=factor * float(vectors.offset),
    )


@pytest.fixture(scope="session")
def frustrated_dqm() -> FrustratedDQM:
    """Random models of which elimination leaves every case, for tests of what is sent.

    Of a few variables `random_dqm` makes models that are mostly solved by elimination: some case
    is better than the others whatever else is chosen, and a sampler gets less than the model, or
    nothing. Here the linear biases are weak, and models are drawn until no case is beaten; it takes
    two variables with a choice. They are named v00, v01, ..., which dimod sorts as they are.
    """

    def make(sizes: Sequence[int], seed: int = 0) -> dimod.DiscreteQuadraticModel:
        assert sum(size > 1 for size in sizes) >= 2
        rng = np.random.default_rng(seed)
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        block = np.repeat(np.arange(len(sizes)), sizes)
        while True:
            linear = 0.2 * rng.standard_normal(len(block))
            upper = np.triu(rng.standard_normal((len(block), len(block))))
            upper[block[:, None] == block] = 0.0
            tables = DenseDQM(starts, linear, upper + upper.T, float(rng.standard_normal()))
            if len(eliminate(tables).tables.linear) == sum(size for size in sizes if size > 1):
                return tables.to_dqm([f"v{i:02}" for i in range(len(sizes))])

    return make


@pytest.fixture(scope="session")
def small_models(
    random_dqm: Any, frustrated_dqm: FrustratedDQM
) -> dict[str, dimod.DiscreteQuadraticModel]:
    """Models of at most 16 cases, some degenerate; elimination solves some, and leaves others."""
    flat = dimod.DiscreteQuadraticModel()
    flat.add_variable(3, label="x")
    flat.add_variable(2, label="y")
    flat.offset = 2.5
    mixed_labels = dimod.DiscreteQuadraticModel()
    for label, size in ((("a", 1), 2), (7, 3), ("b", 2)):
        mixed_labels.add_variable(size, label=label)
    mixed_labels.set_quadratic_case(7, 2, "b", 1, -1.0)
    mixed_labels.set_linear(("a", 1), [0.5, -0.5])
    return {
        "random": random_dqm([3, 2, 4, 2], seed=1),
        "binary": random_dqm([2] * 6, seed=2),
        "large biases": _scaled(random_dqm([3, 4, 3], seed=3), 1e6),
        "small biases": _scaled(random_dqm([3, 4, 3], seed=3), 1e-6),
        "one variable": random_dqm([4], seed=4),
        "one case": random_dqm([1], seed=5),
        "variables of one case": random_dqm([1, 3, 1, 2], seed=6),
        "labels": mixed_labels,
        "flat": flat,
        "frustrated": frustrated_dqm([3, 2, 4, 2], seed=7),
        "frustrated, of one case": frustrated_dqm([1, 3, 1, 2], seed=8),
    }


@pytest.fixture
def no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration file of D-Wave's, and none of its environment variables."""
    for name in list(os.environ):
        if name.startswith("DWAVE_"):
            monkeypatch.delenv(name)
    configuration = tmp_path / "dwave.conf"
    configuration.write_text("")
    monkeypatch.setenv("DWAVE_CONFIG_FILE", str(configuration))
    return configuration


@pytest.fixture
def credentials(no_credentials: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A token that no service knows."""
    token = "TEST-" + "0123456789abcdef" * 3
    monkeypatch.setenv("DWAVE_API_TOKEN", token)
    return token
