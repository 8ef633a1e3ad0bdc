"""Constraints as quadratic penalties over the levels of a space and auxiliary variables.

Glossary
--------
variable
    A discrete variable: an axis of the space, or an auxiliary one. Exactly one of its cases is on.
f_v(case)
    What a case of variable v contributes to a sum, shape (cases of all variables,).
slack
    s in [0, upper - lower], so that lower <= t <= upper becomes t - lower - s = 0. A small range is
    one variable with a case for every value, a large one a sum of bounded binary digits.
tuple variable
    One case per tuple of values of several axes; it costs 1 for every axis that says otherwise. A
    truth table becomes pairwise by the variable of its allowed tuples, a sum of products by one
    variable for each pair of axes.

An exact penalty is 0 at some setting of the auxiliary variables if the constraints hold, and at
least 1 at every setting if they do not. Conflicts of pairs need no auxiliary variable (and are what
Rosenberg's reduction gives for them); sums are squared, as usual (Glover, Kochenberger, Hennig, Du
2022, "Quantum bridge analytics I: a tutorial on formulating and using QUBO models", section 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.constraints.compiled import CompiledForm, Conflicts, Rules, SumForm, TableForm
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.errors import QhpoError

__all__ = [
    "PenaltyBuilder",
    "WholeSum",
    "add_sum",
    "allowed_tuples",
    "axis_slices",
    "exact_penalty",
    "integer_contributions",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

WholeSum = tuple[FloatArray, dict[tuple[int, int], FloatArray], float, float]
"""Whole contributions of the levels and of pairs of axes, lower and upper bound."""

_MAX_ONE_HOT_SLACK = 8
_MAX_RANGE = 2**20
_MAX_DENOMINATOR = 1000
_MAX_TUPLES = 512
_ROUNDING = 1e-12


class PenaltyBuilder:
    """A growing pairwise model over the levels of the axes and auxiliary cases behind them.

    Args:
        starts: First level of every axis and the total D, shape (d + 1,).
        optional: Axes that may be inactive and then contribute nothing, shape (d,), bool; if None,
            no axis may.

    Attributes:
        sizes: Cases of every variable, the axes first.
        linear: Linear biases of all cases.
        quadratic: Symmetric biases of pairs of cases, zero inside a variable.
        offset: Constant energy.
    """

    def __init__(self, starts: IntArray, optional: NDArray[np.bool_] | None = None) -> None:
        self.sizes: list[int] = np.diff(starts).tolist()
        self.linear = np.zeros(int(starts[-1]))
        self.quadratic = np.zeros((len(self.linear), len(self.linear)))
        self.offset = 0.0
        self._optional = np.flatnonzero([] if optional is None else optional)

    def add_variable(self, size: int) -> slice:
        """A new auxiliary variable; returns its cases."""
        n = len(self.linear)
        self.sizes.append(size)
        self.linear = np.pad(self.linear, (0, size))
        self.quadratic = np.pad(self.quadratic, (0, size))
        return slice(n, n + size)

    def add_pairs(self, rows: slice, columns: slice, biases: FloatArray) -> None:
        """Biases of pairs of cases of two variables."""
        self.quadratic[rows, columns] += biases
        self.quadratic[columns, rows] += biases.T

    def add_square(self, contributions: FloatArray, target: float, weight: float = 1.0) -> None:
        """Weight (sum of contributions - target)^2.

        Args:
            contributions: By case; fewer than there are cases count as 0 for the rest.
            target: What the sum should be.
            weight: Factor of the square.
        """
        f = self.padded(contributions)
        variable = np.repeat(np.arange(len(self.sizes)), self.sizes)
        self.linear += weight * (f * f - 2.0 * target * f)
        outside = variable[:, None] != variable[None, :]
        self.quadratic += 2.0 * weight * outside * np.outer(f, f)
        self.offset += weight * target * target

    def padded(self, contributions: FloatArray) -> FloatArray:
        """Contributions of the first cases, 0 for the rest, as a new array of all cases."""
        return np.pad(contributions, (0, len(self.linear) - len(contributions)))

    def range_of(self, contributions: FloatArray) -> tuple[float, float]:
        """Least and largest sum that any choice of cases gives, inactive axes included."""
        contributions = self.padded(contributions)
        starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])
        least = np.minimum.reduceat(contributions, starts)
        most = np.maximum.reduceat(contributions, starts)
        least[self._optional] = np.minimum(least[self._optional], 0.0)
        most[self._optional] = np.maximum(most[self._optional], 0.0)
        return float(least.sum()), float(most.sum())

    def add_bounded(
        self, contributions: FloatArray, lower: float, upper: float, weight: float = 1.0
    ) -> None:
        """Bounds a sum of whole contributions: lower <= sum <= upper, with slack.

        Args:
            contributions: By case; fewer than there are cases count as 0 for the rest.
            lower: Least allowed sum, whole or minus infinity.
            upper: Largest allowed sum, whole or infinity.
            weight: Factor of the square.
        """
        contributions = self.padded(contributions)
        least, most = self.range_of(contributions)
        low, high = max(lower, least), min(upper, most)
        if low > high:
            self.offset += weight
        elif low > least or high < most:
            for cases, values in self._slack(int(high - low)):
                contributions = self.padded(contributions)
                contributions[cases] = -values
            self.add_square(contributions, low, weight)

    def _slack(self, largest: int) -> list[tuple[slice, FloatArray]]:
        """Variables whose contributions sum to every whole number from 0 to ``largest``."""
        if largest < _MAX_ONE_HOT_SLACK:
            return [(self.add_variable(largest + 1), np.arange(largest + 1.0))]
        digits = []
        left = largest
        power = 1
        while left > 0:
            digit = min(power, left)
            digits.append((self.add_variable(2), np.array([0.0, float(digit)])))
            left -= digit
            power *= 2
        return digits

    def add_tuples(
        self, variables: Sequence[slice], tuples: IntArray, weight: float = 1.0
    ) -> slice:
        """A tuple variable: each case stands for one tuple of cases of other variables.

        Args:
            variables: The cases of every variable that takes part.
            tuples: Shape (T, k), places within each of the k variables.
            weight: What each disagreement costs.

        Returns:
            The cases of the tuple variable.
        """
        own = self.add_variable(len(tuples))
        for column, cases in zip(tuples.T, variables, strict=True):
            differs = np.full((len(tuples), cases.stop - cases.start), weight)
            differs[np.arange(len(tuples)), column] = 0.0
            self.add_pairs(own, cases, differs)
        return own

    def to_dqm(self, labels: Sequence[str]) -> dimod.DiscreteQuadraticModel:
        """The model, its auxiliary variables labelled ``"aux:0"`` and so on.

        Args:
            labels: Names of the axes.
        """
        starts = np.concatenate([[0], np.cumsum(self.sizes)]).astype(np.intp)
        extra = [f"aux:{i}" for i in range(len(self.sizes) - len(labels))]
        tables = DenseDQM(starts, self.linear, self.quadratic, self.offset)
        return tables.to_dqm([*labels, *extra])


def exact_penalty(rules: Rules) -> PenaltyBuilder:
    """The exact penalty of all constraints.

    Args:
        rules: Constraints over nothing but the levels of a space.

    Raises:
        QhpoError: If a constraint has no exact quadratic form: a predicate, a truth table with too
            many tuples, or a sum whose contributions are not multiples of one number.
    """
    builder = PenaltyBuilder(rules.space.starts)
    if rules.opaque:
        raise QhpoError(
            "an exact quadratic form needs constraints that can be tabulated; got "
            f"{rules.opaque[0]}; such constraints are checked on every candidate instead"
        )
    for form in rules.forms:
        _add_exactly(builder, rules, form)
    return builder


def _add_exactly(builder: PenaltyBuilder, rules: Rules, form: CompiledForm) -> None:
    axes = axis_slices(rules)
    if isinstance(form, TableForm):
        _add_table(builder, axes, form)
    elif isinstance(form, Conflicts):
        add_sum(builder, axes, form, 1.0)
    elif isinstance(form, SumForm):
        whole = integer_contributions(form)
        if whole is None:
            raise QhpoError(
                "an exact quadratic form needs contributions that are multiples of one number; "
                "got a sum whose contributions are not; it is weighted and checked instead"
            )
        linear, pairs, lower, upper = whole
        contributions = builder.padded(linear)
        for (i, j), table in pairs.items():
            tuples = np.stack(np.nonzero(np.ones(table.shape)), axis=1)
            own = builder.add_tuples([axes[i], axes[j]], tuples)
            contributions = builder.padded(contributions)
            contributions[own] = table.ravel()
        builder.add_bounded(contributions, lower, upper)


def axis_slices(rules: Rules) -> list[slice]:
    """The levels of every axis, among those of all axes."""
    starts = rules.space.starts.tolist()
    return [slice(a, b) for a, b in pairwise(starts)]


def add_sum(builder: PenaltyBuilder, axes: Sequence[slice], form: SumForm, weight: float) -> None:
    """A form whose energy is its own sum, times a weight."""
    builder.linear[: len(form.levels)] += weight * form.linear[form.levels]
    for (i, j), table in form.pairs.items():
        size_i, size_j = axes[i].stop - axes[i].start, axes[j].stop - axes[j].start
        builder.add_pairs(axes[i], axes[j], weight * table[:size_i, :size_j])


def allowed_tuples(axes: Sequence[slice], form: TableForm) -> IntArray:
    """Tuples of levels that a truth table allows, shape (T, k)."""
    inner = tuple(slice(0, axes[i].stop - axes[i].start) for i in form.axes)
    return np.stack(np.nonzero(form.forbidden[inner] == 0.0), axis=1)


def _add_table(builder: PenaltyBuilder, axes: Sequence[slice], form: TableForm) -> None:
    allowed = allowed_tuples(axes, form)
    if len(allowed) > _MAX_TUPLES:
        raise QhpoError(
            f"an exact quadratic form of a relation needs at most {_MAX_TUPLES} allowed tuples of "
            f"values; got {len(allowed)}; the relation is checked on every candidate instead"
        )
    if len(allowed):
        builder.add_tuples([axes[i] for i in form.axes], allowed)
    else:
        builder.offset += 1.0


def integer_contributions(form: SumForm) -> WholeSum | None:
    """A sum in units that make every contribution a whole number, or None if there is none.

    Sums that reach a bound but for rounding errors count as reaching it.

    Returns:
        Contributions of the levels, shape (D,); of pairs of axes; and the bounds, rounded inwards.
    """
    starts = np.concatenate([[0], np.cumsum(np.bincount(form.block))])
    linear = form.linear[form.levels]
    pairs = {
        (i, j): table[: starts[i + 1] - starts[i], : starts[j + 1] - starts[j]]
        for (i, j), table in form.pairs.items()
    }
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
    lower, upper = form.lower, form.upper
    if math.isfinite(lower):
        lower = math.ceil((lower - (form.tolerance or _ROUNDING * max(1.0, abs(lower)))) / unit)
    if math.isfinite(upper):
        upper = math.floor((upper + (form.tolerance or _ROUNDING * max(1.0, abs(upper)))) / unit)
    return (
        np.round(linear / unit),
        {pair: np.round(table / unit) for pair, table in pairs.items()},
        lower,
        upper,
    )
