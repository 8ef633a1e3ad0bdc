"""What rules of a file say: as constraints, as interpreted, and as Python reads them."""

from __future__ import annotations

import math
import pickle
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

from qhpo.constraints import (
    Constraint,
    all_different,
    at_most,
    exactly,
    forbid,
    linear,
    quadratic,
    relation,
)
from qhpo.constraints.structures import Permutation, Subset
from qhpo.errors import QhpoError
from qhpo.sweep.expression import Vocabulary, parse
from qhpo.sweep.rules import compile_rule, keeps

SUBSET = Subset("kept", ["age", "bmi"])
ORDER = Permutation("order", ["crop", "flip"])
SPACE: dict[str, BaseDistribution] = {
    "few": IntDistribution(0, 4),
    "many": IntDistribution(1, 400),
    "wide": IntDistribution(1, 400),
    "real": FloatDistribution(0.0, 4.0),
    "size": CategoricalDistribution((0.25, 0.5, 8)),
    "kind": CategoricalDistribution(("sgd", "adam", "lion")),
    "on": CategoricalDistribution((False, True)),
    "off": CategoricalDistribution((True, False)),
    "net.width": CategoricalDistribution((16, 32)),
    "batch-size": IntDistribution(1, 64),
    "lambda": FloatDistribution(0.0, 1.0),
    **SUBSET.search_space,
    **ORDER.search_space,
}
WORDS = Vocabulary(SPACE, {"depth": 3, "name": "adam"}, {"kept": SUBSET, "order": ORDER})
CONDITIONAL = ("wide", "on", "size")

# Multiples of 1/8 and whole numbers, with which Python and the constraints compute exactly.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "few": st.integers(0, 4),
    "many": st.integers(1, 400),
    "wide": st.integers(1, 400),
    "real": st.integers(0, 32).map(lambda n: n / 8),
    "size": st.sampled_from((0.25, 0.5, 8)),
    "kind": st.sampled_from(("sgd", "adam", "lion")),
    "on": st.booleans(),
    "off": st.booleans(),
}
NUMBERS = st.sampled_from(
    ["few", "many", "wide", "real", "size", "on", "0", "1", "2", "0.5", "-3", "40"]
)
ARITHMETIC = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({' '.join(t)})"),
        st.tuples(inner, st.sampled_from(["2", "4", "0.5"])).map(lambda t: f"{t[0]} / {t[1]}"),
        st.lists(inner, min_size=1, max_size=3).map(lambda t: f"min(9, {', '.join(t)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda t: f"max({', '.join(t)})"),
        inner.map(lambda t: f"abs({t})"),
        inner.map(lambda t: f"-({t})"),
    ),
    max_leaves=4,
)
TESTS = st.one_of(
    st.tuples(ARITHMETIC, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), ARITHMETIC)
    # Python's parser gives a comparison of a name with a value that it cannot take as an error.
    .map(lambda t: f"0 + {t[0]} {t[1]} {t[2]} + 0"),
    st.sampled_from(
        [
            "kind == 'sgd'",
            "kind != 'adam'",
            "kind in ('sgd', 'lion')",
            "kind not in ['sgd']",
            "few in (1, 2, 3)",
            "1 <= few < 4",
            "on",
            "off",
            "on == off",
            "size == 0.5",
            "many < 17",
            "wide >= 100",
        ]
    ),
)
RULES = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({' '.join(t)})"),
        inner.map(lambda t: f"not ({t})"),
    ),
    max_leaves=5,
)


def compiled(text: str, conditional: tuple[str, ...] = CONDITIONAL) -> list[Constraint]:
    return compile_rule(text, "constraints[0]", WORDS, conditional)


@settings(max_examples=400, deadline=None)
@given(text=RULES, params=st.fixed_dictionaries(VALUES))
def test_a_rule_means_what_python_reads(text: str, params: dict[str, Any]) -> None:
    rule = parse(text, "constraints[0]", WORDS)

    assert keeps(rule, params) == bool(eval(text, {}, params))


