"""What every problem of the package promises, whatever it tunes."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import entry_points
from statistics import median
from typing import Any, NamedTuple
from unittest import mock

import optuna
import pytest
import torch
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial
from torch import nn

from qhpo import QUBOSampler
from qhpo.errors import MissingExtraError, QhpoError
from qhpo.problem import OVER_BUDGET, Objective, Problem, load_problem
from qhpo_problems.training.fit import tuning
from qhpo_problems.training.fit.tuning import Task
from qhpo_problems.training.networks.stocks import Forecasters
from tests.qhpo_problems.training.trials import evaluate, shorten

POINTS = {
    point.name: point
    for point in entry_points(group="qhpo.problems")
    if point.value.startswith("qhpo_problems.")
}

DIRECTIONS = {"controller-cartpole": ("maximize", "minimize")}
TRAINED = sorted(POINTS.keys() - DIRECTIONS.keys())
"""Those whose networks torch trains."""


class Good(NamedTuple):
    """A configuration that learns within few epochs, and what it then reaches at least."""

    epochs: int
    error: float
    params: dict[str, Any]


TRAINING = {"optimizer": "adam", "learning_rate": 1e-2, "weight_decay": 1e-5, "batch_size": 32}
CNN = {
    "blocks": 2,
    "channels_1": 16,
    "channels_2": 24,
    "channels_3": 32,
    "pooling": "average",
    "batch_norm": True,
    "activation": "silu",
    "dropout": 0.25,
}
CHAOS = {
    "cell": "gru",
    "layers": 1,
    "units_1": 16,
    "target": "increment",
    "noise": 1e-3,
    "window": 40,
}
GOOD = {
    "cnn-digits": Good(3, 0.3, CNN | {"kernel_size": 3}),
    "cnn-physio": Good(
        3, 0.7, CNN | {"channels_4": 32, "kernel_size": 5, "readout": "max", "noise": 0.25}
    ),
    "rnn-vowels": Good(
        3,
        0.4,
        {
            "cell": "gru",
            "bidirectional": True,
            "pooling": "mean",
            "layer_norm": True,
            "dropout": 0.25,
            "layers": 1,
            "units_1": 24,
            "batch_size": 16,
        },
    ),
    "rnn-dynamics": Good(6, -0.4, CHAOS | {"batch_size": 16}),
    "rnn-mackey-glass": Good(6, -0.05, CHAOS | {"batch_size": 16}),
    "rnn-stocks": Good(
        2,
        5.0,
        {
            "cell": "rnn",
            "layers": 1,
            "units": 8,
            "pooling": "last",
            "dropout": 0.0,
            "window": 3,
            "inputs": "all",
            "anchor": "mean",
            "batch_size": 128,
        },
    ),
    "transformer-text": Good(
        3,
        0.75,
        {
            "layers": 1,
            "width": 48,
            "heads": 2,
            "head_width": 4,
            "feed_forward": 32,
            "positions": "none",
            "pooling": "mean",
            "attention": "quantum",
            "dropout": 0.25,
        },
    ),
    "vqc-hybrid": Good(
        6,
        0.6,
        {
            "qubits": 6,
            "depth": 1,
            "encoding": "dense",
            "entanglement": "ring",
            "readout": "z",
            "learning_rate": 2e-2,
        },
    ),
}

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


def of_every(
    *, sized: bool = False, declared: bool = False, trained: bool = False
) -> pytest.MarkDecorator:
    """All problems; or those with a declared size or space; or those that torch trains."""
    chosen = [
        name
        for name in sorted(POINTS)
        if (not sized or load_problem(name).size is not None)
        and (not declared or load_problem(name).search_space is not None)
        and (not trained or name in TRAINED)
    ]
    return pytest.mark.parametrize("name", chosen, scope="module")


@pytest.fixture(scope="module")
def problem(name: str) -> Problem:
    return load_problem(name)


def network_of(task: Task) -> nn.Module:
    """The network that a task trains, on a device that holds no numbers."""
    with torch.device("meta"):
        model = task.build()
    # Of several side by side, a trial says the size of one.
    return model.networks[0] if isinstance(model, Forecasters) else model


def size_of(task: Task) -> int:
    return sum(parameter.numel() for parameter in network_of(task).parameters())


@pytest.fixture(scope="module")
def untrained(problem: Problem) -> Objective:
    """Trials end where the training would begin; larger networks get better values."""

    def value(trial: optuna.Trial, task: Task, *args: Any, **kwargs: Any) -> float:
        assert size_of(task) == trial.user_attrs["parameters"]
        return -float(trial.user_attrs["parameters"])

    with mock.patch.object(tuning, "validation_error", value):
        return problem.make_objective(0)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of one epoch, or one generation of the largest population."""
    shorten(monkeypatch, 1)
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


@of_every(trained=True)
def test_the_size_of_every_network_is_what_torch_counts(
    problem: Problem, untrained: Objective
) -> None:
    study = random_study(problem)
    study.optimize(untrained, n_trials=40)  # which compares the sizes
    assert len({trial.value for trial in study.trials}) > 20
    if problem.size is not None:
        for trial in study.trials:
            assert problem.size.of(trial.params) == trial.user_attrs["parameters"]
            # Nothing else that a trial chooses has to do with it.
            sized = {name: trial.params[name] for name in problem.size.names}
            assert problem.size.of(sized) == trial.user_attrs["parameters"]


# Not those that pack sequences: this reads their lengths, and meta tensors hold no numbers.
@pytest.mark.parametrize("name", sorted({*TRAINED} - {"rnn-vowels", "rnn-stocks"}), scope="module")
def test_a_network_computes_on_the_device_of_its_inputs(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = torch.device("meta")

    def value(trial: optuna.Trial, task: Task, *args: Any, **kwargs: Any) -> float:
        part = task.split.train.to(device)
        outputs = network_of(task)(part.inputs)
        assert outputs.device == task.loss(outputs, part.targets).device == device
        return 0.0

    monkeypatch.setattr(tuning, "validation_error", value)
    random_study(problem).optimize(problem.make_objective(0), n_trials=20)


@of_every(sized=True)
def test_a_budget_travels_to_another_process(problem: Problem) -> None:
    assert problem.size is not None
    values = [
        getattr(distribution, "choices", [getattr(distribution, "low", None)])[0]
        for distribution in (problem.search_space or {}).values()
    ]
    params = dict(zip(problem.search_space or {}, values, strict=True))
    rule = problem.at_most(10**9)
    assert pickle.loads(pickle.dumps(rule)).satisfied(params) == rule.satisfied(params)


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


@of_every(trained=True)
def test_learns_and_says_how(name: str, problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    good = GOOD[name]
    shorten(monkeypatch, good.epochs)
    trial = evaluate(problem.objective(0), TRAINING | good.params)
    if problem.search_space is None:  # no units of a layer that it does not have
        assert trial.params == TRAINING | good.params
    assert trial.value is not None
    assert trial.value == min(trial.intermediate_values.values()) < good.error
    assert trial.user_attrs["test_error"] < good.error
    assert trial.user_attrs["epochs"] == len(trial.intermediate_values) == good.epochs
    assert trial.user_attrs["train_seconds"] > 0


@of_every(trained=True)
def test_a_missing_package_is_named(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = problem.packages[-1]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else 1)
    with pytest.raises(MissingExtraError, match=rf"package {missing}, .*qhpo\[{problem.extra}\]"):
        problem.objective(0)
