"""Log EI of all single changes, and the climb along the best of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qhpo.acquisition.local_search import LogEI, Region, climb
from qhpo.acquisition.novelty import Novelty
from scipy.stats import norm

from qhpo.space import Space
from qhpo.surrogate.anova_gp import AnovaGP

N = 8


@pytest.fixture(scope="module")
def model(mixed_space: Space, observe: Any, make_model: Any) -> AnovaGP:
    others = observe(mixed_space, 20, 31, inactive=0.2)
    return make_model(mixed_space, N, 4, n_members=3, inactive=0.2, others=others)


@pytest.fixture(scope="module")
def score(model: AnovaGP) -> LogEI:
    return LogEI(model)


def _single_changes(space: Space, model: AnovaGP, row: np.ndarray) -> np.ndarray:
    """Row numbers of the configurations that ``of_changes`` scores, shape (D, d)."""
    changed = np.tile(row, (int(space.starts[-1]), 1))
    axis = np.repeat(np.arange(len(space)), space.n_levels)
    changed[np.arange(len(changed)), axis] = model.bank.level_rows
    return changed


class TestScore:
    def test_is_log_ei_on_the_best_smooth_mean_at_a_visited_point_times_novelty(
        self, mixed_space: Space, observe: Any, model: AnovaGP, score: LogEI
    ) -> None:
        coordinates = observe(mixed_space, 20, 31, inactive=0.2)
        rows = model.bank.rows_of(coordinates)
        mean, variance = model.predict(rows)
        best = model.observed_mean.min(axis=1)
        deviation = np.sqrt(variance)
        z = (best[:, None] - mean) / deviation
        ei = (deviation * (norm.pdf(z) + z * norm.cdf(z))).mean(axis=0)
        expected = np.log(ei) + Novelty(model).log_of(coordinates)
        np.testing.assert_allclose(score(rows), expected, atol=1e-7)

    def test_of_changes_is_the_score_of_each_changed_configuration(
        self, mixed_space: Space, observe: Any, model: AnovaGP, score: LogEI
    ) -> None:
        rows = model.bank.rows_of(observe(mixed_space, 20, 31, inactive=0.2))[:6]
        assert (rows == model.bank.rows.shape[1] - 1).any(), "no inactive axis among the starts"
        scores = score.of_changes(rows)
        assert scores.shape == (6, mixed_space.starts[-1])
        for row, got in zip(rows, scores, strict=True):
            expected = score(_single_changes(mixed_space, model, row))
            np.testing.assert_allclose(got, expected, atol=1e-8)


@st.composite
def searches(draw: Any) -> dict[str, Any]:
    """Seeds and sizes of what a climb is given."""
    return {
        "seed": draw(st.integers(0, 2**32 - 1)),
        "radius": draw(st.integers(0, 6)),
        "n_frozen": draw(st.integers(0, 6)),
        "n_taken": draw(st.integers(0, 60)),
    }


Climb = Callable[[dict[str, Any]], tuple[np.ndarray, Region, np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def search(mixed_space: Space, observe: Any, model: AnovaGP, score: LogEI) -> Climb:
    """Climbs in a random region; returns the starts, the region, and what was found."""
    bank = model.bank
    known = bank.rows_of(observe(mixed_space, 20, 31, inactive=0.2))

    def run(setting: dict[str, Any]) -> tuple[np.ndarray, Region, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(setting["seed"])
        d = len(mixed_space)

        def levels(n: int) -> np.ndarray:
            drawn = rng.integers(mixed_space.n_levels, size=(n, d))
            return bank.level_rows[drawn + mixed_space.starts[:-1]]

        centre = known[rng.integers(20)]
        frozen = rng.permutation(np.arange(d) < setting["n_frozen"])
        starts = levels(5)
        stay = rng.random(starts.shape).argsort(axis=1) >= setting["radius"]
        starts = np.where(stay | frozen, centre, starts)
        # Many of the taken ones lie close to the starts.
        n_taken = setting["n_taken"]
        near = np.where(rng.random((n_taken, d)) < 0.7, starts[rng.integers(5)], levels(n_taken))
        taken = np.concatenate([near, known[: n_taken // 3]])
        region = Region(taken, frozen, centre, setting["radius"])
        return (starts, region, *climb(score, starts, region))

    return run


class TestClimb:
    @given(searches())
    @settings(max_examples=40)
    def test_stays_in_the_region_and_off_what_is_taken(
        self, search: Climb, setting: dict[str, Any]
    ) -> None:
        starts, region, rows, scores = search(setting)
        assert rows.shape == starts.shape
        np.testing.assert_array_equal(rows[:, region.frozen], starts[:, region.frozen])
        assert ((rows != region.centre).sum(axis=1) <= region.radius).all()
        free = np.isfinite(scores)
        assert not region.is_taken(rows[free]).any()
        np.testing.assert_array_equal(rows[~free], starts[~free])
        assert region.is_taken(rows[~free]).all()

    @given(searches())
    @settings(max_examples=40)
    def test_never_lowers_the_score(
        self, search: Climb, score: LogEI, setting: dict[str, Any]
    ) -> None:
        starts, region, rows, scores = search(setting)
        free = ~region.is_taken(starts)
        assert (scores[free] >= score(starts[free]) - 1e-9).all() if free.any() else True
        found = np.isfinite(scores)
        if found.any():
            np.testing.assert_allclose(scores[found], score(rows[found]), atol=1e-8)

    @given(searches())
    @settings(max_examples=40)
    def test_ends_where_no_allowed_change_is_better(
        self,
        mixed_space: Space,
        model: AnovaGP,
        search: Climb,
        score: LogEI,
        setting: dict[str, Any],
    ) -> None:
        _, region, rows, scores = search(setting)
        axis = np.repeat(np.arange(len(mixed_space)), mixed_space.n_levels)
        for row, best in zip(rows, scores, strict=True):
            changed = _single_changes(mixed_space, model, row)
            allowed = (
                ~region.frozen[axis]
                & ~region.is_taken(changed)
                & ((changed != region.centre).sum(axis=1) <= region.radius)
                & (changed != row).any(axis=1)
            )
            if allowed.any():
                assert score(changed[allowed]).max() <= best + 1e-8

    def test_leaves_a_taken_start_for_a_free_neighbour(
        self, mixed_space: Space, model: AnovaGP, score: LogEI
    ) -> None:
        start = model.bank.level_rows[mixed_space.starts[:-1]][None, :]
        d = len(mixed_space)
        region = Region(start, np.zeros(d, dtype=bool), start[0], d)
        rows, scores = climb(score, start, region)
        assert np.isfinite(scores).all()
        assert (rows != start).any()

    def test_nowhere_to_go_is_minus_infinity(
        self, mixed_space: Space, model: AnovaGP, score: LogEI
    ) -> None:
        start = model.bank.level_rows[mixed_space.starts[:-1]]
        taken = _single_changes(mixed_space, model, start)
        d = len(mixed_space)
        for region in (
            Region(taken, np.zeros(d, dtype=bool), start, d),
            Region(start[None, :], np.ones(d, dtype=bool), start, d),
            Region(start[None, :], np.zeros(d, dtype=bool), start, 0),
        ):
            rows, scores = climb(score, start[None, :], region)
            assert scores.tolist() == [-np.inf]
            np.testing.assert_array_equal(rows, start[None, :])

    def test_what_is_taken_is_found_by_all_its_axes(
        self, mixed_space: Space, observe: Any, model: AnovaGP
    ) -> None:
        rows = model.bank.rows_of(observe(mixed_space, 20, 31, inactive=0.2))
        d = len(mixed_space)
        region = Region(rows[:10], np.zeros(d, dtype=bool), rows[0], d)
        expected = [(row == rows[:10]).all(axis=1).any() for row in rows]
        assert region.is_taken(rows).tolist() == expected
        nothing = Region(rows[:0], np.zeros(d, dtype=bool), rows[0], d)
        assert not nothing.is_taken(rows).any()
