"""Claims of several workers on one study, where nothing makes them go one after another."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy
from optuna.distributions import IntDistribution
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState

from qhpo import QUBOSampler
from qhpo.cli import main
from qhpo.cli.claims import ClaimedStudy, Claims, _identity
from qhpo.cli.studies import SAMPLER, Status, status
from qhpo.study import AGAIN, HANDED_BACK, WITHDRAWN

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


@pytest.mark.parametrize("has_sign", [False, True])
def test_a_claim_that_never_gave_a_sign_to_optuna(
    has_sign: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process was killed in between, on another machine; one that works keeps its claim."""
    monkeypatch.setattr("qhpo.cli.claims._UNBORN_SECONDS", 0.2)
    url = f"sqlite:///{tmp_path}/s.db"
    storage = RDBStorage(url, heartbeat_interval=1, grace_period=2)
    study = optuna.create_study(storage=storage)
    claims = claims_of(study, 3)
    claims._owner = "other boot 1 2 3"
    claim = claims._create(None)
    with storage.engine.begin() as connection:
        connection.execute(sqlalchemy.text("DELETE FROM trial_heartbeats"))
    other = claims_of(study, 3)
    end = time.monotonic() + 5
    while time.monotonic() < end and study.trials[0].state == TrialState.RUNNING:
        if has_sign:
            storage.record_heartbeat(claim)
        other.release_left_behind()
        time.sleep(0.1)
    expected = TrialState.RUNNING if has_sign else TrialState.FAIL
    assert study.trials[0].state == expected


SPACE = {"x": IntDistribution(0, 5), "y": IntDistribution(0, 4)}


class Worker:
    """One that knows nothing of others but what is in the study."""

    def __init__(self, study: optuna.Study, total: int) -> None:
        self.study = ClaimedStudy.of(study)
        self.study.sampler = QUBOSampler(SPACE, seed=0, n_startup_trials=99)
        self.claims = claims_of(study, total)
        self.trial: optuna.Trial | None = None

    def begin(self) -> None:
        self.study.claim = self.claims.next()
        if self.study.claim is not None:
            self.trial = self.study.ask()

    def suggest(self, n: int = 2) -> dict[str, int]:
        assert self.trial is not None
        return {k: self.trial.suggest_int(k, 0, SPACE[k].high) for k in list(SPACE)[:n]}

    def end(self, state: TrialState, **attributes: bool) -> None:
        assert self.trial is not None
        trial, self.trial = self.study._storage.get_trial(self.trial._trial_id), None
        end(self.study, trial, state, **attributes)


@pytest.mark.parametrize("attributes", [{}, {HANDED_BACK: True}], ids=["killed", "handed back"])
@pytest.mark.parametrize("n_asked", [1, 2])
def test_only_a_claim_takes_up_what_was_cut_off(n_asked: int, attributes: dict[str, bool]) -> None:
    """Also where another trial, claimed a moment earlier, is about to be suggested something."""
    study = optuna.create_study()
    first, early, late = (Worker(study, 9) for _ in range(3))
    first.begin()
    early.begin()
    cut_off = first.suggest(n_asked)
    first.end(TrialState.FAIL, **attributes)
    other = early.suggest()
    late.begin()
    assert late.trial is not None
    assert late.trial.user_attrs[AGAIN] == 0
    again = late.suggest()
    assert cut_off.items() <= again.items()
    assert other != again


def test_what_was_cut_off_is_not_asked_for_by_others() -> None:
    """A program with the sampler, and `qhpo ask`, leave it to the run that goes on."""
    study = optuna.create_study()
    first, late = Worker(study, 9), Worker(study, 9)
    first.begin()
    cut_off = first.suggest()
    first.end(TrialState.FAIL, **{HANDED_BACK: True})
    program = optuna.load_study(
        study_name=study.study_name, storage=study._storage, sampler=QUBOSampler(SPACE, seed=0)
    )
    assert program.ask(SPACE).params != cut_off
    late.begin()
    assert late.suggest() == cut_off


