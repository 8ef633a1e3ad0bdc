"""QUBOSampler with one part changed at a time, to see what each part contributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from functools import partial
from math import sqrt
from types import MappingProxyType
from typing import Any

from optuna.samplers import BaseSampler

from qhpo.surrogate.transform import TRANSFORMS
from qhpo_problems.benchmarks.sampling.methods import Told

__all__ = ["ABLATIONS"]

_CHANGES: Mapping[str, Mapping[str, Any]] = {
    "standardized": {"transforms": TRANSFORMS[1:]},
    "ranks": {"transforms": TRANSFORMS[:1]},
    "random-design": {"balanced_design": False},
    "no-annealing": {"anneal_means": False, "draws": 0, "random_starts": 8},
    "no-random": {"random_starts": 0, "incumbents": 0},
    "trust-region": {"trust_region_axes": 1},
}


def _changed(seed: int, change: str) -> BaseSampler:
    from qhpo import QUBOSampler
    from qhpo.suggest import Settings

    return QUBOSampler(seed=seed, _settings=Settings(**_CHANGES[change]))


def _member(seed: int, number: int) -> BaseSampler:
    from qhpo import QUBOSampler
    from qhpo.suggest import Settings

    return QUBOSampler(seed=seed, _settings=Settings(priors=Settings().priors[number : number + 1]))


def _five_priors(seed: int) -> BaseSampler:
    """Two more members, half-way between those that there are."""
    from qhpo import QUBOSampler
    from qhpo.suggest import Settings
    from qhpo.surrogate.hyperparameters import Prior

    low, middle, high = Settings().priors
    between = [
        Prior(*(sqrt(a * b) for a, b in zip(astuple(one), astuple(other), strict=True)))
        for one, other in ((low, middle), (middle, high))
    ]
    return QUBOSampler(
        seed=seed, _settings=Settings(priors=(low, between[0], middle, between[1], high))
    )


def _horseshoe(seed: int) -> BaseSampler:
    from qhpo import QUBOSampler

    return QUBOSampler(seed=seed, surrogate="horseshoe")


ABLATIONS: Mapping[str, Told] = MappingProxyType(
    {
        "qubo:low-prior": Told(partial(_member, number=0)),
        "qubo:middle-prior": Told(partial(_member, number=1)),
        "qubo:high-prior": Told(partial(_member, number=2)),
        "qubo:five-priors": Told(_five_priors),
        "qubo:horseshoe": Told(_horseshoe),
        **{f"qubo:{name}": Told(partial(_changed, change=name)) for name in _CHANGES},
    }
)
"""Name that the user types -> sampler.

``low-prior``, ``middle-prior``, ``high-prior``: one member of the ensemble alone.
``five-priors``: two members more.
``horseshoe``: the regression of BOCS in place of the Gaussian process.
``standardized``: values standardized, never rank-transformed.
``ranks``: values rank-transformed, whatever predicts better.
``random-design``: the first ten trials at random.
``no-annealing``: local search from random and visited configurations only.
``no-random``: local search from annealed configurations only.
``trust-region``: a trust region in spaces of few axes too.
"""
