"""Axes and spaces: values to coordinates and back, for every distribution that Optuna has."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.errors import QhpoError
from qhpo.space import MAX_LEVELS, Axis, Space


def _float(low: float, width: float) -> FloatDistribution:
    return FloatDistribution(low, low + width)


def _log_float(low: float, ratio: float) -> FloatDistribution:
    return FloatDistribution(low, low * ratio, log=True)


def _step_float(low: float, step: float, count: int) -> FloatDistribution:
    # Decimal literals, as people write them: low + count * step is rarely representable.
    return FloatDistribution(low, round(low + count * step, 6), step=step)


def _integer(low: int, step: int, count: int) -> IntDistribution:
    return IntDistribution(low, low + count * step, step=step)


def _log_int(low: int, width: int) -> IntDistribution:
    return IntDistribution(low, low + width, log=True)


def _distinct(choices: list[Any]) -> bool:
    """Whether Optuna can tell the choices apart: 1, 1.0 and True are one choice to it."""
    return all(a != b for i, a in enumerate(choices) for b in choices[:i])


magnitudes = st.floats(-1e6, 1e6)
floats = st.builds(_float, magnitudes, st.floats(1e-3, 1e6))
log_floats = st.builds(_log_float, st.floats(1e-12, 1e6), st.floats(1.01, 1e12))
step_floats = st.builds(
    _step_float,
    st.integers(-300, 300).map(lambda tenths: tenths / 10),
    st.sampled_from([0.1, 0.2, 0.25, 0.3, 0.05, 0.001, 1.0, 2.5]),
    st.integers(0, 60),
)
integers = st.builds(_integer, st.integers(-(10**6), 10**6), st.integers(1, 50), st.integers(0, 60))
wide_integers = st.builds(_integer, st.integers(-(2**40), 2**40), st.just(1), st.integers(0, 2**40))
log_integers = st.builds(_log_int, st.integers(1, 10**6), st.integers(0, 2**40))
categories = st.builds(
    CategoricalDistribution,
    st.lists(
        st.one_of(
            st.none(),
            st.booleans(),
            st.text(max_size=4),
            st.integers(-5, 5),
            st.floats(allow_nan=False),
        ),
        min_size=1,
        max_size=20,
    ).filter(_distinct),
)
finite = st.one_of(step_floats, integers, wide_integers, log_integers, categories)
distributions = st.one_of(floats, log_floats, finite)


@dataclass(frozen=True)
class Case:
    distribution: BaseDistribution
    value: Any


def _legal(distribution: BaseDistribution) -> st.SearchStrategy[Any]:
    """Values that Optuna itself could hand to a trial."""
    if isinstance(distribution, CategoricalDistribution):
        return st.sampled_from(distribution.choices)
    if isinstance(distribution, IntDistribution):
        last = (distribution.high - distribution.low) // distribution.step
        return st.integers(0, last).map(lambda k: distribution.low + k * distribution.step)
    assert isinstance(distribution, FloatDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is None:
        return st.floats(low, high)
    return st.integers(0, round((high - low) / step)).map(lambda k: min(low + k * step, high))


cases = distributions.flatmap(lambda dist: st.builds(Case, st.just(dist), _legal(dist)))


def _same(distribution: BaseDistribution, got: Any, expected: Any) -> bool:
    if not isinstance(distribution, FloatDistribution):
        return type(got) is type(expected) and got == expected
    scale = 0.0 if distribution.log else max(abs(distribution.low), abs(distribution.high))
    return type(got) is float and math.isclose(got, expected, rel_tol=1e-9, abs_tol=1e-9 * scale)


def _is_python_scalar(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, FloatDistribution):
        return type(value) is float
    if isinstance(distribution, IntDistribution):
        return type(value) is int
    return not isinstance(value, np.generic)


class TestRoundTrip:
    @given(cases)
    @example(Case(FloatDistribution(0.1, 0.3, step=0.2), 0.3))
    @example(Case(FloatDistribution(-10.2, 10.2, step=0.1), 10.2))
    @example(Case(CategoricalDistribution([None, True, "a", 2, 0.5]), None))
    def test_a_value_comes_back(self, case: Case) -> None:
        space = Space({"x": case.distribution})
        decoded = space.decode(space.encode({"x": case.value}))
        assert decoded.keys() == {"x"}
        assert _same(case.distribution, decoded["x"], case.value), (decoded["x"], case.value)

    @given(st.dictionaries(st.text(min_size=1, max_size=3), cases, min_size=1, max_size=6))
    def test_a_configuration_comes_back(self, by_name: dict[str, Case]) -> None:
        space = Space({name: case.distribution for name, case in by_name.items()})
        decoded = space.decode(space.encode({name: case.value for name, case in by_name.items()}))
        assert [axis.name for axis in space.axes] == sorted(by_name)
        for name, case in by_name.items():
            assert _same(case.distribution, decoded[name], case.value)

    @given(
        st.dictionaries(st.text(min_size=1, max_size=3), cases, min_size=1, max_size=5), st.data()
    )
    def test_what_is_absent_stays_absent(
        self, by_name: dict[str, Case], data: st.DataObject
    ) -> None:
        present = data.draw(st.sets(st.sampled_from(sorted(by_name))))
        space = Space({name: case.distribution for name, case in by_name.items()})
        coordinates = space.encode({name: by_name[name].value for name in present})
        assert {a.name for a, c in zip(space.axes, coordinates, strict=True) if c == c} == present
        assert space.decode(coordinates).keys() == present

    @given(st.one_of(floats, log_floats, step_floats, integers, log_integers), st.data())
    def test_numbers_lie_in_order_between_0_and_1(
        self, distribution: FloatDistribution | IntDistribution, data: st.DataObject
    ) -> None:
        axis = Axis.from_distribution("x", distribution)
        assert axis.coordinate(distribution.low) == 0.0
        assert axis.coordinate(distribution.high) == (0.0 if distribution.single() else 1.0)
        a, b = sorted(data.draw(st.tuples(_legal(distribution), _legal(distribution))))
        assert 0.0 <= axis.coordinate(a) <= axis.coordinate(b) <= 1.0

    def test_log_axes_are_even_in_the_logarithm(self) -> None:
        axis = Axis.from_distribution("x", FloatDistribution(1e-4, 1.0, log=True))
        values = [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
        np.testing.assert_allclose([axis.coordinate(v) for v in values], [0, 0.25, 0.5, 0.75, 1])

    def test_categories_are_numbered(self) -> None:
        axis = Axis.from_distribution("x", CategoricalDistribution(["a", None, 3]))
        assert axis.is_category
        assert [axis.coordinate(choice) for choice in ("a", None, 3)] == [0.0, 1.0, 2.0]

    def test_equal_categories_are_the_first_of_them(self) -> None:
        # Optuna stores what it is given as the first choice that is equal.
        distribution = CategoricalDistribution([0, "a", False, 0.0, "a", 1, True])
        axis = Axis.from_distribution("x", distribution)
        assert axis.coordinates.tolist() == axis.every_coordinate().tolist() == [0.0, 1.0, 5.0]
        assert axis.n_values == 3
        for choice in distribution.choices:
            stored = distribution.to_internal_repr(choice)
            assert axis.coordinate(choice) == stored
            space = Space({"x": distribution})
            assert space.key(space.encode({"x": choice})) == (stored,)


class TestLevels:
    @given(distributions)
    def test_are_legal_distinct_increasing_and_few(self, distribution: BaseDistribution) -> None:
        axis = Axis.from_distribution("x", distribution)
        assert axis.n_levels == len(axis.coordinates) >= 1
        assert (np.diff(axis.coordinates) > 0).all()
        if not axis.is_category:
            assert axis.n_levels <= MAX_LEVELS
        values = [axis.value(coordinate) for coordinate in axis.coordinates.tolist()]
        assert all(axis.contains(value) for value in values)
        assert all(_is_python_scalar(distribution, value) for value in values)
        assert all(a != b for i, a in enumerate(values) for b in values[:i])

    @given(distributions)
    def test_include_both_ends_of_a_range(self, distribution: BaseDistribution) -> None:
        assume(not isinstance(distribution, CategoricalDistribution))
        axis = Axis.from_distribution("x", distribution)
        assert axis.coordinates[0] == 0.0
        assert axis.coordinates[-1] == pytest.approx(0.0 if distribution.single() else 1.0)

    @given(finite, st.data())
    @example(FloatDistribution(4.1, 4.2, step=0.1), None)
    def test_of_an_exhaustive_axis_hold_every_legal_value_exactly(
        self, distribution: BaseDistribution, data: st.DataObject | None
    ) -> None:
        # Else the models take a value written as a decimal for one between the levels.
        axis = Axis.from_distribution("x", distribution)
        assume(axis.is_exhaustive)
        value = data.draw(_legal(distribution)) if data else 4.2
        assert axis.coordinate(value) in axis.coordinates
        if isinstance(distribution, FloatDistribution) and axis.contains(round(value, 6)):
            assert axis.coordinate(round(value, 6)) in axis.coordinates

    @given(distributions)
    @example(FloatDistribution(0.1, 0.7, step=0.1))
    def test_exhaustive_exactly_when_all_values_are_levels(
        self, distribution: BaseDistribution
    ) -> None:
        axis = Axis.from_distribution("x", distribution)
        if isinstance(distribution, CategoricalDistribution):
            n_values: float = len(distribution.choices)
        elif isinstance(distribution, IntDistribution):
            n_values = len(range(distribution.low, distribution.high + 1, distribution.step))
        elif distribution.single():
            n_values = 1
        elif distribution.step is not None:
            n_values = 1 + round((distribution.high - distribution.low) / distribution.step)
        else:
            n_values = math.inf
        assert axis.n_values == n_values
        assert axis.is_exhaustive == (axis.n_levels == n_values)
        assert axis.is_exhaustive == (axis.is_category or n_values <= MAX_LEVELS)

    @given(finite)
    @example(FloatDistribution(-10.2, 10.2, step=0.1))
    def test_every_coordinate_is_every_value(self, distribution: BaseDistribution) -> None:
        axis = Axis.from_distribution("x", distribution)
        assume(axis.n_values <= 1000)
        every = axis.every_coordinate()
        assert len(every) == axis.n_values
        assert (np.diff(every) > 0).all()
        assert all(axis.contains(axis.value(coordinate)) for coordinate in every.tolist())
        values = [axis.value(coordinate) for coordinate in every.tolist()]
        assert all(a != b for a, b in itertools.pairwise(values))

    @given(distributions)
    def test_are_found_by_number_and_by_nearness(self, distribution: BaseDistribution) -> None:
        space = Space({"a": distribution, "b": IntDistribution(0, 2)})
        levels = np.array([[r, r % 3] for r in range(space.axes[0].n_levels)])
        coordinates = space.at_levels(levels)
        assert coordinates.shape == levels.shape
        np.testing.assert_array_equal(coordinates[:, 0], space.axes[0].coordinates)
        for row, expected in zip(coordinates, levels, strict=True):
            np.testing.assert_array_equal(space.nearest_levels(row), expected)

    def test_starts_count_the_levels(self) -> None:
        space = Space(
            {
                "b": IntDistribution(1, 5),
                "a": CategoricalDistribution(["x", "y"]),
                "c": FloatDistribution(0, 1),
            }
        )
        assert len(space) == 3
        assert space.n_levels.tolist() == [2, 5, MAX_LEVELS]
        assert space.starts.tolist() == [0, 2, 7, 7 + MAX_LEVELS]

    def test_nothing_is_a_space_too(self) -> None:
        space = Space({})
        assert len(space) == 0
        assert space.starts.tolist() == [0]
        assert space.decode(space.encode({})) == {}


class TestSnap:
    @given(distributions, st.lists(st.floats(0, 1), min_size=1, max_size=8))
    def test_leads_to_legal_values_and_stays_there(
        self, distribution: BaseDistribution, places: list[float]
    ) -> None:
        assume(not isinstance(distribution, CategoricalDistribution))
        axis = Axis.from_distribution("x", distribution)
        once = axis.snap(np.array(places))
        assert once.shape == (len(places),)
        np.testing.assert_array_equal(axis.snap(once), once)
        for coordinate in once.tolist():
            value = axis.value(coordinate)
            assert axis.contains(value)
            # A narrow range far from 0 has few numbers to choose from.
            coarse = 4.0 * np.spacing(max(abs(distribution.low), abs(distribution.high)))
            width = max(distribution.high - distribution.low, coarse)
            assert axis.coordinate(value) == pytest.approx(coordinate, abs=1e-9 + coarse / width)

    @given(step_floats, st.floats(0, 1))
    def test_takes_the_nearest_value(
        self, distribution: FloatDistribution, coordinate: float
    ) -> None:
        axis = Axis.from_distribution("x", distribution)
        snapped = float(axis.snap(np.array([coordinate]))[0])
        nearest = np.abs(axis.every_coordinate() - coordinate).min()
        if not distribution.single():
            assert abs(snapped - coordinate) == pytest.approx(nearest, abs=1e-9)

    @given(distributions)
    def test_leaves_levels_where_they_are(self, distribution: BaseDistribution) -> None:
        axis = Axis.from_distribution("x", distribution)
        np.testing.assert_array_equal(axis.snap(axis.coordinates), axis.coordinates)

    @given(st.one_of(floats, log_floats, step_floats, integers), st.floats(-5, 5))
    def test_stays_in_the_range(self, distribution: BaseDistribution, coordinate: float) -> None:
        axis = Axis.from_distribution("x", distribution)
        assert 0.0 <= axis.snap(np.array([coordinate]))[0] <= 1.0

    def test_keeps_the_shape(self) -> None:
        axis = Axis.from_distribution("x", IntDistribution(0, 100))
        assert axis.snap(np.full((2, 3), 0.123)).shape == (2, 3)


class TestKey:
    @given(cases, st.data())
    def test_equal_exactly_for_equal_values(self, case: Case, data: st.DataObject) -> None:
        other = data.draw(_legal(case.distribution))
        assume(other == case.value or not _same(case.distribution, other, case.value))
        space = Space({"x": case.distribution})
        keys = [space.key(space.encode({"x": value})) for value in (case.value, other)]
        assert (keys[0] == keys[1]) == (other == case.value)

    @given(step_floats, st.data())
    def test_of_a_stepped_number_forgives_rounding(
        self, distribution: FloatDistribution, data: st.DataObject
    ) -> None:
        value = data.draw(_legal(distribution))
        space = Space({"x": distribution})
        written = round(value, 6)
        assume(space.axes[0].contains(written))
        assert space.key(space.encode({"x": written})) == space.key(space.encode({"x": value}))

    @given(distributions)
    @example(_log_float(67.75, 54.5))
    @example(_log_float(3e-8, 1.01))
    def test_of_a_level_is_that_of_the_trial_it_becomes(
        self, distribution: BaseDistribution
    ) -> None:
        # Otherwise the sampler would not recognize its own suggestion in the storage.
        space = Space({"x": distribution})
        for coordinate in space.axes[0].coordinates:
            suggested = np.array([coordinate])
            stored = space.encode(space.decode(suggested))
            assert space.key(stored) == space.key(suggested)

    def test_of_an_inactive_parameter_is_none(self) -> None:
        space = Space({"x": CategoricalDistribution([None, "a"]), "y": IntDistribution(0, 1)})
        assert space.key(space.encode({"y": 1})) == (None, 1)
        assert space.key(space.encode({"x": None, "y": 1})) != space.key(space.encode({"y": 1}))


class TestErrors:
    @pytest.mark.parametrize(
        ("distribution", "value"),
        [
            (FloatDistribution(0, 1), 1.5),
            (FloatDistribution(0, 1), math.nan),
            (FloatDistribution(0, 1), "zero"),
            (FloatDistribution(0, 1), None),
            (FloatDistribution(0.1, 1, log=True), -1.0),
            (FloatDistribution(0, 1, step=0.25), 0.3),
            (IntDistribution(0, 10), 11),
            (IntDistribution(0, 10, step=5), 3),
            (IntDistribution(1, 10, log=True), 0),
            (CategoricalDistribution(["a", "b"]), "c"),
            (CategoricalDistribution(["a", "b"]), None),
        ],
    )
    def test_a_value_outside_is_named(self, distribution: BaseDistribution, value: Any) -> None:
        axis = Axis.from_distribution("rate", distribution)
        assert not axis.contains(value)
        with pytest.raises(QhpoError) as error:
            axis.coordinate(value)
        assert "'rate'" in str(error.value)
        assert str(distribution) in str(error.value)
        assert repr(value) in str(error.value)
        with pytest.raises(QhpoError):
            Space({"rate": distribution}).encode({"rate": value})

    @pytest.mark.parametrize("wrong", [None, (0, 1), "float", range(3)])
    def test_what_is_no_distribution_is_named(self, wrong: Any) -> None:
        with pytest.raises(QhpoError, match="rate") as error:
            Space({"rate": wrong})
        assert repr(wrong) in str(error.value)
        assert "float, int or categorical" in str(error.value)

    @pytest.mark.parametrize(
        "distribution",
        [
            FloatDistribution(-1.7e308, 1.7e308),
            FloatDistribution(-1.7e308, 1.7e308, step=1e307),
            FloatDistribution(1e-300, 1e300, log=True),
            FloatDistribution(0, math.inf),
            FloatDistribution(1, math.inf, log=True),
            FloatDistribution(math.nan, 1),
            IntDistribution(0, 10**400),
            IntDistribution(1, 10**400, log=True),
            IntDistribution(-17 * 10**307, 17 * 10**307, step=10**307),
            IntDistribution(0, 2**63 - 1),  # Optuna would store 2**63
            IntDistribution(2**53 + 1, 2**60),  # and 2**53
        ],
    )
    def test_a_range_beyond_floats_is_named_at_once(self, distribution: BaseDistribution) -> None:
        with pytest.raises(QhpoError, match=r"(?s)a float can hold.*'rate'.*narrow it") as error:
            Space({"rate": distribution})
        assert repr(distribution) in str(error.value)

    @pytest.mark.parametrize(
        "distribution",
        [
            FloatDistribution(-8e307, 8e307),
            FloatDistribution(-8e307, 8e307, step=2e307),
            FloatDistribution(1.0, 1.7e308, log=True),
            FloatDistribution(math.inf, math.inf),
            IntDistribution(-(10**307), 10**307),
            IntDistribution(0, 2**63),
        ],
    )
    def test_the_widest_ranges_are_no_error(self, distribution: BaseDistribution) -> None:
        axis = Axis.from_distribution("rate", distribution)
        assert axis.coordinates.tolist() == pytest.approx(
            np.linspace(0.0, 1.0, axis.n_levels).tolist()
        )


class TestDraw:
    def test_reaches_every_level(self) -> None:
        axis = Axis.from_distribution("x", CategoricalDistribution(list("abcd")))
        rng = np.random.default_rng(0)
        drawn = [axis.draw(rng) for _ in range(4000)]
        counts = np.bincount(np.array(drawn, dtype=int))
        assert len(counts) == 4
        assert np.abs(counts - 1000).max() < 5 * np.sqrt(750)

    def test_reaches_values_between_the_levels(self) -> None:
        axis = Axis.from_distribution("x", IntDistribution(0, 99))
        rng = np.random.default_rng(0)
        values = {axis.value(axis.draw(rng)) for _ in range(3000)}
        assert values == set(range(100))
