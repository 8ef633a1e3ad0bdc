"""From a history of trials to the next configuration: the annealer proposes, log EI disposes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition.annealed import annealed_levels
from qhpo.acquisition.local_search import LogEI, Region, climb
from qhpo.acquisition.polish import polish
from qhpo.acquisition.settings import Settings
from qhpo.acquisition.trust_region import trust_radius
from qhpo.history import History
from qhpo.solvers import Solver
from qhpo.space import Space
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.ensemble import EnsembleFitter, representatives
from qhpo.surrogate.quadratic import posterior_draw, posterior_mean

__all__ = ["Proposer"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MAX_OBSERVATIONS = 400
"""Most finished trials in the posterior; of more, the best half and an even rest are kept."""

_MAX_STEP_OPERATIONS = 100_000_000
_MIN_STARTS = 3

_LOG_NOTHING_TO_GAIN = math.log(0.01)
"""If less improvement than this is expected, in deviations of the transformed values, the model is
content with what it knows, and a configuration far from that is tried, the one whose value could
be lowest: `_OPTIMISM` deviations below its mean."""

_OPTIMISM = 2.0

_MANY_LEVELS = 256
"""With more levels than this only one mean and one draw are annealed, each takes too long."""


class Proposer:
    """Proposes configurations.

    Args:
        solver: Samples the quadratic models.
        n_startup: Trials of the first design, which the trust region leaves out.
        settings: What a proposal is made of.
    """

    def __init__(self, solver: Solver, n_startup: int, settings: Settings) -> None:
        self._solver = solver
        self._n_startup = n_startup
        self._settings = settings
        self._fitter = EnsembleFitter(settings.priors, settings.transform)

    def ranked(
        self, space: Space, history: History, frozen: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        """Configurations worth a trial, the most promising first.

        Args:
            space: The search space, at least one axis.
            history: At least one configuration with a value.
            frozen: Coordinates that are fixed in advance, shape (d,); NaN where free.
            rng: Decides everything that is left to chance.

        Returns:
            Shape (q, d). None is taken unless the search finds no other; q >= 1.
        """
        model = self._posterior(space, history, frozen)
        score = LogEI(model)
        region = self._region(model, history, frozen)
        starts = np.concatenate(
            [
                self._annealed(model, region, rng),
                self._random(model, score, region, rng),
                self._incumbents(model, region),
            ]
        )
        rows, scores = climb(score, self._affordable(score, starts), region)
        order = np.argsort(-scores, kind="stable")
        rows, scores = rows[order], scores[order]
        configurations = model.bank.coordinates_of(rows)
        expected = scores[0]
        if model.support.is_off_grid.any():
            polished = [
                polish(score, configuration, region.frozen, rng)
                for configuration in configurations[: self._settings.polished]
            ]
            polished.sort(key=lambda pair: -pair[1])
            expected = max(expected, polished[0][1])
            configurations = np.concatenate([[c for c, _ in polished], configurations])
        # Every other trial at most: fine tuning expects little too, and should go on.
        if expected < _LOG_NOTHING_TO_GAIN and len(history.values) % 2 == 0:
            elsewhere = model.bank.coordinates_of(self._optimistic(model, region, rng))
            configurations = np.concatenate([elsewhere, configurations])
        return configurations

    def _affordable(self, score: LogEI, starts: IntArray) -> IntArray:
        """The distinct starts, or as many of the best as can be climbed from in bounded time."""
        distinct = np.unique(starts, axis=0)
        n = len(score.model.places)
        n_levels = int(score.model.space.starts[-1])
        # One step of one start predicts all its single-axis changes.
        step = len(score.model.members) * n_levels * n * (n + 100)
        budget = max(_MIN_STARTS, _MAX_STEP_OPERATIONS // step)
        if len(distinct) <= budget:
            return distinct
        return distinct[np.argsort(-score(distinct), kind="stable")[:budget]]

    def _posterior(self, space: Space, history: History, frozen: FloatArray) -> AnovaGP:
        members = self._fitter.fit(space, history.coordinates, history.values)
        kept = representatives(history.values, _MAX_OBSERVATIONS)
        coordinates = history.coordinates[kept]
        y = self._settings.transform(history.values)[kept]
        others = np.concatenate([history.pending, history.taken, frozen[None, :]])
        model = AnovaGP(space, coordinates, y, members, others)
        if not len(history.pending):
            return model
        # Pending configurations count as observed at their predicted mean (the kriging believer of
        # Ginsbourger, Le Riche, Carraro 2010), so that parallel workers spread out.
        believed, _ = model.predict(model.bank.rows_of(history.pending))
        return AnovaGP(
            space,
            np.concatenate([coordinates, history.pending]),
            np.concatenate([model.y, believed], axis=1),
            members,
            others,
        )

    def _region(self, model: AnovaGP, history: History, frozen: FloatArray) -> Region:
        bank = model.bank
        n_finished = len(model.places) - len(history.pending)
        mean = model.observed_mean[:, :n_finished].mean(axis=0)
        centre = bank.rows_at(model.places[[mean.argmin()]])[0]
        is_frozen = ~np.isnan(frozen)
        centre[is_frozen] = bank.rows_of(frozen[None, :])[0, is_frozen]
        radius = len(model.space)
        if radius >= self._settings.trust_region_axes:
            radius = trust_radius(history.values, radius, self._n_startup)
        return Region(bank.rows_of(history.taken), is_frozen, centre, radius)

    def _annealed(self, model: AnovaGP, region: Region, rng: np.random.Generator) -> IntArray:
        """Row numbers of low-energy configurations of the mean of every member, and of draws."""
        settings = self._settings
        members = range(len(model.members))
        is_large = model.space.starts[-1] > _MANY_LEVELS
        averaged = rng.permutation(members)[: 1 if is_large else None]
        drawn = rng.integers(len(members), size=settings.draws)[: 1 if is_large else None]
        models = [posterior_mean(model, int(m)) for m in averaged if settings.anneal_means]
        models += [posterior_draw(model, int(m), rng) for m in drawn]
        centre = model.space.nearest_levels(model.bank.coordinates_of(region.centre))
        levels = np.concatenate(
            [
                np.empty((0, len(model.space)), dtype=np.intp),
                *(
                    annealed_levels(
                        dqm,
                        self._solver,
                        centre,
                        region.frozen,
                        region.radius,
                        settings.reads,
                        int(rng.integers(2**31)),
                    )
                    for dqm in models
                ),
            ]
        )
        # What stays at the centre keeps the centre's own value, which may lie between levels.
        rows = model.bank.level_rows[levels + model.space.starts[:-1]]
        return np.where(levels == centre, region.centre, rows)

    def _random(
        self, model: AnovaGP, score: LogEI, region: Region, rng: np.random.Generator
    ) -> IntArray:
        """Row numbers of the best of uniformly drawn configurations of levels."""
        rows = self._drawn(model, region, rng)
        return rows[np.argsort(-score(rows), kind="stable")[: self._settings.random_starts]]

    def _optimistic(self, model: AnovaGP, region: Region, rng: np.random.Generator) -> IntArray:
        """Row numbers of the uniformly drawn configuration that could be best, one of them."""
        rows = self._drawn(model, region, rng)
        mean, variance = model.predict(rows)
        optimistic = (mean - _OPTIMISM * np.sqrt(variance)).mean(axis=0)
        return rows[[optimistic.argmin()]]

    def _drawn(self, model: AnovaGP, region: Region, rng: np.random.Generator) -> IntArray:
        """Row numbers of uniformly drawn configurations of levels within the region."""
        space = model.space
        levels = rng.integers(space.n_levels, size=(self._settings.random_candidates, len(space)))
        rows = model.bank.level_rows[levels + space.starts[:-1]]
        stay = rng.random(rows.shape).argsort(axis=1) >= region.radius
        drawn: IntArray = np.where(stay | region.frozen, region.centre, rows)
        return drawn

    def _incumbents(self, model: AnovaGP, region: Region) -> IntArray:
        """Row numbers of the observed configurations of lowest mean within the region."""
        order = np.argsort(model.observed_mean.mean(axis=0), kind="stable")
        rows = model.bank.rows_at(model.places[order])
        rows = np.where(region.frozen, region.centre, rows)
        inside = (rows != region.centre).sum(axis=1) <= region.radius
        chosen: IntArray = rows[inside][: self._settings.incumbents]
        return chosen
