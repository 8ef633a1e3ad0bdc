"""forbid, requires, relation, predicate: their truth, their names, and every mistake."""

from __future__ import annotations

import dataclasses
import operator
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

from qhpo import QUBOSampler
from qhpo import constraints as c
from qhpo.errors import QhpoError
from qhpo.space import Space
from tests.qhpo.strategies import every_params, rules, search_spaces

SPACE: dict[str, BaseDistribution] = {
    "amsgrad": CategoricalDistribution([True, False]),
    "drop": FloatDistribution(0.0, 0.5, step=0.1),
    "heads": IntDistribution(1, 8),
    "optimizer": CategoricalDistribution(["sgd", "adam", None]),
}


def _even_heads(p: Any) -> bool:
    return bool(p["heads"] % 2 == 0)


@given(st.data())
@settings(max_examples=60)
@pytest.mark.parametrize("kind", ["forbid", "requires", "relation", "predicate"])
def test_says_what_plain_python_says(kind: str, data: st.DataObject) -> None:
    space = data.draw(search_spaces(axes=(2, 3)))
    rule = data.draw(rules(space, [kind]))
    rule.constraint.check(space)
    for params in every_params(Space(space), is_partial=True):
        assert rule.constraint.satisfied(params) is rule.holds(params)


class TestForbid:
    def test_needs_all_of_the_values(self) -> None:
        rule = c.forbid(optimizer="sgd", amsgrad=True)
        assert not rule.satisfied({"optimizer": "sgd", "amsgrad": True})
        assert rule.satisfied({"optimizer": "sgd", "amsgrad": False})
        assert rule.satisfied({"optimizer": "adam", "amsgrad": True})
        assert rule.satisfied({"optimizer": "sgd"})
        assert rule.satisfied({})

    @pytest.mark.parametrize("several", [[2, 4], (2, 4), {2, 4}, frozenset({4, 2}), range(2, 5, 2)])
    def test_a_collection_stands_for_any_of_its_values(self, several: Any) -> None:
        rule = c.forbid({"heads": several, "optimizer": "sgd"})
        got = [rule.satisfied({"heads": h, "optimizer": "sgd"}) for h in range(1, 6)]
        assert got == [True, False, True, False, True]

    def test_none_is_a_value(self) -> None:
        assert not c.forbid(optimizer=None).satisfied({"optimizer": None})
        assert c.forbid(optimizer=None).satisfied({"optimizer": "sgd"})

    def test_takes_names_that_are_no_identifiers(self) -> None:
        assert not c.forbid({"a b": 1}, c=2).satisfied({"a b": 1, "c": 2})

    @pytest.mark.parametrize(("low", "k"), [(0.0, 3), (-0.3, 3), (-33.3, 333), (0.1, 2)])
    def test_a_stepped_float_is_what_the_user_writes(self, low: float, k: int) -> None:
        # 0.0 + 3 * 0.1 is 0.30000000000000004, which nobody writes.
        axis = Space({"x": FloatDistribution(low, low + 100.0, step=0.1)}).axes[0]
        written = round(low + k * 0.1, 6)
        value = axis.value(axis.coordinate(written))
        rule = c.forbid(x=written)
        assert not rule.satisfied({"x": value})
        assert rule.satisfied({"x": value + 0.1})
        assert rule.satisfied({"x": value - 0.1})

    def test_small_numbers_are_not_the_same(self) -> None:
        assert c.forbid(eps=0.0).satisfied({"eps": 1e-12})
        assert c.forbid(eps=1e-12).satisfied({"eps": 0.0})
        assert c.forbid(rate=1e-5).satisfied({"rate": 1.00001e-5})


class TestRequires:
    def test_is_an_implication(self) -> None:
        rule = c.requires({"optimizer": "sgd"}, {"heads": [2, 4], "amsgrad": False})
        assert rule.satisfied({"optimizer": "adam", "heads": 1, "amsgrad": True})
        assert rule.satisfied({"optimizer": "sgd", "heads": 4, "amsgrad": False})
        assert not rule.satisfied({"optimizer": "sgd", "heads": 3, "amsgrad": False})
        assert not rule.satisfied({"optimizer": "sgd", "heads": 4, "amsgrad": True})
        assert rule.satisfied({"heads": 3, "amsgrad": True})
        assert rule.satisfied({"optimizer": "sgd"})

    def test_rejects_a_parameter_on_both_sides(self) -> None:
        with pytest.raises(QhpoError, match=r"different parameters in its premise.*got a in both"):
            c.requires({"a": 1, "b": 1}, {"a": 2})


