"""Signals at every moment of a call of a storage: it ends first, and nothing is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy
from optuna.storages import BaseStorage
from rich.console import Console

from qhpo.cli.interrupts import Interrupts, interruptible
from qhpo.cli.progress import SearchProgress
from qhpo.cli.search import Plan, Search
from qhpo.cli.storage import open_storage
from qhpo.cli.studies import Choices, Status, status
from qhpo.study import AGAIN

TOTAL = 3

URLS = {"sqlite": "sqlite:///kept.db", "journal": "kept.log"}

SQL = {
    sqlalchemy.Engine: ["before_cursor_execute", "after_cursor_execute", "commit", "rollback"],
    sqlalchemy.pool.Pool: ["checkout", "checkin", "reset"],
}

FILE = ["symlink", "rename", "unlink", "fsync", "open"]


@contextmanager
def handled(interrupts: Interrupts) -> Iterator[None]:
    """Also where the tests were started with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with interrupts.handled():
            yield
    finally:
        signal.signal(signal.SIGINT, before)


class Moments:
    """Those at which a storage is about to do something, or has done it; at one comes Ctrl-C.

    Attributes:
        passed: How many there were.
        last: Which one it is; none if 0.
    """

    def __init__(self) -> None:
        self.passed = 0
        self.last = 0
        self.counts = False

    def __call__(self, *args: object, **kwargs: object) -> None:
        if self.counts and threading.current_thread() is threading.main_thread():
            self.passed += 1
            if self.passed == self.last:
                signal.raise_signal(signal.SIGINT)


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Iterator[Moments]:
    found = Moments()

    def watched(name: str) -> Callable[..., Any]:
        call = getattr(os, name)

        def around(*args: object, **kwargs: object) -> object:
            found()
            result = call(*args, **kwargs)
            found()
            return result

        return around

    for name in FILE:
        monkeypatch.setattr(os, name, watched(name))
    for target, names in SQL.items():
        for name in names:
            sqlalchemy.event.listen(target, name, found)
    yield found
    for target, names in SQL.items():
        for name in names:
            sqlalchemy.event.remove(target, name, found)


def searched(storage: BaseStorage, interrupts: Interrupts, moments: Moments) -> None:
    """Two parameters, reports and an attribute; what happens meanwhile may be the last moment."""

    def objective(trial: optuna.Trial) -> float:
        moments.counts = trial.number == 1
        x = trial.suggest_float("x", 0, 1)
        for step in range(2):
            trial.report(x, step)
            trial.should_prune()
        trial.set_user_attr("size", 1)
        y = trial.suggest_float("y", 0, 1)
        moments.counts = False
        return x + y

    study = optuna.create_study(storage=storage, study_name="s", load_if_exists=True)
    study.sampler = optuna.samplers.RandomSampler(seed=len(study.trials))
    study.pruner = optuna.pruners.MedianPruner()
    search = Search(study, objective, Choices("random", "neal", 0), Plan(TOTAL), interrupts)
    with handled(interrupts):
        search.run(SearchProgress(Console(quiet=True), "s", TOTAL, is_quiet=True))


def is_locked(kind: str) -> bool:
    if kind == "journal":
        return Path("kept.log.lock").is_symlink()
    with sqlite3.connect("kept.db", timeout=0) as connection:
        try:
            connection.execute("UPDATE studies SET study_name = 's'")
        except sqlite3.OperationalError:
            return True
    return False


