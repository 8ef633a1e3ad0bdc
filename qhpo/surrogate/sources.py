"""What was known before a study, as tables of main effects and pairs over its search space.

Glossary
--------
source
    An earlier study, or what a person believes to be good.
A_i
    Weights of a source's levels at the levels of the i-th axis of the search space, shape
    (L_i, L_i of the source): values between two of its levels share them.

A source's expectation is a quadratic model over its own levels. With A, which has a block for every
axis that both have, it is one over the levels of the search space: h becomes A h and J becomes
A J A'. An axis that only the source has is averaged out, which is exact: the process's terms have
mean 0 over an axis. One that the source does not have makes no difference to it. Beyond the ends of
a source's range its nearest value counts; of choices that it did not have, nothing is expected.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from qhpo.encoding import DenseDQM
from qhpo.errors import QhpoError
from qhpo.space import Axis, Space
from qhpo.surrogate.ensemble import EnsembleFitter
from qhpo.surrogate.prior_mean import level_weights

__all__ = ["BelievedGood", "FinishedStudy", "Source", "Sources"]

FloatArray = NDArray[np.float64]

_FORM = 'values by parameter name, such as {"lr": 1e-3}, or a list of such'

_WIDTH = 0.25
"""Deviation of what is believed of a number around the value that is called good, in units of its
range (Mallik et al. 2023, "PriorBand", section 4)."""

_LEAST_DEVIATION = 1e-9
"""Of a source's expectations over the search space, in its own units: below it they are all one."""


class Source(Protocol):
    """Something that was known before."""

    @property
    def n_objectives(self) -> int | None:
        """How many objectives it tells of; None where it is meant for all that there are."""
        ...

    def tables(self, space: Space, objective: int) -> DenseDQM:
        """What it expects over the levels of a search space, smaller is better, of any scale.

        Args:
            space: The search space.
            objective: Number of the objective that it is expected of.
        """
        ...


class FinishedStudy:
    """What the model of an earlier study expects.

    Args:
        space: Its search space.
        x: Its configurations, shape (n, d), NaN where inactive.
        values: Their values in each objective, shape (n, m), smaller is better.
    """

    def __init__(self, space: Space, x: FloatArray, values: FloatArray) -> None:
        self._space = space
        self._x = x
        self._values = values
        self._models: dict[int, DenseDQM] = {}

    @property
    def n_objectives(self) -> int:
        """See `Source.n_objectives`."""
        return int(self._values.shape[1])

    def tables(self, space: Space, objective: int) -> DenseDQM:
        """See `Source.tables`."""
        own = self._space
        if objective not in self._models:
            self._models[objective] = _expected(own, self._x, self._values[:, objective])
        at = np.zeros((int(space.starts[-1]), int(own.starts[-1])))
        places = {axis.name: i for i, axis in enumerate(own.axes)}
        for i, axis in enumerate(space.axes):
            j = places.get(axis.name)
            if j is not None:
                rows = slice(space.starts[i], space.starts[i + 1])
                columns = slice(own.starts[j], own.starts[j + 1])
                at[rows, columns] = _level_weights_across(axis, own.axes[j])
        model = self._models[objective]
        pairs = at @ model.quadratic @ at.T
        return DenseDQM.from_upper(space.starts, at @ model.linear, pairs, model.offset)


class BelievedGood:
    """What a person believes to be good: some values of some parameters.

    Args:
        good: One configuration or several, each with a value for some parameters.
        declared: The distributions by parameter name, if they are known by now.

    Raises:
        QhpoError: If it is not of this form, or does not fit what is declared.
    """

    def __init__(
        self,
        good: object,
        declared: Mapping[str, BaseDistribution] | None = None,
    ) -> None:
        several = [good] if isinstance(good, Mapping) else good
        if isinstance(several, str) or not isinstance(several, Sequence) or not several:
            raise QhpoError(f"believed_good must be {_FORM}; got {good!r}")
        for one in several:
            if not isinstance(one, Mapping) or not one or not all(isinstance(k, str) for k in one):
                raise QhpoError(f"believed_good must be {_FORM}; got {one!r} in it")
        self._configurations = tuple(dict(one) for one in several)
        if declared is not None:
            named = {name for one in several for name in one}
            unknown = sorted(named.difference(declared))
            if unknown:
                raise QhpoError(
                    "believed_good must name parameters of the search space, "
                    f"{', '.join(sorted(declared))}; got {', '.join(unknown)}"
                )
            self.tables(Space(declared))

    @property
    def n_objectives(self) -> None:
        """See `Source.n_objectives`."""

    def tables(self, space: Space, objective: int = 0) -> DenseDQM:
        """See `Source.tables`.

        Raises:
            QhpoError: If a value is not in the range of its parameter.
        """
        linear = np.zeros(int(space.starts[-1]))
        for i, axis in enumerate(space.axes):
            for good in self._configurations:
                if axis.name in good:
                    linear[space.starts[i] : space.starts[i + 1]] -= _near(axis, good[axis.name])
        nothing = np.zeros((len(linear), len(linear)))
        return DenseDQM(space.starts, linear, nothing, 0.0)


