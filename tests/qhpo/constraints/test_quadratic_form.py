"""The public quadratic form: zero where a constraint holds, at least one elsewhere."""

from __future__ import annotations

import itertools

import dimod
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from qhpo import QhpoError
from qhpo import constraints as c
from qhpo.constraints import Constraint

SPACE: dict[str, BaseDistribution] = {
    "heads": IntDistribution(1, 3),
    "kind": CategoricalDistribution(["mean", "attention", None]),
    "left": IntDistribution(0, 4, step=2),
    "wide": CategoricalDistribution([False, True]),
}


def _differ(heads: int, kind: str | None, wide: bool) -> bool:
    return (heads > 1) == (kind == "attention" or wide)


CONSTRAINTS = [
    c.forbid(kind="attention", wide=True),
    c.forbid(kind="mean", wide=True, heads=[1, 2]),
    c.requires({"kind": "attention"}, {"heads": [2, 3], "wide": False}),
    c.relation(("heads", "left"), int.__le__),
    c.relation(("heads", "kind", "wide"), _differ),
    c.exactly(1, {"kind": "mean", "wide": True}),
    c.at_least(2, {"heads": [2, 3], "kind": None, "wide": True}),
    c.linear({"heads": 2.0, "left": -0.5}, "<=", 3.5),
    c.linear({"heads": 1, "left": 1}, "==", 5),
    c.quadratic({("heads", "left"): 1, "left": 0.5}, ">=", 3),
    c.all_different("heads", "left"),
]


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=repr)
def test_is_zero_exactly_where_the_constraint_holds(constraint: Constraint) -> None:
    model = constraint.penalty(SPACE)
    labels = [str(label) for label in model.variables]
    names = sorted(constraint.names)
    assert labels[: len(names)] == names
    axes = {
        name: list(dist.choices)
        if isinstance(dist := SPACE[name], CategoricalDistribution)
        else list(range(dist.low, dist.high + 1, dist.step))
        for name in names
    }
    auxiliary = [range(model.num_cases(label)) for label in labels[len(names) :]]
    for levels in itertools.product(*(range(len(axes[name])) for name in names)):
        samples = [(*levels, *rest) for rest in itertools.product(*auxiliary)]
        energy = min(model.energies((samples, labels)))
        params = {name: axes[name][level] for name, level in zip(names, levels, strict=True)}
        if constraint.satisfied(params):
            assert energy == pytest.approx(0.0, abs=1e-9), params
        else:
            assert energy >= 1.0 - 1e-9, params


def test_is_a_model_that_dimod_knows() -> None:
    model = CONSTRAINTS[0].penalty(SPACE)
    assert isinstance(model, dimod.DiscreteQuadraticModel)
    assert dimod.ExactDQMSolver().sample_dqm(model).first.energy == pytest.approx(0.0)


def test_a_predicate_has_none() -> None:
    with pytest.raises(QhpoError, match="can be tabulated"):
        c.predicate(bool).penalty(SPACE)


def test_must_fit_the_space() -> None:
    with pytest.raises(QhpoError, match="must be in the search space"):
        c.forbid(width=3).penalty(SPACE)


def test_text_is_no_value_of_a_number() -> None:
    # Optuna reads numbers from strings, which no value would ever equal.
    with pytest.raises(QhpoError, match="values that the parameter can take"):
        c.forbid(heads="2").check(SPACE)
