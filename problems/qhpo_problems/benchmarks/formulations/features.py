"""Feature selection: annealing against SelectKBest, RFE and greedy selection, at equal k.

The selection is part of what is cross-validated: it never sees the fold that it is judged by.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.feature_selection import RFE, SelectKBest, f_classif, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from qhpo_problems import formulations
from qhpo_problems.benchmarks.formulations.comparison import Comparison, Metric
from qhpo_problems.formulations.exchange import with_count
from qhpo_problems.formulations.feature_selection import (
    AnnealingFeatureSelector,
    FeatureSelection,
)
from qhpo_problems.formulations.mutual_information import (
    conditional_information,
    discretize,
    pairwise_information,
)

__all__ = ["COMPARISON", "measure_features", "mrmr"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Select = Callable[[FloatArray, IntArray, int, int], IntArray]
"""Training features, classes, k and seed -> numbers of the chosen features."""

_COUNTS = (5, 10, 20)
_FOLDS = 5
_NOISE = 500
_BINS = 5
"""Of the greedy methods, as many as `AnnealingFeatureSelector` has."""

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
    results = []
    for k in _COUNTS:
        accuracies, seconds = [], []
        for train, test in folds:
            begin = time.process_time()
            chosen = _METHODS[method](features[train], classes[train], k, seed)
            seconds.append(time.process_time() - begin)
            model = _classifier().fit(features[train][:, chosen], classes[train])
            accuracies.append(model.score(features[test][:, chosen], classes[test]))
        results.append({"accuracy": float(np.mean(accuracies)), "CPU s": float(np.mean(seconds))})
    return results


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


def _conditional(X: FloatArray, y: IntArray, k: int, seed: int) -> IntArray:
    return _annealed("conditional", X, y, k, seed)


def _difference(X: FloatArray, y: IntArray, k: int, seed: int) -> IntArray:
    return _annealed("mrmr", X, y, k, seed)


def _annealed(method: str, X: FloatArray, y: IntArray, k: int, seed: int) -> IntArray:
    selector = AnnealingFeatureSelector(k, method=method, random_state=seed).fit(X, y)
    return np.flatnonzero(selector.support_)


def _greedy_conditional(X: FloatArray, y: IntArray, k: int, seed: int) -> IntArray:
    """The same objective as `_conditional`, one feature after the other."""
    relevance = mutual_info_classif(X, y, random_state=seed)
    beyond = conditional_information(discretize(X, _BINS), y)
    model = FeatureSelection(relevance, -0.5 * (beyond + beyond.T), k, 1.0).model
    return np.flatnonzero(with_count(model, np.zeros(len(relevance), dtype=np.intp), k))


def _mrmr(X: FloatArray, y: IntArray, k: int, seed: int) -> IntArray:
    relevance = mutual_info_classif(X, y, random_state=seed)
    return mrmr(relevance, pairwise_information(discretize(X, _BINS)), k)


def _k_best(X: FloatArray, y: IntArray, k: int, seed: int) -> IntArray:
    with warnings.catch_warnings():
        # Of pixels that are constant in a fold; such features come last.
        warnings.simplefilter("ignore")
        return np.flatnonzero(SelectKBest(f_classif, k=k).fit(X, y).get_support())


def _rfe(X: FloatArray, y: IntArray, k: int, seed: int) -> IntArray:
    step = max(1, X.shape[1] // _RFE_ROUNDS)
    elimination = RFE(LogisticRegression(max_iter=1000), n_features_to_select=k, step=step)
    return np.flatnonzero(elimination.fit(StandardScaler().fit_transform(X), y).support_)


def _all(X: FloatArray, y: IntArray, k: int, seed: int) -> IntArray:
    return np.arange(X.shape[1], dtype=np.intp)


_METHODS: Mapping[str, Select] = MappingProxyType(
    {
        "annealing": _conditional,
        "annealing-mrmr": _difference,
        "greedy": _greedy_conditional,
        "mrmr": _mrmr,
        "k-best": _k_best,
        "rfe": _rfe,
        "all-features": _all,
    }
)


def _breast_cancer() -> tuple[FloatArray, IntArray]:
    features, classes = load_breast_cancer(return_X_y=True)
    return features, classes


def _digits() -> tuple[FloatArray, IntArray]:
    features, classes = load_digits(return_X_y=True)
    return features, classes


def _noisy() -> tuple[FloatArray, IntArray]:
    features, classes = _breast_cancer()
    noise = np.random.default_rng(0).normal(size=(len(features), _NOISE))
    return np.hstack([features, noise]), classes


_TABLES: Mapping[str, tuple[str, Callable[[], tuple[FloatArray, IntArray]]]] = MappingProxyType(
    {
        "breast-cancer": ("569 examples, 30 features, 2 classes", _breast_cancer),
        "digits": ("1,797 images of 64 pixels, 10 classes", _digits),
        "breast-cancer-noise": ("the same and 500 features of noise, 2 classes", _noisy),
    }
)

COMPARISON = Comparison(
    name="features",
    tables={name: about for name, (about, _) in _TABLES.items()},
    methods=tuple(_METHODS),
    settings=tuple(f"k={k}" for k in _COUNTS),
    metrics=(Metric("accuracy", "{:.4f}", max, spread=True), Metric("CPU s", "{:.2f}", min)),
    measure=measure_features,
    sources=(Path(__file__), *sorted(Path(formulations.__path__[0]).glob("*.py"))),
    footnote=(
        "Accuracy of logistic regression on k standardized features in 5-fold cross-validation, "
        "the selection made anew within every fold; CPU seconds of a selection. greedy has the "
        "objective of annealing, mrmr that of annealing-mrmr, a feature at a time. all-features "
        "selects nothing."
    ),
)
"""Feature selection against other methods."""
