"""What is true of any surrogate, however it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution

from qhpo.encoding import DenseDQM
from qhpo.space import Space
from qhpo.surrogate.base import Moments, Part, Surrogate, SurrogateFitter
from qhpo.surrogate.ensemble import EnsembleFitter
from qhpo.surrogate.horseshoe import HorseshoeFitter
from qhpo.surrogate.hyperparameters import ENSEMBLE
from qhpo.surrogate.informed import InformedFitter
from qhpo.surrogate.sources import Sources
from qhpo.surrogate.transform import TRANSFORMS
from tests.qhpo.known import along_axis, every_change

FloatArray = NDArray[np.float64]

Make = Callable[[], SurrogateFitter]


class _HalfKnown:
    """Knows something of every axis, by a draw from a model of another study."""

    n_objectives = None

    def tables(self, space: Space, objective: int) -> DenseDQM:
        rng = np.random.default_rng(4)
        size = int(space.starts[-1])
        pairs = rng.standard_normal((size, size))
        return DenseDQM.from_upper(space.starts, rng.standard_normal(size), pairs, 3.0)


def _informed() -> SurrogateFitter:
    return InformedFitter(ENSEMBLE, TRANSFORMS, Sources([("another study", _HalfKnown())]))


FITTERS: dict[str, Make] = {
    "anova-gp": EnsembleFitter,
    "horseshoe": HorseshoeFitter,
    "informed": _informed,
}
"""What makes each of the surrogates."""

N = 12
NOTHING = slice(0)


class Fitted(NamedTuple):
    space: Space
    x: FloatArray
    values: FloatArray
    points: FloatArray
    """Configurations with values that no observed one has."""
    surrogate: Surrogate


@pytest.fixture(scope="module", params=FITTERS)
def make(request: pytest.FixtureRequest) -> Make:
    return FITTERS[request.param]


@pytest.fixture(scope="module", params=[0.0, 0.25], ids=["whole", "partial"])
def fitted(
    request: pytest.FixtureRequest,
    make: Make,
    mixed_space: Space,
    observe: Any,
) -> Fitted:
    x = observe(mixed_space, N, 0, request.param)
    values = np.nansum(x, axis=1) + np.random.default_rng(0).standard_normal(N)
    points = observe(mixed_space, 6, 1, request.param)
    return Fitted(mixed_space, x, values, points, make().fit(mixed_space, x, values))


def _assert_close(one: Moments, other: Moments) -> None:
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(one.variance, other.variance, rtol=1e-6, atol=1e-8)


class TestPredictions:
    def test_say_what_is_known(self, fitted: Fitted) -> None:
        surrogate = fitted.surrogate
        assert surrogate.space is fitted.space
        assert surrogate.n_members >= 1
        np.testing.assert_array_equal(surrogate.observed, fitted.x)
        # The value to improve on is of the same kind as what is predicted of candidates.
        predicted = surrogate.predict(fitted.x).mean
        np.testing.assert_allclose(surrogate.observed_mean, predicted, rtol=1e-7, atol=1e-8)

    def test_are_normal_distributions_of_every_member(self, fitted: Fitted) -> None:
        for x in (fitted.points, fitted.points[NOTHING]):
            mean, variance = fitted.surrogate.predict(x)
            assert mean.shape == variance.shape == (fitted.surrogate.n_members, len(x))
            assert np.isfinite(mean).all()
            assert (variance > 0.0).all()

    def test_do_not_depend_on_what_else_is_asked(self, fitted: Fitted) -> None:
        mixed = np.concatenate([fitted.points, fitted.x])
        together = fitted.surrogate.predict(mixed)
        each = [fitted.surrogate.predict(one[None, :]) for one in mixed]
        parts = zip(*each, strict=True)
        _assert_close(together, Moments(*(np.concatenate(part, axis=1) for part in parts)))

    @pytest.mark.parametrize("axes", [range(6), [0, 3, 5], [4], [5]])
    def test_of_changes_are_those_of_each_changed_configuration(
        self, fitted: Fitted, axes: Sequence[int]
    ) -> None:
        surrogate, chosen = fitted.surrogate, np.array(axes)
        changes = surrogate.predict_changes(fitted.points, chosen)
        for s, x in enumerate(fitted.points):
            of_one = Moments(changes.mean[:, s], changes.variance[:, s])
            _assert_close(of_one, surrogate.predict(every_change(fitted.space, x, chosen)))

    @given(st.data())
    @settings(max_examples=30)
    def test_along_an_axis_are_those_of_each_point_whatever_was_asked_before(
        self, fitted: Fitted, data: st.DataObject
    ) -> None:
        # The arrays are the same ones all along, as a caller may use them again.
        rng = np.random.default_rng(data.draw(st.integers(0, 999)))
        x, points = fitted.points[0].copy(), np.empty(4)
        for _ in range(data.draw(st.integers(1, 6))):
            axis = int(rng.integers(len(x)))
            kind = fitted.space.axes[axis]
            points[:] = rng.choice(kind.coordinates, 4)
            if not kind.is_exhaustive:
                points[:] = kind.snap(rng.random(4))
            found = fitted.surrogate.predict_axis(x, axis, points)
            assert found.mean.shape == (fitted.surrogate.n_members, 4)
            _assert_close(found, fitted.surrogate.predict(along_axis(x, axis, points)))
            match data.draw(st.sampled_from(["along", "aside", "elsewhere", "in between"])):
                case "along":  # as a search does that changes one axis after another
                    x[axis] = rng.choice(points)
                case "aside":  # another axis than the one that was asked about
                    other = int(rng.integers(len(x)))
                    x[other] = rng.choice(fitted.space.axes[other].coordinates)
                case "elsewhere":
                    x[:] = fitted.points[rng.integers(len(fitted.points))]
                case "in between":
                    x[axis] = points[0]
                    fitted.surrogate.predict_axis(fitted.points[1], axis, points[1:])


class TestQuadratic:
    LEVELS = 40

    def _energies(self, fitted: Fitted, kind: Any, member: int, seed: int) -> FloatArray:
        levels = np.random.default_rng(0).integers(
            fitted.space.n_levels, size=(self.LEVELS, len(fitted.space))
        )
        tables = fitted.surrogate.quadratic(kind, member, np.random.default_rng(seed))
        assert tables.sizes.tolist() == fitted.space.n_levels.tolist()
        return tables.energies(levels)

    def test_of_the_mean_is_not_left_to_chance(self, fitted: Fitted) -> None:
        for member in range(fitted.surrogate.n_members):
            one, other = (self._energies(fitted, "mean", member, seed) for seed in range(2))
            np.testing.assert_array_equal(one, other)
            assert one.std() > 1e-6

    @pytest.mark.parametrize("axes", [[1, 2, 5], [0], [3, 4]])
    @pytest.mark.parametrize("kind", ["mean", "draw"])
    def test_of_some_axes_is_that_of_all_with_the_others_fixed(
        self, fitted: Fitted, kind: Any, axes: list[int]
    ) -> None:
        space, chosen = fitted.space, np.array(axes)
        levels = np.random.default_rng(0).integers(space.n_levels, size=(20, len(space)))
        levels[:, np.setdiff1d(np.arange(len(space)), chosen)] = levels[0, 0]
        levels %= space.n_levels
        part = Part(chosen, space.at_levels(levels[0]))
        rng = np.random.default_rng(0)
        tables = fitted.surrogate.quadratic(kind, 0, rng, part)
        assert tables.sizes.tolist() == space.n_levels[chosen].tolist()
        energies = tables.energies(levels[:, chosen])
        if kind == "mean":
            whole = fitted.surrogate.quadratic("mean", 0, rng).energies(levels)
            np.testing.assert_allclose(energies - energies[0], whole - whole[0], atol=1e-8)
        else:
            again = fitted.surrogate.quadratic(kind, 0, np.random.default_rng(0), part)
            np.testing.assert_array_equal(again.energies(levels[:, chosen]), energies)

    def test_draws_are_decided_by_the_generator(self, fitted: Fitted) -> None:
        one, again, other = (self._energies(fitted, "draw", 0, seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, again)
        assert np.abs(one - other).max() > 1e-6

    def test_draws_are_the_mean_on_average(self, fitted: Fitted) -> None:
        member = fitted.surrogate.n_members - 1
        draws = np.stack([self._energies(fitted, "draw", member, seed) for seed in range(300)])
        error = np.abs(draws.mean(axis=0) - self._energies(fitted, "mean", member, 0))
        assert (error < 4.5 * draws.std(axis=0) / np.sqrt(300)).all()


class TestBelieving:
    def test_keeps_all_means_and_is_surer(self, fitted: Fitted) -> None:
        surrogate, everywhere = fitted.surrogate, np.concatenate([fitted.points, fitted.x])
        before = surrogate.predict(everywhere)
        believing = surrogate.believing(fitted.points[:3])
        after = believing.predict(everywhere)
        np.testing.assert_allclose(after.mean, before.mean, atol=1e-6)
        assert (after.variance <= before.variance + 1e-9).all()
        assert (after.variance[:, :3] < 0.9 * before.variance[:, :3]).any()
        np.testing.assert_array_equal(
            believing.observed, np.concatenate([fitted.x, fitted.points[:3]])
        )
        assert believing.observed_mean.shape == (surrogate.n_members, N + 3)
        _assert_close(surrogate.predict(everywhere), before)

    def test_nothing_changes_nothing(self, fitted: Fitted) -> None:
        believing = fitted.surrogate.believing(fitted.points[NOTHING])
        _assert_close(believing.predict(fitted.points), fitted.surrogate.predict(fitted.points))


class TestFitter:
    def test_makes_the_same_whatever_it_has_made_before(
        self, make: Make, fitted: Fitted, observe: Any
    ) -> None:
        used = make()
        other = Space({"kind": CategoricalDistribution(["a", "b"])})
        used.fit(other, observe(other, 4, 0), np.arange(4.0))
        used.fit(fitted.space, fitted.x[:7], fitted.values[:7])
        again = used.fit(fitted.space, fitted.x, fitted.values)
        for one, expected in zip(
            again.predict(fitted.points), fitted.surrogate.predict(fitted.points), strict=True
        ):
            np.testing.assert_array_equal(one, expected)

    @pytest.mark.parametrize(
        "values",
        [[1.0], [0.5, -2.0], [2.0] * 4, [np.inf, 0.0, -np.inf, 1e308, 1.0], [np.inf] * 3],
        ids=["one", "two", "equal", "infinite", "only infinite"],
    )
    def test_takes_odd_values(self, make: Make, fitted: Fitted, values: list[float]) -> None:
        x = fitted.x[: len(values)]
        surrogate = make().fit(fitted.space, x, np.array(values))
        mean, variance = surrogate.predict(fitted.points)
        assert np.isfinite(mean).all()
        assert np.isfinite(variance).all()
        assert (variance > 0.0).all()
        assert np.isfinite(surrogate.observed_mean).all()

    def test_learns_main_effects_and_pairs(self, make: Make, observe: Any) -> None:
        space = Space({name: CategoricalDistribution(list("abc")) for name in "pqrst"})
        x, unseen = observe(space, 60, 0), observe(space, 60, 1)

        def values(x: FloatArray) -> FloatArray:
            on = x == 1.0
            return 2.0 * on[:, 0] - on[:, 1] + 3.0 * (on[:, 2] & on[:, 3])

        surrogate = make().fit(space, x, values(x))
        mean = surrogate.predict(unseen).mean.mean(axis=0)
        assert np.corrcoef(mean, values(unseen))[0, 1] > 0.9
        levels = np.stack([space.nearest_levels(one) for one in unseen])
        energies = surrogate.quadratic("mean", 0, np.random.default_rng(0)).energies(levels)
        assert np.corrcoef(energies, values(unseen))[0, 1] > 0.9
        assert np.corrcoef(surrogate.observed_mean.mean(axis=0), values(x))[0, 1] > 0.9
