"""What is measured of a solver, with samplers whose reads are known."""

from __future__ import annotations

from typing import Any

import dimod
import numpy as np
import pytest
from numpy.typing import NDArray

from qhpo.encoding.reduction import eliminate
from qhpo.solvers import make_solver, solver_names
from qhpo_problems.benchmarks.solving.measure import Tapped, measure
from qhpo_problems.benchmarks.solving.methods import default_names, methods


class Fixed(dimod.Sampler):
    """Returns the same bits whatever it is asked."""

    properties: dict[str, object] = {}  # noqa: RUF012
    parameters: dict[str, object] = {}  # noqa: RUF012

    def __init__(self, rows: NDArray[np.int8]) -> None:
        self._rows = rows

    def sample(self, bqm: dimod.BinaryQuadraticModel) -> dimod.SampleSet:
        # In the order of its choice, as spins.
        samples = dimod.SampleSet.from_samples_bqm(
            (self._rows[:, ::-1], list(range(bqm.num_variables))[::-1]), bqm
        )
        return samples.change_vartype(dimod.SPIN, inplace=False)


SEED = 17
"""Of a model that elimination takes no case of."""


def test_elimination_leaves_the_model_of_these_tests(make_tables: Any) -> None:
    assert len(eliminate(make_tables([3, 3, 3], seed=SEED)).tables.linear) == 9


def test_reads_are_seen_before_they_are_polished(make_tables: Any) -> None:
    tables = make_tables([3, 3, 3], seed=SEED)
    best = np.array([[0, 0, 1, 0, 1, 0, 1, 0, 0], [1, 0, 0, 1, 0, 0, 0, 1, 0]], dtype=np.int8)
    broken = np.ones((3, 9), dtype=np.int8)
    solver = make_solver(Fixed(np.concatenate([best, broken])))
    outcome = measure(Tapped(solver), tables, 0)
    energies = tables.energies(np.array([[2, 1, 0], [0, 0, 1]]))
    assert outcome.raw == pytest.approx(energies.min())
    assert outcome.valid == pytest.approx(2 / 5)
    assert outcome.energy is not None
    assert outcome.energy <= energies.min() + 1e-9
    assert outcome.cpu_seconds > 0.0


def test_without_a_valid_read_there_is_no_raw_energy(make_tables: Any) -> None:
    solver = make_solver(Fixed(np.zeros((2, 9), dtype=np.int8)))
    outcome = measure(Tapped(solver), make_tables([3, 3, 3], seed=SEED), 0)
    assert outcome.raw is None
    assert outcome.valid == 0.0
    assert outcome.energy is not None


def test_a_model_that_is_refused_leaves_nothing(make_tables: Any) -> None:
    outcome = measure(Tapped(make_solver("exact")), make_tables([6] * 12), 0)
    assert (outcome.energy, outcome.raw, outcome.valid) == (None, None, None)


@pytest.mark.parametrize("name", [*default_names(), "exact"])
def test_polish_never_raises_the_energy(make_tables: Any, name: str) -> None:
    tables = make_tables([3, 4, 2, 3], seed=2)
    outcome = measure(Tapped(methods()[name]()), tables, 5)
    assert outcome.energy is not None
    assert outcome.raw is None or outcome.energy <= outcome.raw + 1e-9
    # Measuring leaves the answer as it is.
    plain = methods()[name]().reads(tables, 5)
    assert outcome.energy == pytest.approx(plain.energies[0])


def test_a_model_that_elimination_solves(make_tables: Any) -> None:
    tables = make_tables([1, 1])
    for name in ("potts", "neal", "descent"):
        outcome = measure(Tapped(make_solver(name)), tables, 0)
        only = pytest.approx(tables.energies(np.zeros((1, 2), dtype=np.intp))[0])
        assert (outcome.energy, outcome.raw) == (only, only)


def test_methods_are_the_free_solvers_with_each_encoding() -> None:
    names, default = set(methods()), set(default_names())
    assert next(iter(methods())) == default_names()[0] == "descent"
    assert {"descent", "potts", "neal:one-hot", "neal:domain-wall"} <= default <= names
    assert "exact" in names - default
    assert {name.split(":")[0] for name in names} <= set(solver_names())
    assert not [name for name in names if name.startswith(("qpu", "leap"))]
