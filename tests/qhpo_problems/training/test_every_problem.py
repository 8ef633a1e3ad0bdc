"""What every problem of the package promises, whatever it tunes."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import entry_points
from statistics import median
from typing import Any
from unittest import mock

import optuna
import pytest
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial

from qhpo import QUBOSampler
from qhpo.errors import QhpoError
from qhpo.problem import OVER_BUDGET, Objective, Problem, load_problem
from tests.qhpo_problems.training.trials import evaluate

POINTS = {
    point.name: point
    for point in entry_points(group="qhpo.problems")
    if point.value.startswith("qhpo_problems.")
}

DIRECTIONS = {"controller-cartpole": ("maximize", "minimize")}

# Prints what each problem makes Python load when it is listed, and made if it needs no package.
LIST_ALL = """
import json, sys
from qhpo.problem import load_problem
loaded = {}
for name in sys.argv[1:]:
    before = set(sys.modules)
    problem = load_problem(name)
    if problem.size is not None:
        problem.at_most(10**9)
    if not problem.packages:
        problem.objective(0)
    loaded[name] = sorted(set(sys.modules) - before)
print(json.dumps(loaded))
"""


def of_every(*, sized: bool = False, declared: bool = False) -> pytest.MarkDecorator:
    """All problems, or those that say how large a model is or what every trial asks for."""
    chosen = [
        name
        for name in sorted(POINTS)
        if (not sized or load_problem(name).size is not None)
        and (not declared or load_problem(name).search_space is not None)
    ]
    return pytest.mark.parametrize("name", chosen, scope="module")


@pytest.fixture(scope="module")
def problem(name: str) -> Problem:
    return load_problem(name)


@pytest.fixture(scope="module")
def untrained(problem: Problem) -> Objective:
    """Trials end where the training would begin; larger networks get better values."""
    instead = mock.patch(
        "qhpo_problems.training.tuning.validation_error",
        lambda trial, *args, **kwargs: -trial.user_attrs["parameters"],
    )
    # Some import it when they make the objective, others find it when it is called.
    made: Objective = instead(instead(problem.make_objective)(0))
    return made


@pytest.fixture
def short(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of one epoch, or one generation of the largest population."""
    module = importlib.import_module(POINTS[name].module)
    if hasattr(module, "EPOCHS"):
        monkeypatch.setattr(module, "EPOCHS", 1)
    else:
        monkeypatch.setattr("qhpo_problems.training.cartpole.training.BUDGET", 2048)


def random_study(problem: Problem) -> optuna.Study:
    return optuna.create_study(directions=problem.directions, sampler=RandomSampler(seed=0))


def outcome(trial: FrozenTrial) -> tuple[Any, ...]:
    """All that a trial says but how long it took."""
    told = {key: said for key, said in trial.user_attrs.items() if key != "train_seconds"}
    return trial.params, trial.values, trial.intermediate_values, told


def test_there_are_problems() -> None:
    assert len(POINTS) >= 9


@of_every()
def test_entry_point_gives_the_problem_of_its_name(name: str, problem: Problem) -> None:
    assert problem is POINTS[name].load()
    assert problem.name == name
    assert problem.directions == DIRECTIONS.get(name, ("minimize",))
    assert problem.missing_packages() == ()


def test_listing_problems_imports_nothing_heavy() -> None:
    command = [sys.executable, "-c", LIST_ALL, *sorted(POINTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    heavy = {"pandas", "pennylane", *(p for name in POINTS for p in load_problem(name).packages)}
    assert heavy >= {"torch", "sklearn"}
    loaded = {name: heavy & set(modules) for name, modules in json.loads(done.stdout).items()}
    assert loaded == {name: set() for name in POINTS}


@of_every(declared=True)
def test_a_trial_asks_for_exactly_what_is_declared(problem: Problem, untrained: Objective) -> None:
    assert problem.search_space is not None
    study = random_study(problem)
    study.optimize(untrained, n_trials=1)
    trial = study.trials[0]
    assert trial.distributions == problem.search_space
    assert list(trial.params) == list(problem.search_space)


@of_every(sized=True)
@pytest.mark.parametrize("kind", ["qubo", "random"])
def test_no_network_over_the_budget_is_trained(
    kind: str, problem: Problem, untrained: Objective
) -> None:
    some = random_study(problem)
    some.optimize(untrained, n_trials=15)
    budget = int(median(trial.user_attrs["parameters"] for trial in some.trials))
    sampler: BaseSampler = RandomSampler(seed=0)
    if kind == "qubo":
        sampler = QUBOSampler(problem.search_space, constraints=[problem.at_most(budget)], seed=0)
    study = optuna.create_study(sampler=sampler)
    quick = replace(problem, make_objective=lambda seed: untrained)
    study.optimize(quick.objective(0, budget), n_trials=13)

    sizes = [trial.user_attrs["parameters"] for trial in study.trials if trial.value is not None]
    over = [trial.user_attrs[OVER_BUDGET] for trial in study.trials if trial.value is None]
    assert len(sizes) + len(over) == 13
    assert budget / 2 < max(sizes) <= budget
    assert bool(over) == (kind == "random")
    assert min(over, default=budget + 1) > budget


@of_every()
def test_a_trial_depends_on_configuration_and_seed_alone(problem: Problem, short: None) -> None:
    objective = problem.objective(0)
    study = random_study(problem)
    study.optimize(objective, n_trials=2)
    study.enqueue_trial(study.trials[0].params)
    study.optimize(objective, n_trials=1)
    first, other, again = study.trials
    elsewhere = evaluate(problem.objective(1), first.params, problem.directions)
    assert len(first.values) == len(problem.directions)
    assert outcome(again) == outcome(first)
    assert outcome(elsewhere)[1:] != outcome(first)[1:]
    assert outcome(other)[1:3] != outcome(first)[1:3]


@of_every()
@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_out_of_range(problem: Problem, seed: int) -> None:
    with pytest.raises(QhpoError, match=f"seed must be .*got {seed}"):
        problem.objective(seed)
