"""What solvers did, in the attributes of the trials, and the budget of all who share a study."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial

from qhpo.encoding import DenseDQM
from qhpo.solvers import Budget, MeteredSolver, Reads, SolverReport
from qhpo.study import ANNEALS, Trials, metered, spent

NO_MODEL: Any = None  # the solver here does not look at it


class Steady:
    """Answers with the same report each time, apart from the share of broken chains."""

    is_costly = True

    def __init__(self, name: str = "cloud", *chain_breaks: float) -> None:
        self.name = name
        self.asked = 0
        self._chain_breaks = chain_breaks

    def reads(self, tables: DenseDQM, seed: int) -> Reads:
        report = SolverReport(self.name, 1, 6, 9, 10, 8, energy=-1.0, qpu_seconds=0.25)
        if self._chain_breaks:
            report = replace(report, chain_breaks=self._chain_breaks[self.asked])
        self.asked += 1
        return Reads(np.zeros((1, 1), np.intp), np.zeros(1), np.ones(1, np.intp), report)


def _solver(solver: Steady, **limits: Any) -> MeteredSolver:
    return MeteredSolver(solver, Steady("other"), Budget(**limits))


def _ask(study: optuna.Study) -> FrozenTrial:
    return study._storage.get_trial(study.ask()._trial_id)


def _suggest(solver: MeteredSolver, study: optuna.Study, trial: FrozenTrial, n: int) -> None:
    with metered(solver, study, trial, Trials(study)):
        for seed in range(n):
            solver.reads(NO_MODEL, seed)


def _attribute(study: optuna.Study, number: int) -> dict[str, Any]:
    attribute: dict[str, Any] = study.trials[number].user_attrs[ANNEALS]
    return attribute


def _trial(attribute: dict[str, Any] | None) -> FrozenTrial:
    user_attrs = {} if attribute is None else {ANNEALS: attribute}
    return optuna.create_trial(value=0.0, user_attrs=user_attrs)


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study()


def test_a_suggestion_is_noted_in_its_trial(study: optuna.Study) -> None:
    first, second = _ask(study), _ask(study)
    solver = _solver(Steady())
    _suggest(solver, study, second, 3)
    assert ANNEALS not in study.trials[first.number].user_attrs
    attribute = _attribute(study, second.number)
    assert set(attribute) == {"cloud"}
    assert (attribute["cloud"]["calls"], attribute["cloud"]["reads"]) == (3, 30)
    assert attribute["cloud"]["qpu_seconds"] == pytest.approx(0.75)


def test_suggestions_of_one_trial_are_added_up(study: optuna.Study) -> None:
    trial = _ask(study)
    solver = _solver(Steady("cloud", 0.1, 0.1, 0.1, 0.5), max_calls=4)
    for n in (3, 1, 2):  # a parameter of its own, then another, beyond the budget
        _suggest(solver, study, trial, n)
    attribute = _attribute(study, 0)
    assert set(attribute) == {"cloud", "other"}
    assert attribute["cloud"]["calls"] == 4
    assert attribute["cloud"]["chain_breaks"] == pytest.approx((3 * 0.1 + 0.5) / 4)
    assert "fallback" not in attribute["cloud"]
    assert attribute["other"]["calls"] == 2
    assert attribute["other"]["fallback"] == "the budget of 4 calls is spent"
    assert spent(study.trials)["cloud"].calls == 4


def test_the_attribute_is_plain_json(study: optuna.Study) -> None:
    trial = _ask(study)
    _suggest(_solver(Steady("cloud", 0.0, 0.0)), study, trial, 2)
    attribute = _attribute(study, 0)
    assert json.loads(json.dumps(attribute, allow_nan=False)) == attribute
    (report,) = spent(study.trials).values()
    assert report == SolverReport.from_attribute(attribute["cloud"])
    assert (report.calls, report.chain_breaks, report.energy) == (2, 0.0, -1.0)


def test_nothing_done_leaves_no_attribute(study: optuna.Study) -> None:
    _suggest(_solver(Steady()), study, _ask(study), 0)
    assert study.trials[0].user_attrs == {}


def test_what_was_done_before_an_error_is_noted(study: optuna.Study) -> None:
    trial, solver = _ask(study), _solver(Steady())

    def stop() -> None:
        with metered(solver, study, trial, Trials(study)):
            solver.reads(NO_MODEL, 0)
            raise RuntimeError("elsewhere")

    with pytest.raises(RuntimeError, match="elsewhere"):
        stop()
    assert _attribute(study, 0)["cloud"]["calls"] == 1


def test_the_budget_is_that_of_all_trials(study: optuna.Study) -> None:
    cloud = Steady()
    solver = _solver(cloud, max_calls=5)
    for number in range(4):
        _suggest(solver, study, _ask(study), 2)
        # Failed trials have cost as much.
        study.tell(number, state=optuna.trial.TrialState.FAIL)
    assert cloud.asked == 5
    total = spent(study.trials)
    assert (total["cloud"].calls, total["other"].calls) == (5, 3)


@pytest.mark.parametrize(
    ("limits", "left"), [({"max_calls": 5}, 2), ({"qpu_seconds": 1.1}, 2), ({"max_calls": 3}, 0)]
)
def test_running_trials_of_other_processes_count(
    tmp_path: Path, limits: dict[str, Any], left: int
) -> None:
    where = f"sqlite:///{tmp_path / 'shared.db'}"
    here = optuna.create_study(storage=where, study_name="shared")
    there = optuna.load_study(storage=where, study_name="shared")
    _suggest(_solver(Steady()), there, _ask(there), 3)
    cloud = Steady()
    _suggest(_solver(cloud, **limits), here, _ask(here), 6)
    assert cloud.asked == left


def test_other_solvers_and_studies_have_budgets_of_their_own(study: optuna.Study) -> None:
    _suggest(_solver(Steady("elsewhere")), study, _ask(study), 3)
    other = optuna.create_study()
    _suggest(_solver(Steady()), other, _ask(other), 3)
    cloud = Steady()
    _suggest(_solver(cloud, max_calls=2), study, _ask(study), 3)
    assert cloud.asked == 2


def test_trials_without_solvers_are_passed_over() -> None:
    one = SolverReport("cloud", 1, 6, 9, 10, 8, energy=-1.0, qpu_seconds=0.25)
    two = replace(one, calls=2, energy=-3.0, qpu_seconds=0.5)
    neal = SolverReport("neal", 4, 6, 9, 64, 64, energy=-2.0)
    trials = [
        _trial(None),
        _trial({"cloud": one.as_attribute()}),
        _trial({}),
        _trial({"neal": neal.as_attribute(), "cloud": two.as_attribute()}),
    ]
    total = spent(trials)
    assert set(total) == {"cloud", "neal"}
    assert total["cloud"] == replace(
        one, calls=3, reads=20, valid_reads=16, energy=-3.0, qpu_seconds=0.75
    )
    assert total["neal"] == neal
    assert spent([]) == {}
