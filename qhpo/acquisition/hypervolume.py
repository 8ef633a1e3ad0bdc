"""Expected hypervolume improvement, weighted by novelty, in logarithms.

The part of the objective space that lies below a reference point and that no configuration so far
dominates is cut into boxes. With independent normal beliefs about the objectives the expected gain
of a box is a product of differences of one-dimensional expected improvements,

    EHVI = sum_b prod_j [psi_j(u_bj) - psi_j(l_bj)],
    psi_j(a) = E[(a - f_j)_+] = s_j h((a - m_j) / s_j)

(Emmerich, Yang, Deutz, Wang, Fonseca 2016, "A multicriteria generalization of Bayesian global
optimization"; Yang, Emmerich, Deutz, Bäck 2019, "Efficient computation of expected hypervolume
improvement using box decomposition algorithms", eq. 19), exact for any number of objectives. It is
kept in logarithms, so that it has an order where it underflows (Ament et al. 2023).

Glossary
--------
m, K, B
    Objectives; points of the front; boxes.
front
    Posterior means of configurations so far of which no other is nowhere worse and somewhere
    better, shape (K, m), smaller is better.
reference
    What is beyond it in any objective counts for nothing, shape (m,).
l_b, u_b
    Lower and upper corner of a box, shape (m,); l may be minus infinity.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from qhpo.acquisition.log_ei import Novelty, log_h
from qhpo.surrogate.base import Moments, Surrogate

__all__ = ["Boxes", "LogEHVI", "boxes_below", "front_of", "reference_of"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_BEYOND = 0.1
"""How far behind the worst of the front the reference lies, in widths of the front: so far that the
ends of the front are worth extending (Ishibuchi, Imada, Setoguchi, Nojima 2018, "How to specify a
reference point in hypervolume calculation for fair performance comparison")."""

_BEYOND_AT_LEAST = 2.0
"""The same in standard deviations of all values. The front of one point, or of some that are equal
in an objective, has no width: without room behind it nothing that gives way in that objective would
be worth a trial. With a half instead the ends of the front were found later, and its middle no
sooner."""

_LEAST_WIDTH = 1e-9
"""Room where all values are equal: its logarithm must be finite."""

_MOST_OF_FRONT = {2: 60, 3: 24}
"""Points of a front that boxes are made of, by the number of objectives: the boxes grow with the
power of one less than it. Of more, those are kept that lie farthest from each other."""

_MOST_OF_LARGE_FRONT = 12
"""The same for more objectives."""


class Boxes(NamedTuple):
    """What no point of a front dominates, below a reference.

    Attributes:
        edges: Of every objective its edges, increasing, m arrays.
        lower: Numbers of lower edges, shape (B, m); -1 for minus infinity.
        upper: Numbers of upper edges, shape (B, m).
    """

    edges: list[FloatArray]
    lower: IntArray
    upper: IntArray


def front_of(values: FloatArray) -> FloatArray:
    """The distinct rows that no other row dominates, (n, m) to (K, m); smaller is better."""
    distinct = np.unique(values, axis=0)  # sorted: a row is dominated by earlier ones only
    kept: list[FloatArray] = []
    for row in distinct:
        if not kept or not (np.array(kept) <= row).all(axis=1).any():
            kept.append(row)
    return np.array(kept).reshape(-1, values.shape[1])


def reference_of(front: FloatArray, values: FloatArray) -> FloatArray:
    """The reference point of a front.

    Args:
        front: Shape (K, m), K >= 1.
        values: What it is the front of, shape (n, m): the scale where the front has no width.

    Returns:
        Shape (m,).
    """
    nadir = front.max(axis=0)
    width = nadir - front.min(axis=0)
    reference = nadir + np.maximum(_BEYOND * width, _BEYOND_AT_LEAST * values.std(axis=0))
    beyond: FloatArray = np.maximum(reference, nadir + _LEAST_WIDTH)
    return beyond


def boxes_below(front: FloatArray, reference: FloatArray) -> Boxes:
    """Boxes of what is not dominated, disjoint but for their faces.

    The last objective is cut at every point of the front; in each slab the points that lie below it
    are a front of one objective less.

    Args:
        front: Shape (K, m), no point dominated by another.
        reference: Shape (m,).
    """
    inside = front[(front < reference).all(axis=1)]
    edges = [np.unique(np.append(inside[:, j], reference[j])) for j in range(len(reference))]
    numbers = np.stack(
        [np.searchsorted(e, column) for e, column in zip(edges, inside.T, strict=True)], axis=1
    ).reshape(-1, len(reference))
    lower, upper = _cut(numbers, np.array([len(e) - 1 for e in edges]))
    return Boxes(edges, lower, upper)


def _cut(points: IntArray, top: IntArray) -> tuple[IntArray, IntArray]:
    """Boxes of points by the numbers of their edges, (K, m) to twice (B, m)."""
    m = len(top)
    if m == 1:
        end = points[:, 0].min() if len(points) else top[0]
        return np.array([[-1]]), np.array([[end]])
    lower, upper = [], []
    cuts = [-1, *np.unique(points[:, -1]).tolist(), int(top[-1])]
    for below, above in itertools.pairwise(cuts):
        under = front_of(points[points[:, -1] <= below, :-1].astype(float))
        low, high = _cut(under.astype(np.intp), top[:-1])
        lower.append(np.column_stack([low, np.full(len(low), below)]))
        upper.append(np.column_stack([high, np.full(len(high), above)]))
    return np.concatenate(lower), np.concatenate(upper)


def _spread(front: FloatArray) -> FloatArray:
    """The points of a front that lie farthest from each other, the ends first."""
    m = front.shape[1]
    most = _MOST_OF_FRONT.get(m, _MOST_OF_LARGE_FRONT)
    if len(front) <= most:
        return front
    width = np.ptp(front, axis=0)
    scaled = (front - front.min(axis=0)) / np.where(width > 0.0, width, 1.0)
    kept = list(dict.fromkeys(scaled.argmin(axis=0).tolist()))
    distance = np.min([np.linalg.norm(scaled - scaled[k], axis=1) for k in kept], axis=0)
    while len(kept) < most:
        kept.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(scaled - scaled[kept[-1]], axis=1))
    chosen: FloatArray = front[np.sort(kept)]
    return chosen


