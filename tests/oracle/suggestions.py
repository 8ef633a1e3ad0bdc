"""What the sampler suggests in studies of every kind, to compare before and after a change.

    python tests/oracle/suggestions.py write FILE [TRIALS]
    python tests/oracle/suggestions.py check FILE [TRIALS]

``write`` runs the studies and stores what was suggested, ``check`` runs them again and says where a
suggestion differs, to the last digit. It stands for the time of a redesign that must not change
any suggestion; numbers of another machine or other versions of packages differ by rounding.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo import Permutation, QUBOSampler, Subset, constraints

N_TRIALS = int(sys.argv[3]) if len(sys.argv) > 3 else 20
STARTUP = 6

Objective = Callable[[optuna.Trial], Any]

MIXED = {
    "activation": CategoricalDistribution(["relu", "tanh", "gelu"]),
    "batch": CategoricalDistribution([16, 32, 64, 128]),
    "depth": IntDistribution(1, 6),
    "dropout": FloatDistribution(0.0, 0.6, step=0.1),
    "lr": FloatDistribution(1e-4, 1e-1, log=True),
    "momentum": FloatDistribution(0.0, 0.99),
}


def _mixed_value(p: dict[str, Any]) -> float:
    value = (math.log10(p["lr"]) + 2.4) ** 2 + 0.3 * abs(p["depth"] - 3) + (p["dropout"] - 0.2) ** 2
    value += {"relu": 0.0, "tanh": 0.4, "gelu": 0.1}[p["activation"]]
    value += 0.2 * abs(math.log2(p["batch"]) - 5) * (1.0 + p["momentum"])
    return value + 0.1 * math.sin(9.0 * p["momentum"] + p["depth"])


def _of(space: dict[str, Any]) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        return _mixed_value({n: trial._suggest(n, d) for n, d in space.items()})

    return objective


def inferred() -> tuple[QUBOSampler, Objective]:
    return QUBOSampler(seed=1, n_startup_trials=STARTUP), _of(MIXED)


def declared() -> tuple[QUBOSampler, Objective]:
    sampler = QUBOSampler(MIXED, seed=2, n_startup_trials=STARTUP, encoding="domain-wall")
    return sampler, _of(MIXED)


def constrained() -> tuple[QUBOSampler, Objective]:
    rules = [
        constraints.forbid({"activation": "tanh", "batch": 128}),
        constraints.requires({"activation": "gelu"}, {"depth": [2, 3, 4]}),
        constraints.linear({"dropout": 1.0, "momentum": 1.0}, "<=", 1.0),
        constraints.predicate(lambda p: p["depth"] * p["batch"] <= 256),
        constraints.relation(["depth", "batch"], lambda a, b: a * b != 3 * 64),
    ]
    return QUBOSampler(MIXED, constraints=rules, seed=3, n_startup_trials=STARTUP), _of(MIXED)


def cardinality() -> tuple[QUBOSampler, Objective]:
    names = [f"x{i:02d}" for i in range(18)]
    space = {name: CategoricalDistribution([False, True]) for name in names}

    def objective(trial: optuna.Trial) -> float:
        on = [i for i, n in enumerate(names) if trial.suggest_categorical(n, [False, True])]
        return sum(math.cos(3.0 * i) for i in on) + sum(
            0.2 * math.sin(i * j) for i in on for j in on if i < j
        )

    rule = constraints.exactly(4, dict.fromkeys(names, True))
    return QUBOSampler(space, constraints=[rule], seed=4, n_startup_trials=STARTUP), objective


def knapsack() -> tuple[QUBOSampler, Objective]:
    names = [f"x{i:02d}" for i in range(20)]
    space = {name: IntDistribution(0, 1) for name in names}

    def objective(trial: optuna.Trial) -> float:
        on = [i for i, n in enumerate(names) if trial.suggest_int(n, 0, 1)]
        return -sum(1.0 + math.sin(7.0 * i) for i in on)

    weights = {n: 1.0 + 0.37 * ((i * 7) % 11) for i, n in enumerate(names)}
    rule = constraints.linear(weights, "<=", 22.5)
    return QUBOSampler(space, constraints=[rule], seed=5, n_startup_trials=STARTUP), objective


def structures() -> tuple[QUBOSampler, Objective]:
    order = Permutation("order", ["a", "b", "c", "d", "e"])
    chosen = Subset("kept", list("pqrstu"), k=3)
    space = {**order.search_space, **chosen.search_space}
    rules = [*order.constraints, *chosen.constraints]

    def objective(trial: optuna.Trial) -> float:
        places = order.suggest(trial)
        kept = chosen.suggest(trial)
        return sum(i * math.sin(ord(c)) for i, c in enumerate(places)) + sum(
            math.cos(ord(c)) for c in kept
        )

    sampler = QUBOSampler(
        space, constraints=rules, seed=6, n_startup_trials=STARTUP, solver="potts"
    )
    return sampler, objective


def _layers(trial: optuna.Trial) -> float:
    n = trial.suggest_int("n_layers", 1, 3)
    value = abs(n - 2) * 0.5
    for i in range(n):
        units = trial.suggest_int(f"units_{i}", 8, 64, step=8)
        rate = trial.suggest_float(f"rate_{i}", 0.0, 0.5)
        value += abs(units - 24 - 8 * i) / 64 + (rate - 0.1 * i) ** 2
    if trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd":
        value += abs(trial.suggest_float("momentum", 0.0, 1.0) - 0.9)
    return value


def conditional() -> tuple[QUBOSampler, Objective]:
    space = {
        "n_layers": IntDistribution(1, 3),
        "optimizer": CategoricalDistribution(["sgd", "adam"]),
        "momentum": FloatDistribution(0.0, 1.0),
        **{f"units_{i}": IntDistribution(8, 64, step=8) for i in range(3)},
        **{f"rate_{i}": FloatDistribution(0.0, 0.5) for i in range(3)},
    }
    conditions: dict[str, dict[str, Any]] = {"momentum": {"optimizer": "sgd"}}
    for i in (1, 2):
        for name in ("units", "rate"):
            conditions[f"{name}_{i}"] = {"n_layers": [n for n in (1, 2, 3) if n > i]}
    rules = [constraints.relation(["units_0", "units_1"], lambda a, b: b <= a + 16)]
    sampler = QUBOSampler(
        space, constraints=rules, conditions=conditions, seed=7, n_startup_trials=STARTUP
    )
    return sampler, _layers


def learnt() -> tuple[QUBOSampler, Objective]:
    return QUBOSampler(seed=8, n_startup_trials=STARTUP), _layers


def small() -> tuple[QUBOSampler, Objective]:
    def objective(trial: optuna.Trial) -> float:
        a, b = trial.suggest_int("a", 0, 3), trial.suggest_categorical("b", "xyz")
        return a * {"x": 1.0, "y": -1.0, "z": 0.1}[b]

    return QUBOSampler(seed=9, n_startup_trials=4), objective


def wide() -> tuple[QUBOSampler, Objective]:
    def objective(trial: optuna.Trial) -> float:
        on = [trial.suggest_int(f"x{i:02d}", 0, 2) for i in range(18)]
        return sum(math.sin(5.0 * i) * v for i, v in enumerate(on)) + 0.1 * on[0] * on[5]

    return QUBOSampler(seed=10, n_startup_trials=STARTUP), objective


def two_objectives() -> tuple[QUBOSampler, Objective]:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        p = {n: trial._suggest(n, d) for n, d in MIXED.items()}
        return _mixed_value(p), p["depth"] * math.log(p["batch"])

    return QUBOSampler(seed=11, n_startup_trials=STARTUP), objective


STUDIES = [
    inferred,
    declared,
    constrained,
    cardinality,
    knapsack,
    structures,
    conditional,
    learnt,
    small,
    wide,
    two_objectives,
]


def _params(trial: optuna.trial.FrozenTrial) -> dict[str, str]:
    return {name: repr(value) for name, value in sorted(trial.params.items())}


def suggestions() -> Iterator[tuple[str, list[dict[str, str]], float]]:
    """Name of every study, what it suggested trial by trial, and its CPU seconds."""
    for make in STUDIES:
        begin = time.process_time()
        sampler, objective = make()
        directions = ["minimize"] * (2 if make is two_objectives else 1)
        study = optuna.create_study(directions=directions, sampler=sampler)
        study.optimize(objective, n_trials=N_TRIALS)
        yield make.__name__, [_params(t) for t in study.trials], time.process_time() - begin
    begin = time.process_time()
    study = optuna.create_study(sampler=declared()[0])
    study.enqueue_trial({"depth": 2, "lr": 0.003})
    for _ in range(N_TRIALS // 4):
        # Four at a time: each sees the others as running.
        trials = [study.ask() for _ in range(4)]
        values = [_of(MIXED)(trial) for trial in trials]
        for trial, value in zip(trials, values, strict=True):
            study.tell(trial, value)
    yield "parallel", [_params(t) for t in study.trials], time.process_time() - begin


def main() -> int:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    command, path = sys.argv[1], Path(sys.argv[2])
    stored = json.loads(path.read_text()) if command == "check" else {}
    found, differ = {}, 0
    for name, params, seconds in suggestions():
        found[name] = params
        same = stored.get(name) == params
        differ += not same
        at = next(
            (
                i
                for i, (a, b) in enumerate(zip(stored.get(name, []), params, strict=False))
                if a != b
            ),
            None,
        )
        word = "" if command == "write" else "same" if same else f"DIFFERS from trial {at}"
        print(f"{name:16s} {seconds:6.2f} s  {word}", flush=True)
    if command == "write":
        path.write_text(json.dumps(found, indent=1) + "\n")
        return 0
    return differ


if __name__ == "__main__":
    sys.exit(main())