@settings(max_examples=400, deadline=None)
@given(
    text=RULES, params=st.fixed_dictionaries(VALUES), absent=st.sets(st.sampled_from(CONDITIONAL))
)
def test_constraints_are_satisfied_where_the_rule_is_kept(
    text: str, params: dict[str, Any], absent: set[str]
) -> None:
    rule = parse(text, "constraints[0]", WORDS)
    try:
        constraints = compiled(text)
    except QhpoError as error:
        if "must speak of parameters" not in str(error):
            raise
        return

    for active in (params, {k: v for k, v in params.items() if k not in absent}):
        satisfied = all(constraint.satisfied(active) for constraint in constraints)
        assert satisfied == keeps(rule, active)


@pytest.mark.parametrize(
    ("text", "constraint"),
    [
        ("many + wide <= 100", linear({"many": 1, "wide": 1}, "<=", 100)),
        ("many <= wide + 3", linear({"many": 1, "wide": -1}, "<=", 3)),
        ("many + wide < 100", linear({"many": 1, "wide": 1}, "<=", 99)),
        ("100 <= 2 * many - real", linear({"many": 2, "real": -1}, ">=", 100)),
        ("real < 3", linear({"real": 1}, "<=", math.nextafter(3, 0))),
        ("many - real > 0.5", linear({"many": 1, "real": -1}, ">=", math.nextafter(0.5, 1))),
        ("sum(many, wide) == 9", linear({"many": 1, "wide": 1}, "==", 9)),
        ("many * wide <= 512", quadratic({("many", "wide"): 1}, "<=", 512)),
        ("many ** 2 + wide <= 512", quadratic({("many", "many"): 1, "wide": 1}, "<=", 512)),
        ("not (on and kind != 'adam')", forbid({"on": True, "kind": ["sgd", "lion"]})),
        ("not on or kind == 'adam'", forbid({"on": True, "kind": ["sgd", "lion"]})),
        ("exactly(1, on, off)", exactly(1, {"on": [True], "off": [True]})),
        ("at_most(1, [on, few > 2])", at_most(1, {"on": [True], "few": [3, 4]})),
        ("all_different(many, wide)", all_different("many", "wide")),
    ],
)
def test_a_rule_becomes_the_form_that_is_searched_best(text: str, constraint: Constraint) -> None:
    assert compiled(text, ()) == [constraint]


def test_two_parameters_of_few_values_become_a_truth_table() -> None:
    (constraint,) = compiled("few <= size")

    assert repr(constraint) == repr(relation(("few", "size"), max)).replace("max", "few <= size")
    assert constraint.satisfied({"few": 0, "size": 0.25})
    assert not constraint.satisfied({"few": 1, "size": 0.25})


def test_rules_that_and_joins_are_rules_of_their_own() -> None:
    assert len(compiled("few <= size and many + wide <= 9 and (on or off)")) == 3


def test_what_has_no_form_of_its_own_is_asked_by_its_text() -> None:
    (constraint,) = compiled("min(many, wide, 3 * few) % 7 != real // 2 + many % wide")

    assert "min(many, wide, 3 * few) % 7" in repr(constraint)


@pytest.mark.parametrize(
    ("text", "params", "kept"),
    [
        # A sum leaves out what is inactive.
        ("many + wide <= 100", {"many": 90}, True),
        ("many + wide <= 100", {"many": 101}, False),
        ("many * wide >= 1", {"many": 5}, False),
        # A count does not count it.
        ("at_least(1, on, off)", {"off": False}, False),
        ("exactly(1, on, off)", {"off": True}, True),
        # Any other rule says nothing.
        ("many <= wide", {"many": 400}, True),
        ("wide >= 100", {}, True),
        ("on or off", {"off": False}, True),
        ("not (on and off)", {"off": True}, True),
        ("many % 2 == 0 or on", {"many": 3}, True),
    ],
)
def test_what_a_rule_says_of_inactive_parameters(
    text: str, params: dict[str, Any], kept: bool
) -> None:
    assert keeps(parse(text, "", WORDS), params) is kept
    assert all(constraint.satisfied(params) for constraint in compiled(text)) is kept


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("many / few > 2", {"many": 9, "few": 0}),
        ("not many / few > 2", {"many": 9, "few": 0}),
        ("(real - 4) ** 0.5 < 9", {"real": 1.0}),
        ("9.0 ** (many * many) > 1", {"many": 400}),
        ("((9 ** wide) ** wide) ** wide > 1", {"wide": 400}),
    ],
)
def test_a_comparison_whose_arithmetic_has_no_value_does_not_hold(
    text: str, params: dict[str, Any]
) -> None:
    assert not all(constraint.satisfied(params) for constraint in compiled(text))


