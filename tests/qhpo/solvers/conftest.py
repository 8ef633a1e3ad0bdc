"""Models that every solver must manage."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest

from qhpo.encoding import DenseDQM, eliminate

MakeModel = Callable[..., DenseDQM]


def _scaled(tables: DenseDQM, factor: float) -> DenseDQM:
    return DenseDQM(
        tables.starts, factor * tables.linear, factor * tables.quadratic, factor * tables.offset
    )


@pytest.fixture(scope="session")
def random_model(random_dqm: Any) -> MakeModel:
    """Models of random biases; of a few variables, elimination solves most of them."""

    def make(sizes: Sequence[int], seed: int = 0) -> DenseDQM:
        return DenseDQM.from_dqm(random_dqm(sizes, seed=seed))

    return make


@pytest.fixture(scope="session")
def frustrated() -> MakeModel:
    """Random models of which elimination leaves every case, for tests of what is sent.

    Of a few variables `random_model` makes models that are mostly solved by elimination: some case
    is better than the others whatever else is chosen, and a sampler gets less than the model, or
    nothing. Here the linear biases are weak, and models are drawn until no case is beaten; it takes
    two variables with a choice.
    """

    def make(sizes: Sequence[int], seed: int = 0) -> DenseDQM:
        assert sum(size > 1 for size in sizes) >= 2
        rng = np.random.default_rng(seed)
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        n_cases = int(starts[-1])
        while True:
            linear = 0.2 * rng.standard_normal(n_cases)
            quadratic = rng.standard_normal((n_cases, n_cases))
            tables = DenseDQM.from_upper(starts, linear, quadratic, rng.standard_normal())
            if len(eliminate(tables).tables.linear) == sum(size for size in sizes if size > 1):
                return tables

    return make


@pytest.fixture(scope="session")
def small_models(random_model: MakeModel, frustrated: MakeModel) -> dict[str, DenseDQM]:
    """Models of at most 16 cases, some degenerate; elimination solves some, and leaves others."""
    flat = DenseDQM(np.array([0, 3, 5]), np.zeros(5), np.zeros((5, 5)), 2.5)
    sparse = dimod.DiscreteQuadraticModel()
    for label, size in ((("a", 1), 2), (7, 3), ("b", 2)):
        sparse.add_variable(size, label=label)
    sparse.set_quadratic_case(7, 2, "b", 1, -1.0)
    sparse.set_linear(("a", 1), [0.5, -0.5])
    return {
        "random": random_model([3, 2, 4, 2], seed=1),
        "binary": random_model([2] * 6, seed=2),
        "large biases": _scaled(random_model([3, 4, 3], seed=3), 1e6),
        "small biases": _scaled(random_model([3, 4, 3], seed=3), 1e-6),
        "one variable": random_model([4], seed=4),
        "one case": random_model([1], seed=5),
        "variables of one case": random_model([1, 3, 1, 2], seed=6),
        "sparse": DenseDQM.from_dqm(sparse),
        "flat": flat,
        "offset": replace(random_model([3, 2, 4, 2], seed=1), offset=-1e3),
        "frustrated": frustrated([3, 2, 4, 2], seed=7),
        "frustrated, of one case": frustrated([1, 3, 1, 2], seed=8),
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
