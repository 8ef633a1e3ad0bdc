"""A space of ConfigSpace and what `from_configspace` makes of it allow the same configurations."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import ConfigSpace as cs
import numpy as np
import optuna
import pytest
from ConfigSpace.exceptions import ForbiddenValueError
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo import QUBOSampler
from qhpo import constraints as c
from qhpo.errors import QhpoError
from qhpo.space import declared_conditions
from qhpo_integrations.configspace import ConvertedSpace, from_configspace

WIDTHS = ["small", "medium", "large", "huge"]


def _hyperparameters() -> list[Any]:
    return [
        cs.Categorical("optimizer", ["sgd", "adam", "adamw"]),
        cs.Float("momentum", (0.0, 0.99)),
        cs.Float("rate", (1e-5, 1e-1), log=True),
        cs.Integer("layers", (1, 4)),
        cs.OrdinalHyperparameter("width", WIDTHS),
        cs.Integer("batch", (8, 512), log=True),
        cs.Constant("task", "digits"),
        cs.Categorical("shape", [(1, 2), (2, 1), None]),
        cs.Float("warmup", (0.0, 0.5)),
        cs.Integer("heads", (1, 8)),
    ]


def _rich_space() -> cs.ConfigurationSpace:
    space = cs.ConfigurationSpace(seed=0)
    space.add(_hyperparameters())
    space.add(
        cs.EqualsCondition(space["momentum"], space["optimizer"], "sgd"),
        cs.AndConjunction(
            cs.GreaterThanCondition(space["width"], space["layers"], 1),
            cs.NotEqualsCondition(space["width"], space["optimizer"], "adamw"),
        ),
        cs.OrConjunction(
            cs.EqualsCondition(space["warmup"], space["width"], "huge"),
            cs.GreaterThanCondition(space["warmup"], space["rate"], 1e-2),
        ),
        cs.InCondition(space["shape"], space["width"], ["medium", "huge"]),
    )
    space.add(
        cs.ForbiddenAndConjunction(
            cs.ForbiddenEqualsClause(space["optimizer"], "adam"),
            cs.ForbiddenInClause(space["layers"], [1, 4]),
        ),
        cs.ForbiddenEqualsClause(space["shape"], (2, 1)),
        cs.ForbiddenGreaterThanRelation(space["heads"], space["batch"]),
        cs.ForbiddenLessThanRelation(space["heads"], space["layers"]),
        cs.ForbiddenAndConjunction(
            cs.ForbiddenGreaterThanClause(space["rate"], 1e-2),
            cs.ForbiddenLessThanClause(space["batch"], 32),
        ),
        cs.ForbiddenGreaterThanClause(space["momentum"], 0.95),
        cs.ForbiddenLessThanClause(space["rate"], 1e-4),
    )
    return space


def _agree(space: ConvertedSpace, configuration: cs.Configuration) -> bool:
    """Whether constraints and conditions accept a configuration of ConfigSpace."""
    params = space.to_params(configuration)
    conditions = declared_conditions(space.conditions, space.search_space)
    return (
        all(rule.satisfied(params) for rule in space.constraints)
        and all(each.is_active(params) == (each.child in params) for each in conditions)
        and space.to_configuration(params) == configuration
    )


def _sampler(space: ConvertedSpace, n_startup: int) -> QUBOSampler:
    return QUBOSampler(
        space.search_space,
        constraints=space.constraints,
        conditions=space.conditions,
        n_startup_trials=n_startup,
        seed=0,
    )


@pytest.mark.parametrize("n", [50, pytest.param(500, marks=pytest.mark.slow)])
def test_suggestions_are_legal(n: int) -> None:
    space = from_configspace(_rich_space())
    # The last ones come from the model, which costs more.
    study = optuna.create_study(sampler=_sampler(space, n - 20))
    for _ in range(n):
        trial = study.ask()
        configuration = space.suggest(trial)
        configuration.check_valid_configuration()
        assert space.to_params(configuration) == pytest.approx(trial.params)
        study.tell(trial, configuration["rate"])


def test_configurations_of_configspace_are_accepted() -> None:
    written = _rich_space()
    space = from_configspace(written)
    assert all(_agree(space, configuration) for configuration in written.sample_configuration(300))


@st.composite
def _spaces(draw: st.DrawFn) -> cs.ConfigurationSpace:
    """Some parameters, each perhaps under earlier ones, with some clauses."""
    space = cs.ConfigurationSpace(seed=draw(st.integers(0, 99)))
    chosen = draw(st.permutations(_hyperparameters()))[: draw(st.integers(2, 6))]
    space.add(chosen)
    names = [hp.name for hp in chosen]
    for place, name in enumerate(names[1:], start=1):
        literals = [
            _condition(draw, space, name, parent)
            for parent in draw(st.lists(st.sampled_from(names[:place]), max_size=2, unique=True))
        ]
        if len(literals) == 2:
            kind = draw(st.sampled_from([cs.AndConjunction, cs.OrConjunction]))
            _add(space, kind(*literals))
        elif literals:
            _add(space, literals[0])
    for _ in range(draw(st.integers(0, 2))):
        among = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
        clauses = [_clause(draw, space[name]) for name in among]
        kinds = [cs.ForbiddenAndConjunction, cs.ForbiddenOrConjunction]
        _add(space, clauses[0] if len(clauses) == 1 else draw(st.sampled_from(kinds))(*clauses))
    return space


def _add(space: cs.ConfigurationSpace, rule: Any) -> None:
    try:
        space.add(rule)
    except ValueError:  # its default configuration breaks the rule
        assume(False)


def _value(draw: st.DrawFn, hp: Any) -> Any:
    value = hp.sample_value(seed=np.random.RandomState(draw(st.integers(0, 99))))
    # ConfigSpace rounds the floats of a configuration, and not those of a condition.
    return float(f"{value:.3g}") if isinstance(value, float) else value


def _condition(draw: st.DrawFn, space: cs.ConfigurationSpace, child: str, parent: str) -> Any:
    kinds: list[Any] = [cs.EqualsCondition, cs.NotEqualsCondition, cs.InCondition]
    if space[parent].ORDERABLE:
        kinds += [cs.LessThanCondition, cs.GreaterThanCondition]
    kind = draw(st.sampled_from(kinds))
    value = _value(draw, space[parent])
    return kind(space[child], space[parent], [value] if kind is cs.InCondition else value)


def _clause(draw: st.DrawFn, hp: Any) -> Any:
    kinds: list[Any] = [cs.ForbiddenEqualsClause, cs.ForbiddenInClause]
    if hp.ORDERABLE:
        kinds += [cs.ForbiddenLessThanClause, cs.ForbiddenGreaterThanClause]
    kind = draw(st.sampled_from(kinds))
    value = _value(draw, hp)
    return kind(hp, [value] if kind is cs.ForbiddenInClause else value)


@settings(max_examples=20)
@given(written=_spaces())
def test_both_sides_allow_the_same(written: cs.ConfigurationSpace) -> None:
    space = from_configspace(written)
    try:
        sampled = written.sample_configuration(20)
    except ForbiddenValueError:
        assume(False)
    assert all(_agree(space, configuration) for configuration in sampled)
    study = optuna.create_study(sampler=_sampler(space, 15))
    for _ in range(18):
        trial = study.ask()
        # Raises an error where the configuration is not legal.
        configuration = space.suggest(trial)
        assert _agree(space, configuration)
        study.tell(trial, float(len(configuration)))


def test_what_stands_for_each_hyperparameter() -> None:
    space = from_configspace(_rich_space())
    assert space.search_space == {
        "optimizer": CategoricalDistribution(("sgd", "adam", "adamw")),
        "momentum": FloatDistribution(0.0, 0.99),
        "rate": FloatDistribution(1e-5, 1e-1, log=True),
        "layers": IntDistribution(1, 4),
        "width": IntDistribution(0, 3),
        "batch": IntDistribution(8, 512, log=True),
        "task": CategoricalDistribution(("digits",)),
        "shape": CategoricalDistribution(("(1, 2)", "(2, 1)", None)),
        "warmup": FloatDistribution(0.0, 0.5),
        "heads": IntDistribution(1, 8),
    }
    # The alternatives of "warmup" cannot be declared.
    assert space.conditions == {
        "momentum": {"optimizer": ["sgd"]},
        "width": {"layers": [2, 3, 4], "optimizer": ["sgd", "adam"]},
        "shape": {"width": [1, 3]},
    }


def test_clauses_become_the_constraints_that_are_searched_best() -> None:
    rules = {repr(rule) for rule in from_configspace(_rich_space()).constraints}
    assert repr(c.forbid(optimizer="adam", layers=[1, 4])) in rules
    assert repr(c.forbid(shape="(2, 1)")) in rules
    assert repr(c.linear({"heads": 1.0, "batch": -1.0}, "<=", 0.0)) in rules
    assert repr(c.linear({"heads": 1.0, "layers": -1.0}, ">=", 0.0)) in rules
    assert repr(c.linear({"rate": 1.0}, ">=", 1e-4)) in rules


def test_alternatives_of_one_parent_are_declared() -> None:
    space = cs.ConfigurationSpace({"a": (1, 9), "b": (0.0, 1.0)})
    low = cs.LessThanCondition(space["b"], space["a"], 3)
    space.add(cs.OrConjunction(low, cs.EqualsCondition(space["b"], space["a"], 7)))
    assert from_configspace(space).conditions == {"b": {"a": [1, 2, 7]}}


def test_a_configuration_can_be_enqueued() -> None:
    written = _rich_space()
    space = from_configspace(written)
    first = written.sample_configuration()
    study = optuna.create_study(sampler=_sampler(space, 5))
    study.enqueue_trial(space.to_params(first))
    assert space.suggest(study.ask()) == first


@pytest.mark.parametrize("suffix", [".json", ".yaml", ".yml"])
def test_files_are_read(tmp_path: Path, suffix: str) -> None:
    written = cs.ConfigurationSpace({"a": (1, 9), "b": (0.0, 1.0)})
    written.add(cs.GreaterThanCondition(written["b"], written["a"], 3))
    path = tmp_path / f"space{suffix}"
    (written.to_json if suffix == ".json" else written.to_yaml)(path)
    assert from_configspace(path).configuration_space == written
    assert from_configspace(str(path)).conditions == {"b": {"a": [4, 5, 6, 7, 8, 9]}}


def test_priors_are_not_used_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    written = cs.ConfigurationSpace()
    written.add(
        cs.Float("a", (0, 5), distribution=cs.Normal(1, 2)),
        cs.Integer("b", (1, 5), distribution=cs.Beta(2, 2)),
        cs.Categorical("c", ["x", "y"], weights=[1, 3]),
        cs.Categorical("d", ["x", "y"]),
    )
    with caplog.at_level(logging.WARNING, "qhpo"):
        space = from_configspace(written)
    assert space.search_space["a"] == FloatDistribution(0, 5)
    assert space.search_space["b"] == IntDistribution(1, 5)
    assert [record.message.split("'")[1] for record in caplog.records] == ["a", "b", "c"]


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(QhpoError, match=r"must be a ConfigSpace.ConfigurationSpace; got \{'a'"):
        from_configspace({"a": (1, 2)})  # type: ignore[arg-type]
    with pytest.raises(QhpoError, match=r"must be \.json or \.yaml; got 'space.pcs'"):
        from_configspace("space.pcs")
    broken = tmp_path / "space.json"
    with pytest.raises(QhpoError, match="FileNotFoundError"):
        from_configspace(broken)
    broken.write_text("[]")
    with pytest.raises(QhpoError, match="a file that ConfigSpace has written"):
        from_configspace(broken)
    space = from_configspace(_rich_space())
    with pytest.raises(QhpoError, match="must be legal in its ConfigurationSpace; got"):
        space.to_configuration({"layers": 2})
    with pytest.raises(QhpoError, match=r"must be one of width, Type: Ordinal.* got 'tiny'"):
        space.to_params({"width": "tiny"})
