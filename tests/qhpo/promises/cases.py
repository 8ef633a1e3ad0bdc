"""Spaces, rules and truths that the tests of QUBOSampler's promises share.

Every truth is plain Python, apart from the classes that it is checked against.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from qhpo import QUBOSampler
from qhpo import constraints as c
from qhpo.constraints import Constraint
from qhpo.constraints.structures import Permutation, Subset
from qhpo.suggest import Settings
from qhpo.surrogate.hyperparameters import ENSEMBLE

Space = dict[str, BaseDistribution]
Params = Mapping[str, Any]
Truth = Callable[[Params], bool]

LIGHT = Settings(priors=ENSEMBLE[:1], draws=1, reads=1, random_candidates=40, random_starts=2)
"""Enough to go through every part of a proposal, in less time."""


def make_study(
    space: Space | None, constraints: Sequence[Constraint] = (), **arguments: Any
) -> optuna.Study:
    direction = arguments.pop("direction", "minimize")
    arguments = {"seed": 0, "n_startup_trials": 4, "_settings": LIGHT, **arguments}
    sampler = QUBOSampler(space, constraints=constraints, **arguments)
    return optuna.create_study(sampler=sampler, direction=direction)


def ask_all(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    return {name: trial._suggest(name, dist) for name, dist in space.items()}


def score(params: Params) -> float:
    """A deterministic value with effects and interactions of all parameters."""
    total = 0.0
    numbers = [
        float(value) if isinstance(value, (int, float)) else float(len(str(value)))
        for _, value in sorted(params.items())
    ]
    for i, number in enumerate(numbers):
        total += math.sin(1.0 + i + number) + math.cos(number * numbers[i - 1] / (1.0 + i))
    return total


def objective_of(space: Space) -> Callable[[optuna.Trial], float]:
    return lambda trial: score(ask_all(trial, space))


def keys(study: optuna.Study) -> list[tuple[tuple[str, Any], ...]]:
    return [tuple(sorted(trial.params.items())) for trial in study.trials]


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name.startswith("qhpo")]


def is_narrowing(w1: int, w2: int) -> bool:
    return w2 <= w1


def narrows(params: Params) -> bool:
    return bool(params["w3"] <= params["w2"] <= params["w1"])


def _is_ring(x: float, y: float) -> bool:
    """Curved, so that the middle between two that it allows may not be allowed."""
    return 0.3 <= math.hypot(x - 0.5, y - 0.5) <= 0.5


def _is_ragged(x: float) -> bool:
    return math.sin(40.0 * x) > 0.0


def is_odd_sum(a: int, b: int, c: int) -> bool:
    return (a + b + c) % 2 == 1


def has_one_seven(params: Params) -> bool:
    return sum(value == 7 for value in params.values()) == 1


WIDTHS: Space = {f"w{i}": IntDistribution(1, 8) for i in (1, 2, 3)}
MIXED: Space = {
    "amsgrad": CategoricalDistribution([True, False]),
    "batch": IntDistribution(16, 512, log=True),
    "drop": FloatDistribution(0.0, 0.9, step=0.1),
    "optimizer": CategoricalDistribution(["sgd", "adam", "rmsprop"]),
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
}
SHARES: Space = {f"s{i}": FloatDistribution(0.0, 1.0) for i in range(3)}
FEATURES = Subset("f", list("abcdef"), k=3)
ORDER = Permutation("p", list("wxyz"))


def total(params: Params, names: str = "s0 s1 s2") -> float:
    return sum(params[name] for name in names.split())


CASES: dict[str, tuple[Space, list[Constraint], Truth]] = {
    "forbid": (
        MIXED,
        [
            c.forbid(optimizer="sgd", amsgrad=True),
            c.forbid({"optimizer": ["adam", "sgd"], "drop": 0.0}),
        ],
        lambda p: not (p["optimizer"] == "sgd" and p["amsgrad"])
        and not (p["optimizer"] in ("adam", "sgd") and p["drop"] == 0.0),
    ),
    "forbid three": (
        WIDTHS,
        [c.forbid({"w1": range(4, 9), "w2": range(1, 6), "w3": range(3, 9)})],
        lambda p: not (p["w1"] >= 4 and p["w2"] <= 5 and p["w3"] >= 3),
    ),
    "requires": (
        MIXED,
        [c.requires({"optimizer": ["adam", "rmsprop"]}, {"amsgrad": True, "drop": [0.0, 0.5]})],
        lambda p: p["optimizer"] == "sgd" or (p["amsgrad"] and p["drop"] in (0.0, 0.5)),
    ),
    "relation of two": (
        WIDTHS,
        [c.relation(("w1", "w2"), is_narrowing), c.relation(("w2", "w3"), is_narrowing)],
        narrows,
    ),
    "relation of three": (
        WIDTHS,
        [c.relation(("w1", "w2", "w3"), is_odd_sum)],
        lambda p: sum(p.values()) % 2 == 1,
    ),
    "relation of floats": (
        SHARES,
        [c.relation(("s0", "s1"), _is_ring), c.relation(("s2",), _is_ragged)],
        lambda p: _is_ring(p["s0"], p["s1"]) and _is_ragged(p["s2"]),
    ),
    "predicate": (WIDTHS, [c.predicate(has_one_seven)], has_one_seven),
    "exactly": (
        {name: CategoricalDistribution([False, True]) for name in "abcdefg"},
        [c.exactly(3, dict.fromkeys("abcdefg", True))],
        lambda p: sum(p.values()) == 3,
    ),
    "at most, at least": (
        WIDTHS,
        [
            c.at_most(1, dict.fromkeys(WIDTHS, (7, 8))),
            c.at_least(2, dict.fromkeys(WIDTHS, range(5, 9))),
        ],
        lambda p: sum(v >= 7 for v in p.values()) <= 1 and sum(v >= 5 for v in p.values()) >= 2,
    ),
    "all different": (
        WIDTHS,
        [c.all_different("w1", "w2", "w3")],
        lambda p: len(set(p.values())) == 3,
    ),
    "linear of integers": (
        WIDTHS,
        [c.linear({"w1": 3, "w2": -2, "w3": 1}, "==", 5), c.linear({"w1": 1, "w2": 1}, ">=", 4)],
        lambda p: 3 * p["w1"] - 2 * p["w2"] + p["w3"] == 5 and p["w1"] + p["w2"] >= 4,
    ),
    "linear of floats": (
        SHARES,
        [
            c.linear(dict.fromkeys(SHARES, 1.0), "<=", 1.0),
            c.linear({"s0": 1.0, "s1": -3.0}, ">=", 0.1),
        ],
        lambda p: total(p) <= 1.0 and p["s0"] - 3.0 * p["s1"] >= 0.1,
    ),
    "equality of floats": (
        SHARES,
        [c.linear(dict.fromkeys(SHARES, 1.0), "==", 1.0)],
        lambda p: abs(total(p) - 1.0) <= 1e-9,
    ),
    "quadratic": (
        WIDTHS,
        [c.quadratic({("w1", "w2"): 1, ("w2", "w3"): 1, ("w1", "w1"): 0.5, "w3": -1}, "<=", 20)],
        lambda p: p["w1"] * p["w2"] + p["w2"] * p["w3"] + p["w1"] ** 2 / 2 - p["w3"] <= 20,
    ),
    "subset": (FEATURES.search_space, FEATURES.constraints, lambda p: sum(p.values()) == 3),
    "permutation": (ORDER.search_space, ORDER.constraints, lambda p: len(set(p.values())) == 4),
    "mixed": (
        {**MIXED, **WIDTHS, **SHARES},
        [
            c.forbid(optimizer="sgd", amsgrad=True),
            c.requires({"optimizer": "adam"}, {"drop": [0.1, 0.2]}),
            c.relation(("w1", "w2"), is_narrowing),
            c.quadratic({("w1", "w2"): 1, ("w2", "w3"): 1}, "<=", 30),
            c.linear({"s0": 1.0, "s1": 1.0}, "<=", 0.75),
            c.linear({"batch": 0.01, "w3": 1.0}, "<=", 7.5),
        ],
        lambda p: not (p["optimizer"] == "sgd" and p["amsgrad"])
        and (p["optimizer"] != "adam" or round(p["drop"], 9) in (0.1, 0.2))
        and p["w2"] <= p["w1"]
        and p["w1"] * p["w2"] + p["w2"] * p["w3"] <= 30
        and p["s0"] + p["s1"] <= 0.75
        and 0.01 * p["batch"] + p["w3"] <= 7.5,
    ),
}  # fmt: skip


def count_feasible(space: Space, truth: Truth) -> float:
    """How many configurations are feasible, by brute force; infinity with floats."""
    return len(all_feasible(space, truth)) if not has_floats(space) else math.inf


def has_floats(space: Space) -> bool:
    return any(isinstance(d, FloatDistribution) and d.step is None for d in space.values())


def values_of(dist: BaseDistribution) -> list[Any]:
    if isinstance(dist, CategoricalDistribution):
        return list(dist.choices)
    if isinstance(dist, IntDistribution):
        return list(range(dist.low, dist.high + 1, dist.step))
    assert isinstance(dist, FloatDistribution) and dist.step is not None  # noqa: PT018
    n = round((dist.high - dist.low) / dist.step)
    return [dist.low + i * dist.step for i in range(n + 1)]


def all_feasible(space: Space, truth: Truth) -> list[dict[str, Any]]:
    every = itertools.product(*map(values_of, space.values()))
    return [p for p in (dict(zip(space, v, strict=True)) for v in every) if truth(p)]


Condition = Mapping[str, Mapping[str, Any]]


def ask_layers(trial: optuna.Trial) -> dict[str, Any]:
    """Of one to three layers each has a width, and the wide ones have a dropout."""
    params: dict[str, Any] = {"n": trial.suggest_int("n", 1, 3)}
    for i in range(params["n"]):
        width = params[f"width_{i}"] = trial.suggest_categorical(f"width_{i}", ["s", "l"])
        if width == "l" and i < 2:
            params[f"drop_{i}"] = trial.suggest_float(f"drop_{i}", 0.0, 0.5, step=0.5)
    return params


LAYERS: Space = {
    "n": IntDistribution(1, 3),
    **{f"width_{i}": CategoricalDistribution(["s", "l"]) for i in range(3)},
    **{f"drop_{i}": FloatDistribution(0.0, 0.5, step=0.5) for i in range(2)},
}
LAYER_CONDITIONS: Condition = {
    "width_1": {"n": [2, 3]},
    "width_2": {"n": 3},
    "drop_0": {"width_0": "l"},
    "drop_1": {"width_1": "l"},
}


def every_layers() -> set[tuple[tuple[str, Any], ...]]:
    """All configurations, by running through every answer."""
    found = set()
    for n in (1, 2, 3):
        for widths in itertools.product("sl", repeat=n):
            drops = [f"drop_{i}" for i in range(min(n, 2)) if widths[i] == "l"]
            for values in itertools.product((0.0, 0.5), repeat=len(drops)):
                params = {"n": n, **{f"width_{i}": w for i, w in enumerate(widths)}}
                found.add(
                    tuple(sorted({**params, **dict(zip(drops, values, strict=True))}.items()))
                )
    return found


def resumable(trial: optuna.Trial) -> float:
    params = ask_layers(trial)
    params["rate"] = trial.suggest_float("rate", 1e-3, 1.0, log=True)
    if trial.number % 7 == 3:
        raise optuna.TrialPruned
    return score(params)


RESUMABLE: Space = {**LAYERS, "rate": FloatDistribution(1e-3, 1.0, log=True)}
RESUMABLE_RULES = [
    c.forbid(width_0="s", width_1="l"),
    c.relation(("width_0", "width_1", "n"), lambda first, second, n: n < 3 or first == second),
    c.linear({"n": 1.0, "rate": 2.0}, "<=", 3.5),
]


def keeps_resumable_rules(params: Params) -> bool:
    """The same in plain Python; a rule about an inactive parameter says nothing."""
    first, second = params["width_0"], params.get("width_1")
    return (
        not (first == "s" and second == "l")
        and (params["n"] < 3 or first == second)
        and params["n"] + 2.0 * params["rate"] <= 3.5
    )


def resumable_sampler(kind: str) -> QUBOSampler:
    arguments: dict[str, Any] = {
        "constrained": {
            "search_space": RESUMABLE,
            "constraints": RESUMABLE_RULES,
            "conditions": LAYER_CONDITIONS,
        },
        "declared": {"search_space": RESUMABLE},
        "inferred": {},
    }[kind]
    return QUBOSampler(seed=5, n_startup_trials=4, _settings=LIGHT, **arguments)


KINDS = ("constrained", "declared", "inferred")


def storage_at(path: str) -> BaseStorage:
    if path.endswith(".journal"):
        return JournalStorage(JournalFileBackend(path))
    return RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 60}})
