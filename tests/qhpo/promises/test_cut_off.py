"""What was begun and cut off is done again; what failed by itself is not, while there is more."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from qhpo import constraints as c
from tests.qhpo.promises.cases import Space, ask_all, make_study, messages

SPACE: Space = {"a": IntDistribution(0, 2), "b": CategoricalDistribution(["x", "y"])}
RULES = [c.predicate(lambda p: p["a"] < 9)]
Objective = Callable[[optuna.Trial], float]


def _value(params: dict[str, Any]) -> float:
    return float(params["a"] + 10 * (params["b"] == "x"))


def _stopped_at(value: float, times: int, error: type[BaseException]) -> Objective:
    """Raises the error the first times that the value comes."""
    left = [times]

    def objective(trial: optuna.Trial) -> float:
        found = _value(ask_all(trial, SPACE))
        if found == value and left[0]:
            left[0] -= 1
            raise error
        return found

    return objective


def _go_on(study: optuna.Study, objective: Objective, total: int) -> None:
    while len(study.trials) < total:
        with contextlib.suppress(KeyboardInterrupt, StorageInternalError):
            study.optimize(objective, n_trials=total - len(study.trials))


@pytest.mark.parametrize("best", [0, 1, 2, 10, 11, 12])
@pytest.mark.parametrize("space", [None, SPACE], ids=["learnt", "declared"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, StorageInternalError])
def test_ctrl_c_or_a_lost_storage_loses_no_configuration(
    best: float, space: Space | None, error: type[BaseException]
) -> None:
    study = make_study(space)
    _go_on(study, _stopped_at(best, 1, error), 7)
    assert sorted(t.value for t in study.trials if t.value is not None) == [0, 1, 2, 10, 11, 12]
    assert study.trials[-1].state == TrialState.COMPLETE


@pytest.mark.parametrize("n_startup", [3, 20])
@pytest.mark.parametrize("rules", [[], RULES], ids=["free", "constrained"])
def test_it_comes_first(n_startup: int, rules: list[Any]) -> None:
    space: Space = {"a": IntDistribution(0, 99), "b": IntDistribution(0, 99)}
    study = make_study(space, rules, n_startup_trials=n_startup)

    def objective(trial: optuna.Trial) -> float:
        value = trial.suggest_int("a", 0, 99)
        if trial.number == 6:
            raise KeyboardInterrupt  # before it asks for the rest
        return float(value + trial.suggest_int("b", 0, 99))

    _go_on(study, objective, 9)
    assert "b" not in study.trials[6].params
    assert study.trials[7].params["a"] == study.trials[6].params["a"]
    found = [tuple(t.params.values()) for t in study.trials if t.number != 6]
    assert len(set(found)) == 8


def _first() -> float:
    """The value of the first configuration that is suggested."""
    return _value(make_study(SPACE).ask(SPACE).params)


def test_what_is_fixed_comes_before_it() -> None:
    study = make_study(SPACE)
    _go_on(study, _stopped_at(_first(), 1, KeyboardInterrupt), 1)
    cut_off = study.trials[0].params
    study.enqueue_trial({"a": (cut_off["a"] + 1) % 3})
    study.optimize(lambda t: _value(ask_all(t, SPACE)), n_trials=2)
    assert study.trials[1].params["a"] != cut_off["a"]
    assert study.trials[2].params == cut_off


def test_what_stops_twice_waits_until_nothing_else_is_left() -> None:
    study = make_study(SPACE)
    _go_on(study, _stopped_at(_first(), 2, KeyboardInterrupt), 8)
    values = [t.value for t in study.trials]
    assert values[:2] == [None, None]
    assert values[7] == _first()
    assert sorted(v for v in values if v is not None) == [0, 1, 2, 10, 11, 12]


def test_a_failure_is_not_repeated_while_there_is_more() -> None:
    study = make_study(SPACE)
    objective = _stopped_at(0, 9, MemoryError)
    study.optimize(objective, n_trials=6, catch=(Exception,))
    assert len({_value(t.params) for t in study.trials}) == 6
    # Before finished trials are repeated, once more: it may have been the machine.
    study.optimize(objective, n_trials=4, catch=(Exception,))
    assert [_value(t.params) for t in study.trials].count(0) == 2


@pytest.mark.parametrize("ending", ["uncaught", "nan", "told"])
def test_ends_that_are_failures(ending: str) -> None:
    study = make_study(SPACE)

    def objective(trial: optuna.Trial) -> float:
        ask_all(trial, SPACE)
        if ending == "uncaught":
            raise RuntimeError
        return float("nan")

    for _ in range(6):
        if ending == "told":
            trial = study.ask(SPACE)
            study.tell(trial, state=TrialState.FAIL)
            continue
        with contextlib.suppress(RuntimeError):
            study.optimize(objective, n_trials=1)
    assert {t.state for t in study.trials} == {TrialState.FAIL}
    assert len({_value(t.params) for t in study.trials}) == 6


def test_a_program_that_tells_trials_itself_may_be_interrupted() -> None:
    study = make_study(SPACE)
    study.optimize(lambda t: _value(ask_all(t, SPACE)), n_trials=2)
    trial = study.ask(SPACE)
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        study.tell(trial, state=TrialState.FAIL)
    assert study.ask(SPACE).params == trial.params


def test_a_running_trial_is_taken_up_when_nothing_else_is_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    study = make_study(SPACE)
    dead = study.ask(SPACE)
    study.optimize(lambda t: _value(ask_all(t, SPACE)), n_trials=5)
    assert dead.params not in [t.params for t in study.trials[1:]]
    study.optimize(lambda t: _value(ask_all(t, SPACE)), n_trials=1)
    assert study.trials[-1].params == dead.params
    assert messages(caplog) == []
    study.optimize(lambda t: _value(ask_all(t, SPACE)), n_trials=1)
    assert len(messages(caplog)) == 1


@pytest.mark.parametrize("is_failed", [False, True])
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_trial_without_a_sign_of_life_is_taken_up(tmp_path: Path, is_failed: bool) -> None:
    class Silent(RDBStorage):
        """Whose second trial has not been heard of for a long time."""

        def _get_stale_trial_ids(self, study_id: int) -> list[int]:
            running = self.get_all_trials(study_id, states=(TrialState.RUNNING,))
            return [t._trial_id for t in running if t.number == 1]

    storage = Silent(f"sqlite:///{tmp_path / 's.db'}", heartbeat_interval=60)
    sampler = make_study(SPACE).sampler
    study = optuna.create_study(storage=storage, sampler=sampler)
    study.tell(study.ask(SPACE), 1.0)
    dead = study.ask(SPACE)
    if is_failed:
        optuna.storages.fail_stale_trials(study)
    assert study.ask(SPACE).params == dead.params
    # The one that does it again is alive.
    assert study.ask(SPACE).params != dead.params


def test_what_waits_to_be_done_again_is_left_to_it() -> None:
    """As Optuna's `RetryFailedTrialCallback` does it."""
    study = make_study(SPACE)
    _go_on(study, _stopped_at(_first(), 1, KeyboardInterrupt), 1)
    cut_off = study.trials[0].params
    study.enqueue_trial(cut_off)
    # Another worker is asked while the trial waits.
    number = study._storage.create_new_trial(study._study_id)
    assert ask_all(optuna.trial.Trial(study, number), SPACE) != cut_off


KILLED = """
import os, signal, sys
import optuna
from qhpo import QUBOSampler
study = optuna.load_study(study_name="study", storage=sys.argv[1], sampler=QUBOSampler(seed=0))
def objective(trial):
    value = trial.suggest_int("a", 0, 2) + 10 * (trial.suggest_categorical("b", ["x", "y"]) == "x")
    if trial.number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return value
study.optimize(objective, n_trials=9)
"""


def test_a_killed_process_loses_no_configuration(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    sampler = make_study(None).sampler
    study = optuna.create_study(study_name="study", storage=url, sampler=sampler)
    killed = subprocess.run([sys.executable, "-c", KILLED, url], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert study.trials[3].state == TrialState.RUNNING
    study.optimize(lambda t: _value(ask_all(t, SPACE)), n_trials=3)
    assert len({_value(t.params) for t in study.trials if t.number != 3}) == 6
