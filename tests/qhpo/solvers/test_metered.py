"""Budgets and failures of a solver, and the solver that takes over."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qhpo.encoding import DenseDQM
from qhpo.errors import QhpoError, SolverError
from qhpo.solvers import Budget, MeteredSolver, Reads, Solver, SolverReport, merge


class Scripted:
    """Raises or answers in turn as it is told, and answers from then on.

    Args:
        name: What reports call it.
        failures: What each call raises; None for one that answers.
        calls: Calls that an answer counts as.
        qpu_seconds: That an answer takes.
    """

    is_costly = True

    def __init__(
        self,
        name: str,
        *failures: BaseException | None,
        calls: int = 1,
        qpu_seconds: float = 0.5,
    ) -> None:
        self.name = name
        self.asked = 0
        self.calls, self.qpu_seconds = calls, qpu_seconds
        self._failures = failures

    def reads(self, tables: DenseDQM, seed: int) -> Reads:
        number, self.asked = self.asked, self.asked + 1
        failure = self._failures[number] if number < len(self._failures) else None
        if failure is not None:
            raise failure
        report = SolverReport(
            self.name, self.calls, 2, 1, reads=1, valid_reads=1, qpu_seconds=self.qpu_seconds
        )
        return Reads(np.zeros((1, 1), np.intp), np.zeros(1), np.ones(1, np.intp), report)


NO_MODEL: Any = None  # the solvers here do not look at it


def _metered(solver: Solver, **limits: Any) -> MeteredSolver:
    return MeteredSolver(solver, Scripted("other", qpu_seconds=0.0), Budget(**limits))


def _suggest(solver: MeteredSolver, n_models: int = 1, spent: SolverReport | None = None) -> Any:
    """What one suggestion does, by name of the solver."""
    solver.begin(spent)
    for seed in range(n_models):
        solver.reads(NO_MODEL, seed)
    return solver.take()


def _spent(calls: int, qpu_seconds: float = 0.0) -> SolverReport:
    return SolverReport("cloud", calls, 2, 1, calls, calls, qpu_seconds=qpu_seconds)


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Any:
    return lambda: [
        record.getMessage()
        for record in caplog.records
        if record.name == "qhpo" and record.levelno >= logging.WARNING
    ]


class TestBudget:
    @pytest.mark.parametrize("wrong", [-1, -0.5, math.nan, math.inf, "5", True])
    def test_a_wrong_time_is_named(self, wrong: Any) -> None:
        with pytest.raises(SolverError, match="qpu_seconds must be a finite number") as error:
            Budget(qpu_seconds=wrong)
        assert repr(wrong) in str(error.value)
        assert isinstance(error.value, QhpoError)

    @pytest.mark.parametrize("wrong", [-1, 2.5, "5", True, [3]])
    def test_a_wrong_number_of_calls_is_named(self, wrong: Any) -> None:
        with pytest.raises(SolverError, match="max_calls must be a whole number") as error:
            Budget(max_calls=wrong)
        assert repr(wrong) in str(error.value)

    def test_zero_is_a_limit_and_nothing_is_none(self) -> None:
        assert Budget(qpu_seconds=0).is_limited
        assert Budget(max_calls=0).is_limited
        assert not Budget().is_limited

    @pytest.mark.parametrize(
        ("limits", "spent", "said"),
        [
            ({}, _spent(10**6, 1e6), ""),
            ({"max_calls": 3}, _spent(2, 1e6), ""),
            ({"max_calls": 3}, _spent(3), "the budget of 3 calls is spent"),
            ({"max_calls": 0}, None, "the budget of 0 calls is spent"),
            ({"max_calls": 1}, None, ""),
            ({"max_calls": 4}, replace(_spent(2), failed=1), ""),
            ({"max_calls": 3}, replace(_spent(2), failed=1), "the budget of 3 calls is spent"),
            ({"qpu_seconds": 1.5}, _spent(10**6, 1.49), ""),
            ({"qpu_seconds": 1.5}, _spent(1, 1.5), "the budget of 1.5 s of QPU time is spent"),
            ({"qpu_seconds": 0}, None, "the budget of 0 s of QPU time is spent"),
            ({"qpu_seconds": 1.5, "max_calls": 9}, _spent(2, 2.0), "the budget of 1.5 s"),
            ({"qpu_seconds": 1.5, "max_calls": 2}, _spent(2, 1.0), "the budget of 2 calls"),
        ],
    )
    def test_the_limit_that_is_reached_is_said(
        self, limits: Any, spent: SolverReport | None, said: str
    ) -> None:
        found = Budget(**limits).spent_by(spent)
        assert found.startswith(said)
        assert bool(found) == bool(said)


class TestSpending:
    def test_it_stands_for_the_solver(self) -> None:
        solver = _metered(Scripted("cloud"))
        assert isinstance(solver, Solver)
        assert (solver.name, solver.is_costly) == ("cloud", True)

    @pytest.mark.parametrize("limit", [0, 1, 3])
    def test_calls_end_within_a_suggestion(self, limit: int, warned: Any) -> None:
        cloud = Scripted("cloud")
        taken = _suggest(_metered(cloud, max_calls=limit), 5)
        assert cloud.asked == limit
        assert taken["other"].calls == 5 - limit
        assert taken["other"].fallback == f"the budget of {limit} calls is spent"
        assert set(taken) == ({"cloud", "other"} if limit else {"other"})
        if limit:
            assert (taken["cloud"].calls, taken["cloud"].fallback) == (limit, "")
        assert warned() == [
            f"the solver cloud: the budget of {limit} calls is spent; other takes over"
        ]

    def test_what_was_spent_before_counts(self) -> None:
        cloud = Scripted("cloud")
        solver = _metered(cloud, max_calls=5)
        _suggest(solver, 4, _spent(3))
        assert cloud.asked == 2

    def test_the_last_call_may_exceed_the_time(self) -> None:
        cloud = Scripted("cloud", qpu_seconds=0.4)
        taken = _suggest(_metered(cloud, qpu_seconds=1.0), 6)
        assert cloud.asked == 3
        assert taken["cloud"].qpu_seconds == pytest.approx(1.2)

    def test_models_that_are_not_sent_cost_nothing(self) -> None:
        cloud = Scripted("cloud", calls=0, qpu_seconds=0.0)
        taken = _suggest(_metered(cloud, max_calls=1, qpu_seconds=0.1), 4)
        assert cloud.asked == 4
        assert set(taken) == {"cloud"}

    def test_a_spent_budget_is_logged_once(self, warned: Any) -> None:
        cloud = Scripted("cloud")
        solver = _metered(cloud, max_calls=1)
        for calls in (0, 1, 1):
            _suggest(solver, 2, _spent(calls))
        assert cloud.asked == 1
        assert len(warned()) == 1

    def test_the_fallback_has_no_budget(self) -> None:
        taken = _suggest(_metered(Scripted("cloud"), max_calls=0), 7, _spent(100))
        assert taken["other"].calls == 7

    def test_what_was_done_is_taken_once(self) -> None:
        solver = _metered(Scripted("cloud"))
        assert _suggest(solver, 2)["cloud"].calls == 2
        assert solver.take() == {}
        solver.reads(NO_MODEL, 0)
        solver.begin(None)
        assert solver.take() == {}


class TestFailures:
    def test_the_rest_of_the_suggestion_is_left_to_the_fallback(self, warned: Any) -> None:
        cloud = Scripted("cloud", None, ConnectionError("no route"))
        solver = _metered(cloud)
        taken = _suggest(solver, 4)
        assert cloud.asked == 2
        assert taken["cloud"].calls == 1
        assert taken["other"].calls == 3
        assert taken["other"].fallback == "ConnectionError: no route"
        assert warned() == ["the solver cloud: ConnectionError: no route; other takes over"]
        # The next suggestion asks again.
        assert set(_suggest(solver, 2)) == {"cloud"}

    def test_three_suggestions_in_a_row_then_never_again(self, warned: Any) -> None:
        cloud = Scripted("cloud", *[ConnectionError(f"no route {k}") for k in range(9)])
        solver = _metered(cloud)
        taken = [_suggest(solver, 2) for _ in range(6)]
        fallbacks = [reports["other"].fallback for reports in taken]
        assert cloud.asked == 3
        assert [set(reports) for reports in taken] == [{"cloud", "other"}] * 3 + [{"other"}] * 3
        # Whatever happens later, the reason is the last one.
        assert fallbacks == [f"ConnectionError: no route {k}" for k in (0, 1, 2, 2, 2, 2)]
        first, last = warned()
        assert first == "the solver cloud: ConnectionError: no route 0; other takes over"
        assert last == (
            "the solver cloud: ConnectionError: no route 2; it is not asked again; other takes over"
        )

    def test_a_success_in_between_resets_the_count(self) -> None:
        bad = ConnectionError("no route")
        cloud = Scripted("cloud", bad, bad, None, bad, bad, None, bad, bad, bad)
        solver = _metered(cloud)
        done = ["other" not in _suggest(solver) for _ in range(12)]
        assert cloud.asked == 9
        assert done == [k in (2, 5) for k in range(12)]

    def test_an_answer_without_a_call_says_nothing_about_the_service(self) -> None:
        class Unreachable(Scripted):
            """Of two models of a suggestion the first is solved by elimination."""

            def reads(self, tables: DenseDQM, seed: int) -> Reads:
                if seed == 0:
                    return Scripted("cloud", calls=0, qpu_seconds=0.0).reads(tables, seed)
                return super().reads(tables, seed)

        cloud = Unreachable("cloud", *[ConnectionError("no route")] * 9)
        solver = _metered(cloud)
        for _ in range(6):
            _suggest(solver, 2)
        assert cloud.asked == 3

    def test_every_kind_of_failure_is_logged_once(self, warned: Any) -> None:
        errors = [ConnectionError("a"), None, ConnectionError("b"), None, ValueError("c"), None]
        solver = _metered(Scripted("cloud", *errors))
        for _ in errors:
            _suggest(solver)
        assert warned() == [
            "the solver cloud: ConnectionError: a; other takes over",
            "the solver cloud: ValueError: c; other takes over",
        ]

    def test_a_failed_call_counts(self) -> None:
        cloud = Scripted("cloud", ConnectionError("no route"))
        solver = _metered(cloud, max_calls=3)
        failed = _suggest(solver)["cloud"]
        assert (failed.calls, failed.failed, failed.reads, failed.energy) == (0, 1, 0, math.inf)
        answered = _suggest(solver, 5, failed)["cloud"]
        assert (answered.calls, answered.failed) == (2, 0)
        assert cloud.asked == 3

    def test_failures_can_spend_the_budget(self, warned: Any) -> None:
        cloud = Scripted("cloud", *[ConnectionError("no route")] * 9)
        solver, spent = _metered(cloud, max_calls=2), None
        for _ in range(4):
            taken = _suggest(solver, 2, spent)
            spent = merge(spent, taken.get("cloud"))
        assert cloud.asked == 2
        assert taken["other"].fallback == "the budget of 2 calls is spent"
        assert warned()[-1] == (
            "the solver cloud: the budget of 2 calls is spent; other takes over"
        )

    def test_the_answer_is_that_of_whoever_answers(self) -> None:
        solver = _metered(Scripted("cloud", None, ValueError("no")))
        solver.begin(None)
        names = [solver.reads(NO_MODEL, 0).report.solver for _ in range(2)]
        assert names == ["cloud", "other"]

    @pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit()])
    def test_the_user_can_stop_it(self, stop: BaseException) -> None:
        solver = _metered(Scripted("cloud", stop))
        solver.begin(None)
        with pytest.raises(type(stop)):
            solver.reads(NO_MODEL, 0)

    def test_a_failure_of_the_fallback_is_not_hidden(self) -> None:
        other = Scripted("other", ValueError("neither"))
        solver = MeteredSolver(Scripted("cloud", ValueError("not here")), other, Budget())
        solver.begin(None)
        with pytest.raises(ValueError, match="neither"):
            solver.reads(NO_MODEL, 0)
