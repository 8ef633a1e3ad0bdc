"""Optuna distributions as axes: levels, coordinates and kinds.

Glossary
--------
axis
    One parameter of a search space, as the models see it.
level
    One of the finite values an axis can take in a QUBO.
coordinate
    A parameter's place on its axis, a float. For a number it lies in [0, 1], on the log scale where
    the distribution says log; for a category it is the index of the choice, of the first one where
    choices are equal. NaN means that the parameter is inactive.
configuration
    One coordinate per axis, an array of shape (d,).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.errors import QhpoError
from qhpo.space.choices import restored

__all__ = ["MAX_LEVELS", "Axis", "Space"]

MAX_LEVELS = 16
"""Level cap: a stepped range with at most so many values uses all of them, any other uses so many
values, evenly spaced on its scale."""

_MAX_KEYS = 50_000
"""Most keys that are remembered: far more than a study has trials, and a few tens of megabytes."""

_KEY_DIGITS = 10
"""Significant digits that tell values on a logarithmic scale apart: what is read back from a
storage lies some rounding errors beside what was suggested."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """One parameter.

    Attributes:
        name: The parameter's name.
        distribution: Its Optuna distribution.
        is_category: Whether its values have no order.
        coordinates: Coordinates of its levels, increasing, shape (L,).
        is_exhaustive: Whether the levels are all the values the parameter can take.
    """

    name: str
    distribution: BaseDistribution
    is_category: bool
    coordinates: FloatArray
    is_exhaustive: bool

    @classmethod
    def from_distribution(cls, name: str, distribution: BaseDistribution) -> Axis:
        """The axis of a parameter.

        Raises:
            QhpoError: If the distribution is none of Optuna's float, int and categorical ones, or
                a range beyond what floats can hold.
        """
        if isinstance(distribution, CategoricalDistribution):
            return cls(name, distribution, True, _distinct_choices(distribution), True)
        if not isinstance(distribution, (FloatDistribution, IntDistribution)):
            raise QhpoError(
                "a parameter must have one of Optuna's float, int or categorical distributions; "
                f"got {distribution!r} for the parameter {name!r}"
            )
        if distribution.single():
            return cls(name, distribution, False, np.zeros(1), True)
        if not _fits_floats(distribution):
            raise QhpoError(
                "a range must have ends and a width (high - low, or high / low if it is "
                f"logarithmic) that a float can hold; got {distribution!r} for the parameter "
                f"{name!r}; narrow it"
            )
        axis = cls(name, distribution, False, np.empty(0), False)
        if axis.n_values <= MAX_LEVELS:
            return cls(name, distribution, False, axis.every_coordinate(), True)
        spaced = np.linspace(0.0, 1.0, MAX_LEVELS)
        legal = {axis.coordinate(axis.value(coordinate)) for coordinate in spaced.tolist()}
        return cls(name, distribution, False, np.array(sorted(legal)), False)

    @property
    def n_levels(self) -> int:
        """Number of levels, L."""
        return len(self.coordinates)

    def coordinate(self, value: Any) -> float:
        """The coordinate of a parameter value; a choice may be as JSON has given it back.

        Raises:
            QhpoError: If the distribution does not contain the value.
        """
        dist = self.distribution
        internal = self._internal(value)
        if internal is None:
            raise QhpoError(f"the parameter {self.name!r} must be in {dist}; got {value!r}")
        if isinstance(dist, CategoricalDistribution):
            return internal
        assert isinstance(dist, (FloatDistribution, IntDistribution))
        if dist.single():
            return 0.0
        if dist.log:
            return math.log(internal / dist.low) / math.log(dist.high / dist.low)
        if dist.step is not None:
            # Counted in steps: low + k * step may lie a rounding error beside the value.
            return round((internal - dist.low) / dist.step) / (self.n_values - 1)
        return (internal - dist.low) / (dist.high - dist.low)

    @property
    def n_values(self) -> float:
        """Number of values the parameter can take; infinity for a float without step."""
        dist = self.distribution
        if isinstance(dist, CategoricalDistribution):
            return self.n_levels
        assert isinstance(dist, (FloatDistribution, IntDistribution))
        return 1 if dist.single() else _count_values(dist) or math.inf

    def every_coordinate(self) -> FloatArray:
        """Coordinates of all values, shape (n_values,); there must be finitely many."""
        if self.is_exhaustive:
            return self.coordinates
        dist = self.distribution
        if isinstance(dist, IntDistribution) and dist.log:
            return np.array([self.coordinate(value) for value in range(dist.low, dist.high + 1)])
        return np.arange(int(self.n_values)) / (self.n_values - 1)

    def contains(self, value: Any) -> bool:
        """Whether the distribution contains a parameter value."""
        return self._internal(value) is not None

    def _internal(self, value: Any) -> float | None:
        """Optuna's number of a parameter value, None if the distribution does not contain it."""
        try:
            internal = self.distribution.to_internal_repr(restored(self.distribution, value))
            return float(internal) if self.distribution._contains(internal) else None
        except (TypeError, ValueError):
            return None

    def value(self, coordinate: float) -> Any:
        """The legal parameter value nearest to a coordinate, as a Python scalar or choice."""
        dist = self.distribution
        if isinstance(dist, CategoricalDistribution):
            return dist.choices[round(coordinate)]
        assert isinstance(dist, (FloatDistribution, IntDistribution))
        if coordinate >= 1.0:
            number: float = dist.high  # exactly, where the scale would round
        elif dist.log:
            number = dist.low * math.exp(coordinate * math.log(dist.high / dist.low))
        elif dist.step is not None and not dist.single():
            number = dist.low + round(coordinate * (self.n_values - 1)) * dist.step
        else:
            number = dist.low + coordinate * (dist.high - dist.low)
        number = min(max(number, dist.low), dist.high)
        return round(number) if isinstance(dist, IntDistribution) else float(number)

    def draw(self, rng: np.random.Generator) -> float:
        """A random coordinate of the whole range; of finitely many values each is as likely."""
        if self.is_exhaustive:
            return float(rng.choice(self.coordinates))
        return self.at(rng.random())

    def at(self, share: float) -> float:
        """The coordinate of the value that has a share of all values before it.

        Equal parts of [0, 1) belong to all values of a stepped range; on a logarithmic scale they
        are as wide as the values lie apart.

        Args:
            share: In [0, 1).
        """
        dist = self.distribution
        if self.is_exhaustive:
            return float(self.coordinates[int(share * self.n_levels)])
        if isinstance(dist, IntDistribution) and dist.log:
            # Every number owns what is rounded to it, the ends too.
            low, high = dist.low - 0.5, dist.high + 0.5
            number = round(low * (high / low) ** share)
            return self.coordinate(min(max(number, dist.low), dist.high))
        if math.isfinite(self.n_values):
            last = int(self.n_values) - 1
            return min(int(share * self.n_values), last) / last
        return share

    def snap(self, coordinates: FloatArray) -> FloatArray:
        """Coordinates of the legal values nearest to the given coordinates, same shape."""
        if isinstance(self.distribution, FloatDistribution) and self.distribution.step is None:
            return np.clip(coordinates, 0.0, 1.0)
        flat = [self.coordinate(self.value(c)) for c in coordinates.ravel().tolist()]
        return np.array(flat).reshape(coordinates.shape)


