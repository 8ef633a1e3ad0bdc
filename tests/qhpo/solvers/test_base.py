"""Reads of a solver, and what the template makes of what a solver samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import dimod
import numpy as np
import pytest
from dimod.testing import assert_sampleset_energies_dqm

from qhpo.encoding import DenseDQM, eliminate
from qhpo.solvers import Reads, Solver, SolverReport, make_solver
from qhpo.solvers.base import Sampled, SolverTemplate, affordable_reads
from tests.qhpo.solvers.checks import assert_reads

REPORT = SolverReport("fixed", calls=1, variables=3, couplers=2, reads=5, valid_reads=4)


class Fixed(SolverTemplate):
    """Samples what it is told.

    Args:
        sampled: What comes of every call.
        polishes: Whether that is polished.
    """

    name = "fixed"

    def __init__(self, sampled: Sampled, polishes: bool = True) -> None:
        self.polishes = polishes
        self.asked: list[DenseDQM] = []
        self._sampled = sampled

    def sample(self, tables: DenseDQM, seed: int) -> Sampled:
        self.asked.append(tables)
        return self._sampled


class TestReads:
    TABLES = DenseDQM(np.array([0, 2, 4]), np.array([0.0, -1.0, 3.0, 1.0]), np.zeros((4, 4)), 0.5)

    @pytest.mark.parametrize(("counts", "summed"), [(None, [2, 1, 1]), ([5, 1, 7, 2], [12, 2, 1])])
    def test_are_distinct_counted_and_lowest_first(
        self, counts: list[int] | None, summed: list[int]
    ) -> None:
        cases = np.array([[1, 1], [0, 0], [1, 1], [0, 1]])
        given = None if counts is None else np.array(counts)
        reads = Reads.of(self.TABLES, cases, REPORT, given)
        assert reads.cases.tolist() == [[1, 1], [0, 1], [0, 0]]
        assert reads.energies.tolist() == [0.5, 1.5, 3.5]
        assert reads.counts.tolist() == summed
        assert reads.report == replace(REPORT, energy=0.5)

    def test_may_be_none(self) -> None:
        reads = Reads.of(self.TABLES, np.empty((0, 2), dtype=np.intp), REPORT)
        assert reads.cases.shape == (0, 2)
        assert len(reads.energies) == len(reads.counts) == 0
        assert reads.report == REPORT

    def test_become_a_sample_set_with_the_names_that_are_given(self) -> None:
        dqm = dimod.DiscreteQuadraticModel()
        for label, size in ((("a", 1), 2), (7, 3), ("b", 2)):
            dqm.add_variable(size, label=label)
        dqm.set_quadratic_case(7, 2, "b", 1, -1.0)
        dqm.set_linear(("a", 1), [0.5, -0.5])
        reads = make_solver("exact").reads(DenseDQM.from_dqm(dqm), 0)
        samples = reads.to_sample_set(list(dqm.variables))
        assert list(samples.variables) == [("a", 1), 7, "b"]
        assert_sampleset_energies_dqm(samples, dqm)
        assert dict(samples.first.sample) == {("a", 1): 1, 7: 2, "b": 1}
        assert samples.info["qhpo"] is reads.report
        assert list(reads.to_sample_set().variables) == [0, 1, 2]


class TestTemplate:
    def test_a_solver_of_ones_own_is_one(self) -> None:
        solver = Fixed(Sampled(np.zeros((1, 2), dtype=np.intp)))
        assert isinstance(solver, Solver)
        assert make_solver(solver) is solver
        assert not solver.is_costly

    def test_samples_what_elimination_leaves(self, frustrated: Callable[..., DenseDQM]) -> None:
        tables = frustrated([3, 1, 3], seed=1)
        solver = Fixed(Sampled(np.array([[2, 1], [0, 0]])), polishes=False)
        reads = solver.reads(tables, 0)
        assert_reads(reads, tables)
        (asked,) = solver.asked
        assert asked.sizes.tolist() == eliminate(tables).tables.sizes.tolist() == [3, 3]
        assert sorted(reads.cases.tolist()) == [[0, 0, 0], [2, 0, 1]]
        report = reads.report
        assert (report.calls, report.variables, report.couplers) == (1, 2, 9)
        assert (report.reads, report.valid_reads, report.chain_breaks) == (2, 2, None)

    def test_polishes(self, frustrated: Callable[..., DenseDQM]) -> None:
        tables = frustrated([3, 4, 2], seed=2)
        every = np.array(list(np.ndindex(3, 4, 2)))
        reads = Fixed(Sampled(every)).reads(tables, 0)
        minima = np.unique(tables.descend(every), axis=0)
        assert sorted(reads.cases.tolist()) == minima.tolist()
        assert reads.counts.sum() == 24

    def test_reports_what_a_solver_says(self, frustrated: Callable[..., DenseDQM]) -> None:
        sampled = Sampled(
            np.array([[0, 1], [1, 1], [2, 0]]),
            counts=np.array([4, 2, 1]),
            valid=np.array([True, False, True]),
            size=(11, 22),
            chain_breaks=0.25,
            info={"timing": {"qpu_access_time": 3_000.0}},
        )
        reads = Fixed(sampled).reads(frustrated([3, 3], seed=3), 0)
        report = reads.report
        assert (report.variables, report.couplers, report.chain_breaks) == (11, 22, 0.25)
        assert (report.reads, report.valid_reads) == (7, 5)
        assert report.qpu_seconds == pytest.approx(0.003)
        assert report.seconds > 0.0

    def test_a_model_that_is_solved_is_not_sampled(
        self, random_model: Callable[..., DenseDQM]
    ) -> None:
        solver = Fixed(Sampled(np.empty((0, 0), dtype=np.intp)))
        tables = random_model([4, 1], seed=1)
        reads = solver.reads(tables, 0)
        assert not solver.asked
        fields = tables.local_fields(np.zeros((1, 2), dtype=np.intp))[0, :4]
        assert reads.cases.tolist() == [[int(fields.argmin()), 0]]
        assert reads.report == replace(
            SolverReport("fixed", 0, 0, 0, reads=1, valid_reads=1),
            energy=reads.energies[0],
            seconds=reads.report.seconds,
        )


@pytest.mark.parametrize(
    ("n_variables", "sweeps", "most", "expected"),
    [(10, 16, 128, 128), (0, 16, 7, 7), (1_000, 50, 128, 4), (2_000, 50, 2, 2), (500, 100, 99, 8)],
)
def test_reads_are_as_many_as_time_allows(
    n_variables: int, sweeps: int, most: int, expected: int
) -> None:
    assert affordable_reads(n_variables, sweeps, most) == expected
