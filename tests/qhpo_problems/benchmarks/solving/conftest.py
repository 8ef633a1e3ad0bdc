"""A study of a second, solvers that do as told, and records without running anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from qhpo.encoding import DenseDQM
from qhpo_problems.benchmarks import Record
from qhpo_problems.benchmarks.sampling.benchmark import Declaration
from qhpo_problems.benchmarks.solving.studies import SourceStudy

MakeTables = Callable[..., DenseDQM]
MakeRun = Callable[..., Record]


@pytest.fixture
def tiny() -> SourceStudy:
    """Six choices of three, whose neighbours interact."""
    space = {f"x{i}": CategoricalDistribution((0, 1, 2)) for i in range(6)}

    def objective(trial: optuna.Trial) -> float:
        x = [int(trial.suggest_categorical(name, (0, 1, 2))) for name in space]
        return float(sum((a - b) ** 2 % 3 + a for a, b in zip(x, x[1:] + x[:1], strict=True)))

    return SourceStudy(objective, Declaration(space), (11, 13))


@pytest.fixture
def make_tables() -> MakeTables:
    """Dense Gaussian biases."""

    def make(sizes: Sequence[int], seed: int = 0) -> DenseDQM:
        rng = np.random.default_rng(seed)
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        block = np.repeat(np.arange(len(sizes)), sizes)
        quadratic = np.triu(rng.normal(size=(len(block), len(block))))
        quadratic[block[:, None] == block] = 0.0
        return DenseDQM(starts, rng.normal(size=len(block)), quadratic + quadratic.T, 0.5)

    return make


@pytest.fixture
def make_run() -> MakeRun:
    """A run on models of field scale 2 whose lowest known energy is -1."""

    def make(
        energy: Sequence[float | None],
        *,
        method: str = "descent",
        table: str = "car",
        seed: int = 0,
        raw: Sequence[float | None] | None = None,
        valid: Sequence[float | None] | None = None,
        levels: Sequence[int] | None = None,
        parameters: Sequence[int] | None = None,
        cpu_seconds: Sequence[float] | None = None,
        proven: bool = True,
    ) -> Record:
        n = len(energy)
        columns = {
            "parameters": [5] * n if parameters is None else parameters,
            "axes": [3] * n,
            "levels": [50] * n if levels is None else levels,
            "made_of": [20] * n,
            "scale": [2.0] * n,
            "lowest": [-1.0] * n,
            "proven": [proven] * n,
            "energy": energy,
            "raw": energy if raw is None else raw,
            "valid": [1.0] * n if valid is None else valid,
            "cpu_seconds": [0.004] * n if cpu_seconds is None else cpu_seconds,
        }
        rows = tuple(
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        )
        return Record(method, table, seed, {"dimod": "1.0"}, "f00d", rows)

    return make