def check_moment(kind: str, moment: int, moments: Moments) -> None:
    for file in Path().iterdir():
        file.unlink()
    moments.passed, moments.last, moments.counts = 0, moment, False
    interrupts = Interrupts()
    with pytest.raises(KeyboardInterrupt):
        searched(open_storage(URLS[kind], interrupts=interrupts), interrupts, moments)
    moments.counts = False
    assert not is_locked(kind), moment
    again = Interrupts()
    storage = open_storage(URLS[kind], interrupts=again)
    trials = optuna.load_study(study_name="s", storage=storage).trials
    found = [status(trial) for trial in trials]
    assert found == [Status.COMPLETE, Status.INTERRUPTED], moment

    searched(storage, again, moments)
    trials = optuna.load_study(study_name="s", storage=storage).trials
    done = [trial for trial in trials if status(trial) is Status.COMPLETE]
    assert len(done) == TOTAL == len(trials) - 1, moment
    assert trials[1].params.items() <= trials[2].params.items()
    assert trials[2].user_attrs.get(AGAIN) == (1 if trials[1].params else None)


def n_moments(kind: str, moments: Moments) -> int:
    interrupts = Interrupts()
    searched(open_storage(URLS[kind], interrupts=interrupts), interrupts, moments)
    return moments.passed


@pytest.mark.parametrize("kind", URLS)
def test_ctrl_c_at_some_moments_of_a_call(kind: str, tiny: Path, moments: Moments) -> None:
    n = n_moments(kind, moments)
    assert n > 20
    for moment in range(1, n + 1, n // 3):
        check_moment(kind, moment, moments)


@pytest.mark.slow
@pytest.mark.parametrize("kind", URLS)
def test_ctrl_c_at_every_moment_of_a_call(kind: str, tiny: Path, moments: Moments) -> None:
    for moment in range(1, n_moments(kind, moments) + 1):
        check_moment(kind, moment, moments)


def passed(interrupts: Interrupts, times: int) -> bool:
    """Whether so many signals let what is held end."""
    went = []

    def held() -> None:
        with interrupts.held():
            with interrupts.held():
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)
            went.append(True)

    with pytest.raises(KeyboardInterrupt):
        held()
    return bool(went)


@pytest.mark.parametrize(("times", "is_held"), [(1, True), (2, True), (3, False)])
def test_what_is_held_ends_first(times: int, is_held: bool) -> None:
    interrupts = Interrupts()
    with handled(interrupts):
        assert passed(interrupts, times) is is_held
    assert interrupts.received is signal.SIGINT


@pytest.mark.parametrize(("times", "is_held"), [(2, True), (3, False)])
def test_the_first_signal_waits_for_a_look_also_where_it_is_held(times: int, is_held: bool) -> None:
    interrupts = Interrupts()
    with handled(interrupts), interrupts.deferred():
        with interrupts.held():
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    again = Interrupts()
    with handled(again), again.deferred():
        assert passed(again, times) is is_held


def test_an_error_of_what_is_held_does_not_hide_the_signal() -> None:
    interrupts = Interrupts()

    @interrupts.held()
    def failing() -> None:
        signal.raise_signal(signal.SIGINT)
        raise RuntimeError

    with handled(interrupts), pytest.raises(KeyboardInterrupt):
        failing()


def test_other_threads_hold_nothing() -> None:
    interrupts = Interrupts()
    inside, over = threading.Event(), threading.Event()

    def hold() -> None:
        with interrupts.held():
            inside.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    with handled(interrupts), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    over.set()
    thread.join()


def test_an_error_after_a_signal_is_no_failure(tiny: Path) -> None:
    """Libraries turn Ctrl-C into errors of their own."""

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("x", 0, 1)
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("a worker has died") from None
        return 0.0

    interrupts = Interrupts()
    study = optuna.create_study()
    search = Search(study, objective, Choices("random", "neal", 0), Plan(2, retries=3), interrupts)
    with handled(interrupts), pytest.raises(KeyboardInterrupt):
        search.run(SearchProgress(Console(quiet=True), "s", 2, is_quiet=True))
    assert [status(trial) for trial in study.trials] == [Status.INTERRUPTED]
    assert search.failures == {}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_command_says_by_what_it_has_ended(number: signal.Signals, code: int) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(Exception, match="interrupted") as caught, interruptible():
        signal.raise_signal(number)
    signal.signal(signal.SIGINT, before)
    assert caught.value.exit_code == code  # type: ignore[attr-defined]
