"""Parameters of a file: W&B's distributions as Optuna's, and what reaches the program."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.errors import QhpoError
from qhpo.sweep import Sweep

Load = Callable[..., Sweep]


@pytest.mark.parametrize(
    ("spec", "distribution"),
    [
        ({"values": ["a", "b"]}, CategoricalDistribution(("a", "b"))),
        ({"values": [1, 2.5, None, True + 1.5]}, CategoricalDistribution((1, 2.5, None))),
        ({"distribution": "categorical", "values": [True]}, CategoricalDistribution((True,))),
        ({"min": 1, "max": 5}, IntDistribution(1, 5)),
        ({"min": 1.0, "max": 5}, FloatDistribution(1.0, 5.0)),
        ({"min": 1, "max": 5.5}, FloatDistribution(1.0, 5.5)),
        ({"distribution": "int_uniform", "min": 1.0, "max": 5}, IntDistribution(1, 5)),
        ({"distribution": "uniform", "min": 1, "max": 5}, FloatDistribution(1.0, 5.0)),
        (
            {"distribution": "q_uniform", "min": 3, "max": 17, "q": 5},
            IntDistribution(5, 15, step=5),
        ),
        ({"distribution": "q_uniform", "min": 0, "max": 3}, IntDistribution(0, 3)),
        (
            {"distribution": "q_uniform", "min": 0, "max": 0.3, "q": 0.1},
            FloatDistribution(0.0, 0.3, step=0.1),
        ),
        (
            {"distribution": "log_uniform", "min": -2, "max": 3},
            FloatDistribution(math.exp(-2), math.exp(3), log=True),
        ),
        (
            {"distribution": "log_uniform_values", "min": 1e-5, "max": 1},
            FloatDistribution(1e-5, 1.0, log=True),
        ),
        (
            {"distribution": "inv_log_uniform", "min": 2, "max": 3},
            FloatDistribution(math.exp(-3), math.exp(-2), log=True),
        ),
        (
            {"distribution": "inv_log_uniform_values", "min": 0.5, "max": 3},
            FloatDistribution(0.5, 3.0, log=True),
        ),
        (
            {"distribution": "q_log_uniform_values", "min": 1, "max": 100, "q": 1},
            IntDistribution(1, 100, log=True),
        ),
        ({"distribution": "q_log_uniform", "min": 0, "max": 3}, IntDistribution(1, 20, log=True)),
        ({"min": 3, "max": 3}, IntDistribution(3, 3)),
    ],
)
def test_distributions_of_wandb(
    load: Load, spec: dict[str, Any], distribution: BaseDistribution
) -> None:
    sweep = load(parameters={"x": spec, "y": {"values": [0, 1]}})

    assert sweep.search_space["x"] == distribution


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"distribution": "normal", "mu": 10, "sigma": 2}, "uniform with min: 6 and max: 14"),
        ({"distribution": "q_normal"}, "q_uniform with min: -2"),
        ({"distribution": "log_normal"}, "log_uniform with"),
        ({"distribution": "q_log_normal", "q": 2}, "q_log_uniform with"),
        ({"distribution": "beta", "a": 2, "b": 3}, "use uniform with min: 0.0"),
        ({"distribution": "q_beta", "q": 2}, "use q_uniform with"),
        ({"values": [1, 2], "probabilities": [0.1, 0.9]}, "x.probabilities cannot be had"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 3}, "must be larger than 0"),
        ({"distribution": "log_uniform", "min": 1, "max": 1000}, "takes the exponents"),
        ({"distribution": "unifrom", "min": 1, "max": 3}, "did you mean 'uniform'?"),
        ({"distribution": 3, "min": 1, "max": 3}, "must be one of"),
        ({"distribution": "uniform", "min": 1}, "got no max"),
        ({"max": 1}, "got no min"),
        ({"min": 3, "max": 1}, "swap them"),
        ({"min": "1", "max": 3}, "x.min must be a number; got '1'; leave the quotes out"),
        ({"min": True, "max": 3}, "x.min must be a number"),
        ({"min": float("nan"), "max": 3}, "x.min must be a finite number"),
        ({"min": 1, "max": 10**400}, "x.max must be a finite number"),
        ({"min": 1, "max": 2**60}, "narrow the range"),
        ({"min": -1e308, "max": 1e308}, "that a float can hold"),
        ({"distribution": "int_uniform", "min": 1.5, "max": 3}, "must be a whole number"),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0}, "x.q must be larger than 0"),
        ({"mn": 1, "max": 3}, "did you mean 'min'?"),
        ({"min": 1, "max": 3, "distribtion": "uniform"}, "did you mean 'distribution'?"),
        ({"min": 1, "max": 3, "q": 2}, "write distribution: q_uniform"),
        ({"min": "one", "max": 3}, "x.min must be a number; got 'one'; write one, such as 0.1"),
        ({" min": 1, "max": 3}, "x.' min' is no key"),
        ({"min": 1, "max": 3, "log": True}, "x.log is no key"),
        ({"value": 1, "min": 1}, "x.min is no key"),
        ({"vals": [1, 2]}, "did you mean 'values'?"),
        ({}, "must say what it may be"),
        ({"values": []}, "must be a list of one or more"),
        ({"values": "abc"}, "must be a list"),
        ({"values": [1, True]}, "which are equal"),
        ({"values": list(range(2000))}, "at most 1000 values"),
        ({"distribution": "constant"}, "must have a value"),
        ([1, 2], "must be a mapping"),
        ("0.1", "must be a mapping"),
        ({"subset": ["a", "a"], "size": 1}, "must differ"),
        ({"subset": ["a", "b"], "size": 3}, "from 0 to its number of items"),
        ({"subset": ["a", "b"], "size": {"min": 2, "max": 1}}, "k_min must be at most k_max"),
        ({"subset": ["a", "b"], "size": {"least": 1}}, "x.size.least is no key"),
        ({"subset": ["a", "b,c"]}, "must have no blanks, commas"),
        ({"permutation": ["a"]}, "needs two or more items"),
        ({"permutation": ["a", "b"], "size": 2}, "x.size is no key"),
        ({"parameters": {}}, "must have one or more parameters"),
        ({"parameters": {"a": {"min": 1}}}, "parameters.x.parameters.a must have min and max"),
        ({"parameters": {"a": {"value": 1}}, "min": 1}, "parameters.x.min is no key"),
    ],
)
def test_what_a_parameter_cannot_be(load: Load, spec: object, told: str) -> None:
    with pytest.raises(QhpoError) as caught:
        load(parameters={"x": spec, "y": {"values": [0, 1]}})

    assert told in str(caught.value)
    assert "sweep.yaml: " in str(caught.value)
    assert "parameters.x" in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a=b", "-a", "a[0]", "a,b", "a\nb"])
def test_names_that_no_command_line_can_carry(load: Load, name: str) -> None:
    with pytest.raises(QhpoError, match="must have names"):
        load(parameters={name: {"values": [0, 1]}})


def test_a_search_needs_something_to_search(load: Load) -> None:
    with pytest.raises(QhpoError, match="two or more values"):
        load(parameters={"a": {"value": 1}, "b": {"values": ["x"]}})
    with pytest.raises(QhpoError, match="must have parameters"):
        load(parameters=None)


def test_names_are_unique_also_with_dots(load: Load) -> None:
    with pytest.raises(QhpoError, match=r"as parameters.a\.b has"):
        load(
            parameters={
                "a.b": {"values": [0, 1]},
                "a": {"parameters": {"b": {"values": [0, 1]}}},
            }
        )


def test_repeated_values_count_once_and_that_is_said(load: Load) -> None:
    sweep = load(parameters={"act": {"values": ["elu", "relu", "elu"]}})

    assert sweep.search_space["act"] == CategoricalDistribution(("elu", "relu"))
    assert "parameters.act.values holds 'elu' more than once" in sweep.notes[0]


# The example of W&B's own documentation.
@pytest.mark.parametrize(
    ("low", "high", "q", "distribution"),
    [
        (32, 256, 8, IntDistribution(32, 256, step=8)),
        (0.1, 3, 1, IntDistribution(0, 3)),
        (0.1, 1.0, 0.25, FloatDistribution(0.0, 1.0, step=0.25)),
    ],
)
def test_steps_on_a_logarithmic_scale_are_searched_on_a_linear_one(
    load: Load, low: float, high: float, q: float, distribution: BaseDistribution
) -> None:
    spec = {"distribution": "q_log_uniform_values", "min": low, "max": high, "q": q}
    sweep = load(parameters={"x": spec})

    assert sweep.search_space["x"] == distribution
    assert "on a linear scale" in sweep.notes[0]


def test_exponents_that_look_like_values_are_said(load: Load) -> None:
    spec = {"distribution": "log_uniform", "min": 0.0001, "max": 0.1}

    assert "ranges from 1.0001 to 1.10517" in load(parameters={"lr": spec}).notes[0]


NESTED: dict[str, Any] = {
    "epochs": {"value": 3},
    "optimizer": {
        "parameters": {
            "lr": {"min": 0.1, "max": 1.0},
            "nadam": {"parameters": {"beta": {"values": [0.5, 0.9]}, "eps": {"value": None}}},
        }
    },
    "model.width": {"values": [16, 32]},
    "sizes": {"values": [[128, 64], [256]]},
    "features": {"subset": ["age", "sex", "bmi"], "size": {"min": 1}},
    "order": {"permutation": ["crop", "flip"]},
    "amp": {"values": [True, False]},
}
PARAMS: dict[str, Any] = {
    "optimizer.lr": 0.5,
    "optimizer.nadam.beta": 0.9,
    "model.width": 32,
    "sizes": "[128, 64]",
    "features[age]": True,
    "features[sex]": False,
    "features[bmi]": True,
    "order[0]": "flip",
    "order[1]": "crop",
    "amp": False,
}


def test_what_the_program_gets(load: Load) -> None:
    sweep = load(parameters=NESTED)

    assert list(sweep.search_space) == list(PARAMS)
    assert sweep.constants == {"epochs": 3, "optimizer.nadam.eps": None}
    assert sweep.handed(PARAMS) == {
        "epochs": 3,
        "optimizer": {"lr": 0.5, "nadam": {"beta": 0.9, "eps": None}},
        "model.width": 32,
        "sizes": [128, 64],
        "features": ("age", "bmi"),
        "order": ("flip", "crop"),
        "amp": False,
    }
    assert [len(constraint.names) for constraint in sweep.constraints] == [3, 2]


def test_the_program_does_not_get_what_is_inactive(load: Load) -> None:
    sweep = load(parameters=NESTED, conditions={"optimizer.nadam": "amp", "model.width": "not amp"})
    active = {k: v for k, v in PARAMS.items() if k != "optimizer.nadam.beta"}

    assert sweep.conditions == {
        "optimizer.nadam.beta": {"amp": [True]},
        "model.width": {"amp": [False]},
    }
    assert sweep.handed(active)["optimizer"] == {"lr": 0.5, "nadam": {"eps": None}}
