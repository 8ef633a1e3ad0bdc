"""Searches over pipelines are compared on equal terms, and told what they can be told."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from optuna.distributions import IntDistribution
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import ParameterSampler
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from qhpo.errors import MissingExtraError
from qhpo_problems.benchmarks import Record, Suite, run_suite
from qhpo_problems.benchmarks.sampling.searchcv import suite as searchcv
from qhpo_problems.benchmarks.sampling.searchcv.pipelines import (
    PIPELINES,
    WARM_UP,
    alternatives,
)
from qhpo_problems.benchmarks.sampling.searchcv.rivals import RIVALS, LenientPipeline, rungs
from qhpo_problems.benchmarks.sampling.searchcv.running import run_search
from qhpo_problems.benchmarks.suite import Task

SUITE = searchcv.SUITE

FITTED: list[NDArray[np.float64]] = []
"""Features of the fits of `Recording`, in order."""


class Recording(KNeighborsClassifier):
    def fit(self, X: NDArray[np.float64], y: NDArray[np.intp]) -> Recording:
        FITTED.append(X)
        return super().fit(X, y)


@pytest.fixture
def fitted() -> Iterator[list[NDArray[np.float64]]]:
    FITTED.clear()
    yield FITTED
    FITTED.clear()


RECORDED = replace(WARM_UP, estimator=Recording)


def _reduction() -> Pipeline:
    return Pipeline([("select", SelectKBest()), ("reduce", PCA()), ("model", SVC())])


RULE = replace(
    PIPELINES["reduction"],
    data=lambda: load_wine(return_X_y=True),
    train=90,
    estimator=_reduction,
    space=lambda: {
        "select__k": IntDistribution(1, 13),
        "reduce__n_components": IntDistribution(1, 13),
    },
)
"""That of the suite, on few examples and with nothing but the rule."""


@pytest.mark.parametrize("name", RIVALS)
def test_every_search_costs_the_same_and_sees_the_same_part(
    name: str, fitted: list[NDArray[np.float64]]
) -> None:
    run_search(RIVALS[name], RECORDED, 6, seed=1)
    *fits, last = fitted
    # Six candidates on two thirds of 90 examples, three times; or as many examples in two rungs.
    assert sum(map(len, fits)) == 6 * 3 * 60
    assert len(last) == 90
    seen = {tuple(row) for row in last}
    assert all(tuple(row) in seen for X in fits for row in X)


def test_halving_ends_with_all_examples(fitted: list[NDArray[np.float64]]) -> None:
    run_search(RIVALS["halving"], RECORDED, 6, seed=0)
    assert [len(X) for X in fitted] == [20] * 9 * 3 + [60] * 3 * 3 + [90]


def test_rungs_cost_what_other_searches_cost() -> None:
    assert rungs(40) == (60, 20)
    for candidates in range(2, 50, 2):
        first, second = rungs(candidates)
        assert candidates <= first / 3 + second < candidates + 1


@pytest.mark.parametrize("name", RIVALS)
def test_a_seed_gives_the_same_scores_again_and_another_one_another_part(name: str) -> None:
    def scores(seed: int) -> tuple[float, float]:
        row = run_search(RIVALS[name], WARM_UP, 11, seed)
        assert row["failed"] == 0
        assert row["CPU s"] > 0
        return row["test"], row["validation"]

    one = scores(1)
    assert scores(1) == one
    assert scores(2) != one
    assert all(0.5 < score < 1 for score in one)


@pytest.mark.parametrize("name", RIVALS)
def test_only_qubo_knows_the_rule(name: str) -> None:
    failed = run_search(RIVALS[name], RULE, 10, seed=0)["failed"]
    assert (failed == 0) if name == "qubo" else (10 < failed < 90)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_list_of_spaces_draws_what_exists_and_nothing_else(name: str) -> None:
    tuned = PIPELINES[name]
    space, estimator = tuned.space(), tuned.estimator()
    drawn: set[str] = set()
    for params in ParameterSampler(alternatives(tuned), 60, random_state=0):
        clone(estimator).set_params(**params)  # which refuses a parameter that a step lacks
        drawn |= params.keys()
        for parameter, given in space.items():
            parents = tuned.conditions.get(parameter, {})
            exists = all(type(params[p]).__name__ in names for p, names in parents.items())
            assert (parameter in params) == exists
            if exists and not isinstance(given, list):
                assert given._contains(given.to_internal_repr(params[parameter]))
    assert drawn == set(space)
    # Every combination of steps once, so that each is as likely as in a search that draws steps.
    assert len(alternatives(tuned)) == (12 if name == "steps" else 1)


def test_ends_of_ranges_are_drawn() -> None:
    tuned = replace(WARM_UP, space=lambda: {"n_neighbors": IntDistribution(2, 4)})
    draws = ParameterSampler(alternatives(tuned), 60, random_state=0)
    assert {params["n_neighbors"] for params in draws} == {2, 3, 4}


def test_a_lenient_pipeline_takes_steps_by_name_and_leaves_out_what_they_lack() -> None:
    steps = {"scale": {"StandardScaler": StandardScaler(), "MinMaxScaler": MinMaxScaler()}}
    pipeline = clone(LenientPipeline([("scale", StandardScaler()), ("model", SVC())], steps))
    pipeline.set_params(scale="MinMaxScaler", scale__with_std=False, scale__clip=True, model__C=3.0)
    assert repr(pipeline["scale"]) == "MinMaxScaler(clip=True)"
    assert pipeline["model"].C == 3.0
    pipeline.set_params(scale="StandardScaler", scale__with_std=False, scale__clip=True)
    assert repr(pipeline["scale"]) == "StandardScaler(with_std=False)"
    # The choices themselves stay as they were declared.
    assert repr(pipeline.choices) == repr(steps)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("name", ["steps", "reduction"])
def test_optuna_is_given_every_parameter_of_every_step(name: str) -> None:
    search = RIVALS["optuna"].make(PIPELINES[name], 1, {"cv": 3, "random_state": 0})
    assert set(search.param_distributions) == set(PIPELINES[name].space())
    choices = search.param_distributions["scale"].choices
    assert {type(scaler).__name__ for scaler in PIPELINES[name].space()["scale"]} == set(choices)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_part_for_searches_can_be_cut_in_three_and_leaves_a_part_for_the_test(name: str) -> None:
    tuned = PIPELINES[name]
    features, targets = tuned.data()
    assert features.shape[0] == len(targets)
    assert np.isfinite(features).all()
    assert tuned.train % 3 == 0
    assert len(targets) - tuned.train > 100


def test_leaves_are_those_of_the_data_set() -> None:
    features, species = PIPELINES["reduction"].data()
    assert features.shape == (442, 427)
    assert sorted(np.unique(species, return_counts=True)[1]) == [38, 66, 75, 82, 84, 97]


def test_a_search_has_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # What this process measures here it cannot have measured itself.
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=-1.0))
    (row,) = SUITE.measure(Task("random", RIVALS["random"], "boosting", 0, 2))
    assert set(row) == {"test", "validation", "CPU s", "MB", "failed"}
    assert row["MB"] is not None
    assert row["MB"] > 0


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda package: monkeypatch.setitem(sys.modules, package, None)


@pytest.mark.parametrize(
    ("package", "method", "table", "message"),
    [
        ("optuna_integration", "optuna", "boosting", r'OptunaSearchCV needs .*"qhpo\[bench\]"'),
        ("sktime", "random", "reduction", r'the pipeline reduction needs .*"qhpo\[data\]"'),
    ],
)
def test_a_missing_package_is_told_before_the_first_run(
    lacking: Callable[[str], None],
    made: list[Any],
    tmp_path: Path,
    package: str,
    method: str,
    table: str,
    message: str,
) -> None:
    lacking(package)
    with pytest.raises(MissingExtraError, match=message):
        run_suite(SUITE, [method], [table], seeds=[0], cache=tmp_path)
    assert made == []


def test_the_report_has_paired_differences(
    sheets: Callable[[Suite, list[Record]], dict[str, dict[str, dict[str, Any]]]],
) -> None:
    def record(method: str, seed: int, test: float) -> Record:
        row = {"test": test, "validation": test + 0.1, "CPU s": 2.0, "MB": 200.0, "failed": 2.5}
        return Record(method, "boosting", seed, {"optuna": "1.0"}, "f00d", (row,))

    records = [
        *(record("qubo", 0, 0.2), record("qubo", 1, 0.4)),
        *(record("random", 0, 0.1), record("random", 1, 0.3)),
    ]
    test, validation, cost = sheets(SUITE, records).values()
    assert test["random"] == pytest.approx(
        {"test": 0.2, "test ±": 0.1, "ahead": -0.1, "ahead ±": 0.0}
    )
    assert validation["random"]["validation"] == pytest.approx(0.3)
    assert cost["qubo"] == pytest.approx({"CPU s": 2, "CPU s ±": 0, "MB": 200, "failed": 2.5})


def test_as_many_candidates_as_are_asked_for(made: list[Any], tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []

    def measure(task: Task) -> list[dict[str, float]]:
        told.append((task.table, task.trials))
        return [{"test": 0.0}]

    suite = replace(SUITE, measure=measure)
    for trials in (None, 7, None):
        run_suite(suite, ["random"], ["steps"], seeds=[0], trials=trials, cache=tmp_path)
    # A run with another number of candidates is another run.
    assert told == [("steps", 40), ("steps", 7)]
