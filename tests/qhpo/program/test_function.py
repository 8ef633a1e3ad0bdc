"""Functions as objectives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial

from qhpo.errors import QhpoError
from qhpo.program import Bound, objective_of_callable
from qhpo.program.answer import AnswerError

SPACE: dict[str, BaseDistribution] = {
    "x": FloatDistribution(0.0, 10.0),
    "kind": CategoricalDistribution(["a", "b"]),
    "depth": FloatDistribution(0.0, 1.0),
}
CONDITIONS = {"depth": {"kind": "b"}}


def trial_of(function: Callable[..., object], kind: str = "a", **others: Any) -> FrozenTrial:
    study = optuna.create_study()
    study.enqueue_trial({"x": 2.0, "kind": kind, "depth": 0.5})
    run = objective_of_callable(function, "loss", SPACE, CONDITIONS, **others)
    study.optimize(run, n_trials=1)
    return study.trials[0]


def test_a_function_gets_what_is_active() -> None:
    def train(x: float, kind: str, depth: float = 9.0) -> float:
        return x + depth

    assert trial_of(train).value == 11.0
    assert trial_of(train, kind="b").value == 2.5


def test_a_function_that_reports_and_measures() -> None:
    def train(trial: optuna.Trial, **params: Any) -> Mapping[str, object]:
        trial.report(1.0, 3)
        return {"loss": np.float32(0.5), "ms": np.int64(7), "name": "n", "many": np.zeros(2)}

    trial = trial_of(train, measured={"ms": Bound(high=5)})
    assert trial.value == 0.5
    assert trial.intermediate_values == {3: 1.0}
    assert trial.constraints == {"ms <= 5": 2.0}
    assert trial.user_attrs == {"ms": 7}


def test_a_function_that_returns_no_number() -> None:
    with pytest.raises(AnswerError, match="the function must return loss; got acc"):
        trial_of(lambda **params: {"acc": 1})
    with pytest.raises(AnswerError, match="loss must be a number"):
        trial_of(lambda **params: "low")


def test_a_function_that_does_not_take_the_parameters() -> None:
    with pytest.raises(QhpoError, match="must take the parameters x, kind as keyword"):
        trial_of(lambda x: x)
    with pytest.raises(QhpoError, match="must have a default"):
        trial_of(lambda x, kind, depth: x)
