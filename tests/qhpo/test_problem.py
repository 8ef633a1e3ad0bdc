from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from qhpo.errors import QhpoError
from qhpo.problem import OVER_BUDGET, Objective, Problem, Size, suggest

SPACE: dict[str, BaseDistribution] = {
    "width": IntDistribution(2, 10, step=2),
    "layers": IntDistribution(1, 3),
    "gated": CategoricalDistribution((False, True)),
    "rate": FloatDistribution(1e-3, 1.0, log=True),
}
SIZE = Size(("layers", "gated", "width"), lambda layers, gated, width: layers * width + 5 * gated)


def make_objective(seed: int) -> Objective:
    def objective(trial: optuna.Trial) -> float:
        params = suggest(trial, SPACE)
        trial.report(0.5, 1)
        return -float(params["width"] * params["layers"])

    return objective


SIZED = Problem("sized", "", "minimize", make_objective, search_space=SPACE, size=SIZE)


def tried(params: dict[str, Any], max_params: int | None) -> FrozenTrial:
    study = optuna.create_study(pruner=optuna.pruners.NopPruner())
    study.enqueue_trial(params)
    study.optimize(SIZED.objective(0, max_params), n_trials=1)
    return study.trials[0]


def test_a_trial_asks_for_exactly_the_search_space() -> None:
    space: dict[str, BaseDistribution] = {
        "z": FloatDistribution(0.0, 0.5, step=0.125),
        "y": FloatDistribution(1e-4, 1e-1, log=True),
        "x": FloatDistribution(-1.0, 2.0),
        "w": IntDistribution(8, 40, step=8),
        "v": IntDistribution(1, 100, log=True),
        "u": IntDistribution(3, 3),
        "a": CategoricalDistribution(("one", None, 2)),
    }
    trial = optuna.create_study().ask()

    params = suggest(trial, space)

    assert list(trial.distributions.items()) == list(space.items())
    assert params == trial.params


def test_an_unknown_distribution() -> None:
    class Strange(BaseDistribution):
        def single(self) -> bool:
            return False

        def _contains(self, param_value_in_internal_repr: float) -> bool:
            return True

        def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
            return 0.0

    with pytest.raises(QhpoError, match=r"float, int or categorical.*for the parameter 'odd'"):
        suggest(optuna.create_study().ask(), {"odd": Strange()})


@pytest.mark.parametrize("limit", [2, 7, 11, 35])
def test_the_budget_is_a_constraint_between_what_decides_the_size(limit: int) -> None:
    constraint = SIZED.at_most(limit)

    assert set(constraint.names) == {"width", "layers", "gated"}
    allowed = []
    for width, layers, gated in product(range(2, 11, 2), range(1, 4), (False, True)):
        params = {"width": width, "layers": layers, "gated": gated, "rate": 0.1}
        allowed.append(layers * width + 5 * gated <= limit)
        assert constraint.satisfied(params) == allowed[-1]
    assert any(allowed)
    assert all(allowed) == (limit == 35)
    assert f"at most {limit} trainable parameters" in str(constraint)


def test_a_budget_below_the_smallest_model() -> None:
    with pytest.raises(QhpoError, match=r"sized, which has 2 .*got 1; give 2 or more"):
        SIZED.at_most(1)
    with pytest.raises(QhpoError, match="which has 2 "):
        SIZED.objective(0, 1)


def test_a_problem_without_sizes() -> None:
    with pytest.raises(QhpoError, match="sized does not; leave the budget out"):
        replace(SIZED, size=None).at_most(100)


@pytest.mark.parametrize("space", [None, {"width": SPACE["width"], "gated": SPACE["gated"]}])
def test_a_size_of_parameters_that_are_not_declared(
    space: dict[str, BaseDistribution] | None,
) -> None:
    with pytest.raises(QhpoError, match=r"sized names .*layers.*the space has: (none|width, ga)"):
        replace(SIZED, search_space=space)


def test_a_model_over_the_budget_is_not_trained() -> None:
    params = {"width": 10, "layers": 3, "gated": True, "rate": 0.1}

    over = tried(params, 34)
    assert over.state == TrialState.PRUNED
    assert over.params == params
    assert over.user_attrs == {OVER_BUDGET: 35}
    assert over.intermediate_values == {}
    assert over.value is None

    for budget in (35, None):
        within = tried(params, budget)
        assert within.value == -30.0
        assert within.params == params
        assert within.user_attrs == {}