class TestRelation:
    def test_gets_the_values_in_the_order_of_the_names(self) -> None:
        rule = c.relation(("b", "a"), operator.le)
        assert rule.satisfied({"a": 2, "b": 1})
        assert not rule.satisfied({"a": 1, "b": 2})

    def test_is_not_asked_where_a_parameter_is_absent(self) -> None:
        rule = c.relation(["a", "b"], lambda a, b: 1 / 0)
        assert rule.satisfied({"a": 1})

    def test_takes_one_name_alone(self) -> None:
        assert c.relation("heads", lambda h: h > 1).names == ("heads",)
        assert c.relation(("heads",), bool).satisfied({"heads": 1})

    def test_any_true_value_accepts(self) -> None:
        assert c.relation(("a", "b"), max).satisfied({"a": 0, "b": 3}) is True
        assert c.relation(("a", "b"), max).satisfied({"a": 0, "b": 0}) is False


class TestPredicate:
    def test_gets_the_whole_configuration(self) -> None:
        rule = c.predicate(lambda p: p.get("a", 0) < 2)
        assert rule.satisfied({"a": 1})
        assert not rule.satisfied({"a": 2})
        assert rule.satisfied({})


CONSTRAINTS: dict[str, tuple[c.Constraint, str]] = {
    "forbid": (
        c.forbid(optimizer=["sgd", None], amsgrad=True),
        "forbid({'optimizer': ['sgd', None], 'amsgrad': True})",
    ),
    "requires": (
        c.requires({"optimizer": "sgd"}, {"heads": [2, 4], "amsgrad": False}),
        "requires({'optimizer': 'sgd'}, {'heads': [2, 4], 'amsgrad': False})",
    ),
    "relation": (
        c.relation(("heads", "amsgrad"), max),
        "relation(('heads', 'amsgrad'), max)",
    ),
    "predicate": (c.predicate(_even_heads), "predicate(_even_heads)"),
}