class LogEHVI:
    """log EHVI over the members of surrogates, see `qhpo.acquisition.base.Acquisition`.

    Member k of every objective is taken together with member k of the others. As in `LogEI` the
    front is one of means of the whole model, and the improvement is weighted by novelty, or, where
    configurations may be repeated, by what one more noisy value can teach.

    Args:
        surrogates: One per objective, two or more, of as many members each.
        incumbents: Configurations, shape (k, d), k >= 1, whose front is to be improved on; None for
            all that were observed.
        may_repeat: Whether a configuration may be evaluated again.

    Attributes:
        surrogates: The same, reckoning with what is pending.
    """

    def __init__(
        self,
        surrogates: Sequence[Surrogate],
        incumbents: FloatArray | None = None,
        *,
        may_repeat: bool = False,
    ) -> None:
        self._without_pending = tuple(surrogates)
        self._incumbents = incumbents
        self._may_repeat = may_repeat
        self._set(self._without_pending)

    def _set(self, surrogates: tuple[Surrogate, ...]) -> None:
        self.surrogates = surrogates
        first = surrogates[0]
        told_apart = first.observed[: 0 if self._may_repeat else None]
        self._novelty = Novelty(first.space, told_apart)
        means = [s.observed_mean for s in surrogates]
        if self._incumbents is not None:
            means = [s.predict(self._incumbents).mean for s in surrogates]
        each = np.stack(means, axis=2)  # (M, n, m)
        middle = each.mean(axis=0)
        reference = reference_of(front_of(middle), middle)
        self._boxes = [boxes_below(_spread(front_of(one)), reference) for one in each]

    def score(self, x: FloatArray) -> FloatArray:
        """See `Acquisition.score`."""
        return self._log_ehvi([s.predict(x) for s in self.surrogates]) + self._novelty.log_of(x)

    def score_changes(self, x: FloatArray, axes: IntArray) -> FloatArray:
        """See `Acquisition.score_changes`."""
        found = [s.predict_changes(x, axes) for s in self.surrogates]
        flat = [Moments(*(part.reshape(len(part), -1) for part in each)) for each in found]
        scores = self._log_ehvi(flat).reshape(len(x), -1)
        return scores + self._novelty.log_of_changes(x, axes)

    def score_axis(self, x: FloatArray, axis: int, points: FloatArray) -> FloatArray:
        """See `Acquisition.score_axis`."""
        moments = [s.predict_axis(x, axis, points) for s in self.surrogates]
        return self._log_ehvi(moments) + self._novelty.log_along(x, axis, points)

    def set_pending(self, x: FloatArray) -> None:
        """See `Acquisition.set_pending`."""
        self._set(tuple(surrogate.believing(x) for surrogate in self._without_pending))

    def _log_ehvi(self, moments: Sequence[Moments]) -> FloatArray:
        """From moments of shape (M, q) per objective to (q,)."""
        by_member = [
            _log_ehvi(boxes, [Moments(each.mean[k], each.variance[k]) for each in moments])
            for k, boxes in enumerate(self._boxes)
        ]
        if self._may_repeat:
            by_member = [
                one + self._log_lesson([each.variance[k] for each in moments], k)
                for k, one in enumerate(by_member)
            ]
        averaged: FloatArray = logsumexp(by_member, axis=0) - np.log(len(by_member))
        return averaged

    def _log_lesson(self, variances: Sequence[FloatArray], member: int) -> FloatArray:
        """What one more noisy value teaches of the objectives on the mean, (q,)."""
        shares = [
            1.0 - np.sqrt(s.noise[member] / (s.noise[member] + variance))
            for s, variance in zip(self.surrogates, variances, strict=True)
        ]
        lesson: FloatArray = np.log(np.maximum(np.mean(shares, axis=0), np.finfo(float).tiny))
        return lesson


def _log_ehvi(boxes: Boxes, moments: Sequence[Moments]) -> FloatArray:
    """Of one member, from moments of shape (q,) per objective to (q,)."""
    total = np.zeros((len(boxes.lower), len(moments[0].mean)))
    for j, (edges, each) in enumerate(zip(boxes.edges, moments, strict=True)):
        deviation = np.sqrt(each.variance)
        log_psi = np.log(deviation) + log_h((edges[:, None] - each.mean) / deviation)
        gain = log_psi[boxes.upper[:, j]]
        is_cut = boxes.lower[:, j] >= 0
        below = log_psi[boxes.lower[is_cut, j]]
        # psi(u) - psi(l): what rounding takes away is no gain.
        ratio = np.minimum(below - gain[is_cut], -1e-15)
        gain[is_cut] += np.log(-np.expm1(ratio))
        total += gain
    found: FloatArray = logsumexp(total, axis=0)
    return found
