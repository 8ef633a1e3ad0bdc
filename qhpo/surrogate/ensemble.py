"""Which data each member of the ensemble was last fitted to, and the fits themselves.

A fit costs more than a prediction, so members take turns: each is refitted only at some numbers of
observations. Its hyperparameters are a function of the observations up to the last of these numbers
and of nothing else, so another process that reads the same study finds the same ones.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qhpo.space import Space
from qhpo.surrogate.hyperparameters import ENSEMBLE, Hyperparameters, Prior, fit_map
from qhpo.surrogate.transform import rank_gaussian

__all__ = ["EnsembleFitter", "last_fit", "representatives"]

FloatArray = NDArray[np.float64]

_EVERY_TRIAL_UNTIL = 20
_MAX_PAIR_TERMS = 120_000
"""Bound on d n^2 / 2 in a fit, which its time is proportional to."""

_MIN_FITTED = 40
_MAX_ITERATIONS = 30
_CACHE_SIZE = 64


def last_fit(n: int, member: int, n_members: int) -> int:
    """Number of observations, at most n, that a member was last fitted to.

    Up to 20 observations every member is fitted every time; from there on in turns, the turns
    growing with the number of observations.
    """
    if n <= _EVERY_TRIAL_UNTIL:
        return n
    at = _EVERY_TRIAL_UNTIL
    following = at + 1 + member
    while following <= n:
        at = following
        following = at + max(n_members, at // 20)
    return at


class EnsembleFitter:
    """Fits the ensemble and remembers its fits.

    The memory only saves time: without it the same hyperparameters come out.

    Args:
        priors: One prior per member.
        transform: Trial values to the values that are modelled, (n,) to (n,).
    """

    def __init__(
        self,
        priors: tuple[Prior, ...] = ENSEMBLE,
        transform: Callable[[FloatArray], FloatArray] = rank_gaussian,
    ) -> None:
        self._priors = priors
        self._transform = transform
        self._fits: OrderedDict[tuple[str, int], Hyperparameters] = OrderedDict()

    def fit(
        self, space: Space, coordinates: FloatArray, values: FloatArray
    ) -> list[Hyperparameters]:
        """Hyperparameters of every member.

        Args:
            space: The search space.
            coordinates: Observed configurations in order of completion, shape (n, d).
            values: Their values, shape (n,), smaller is better.
        """
        return [
            self._member(space, coordinates, values, m, last_fit(len(values), m, len(self._priors)))
            for m in range(len(self._priors))
        ]

    def _member(
        self, space: Space, coordinates: FloatArray, values: FloatArray, member: int, n: int
    ) -> Hyperparameters:
        digest = hashlib.blake2b(repr([axis.distribution for axis in space.axes]).encode())
        digest.update(np.ascontiguousarray(coordinates[:n]).tobytes())
        digest.update(np.ascontiguousarray(values[:n]).tobytes())
        key = (digest.hexdigest(), member)
        if key not in self._fits:
            y = self._transform(values[:n])
            chosen = _fitted(values[:n], len(space))
            self._fits[key] = fit_map(
                space, coordinates[chosen], y[chosen], self._priors[member], _MAX_ITERATIONS
            )
            if len(self._fits) > _CACHE_SIZE:
                self._fits.popitem(last=False)
        return self._fits[key]


def _fitted(values: FloatArray, n_axes: int) -> NDArray[np.intp]:
    budget = max(_MIN_FITTED, int(np.sqrt(2.0 * _MAX_PAIR_TERMS / max(n_axes, 1))))
    return representatives(values, budget)


def representatives(values: FloatArray, budget: int) -> NDArray[np.intp]:
    """Numbers of at most ``budget`` observations: the best, and an even selection of the rest.

    Args:
        values: Shape (n,), smaller is better.
        budget: Largest number of observations to keep; half of it goes to the best.

    Returns:
        Increasing indices, shape (min(n, budget),).
    """
    if len(values) <= budget:
        return np.arange(len(values))
    order = np.argsort(values, kind="stable")
    best, others = order[: budget // 2], order[budget // 2 :]
    spread = np.linspace(0, len(others) - 1, budget - len(best)).round().astype(np.intp)
    return np.sort(np.concatenate([best, others[spread]]))
