"""Conditions with limits of a number: declared, checked, and kept by every suggestion."""

from __future__ import annotations

import math
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.distributions import IntDistribution as Int

from qhpo import Between, QhpoError, QUBOSampler
from qhpo import constraints as c
from qhpo.problem import suggest
from qhpo.space import declared_conditions

SPACE: dict[str, BaseDistribution] = {
    "x": FloatDistribution(0.0, 1.0),
    "y": FloatDistribution(0.0, 1.0),
    "z": FloatDistribution(0.0, 1.0),
    "n": Int(0, 5000),
    "stepped": FloatDistribution(0.0, 1.0, step=0.25),
    "kind": CategoricalDistribution([1, 2]),
}


def test_both_ends_are_inside() -> None:
    (condition,) = declared_conditions({"z": {"x": Between(0.25, 0.5)}}, SPACE)

    assert [condition.is_active({"x": x}) for x in (0.2, 0.25, 0.4, 0.5, 0.6)] == [
        *(False, True, True, True, False)
    ]
    assert not condition.is_active({})


@pytest.mark.parametrize(
    ("low", "high"), [(2, 1), (math.nan, 1), ("a", 1), (None, 1), (True, 1), (0, [1])]
)
def test_what_limits_cannot_be(low: Any, high: Any) -> None:
    with pytest.raises(QhpoError, match="two numbers, the smaller one first"):
        Between(low, high)


@pytest.mark.parametrize(
    ("parent", "limits", "told"),
    [
        ("kind", Between(1, 2), "list the enabling choices"),
        ("x", Between(low=1.5), "choose limits inside of its range"),
        ("n", Between(2.2, 2.8), "must hold for some value"),
        ("stepped", Between(0.3, 0.4), "must hold for some value"),
    ],
)
def test_limits_must_fit_the_parent(parent: str, limits: Between, told: str) -> None:
    with pytest.raises(QhpoError, match=told):
        declared_conditions({"z": {parent: limits}}, SPACE)


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [c.linear({"x": 1, "y": 1}, "<=", 1.0)],
        [c.linear({"x": 1, "y": 1, "z": 1}, "==", 1.2)],
    ],
    ids=["plain", "a sum", "an equality"],
)
def test_what_is_suggested_exists_exactly_where_the_objective_asks_for_it(
    rules: list[c.Constraint], monkeypatch: pytest.MonkeyPatch
) -> None:
    space = {name: SPACE[name] for name in "xyzn"}
    conditions = {"z": {"x": Between(0.4)}, "n": {"z": Between(high=0.7), "y": Between(0.1, 0.9)}}
    alone: list[str] = []
    monkeypatch.setattr(
        QUBOSampler, "sample_independent", lambda self, study, trial, name, dist: alone.append(name)
    )

    def objective(trial: optuna.Trial) -> float:
        params = suggest(trial, space, conditions)
        # The best lies at a limit, where a number is polished across it.
        return 10.0 * (params["x"] - 0.4) ** 2 + (params["y"] - 0.1) ** 2 - params.get("z", 0.5)

    sampler = QUBOSampler(
        space, constraints=rules, conditions=conditions, n_startup_trials=4, seed=0
    )
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=10)
    assert alone == []
    assert all(rule.satisfied(trial.params) for trial in study.trials for rule in rules)
