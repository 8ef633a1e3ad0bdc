"""linear, quadratic: their truth, their names, and every mistake."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo import constraints as c
from qhpo.errors import QhpoError
from qhpo.space import Space
from tests.qhpo.strategies import every_params, rules, search_spaces

SPACE: dict[str, BaseDistribution] = {
    "batch": CategoricalDistribution([16, 32, 64]),
    "dirty": CategoricalDistribution([1, 2, None]),
    "kind": CategoricalDistribution(["a", "b"]),
    "on": CategoricalDistribution([False, True]),
    "rate": FloatDistribution(1e-5, 1e-1, log=True),
    "width": IntDistribution(1, 512, log=True),
}


@given(st.data())
@settings(max_examples=100)
@pytest.mark.parametrize("kind", ["linear", "quadratic"])
def test_says_what_plain_python_says(kind: str, data: st.DataObject) -> None:
    space = data.draw(search_spaces(axes=(2, 3), numeric=True))
    rule = data.draw(rules(space, [kind]))
    rule.constraint.check(space)
    for params in every_params(Space(space), is_partial=True):
        assert rule.constraint.satisfied(params) is rule.holds(params)


class TestLinear:
    def test_compares_the_sum(self) -> None:
        params = {"x": 2, "y": 3}
        totals = {"<=": (13, 12.9), ">=": (13, 13.1), "==": (13, 12)}
        for sense, (right, wrong) in totals.items():
            assert c.linear({"x": 2, "y": 3}, sense, right).satisfied(params)
            assert not c.linear({"x": 2, "y": 3}, sense, wrong).satisfied(params)

    def test_inequalities_hold_as_python_computes_them(self) -> None:
        params = {"x": 0.1, "y": 0.2}
        assert not c.linear({"x": 1, "y": 1}, "<=", 0.3).satisfied(params)
        assert c.linear({"x": 1, "y": 1}, ">=", 0.3).satisfied(params)
        assert c.linear({"x": 1, "y": 1}, "<=", 0.1 + 0.2).satisfied(params)

    def test_equalities_hold_up_to_rounding(self) -> None:
        rule = c.linear({"x": 1, "y": 1}, "==", 0.3)
        assert rule.satisfied({"x": 0.1, "y": 0.2})
        assert rule.satisfied({"x": 0.1, "y": 0.2 + 9e-10})
        assert not rule.satisfied({"x": 0.1, "y": 0.2 + 1.1e-9})
        assert c.linear({"x": 1}, "==", 1e6).satisfied({"x": 1e6 + 9e-4})
        assert not c.linear({"x": 1}, "==", 1e6).satisfied({"x": 1e6 + 1.1e-3})

    def test_absent_parameters_add_nothing(self) -> None:
        rule = c.linear({"x": 1, "y": 1}, "<=", 5)
        assert rule.satisfied({"x": 5})
        assert not rule.satisfied({"x": 6})
        assert rule.satisfied({})

    def test_truth_values_and_numeric_choices_are_numbers(self) -> None:
        rule = c.linear({"on": 100, "batch": 1}, "<=", 132)
        rule.check(SPACE)
        assert rule.satisfied({"on": True, "batch": 32})
        assert not rule.satisfied({"on": True, "batch": 64})

    def test_not_a_number_breaks_it(self) -> None:
        for sense in ("<=", "==", ">="):
            assert not c.linear({"x": 1}, sense, 1).satisfied({"x": math.nan})


class TestQuadratic:
    def test_sums_products_squares_and_single_values(self) -> None:
        rule = c.quadratic({("x", "y"): 1, ("x", "x"): 2, "y": -3, "z": 1}, "==", 6 + 8 - 9 + 5)
        assert rule.satisfied({"x": 2, "y": 3, "z": 5})
        assert not rule.satisfied({"x": 2, "y": 3, "z": 6})

    def test_both_orders_of_a_pair_count(self) -> None:
        rule = c.quadratic({("x", "y"): 1, ("y", "x"): 1}, "<=", 12)
        assert rule.names == ("x", "y")
        assert rule.satisfied({"x": 2, "y": 3})
        assert not rule.satisfied({"x": 3, "y": 3})

    def test_absent_parameters_add_nothing(self) -> None:
        rule = c.quadratic({("x", "y"): 1, ("y", "z"): 1, "z": 1}, "<=", 10)
        assert rule.satisfied({"x": 5, "y": 2})
        assert not rule.satisfied({"x": 6, "y": 2})
        assert rule.satisfied({"x": 100, "z": 10})
        assert rule.satisfied({})


CONSTRAINTS: dict[str, tuple[c.Constraint, str]] = {
    "linear": (
        c.linear({"width": 1, "rate": -2.5}, "<=", 100),
        "linear({'width': 1, 'rate': -2.5}, '<=', 100)",
    ),
    "quadratic": (
        c.quadratic({("width", "batch"): 1, "width": 2}, ">=", 0.5),
        "quadratic({('width', 'batch'): 1, 'width': 2}, '>=', 0.5)",
    ),
}


@pytest.mark.parametrize(("rule", "text"), CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_repr_is_how_it_is_made(rule: c.Constraint, text: str) -> None:
    assert repr(rule) == str(rule) == text
    assert eval(text, vars(c)) == rule


@pytest.mark.parametrize(("rule", "text"), CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_cannot_be_changed(rule: Any, text: str) -> None:
    for field in dataclasses.fields(rule):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(rule, field.name, None)


@pytest.mark.parametrize(("rule", "text"), CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_fits_the_space_it_was_made_for(rule: c.Constraint, text: str) -> None:
    rule.check(SPACE)


def test_equal_parts_make_equal_constraints() -> None:
    assert c.linear({"x": 1}, "<=", 2) == c.linear({"x": 1.0}, "<=", 2.0)
    assert c.linear({"x": 1}, "<=", 2) != c.linear({"x": 1}, ">=", 2)
    assert c.linear({"x": 1}, "<=", 2) != c.quadratic({"x": 1}, "<=", 2)
    assert hash(c.quadratic({("x", "y"): 1}, "<=", 2)) == hash(
        c.quadratic({("x", "y"): 1}, "<=", 2)
    )


def test_later_changes_of_the_arguments_change_nothing() -> None:
    coefficients = {"x": 1.0}
    rule = c.linear(coefficients, "<=", 2)
    coefficients["x"] = 5.0
    assert rule.satisfied({"x": 2})


@pytest.mark.parametrize("number", [np.float64(2), np.float32(2), np.int64(2)])
def test_numbers_of_numpy_are_numbers(number: Any) -> None:
    assert c.linear({"x": number}, "<=", number).satisfied({"x": 1})
    assert not c.quadratic({("x", "x"): number}, "<=", number).satisfied({"x": 2})


MISTAKES: dict[str, tuple[Any, str]] = {
    "sense": (
        lambda: c.linear({"x": 1}, "<", 1),
        "linear compares by one of <=, ==, >=; got '<'",
    ),
    "sense and bound swapped": (
        lambda: c.linear({"x": 1}, 1, "<="),
        "linear takes finite numbers as coefficients and bound; got '<='",
    ),
    "coefficient": (
        lambda: c.linear({"x": math.nan}, "<=", 1),
        "linear takes finite numbers as coefficients and bound; got nan",
    ),
    "coefficient beyond floats": (
        lambda: c.linear({"x": 10**400}, "<=", 1),
        "linear takes finite numbers as coefficients and bound; got 1000",
    ),
    "bound": (
        lambda: c.quadratic({"x": 1}, "<=", math.inf),
        "quadratic takes finite numbers as coefficients and bound; got inf",
    ),
    "no number": (
        lambda: c.linear({"x": "1"}, "<=", 1),
        "linear takes finite numbers as coefficients and bound; got '1'",
    ),
    "complex number": (
        lambda: c.linear({"x": 1j}, "<=", 1),
        "linear takes finite numbers as coefficients and bound; got 1j",
    ),
    "no term": (lambda: c.linear({}, "<=", 1), r"linear takes a mapping .*; got \{\}"),
    "no mapping": (
        lambda: c.quadratic([("x", "y")], "<=", 1),
        r"quadratic takes a mapping with at least one term; got \[\('x', 'y'\)\]",
    ),
    "pair in a linear": (
        lambda: c.linear({("x", "y"): 1}, "<=", 1),
        r"linear takes coefficients by parameter name; got \('x', 'y'\); .*quadratic",
    ),
    "triple": (
        lambda: c.quadratic({("x", "y", "z"): 1}, "<=", 1),
        r"quadratic takes coefficients by pair .*; got \('x', 'y', 'z'\)",
    ),
    "single name in a tuple": (
        lambda: c.quadratic({("x",): 1}, "<=", 1),
        r"quadratic takes coefficients by pair .*; got \('x',\)",
    ),
    "pair of numbers": (
        lambda: c.quadratic({(1, 2): 1}, "<=", 1),
        r"quadratic takes coefficients by pair .*; got \(1, 2\)",
    ),
    "number for a name": (
        lambda: c.quadratic({3: 1}, "<=", 1),
        "quadratic takes coefficients by pair .*; got 3",
    ),
    "unknown parameter": (
        lambda: c.linear({"width": 1, "depth": 1}, "<=", 1).check(SPACE),
        r"must be in the search space; got 'depth' in linear\(\{'width': 1, 'depth': 1\}",
    ),
    "choices": (
        lambda: c.linear({"width": 1, "kind": 1}, "<=", 1).check(SPACE),
        r"parameters of linear\(.* must be numbers; got Cat.* for 'kind'; use a relation or",
    ),
    "choices that are not all numbers": (
        lambda: c.quadratic({("dirty", "width"): 1}, "<=", 1).check(SPACE),
        "must be numbers; got Cat.* for 'dirty'; use a relation or a predicate",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(mistake: Any, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        mistake()
