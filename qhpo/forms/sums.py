"""Sums within bounds, and nogoods: the sum of all conflicts, of which none may remain.

Glossary
--------
a, Q
    Contributions of a sum: of single cases, shape (C,), 0 in the slots for "inactive", and of pairs
    of cases, symmetric.
violation
    By how much a configuration misses the bounds, in units of the sum's own contributions. It is 0
    exactly where Python's sum is within them: what sums in another order leave in doubt is summed
    again in Python's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo.forms.base import CompiledForm
from qhpo.forms.builder import PenaltyBuilder
from qhpo.forms.numbering import Numbering
from qhpo.forms.program import Program

__all__ = ["Nogoods", "Part", "SumForm", "WholeSum"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

Part = tuple[tuple[int, ...], FloatArray]
"""Axes of a term or product and its contributions, each dimension with a last 0 for inactive."""

WholeSum = tuple[FloatArray, dict[tuple[int, int], FloatArray], float, float]
"""Whole contributions of the levels and of pairs of axes, lower and upper bound."""

_LEAST_VIOLATION = 1e-5
"""A miss by a rounding error counts as this much, which a search can tell from 0: the noise that
breaks ties is 1e-6."""

_DOUBT = 1e-12
"""Sums of d terms differ by their order by some 1e-16 of their size; so far from a bound, relative
to it, they are summed again."""

_MAX_LIGHT_SLACK = 8
"""Most values of slack where a model is annealed for one suggestion among others. A sum that needs
more is weighted by a multiplier instead: squares of large ranges drown the energy."""

_MAX_RANGE = 2**20
"""Largest contribution in units of a whole sum. Its square must leave half of a float's 53 bits to
the energy beside it."""

_MAX_DENOMINATOR = 1000
"""Largest denominator of what counts as a fraction: prices and shares have three places."""

_ROUNDING = 1e-12
"""Relative difference up to which a float is taken for a fraction, or a sum to reach a bound."""


class SumForm(CompiledForm):
    """lower <= a[x] + x'Qx/2 <= upper.

    Args:
        numbering: Of all axes.
        linear: a, shape (C,).
        pairs: Contributions by pair of axes, each of shape (U_i, U_j).
        lower: Least allowed sum.
        upper: Largest allowed sum.
        tolerance: How far an equality may be off.
        parts: Terms and products in the order in which Python sums them.

    Attributes:
        upper: See above.
        scale: Largest contribution, the unit of violations.
    """

    def __init__(
        self,
        numbering: Numbering,
        linear: FloatArray,
        pairs: dict[tuple[int, int], FloatArray],
        lower: float,
        upper: float,
        tolerance: float = 0.0,
        parts: Sequence[Part] = (),
    ) -> None:
        self._numbering = numbering
        self._linear, self._pairs = linear, pairs
        self._lower, self._upper = lower, upper
        self._tolerance = tolerance
        self._parts = parts
        sizes = [float(np.abs(table).max(initial=0.0)) for table in (linear, *pairs.values())]
        self._scale = max(sizes) or 1.0
        self._doubt = 0.0
        if not all(map(_is_coarse, (linear, *pairs.values()))):
            bounds = [abs(b) for b in (lower, upper) if math.isfinite(b)]
            d = len(numbering.first)
            self._doubt = _DOUBT * max(1.0, (d + 1) * self._scale, *bounds)
        self._number, self._quadratic = self._dense()

    def _dense(self) -> tuple[IntArray, FloatArray]:
        """Number of every case among those of axes with pairs, and Q over these.

        All other cases have the last number, whose row and column are 0.
        """
        numbering = self._numbering
        axes = sorted({i for pair in self._pairs for i in pair})
        total = sum(numbering.n_values[i] for i in axes)
        number = np.full(numbering.n_cases, total, dtype=np.intp)
        place: dict[int, slice] = {}
        begin = 0
        for i in axes:
            place[i] = slice(begin, begin + numbering.n_values[i])
            number[numbering.cases_of(i)] = np.arange(place[i].start, place[i].stop)
            begin = place[i].stop
        dense = np.zeros((total + 1, total + 1))
        for (i, j), table in self._pairs.items():
            dense[place[i], place[j]] += table
            dense[place[j], place[i]] += table.T
        return number, dense

    def _missed(self, totals: FloatArray) -> FloatArray:
        """What the sums miss their bounds by; negative within them."""
        missed: FloatArray = np.maximum(
            (self._lower - self._tolerance) - totals, totals - (self._upper + self._tolerance)
        )
        return missed

    def _violation(self, totals: FloatArray, places_of: Callable[..., IntArray]) -> FloatArray:
        """Violations of sums, of the same shape.

        Args:
            totals: The sums, up to rounding.
            places_of: From the indices of some of them, an array per dimension, to their places.
        """
        missed = self._missed(totals)
        if self._doubt > 0.0:
            doubtful = np.nonzero(np.abs(missed) <= self._doubt)
            if len(doubtful[0]):
                missed[doubtful] = self._missed(self._in_order(places_of(*doubtful)))
        violation: FloatArray = np.where(
            missed > 0.0, np.maximum(missed / self._scale, _LEAST_VIOLATION), 0.0
        )
        return violation

    def _in_order(self, places: IntArray) -> FloatArray:
        """The sums to the last bit as Python computes them, (q, d) to (q,)."""
        total = np.zeros(len(places))
        for axes, contributions in self._parts:
            total += contributions[tuple(places[:, i] for i in axes)]
        return total

    def _totals(self, places: IntArray) -> FloatArray:
        """The sums, (q, d) to (q,)."""
        cases = self._numbering.cases(places)
        total: FloatArray = self._linear[cases].sum(axis=1)
        if self._pairs:
            number = self._number[cases]
            pairs = self._quadratic[number[:, :, None], number[:, None, :]]
            total = total + 0.5 * pairs.sum(axis=(1, 2))
        return total

    def violation(self, places: IntArray) -> FloatArray:
        return self._violation(self._totals(places), lambda rows: places[rows])

    def _differences(self, places: IntArray) -> tuple[FloatArray, FloatArray]:
        """The sums, shape (S,), and what every single change adds to them, shape (S, D)."""
        levels = self._numbering.levels
        cases = self._numbering.cases(places)
        own = self._linear[cases]
        totals = own.sum(axis=1)
        fields = np.broadcast_to(self._linear[levels], (len(cases), len(levels)))
        if self._pairs:
            number = self._number[cases]
            among = self._quadratic[number[:, :, None], number[:, None, :]].sum(axis=2)
            totals = totals + 0.5 * among.sum(axis=1)
            own = own + among
            by_level = self._quadratic[self._number[levels]]
            fields = fields + by_level[:, number].sum(axis=2).T
        return totals, fields - own[:, self._numbering.block]

    def _changed(self, places: IntArray, *columns: IntArray) -> IntArray:
        """Configurations, (q, d), after changes of each, by columns of shape (q,)."""
        changed, everyone = places.copy(), np.arange(len(places))
        for chosen in columns:
            self._numbering.change(changed, everyone, chosen)
        return changed

    def after_change(self, places: IntArray) -> FloatArray:
        totals, differences = self._differences(places)
        return self._violation(
            totals[:, None] + differences,
            lambda rows, columns: self._changed(places[rows], columns),
        )

    def after_pair(self, places: IntArray, columns: IntArray) -> FloatArray:
        totals, differences = self._differences(places)
        changes = np.take_along_axis(differences, columns, axis=1)
        after = totals[:, None, None] + changes[:, :, None] + changes[:, None, :]
        if self._pairs:
            level = self._number[self._numbering.levels[columns]]
            current = np.take_along_axis(
                self._number[self._numbering.cases(places)], self._numbering.block[columns], axis=1
            )
            mixed = self._quadratic[level[:, :, None], current[:, None, :]]
            after += self._quadratic[level[:, :, None], level[:, None, :]]
            after -= mixed
            after -= mixed.transpose(0, 2, 1)
            after += self._quadratic[current[:, :, None], current[:, None, :]]
        return self._violation(
            after,
            lambda rows, first, second: self._changed(
                places[rows], columns[rows, first], columns[rows, second]
            ),
        )

    @cached_property
    def whole(self) -> WholeSum | None:
        """The sum in units that make every contribution whole, or None if there is no such unit.

        Sums that reach a bound but for rounding errors count as reaching it; bounds are rounded
        inwards.
        """
        starts, levels = self._numbering.starts, self._numbering.levels
        n_levels = np.diff(starts).tolist()
        linear = self._linear[levels]
        pairs = {(i, j): t[: n_levels[i], : n_levels[j]] for (i, j), t in self._pairs.items()}
        numbers = np.unique(np.concatenate([linear, *(table.ravel() for table in pairs.values())]))
        fractions = [Fraction(float(x)).limit_denominator(_MAX_DENOMINATOR) for x in numbers]
        if any(
            abs(float(f) - x) > _ROUNDING * max(1.0, abs(x))
            for f, x in zip(fractions, numbers.tolist(), strict=True)
        ):
            return None
        denominator = math.lcm(*(f.denominator for f in fractions))
        divisor = math.gcd(*(int(f * denominator) for f in fractions)) or 1
        unit = divisor / denominator
        if np.abs(numbers).max(initial=0.0) / unit > _MAX_RANGE:
            return None
        lower, upper = self._lower, self._upper
        if math.isfinite(lower):
            beyond = self._tolerance or _ROUNDING * max(1.0, abs(lower))
            lower = math.ceil((lower - beyond) / unit)
        if math.isfinite(upper):
            beyond = self._tolerance or _ROUNDING * max(1.0, abs(upper))
            upper = math.floor((upper + beyond) / unit)
        whole_pairs = {pair: np.round(table / unit) for pair, table in pairs.items()}
        return np.round(linear / unit), whole_pairs, lower, upper

    def is_light(self, builder: PenaltyBuilder) -> bool:
        if self._pairs or self.whole is None:
            return False
        contributions, _, lower, upper = self.whole
        least, most = builder.range_of(builder.of_levels(contributions))
        return min(upper, most) - max(lower, least) <= _MAX_LIGHT_SLACK

    def add_penalty(self, builder: PenaltyBuilder, weight: float) -> None:
        if self.whole is None:
            raise QhpoError(
                "an exact quadratic form needs contributions that are multiples of one number; "
                "got a sum whose contributions are not; it is weighted and checked instead"
            )
        by_level, pairs, lower, upper = self.whole
        contributions = builder.of_levels(by_level)
        for (i, j), table in pairs.items():
            tuples = np.stack(np.nonzero(np.ones(table.shape)), axis=1)
            own = builder.add_tuples([builder.axes[i], builder.axes[j]], tuples, weight)
            contributions = builder.padded(contributions)
            contributions[own] = table.ravel()
        builder.add_bounded(contributions, lower, upper, weight)

    def add_multiple(self, builder: PenaltyBuilder, multiplier: float) -> None:
        self._add_sum(builder, multiplier / self._scale)

    def _add_sum(self, builder: PenaltyBuilder, weight: float) -> None:
        """The sum itself, times a weight, as energy."""
        builder.linear[builder.levels] += weight * self._linear[self._numbering.levels]
        n_levels = np.diff(self._numbering.starts).tolist()
        for (i, j), table in self._pairs.items():
            inside = table[: n_levels[i], : n_levels[j]]
            builder.add_pairs(builder.axes[i], builder.axes[j], weight * inside)

    def linear_rows(self, places: IntArray) -> list[tuple[float, FloatArray, float]]:
        totals, differences = self._differences(places)
        return [
            (sign, sign * differences[0] / self._scale, (bound - sign * totals[0]) / self._scale)
            for sign, bound in ((1.0, self._upper), (-1.0, -self._lower))
            if math.isfinite(bound)
        ]

    def excess(self, places: IntArray) -> float:
        totals = self._totals(places)
        return float((totals > self._upper).mean() - (totals < self._lower).mean())

    def add_rows(self, program: Program) -> None:
        n_products = sum(int(np.count_nonzero(table)) for table in self._pairs.values())
        if not program.has_room(3 * n_products):
            return
        terms: list[tuple[int, float]] = []
        for i in range(len(self._numbering.first)):
            contributions = self._linear[self._numbering.cases_of(i)]
            terms += [
                (program.column(i, u), float(contributions[u]))
                for u in np.flatnonzero(contributions).tolist()
            ]
        for (i, j), table in self._pairs.items():
            for u, v in np.argwhere(table != 0.0).tolist():
                a, b, y = program.column(i, u), program.column(j, v), program.add_column()
                program.add([(y, 1.0), (a, -1.0), (b, -1.0)], -1.0, np.inf)
                program.add([(y, 1.0), (a, -1.0)], -np.inf, 0.0)
                program.add([(y, 1.0), (b, -1.0)], -np.inf, 0.0)
                terms.append((y, float(table[u, v])))
        program.add(terms, self._lower, self._upper)


def _is_coarse(numbers: FloatArray) -> bool:
    """Whether sums of such numbers are exact in any order: few binary digits each."""
    scaled = numbers * 2.0**16
    return bool((np.abs(scaled) < 2.0**40).all() and (scaled == np.round(scaled)).all())


class Nogoods(SumForm):
    """No conflict may remain: the sum counts them.

    Args:
        numbering: Of all axes.
        linear: 1 or more where a case is itself a conflict, shape (C,).
        pairs: 1 or more where two cases are in conflict, each of shape (U_i, U_j).
    """

    def __init__(
        self,
        numbering: Numbering,
        linear: FloatArray,
        pairs: dict[tuple[int, int], FloatArray],
    ) -> None:
        super().__init__(numbering, linear, pairs, -math.inf, 0.0)

    def is_light(self, builder: PenaltyBuilder) -> bool:
        return True

    def add_penalty(self, builder: PenaltyBuilder, weight: float) -> None:
        self._add_sum(builder, weight)

    def add_rows(self, program: Program) -> None:
        for i in range(len(self._numbering.first)):
            for u in np.flatnonzero(self._linear[self._numbering.cases_of(i)] > 0.0).tolist():
                program.add([(program.column(i, u), 1.0)], 0.0, 0.0)
        for (i, j), table in self._pairs.items():
            for u, row in enumerate(table > 0.0):
                others = [(program.column(j, v), 1.0) for v in np.flatnonzero(row).tolist()]
                if others:
                    program.add([(program.column(i, u), 1.0), *others], -np.inf, 1.0)