def test_ctrl_c_does_not_count_against_a_configuration() -> None:
    study = optuna.create_study()
    worker = Worker(study, 30)
    for _ in range(4):
        worker.begin()
        cut_off = worker.suggest()
        worker.end(TrialState.FAIL, **{HANDED_BACK: True})
    found = []
    for _ in range(30):
        worker.begin()
        found.append(tuple(worker.suggest().values()))
        worker.end(TrialState.COMPLETE)
    assert found[0] == tuple(cut_off.values())
    assert len(set(found)) == 30


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_cut_off_nothing_is_lost_or_done_twice(seed: int) -> None:
    """Four workers, of which at any moment one claims, asks or ends, over the whole of a space."""
    rng = random.Random(seed)
    study = optuna.create_study()
    total = 30
    workers = [Worker(study, total) for _ in range(4)]
    suggested = dict.fromkeys(workers, False)
    cuts = 25
    while sum(status(trial).finished for trial in study.trials) < total:
        worker = rng.choice(workers)
        if worker.trial is None:
            worker.begin()
            suggested[worker] = False
        elif not suggested[worker]:
            worker.suggest()
            suggested[worker] = True
        elif cuts and rng.random() < 0.5:
            cuts -= 1
            worker.end(TrialState.FAIL, **({HANDED_BACK: True} if rng.random() < 0.7 else {}))
        else:
            worker.end(TrialState.COMPLETE)
    done = [trial for trial in study.trials if status(trial) is Status.COMPLETE]
    assert len(done) == total == len({tuple(trial.params.values()) for trial in done})


class TestNewRanges:
    """What was cut off, and does not lie in the ranges that the task has now."""

    SWEEP = (
        'program: ./stopping.sh\ncommand: ["${program}", "${args_no_hyphens}"]\n'
        "metric: {name: loss}\nparameters: {a: {min: LOW, max: 9}, b: {min: 0, max: 9}}\n"
    )
    STOPS = (
        "#!/bin/sh\nif [ -e stop ]; then rm stop; kill -INT $PPID; sleep 9; fi\n"
        "echo '{\"loss\": 1}'\n"
    )

    def _cut_off(self, tiny: Path) -> FrozenTrial:
        (tiny / "stopping.sh").write_text(self.STOPS)
        (tiny / "stopping.sh").chmod(0o755)
        (tiny / "stop").touch()
        self._write(tiny, 0)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            assert main(["run", "sweep.yaml", "--trials", "3", "--seed", "1"]) == 130
        finally:
            signal.signal(signal.SIGINT, before)
        (trial,) = self._trials()
        assert status(trial) is Status.INTERRUPTED
        return trial

    def _write(self, tiny: Path, low: int) -> None:
        (tiny / "sweep.yaml").write_text(self.SWEEP.replace("LOW", str(low)))

    def _trials(self) -> list[FrozenTrial]:
        storage = "sqlite:///qhpo.db"
        (name,) = optuna.get_all_study_names(storage)
        return optuna.load_study(study_name=name, storage=storage).trials

    @pytest.mark.parametrize("sampler", ["qubo", "random"])
    def test_it_is_given_up_in_one_line(
        self, sampler: str, tiny: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        cut_off = self._cut_off(tiny)
        self._write(tiny, cut_off.params["a"] + 1)
        capsys.readouterr()
        command = ["run", "sweep.yaml", "--trials", "3", "--sampler", sampler]
        assert main(command) == 0
        said = [line for line in capsys.readouterr().err.splitlines() if "not done again" in line]
        assert len(said) == 1
        assert said[0].startswith("trial 0 is not done again: a must lie in ")
        assert Counter(map(status, self._trials())) == {
            Status.COMPLETE: 3,
            Status.INTERRUPTED: 1,
            Status.GIVEN_UP: 1,
        }
        done = [trial for trial in self._trials() if status(trial) is Status.COMPLETE]
        assert all(trial.params["a"] > cut_off.params["a"] for trial in done)
        assert main(["show"]) == 0
        assert "3 complete, 1 interrupted, 1 given up" in capsys.readouterr().out

    def test_it_is_done_again_where_it_lies_within(self, tiny: Path) -> None:
        cut_off = self._cut_off(tiny)
        self._write(tiny, cut_off.params["a"])
        assert main(["run", "sweep.yaml", "--trials", "3"]) == 0
        assert self._trials()[1].params == cut_off.params
