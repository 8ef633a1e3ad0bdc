"""The restricted model, and the candidates annealed from it."""

from __future__ import annotations

import itertools
from typing import Any

import dimod
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qhpo.acquisition.annealed import annealed_levels, restrict

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.solvers import describe_solvers, make_solver

SIZES = (3, 2, 4, 1, 3)
D = len(SIZES)

centres = st.tuples(*(st.integers(0, size - 1) for size in SIZES)).map(np.array)
masks = st.lists(st.booleans(), min_size=D, max_size=D).map(np.array)
radii = st.integers(0, D)


@pytest.fixture(scope="module")
def tables(random_dqm: Any) -> DenseDQM:
    return DenseDQM.from_dqm(random_dqm(SIZES, seed=3))


EVERY = np.array(list(itertools.product(*map(range, SIZES))))


class TestRestrict:
    @given(centres, masks, radii)
    def test_energies_are_the_models_plus_a_toll_per_change(
        self, tables: DenseDQM, centre: np.ndarray, frozen: np.ndarray, radius: int
    ) -> None:
        if frozen.all():
            return
        model, free = restrict(tables, centre, frozen, radius)
        np.testing.assert_array_equal(free, np.flatnonzero(~frozen))
        assert model.sizes.tolist() == [SIZES[i] for i in free]
        inside = EVERY[(EVERY[:, frozen] == centre[frozen]).all(axis=1)]
        distance = (inside != centre).sum(axis=1)
        restricted = model.energies(inside[:, free])
        at_centre = restricted[distance == 0][0]
        energies = tables.energies(inside)
        extra = (restricted - at_centre) - (energies - energies[distance == 0][0])
        if distance.max() == 0:
            return
        toll = float(np.mean(extra[distance == 1]))
        np.testing.assert_allclose(extra, toll * distance, atol=1e-9)
        assert toll >= -1e-9
        if radius >= len(free):
            assert toll == pytest.approx(0.0, abs=1e-9)

    @given(centres, masks, st.integers(0, D - 1))
    def test_about_radius_axes_are_worth_the_toll(
        self, tables: DenseDQM, centre: np.ndarray, frozen: np.ndarray, radius: int
    ) -> None:
        if radius >= (~frozen).sum():
            return
        model, free = restrict(tables, centre, frozen, radius)
        fields = model.local_fields(centre[free][None, :])[0]
        starts = np.concatenate([[0], np.cumsum([SIZES[i] for i in free])])
        worth = 0
        for here, (start, stop) in zip(
            centre[free], itertools.pairwise(starts.tolist()), strict=True
        ):
            worth += fields[start:stop].min() < fields[start + here] - 1e-9
        assert worth <= radius


class TestCandidates:
    # Those that cost something need credentials and a service.
    @pytest.mark.parametrize("name", [s.name for s in describe_solvers() if not s.cost])
    @given(centres, masks, radii, st.integers(0, 2**31 - 1), st.integers(1, 4))
    def test_stay_inside(
        self,
        tables: DenseDQM,
        name: str,
        centre: np.ndarray,
        frozen: np.ndarray,
        radius: int,
        seed: int,
        n_best: int,
    ) -> None:
        before = centre.copy()
        levels = annealed_levels(tables, make_solver(name), centre, frozen, radius, n_best, seed)
        np.testing.assert_array_equal(centre, before)
        assert levels.ndim == 2
        assert levels.shape[1] == D
        assert 1 <= len(levels) <= n_best
        assert (levels >= 0).all()
        assert (levels < SIZES).all()
        np.testing.assert_array_equal(levels[:, frozen], np.tile(centre[frozen], (len(levels), 1)))
        assert ((levels != centre).sum(axis=1) <= radius).all()

    @given(centres, masks)
    def test_without_a_trust_region_the_exact_solver_finds_the_best(
        self,
        tables: DenseDQM,
        centre: np.ndarray,
        frozen: np.ndarray,
    ) -> None:
        levels = annealed_levels(tables, make_solver("exact"), centre, frozen, D, 1, 0)
        inside = EVERY[(EVERY[:, frozen] == centre[frozen]).all(axis=1)]
        assert tables.energies(levels)[0] == pytest.approx(tables.energies(inside).min())

    def test_a_solver_without_an_answer_gives_no_candidates(self, tables: DenseDQM) -> None:
        nothing = make_solver(dimod.NullSampler())
        centre = np.zeros(D, dtype=int)
        levels = annealed_levels(tables, nothing, centre, np.zeros(D, dtype=bool), D, 4, 0)
        assert levels.shape == (0, D)
