"""A small table, and records without running anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo_problems.benchmarks.records import RunRecord
from qhpo_problems.benchmarks.tabular import TabularProblem

MakeRecord = Callable[..., RunRecord]


@pytest.fixture
def table() -> TabularProblem:
    """Twelve different values: 4 positions of a number times 3 categories."""
    values = np.random.default_rng(0).permutation(12).reshape(4, 3).astype(float)
    return TabularProblem(
        name="small",
        family="made",
        search_space={
            "number": IntDistribution(0, 3),
            "category": CategoricalDistribution(("a", "b", "c")),
        },
        values=values,
    )


@pytest.fixture
def make_record() -> MakeRecord:
    """A record from the values of its trials, on a table with optimum 0 and median 1."""

    def make(
        values: Sequence[float],
        *,
        sampler: str = "tpe",
        table: str = "small",
        family: str = "made",
        seed: int = 0,
        cpu_seconds: Sequence[float] | None = None,
        repeated: Sequence[bool] | None = None,
        fingerprint: str = "f00d",
        version: str = "1.0",
    ) -> RunRecord:
        return RunRecord(
            sampler=sampler,
            table=table,
            family=family,
            seed=seed,
            optimum=0.0,
            median=1.0,
            values=tuple(values),
            cpu_seconds=tuple([0.5] * len(values) if cpu_seconds is None else cpu_seconds),
            repeated=tuple([False] * len(values) if repeated is None else repeated),
            versions={"optuna": version},
            fingerprint=fingerprint,
        )

    return make
