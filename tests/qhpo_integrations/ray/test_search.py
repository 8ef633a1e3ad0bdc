"""QUBOSearch, called as Ray calls it; test_cluster.py lets Ray do so."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

pytest.importorskip("ray", reason="ray is not installed: `make test-ray` brings it")

from ray import tune
from ray.tune.search import ConcurrencyLimiter, Repeater

from qhpo import QUBOSampler
from qhpo import constraints as c
from qhpo.errors import QhpoError
from qhpo_integrations.ray import QUBOSearch

SPACE = {
    "model": {"x": tune.randint(0, 6), "y": tune.randint(0, 6)},
    "optimizer": tune.choice(["sgd", "adam"]),
    "momentum": tune.quniform(0, 0.9, 0.3),
}
X = IntDistribution(0, 3)
RULE = c.linear({"model/x": 1, "model/y": 1}, "<=", 6)


def search(**arguments: Any) -> QUBOSearch:
    given: dict[str, Any] = {"space": SPACE, "metric": "loss", "mode": "min", "seed": 0}
    return QUBOSearch(**given | arguments)


def result(loss: Any, iteration: int) -> dict[str, Any]:
    return {"loss": loss, "training_iteration": iteration, "done": False}


def went_on(ray: QUBOSearch, trial: str, losses: list[float]) -> None:
    """Reports of a trial that is let go on after each."""
    for iteration, loss in enumerate(losses, 1):
        ray.on_trial_result(trial, result(loss, iteration))


def returned(ray: QUBOSearch, trial: str, losses: list[float]) -> None:
    """A trial whose function reports these and returns."""
    went_on(ray, trial, losses)
    ray.on_trial_complete(trial, result(losses[-1], len(losses)))


def stopped(ray: QUBOSearch, trial: str, losses: list[float]) -> None:
    """A trial that Ray ends with the last of these reports."""
    went_on(ray, trial, losses[:-1])
    ray.on_trial_complete(trial, result(losses[-1], len(losses)))


def last(ray: QUBOSearch) -> FrozenTrial:
    return max(ray.study.trials, key=lambda trial: trial.datetime_complete or trial.datetime_start)


def run(ray: QUBOSearch, n_trials: int) -> list[dict[str, Any]]:
    """Configurations of trials that run one after the other."""
    found = []
    for number in range(n_trials):
        found.append(ray.suggest(str(number)))
        model = found[-1]["model"]
        returned(ray, str(number), [(model["x"] - 3) ** 2 - model["y"]])
    return found


class TestSuggestions:
    def test_keep_constraints_and_conditions_and_do_not_repeat(self) -> None:
        ray = search(constraints=[RULE], conditions={"momentum": {"optimizer": "sgd"}})
        found = run(ray, 25)
        assert all(each["model"]["x"] + each["model"]["y"] <= 6 for each in found)
        assert all((each["momentum"] is None) == (each["optimizer"] == "adam") for each in found)
        assert len({str(each) for each in found}) == 25
        assert ray.study.best_trial.state == TrialState.COMPLETE

    def test_are_those_of_the_sampler(self) -> None:
        space = {"x": IntDistribution(0, 9), "y": IntDistribution(0, 9)}
        ray = QUBOSearch(space, "loss", "max", seed=3, n_startup_trials=2)
        study = optuna.create_study(
            direction="maximize", sampler=QUBOSampler(space, seed=3, n_startup_trials=2)
        )
        for number in range(5):
            trial = study.ask(fixed_distributions=space)
            assert ray.suggest(str(number)) == trial.params
            study.tell(trial, trial.params["x"])
            returned(ray, str(number), [trial.params["x"]])

    def test_begin_with_the_points(self) -> None:
        point = {"model": {"x": 1, "y": 4}, "optimizer": "adam"}
        ray = search(
            points_to_evaluate=[point, {"model/x": 0}],
            constraints=[RULE],
            conditions={"momentum": {"optimizer": "sgd"}},
        )
        assert ray.suggest("a") == {**point, "momentum": None}
        assert ray.suggest("b")["model"]["x"] == 0

    def test_come_from_a_function(self) -> None:
        def define(trial: optuna.Trial) -> dict[str, Any]:
            if trial.suggest_categorical("kind", ["a", "b"]) == "a":
                trial.suggest_int("model/x", X.low, X.high)
            return {"epochs": 3}

        ray = search(
            space=define,
            search_space={"kind": CategoricalDistribution(["a", "b"]), "model/x": X},
            conditions={"model/x": {"kind": "a"}},
            constraints=[c.requires({"kind": "a"}, {"model/x": [2]})],
            points_to_evaluate=[{"kind": "a"}, {"kind": "b"}],
        )
        assert ray.suggest("a") == {"kind": "a", "epochs": 3, "model": {"x": 2}}
        assert ray.suggest("b") == {"kind": "b", "epochs": 3}

    def test_of_a_function_that_raises_leave_no_trial_running(self) -> None:
        ray = search(space=lambda trial: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ray.suggest("a")
        assert [trial.state for trial in ray.study.trials] == [TrialState.FAIL]

    def test_pass_through_ray_s_wrappers(self) -> None:
        limited = ConcurrencyLimiter(search(), max_concurrent=1)
        assert limited.suggest("a") is not None
        assert limited.suggest("b") is None
        ray = search()
        repeated = Repeater(ray, repeat=2)
        for trial, loss in (("a", 1.0), ("b", 3.0)):
            repeated.suggest(trial)
            repeated.on_trial_complete(trial, result(loss, 1))
        assert [trial.value for trial in ray.study.trials] == [2.0]


class TestEnds:
    """What a trial is in the study."""

    @pytest.mark.filterwarnings("error::UserWarning")
    def test_a_function_that_returns_is_complete(self) -> None:
        ray = search()
        ray.suggest("long")
        returned(ray, "long", [3.0, 2.0, 1.0])
        ray.suggest("short")
        returned(ray, "short", [4.0])
        assert [trial.state for trial in ray.study.trials] == 2 * [TrialState.COMPLETE]
        assert ray.study.trials[0].intermediate_values == {1: 3.0, 2: 2.0, 3: 1.0}

    def test_a_trial_that_a_scheduler_has_stopped_is_pruned(self) -> None:
        ray = search()
        ray.suggest("good")
        ray.suggest("bad")
        went_on(ray, "good", [3.0, 2.0])
        stopped(ray, "bad", [9.0, 8.0])
        trial = last(ray)
        assert (trial.number, trial.state, trial.value) == (1, TrialState.PRUNED, 8.0)
        assert trial.intermediate_values == {1: 9.0, 2: 8.0}

    def test_a_trial_that_went_as_far_as_any_is_complete(self) -> None:
        # As ASHAScheduler(max_t=2) ends all that come so far.
        ray = search()
        for trial, loss in (("a", 2.0), ("b", 3.0)):
            ray.suggest(trial)
            stopped(ray, trial, [9.0, loss])
        assert [trial.state for trial in ray.study.trials] == 2 * [TrialState.COMPLETE]
        assert [trial.value for trial in ray.study.trials] == [2.0, 3.0]
        assert ray.study.trials[1].intermediate_values == {1: 9.0, 2: 3.0}

    def test_a_trial_that_waited_in_vain_is_pruned(self) -> None:
        ray = search()
        ray.suggest("a")
        went_on(ray, "a", [3.0, 2.0])
        ray.on_trial_complete("a")
        assert (last(ray).state, last(ray).value) == (TrialState.PRUNED, 2.0)

    @pytest.mark.filterwarnings("error::UserWarning")
    def test_a_trial_that_begins_anew_reports_what_is_new(self) -> None:
        ray = search()
        ray.suggest("good")
        went_on(ray, "good", [3.0, 2.0, 1.0])
        ray.suggest("a")
        went_on(ray, "a", [3.0, 2.0])
        stopped(ray, "a", [4.0, 2.5])
        assert last(ray).state == TrialState.PRUNED
        assert last(ray).intermediate_values == {1: 3.0, 2: 2.0}

    @pytest.mark.filterwarnings("ignore:The value")
    @pytest.mark.parametrize("metrics", [{"loss": math.nan}, {}])
    def test_a_trial_without_a_number_has_failed(self, metrics: dict[str, float]) -> None:
        ray = search()
        ray.suggest("a")
        ray.on_trial_complete("a", {"training_iteration": 1, **metrics})
        assert last(ray).state == TrialState.FAIL

    def test_a_trial_that_raises_has_failed_and_is_learnt_from(self) -> None:
        ray = search()
        ray.suggest("a")
        ray.on_trial_complete("a", error=True)
        assert last(ray).state == TrialState.FAIL
        assert last(ray).system_attrs["qhpo:failed"]

    def test_what_is_not_of_this_search_is_left_alone(self) -> None:
        ray = search()
        ray.on_trial_result("other", result(1.0, 1))
        ray.on_trial_complete("other", result(1.0, 1))
        assert ray.study.trials == []

    def test_several_metrics_are_objectives(self) -> None:
        ray = search(metric=["loss", "size"], mode=["min", "max"])
        ray.suggest("a")
        report = result(1.0, 1) | {"size": 7}
        ray.on_trial_result("a", report)
        ray.on_trial_complete("a", report)
        assert [direction.name for direction in ray.study.directions] == ["MINIMIZE", "MAXIMIZE"]
        assert last(ray).values == [1.0, 7.0]


class TestCheckpoints:
    def test_a_restored_search_goes_on_as_if_nothing_had_happened(self, tmp_path: Path) -> None:
        path = str(tmp_path / "search.pkl")
        ray = search(constraints=[c.predicate(lambda params: params["optimizer"] != "adam")])
        run(ray, 12)
        ray.suggest("running")
        went_on(ray, "running", [3.0, 2.0])
        ray.save(path)
        other = QUBOSearch()
        other.restore(path)
        for each in (ray, other):
            each.suggest("bad")
            stopped(each, "bad", [9.0, 8.0])
            returned(each, "running", [1.0])
        ours, theirs = ([t.params for t in each.study.trials] for each in (ray, other))
        assert ours == theirs
        assert [trial.state.name for trial in other.study.trials[-2:]] == ["COMPLETE", "PRUNED"]
        assert ray.suggest("next") == other.suggest("next")

    def test_what_a_storage_knows_beyond_a_checkpoint_is_done_again(self, tmp_path: Path) -> None:
        path, storage = str(tmp_path / "search.pkl"), f"sqlite:///{tmp_path / 'study.db'}"
        ray = search(storage=storage, study_name="shared")
        ray.suggest("a")
        ray.suggest("b")
        ray.save(path)
        returned(ray, "a", [1.0])
        lost = ray.suggest("lost")
        # Another search works on the same study.
        search(storage=storage, study_name="shared", seed=1).suggest("other")
        other = QUBOSearch()
        other.restore(path)
        states = [trial.state.name for trial in other.study.trials]
        assert states == ["COMPLETE", "RUNNING", "FAIL", "RUNNING"]
        returned(other, "a", [7.0])  # Ray runs it again
        assert other.study.trials[0].value == 1.0
        assert other.suggest("again") == lost

    def test_a_search_that_was_told_nothing_is_restored(self, tmp_path: Path) -> None:
        path = str(tmp_path / "search.pkl")
        search().save(path)
        other = QUBOSearch()
        other.restore(path)
        assert other.suggest("a") == search().suggest("a")


class TestProperties:
    def test_space_and_metric_may_come_from_ray(self) -> None:
        ray = QUBOSearch(seed=0, constraints=[RULE])
        config = {**SPACE, "epochs": 3}
        assert ray.set_search_properties("loss", "min", config, stop=None) is True
        assert ray.suggest("a") == search(constraints=[RULE]).suggest("a")
        assert ray.metric == "loss"

    def test_a_space_that_is_known_is_not_replaced(self) -> None:
        ray = search(mode=None)
        assert ray.set_search_properties(None, "max", {"a": tune.uniform(0, 1)}) is False
        assert "optimizer" in ray.suggest("a")
        assert ray.study.direction.name == "MAXIMIZE"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"mode": "minimize"}, "'min' or 'max', or a list of them; got 'minimize'"),
            ({"metric": ["a", "b"]}, r"each metric must have a mode.*\['a', 'b'\] and 'min'"),
            ({"constraints": [c.forbid(nothing=1)]}, "nothing"),
            ({"conditions": {"nothing": {"optimizer": "sgd"}}}, "nothing"),
            ({"points_to_evaluate": [{"nothing": 1}]}, "'nothing'"),
        ],
    )
    def test_what_is_wrong_is_said_at_once(self, arguments: dict[str, Any], message: str) -> None:
        with pytest.raises(QhpoError, match=message):
            search(**arguments)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"space": None}, "must know what is searched"),
            ({"mode": None}, "must know a metric and its mode; got metric='loss' and mode=None"),
        ],
    )
    def test_what_is_missing_is_said_at_last(self, arguments: Any, message: str) -> None:
        with pytest.raises(QhpoError, match=message):
            search(**arguments).suggest("a")

    def test_constants_alone_are_nothing_to_search(self) -> None:
        with pytest.raises(QhpoError, match="must have something to search"):
            QUBOSearch().set_search_properties("loss", "min", {"epochs": 3})

    def test_one_metric_may_be_in_a_list(self) -> None:
        ray = search(metric=["loss"], mode=["min"])
        ray.suggest("a")
        returned(ray, "a", [2.0, 1.0])
        assert last(ray).intermediate_values == {1: 2.0, 2: 1.0}

    def test_a_number_may_be_reported_without_a_name(self) -> None:
        ray = search(metric=None)
        ray.suggest("a")
        ray.on_trial_complete("a", {"_metric": 2.0, "training_iteration": 1})
        assert last(ray).value == 2.0


def test_without_ray_the_extra_is_named() -> None:
    code = "import sys; sys.modules['ray'] = None; import qhpo_integrations.ray"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'run: pip install "qhpo[ray]"' in run.stderr.splitlines()[-1]
