"""Feature selection: annealing against SelectKBest, RFE and greedy selection, at equal k.

The selection is part of what is cross-validated: it never sees the fold that it is judged by.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_selection import RFE, SelectKBest, f_classif, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from qhpo_problems.benchmarks.comparison import comparison
from qhpo_problems.benchmarks.formulations import data
from qhpo_problems.benchmarks.results import standard_error
from qhpo_problems.benchmarks.suite import Metric
from qhpo_problems.formulations import solve
from qhpo_problems.formulations.exchange import with_count
from qhpo_problems.formulations.feature_selection import FeatureSelection, pair_costs

__all__ = ["SUITE", "measure_features", "mrmr"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Select = Callable[[int], IntArray]
"""k -> numbers of the chosen features."""

_COUNTS = (5, 10, 20)
"""k: few of 30 features, and most of those that matter."""

_FOLDS = 5
"""Usual for tables of some hundred examples."""

_NOISE = 500
"""Features of pure noise beside the real ones: some of so many look relevant by chance."""

_RFE_ROUNDS = 50
"""RFE drops features one by one, of more than this a fiftieth at a time."""


def measure_features(table: str, method: str, seed: int) -> list[dict[str, float]]:
    """Accuracy in cross-validation, and CPU seconds of a selection, for every k.

    Args:
        table: Name of the data.
        method: Name of the method.
        seed: Of the folds and of the method.
    """
    features, classes = _TABLES[table][1]()
    folds = list(StratifiedKFold(_FOLDS, shuffle=True, random_state=seed).split(features, classes))
    results: list[list[tuple[float, float]]] = [[] for _ in _COUNTS]
    for train, test in folds:
        begin = time.process_time()
        select = _METHODS[method](features[train], classes[train], seed)
        prepared = time.process_time() - begin
        for k, of_count in zip(_COUNTS, results, strict=True):
            begin = time.process_time()
            chosen = select(k)
            seconds = prepared + time.process_time() - begin
            model = _classifier().fit(features[train][:, chosen], classes[train])
            of_count.append((model.score(features[test][:, chosen], classes[test]), seconds))
    means = [np.mean(of_count, axis=0).tolist() for of_count in results]
    return [{"accuracy": accuracy, "CPU s": seconds} for accuracy, seconds in means]


def mrmr(relevance: FloatArray, redundancy: FloatArray, k: int) -> IntArray:
    """The published greedy form of mRMR, by difference: Peng et al. 2005, eq. (7).

    Args:
        relevance: Shape (n,).
        redundancy: Shape (n, n), symmetric.
        k: Features to choose.

    Returns:
        Their numbers, shape (k,), in the order of their choice.
    """
    chosen: list[int] = []
    for _ in range(k):
        mean = redundancy[:, chosen].mean(axis=1) if chosen else 0.0
        gain = relevance - mean
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
    return np.array(chosen, dtype=np.intp)


def _classifier() -> LogisticRegression:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _annealing(X: FloatArray, y: IntArray, seed: int, method: str = "conditional") -> Select:
    """What `AnnealingFeatureSelector` does; the estimates serve every k."""
    relevance, pairs = _estimates(X, y, seed, method)
    return lambda k: solve(FeatureSelection(relevance, pairs, k, 1.0), seed=seed)


def _greedy(X: FloatArray, y: IntArray, seed: int) -> Select:
    """The objective of `_annealing`, one feature after the other."""
    relevance, pairs = _estimates(X, y, seed, "conditional")

    def select(k: int) -> IntArray:
        model = FeatureSelection(relevance, pairs, k, 1.0).model
        return np.flatnonzero(with_count(model, np.zeros(len(relevance), dtype=np.intp), k))

    return select


def _mrmr(X: FloatArray, y: IntArray, seed: int) -> Select:
    relevance, pairs = _estimates(X, y, seed, "mrmr")
    return lambda k: mrmr(relevance, pairs, k)


def _estimates(X: FloatArray, y: IntArray, seed: int, method: str) -> tuple[FloatArray, FloatArray]:
    return mutual_info_classif(X, y, random_state=seed), pair_costs(method, X, y)


def _k_best(X: FloatArray, y: IntArray, seed: int) -> Select:
    def select(k: int) -> IntArray:
        with warnings.catch_warnings():
            # Of pixels that are constant in a fold; such features come last.
            warnings.simplefilter("ignore")
            return np.flatnonzero(SelectKBest(f_classif, k=k).fit(X, y).get_support())

    return select


def _rfe(X: FloatArray, y: IntArray, seed: int) -> Select:
    scaled = StandardScaler().fit_transform(X)
    step = max(1, X.shape[1] // _RFE_ROUNDS)

    def select(k: int) -> IntArray:
        elimination = RFE(LogisticRegression(max_iter=1000), n_features_to_select=k, step=step)
        return np.flatnonzero(elimination.fit(scaled, y).support_)

    return select


def _all(X: FloatArray, y: IntArray, seed: int) -> Select:
    return lambda k: np.arange(X.shape[1], dtype=np.intp)


_METHODS: Mapping[str, Callable[[FloatArray, IntArray, int], Select]] = MappingProxyType(
    {
        "annealing": _annealing,
        "annealing-mrmr": partial(_annealing, method="mrmr"),
        "greedy": _greedy,
        "mrmr": _mrmr,
        "k-best": _k_best,
        "rfe": _rfe,
        "all-features": _all,
    }
)
"""Name -> what makes a selection from training features, classes and a seed."""


def _noisy() -> tuple[FloatArray, IntArray]:
    features, classes = data.breast_cancer()
    noise = np.random.default_rng(0).normal(size=(len(features), _NOISE))
    return np.hstack([features, noise]), classes


_TABLES: Mapping[str, tuple[str, Callable[[], tuple[FloatArray, IntArray]]]] = MappingProxyType(
    {
        "breast-cancer": ("569 examples, 30 features, 2 classes", data.breast_cancer),
        "digits": ("1,797 images of 64 pixels, 10 classes", data.digits),
        "breast-cancer-noise": ("the same and 500 features of noise, 2 classes", _noisy),
    }
)

SUITE = comparison(
    name="features",
    tables={name: about for name, (about, _) in _TABLES.items()},
    methods=tuple(_METHODS),
    settings=tuple(f"k={k}" for k in _COUNTS),
    metrics=(
        Metric("accuracy", "{:.4f}".format, max, error=standard_error),
        Metric("CPU s", "{:.2f}".format, min),
    ),
    measure=measure_features,
    footnote=(
        "Accuracy of logistic regression on k standardized features in 5-fold cross-validation, "
        "the selection made anew within every fold; CPU seconds of a selection, its estimates "
        "included. greedy has the objective of annealing, mrmr that of annealing-mrmr, a feature "
        "at a time. all-features selects nothing."
    ),
)
"""Feature selection against other methods."""
