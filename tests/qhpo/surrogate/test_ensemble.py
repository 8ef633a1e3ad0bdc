"""The turns in which members are fitted, and that a fit depends on its data alone."""

from __future__ import annotations

import itertools
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution

from qhpo.space import Space
from qhpo.surrogate.ensemble import EnsembleFitter, choices, last_fit, representatives
from qhpo.surrogate.hyperparameters import ENSEMBLE, Hyperparameters
from qhpo.surrogate.transform import rank_gaussian, standardized

sizes = st.integers(1, 3000)


def _values(coordinates: np.ndarray, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(len(coordinates))
    return np.nansum(coordinates, axis=1) + 0.1 * noise


def _everything(h: Hyperparameters) -> np.ndarray:
    return np.concatenate([np.atleast_1d(getattr(h, field.name)) for field in fields(h)])


def _same(one: Hyperparameters, other: Hyperparameters) -> bool:
    return np.array_equal(_everything(one), _everything(other))


class TestTurns:
    @given(sizes, st.integers(0, 4))
    def test_never_look_ahead_and_never_go_back(self, n: int, member: int) -> None:
        assert 1 <= last_fit(n, member, 5) <= n
        assert last_fit(n, member, 5) <= last_fit(n + 1, member, 5)

    @given(sizes, st.integers(0, 4))
    def test_between_two_fits_nothing_changes(self, n: int, member: int) -> None:
        at = last_fit(n, member, 5)
        assert last_fit(at, member, 5) == at
        assert last_fit((at + n) // 2, member, 5) == at

    def test_the_first_few_observations_are_fitted_every_time(self) -> None:
        for member in range(3):
            assert [last_fit(n, member, 3) for n in range(1, 11)] == list(range(1, 11))

    @given(st.integers(50, 3000))
    def test_members_are_not_left_behind(self, n: int) -> None:
        assert all(last_fit(n, member, 3) >= 0.8 * n for member in range(3))

    def test_members_take_turns(self) -> None:
        for n in range(50, 90):
            refitted = [m for m in range(3) if last_fit(n, m, 3) == n]
            assert len(refitted) <= 1


class TestMembers:
    @pytest.fixture
    def coordinates(self, mixed_space: Space, observe: Any) -> np.ndarray:
        return observe(mixed_space, 27, 0)

    def test_do_not_see_what_came_after_their_fit(
        self, mixed_space: Space, coordinates: np.ndarray
    ) -> None:
        values = _values(coordinates)
        turns = [last_fit(27, m, len(ENSEMBLE)) for m in range(len(ENSEMBLE))]
        assert min(turns) < 27
        altered = values.copy()
        altered[min(turns) :] += 5.0
        one = EnsembleFitter().members(mixed_space, coordinates, values)
        other = EnsembleFitter().members(mixed_space, coordinates, altered)
        for turn, a, b in zip(turns, one, other, strict=True):
            assert _same(a, b) == (turn == min(turns))

    def test_differ_by_their_priors_and_their_data(
        self, mixed_space: Space, coordinates: np.ndarray
    ) -> None:
        fitter = EnsembleFitter()
        one = fitter.members(mixed_space, coordinates[:12], _values(coordinates[:12]))
        flipped = fitter.members(mixed_space, coordinates[:12], -_values(coordinates[:12], seed=1))
        shuffled = fitter.members(mixed_space, coordinates[5:17], _values(coordinates[:12]))
        assert len(one) == len(ENSEMBLE)
        assert not any(_same(a, b) for a, b in itertools.combinations(one, 2))
        assert not any(_same(a, b) for a, b in zip(one, flipped, strict=True))
        assert not any(_same(a, b) for a, b in zip(one, shuffled, strict=True))

    def test_of_thousands_of_observations_are_fitted_to_some(self, observe: Any) -> None:
        space = Space({"x": FloatDistribution(0, 1), "k": CategoricalDistribution(list("abc"))})
        x = observe(space, 3000, 0)
        fitter = EnsembleFitter(ENSEMBLE[:1], (rank_gaussian,))
        (h,) = fitter.members(space, x, x[:, 1])
        assert np.isfinite(_everything(h)).all()
        assert h.relevance[1] > 5 * h.relevance[0]
        surrogate = fitter.fit(space, x, x[:, 1])
        assert len(surrogate.observed) == 256
        assert surrogate.observed[:, 1].min() == x[:, 1].min()


class TestTransform:
    @pytest.fixture
    def switches(self) -> Space:
        return Space({f"x{i:02}": CategoricalDistribution([False, True]) for i in range(12)})

    def _sums(self, space: Space, observe: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
        coordinates = observe(space, n, 3)
        return coordinates, coordinates @ (1.0 + np.arange(len(space)) ** 2)

    def test_sums_of_effects_are_learnt_as_they_are(self, switches: Space, observe: Any) -> None:
        coordinates, values = self._sums(switches, observe, 40)
        assert EnsembleFitter().transform(switches, coordinates, values) is standardized

    def test_heavy_tails_are_learnt_by_their_ranks(self, switches: Space, observe: Any) -> None:
        coordinates, values = self._sums(switches, observe, 40)
        tailed = np.exp(values / 20.0)
        assert EnsembleFitter().transform(switches, coordinates, tailed) is rank_gaussian

    def test_noise_is_learnt_by_its_ranks(self, switches: Space, observe: Any) -> None:
        coordinates = observe(switches, 40, 3)
        values = np.random.default_rng(0).standard_normal(40)
        assert EnsembleFitter().transform(switches, coordinates, values) is rank_gaussian

    def test_few_observations_choose_nothing(self, switches: Space, observe: Any) -> None:
        coordinates, values = self._sums(switches, observe, 29)
        assert EnsembleFitter().transform(switches, coordinates, values) is rank_gaussian

    def test_a_single_candidate_is_used(self, switches: Space, observe: Any) -> None:
        coordinates, values = self._sums(switches, observe, 40)
        fitter = EnsembleFitter(transforms=(rank_gaussian,))
        assert fitter.transform(switches, coordinates, values) is rank_gaussian

    def test_what_came_after_all_fits_does_not_choose(self, switches: Space, observe: Any) -> None:
        coordinates, values = self._sums(switches, observe, 42)
        turn = min(last_fit(42, m, len(ENSEMBLE)) for m in range(len(ENSEMBLE)))
        assert turn < 42
        altered = values.copy()
        altered[turn:] = 1e9
        assert EnsembleFitter().transform(switches, coordinates, altered) is standardized

    def test_what_is_in_use_stays_until_another_is_much_better(
        self, switches: Space, observe: Any
    ) -> None:
        coordinates, values = self._sums(switches, observe, 60)
        rng = np.random.default_rng(0)
        noisy = np.concatenate([values[:32], rng.permutation(values[:28])])
        fitter = EnsembleFitter()
        assert fitter.transform(switches, coordinates, noisy) is standardized
        assert EnsembleFitter().transform(switches, coordinates, noisy) is standardized
        tailed = np.exp(values / 20.0)
        assert fitter.transform(switches, coordinates, tailed) is rank_gaussian

    def test_all_equal_values_choose_nothing(self, switches: Space, observe: Any) -> None:
        coordinates = observe(switches, 40, 3)
        assert EnsembleFitter().transform(switches, coordinates, np.ones(40)) is rank_gaussian

    @given(sizes)
    def test_choices_are_made_rarely_and_never_look_ahead(self, n: int) -> None:
        at = choices(n)
        assert at == sorted(set(at))
        assert at == [] if n < 30 else 0.8 * min(n, 400) < at[-1] <= min(n, 400)
        assert choices(n + 1)[: len(at)] == at


class TestRepresentatives:
    @given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 9))
    def test_are_distinct_observations_in_order(self, n: int, budget: int, seed: int) -> None:
        values = np.random.default_rng(seed).integers(0, 50, n).astype(float)
        chosen = representatives(values, budget)
        assert len(chosen) == min(n, budget)
        assert (np.diff(chosen) > 0).all()
        assert chosen[0] >= 0
        assert chosen[-1] < n

    def test_hold_the_best_and_spread_over_the_rest(self) -> None:
        values = np.random.default_rng(0).random(3000)
        chosen = np.sort(values[representatives(values, 200)])
        np.testing.assert_array_equal(chosen[:100], np.sort(values)[:100])
        assert chosen[-1] == values.max()
        # A hundred of 2,900: every 29th or 30th of them.
        ranks = np.searchsorted(np.sort(values), chosen[100:])
        assert set(np.diff(ranks)) <= {29, 30}

    def test_infinite_values_are_ranked_too(self) -> None:
        values = np.array([np.inf, 3.0, -np.inf, 1.0, 2.0, np.inf])
        assert {2, 3} <= set(representatives(values, 4))
