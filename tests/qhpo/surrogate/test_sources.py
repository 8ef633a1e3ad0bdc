"""What was known before, over the search space of another study."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo import QhpoError
from qhpo.encoding import DenseDQM
from qhpo.space import Axis, Space
from qhpo.surrogate.ensemble import EnsembleFitter
from qhpo.surrogate.hyperparameters import ENSEMBLE
from qhpo.surrogate.informed import InformedFitter
from qhpo.surrogate.prior_mean import PriorMean, level_weights
from qhpo.surrogate.sources import BelievedGood, FinishedStudy, Source, Sources
from qhpo.surrogate.transform import TRANSFORMS, standardized

FloatArray = NDArray[np.float64]

OF_SOURCE: dict[str, BaseDistribution] = {
    "kind": CategoricalDistribution(["a", "b", "c"]),
    "lr": FloatDistribution(1e-4, 1e-1, log=True),
    "size": IntDistribution(0, 4),
}


def _every(space: Space) -> FloatArray:
    """All configurations of levels, shape (q, d)."""
    levels = np.array(list(itertools.product(*map(range, space.n_levels.tolist()))))
    return space.at_levels(levels)


def _source(n: int = 60, seed: int = 0) -> tuple[Space, FloatArray, FloatArray]:
    """Trials of a study with main effects and one pair."""
    space = Space(OF_SOURCE)
    rng = np.random.default_rng(seed)
    x = np.array([[axis.draw(rng) for axis in space.axes] for _ in range(n)])
    kind, lr, size = x.T
    return space, x, (kind == 1.0) + 4.0 * (lr - 0.3) ** 2 + size * (kind == 2.0)


def _of_one(space: Space, x: FloatArray, values: FloatArray) -> FinishedStudy:
    return FinishedStudy(space, x, values[:, None])


@pytest.fixture(scope="module")
def study() -> FinishedStudy:
    return _of_one(*_source())


def _means(source: Source, distributions: Mapping[str, BaseDistribution], **at: Any) -> float:
    """What a source expects of a configuration."""
    space = Space(distributions)
    return float(PriorMean(space, source.tables(space, 0)).at(space.encode(at)[None, :])[0])


class TestLevelWeights:
    @given(st.floats(0.0, 1.0), st.integers(2, 40))
    def test_interpolate(self, coordinate: float, n: int) -> None:
        axis = Axis.from_distribution("n", IntDistribution(0, n - 1))
        weights = level_weights(axis, np.array([coordinate]))
        assert np.count_nonzero(weights) <= 2
        np.testing.assert_allclose(weights.sum(axis=1), 1.0)
        np.testing.assert_allclose(weights @ axis.coordinates, coordinate, atol=1e-12)

    def test_inactive_has_none(self) -> None:
        for dist in (FloatDistribution(0.0, 1.0), CategoricalDistribution("abc")):
            assert not level_weights(Axis.from_distribution("n", dist), np.array([np.nan])).any()


class TestFinishedStudy:
    def test_over_its_own_space_is_the_mean_of_its_model(self, study: FinishedStudy) -> None:
        space, x, values = _source()
        surrogate = EnsembleFitter().fit(space, x, values)
        models = [surrogate.quadratic("mean", m, np.random.default_rng(0)) for m in range(3)]
        levels = np.random.default_rng(1).integers(space.n_levels, size=(30, 3))
        expected = np.mean([model.energies(levels) for model in models], axis=0)
        np.testing.assert_allclose(study.tables(space, 0).energies(levels), expected, atol=1e-9)

    def test_values_are_matched_whatever_the_ranges(self, study: FinishedStudy) -> None:
        # A part of a range, choices in another order, numbers as choices, one more choice.
        other: dict[str, BaseDistribution] = {
            "kind": CategoricalDistribution(["new", "c", "a", "b"]),
            "lr": FloatDistribution(1e-3, 1e-2, log=True),
            "size": CategoricalDistribution([1, 4]),
        }
        fine = {**OF_SOURCE, "lr": FloatDistribution(1e-4, 1e-1, log=True)}
        for kind, lr, size in itertools.product("abc", (1e-3, 1e-2), (1, 4)):
            at = {"kind": kind, "lr": lr, "size": size}
            there = _means(study, fine, **at)
            assert _means(study, other, **at) == pytest.approx(there, abs=0.05), at

    def test_beyond_a_range_its_end_counts(self, study: FinishedStudy) -> None:
        wide = {"size": IntDistribution(-10, 14)}
        assert _means(study, wide, size=14) == pytest.approx(_means(study, wide, size=4))
        assert _means(study, wide, size=-10) == pytest.approx(_means(study, wide, size=0))

    def test_what_only_one_of_both_has_makes_no_difference(self, study: FinishedStudy) -> None:
        space = Space({"kind": OF_SOURCE["kind"], "more": IntDistribution(0, 2)})
        means = PriorMean(space, study.tables(space, 0)).at(_every(space)).reshape(3, 3)
        np.testing.assert_allclose(means, means[:, :1].repeat(3, axis=1), atol=1e-12)
        # Averaged over the others: c is worse by half of the sizes.
        own = Space(OF_SOURCE)
        whole = study.tables(own, 0)
        energies = PriorMean(own, whole).at(_every(own)).reshape(own.n_levels)
        averaged = energies.mean(axis=(1, 2))
        np.testing.assert_allclose(
            means[:, 0] - means[:, 0].mean(), averaged - averaged.mean(), atol=1e-9
        )

    def test_a_choice_that_it_did_not_have_is_an_average_one(self, study: FinishedStudy) -> None:
        kinds = {"kind": CategoricalDistribution(["a", "b", "c", "new"])}
        known = [_means(study, kinds, kind=kind) for kind in "abc"]
        assert _means(study, kinds, kind="new") == pytest.approx(np.mean(known), abs=1e-9)

    @pytest.mark.parametrize(
        "other", [IntDistribution(0, 4), CategoricalDistribution([True, "d"])], ids=str
    )
    def test_another_kind_of_parameter_is_not_matched(
        self, study: FinishedStudy, other: BaseDistribution
    ) -> None:
        assert Sources([("it", study)]).tables(Space({"kind": other})) == ()


class TestSources:
    @given(st.integers(0, 99), st.integers(1, 3))
    def test_are_in_units_of_their_deviation(self, seed: int, d: int) -> None:
        rng = np.random.default_rng(seed)
        space = Space({f"x{i}": IntDistribution(0, int(rng.integers(1, 5))) for i in range(d)})

        class Any_:
            n_objectives = None

            def tables(self, space: Space, objective: int) -> DenseDQM:
                size = int(space.starts[-1])
                pairs = 10.0 * rng.standard_normal((size, size))
                return DenseDQM.from_upper(space.starts, rng.standard_normal(size), pairs, 7.0)

        (tables,) = Sources([("it", Any_())]).tables(space)
        energies = PriorMean(space, tables).at(_every(space))
        assert energies.mean() == pytest.approx(0.0, abs=1e-9)
        assert energies.std() == pytest.approx(1.0)

    def test_that_say_nothing_are_named(self, study: FinishedStudy) -> None:
        sources = Sources([("one", study), ("two", BelievedGood({"more": 1}))])
        space = Space({"kind": OF_SOURCE["kind"]})
        assert sources.silent(space) == ("two",)
        assert len(sources.tables(space)) == 1
        # What is known over one space is not taken for what is known over another.
        assert sources.silent(Space({"more": IntDistribution(0, 3)})) == ("one",)

    def test_tell_of_every_objective_on_its_own(self) -> None:
        space, x, values = _source()
        both = FinishedStudy(space, x, np.stack([values, -values], axis=1))
        sources = Sources([("it", both), ("belief", BelievedGood({"kind": "a"}))])
        (first, of_all), (second, also) = (sources.tables(space, k) for k in range(2))
        np.testing.assert_allclose(second.linear, -first.linear, atol=1e-6)
        np.testing.assert_array_equal(of_all.linear, also.linear)

    def test_of_other_objectives_are_refused(self, study: FinishedStudy) -> None:
        sources = Sources([("belief", BelievedGood({"kind": "a"})), ("it", study)])
        sources.check(1)
        with pytest.raises(QhpoError, match="as many objectives as the new one, 2; got 1 in it"):
            sources.check(2)

    def test_levels_of_the_same_distributions_may_differ(self, study: FinishedStudy) -> None:
        sources, space = Sources([("it", study)]), Space(OF_SOURCE)
        sources.tables(space)
        fewer = space.with_levels({1: np.array([0.0, 0.5, 1.0])})
        assert sources.tables(fewer)[0].sizes.tolist() == [3, 3, 5]


class TestBelievedGood:
    def test_is_best_where_it_is_said_to_be(self) -> None:
        space = Space(OF_SOURCE)
        good = {"kind": "b", "lr": 1e-3, "size": 3}
        tables = BelievedGood(good).tables(space)
        best = _every(space)[PriorMean(space, tables).at(_every(space)).argmin()]
        assert space.decode(best) == {**good, "lr": pytest.approx(1e-3, rel=0.3)}

    def test_several_count_alike(self) -> None:
        space = Space({"kind": OF_SOURCE["kind"]})
        tables = BelievedGood([{"kind": "a"}, {"kind": "c"}]).tables(space)
        assert tables.linear.tolist() == [-1.0, 0.0, -1.0]

    @pytest.mark.parametrize(
        ("good", "says"),
        [
            ("adam", "believed_good must be values by parameter name"),
            ([], "believed_good must be"),
            ({}, "believed_good must be"),
            ([{"kind": "a"}, 3], "got 3 in it"),
            ({1: "a"}, "believed_good must be"),
            ({"kin": "a"}, "got kin"),
            ({"kind": "d"}, "got 'd' for 'kind'"),
            ({"size": 9}, "got 9 for 'size'"),
        ],
    )
    def test_what_is_wrong_is_said(self, good: Any, says: str) -> None:
        with pytest.raises(QhpoError, match=says):
            BelievedGood(good, OF_SOURCE)


class TestWeights:
    """What the values make of sources that are right, and of those that are not."""

    N = 12

    def _weights(self, sources: Sources, values: FloatArray, x: FloatArray) -> FloatArray:
        fitter = InformedFitter(ENSEMBLE, (standardized,), sources)
        return fitter._weighted(Space(OF_SOURCE), x, standardized(values)).weights

    def test_a_source_that_misleads_loses_its_weight(self, study: FinishedStudy) -> None:
        _, x, values = _source(self.N, seed=5)

        class Opposite:
            n_objectives = 1

            def tables(self, space: Space, objective: int) -> DenseDQM:
                right = study.tables(space, objective)
                return DenseDQM(right.starts, -right.linear, -right.quadratic, 0.0)

        right = self._weights(Sources([("right", study)]), values, x)
        assert 0.8 < right[0] < 1.6
        wrong = self._weights(Sources([("wrong", Opposite())]), values, x)
        assert wrong[0] == 0.0
        both = self._weights(Sources([("wrong", Opposite()), ("right", study)]), values, x)
        # They cancel each other but for what the right one has alone.
        assert both[0] < 0.25
        assert both[1] - both[0] > 0.6

    def test_before_the_values_differ_all_count_as_one(self, study: FinishedStudy) -> None:
        _, x, _ = _source(1)
        sources = Sources([("one", study), ("two", study)])
        assert self._weights(sources, np.zeros(1), x) == pytest.approx([0.5, 0.5])

    def test_the_mean_of_observations_is_that_of_their_values(self, study: FinishedStudy) -> None:
        space, x, values = _source(self.N, seed=6)
        fitter = InformedFitter(ENSEMBLE, TRANSFORMS, Sources([("it", study)]))
        y = fitter.transformed(space, x, values)
        assert fitter._mean(space, x, y).at(x).mean() == pytest.approx(y.mean(), abs=1e-9)
