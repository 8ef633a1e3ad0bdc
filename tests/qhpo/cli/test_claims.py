"""Claims of several workers on one study, where nothing makes them go one after another."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from qhpo.cli.claims import ClaimedStudy, Claims, _identity
from qhpo.cli.studies import AGAIN, HANDED_BACK, SAMPLER, WITHDRAWN, Status, status

ATTRIBUTES = {SAMPLER: "random"}


def claims_of(study: optuna.Study, total: int, **others: Any) -> Claims:
    return Claims(study, ATTRIBUTES, lambda trials: total, **others)


def begun(study: optuna.Study, claims: Claims) -> FrozenTrial | None:
    """The next trial of a worker, as far as its parameters."""
    claim = claims.next()
    if claim is None:
        return None
    worker = ClaimedStudy.of(study)
    worker.claim = claim
    worker.ask().suggest_float("x", 0, 1)
    return study._storage.get_trial(claim)


def end(study: optuna.Study, trial: FrozenTrial, state: TrialState, **attributes: bool) -> None:
    for name, value in attributes.items():
        study._storage.set_trial_user_attr(trial._trial_id, name, value)
    values = [1.0] if state == TrialState.COMPLETE else None
    study._storage.set_trial_state_values(trial._trial_id, state, values)


@pytest.mark.parametrize("seed", range(5))
def test_threads_make_exactly_the_total(seed: int) -> None:
    storage = InMemoryStorage()
    name = optuna.create_study(storage=storage).study_name
    total = 20 + seed

    def work() -> None:
        study = optuna.load_study(study_name=name, storage=storage)
        claims = claims_of(study, total)
        while True:
            trials = study.get_trials(deepcopy=False)
            if sum(status(trial).finished for trial in trials) >= total:
                return
            claim = claims.next()
            if claim is not None:
                storage.set_trial_state_values(claim, TrialState.COMPLETE, [1.0])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trials = optuna.load_study(study_name=name, storage=storage).trials
    rest = [trial for trial in trials if WITHDRAWN not in trial.user_attrs]
    assert [status(trial) for trial in rest] == [Status.COMPLETE] * total


def test_what_waits_comes_first_then_what_was_cut_off() -> None:
    study = optuna.create_study()
    claims = claims_of(study, 9)
    first = begun(study, claims)
    assert first is not None
    end(study, first, TrialState.FAIL)
    study.enqueue_trial({"x": 0.25})

    waiting, again, new = (begun(study, claims) for _ in range(3))

    assert waiting is not None
    assert waiting.params == {"x": 0.25}
    assert again is not None
    assert again.params == first.params
    assert again.user_attrs == {**ATTRIBUTES, AGAIN: first.number}
    assert new is not None
    assert AGAIN not in new.user_attrs


@pytest.mark.parametrize(("is_handed_back", "times"), [(True, 20), (False, 4)])
def test_a_configuration_that_kills_is_given_up(is_handed_back: bool, times: int) -> None:
    study = optuna.create_study()
    claims = claims_of(study, 9)
    found = []
    for _ in range(21):
        trial = begun(study, claims)
        assert trial is not None
        found.append(trial.params["x"])
        end(study, trial, TrialState.FAIL, **({HANDED_BACK: True} if is_handed_back else {}))
    assert found[: times + 1] == [found[0]] * (times + 1)
    assert is_handed_back or found[times + 1] != found[0]


def test_a_failure_is_not_done_again() -> None:
    study = optuna.create_study()
    claims = claims_of(study, 9)
    trial = begun(study, claims)
    assert trial is not None
    end(study, trial, TrialState.FAIL, **{"qhpo:error": True})
    again = begun(study, claims)
    assert again is not None
    assert again.params != trial.params


def test_no_place_is_left_while_others_run() -> None:
    study = optuna.create_study()
    claims = claims_of(study, 2)
    first, second = begun(study, claims), begun(study, claims)
    assert claims.next() is None
    assert first is not None
    assert second is not None
    end(study, first, TrialState.FAIL, **{"qhpo:error": True})
    assert claims.next() is not None
    assert claims.next() is None


@pytest.mark.skipif(sys.platform != "linux", reason="processes are known by /proc")
def test_the_claim_of_a_dead_process_is_released_at_once() -> None:
    process = subprocess.Popen(["sleep", "600"])
    dead = _identity(process.pid)
    process.kill()
    process.wait()
    study = optuna.create_study()
    claims = claims_of(study, 3)
    owners = {"dead": dead, "alive": _identity(os.getppid()), "elsewhere": f"other {dead}"}
    claimed = {name: begun(study, claims) for name in owners}
    for name, trial in claimed.items():
        assert trial is not None
        study._storage.set_trial_system_attr(trial._trial_id, "qhpo:owner", owners[name])

    claims.release_left_behind()

    found = {name: study.trials[i].state for i, name in enumerate(owners)}
    running = TrialState.RUNNING
    assert found == {"dead": TrialState.FAIL, "alive": running, "elsewhere": running}


def test_a_silent_claim_without_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qhpo.cli.claims._SILENT_SECONDS", 0.2)
    monkeypatch.setattr("qhpo.cli.claims._BEAT_SECONDS", 0.05)
    study = optuna.create_study()
    claims = claims_of(study, 3)
    silent, loud = begun(study, claims), begun(study, claims)
    assert silent is not None
    assert loud is not None
    other = claims_of(study, 3)
    with claims.alive(loud._trial_id):
        for _ in range(3):
            other.release_left_behind()
            threading.Event().wait(0.15)
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.FAIL, TrialState.RUNNING]