def test_names_are_found_as_they_can_be_written() -> None:
    params = {
        "net.width": 32,
        "batch-size": 4,
        "lambda": 0.5,
        "kept[age]": True,
        "order[0]": "flip",
    }

    for text in (
        "net.width == 32",
        "batch_size < 5",
        "lambda_ == 0.5",
        "'age' in kept",
        "kept[age]",
        "order[0] == 'flip'",
        "batch_size + depth == 7",
        "true or kept[bmi]",
    ):
        assert keeps(parse(text, "", WORDS), params), text


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        ("widee <= 3", 1, "'wide'"),
        ("  few <= widht", 10, "did you mean"),
        ("kind == 'sdg'", 9, "did you mean 'sgd'?"),
        ("few == 7", 8, "it has 0 to 4"),
        ("kind < 3", 1, "a number is needed"),
        ("kind + 1 == 2", 1, "a number is needed"),
        ("few and on", 1, "compare it"),
        ("few <= 3 if on else off", 1, "use one of these"),
        ("[few for few in (1, 2)] == 3", 1, "use one of these"),
        ("__import__('os').system('ls') == 0", 1, "only a few functions"),
        ("few.__class__ == 3", 1, "every name must be a parameter"),
        ("(lambda: 1)() == 1", 2, "only a few functions"),
        ("few is 3", 1, "use == for is"),
        ("few in kind", 8, "or a subset"),
        ("'agee' in kept", 1, "did you mean 'age'?"),
        ("kept == 3", 1, "'item' in kept"),
        ("exactly(on, off)", 9, "begins with how many"),
        ("exactly(3, on, off)", 1, "counts from 0 to its 2 values"),
        ("sqrt(few) < 3", 1, "only a few functions"),
        ("max(few, key=3) < 3", 1, "without names"),
        ("f'{few}' == 'a'", 1, "use one of these"),
        ("few < 99999999999999999999", 7, "numbers must be finite"),
        ("few < 1e999", 7, "numbers must be finite"),
        ("kind == kind == few", 17, "must be able to be equal"),
        ("kind == few", 9, "must be able to be equal"),
        ("on := 3", 4, "correct it there"),
        ("few <", 6, "correct it there"),
        ("lambda < 3", 8, "write lambda_ for the parameter"),
        ("b'a' == kind", 1, "a value is a number"),
    ],
)
def test_errors_point_to_the_column(text: str, column: int, told: str) -> None:
    with pytest.raises(QhpoError) as caught:
        compiled(text)

    assert f"column {column}:" in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 300 + "few" + ")" * 300 + " < 3",
        "-" * 400 + "few < 3",
        "not " * 200 + "on",
        "few < " + "+".join(["1"] * 400),
        "few < 3" * 200,
        "9" * 900 + " > few",
        "few" + "[0]" * 200 + " < 3",
        "few" + ".a" * 400 + " < 3",
    ],
)
def test_long_and_deep_expressions_are_errors_of_one_line(text: str) -> None:
    with pytest.raises(QhpoError) as caught:
        compiled(text)

    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("text", ["1 < 2", "depth == 3", "few < 2 and 1 < 2"])
def test_a_rule_must_speak_of_parameters(text: str) -> None:
    with pytest.raises(QhpoError, match="must speak of parameters"):
        compiled(text)


@pytest.mark.parametrize("value", [3, None, True, ["few < 2"], "", "  "])
def test_a_rule_is_text(value: object) -> None:
    with pytest.raises(QhpoError, match="must be"):
        compile_rule(value, "constraints[0]", WORDS, ())


def test_constraints_can_be_pickled() -> None:
    long = " + ".join(["few", "real"] * 39) + " % 2 < 3"
    for text in (long, "few <= size", "many % wide == real", "many + wide < real"):
        for constraint in compiled(text):
            assert pickle.loads(pickle.dumps(constraint)) == constraint
