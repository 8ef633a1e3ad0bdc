"""What a search is made of. The defaults were chosen by measurement; ablations vary them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from qhpo.errors import QhpoError
from qhpo.surrogate.base import SurrogateFitter
from qhpo.surrogate.catalogue import make_fitter
from qhpo.surrogate.hyperparameters import ENSEMBLE, Prior
from qhpo.surrogate.informed import InformedFitter
from qhpo.surrogate.signed import signed
from qhpo.surrogate.sources import Sources
from qhpo.surrogate.transform import OBJECTIVE_TRANSFORMS, TRANSFORMS, Transform

__all__ = ["Settings"]

_NOISY: Mapping[str, float] = MappingProxyType({"noise": 0.3, "nugget": 0.03})
"""Centres of priors where values are known to be noisy: what differs from one trial to the next is
noise rather than a difference of configurations."""

_EXACT: Mapping[str, float] = MappingProxyType({"noise": 1e-4})
"""Where they are known to be exact: a hundredth of the least noise that is expected otherwise."""


@dataclass(frozen=True)
class Settings:
    """Internal settings of `QUBOSampler`.

    Attributes:
        surrogate: Name of the model of trial values, see `qhpo.surrogate.catalogue`.
        priors: One prior per member of the ensemble.
        noisy: Whether the same configuration has another value the next time; None if that is to
            be learnt from the trials.
        sources: What was known before the study; None if nothing.
        transforms: Transforms of trial values; the first is used unless another predicts much
            better.
        objective_transforms: The same of each of several objectives.
        balanced_design: Whether the first trials are a Latin hypercube, or random.
        anneal_means: Whether the posterior mean of every member is annealed.
        draws: Number of Thompson draws that are annealed.
        reads: Best reads of each anneal that local search starts from.
        random_candidates: Random configurations to choose starts from.
        random_starts: How many of them local search starts from.
        incumbents: Best visited configurations that local search starts from.
        polished: Best candidates that are polished off the grid.
        trust_region_axes: Least number of axes with which the search keeps to a trust region.
    """

    surrogate: str = "anova-gp"
    priors: tuple[Prior, ...] = ENSEMBLE
    noisy: bool | None = None
    sources: Sources | None = None
    transforms: tuple[Transform, ...] = TRANSFORMS
    objective_transforms: tuple[Transform, ...] = OBJECTIVE_TRANSFORMS
    balanced_design: bool = True
    anneal_means: bool = True
    draws: int = 2
    reads: int = 2
    random_candidates: int = 200
    random_starts: int = 4
    incumbents: int = 3
    polished: int = 3
    trust_region_axes: int = 16

    def fitter(self) -> SurrogateFitter:
        """What makes the surrogate of one objective.

        Raises:
            QhpoError: If the surrogate has no mean for what was known before.
        """
        return self._fitter(self.transforms, 0)

    def objective_fitters(self, n_objectives: int) -> tuple[SurrogateFitter, ...]:
        """What makes the surrogates of several objectives."""
        return tuple(self._fitter(self.objective_transforms, k) for k in range(n_objectives))

    def _fitter(self, transforms: tuple[Transform, ...], objective: int) -> SurrogateFitter:
        """What makes a surrogate of the objective of that number."""
        priors = self.priors
        if self.noisy is not None:
            known = _NOISY if self.noisy else _EXACT
            priors = tuple(replace(prior, **known) for prior in priors)
        if self.sources is not None:
            if self.surrogate != "anova-gp":
                raise QhpoError(
                    "prior_studies and believed_good are the mean of the surrogate 'anova-gp'; got "
                    f"surrogate={self.surrogate!r}; leave out one of the two"
                )
            return InformedFitter(priors, transforms, self.sources, objective)
        return make_fitter(self.surrogate, priors, transforms)

    def recommending_fitter(self) -> SurrogateFitter:
        """What makes the surrogate that a configuration is recommended by.

        It expects noise, unless values are known to be exact. Where no configuration is repeated,
        the others take luck for what distinguishes a configuration, and nothing in the trials
        speaks against either.
        """
        if self.noisy is False:
            return self.fitter()
        return make_fitter(self.surrogate, (replace(self._middle, **_NOISY),), self.transforms)

    def outcome_fitter(self) -> SurrogateFitter:
        """What makes the surrogates of measured constraints and of failure.

        One member serves them: only the sign of what they say counts.
        """
        return make_fitter(self.surrogate, (self._middle,), (signed,))

    @property
    def _middle(self) -> Prior:
        """The prior that stands for all where one member serves."""
        return self.priors[len(self.priors) // 2]
