"""Whether any configuration is left: an exact search by mixed-integer programming (HiGHS).

Glossary
--------
x_c
    1 if case c is chosen. The cases of an axis sum to 1, those of a child to its activity.
v_i
    The number that a float without step, or a range of too many values, takes: a column of its own
    where nothing but linear constraints speak of it. Elsewhere only some of its values are
    searched, and finding nothing proves nothing. If constraints on it alone leave few values, these
    are cases. If all such ranges have so few values that keep the constraints
    that each can be a case, they are cases after all.
y_ab
    x_a x_b, by y >= x_a + x_b - 1, y <= x_a, y <= x_b.
cut
    A configuration that is out of the question: of its active cases at least one must go, or an
    inactive axis become active.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution, IntDistribution
from scipy.optimize import Bounds, OptimizeResult, milp

from qhpo.constraints.base import Constraint, LinearRow
from qhpo.feasible.projection import Projection
from qhpo.feasible.values import Values
from qhpo.forms.program import Program
from qhpo.forms.rules import Rules
from qhpo.space import Activity, Condition, Space

__all__ = ["ExactSearch", "Found", "smallest_conflict"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MAX_VALUES = 512
"""An axis with at most so many values has a case for each; as many columns cost little."""

_MAX_SPREAD = 32
"""Values of a larger one of which more than linear constraints speak: those that constraints name,
and some of the others. A table of two such axes is as large as one of 1,024 pairs."""

_MAX_WORK = 8_000_000
"""Most work of one search: less than ten seconds, even for the hardest. No clock decides, as the
same seed must lead to the same suggestion on any machine."""

_ENTRIES = 200
"""The work of one node of branch and bound is the number of entries of its program, and so much on
top. Both were fitted to programs of 100 to 100,000 entries."""

_ROOT_NODES = 60
"""The first node is cut and rounded in many ways: it counts as so many more."""

_SHARE = 0.1
"""Share of the work for what only helps: to find the ends of wide ranges, or to look at one of the
sets of constraints, a hundred perhaps, that may be what is in conflict."""

_MAX_PAIRED = 12
"""Most constraints of which all pairs are looked at: 66."""

_INFEASIBLE = 2
"""SciPy's status of a program that is proven to have no solution."""

_NO_GAP, _ANY_GAP = 0.0, 1e6
"""Relative gaps: the optimum is wanted, or the first configuration that comes along."""


@dataclass(frozen=True)
class Found:
    """The answer of a search.

    Attributes:
        coordinates: A configuration, shape (d,), or None.
        is_proof: Where there is none, whether that is proven, or the search was only bounded.
    """

    coordinates: FloatArray | None
    is_proof: bool


