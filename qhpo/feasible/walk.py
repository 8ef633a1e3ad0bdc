"""Random walks to what keeps all constraints, where nothing but asking tells what does.

A function that holds in a thin band says nothing of how far away the band is. What is left is to
ask it often, one constraint after the other, and never to lose what was found: beside a
configuration that keeps all of them others lie closer together than anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from qhpo.constraints import Constraint
from qhpo.space import Space

__all__ = ["AGAIN_TRIES", "BLIND_TRIES", "Walk"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

BLIND_TRIES = 20_000
"""Configurations that are asked about where none is known that keeps all constraints: a few tenths
of a second. What holds in a thousandth of the space is found with certainty."""

AGAIN_TRIES = 2000
"""The same where some are known, to find others elsewhere, at every suggestion."""

_STEP_TRIES = 1000
"""Configurations beside known ones that are asked about, some tens of milliseconds."""

_SETTLING = 20
"""To keep sums of numbers costs as much as so many tries."""

_LEAST_STEP, _LARGEST_STEP = 1e-4, 0.3
"""Parts of a range that a step leads away: each power of ten between them equally often, since the
width of what is allowed may be any."""

_LONGEST = 3.0
"""Longest step along a difference: more than 1, so that a walk can outgrow what it knows."""


class Walk:
    """Walks through the configurations of a space.

    Args:
        space: The search space.
        constraints: What must hold.
        active: Takes coordinates of shape (d,), returns them with NaN where inactive.
        settle: Takes such coordinates, returns some near them that keep the sums of numbers; None
            if there are no such sums.
        draw: Takes the number of an axis, returns a random coordinate.
        switches: Axes that decide which others are active, shape (d,), bool.
    """

    def __init__(
        self,
        space: Space,
        constraints: Sequence[Constraint],
        active: Callable[[FloatArray], FloatArray],
        settle: Callable[[FloatArray], FloatArray] | None,
        draw: Callable[[int], float],
        switches: NDArray[np.bool_],
    ) -> None:
        self._space = space
        self._constraints = constraints
        self._active = active
        self._settle = settle
        self._draw = draw
        self._switches = switches
        index = {axis.name: i for i, axis in enumerate(space.axes)}
        self._axes = [
            np.array(sorted({index[n] for n in c.names} or index.values()), dtype=np.intp)
            for c in constraints
        ]
        self._cost = 1 if settle is None else _SETTLING

    def _broken(self, coordinates: FloatArray) -> list[int]:
        """Numbers of the constraints that a configuration does not keep."""
        params = self._space.decode(coordinates)
        return [k for k, c in enumerate(self._constraints) if not c.satisfied(params)]

    def _placed(self, row: FloatArray) -> FloatArray:
        """What is active of a row, its sums kept."""
        active = self._active(row)
        return active if self._settle is None else self._settle(active)

    def blind(
        self, fixed: FloatArray, rng: np.random.Generator, tries: int = BLIND_TRIES
    ) -> FloatArray | None:
        """A configuration that keeps all constraints, from random ones.

        Parameters of a broken constraint are drawn anew; that stays if no more constraints are
        broken than before. So what each of several constraints leaves is found one by one.

        Args:
            fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
            rng: Draws which constraint is next.
            tries: Most configurations that are asked about.

        Returns:
            Shape (d,), NaN where inactive; None if the tries were not enough.
        """
        free = np.isnan(fixed)
        row = np.array([self._draw(i) if free[i] else fixed[i] for i in range(len(fixed))])
        here = self._placed(row)
        broken = self._broken(here)
        for _ in range(tries // self._cost):
            if not broken:
                return here
            axes = self._axes[broken[int(rng.random() * len(broken))]]
            axes = axes[free[axes]]
            if not len(axes):
                return None
            if rng.random() < 0.5:
                axes = axes[int(rng.random() * len(axes)) :][:1]
            changed = row.copy()
            for i in axes.tolist():
                changed[i] = self._draw(i)
            placed = self._placed(changed)
            left = self._broken(placed)
            if len(left) <= len(broken):
                # Settled numbers are where the walk goes on; what is inactive is kept in mind.
                row = np.where(np.isnan(placed), changed, placed)
                here, broken = placed, left
        return None if broken else here

    def beside(
        self, known: Sequence[FloatArray], n: int, fixed: FloatArray, rng: np.random.Generator
    ) -> list[FloatArray]:
        """Further configurations that keep all constraints, from such configurations.

        Each that is found is gone on from. A step is random, or the difference of two known ones,
        which leads along the band that they lie in (Storn, Price 1997, "Differential evolution").

        Args:
            known: Configurations that keep all constraints and what is fixed, at least one.
            n: Most that are wanted.
            fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
            rng: Draws the steps.
        """
        numbers = np.array([not axis.is_category for axis in self._space.axes])
        here, found = list(known), list[FloatArray]()
        for _ in range(_STEP_TRIES // self._cost):
            start = here[int(rng.random() * len(here))]
            free = np.isnan(fixed) & ~np.isnan(start) & ~self._switches
            if not free.any():
                continue
            step = self._step(here, free & numbers, rng)
            moved = np.where(free & numbers, np.clip(start + step, 0.0, 1.0), start)
            for i in np.flatnonzero(free & numbers).tolist():
                if not self._space.axes[i].is_exhaustive:
                    moved[i] = self._space.axes[i].snap(moved[i : i + 1])[0]
                else:
                    levels = self._space.axes[i].coordinates
                    moved[i] = levels[np.abs(levels - moved[i]).argmin()]
            for i in np.flatnonzero(free & ~numbers & (rng.random(len(free)) < 0.2)).tolist():
                moved[i] = self._draw(i)
            moved = self._placed(moved)
            is_same = ((moved == start) | (np.isnan(moved) & np.isnan(start))).all()
            if not is_same and not self._broken(moved):
                here.append(moved)
                found.append(moved)
        if len(found) <= n:
            return found
        # The first ones lie beside what was known.
        return [found[k] for k in rng.choice(len(found), size=n, replace=False).tolist()]

    def _step(
        self, here: Sequence[FloatArray], free: NDArray[np.bool_], rng: np.random.Generator
    ) -> FloatArray:
        """A step of some of the free axes, shape (d,)."""
        size = _LEAST_STEP * (_LARGEST_STEP / _LEAST_STEP) ** rng.random()
        step = size * rng.standard_normal(len(free))
        if len(here) > 2 and rng.random() < 0.5:
            first, second = (here[int(rng.random() * len(here))] for _ in range(2))
            along: FloatArray = np.nan_to_num(first - second) * free
            return _LONGEST * rng.random() * along
        if rng.random() < 0.5:
            step *= rng.random(len(free)) < 0.5
        chosen: FloatArray = step * free
        return chosen
