"""Annealing under constraints: penalties, multipliers, repair and descent.

Glossary
--------
P
    Penalty weight: the energy that one conflict, or one unit of a squared sum, costs.
lambda
    Multiplier of a sum that would need a large slack: its contributions are added as they are,
    lambda times, and lambda grows while the reads break the bound (Lagrangian relaxation).

Penalties alone promise nothing. What is annealed is repaired, and descends through changes that
keep the constraints.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.feasible import Moves
from qhpo.forms.penalty import PenaltyBuilder
from qhpo.solvers import Solver

__all__ = ["PenaltyWeights", "constrained_samples"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_ROUNDS = 3
_GROWTH = 3.0


@dataclass
class PenaltyWeights:
    """Weights that grow as long as no read keeps the constraints.

    One object serves all models of a suggestion, so that only the first has to find them.

    Attributes:
        penalty: P, in units of the model's field scale.
        multipliers: lambda by number of the form, in the same units per contribution; estimated by
            the first model.
    """

    penalty: float = 2.0
    multipliers: dict[int, float] = field(default_factory=dict)


def constrained_samples(
    tables: DenseDQM,
    solver: Solver,
    feasible: Moves,
    centre: IntArray,
    frozen: BoolArray,
    weights: PenaltyWeights,
    n_best: int,
    rng: np.random.Generator,
) -> IntArray:
    """Configurations of low energy that keep the constraints.

    Args:
        tables: Energies over the levels, a trust region's tolls included.
        solver: Samples the penalized model.
        feasible: Constraints and conditions over nothing but the levels.
        centre: Level of every axis where frozen or inactive, shape (d,).
        frozen: Axes that keep the centre's level, shape (d,), bool.
        weights: Weights to start with; in place, what they have grown to.
        n_best: How many of the solver's samples to use, lowest energy first.
        rng: Seeds the solver and breaks ties.

    Returns:
        Shadows of levels, shape (q, d), q <= n_best; q is 0 if no sample could be repaired.
    """
    shadow = centre[None, :]
    if frozen.all():
        return feasible.repaired_distinct(shadow, frozen, rng)
    if not weights.multipliers:
        weights.multipliers.update(_relaxed_multipliers(tables, feasible, centre, frozen))
    for attempt in range(_ROUNDS):
        model, axes = _penalized(tables, feasible, centre, frozen, weights)
        samples = solver.reads(model, int(rng.integers(2**31))).cases[:n_best]
        shadow = np.tile(centre, (len(samples), 1))
        chosen = samples[:, : len(axes)]
        # A case behind the levels means inactive: the shadow keeps the centre's level.
        inside = chosen < feasible.space.n_levels[axes]
        shadow[:, axes] = np.where(inside, chosen, shadow[:, axes])
        if (feasible.violation(shadow) == 0.0).any():
            break
        if attempt < _ROUNDS - 1:
            _raise(weights, feasible, feasible.activity.apply(shadow))
    repaired = feasible.repaired_distinct(shadow, frozen, rng)
    return feasible.descend(tables, repaired, frozen, rng)


def _raise(weights: PenaltyWeights, feasible: Moves, places: IntArray) -> None:
    """More weight for what the reads broke; in place."""
    weights.penalty *= _GROWTH
    for k, before in weights.multipliers.items():
        excess = feasible.rules.forms[k].excess(places)
        if excess:
            step = max(abs(before) * (_GROWTH - 1.0), 0.5)
            weights.multipliers[k] = before + float(np.sign(excess)) * step


def _relaxed_multipliers(
    tables: DenseDQM, feasible: Moves, centre: IntArray, frozen: BoolArray
) -> dict[int, float]:
    """Multipliers of the sums that would need a large slack, by number of the form.

    They are the dual solution of a linear program, the relaxation of the model that has the energy
    and the sums of the single changes of the centre; 0 where it has no solution (Geoffrion 1974,
    "Lagrangean relaxation for integer programming").
    """
    places = feasible.activity.apply(centre[None, :])
    builder = PenaltyBuilder(feasible.space.starts, feasible.activity.children)
    forms = {k: f for k, f in enumerate(feasible.rules.forms) if not f.is_light(builder)}
    rows, bounds, owners = [], [], []
    free = np.flatnonzero(~frozen[feasible.block])
    for k, form in forms.items():
        for sign, differences, room in form.linear_rows(places):
            rows.append(differences[free])
            bounds.append(room)
            owners.append((k, sign))
    multipliers = dict.fromkeys(forms, 0.0)
    if not rows:
        return multipliers
    fields = tables.local_fields(centre[None, :])[0]
    gains = fields - fields[centre + tables.starts[:-1]][feasible.block]
    one_level = (feasible.block[free] == np.flatnonzero(~frozen)[:, None]).astype(float)
    solved = linprog(
        gains[free], np.stack(rows), bounds, one_level, np.ones(len(one_level)), method="highs-ds"
    )
    if solved.status == 0:
        for (k, sign), marginal in zip(owners, solved.ineqlin.marginals, strict=True):
            multipliers[k] -= sign * float(marginal) / tables.field_scale
    return multipliers


def _penalized(
    tables: DenseDQM,
    feasible: Moves,
    centre: IntArray,
    frozen: BoolArray,
    weights: PenaltyWeights,
) -> tuple[DenseDQM, IntArray]:
    """The energies with penalties over the free axes, and the numbers of these axes."""
    scale = tables.field_scale
    builder = PenaltyBuilder(feasible.space.starts, feasible.activity.children)
    _add_forms(builder, feasible, weights, scale)
    n = len(tables.linear)
    builder.linear[:n] += tables.linear
    builder.quadratic[:n, :n] += tables.quadratic
    linear, quadratic, variable = _with_inactive_cases(builder, feasible, weights.penalty * scale)
    selected = centre + feasible.space.starts[:-1]
    # The levels come first, then auxiliary cases, then inactive ones: frozen axes are fixed.
    linear = linear + quadratic[:, selected[frozen]].sum(axis=1)
    is_fixed = np.append(frozen, np.zeros(int(variable.max()) + 1 - len(frozen), dtype=bool))
    order = np.argsort(variable, kind="stable")
    order = order[~is_fixed[variable[order]]]
    starts = np.append(np.unique(variable[order], return_index=True)[1], len(order))
    model = DenseDQM(
        starts,
        linear[order],
        quadratic[np.ix_(order, order)],
        tables.offset + builder.offset,
    )
    return model, np.flatnonzero(~frozen)


def _add_forms(
    builder: PenaltyBuilder, feasible: Moves, weights: PenaltyWeights, scale: float
) -> None:
    for k, form in enumerate(feasible.rules.forms):
        if k in weights.multipliers:
            form.add_multiple(builder, weights.multipliers[k] * scale)
        else:
            form.add_penalty(builder, weights.penalty * scale)


def _with_inactive_cases(
    builder: PenaltyBuilder, feasible: Moves, penalty: float
) -> tuple[FloatArray, FloatArray, IntArray]:
    """One more case per child, which is on if and only if the child is inactive.

    Returns:
        Linear and quadratic biases with the new cases at the end, and the variable of every case.
    """
    children = np.flatnonzero(feasible.activity.children)
    n, n_more = len(builder.linear), len(children)
    variable = np.append(np.repeat(np.arange(len(builder.sizes)), builder.sizes), children)
    linear = np.pad(builder.linear, (0, n_more))
    quadratic = np.pad(builder.quadratic, (0, n_more))
    inactive = dict(zip(children.tolist(), range(n, n + n_more), strict=True))
    starts = feasible.space.starts

    def forbid(rows: IntArray, columns: IntArray) -> None:
        quadratic[np.ix_(rows, columns)] += penalty
        quadratic[np.ix_(columns, rows)] += penalty

    for child, parents in feasible.activity.enabled:
        active = np.arange(starts[child], starts[child + 1])
        for parent, enabled in parents:
            levels = np.arange(starts[parent], starts[parent + 1])
            is_enabling = enabled[: len(levels)]
            off = levels[~is_enabling]
            if parent in inactive:
                off = np.append(off, inactive[parent])
            forbid(active, off)
            # With several parents, no single one tells that the child must be active.
            if len(parents) == 1:
                forbid(np.array([inactive[child]]), levels[is_enabling])
    return linear, quadratic, variable