class _Work:
    """Work that is left to a search, counted in nodes by the size of their program."""

    def __init__(self, left: float) -> None:
        self.left = left

    def solve(
        self,
        program: Program,
        cost: FloatArray,
        columns: tuple[FloatArray, FloatArray, IntArray],
        gap: float,
        at_least: int = 0,
    ) -> OptimizeResult | None:
        """The solution of a program, within the work that is left.

        Args:
            program: Its rows.
            cost: What to minimize, by column.
            columns: Least and largest values of all columns, and which are whole numbers (1).
            gap: Relative gap to the optimum that is good enough.
            at_least: Nodes that it may take whatever is left.

        Returns:
            What HiGHS says, or None if not even a node is left.
        """
        unit = program.n_entries + _ENTRIES
        nodes = max(int(self.left // unit) - _ROOT_NODES, at_least)
        if nodes < 1:
            return None
        lower, upper, integrality = columns
        result = milp(
            cost,
            integrality=integrality,
            bounds=Bounds(lower, upper),
            constraints=program.rows(),
            options={"node_limit": nodes, "mip_rel_gap": gap},
        )
        spent = result.mip_node_count
        if spent is None:
            # Without a solution HiGHS does not say. Most proofs are made at the first node.
            spent = 1 if result.status == _INFEASIBLE else nodes
        self.left -= unit * (_ROOT_NODES + int(spent))
        return result


class ExactSearch:
    """Finds a configuration that keeps all constraints, or proves that there is none.

    Args:
        space: The search space.
        constraints: What must hold.
        conditions: Which parameters are active when.
        fixed: Coordinates that are fixed in advance, shape (d,); NaN where free. Those given here
            are searched exactly, even where only the levels of their axes would be.

    Attributes:
        is_finite: Whether so few values per axis can keep the constraints that each is a case.
    """

    def __init__(
        self,
        space: Space,
        constraints: Sequence[Constraint],
        conditions: Sequence[Condition] = (),
        fixed: FloatArray | None = None,
    ) -> None:
        self.space = space
        self._constraints = tuple(constraints)
        self._conditions = tuple(conditions)
        self._projection = Projection(space, constraints)
        spoken_of = {n for c in constraints if c.linear_row is None for n in c.names}
        if any(not c.names for c in constraints):
            spoken_of.update(axis.name for axis in space.axes)
        spoken_of.update(e.parent for c in conditions for e in c.parents)
        spoken_of.update(c.child for c in conditions)
        values = Values(space, constraints)
        is_large = np.array([axis.n_values > _MAX_VALUES for axis in space.axes], dtype=bool)
        self._is_narrow = np.zeros(len(space), dtype=bool)
        self._coordinates = [
            axis.coordinates if large else axis.every_coordinate()
            for large, axis in zip(is_large.tolist(), space.axes, strict=True)
        ]
        is_free = np.array([axis.name not in spoken_of for axis in space.axes], dtype=bool)
        for i in np.flatnonzero(is_large & ~is_free).tolist():
            kept = values.allowed(i) if values.is_restricted(i) else None
            if kept is not None and len(kept) <= _MAX_VALUES:
                # Where a rule leaves no value, it tells so itself: any value does.
                self._coordinates[i] = kept if len(kept) else space.axes[i].coordinates[:1]
                self._is_narrow[i], is_large[i] = True, False
        self.is_finite = not is_large.any()
        self._is_number = is_large & is_free
        self._is_sampled = is_large & ~is_free
        for i in np.flatnonzero(self._is_sampled).tolist():
            self._coordinates[i] = values.spread(i, _MAX_SPREAD)
        may_be_narrow = not self._is_sampled.any() and all(
            math.isfinite(axis.n_values) for axis in space.axes
        )
        if fixed is not None:
            for i in np.flatnonzero(self._is_sampled & ~np.isnan(fixed)).tolist():
                self._coordinates[i] = np.append(self._coordinates[i], fixed[i])
                self._is_sampled[i] = False
        self._compile()
        if not self.is_finite and may_be_narrow:
            self._narrow()

    def _compile(self) -> None:
        """Makes the rows that hold for every search."""
        space = self.space
        numbers = {space.axes[i].name for i in np.flatnonzero(self._is_number).tolist()}
        on_numbers = [c for c in self._constraints if numbers.intersection(c.names)]
        others = [c for c in self._constraints if not numbers.intersection(c.names)]
        self._activity = Activity(space, self._conditions, self._coordinates)
        # Columns: values, numbers, activities, products.
        sizes = [len(known) for known in self._coordinates]
        self._program = Program(sizes, 2 * len(space))
        self._starts = self._program.starts
        self._first_number = self._starts[-1]
        self._first_activity = self._first_number + len(space)
        self._add_activities()
        known = {i: self._coordinates[i] for i, a in enumerate(space.axes) if not a.is_exhaustive}
        for form in Rules(space.with_levels(known), others, self._coordinates).forms:
            form.add_rows(self._program)
        for constraint in on_numbers:
            assert constraint.linear_row is not None
            self._add_linear(constraint.linear_row)

    def _narrow(self) -> None:
        """Makes the numbers cases, if few values of each lie between its feasible ends.

        All of them or none: one that stays a number keeps the space from being finite.
        """
        narrow = {}
        work = _Work(_SHARE * _MAX_WORK)
        for i in np.flatnonzero(self._is_number).tolist():
            least, most = self._end(i, 1.0, work), -self._end(i, -1.0, work)
            # A program without a solution, or out of work, has no ends.
            if not most - least < _MAX_VALUES:
                return
            # A value more at each end makes up for rounding errors.
            first = max(math.ceil(least) - 1, 0)
            last = min(math.floor(most) + 1, int(self.space.axes[i].n_values) - 1)
            narrow[i] = [self._coordinate(i, k) for k in range(first, last + 1)]
        for i, coordinates in narrow.items():
            self._coordinates[i] = np.array(coordinates)
        self._is_narrow |= self._is_number
        self._is_number = np.zeros(len(self.space), dtype=bool)
        self.is_finite = True
        self._compile()

    def _end(self, i: int, sign: float, work: _Work) -> float:
        """A lower bound of sign x the column of a number; NaN if there is none."""
        cost = np.zeros(self._program.n_columns)
        cost[self._first_number + i] = sign
        result = work.solve(self._program, cost, self._columns(), _NO_GAP)
        bound = None if result is None else result.mip_dual_bound
        return math.nan if bound is None or not math.isfinite(bound) else float(bound)

    def _columns(self) -> tuple[FloatArray, FloatArray, IntArray]:
        """Least and largest values of all columns, and which are whole numbers (1)."""
        lower, upper = np.zeros(self._program.n_columns), np.ones(self._program.n_columns)
        integrality = np.zeros(self._program.n_columns, dtype=np.intp)
        integrality[: self._first_number] = 1
        for i in np.flatnonzero(self._is_number).tolist():
            n_values = self.space.axes[i].n_values
            if math.isfinite(n_values):
                column = self._first_number + i
                upper[column], integrality[column] = n_values - 1, 1
        return lower, upper, integrality

    def _add_activities(self) -> None:
        """The cases of every axis sum to its activity, which its parents decide."""
        starts = self._starts
        parents = dict(self._activity.enabled)
        for i in range(len(self.space)):
            active = self._first_activity + i
            cases = [(c, 1.0) for c in range(starts[i], starts[i + 1])]
            self._program.add([*cases, (active, -1.0)], 0.0, 0.0)
            enabling = [
                [(starts[p] + int(u), -1.0) for u in np.flatnonzero(places[:-1])]
                for p, places in parents.get(i, [])
            ]
            for terms in enabling:
                self._program.add([*terms, (active, 1.0)], -np.inf, 0.0)
            together = [term for terms in enabling for term in terms]
            self._program.add([*together, (active, 1.0)], 1.0 - len(enabling), np.inf)

    def _add_linear(self, row: LinearRow) -> None:
        """A linear constraint of which some axes are numbers."""
        index = {axis.name: i for i, axis in enumerate(self.space.axes)}
        terms = []
        for name, a in row.coefficients:
            i = index[name]
            axis = self.space.axes[i]
            if self._is_number[i]:
                terms.append((self._first_number + i, a * self._unit(i)))
            else:
                values = [axis.value(c) for c in self._coordinates[i].tolist()]
                terms += [(self._starts[i] + u, a * float(v)) for u, v in enumerate(values)]
        shift = sum(
            a * self._low(index[name])
            for name, a in row.coefficients
            if self._is_number[index[name]]
        )
        self._program.add(terms, row.lower - shift, row.upper - shift)

    def _low(self, i: int) -> float:
        dist = self.space.axes[i].distribution
        assert isinstance(dist, (FloatDistribution, IntDistribution))
        return float(dist.low)

    def _unit(self, i: int) -> float:
        """What one unit of a number's column stands for: its step, or its whole range."""
        dist = self.space.axes[i].distribution
        assert isinstance(dist, (FloatDistribution, IntDistribution))
        return float(dist.step or dist.high - dist.low)

    def find(
        self,
        fixed: FloatArray,
        avoid: FloatArray,
        rng: np.random.Generator,
        work: _Work | None = None,
    ) -> Found:
        """A configuration that keeps all constraints, which one is drawn.

        Args:
            fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
            avoid: Configurations that it must not be, shape (t, d), NaN where inactive; they count
                only if the space is finite.
            rng: Draws the linear objective that decides which configuration is found.
            work: What the search may cost, which several may share. The first program is solved to
                its first node at least.
        """
        work = _Work(_MAX_WORK) if work is None else work
        if (self._is_sampled & ~np.isnan(fixed)).any():
            exactly = ExactSearch(self.space, self._constraints, self._conditions, fixed)
            return exactly.find(fixed, avoid, rng, work)
        columns = lower, upper, _ = self._columns()
        for i in np.flatnonzero(~np.isnan(fixed)).tolist():
            if self._is_number[i]:
                column = self._first_number + i
                value = float(self.space.axes[i].value(float(fixed[i])))
                lower[column] = upper[column] = (value - self._low(i)) / self._unit(i)
                continue
            case = self._case(i, float(fixed[i]))
            upper[self._starts[i] : self._starts[i + 1]] = 0.0
            if case is not None:
                upper[case] = 1.0
        cost = np.zeros(self._program.n_columns)
        cost[: self._first_activity] = rng.random(self._first_activity) / np.maximum(
            upper[: self._first_activity], 1.0
        )
        program = self._program.copy()
        for configuration in avoid if self.is_finite else ():
            self._cut(program, configuration, range(len(self.space)))
        result = work.solve(program, cost, columns, _ANY_GAP, at_least=1)
        while result is not None:
            if result.x is None:
                # Between the levels of a range that is only sampled there may be more.
                is_proof = result.status == _INFEASIBLE and not self._is_sampled.any()
                return Found(None, bool(is_proof))
            coordinates = self._decode(result.x, fixed)
            params = self.space.decode(coordinates)
            broken = [c for c in self._constraints if not c.satisfied(params)]
            if not broken:
                return Found(coordinates, False)
            if not self._cut_for(program, coordinates, broken[0]):
                break
            result = work.solve(program, cost, columns, _ANY_GAP)
        return Found(None, False)

    def _cut_for(self, program: Program, coordinates: FloatArray, broken: Constraint) -> bool:
        """Excludes what breaks a constraint, if its cases tell; whether they do."""
        index = {axis.name: i for i, axis in enumerate(self.space.axes)}
        axes = [index[name] for name in broken.names] or list(index.values())
        if self._is_number[axes].any():
            return False
        self._cut(program, coordinates, axes)
        return True

    def _cut(self, program: Program, coordinates: FloatArray, axes: Sequence[int]) -> None:
        active = [i for i in axes if not math.isnan(coordinates[i])]
        cases = [self._case(i, float(coordinates[i])) for i in active]
        if None in cases:
            return  # it is none of those that are searched
        inactive = [(self._first_activity + i, -1.0) for i in axes if math.isnan(coordinates[i])]
        terms = [(case, 1.0) for case in cases if case is not None]
        program.add([*terms, *inactive], -np.inf, len(cases) - 1.0)

    def _case(self, i: int, coordinate: float) -> int | None:
        """The case of a coordinate; None beyond the feasible part of a wide range."""
        axis, known = self.space.axes[i], self._coordinates[i]
        place = int(np.abs(known - coordinate).argmin())
        if self._is_narrow[i] and axis.value(float(known[place])) != axis.value(coordinate):
            return None
        return int(self._starts[i]) + place

    def _coordinate(self, i: int, number: float) -> float:
        """The coordinate of what the column of a number says."""
        axis = self.space.axes[i]
        dist = axis.distribution
        assert isinstance(dist, (FloatDistribution, IntDistribution))
        steps = number if dist.step is None else round(number)
        value = min(max(self._low(i) + steps * self._unit(i), dist.low), dist.high)
        return axis.coordinate(round(value) if isinstance(dist, IntDistribution) else value)

    def _decode(self, columns: FloatArray, fixed: FloatArray) -> FloatArray:
        coordinates = np.full(len(self.space), np.nan)
        for i in range(len(self.space)):
            cases = columns[self._starts[i] : self._starts[i + 1]]
            if self._is_number[i]:
                coordinates[i] = self._coordinate(i, columns[self._first_number + i])
            elif cases.max(initial=0.0) > 0.5:
                coordinates[i] = self._coordinates[i][int(cases.argmax())]
        is_fixed = ~np.isnan(fixed)
        coordinates[is_fixed & ~np.isnan(coordinates)] = fixed[is_fixed & ~np.isnan(coordinates)]
        return self._projection.settle(coordinates, is_fixed)


def smallest_conflict(
    space: Space,
    constraints: Sequence[Constraint],
    conditions: Sequence[Condition],
    fixed: FloatArray,
) -> tuple[Constraint, ...]:
    """A smallest set of constraints that are proven not to hold together.

    Pairs are tried before larger sets; beyond three, constraints are dropped one by one as long as
    the rest is still in conflict, which leaves a set of which every member is needed, unless the
    work for that runs out.

    Args:
        space: The search space.
        constraints: A set that is proven to be in conflict.
        conditions: Which parameters are active when.
        fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
    """
    total = _Work(_MAX_WORK)
    none = np.empty((0, len(space)))

    def conflict(chosen: Sequence[Constraint]) -> bool:
        if total.left <= 0.0:
            return False
        share = _SHARE * _MAX_WORK
        work = _Work(share)
        search = ExactSearch(space, chosen, conditions)
        found = search.find(fixed, none, np.random.default_rng(0), work)
        total.left -= share - work.left
        return found.coordinates is None and found.is_proof

    for size in (1, 2):
        if size == 1 or len(constraints) <= _MAX_PAIRED:
            for chosen in combinations(constraints, size):
                if conflict(chosen):
                    return chosen
    left = list(constraints)
    for constraint in constraints:
        rest = [c for c in left if c is not constraint]
        if rest and conflict(rest):
            left = rest
    return tuple(left)
