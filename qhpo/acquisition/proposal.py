"""From a history of trials to the next configuration: the annealer proposes, log EI disposes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition.candidates import Candidates, FeasibleCandidates, PlainCandidates
from qhpo.acquisition.local_search import LogEI, Region
from qhpo.acquisition.polish import polish
from qhpo.acquisition.settings import Settings
from qhpo.acquisition.trust_region import trust_radius
from qhpo.feasible import FeasibleSet
from qhpo.history import History
from qhpo.solvers import Solver
from qhpo.space import Space
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.ensemble import EnsembleFitter, representatives

__all__ = ["Proposer"]

FloatArray = NDArray[np.float64]

_MAX_OBSERVATIONS = 400
"""Most finished trials in the posterior; of more, the best half and an even rest are kept."""

_LOG_NOTHING_TO_GAIN = math.log(0.01)
"""If less improvement than this is expected, in deviations of the transformed values, the model is
content with what it knows, and a configuration far from that is tried, the one whose value could
be lowest: `_OPTIMISM` deviations below its mean."""

_OPTIMISM = 2.0


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
        self._fitter = EnsembleFitter(settings.priors, settings.transforms)

    def ranked(
        self, domain: FeasibleSet, history: History, frozen: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        """Configurations worth a trial, the most promising first.

        Args:
            domain: The search space, at least one axis, with its constraints and conditions.
            history: At least one configuration with a value.
            frozen: Coordinates that are fixed in advance, shape (d,); NaN where free.
            rng: Decides everything that is left to chance.

        Returns:
            Shape (q, d), NaN where inactive. None is taken unless the search finds no other. Of a
            plain domain q >= 1; otherwise q may be 0, and constraints between numbers should be
            checked once more.
        """
        extra = self._between_levels(domain, frozen, rng)
        model = self._posterior(domain.space, history, frozen, extra)
        score = LogEI(model)
        region = self._region(model, history, frozen)
        if domain.is_plain:
            candidates: Candidates = PlainCandidates(score, region, self._settings)
        else:
            candidates = FeasibleCandidates(
                score, region, self._settings, domain, model.bank.rows_of(extra)
            )
        rows, scores = candidates.climb(self._solver, rng)
        if not len(rows):
            return np.empty((0, len(domain.space)))
        order = np.argsort(-scores, kind="stable")
        rows, scores = rows[order], scores[order]
        configurations = model.bank.coordinates_of(rows)
        expected = scores[0]
        if model.support.is_off_grid.any():
            polished = [
                polish(score, configuration, region.frozen, rng, domain)
                for configuration in configurations[: self._settings.polished]
            ]
            polished.sort(key=lambda pair: -pair[1])
            expected = max(expected, polished[0][1])
            configurations = np.concatenate([[c for c, _ in polished], configurations])
        # Every other trial at most: fine tuning expects little too, and should go on.
        if expected < _LOG_NOTHING_TO_GAIN and len(history.values) % 2 == 0:
            elsewhere = _optimistic(model, candidates.drawn(rng))
            configurations = np.concatenate([elsewhere, configurations])
        return configurations

    def _between_levels(
        self, domain: FeasibleSet, frozen: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        """Configurations that keep linear constraints between floats, which no level need keep."""
        if not domain.projection.floats.any():
            return np.empty((0, len(domain.space)))
        drawn = domain.draws(self._settings.random_candidates // 4, frozen, rng)
        return np.array(drawn).reshape(-1, len(domain.space))

    def _posterior(
        self, space: Space, history: History, frozen: FloatArray, extra: FloatArray
    ) -> AnovaGP:
        members = self._fitter.fit(space, history.coordinates, history.values)
        kept = representatives(history.values, _MAX_OBSERVATIONS)
        coordinates = history.coordinates[kept]
        transform = self._fitter.transform(space, history.coordinates, history.values)
        y = transform(history.values)[kept]
        others = np.concatenate([history.pending, history.taken, frozen[None, :], extra])
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


def _optimistic(model: AnovaGP, rows: NDArray[np.intp]) -> FloatArray:
    """The candidate that could be best, of row numbers (q, d), as coordinates, (1, d) or (0, d)."""
    mean, variance = model.predict(rows)
    optimistic = (mean - _OPTIMISM * np.sqrt(variance)).mean(axis=0)
    return model.bank.coordinates_of(rows[np.argsort(optimistic)[:1]])
