"""Choices that a database changes, as JSON has no tuples, are read as the program has them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from qhpo import QhpoError
from qhpo import constraints as c
from qhpo.space import Axis
from tests.qhpo.promises.cases import Space, ask_all, make_study, messages, storage_at

pytestmark = pytest.mark.filterwarnings("ignore:Choices for a categorical")

CHOICES: dict[str, list[Any]] = {
    "tuples": [(100,), (50, 50), (30, 30, 30)],
    "lists": [[100], [50, 50], [30, 30, 30]],
    "nested": [((1, 2), 3), ((1, 2), (3,)), None],
    "mappings": [{1: "a", "b": (2, 3)}, {1: "c"}, "plain"],
    "mixed": [None, (1, 2), 0.5],
}


@pytest.fixture(params=["memory", "sqlite", "journal"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> BaseStorage | None:
    return None if request.param == "memory" else storage_at(str(tmp_path / f"s.{request.param}"))


def _study(storage: BaseStorage | None, space: Space | None, **arguments: Any) -> optuna.Study:
    sampler = make_study(space, **arguments).sampler
    return optuna.create_study(storage=storage, sampler=sampler)


def _space(kind: str) -> Space:
    return {
        "alpha": FloatDistribution(1e-5, 1, log=True),
        "hidden": CategoricalDistribution(CHOICES[kind]),
    }


def _params(kind: str, storage: BaseStorage | None, is_declared: bool) -> list[dict[str, Any]]:
    space = _space(kind)
    study = _study(storage, space if is_declared else None)
    asked = []

    def objective(trial: optuna.Trial) -> float:
        params = ask_all(trial, space)
        asked.append(params)
        return abs(CHOICES[kind].index(params["hidden"]) - 1) + abs(math.log10(params["alpha"]) + 2)

    study.optimize(objective, n_trials=12)
    return asked


@pytest.mark.parametrize("kind", CHOICES)
@pytest.mark.parametrize("is_declared", [False, True], ids=["learnt", "declared"])
def test_suggestions_are_those_in_memory(
    kind: str, is_declared: bool, storage: BaseStorage | None
) -> None:
    found = _params(kind, storage, is_declared)
    assert found == _params(kind, None, is_declared)
    # Not what is equal only once it is JSON.
    assert {type(p["hidden"]) for p in found} <= {type(choice) for choice in CHOICES[kind]}


def test_nothing_is_repeated_where_the_space_is_learnt(storage: BaseStorage | None) -> None:
    space: Space = {n: CategoricalDistribution(CHOICES["tuples"]) for n in "ab"}
    study = _study(storage, None)
    study.optimize(lambda t: len(str(ask_all(t, space))), n_trials=9)
    assert len({str(t.params) for t in study.trials}) == 9


def test_constraints_see_what_was_declared(storage: BaseStorage | None) -> None:
    space = _space("tuples")
    rules = [
        c.predicate(lambda p: isinstance(p["hidden"], tuple)),
        c.requires({"hidden": [(50, 50), (100,)]}, {"kind": "a"}),
    ]
    space["kind"] = CategoricalDistribution(["a", "b"])
    study = _study(storage, space, constraints=rules)

    def objective(trial: optuna.Trial) -> float:
        params = ask_all(trial, space)
        assert params["kind"] == "a" or params["hidden"] == (30, 30, 30)
        if trial.number % 3 == 2:
            raise optuna.TrialPruned
        return params["alpha"]

    study.optimize(objective, n_trials=9)
    assert {t.state for t in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}


@pytest.mark.parametrize("has_rules", [False, True])
def test_what_is_enqueued_is_run(storage: BaseStorage | None, has_rules: bool) -> None:
    space = _space("tuples")
    rules = [c.forbid({"hidden": [(100,)]})] if has_rules else []
    study = _study(storage, space, constraints=rules)
    study.enqueue_trial({"hidden": (50, 50)})
    study.enqueue_trial({"hidden": (30, 30, 30), "alpha": 0.5})
    asked: list[dict[str, Any]] = []

    def objective(trial: optuna.Trial) -> float:
        asked.append(ask_all(trial, space))
        return 0.0

    study.optimize(objective, n_trials=3)
    assert asked[0]["hidden"] == (50, 50)
    assert asked[1] == {"hidden": (30, 30, 30), "alpha": 0.5}
    study.enqueue_trial({"hidden": (100,)})
    if has_rules:
        with pytest.raises(QhpoError, match="forbid"):
            study.ask()


def test_running_trials_are_seen(storage: BaseStorage | None) -> None:
    space: Space = {n: CategoricalDistribution(CHOICES["tuples"]) for n in "ab"}
    study = _study(storage, space)
    trials = [study.ask() for _ in range(9)]
    assert len({str(ask_all(trial, space)) for trial in trials}) == 9


def test_what_cannot_be_read_is_told_once(
    storage: BaseStorage | None, caplog: pytest.LogCaptureFixture
) -> None:
    study = _study(storage, _space("tuples"))
    other = {**_space("tuples"), "hidden": CategoricalDistribution(["one", "two"])}
    for choice in ("one", "two", "one"):
        params = {"hidden": choice, "alpha": 0.5}
        study.add_trial(optuna.create_trial(params=params, distributions=other, value=1.0))
    for _ in range(3):
        study.ask()._suggest("alpha", other["alpha"])
    (message,) = messages(caplog)
    assert "'hidden'" in message
    assert "trial 0 has 'one'" in message
    assert "(50, 50)" in message


def test_an_axis_knows_a_choice_however_it_is_written() -> None:
    axis = Axis.from_distribution("hidden", CategoricalDistribution(CHOICES["mappings"]))
    for value in ({1: "a", "b": (2, 3)}, {"1": "a", "b": [2, 3]}):
        assert axis.coordinate(value) == 0.0
    assert not axis.contains({"1": "a"})
    assert not axis.contains([2, object()])
