"""The samplers that `qhpo bench` compares, each with the settings it has when only seeded."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from types import MappingProxyType

from optuna.samplers import (
    BaseSampler,
    GPSampler,
    NSGAIISampler,
    RandomSampler,
    TPESampler,
)

from qhpo.errors import MissingExtraError

__all__ = ["PEERS", "SAMPLERS", "SamplerFactory"]

SamplerFactory = Callable[[int], BaseSampler]
"""Makes a fresh sampler from a seed. Worker processes import it by name, so it is a function of a
module, or a `functools.partial` of one."""


def _qubo(seed: int) -> BaseSampler:
    from qhpo import QUBOSampler

    return QUBOSampler(seed=seed)


def _tpe(seed: int) -> BaseSampler:
    return TPESampler(seed=seed)


def _gp(seed: int) -> BaseSampler:
    # Optuna imports torch at the first suggestion after the startup trials, too late to complain.
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("the sampler gp", "torch", "torch")
    return GPSampler(seed=seed)


def _nsga2(seed: int) -> BaseSampler:
    return NSGAIISampler(seed=seed)


def _random(seed: int) -> BaseSampler:
    return RandomSampler(seed=seed)


PEERS: Mapping[str, SamplerFactory] = MappingProxyType(
    {"tpe": _tpe, "gp": _gp, "nsga2": _nsga2, "random": _random}
)
"""Name -> factory of the samplers whose suggestions cannot depend on qhpo's own code."""

SAMPLERS: Mapping[str, SamplerFactory] = MappingProxyType(
    {"qubo": _qubo, **{name: PEERS[name] for name in ("tpe", "gp", "random")}}
)
"""Name that the user types -> factory, for tables."""
