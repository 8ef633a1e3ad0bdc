"""Penalties for annealing: a model of free axes whose low energies keep most constraints.

Glossary
--------
P
    Penalty weight: the energy that one conflict, or one unit of a squared sum, costs.
lambda
    Multiplier of a sum that would need a large slack: its contributions are added as they are,
    lambda times, and lambda grows while the reads break the bound (Lagrangian relaxation).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.feasible.moves import Moves
from qhpo.forms.builder import PenaltyBuilder
from qhpo.space import Activity

__all__ = ["PenaltyWeights", "penalized"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_GROWTH = 3.0
"""Factor by which weights grow: two growths make nearly ten of one, the usual range of the penalty
between too little to matter and too much to anneal."""

_LEAST_STEP = 0.5
"""Least growth of a multiplier, which may be 0: half of the energy's own scale."""


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

    def grow(self, moves: Moves, imputed: IntArray) -> None:
        """More weight for what some reads broke.

        Args:
            moves: Constraints and conditions over the levels.
            imputed: The reads, shape (q, d).
        """
        self.penalty *= _GROWTH
        places = moves.activity.apply(imputed)
        for k, before in self.multipliers.items():
            excess = moves.rules.forms[k].excess(places)
            if excess:
                step = max(abs(before) * (_GROWTH - 1.0), _LEAST_STEP)
                self.multipliers[k] = before + float(np.sign(excess)) * step


def penalized(
    tables: DenseDQM, moves: Moves, centre: IntArray, fixed: BoolArray, weights: PenaltyWeights
) -> DenseDQM:
    """The energies with penalties, over the axes that are not fixed.

    Args:
        tables: Energies over the levels.
        moves: Constraints and conditions over nothing but the levels.
        centre: A level of every axis, shape (d,): that of the fixed ones.
        fixed: Axes that keep the centre's level, shape (d,), bool.
        weights: Weights of the penalties; multipliers are estimated if there are none.

    Returns:
        A model whose first variables are the free axes. A case behind the levels of an axis means
        that it is inactive.
    """
    builder = PenaltyBuilder(moves.space.starts, moves.activity.children)
    if not weights.multipliers:
        weights.multipliers.update(_relaxed_multipliers(builder, tables, moves, centre, fixed))
    for k, form in enumerate(moves.rules.forms):
        if k in weights.multipliers:
            form.add_multiple(builder, weights.multipliers[k] * tables.field_scale)
        else:
            form.add_penalty(builder, weights.penalty * tables.field_scale)
    builder.add_energies(tables.linear, tables.quadratic)
    if moves.activity.enabled:
        _add_conditions(builder, moves.activity, weights.penalty * tables.field_scale)
    whole = builder.tables()
    selected = builder.levels[centre + moves.space.starts[:-1]]
    linear = whole.linear + whole.quadratic[:, selected[fixed]].sum(axis=1)
    is_free = np.append(~fixed, np.ones(whole.n_variables - len(fixed), dtype=bool))
    keep = is_free[whole.block]
    starts = np.append(0, np.cumsum(whole.sizes[is_free])).astype(np.intp)
    quadratic = whole.quadratic[np.ix_(keep, keep)]
    return DenseDQM(starts, linear[keep], quadratic, tables.offset + whole.offset)


def _relaxed_multipliers(
    builder: PenaltyBuilder, tables: DenseDQM, moves: Moves, centre: IntArray, fixed: BoolArray
) -> dict[int, float]:
    """Multipliers of the forms that would need too many auxiliary cases, by number of the form.

    They are the dual solution of a linear program, the relaxation of the model that has the energy
    and the sums of the single changes of the centre; 0 where it has no solution (Geoffrion 1974,
    "Lagrangean relaxation for integer programming").
    """
    places = moves.activity.apply(centre[None, :])
    forms = {k: f for k, f in enumerate(moves.rules.forms) if not f.is_light(builder)}
    rows, bounds, owners = [], [], []
    free = np.flatnonzero(~fixed[moves.block])
    for k, form in forms.items():
        for sign, differences, room in form.linear_rows(places):
            rows.append(differences[free])
            bounds.append(room)
            owners.append((k, sign))
    multipliers = dict.fromkeys(forms, 0.0)
    if not rows:
        return multipliers
    fields = tables.local_fields(centre[None, :])[0]
    gains = fields - fields[centre + tables.starts[:-1]][moves.block]
    one_level = (moves.block[free] == np.flatnonzero(~fixed)[:, None]).astype(float)
    solved = linprog(
        gains[free], np.stack(rows), bounds, one_level, np.ones(len(one_level)), method="highs-ds"
    )
    if solved.status == 0:
        for (k, sign), marginal in zip(owners, solved.ineqlin.marginals, strict=True):
            multipliers[k] -= sign * float(marginal) / tables.field_scale
    return multipliers


def _add_conditions(builder: PenaltyBuilder, activity: Activity, penalty: float) -> None:
    """Makes the last case of every child be on if and only if the child is inactive."""
    for child, parents in activity.enabled:
        *active, inactive = builder.cases_of(child)
        for parent, enabled in parents:
            cases = builder.cases_of(parent)
            is_enabling = enabled[: len(cases)]
            builder.forbid(np.array(active), cases[~is_enabling], penalty)
            # With several parents, no single one tells that the child must be active.
            if len(parents) == 1:
                builder.forbid(np.array([inactive]), cases[is_enabling], penalty)
