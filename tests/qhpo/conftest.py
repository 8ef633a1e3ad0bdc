"""Small spaces, observations, posteriors and quadratic models that the tests of the core share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import dimod
import numpy as np
import pytest
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo.space import Space
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.hyperparameters import Hyperparameters
from tests.servers import MISSING, PostgresServer, running_postgres

FloatArray = NDArray[np.float64]
Observe = Callable[..., FloatArray]
MakeModel = Callable[..., AnovaGP]
RandomDQM = Callable[..., dimod.DiscreteQuadraticModel]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test run; without its programs or a driver tests are skipped."""
    pytest.importorskip("psycopg")
    with running_postgres() as server:
        if server is None:
            pytest.skip(MISSING)
        yield server


@pytest.fixture(scope="session")
def mixed_space() -> Space:
    """Every kind of axis: categories, few and many values, off-grid, two levels and one."""
    return Space(
        {
            "activation": CategoricalDistribution(["relu", "gelu", None]),
            "bias": CategoricalDistribution([True, False]),
            "depth": IntDistribution(1, 5),
            "half": FloatDistribution(0.0, 0.5, step=0.5),
            "only": CategoricalDistribution(["one"]),
            "rate": FloatDistribution(1e-4, 1.0, log=True),
        }
    )


@pytest.fixture(scope="session")
def observe() -> Observe:
    """Random legal configurations, some coordinates of them inactive."""

    def make(space: Space, n: int, seed: int, inactive: float = 0.0) -> FloatArray:
        rng = np.random.default_rng(seed)
        columns = []
        for axis in space.axes:
            if axis.is_exhaustive:
                columns.append(rng.choice(axis.coordinates, size=n))
            else:
                columns.append(axis.snap(rng.random(n)))
        coordinates = np.stack(columns, axis=1)
        missing = rng.random(coordinates.shape) < inactive
        missing[missing.all(axis=1), 0] = False
        coordinates[missing] = np.nan
        return coordinates

    return make


@pytest.fixture(scope="session")
def hyperparameters() -> Callable[[Space, int], list[Hyperparameters]]:
    """Members of an ensemble, each with hyperparameters of its own."""

    def make(space: Space, n_members: int) -> list[Hyperparameters]:
        rng = np.random.default_rng(len(space))
        return [
            Hyperparameters(
                relevance=rng.uniform(0.1, 0.9, len(space)),
                lengthscale=rng.uniform(0.2, 1.2, len(space)),
                tension=rng.uniform(0.1, 3.0, len(space)),
                pair=float(rng.uniform(0.4, 1.5)),
                rest=float(rng.uniform(0.4, 1.5)),
                nugget=float(rng.uniform(0.1, 0.6)),
                noise=float(rng.uniform(0.02, 0.2)),
            )
            for _ in range(n_members)
        ]

    return make


@pytest.fixture(scope="session")
def make_model(
    observe: Observe, hyperparameters: Callable[[Space, int], list[Hyperparameters]]
) -> MakeModel:
    """A posterior over a space given random observations."""

    def make(
        space: Space,
        n: int,
        seed: int = 0,
        n_members: int = 2,
        inactive: float = 0.0,
        objective: int = 0,
    ) -> AnovaGP:
        y = np.random.default_rng([seed + 1, objective]).standard_normal(n)
        coordinates = observe(space, n, seed, inactive)
        return AnovaGP(space, coordinates, y, hyperparameters(space, n_members))

    return make


@pytest.fixture(scope="session")
def random_dqm() -> RandomDQM:
    """A model with random biases; variables are named v0, v1, ..."""

    def make(sizes: Sequence[int], seed: int = 0) -> dimod.DiscreteQuadraticModel:
        rng = np.random.default_rng(seed)
        dqm = dimod.DiscreteQuadraticModel()
        for i, size in enumerate(sizes):
            dqm.add_variable(size, label=f"v{i}")
            dqm.set_linear(f"v{i}", rng.standard_normal(size))
        for i in range(len(sizes)):
            for j in range(i):
                for a in range(sizes[i]):
                    for b in range(sizes[j]):
                        bias = float(rng.standard_normal())
                        dqm.set_quadratic_case(f"v{i}", a, f"v{j}", b, bias)
        dqm.offset = float(rng.standard_normal())
        return dqm

    return make