@pytest.mark.parametrize(("rule", "text"), CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_repr_names_all_parts(rule: c.Constraint, text: str) -> None:
    assert repr(rule) == str(rule) == text


@pytest.mark.parametrize(("rule", "text"), CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_cannot_be_changed(rule: Any, text: str) -> None:
    for field in dataclasses.fields(rule):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(rule, field.name, None)


@pytest.mark.parametrize(("rule", "text"), CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_fits_the_space_it_was_made_for(rule: c.Constraint, text: str) -> None:
    rule.check(SPACE)
    assert set(rule.names) <= set(SPACE)


def test_later_changes_of_the_arguments_change_nothing() -> None:
    values: dict[str, Any] = {"heads": [2, 4]}
    names = ["heads", "drop"]
    rules = c.forbid(values), c.requires(values, {"drop": 0.1}), c.relation(names, max)
    texts = list(map(repr, rules))
    values["heads"].append(5)
    values["drop"] = 0.2
    names.append("optimizer")
    assert list(map(repr, rules)) == texts


def test_equal_parts_make_equal_constraints() -> None:
    assert c.forbid(a=1, b=2) == c.forbid({"a": 1, "b": 2})
    assert hash(c.forbid(a=1, b=[2, 3])) == hash(c.forbid(a=1, b=(2, 3)))
    assert c.forbid(a=1) != c.forbid(a=2)
    assert c.forbid(a={"x", "y", "z"}) == c.forbid(a={"z", "y", "x"})
    assert c.requires({"a": 1}, {"b": 1}) == c.requires({"a": 1}, {"b": 1})
    assert c.requires({"a": 1}, {"b": 1}) != c.requires({"b": 1}, {"a": 1})
    assert c.relation(("a", "b"), max) == c.relation(["a", "b"], max)
    assert c.relation(("a", "b"), max) != c.relation(("a", "b"), min)
    assert c.predicate(_even_heads) == c.predicate(_even_heads)
    assert len({c.predicate(_even_heads), c.predicate(_even_heads), c.predicate(bool)}) == 2


MISTAKES: dict[str, tuple[Any, str]] = {
    "forbid nothing": (lambda: c.forbid(), "forbid needs at least one parameter"),
    "forbid a name": (
        lambda: c.forbid("heads"),
        "forbid takes values by parameter name; got 'heads'",
    ),
    "forbid numbers": (
        lambda: c.forbid({1: 2}),
        r"forbid takes values by parameter name; got \{1: 2\}",
    ),
    "forbid no value": (
        lambda: c.forbid(heads=[]),
        r"forbid needs at least one value of 'heads'; got \[\]",
    ),
    "require nothing": (
        lambda: c.requires({"heads": 1}, {}),
        "requires needs at least one parameter",
    ),
    "require a name": (
        lambda: c.requires({"heads": 1}, "drop"),
        "requires takes values by parameter name; got 'drop'",
    ),
    "relation of nothing": (lambda: c.relation((), max), r"one or more different.*got \(\)"),
    "relation of the same": (
        lambda: c.relation(("a", "a"), max),
        r"one or more different parameter names; got \('a', 'a'\)",
    ),
    "relation the wrong way round": (
        lambda: c.relation(max, ("a", "b")),
        "one or more different parameter names; got .<built-in function max>",
    ),
    "relation of numbers": (
        lambda: c.relation((1, 2), max),
        r"one or more different parameter names; got \(1, 2\)",
    ),
    "relation of lists": (
        lambda: c.relation((["a"], ["b"]), max),
        r"one or more different parameter names; got \(\['a'\], \['b'\]\)",
    ),
    "relation without function": (
        lambda: c.relation(("a", "b"), "a < b"),
        "relation takes a function that says what is allowed; got 'a < b'",
    ),
    "predicate without function": (
        lambda: c.predicate("a < b"),
        "predicate takes a function that says what is allowed; got 'a < b'",
    ),
    "unknown parameter": (
        lambda: c.forbid(optimiser="sgd").check(SPACE),
        r"must be in the search space; got 'optimiser' in forbid\(\{'optimiser': 'sgd'\}\); the "
        "space has: amsgrad, drop, heads, optimizer",
    ),
    "unknown parameter of a relation": (
        lambda: c.relation(("heads", "width"), max).check(SPACE),
        r"must be in the search space; got 'width' in relation\(\('heads', 'width'\), max\)",
    ),
    "empty space": (lambda: c.forbid(a=1).check({}), "got 'a'.*the space has: none"),
    "unknown choice": (
        lambda: c.forbid(optimizer=["sgd", "lion"]).check(SPACE),
        r"values that the parameter can take; got 'optimizer' = 'lion' in forbid\(.*; the "
        r"parameter has CategoricalDistribution",
    ),
    "number out of range": (
        lambda: c.requires({"optimizer": "sgd"}, {"heads": [2, 9]}).check(SPACE),
        "values that the parameter can take; got 'heads' = 9",
    ),
    "number between the steps": (
        lambda: c.forbid(drop=0.15).check(SPACE),
        "values that the parameter can take; got 'drop' = 0.15",
    ),
    "fraction of an integer": (
        lambda: c.forbid(heads=2.5).check(SPACE),
        "values that the parameter can take; got 'heads' = 2.5",
    ),
    "text for a number": (
        lambda: c.forbid(heads="two").check(SPACE),
        "values that the parameter can take; got 'heads' = 'two'",
    ),
    "nothing for a number": (
        lambda: c.forbid(heads=None).check(SPACE),
        "values that the parameter can take; got 'heads' = None",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(mistake: Any, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        mistake()


@pytest.mark.parametrize(
    ("rule", "params", "parts"),
    [
        (c.predicate(lambda p: p["nope"] > 1), {"x": 1}, ("predicate", "KeyError", "{'x': 1}")),
        (c.predicate(lambda p: p["x"] > "a"), {"x": 1}, ("predicate", "TypeError", "{'x': 1}")),
        (c.predicate(lambda: True), {"x": 1}, ("predicate", "TypeError")),
        (c.relation("x", lambda x: 1 / x), {"x": 0}, ("relation(('x',)", "ZeroDivision", "(0)")),
        (
            c.relation(("x", "k"), lambda a: a),
            {"x": 2, "k": "b"},
            ("TypeError", "(2, 'b')", "x, k"),
        ),
        (c.predicate(lambda p: np.ones(2)), {"x": 1}, ("predicate", "ValueError", "{'x': 1}")),
    ],
    ids=str,
)
def test_a_function_that_fails_is_named_with_its_arguments(
    rule: c.Constraint, params: dict[str, Any], parts: tuple[str, ...]
) -> None:
    with pytest.raises(QhpoError) as error:
        rule.satisfied(params)
    assert [part for part in parts if part not in str(error.value)] == []
    assert error.value.__cause__ is not None


@pytest.mark.parametrize(
    "rule", [c.relation(("x", "k"), lambda a: a), c.predicate(lambda p: p["nope"])], ids=str
)
def test_a_function_that_fails_is_named_when_the_sampler_is_made(rule: c.Constraint) -> None:
    space: dict[str, BaseDistribution] = {n: IntDistribution(0, 9) for n in "xk"}
    with pytest.raises(QhpoError, match=r"raised (TypeError|KeyError)"):
        QUBOSampler(space, constraints=[rule])