class Sources:
    """Several sources over one search space at a time.

    Args:
        named: What each is called in a message, and the source; at least one.
    """

    def __init__(self, named: Sequence[tuple[str, Source]]) -> None:
        self._named = tuple(named)
        self._known: tuple[bytes, dict[int, tuple[DenseDQM | None, ...]]] = b"", {}

    def check(self, n_objectives: int) -> None:
        """Checks that all tell of the objectives that a study has.

        Raises:
            QhpoError: If one has more of them, or fewer.
        """
        for name, source in self._named:
            if source.n_objectives not in (None, n_objectives):
                raise QhpoError(
                    f"a prior study must have as many objectives as the new one, {n_objectives}; "
                    f"got {source.n_objectives} in {name}; leave it out"
                )

    def tables(self, space: Space, objective: int = 0) -> tuple[DenseDQM, ...]:
        """Of those that tell configurations apart, in units of deviation 1 and around mean 0.

        Args:
            space: The search space.
            objective: Number of the objective that they are asked about.
        """
        return tuple(tables for tables in self._over(space, objective) if tables is not None)

    def silent(self, space: Space) -> tuple[str, ...]:
        """Names of those that say nothing about any axis of the search space."""
        return tuple(
            name
            for number, (name, source) in enumerate(self._named)
            if all(
                self._over(space, objective)[number] is None
                for objective in range(source.n_objectives or 1)
            )
        )

    def _over(self, space: Space, objective: int) -> tuple[DenseDQM | None, ...]:
        """The tables of each, None where they tell no configurations apart."""
        levels = np.concatenate([axis.coordinates for axis in space.axes]) if len(space) else ()
        key = space.identity + np.asarray(levels).tobytes()
        if self._known[0] != key:
            self._known = key, {}
        known = self._known[1]
        if objective not in known:
            known[objective] = tuple(
                _standardized(source.tables(space, objective)) for _, source in self._named
            )
        return known[objective]


def _near(axis: Axis, value: Any) -> FloatArray:
    """How much of what is believed of a value holds for every level of its axis, shape (L,)."""
    if not axis.contains(value):
        raise QhpoError(
            "what is believed to be good must be a value of its parameter; got "
            f"{value!r} for {axis.name!r}, which is in {axis.distribution}"
        )
    apart = axis.coordinates - axis.coordinate(value)
    return (
        (apart == 0.0).astype(float) if axis.is_category else np.exp(-0.5 * (apart / _WIDTH) ** 2)
    )


def _expected(space: Space, x: FloatArray, values: FloatArray) -> DenseDQM:
    """Mean of the ensemble's posterior means, over the levels of its own space."""
    surrogate = EnsembleFitter().fit(space, x, values)
    rng = np.random.default_rng(0)  # a mean needs none
    members = [surrogate.quadratic("mean", m, rng) for m in range(surrogate.n_members)]
    return DenseDQM(
        members[0].starts,
        np.mean([model.linear for model in members], axis=0),
        np.mean([model.quadratic for model in members], axis=0),
        float(np.mean([model.offset for model in members])),
    )


def _level_weights_across(axis: Axis, source: Axis) -> FloatArray:
    """Weights of a source's levels at the levels of an axis, A_i."""
    values = [axis.value(coordinate) for coordinate in axis.coordinates.tolist()]
    points = np.array([_coordinate(source, value) for value in values])
    return level_weights(source, points)


def _coordinate(axis: Axis, value: Any) -> float:
    """Where a value lies on another axis, at the ends if it is beyond; NaN if it has none."""
    dist = axis.distribution
    if not isinstance(dist, (FloatDistribution, IntDistribution)):
        return axis.coordinate(value) if axis.contains(value) else math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)) or dist.single():
        return math.nan
    inside = min(max(value, dist.low), dist.high)
    if dist.log:
        return math.log(inside / dist.low) / math.log(dist.high / dist.low)
    return (inside - dist.low) / (dist.high - dist.low)


def _standardized(tables: DenseDQM) -> DenseDQM | None:
    """In units of the deviation over all configurations of levels, around their mean.

    None where they do not differ.
    """
    weight = 1.0 / tables.sizes[tables.block]
    mean_field = tables.linear + tables.quadratic @ weight
    mean = float(tables.linear @ weight + 0.5 * weight @ tables.quadratic @ weight)
    main = mean_field - _block_means(tables, mean_field)[tables.block]
    pairs = tables.quadratic - _block_means(tables, tables.quadratic)[tables.block]
    pairs = (pairs.T - _block_means(tables, pairs.T)[tables.block]).T
    variance = float(weight @ main**2 + 0.5 * weight @ pairs**2 @ weight)
    if variance <= _LEAST_DEVIATION**2:
        return None
    scale = 1.0 / math.sqrt(variance)
    return DenseDQM(tables.starts, scale * tables.linear, scale * tables.quadratic, -scale * mean)


def _block_means(tables: DenseDQM, of_cases: FloatArray) -> FloatArray:
    """Means over the cases of every variable, along the first axis."""
    sums: FloatArray = np.add.reduceat(of_cases, tables.starts[:-1], axis=0)
    sizes = tables.sizes.reshape(-1, *[1] * (of_cases.ndim - 1))
    return sums / sizes
