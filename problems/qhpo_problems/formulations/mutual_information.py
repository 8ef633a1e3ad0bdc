"""Mutual information between features, and of pairs with the target, by histograms.

Glossary
--------
N, n, B, C
    Examples, features, most bins of a feature, classes of the target.
I(X; Z)
    Mutual information in nats: H(X) + H(Z) - H(X, Z), not negative.
I(X; Y | Z)
    Conditional mutual information in nats: H(X, Z) + H(Y, Z) - H(Z) - H(X, Y, Z), not negative.
H
    Entropy of a histogram, - sum of p log p: the plug-in estimate. Of independent variables with a
    and b bins it makes I about (a - 1)(b - 1) / 2N instead of 0, so bins are few.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["conditional_information", "discretize", "pairwise_information"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_CHUNK = 64
"""Features at a time whose joint histograms with all others are in memory."""


def discretize(values: ArrayLike, bins: int) -> IntArray:
    """Bins of about equally many examples each, columns on their own.

    Args:
        values: Shape (N, n).
        bins: B. A column with ties, or with fewer distinct values, has fewer bins.

    Returns:
        Numbers of bins from 0, shape (N, n).
    """
    columns = np.asarray(values, dtype=float)
    inner = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    # Edges are values that occur, which ties fall on one side of whatever the rounding.
    edges = np.quantile(columns, inner, axis=0, method="lower")
    return np.stack(
        [
            np.searchsorted(np.unique(edge), column, side="left")
            for edge, column in zip(edges.T, columns.T, strict=True)
        ],
        axis=1,
    ).astype(np.intp)


def pairwise_information(features: IntArray) -> FloatArray:
    """I(X_i; X_j) of all pairs of discrete features.

    Args:
        features: Numbers of bins from 0, shape (N, n).

    Returns:
        Shape (n, n), symmetric; the diagonal holds the entropies H(X_i).
    """
    single = _entropies(features)
    joint = np.concatenate([_joint_terms(counts) for counts in _joint_counts(features)])
    information = single[:, None] + single - (np.log(len(features)) - joint / len(features))
    return _clean(information)


def conditional_information(features: IntArray, target: IntArray) -> FloatArray:
    """I(X_j; Y | X_i) in row i and column j: what j tells about the target beyond i.

    Args:
        features: Numbers of bins from 0, shape (N, n).
        target: Class of every example, shape (N,).

    Returns:
        Shape (n, n), not symmetric; the diagonal is 0.
    """
    log = np.log(len(features))
    n = features.shape[1]
    pair = np.concatenate([_joint_terms(counts) for counts in _joint_counts(features)])
    triple = np.zeros((n, n))
    # A histogram of (X_i, X_j, Y) is one of (X_i, X_j) for every class, and log terms add up.
    for label in np.unique(target):
        part = _joint_counts(features[target == label], int(features.max()) + 1)
        triple += np.concatenate([_joint_terms(counts) for counts in part])
    n_examples = len(features)
    h_pair, h_triple = log - pair / n_examples, log - triple / n_examples
    # On the diagonals, X_j is X_i: H(X_i), and H(X_i, Y).
    h_single, h_target = np.diag(h_pair), np.diag(h_triple)
    information = h_pair + h_target[:, None] - h_single[:, None] - h_triple
    positive: FloatArray = np.maximum(information, 0.0)  # rounding breaks it
    return positive


def _entropies(features: IntArray) -> FloatArray:
    n_examples = len(features)
    counts = np.stack([np.bincount(x, minlength=features.max() + 1) for x in features.T])
    entropies: FloatArray = (
        np.log(n_examples) - _times_log(counts.astype(float)).sum(axis=1) / n_examples
    )
    return entropies


def _joint_counts(features: IntArray, bins: int | None = None) -> Iterator[FloatArray]:
    """Joint histograms of a few features with all, shape (chunk, B, n, B), chunk after chunk."""
    size = int(features.max()) + 1 if bins is None else bins
    n_examples, n = features.shape
    # Counts are whole numbers far below 2^24, which float32 holds exactly.
    ones = (features[:, :, None] == np.arange(size)).astype(np.float32).reshape(n_examples, -1)
    for start in range(0, n, _CHUNK):
        some = ones[:, start * size : (start + _CHUNK) * size]
        yield (some.T @ ones).astype(float).reshape(-1, size, n, size)


def _joint_terms(counts: FloatArray) -> FloatArray:
    """Sum of c log c over the cells of every pair, (chunk, B, n, B) -> (chunk, n)."""
    terms: FloatArray = _times_log(counts).sum(axis=(1, 3))
    return terms


def _times_log(counts: FloatArray) -> FloatArray:
    logs: FloatArray = counts * np.log(np.maximum(counts, 1.0))
    return logs


def _clean(information: FloatArray) -> FloatArray:
    """Symmetric and not negative, both of which rounding breaks."""
    symmetric: FloatArray = np.maximum(0.5 * (information + information.T), 0.0)
    return symmetric
