"""What a search is made of. The defaults were chosen by measurement; ablations vary them."""

from __future__ import annotations

from dataclasses import dataclass

from qhpo.surrogate.base import SurrogateFitter
from qhpo.surrogate.catalogue import make_fitter
from qhpo.surrogate.hyperparameters import ENSEMBLE, Prior
from qhpo.surrogate.signed import signed
from qhpo.surrogate.transform import TRANSFORMS, Transform

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Internal settings of `QUBOSampler`.

    Attributes:
        surrogate: Name of the model of trial values, see `qhpo.surrogate.catalogue`.
        priors: One prior per member of the ensemble.
        transforms: Transforms of trial values; the first is used unless another predicts much
            better.
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
    transforms: tuple[Transform, ...] = TRANSFORMS
    balanced_design: bool = True
    anneal_means: bool = True
    draws: int = 2
    reads: int = 2
    random_candidates: int = 200
    random_starts: int = 4
    incumbents: int = 3
    polished: int = 3
    trust_region_axes: int = 16

    def fitter(self, *, is_scalarized: bool) -> SurrogateFitter:
        """What makes the surrogate.

        Args:
            is_scalarized: Whether the values are weighted sums of several objectives. Weights make
                other values of the same trials each time, for which a choice of transform could not
                be remembered and would cost more than the suggestion; the sums have no unit that is
                worth keeping, so ranks serve them.
        """
        transforms = self.transforms[:1] if is_scalarized else self.transforms
        return make_fitter(self.surrogate, self.priors, transforms)

    def outcome_fitter(self) -> SurrogateFitter:
        """What makes the surrogates of measured constraints and of failure.

        One member serves them: only the sign of what they say counts.
        """
        middle = self.priors[len(self.priors) // 2]
        return make_fitter(self.surrogate, (middle,), (signed,))
