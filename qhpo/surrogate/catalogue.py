"""The surrogates by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from qhpo.errors import QhpoError
from qhpo.surrogate.base import SurrogateFitter
from qhpo.surrogate.ensemble import EnsembleFitter
from qhpo.surrogate.horseshoe import HorseshoeFitter
from qhpo.surrogate.hyperparameters import Prior
from qhpo.surrogate.transform import Transform

__all__ = ["make_fitter"]

_Make = Callable[[tuple[Prior, ...], tuple[Transform, ...]], SurrogateFitter]

_FITTERS: Mapping[str, _Make] = MappingProxyType(
    {
        "anova-gp": EnsembleFitter,
        "horseshoe": lambda priors, transforms: HorseshoeFitter(transforms[0]),
    }
)


def make_fitter(
    name: str, priors: tuple[Prior, ...], transforms: tuple[Transform, ...]
) -> SurrogateFitter:
    """The fitter of the surrogate of that name.

    Args:
        name: What the user typed.
        priors: One prior per member of the Gaussian process.
        transforms: Transforms of trial values to choose from; the horseshoe takes the first.

    Raises:
        QhpoError: If there is no surrogate of that name.
    """
    if name not in tuple(_FITTERS):
        raise QhpoError(f"a surrogate must be one of: {', '.join(_FITTERS)}; got {name!r}")
    return _FITTERS[name](priors, transforms)