def _key_of(value: float, distribution: BaseDistribution) -> float:
    """What tells a number from others."""
    if isinstance(distribution, FloatDistribution) and distribution.log:
        return round(value, _KEY_DIGITS - math.ceil(math.log10(value)))
    return value


def _distinct_choices(distribution: CategoricalDistribution) -> FloatArray:
    """Indices of the choices that Optuna tells apart, shape (L,).

    It stores the first choice that is equal to what it is given: 1, 1.0 and True are one to it.
    """
    stored = {distribution.to_internal_repr(choice) for choice in distribution.choices}
    return np.array(sorted(stored), dtype=float)


def _fits_floats(distribution: FloatDistribution | IntDistribution) -> bool:
    try:
        low, high = float(distribution.low), float(distribution.high)
    except OverflowError:
        return False
    width = high / low if distribution.log else high - low
    # Optuna stores an integer as the nearest float, which must not fall outside of the range.
    return math.isfinite(width) and distribution.low <= low and high <= distribution.high


def _count_values(distribution: FloatDistribution | IntDistribution) -> int | None:
    if distribution.step is None:
        return None
    return 1 + math.floor((distribution.high - distribution.low) / distribution.step + 1e-9)


class Space:
    """The axes of a search space, ordered by name.

    Args:
        search_space: Optuna distributions by parameter name.

    Attributes:
        search_space: The distributions.
        axes: One axis per parameter, sorted by name.
        n_levels: Levels per axis, shape (d,), int.
        starts: First global level index of every axis and the total, shape (d + 1,), int.
    """

    def __init__(self, search_space: Mapping[str, BaseDistribution]) -> None:
        self.search_space = dict(search_space)
        self._set_axes(
            [Axis.from_distribution(name, search_space[name]) for name in sorted(search_space)]
        )
        self._keys: dict[bytes, tuple[Any, ...]] = {}

    def with_levels(self, levels: Mapping[int, FloatArray]) -> Space:
        """The same space where some axes have other levels.

        Args:
            levels: Coordinates of legal values, increasing, by number of the axis.
        """
        other = copy(self)
        axes = [
            replace(axis, coordinates=levels[i], is_exhaustive=len(levels[i]) == axis.n_values)
            if i in levels
            else axis
            for i, axis in enumerate(self.axes)
        ]
        other._set_axes(axes)
        return other

    def _set_axes(self, axes: Sequence[Axis]) -> None:
        self.axes = tuple(axes)
        self.n_levels = np.array([axis.n_levels for axis in axes], dtype=np.intp)
        self.starts = np.concatenate([[0], np.cumsum(self.n_levels)]).astype(np.intp)

    def __len__(self) -> int:
        return len(self.axes)

    @cached_property
    def identity(self) -> bytes:
        """What tells the space from others: its distributions, in the order of the axes."""
        return repr([axis.distribution for axis in self.axes]).encode()

    def encode(self, params: Mapping[str, Any]) -> FloatArray:
        """Coordinates of a configuration, shape (d,); NaN where a parameter is absent."""
        return np.array(
            [
                axis.coordinate(params[axis.name]) if axis.name in params else math.nan
                for axis in self.axes
            ]
        )

    def key(self, coordinates: FloatArray) -> tuple[Any, ...]:
        """What makes a configuration different from others: its values, None where inactive.

        Choices count by their index, as they may be any objects.
        """
        known = coordinates.tobytes()
        if known not in self._keys:
            # All trials so far are looked up at every suggestion.
            if len(self._keys) >= _MAX_KEYS:
                self._keys.clear()
            self._keys[known] = tuple(
                None
                if math.isnan(coordinate)
                else round(coordinate)
                if axis.is_category
                else _key_of(axis.value(coordinate), axis.distribution)
                for axis, coordinate in zip(self.axes, coordinates.tolist(), strict=True)
            )
        return self._keys[known]

    def decode(self, coordinates: FloatArray) -> dict[str, Any]:
        """Parameter values of coordinates of shape (d,); inactive (NaN) ones are left out."""
        return {
            axis.name: axis.value(coordinate)
            for axis, coordinate in zip(self.axes, coordinates.tolist(), strict=True)
            if not math.isnan(coordinate)
        }

    def levels_of(self, axes: NDArray[np.intp]) -> NDArray[np.intp]:
        """Global indices of all levels of some axes, one axis behind the other."""
        sizes = self.n_levels[axes]
        first = np.cumsum(sizes) - sizes
        levels: NDArray[np.intp] = np.repeat(self.starts[axes] - first, sizes)
        levels += np.arange(len(levels))
        return levels

    def at_levels(self, levels: NDArray[np.intp]) -> FloatArray:
        """Coordinates of level indices, both of shape (..., d)."""
        flat = np.concatenate([axis.coordinates for axis in self.axes])
        coordinates: FloatArray = flat[levels + self.starts[:-1]]
        return coordinates

    def nearest_levels(self, coordinates: FloatArray) -> NDArray[np.intp]:
        """Level index nearest to every coordinate, (d,) to (d,)."""
        return np.array(
            [
                int(np.abs(axis.coordinates - coordinate).argmin())
                for axis, coordinate in zip(self.axes, coordinates.tolist(), strict=True)
            ],
            dtype=np.intp,
        )
