"""Calls whose connection was cut: what may be said twice is said again, an end only once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError, PendingRollbackError

from qhpo.cli import patience
from qhpo.cli.patience import ConnectionLost, ends_once, repeats
from qhpo.cli.proxy import _Proxy


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of which takes time."""
    made: list[float] = []
    monkeypatch.setattr(patience, "time", SimpleNamespace(sleep=made.append))
    return made


def failed(cause: Exception | None) -> StorageInternalError:
    error = StorageInternalError("An exception is raised during the commit.")
    error.__cause__ = cause
    return error


def database_error(is_cut: bool) -> OperationalError:
    return OperationalError("SELECT 1", {}, Exception("cut"), connection_invalidated=is_cut)


CUT = [failed(database_error(True)), failed(PendingRollbackError("8s2b")), ConnectionLost("gone")]


def failing(*errors: Exception) -> Callable[[], str]:
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "heard"

    return call


def test_a_call_is_made_again(pauses: list[float]) -> None:
    assert repeats(failing(*CUT))() == "heard"
    assert len(pauses) == len(CUT)


@pytest.mark.parametrize(
    "error", [failed(database_error(False)), failed(None), UpdateFinishedTrialError()]
)
def test_what_a_server_refuses_is_not(error: Exception, pauses: list[float]) -> None:
    with pytest.raises(type(error)) as caught:
        repeats(failing(error))()
    assert caught.value is error
    assert pauses == []


def test_it_ends_some_time() -> None:
    with pytest.raises(ConnectionLost):
        repeats(failing(*[ConnectionLost("gone")] * 100))()


class _Deaf(InMemoryStorage):
    """Cuts the connection before or after it hears of the end of a trial."""

    hears = True
    cuts = 1

    def _end(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        is_heard = self.hears or not self.cuts
        done = is_heard and super().set_trial_state_values(trial_id, state, values)
        if self.cuts:
            self.cuts -= 1
            raise ConnectionLost("gone")
        return done

    set_trial_state_values = ends_once(_end)


@pytest.mark.parametrize("hears", [True, False])
def test_an_end_counts_once_whether_it_was_heard_or_not(hears: bool) -> None:
    storage = _Deaf()
    storage.hears = hears
    study = optuna.create_study(storage=storage)
    study.tell(study.ask(), 2.0)
    assert [trial.value for trial in study.trials] == [2.0]


def test_an_end_that_another_process_has_given_it_stays() -> None:
    storage = _Deaf()
    study = optuna.create_study(storage=storage)
    trial = study.ask()
    InMemoryStorage.set_trial_state_values(storage, trial._trial_id, TrialState.FAIL)
    with pytest.raises(UpdateFinishedTrialError):
        storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [2.0])


@pytest.mark.parametrize("hears", [True, False])
def test_a_trial_is_created_once(hears: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage)
    calls: list[str] = []

    def create(proxy: object, study_id: int, template: Any) -> int:
        calls.append("create")
        is_first = len(calls) == 1
        made = -1 if is_first and not hears else storage.create_new_trial(study_id, template)
        if is_first:
            raise ConnectionLost("gone")
        return made

    monkeypatch.setattr(optuna.storages.GrpcStorageProxy, "create_new_trial", create)
    monkeypatch.setattr(
        _Proxy, "get_all_trials", lambda proxy, *args, **kwargs: storage.get_all_trials(*args)
    )
    template = optuna.trial.create_trial(state=TrialState.RUNNING)
    proxy = _Proxy.__new__(_Proxy)
    made = proxy.create_new_trial(study._study_id, template)
    assert [trial._trial_id for trial in study.trials] == [made]
    assert template.system_attrs == {}
