"""exactly, at_most, at_least, all_different: their truth, their names, and every mistake."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

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
    "bias": CategoricalDistribution([True, False]),
    "depth": IntDistribution(1, 4),
    "norm": CategoricalDistribution(["batch", "layer", None]),
    "width": IntDistribution(1, 4),
}


@given(st.data())
@settings(max_examples=60)
@pytest.mark.parametrize("kind", ["cardinality", "all_different"])
def test_says_what_plain_python_says(kind: str, data: st.DataObject) -> None:
    space = data.draw(search_spaces(axes=(2, 3)))
    rule = data.draw(rules(space, [kind]))
    rule.constraint.check(space)
    for params in every_params(Space(space), is_partial=True):
        assert rule.constraint.satisfied(params) is rule.holds(params)


class TestCardinality:
    @pytest.mark.parametrize("k", range(4))
    def test_counts(self, k: int) -> None:
        values: dict[str, Any] = {"bias": True, "depth": [1, 2], "norm": None}
        for bias, depth, norm in itertools.product([True, False], [1, 3], ["batch", None]):
            params = {"bias": bias, "depth": depth, "norm": norm}
            n = bias + (depth == 1) + (norm is None)
            assert c.exactly(k, values).satisfied(params) is (n == k)
            assert c.at_most(k, values).satisfied(params) is (n <= k)
            assert c.at_least(k, values).satisfied(params) is (n >= k)

    def test_several_values_of_one_parameter_count_once(self) -> None:
        assert c.exactly(1, {"depth": [1, 2, 2]}).satisfied({"depth": 2})

    def test_an_absent_parameter_does_not_count(self) -> None:
        values = {"bias": True, "depth": 1}
        assert c.at_most(0, values).satisfied({})
        assert c.at_most(1, values).satisfied({"bias": True})
        assert c.exactly(1, values).satisfied({"bias": True})
        assert not c.at_least(2, values).satisfied({"bias": True})


class TestAllDifferent:
    def test_compares_every_pair(self) -> None:
        rule = c.all_different("a", "b", "c")
        assert rule.satisfied({"a": 1, "b": 2, "c": 3})
        for params in (
            {"a": 1, "b": 1, "c": 3},
            {"a": 1, "b": 2, "c": 1},
            {"a": 3, "b": 2, "c": 2},
        ):
            assert not rule.satisfied(params)
        assert rule.satisfied({"a": 1, "c": 2})
        assert not rule.satisfied({"a": 1, "c": 1})
        assert rule.satisfied({"b": 1})

    def test_numbers_that_differ_by_rounding_are_the_same(self) -> None:
        space = Space(
            {
                "x": FloatDistribution(0.0, 1.0, step=0.1),
                "y": FloatDistribution(0.3, 0.5, step=0.1),
            }
        )
        params = space.decode(space.encode({"x": 0.3, "y": 0.3}))
        assert params["x"] != params["y"]
        assert not c.all_different("x", "y").satisfied(params)

    def test_choices_of_different_kinds_differ(self) -> None:
        assert c.all_different("a", "b").satisfied({"a": None, "b": "none"})
        assert not c.all_different("a", "b").satisfied({"a": None, "b": None})


CONSTRAINTS: dict[str, tuple[c.Constraint, str]] = {
    "exactly": (
        c.exactly(1, {"bias": True, "norm": ["batch", None]}),
        "exactly(1, {'bias': True, 'norm': ['batch', None]})",
    ),
    "at_most": (c.at_most(2, {"bias": True, "depth": 1}), "at_most(2, {'bias': True, 'depth': 1})"),
    "at_least": (c.at_least(0, {"depth": 1}), "at_least(0, {'depth': 1})"),
    "all_different": (c.all_different("depth", "width"), "all_different('depth', 'width')"),
}


@pytest.mark.parametrize(("rule", "text"), CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_repr_names_all_parts(rule: c.Constraint, text: str) -> None:
    assert repr(rule) == str(rule) == text


@pytest.mark.parametrize(("rule", "text"), CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_repr_is_how_it_is_made(rule: c.Constraint, text: str) -> None:
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
    assert c.exactly(1, {"a": 1}) == c.exactly(1, {"a": [1]})
    assert c.exactly(1, {"a": 1}) != c.at_most(1, {"a": 1})
    assert c.at_least(0, {"a": 1}) != c.at_least(1, {"a": 1})
    assert hash(c.all_different("a", "b")) == hash(c.all_different("a", "b"))
    assert c.all_different("a", "b") != c.all_different("b", "a")


MISTAKES: dict[str, tuple[Any, str]] = {
    "too many": (
        lambda: c.exactly(3, {"a": 1, "b": 1}),
        "exactly counts from 0 to the number of its parameters, 2; got 3",
    ),
    "negative": (lambda: c.at_most(-1, {"a": 1}), "at_most counts from 0 to .* 1; got -1"),
    "a fraction": (
        lambda: c.at_least(0.5, {"a": 1}),
        "at_least counts from 0 to .*; got 0.5",
    ),
    "a truth value": (lambda: c.at_least(True, {"a": 1}), "at_least counts.*; got True"),
    "a text": (
        lambda: c.at_least("1", {"a": 1}),
        "at_least counts.*; got '1'",
    ),
    "the wrong way round": (
        lambda: c.at_least({"a": 1}, 1),
        "at_least takes values by parameter name; got 1",
    ),
    "names": (
        lambda: c.exactly(1, ["a", "b"]),
        r"exactly takes values by parameter name; got \['a', 'b'\]",
    ),
    "nothing": (lambda: c.exactly(0, {}), "exactly needs at least one parameter"),
    "no value": (lambda: c.exactly(0, {"a": ()}), "exactly needs at least one value of 'a'"),
    "one name": (lambda: c.all_different("a"), r"two or more different names; got \('a',\)"),
    "a name twice": (lambda: c.all_different("a", "b", "a"), "two or more different names; got"),
    "a list": (
        lambda: c.all_different(["a", "b"]),
        r"two or more different names; got \(\['a', 'b'\],\)",
    ),
    "lists": (
        lambda: c.all_different(["a"], ["b"]),
        r"two or more different names; got \(\['a'\], \['b'\]\)",
    ),
    "unknown parameter": (
        lambda: c.all_different("depth", "length").check(SPACE),
        r"must be in the search space; got 'length' in all_different\('depth', 'length'\)",
    ),
    "impossible value": (
        lambda: c.at_most(1, {"norm": "batch", "depth": [4, 5]}).check(SPACE),
        r"can take; got 'depth' = 5 in at_most\(1, \{'norm': 'batch', 'depth': \[4, 5\]\}\)",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(mistake: Any, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        mistake()
