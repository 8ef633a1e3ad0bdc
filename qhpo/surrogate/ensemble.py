"""Fits of the ensemble: which data each member was last fitted to, and the posterior of all.

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
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.hyperparameters import ENSEMBLE, Hyperparameters, Prior, fit_map
from qhpo.surrogate.transform import TRANSFORMS, Transform, rank_gaussian

__all__ = ["EnsembleFitter", "choices", "digest", "last_fit", "representatives"]

FloatArray = NDArray[np.float64]

_EVERY_TRIAL_UNTIL = 20
"""Observations up to which a fit is cheap and one more changes much."""

_MAX_OBSERVATIONS = 256
"""Most observations in the posterior; of more, the best half and an even rest are kept. Its time
grows with their cube. After 420 random trials of functions of five and eight axes, 60 more came as
far as with 400; with 128 they did not."""

_MAX_PAIR_TERMS = 120_000
"""Bound on d n^2 / 2 in a fit, which its time is proportional to."""

_MIN_FITTED = 40
"""Observations that a fit takes however many axes there are: fewer say little of d relevances."""

_MAX_ITERATIONS = 30
"""Of L-BFGS-B; most fits need fewer, and one more turn comes soon."""

_CACHE_SIZE = 64
"""Fits that are remembered: those of a few suggestions of all members and transforms."""

_FIRST_CHOICE = 30
"""Observations before which errors of values left out say little of the transforms."""

_LAST_CHOICE = 400
"""Observations from which on the choice stays: each costs a fit for every transform, and fits are
made of a few hundred observations anyway."""

_MUCH_BETTER = 0.5
"""Share of the error of the transform in use that another one must stay below to replace it."""


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


def choices(n: int) -> list[int]:
    """Numbers of observations, at most n, by which the transform is chosen anew."""
    found = []
    at = _FIRST_CHOICE
    while at <= min(n, _LAST_CHOICE):
        found.append(at)
        at += at // 5
    return found


class EnsembleFitter:
    """Fits the ensemble and remembers its fits.

    The memory only saves time: without it the same hyperparameters come out.

    Args:
        priors: One prior per member.
        transforms: Candidates; the first is used until another predicts much better.
        expected: What is expected of observed configurations before their values: a function of the
            space, of them and of their transformed values. What is left is modelled. None for 0.
    """

    def __init__(
        self,
        priors: tuple[Prior, ...] = ENSEMBLE,
        transforms: tuple[Transform, ...] = TRANSFORMS,
        expected: Callable[[Space, FloatArray, FloatArray], FloatArray] | None = None,
    ) -> None:
        self._priors = priors
        self._expected = expected
        self._transforms = transforms
        self._fits: OrderedDict[tuple[str, int, int], Hyperparameters] = OrderedDict()
        self._known_errors: OrderedDict[str, list[float]] = OrderedDict()

    def fit(
        self,
        space: Space,
        x: FloatArray,
        values: FloatArray,
        worth: FloatArray | None = None,
    ) -> AnovaGP:
        """See `SurrogateFitter.fit`."""
        kept = representatives(values if worth is None else worth, _MAX_OBSERVATIONS)
        y = self._modelled(space, x, values, self._choice(space, x, values))[kept]
        return AnovaGP(space, x[kept], y, self.members(space, x, values))

    def _modelled(
        self, space: Space, coordinates: FloatArray, values: FloatArray, transform: int
    ) -> FloatArray:
        """What the process has of the values, shape (n,)."""
        y = self._transforms[transform](values)
        return y if self._expected is None else y - self._expected(space, coordinates, y)

    def transformed(self, space: Space, x: FloatArray, values: FloatArray) -> FloatArray:
        """See `SurrogateFitter.transformed`."""
        return self.transform(space, x, values)(values)

    def members(
        self, space: Space, coordinates: FloatArray, values: FloatArray
    ) -> list[Hyperparameters]:
        """Hyperparameters of every member.

        Args:
            space: The search space.
            coordinates: Observed configurations in order of completion, shape (n, d).
            values: Their values, shape (n,), smaller is better.
        """
        transform = self._choice(space, coordinates, values)
        return [
            self._member(space, coordinates[:n], values[:n], m, transform)
            for m, n in enumerate(self._turns(len(values)))
        ]

    def transform(self, space: Space, coordinates: FloatArray, values: FloatArray) -> Transform:
        """The transform that these observations are modelled with."""
        return self._transforms[self._choice(space, coordinates, values)]

    def _turns(self, n: int) -> list[int]:
        members = len(self._priors)
        return [last_fit(n, m, members) for m in range(members)]

    def _choice(self, space: Space, coordinates: FloatArray, values: FloatArray) -> int:
        """Number of the transform; a function of what all members have been fitted to."""
        if len(self._transforms) == 1:
            return 0
        later: list[list[float]] = []
        # What is much better than all others is chosen whatever was chosen before: the last time
        # that one was is looked for first, since each look costs a fit for every transform.
        for n in reversed(choices(min(self._turns(len(values))))):
            errors = self._errors(space, coordinates[:n], values[:n])
            later.insert(0, errors)
            first, second = np.partition(errors, 1)[:2]
            if first < _MUCH_BETTER * second:
                break
        chosen = 0
        for errors in later:
            best = int(np.argmin(errors))
            if errors[best] < _MUCH_BETTER * errors[chosen]:
                chosen = best
        return chosen

    def _errors(self, space: Space, coordinates: FloatArray, values: FloatArray) -> list[float]:
        """`_error` of every transform, remembered."""
        key = digest(space, coordinates, values)
        if key not in self._known_errors:
            candidates = range(len(self._transforms))
            self._known_errors[key] = [
                self._error(space, coordinates, values, k) for k in candidates
            ]
            if len(self._known_errors) > _CACHE_SIZE:
                self._known_errors.popitem(last=False)
        return self._known_errors[key]

    def _error(
        self, space: Space, coordinates: FloatArray, values: FloatArray, transform: int
    ) -> float:
        """1 - the correlation of the ranks of values left out, one by one, and their prediction."""
        hyper = self._member(space, coordinates, values, len(self._priors) // 2, transform)
        chosen = _fitted(values, len(space))
        y = self._transforms[transform](values)[chosen]
        predicted = AnovaGP(space, coordinates[chosen], y, [hyper]).left_out()[0]
        # Normal scores have mean 0, but for ties.
        scores, expected = (rank_gaussian(v) - rank_gaussian(v).mean() for v in (y, predicted))
        size = np.sqrt((scores @ scores) * (expected @ expected))
        return 1.0 - float(scores @ expected / size) if size > 0.0 else 1.0

    def _member(
        self,
        space: Space,
        coordinates: FloatArray,
        values: FloatArray,
        member: int,
        transform: int,
    ) -> Hyperparameters:
        key = (digest(space, coordinates, values), member, transform)
        if key not in self._fits:
            y = self._modelled(space, coordinates, values, transform)
            chosen = _fitted(values, len(space))
            self._fits[key] = fit_map(
                space, coordinates[chosen], y[chosen], self._priors[member], _MAX_ITERATIONS
            )
            if len(self._fits) > _CACHE_SIZE:
                self._fits.popitem(last=False)
        return self._fits[key]


def digest(space: Space, coordinates: FloatArray, values: FloatArray) -> str:
    """Hexadecimal digits that tell observations from others, the same in every process."""
    hashed = hashlib.blake2b(space.identity)
    hashed.update(np.ascontiguousarray(coordinates).tobytes())
    hashed.update(np.ascontiguousarray(values).tobytes())
    return hashed.hexdigest()


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
