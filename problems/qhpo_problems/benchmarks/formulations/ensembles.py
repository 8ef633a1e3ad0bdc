"""Ensembles: QBoost against AdaBoost, from the same weak learners."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import AdaBoostClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from qhpo_problems.benchmarks.comparison import comparison
from qhpo_problems.benchmarks.formulations import data
from qhpo_problems.benchmarks.results import standard_error
from qhpo_problems.benchmarks.suite import Metric
from qhpo_problems.formulations.qboost import QBoostClassifier

__all__ = ["SUITE", "OneAgainstRest", "measure_ensembles"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_POOL = 50
"""Decision stumps, for each class where there are more than two."""

_FOLDS = 3
"""Each is a training and a test of every method; seeds give more of them."""


class OneAgainstRest:
    """AdaBoost for two classes, or one for every class, each of its own size.

    Args:
        sizes: Learners in each, at most; one for two classes, else one for each class.
        seed: Of all of them.
    """

    def __init__(self, sizes: Sequence[int], seed: int) -> None:
        self._members = [
            AdaBoostClassifier(
                DecisionTreeClassifier(max_depth=1), n_estimators=size, random_state=seed
            )
            for size in sizes
        ]

    @property
    def n_learners_(self) -> int:
        """Learners in all of them together; boosting ends early at a perfect one."""
        return sum(len(member.estimators_) for member in self._members)

    def fit(self, X: FloatArray, y: IntArray) -> OneAgainstRest:
        """Fits all of them; classes are numbers from 0."""
        positives = [1] if len(self._members) == 1 else range(len(self._members))
        for c, member in zip(positives, self._members, strict=True):
            member.fit(X, y == c)
        return self

    def score(self, X: FloatArray, y: IntArray) -> float:
        """Accuracy."""
        votes = np.stack([member.decision_function(X) for member in self._members], axis=1)
        predicted = votes[:, 0] > 0 if votes.shape[1] == 1 else votes.argmax(axis=1)
        return float((predicted == y).mean())


def measure_ensembles(table: str, method: str, seed: int) -> list[dict[str, float]]:
    """Accuracy in cross-validation, learners used, and CPU seconds of a fit.

    Args:
        table: Name of the data.
        method: Name of the method.
        seed: Of the folds and of the method.
    """
    features, classes = _TABLES[table][1]()
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed).split(features, classes)
    numbers = []
    for train, test in folds:
        begin = time.process_time()
        model = _METHODS[method](features[train], classes[train], seed)
        seconds = time.process_time() - begin
        accuracy = model.score(features[test], classes[test])
        numbers.append((accuracy, model.n_learners_, seconds))
    accuracy, learners, seconds = np.mean(numbers, axis=0).tolist()
    return [{"accuracy": accuracy, "learners": learners, "CPU s": seconds}]


def _qboost(X: FloatArray, y: IntArray, seed: int, bits: int = 1) -> Any:
    model = QBoostClassifier(n_estimators=_POOL, weight_bits=bits, random_state=seed)
    return model.fit(X, y)


def _adaboost(X: FloatArray, y: IntArray, seed: int) -> Any:
    classes = len(np.unique(y))
    return OneAgainstRest([_POOL] * (1 if classes == 2 else classes), seed).fit(X, y)


def _adaboost_same_size(X: FloatArray, y: IntArray, seed: int) -> Any:
    """As many learners for every class as `_qboost` takes."""
    chosen = _qboost(X, y, seed)
    sizes = [len(ensemble.learners) for ensemble in chosen.ensembles_]
    return OneAgainstRest(sizes, seed).fit(X, y)


_METHODS: Mapping[str, Callable[[FloatArray, IntArray, int], Any]] = MappingProxyType(
    {
        "qboost": _qboost,
        "qboost-3-bits": partial(_qboost, bits=3),
        "adaboost": _adaboost,
        "adaboost-same-size": _adaboost_same_size,
    }
)
"""Name -> what fits an ensemble to training features and classes, with a seed."""


def _digits_3_8() -> tuple[FloatArray, IntArray]:
    features, classes = data.digits()
    either = np.isin(classes, (3, 8))
    return features[either], (classes[either] == 8).astype(np.intp)


_TABLES: Mapping[str, tuple[str, Callable[[], tuple[FloatArray, IntArray]]]] = MappingProxyType(
    {
        "breast-cancer": ("569 examples, 30 features, 2 classes", data.breast_cancer),
        "digits-3-8": ("357 images of a 3 or an 8, 64 pixels", _digits_3_8),
        "digits": ("1,797 images of 64 pixels, 10 classes one against the rest", data.digits),
    }
)

SUITE = comparison(
    name="ensembles",
    tables={name: about for name, (about, _) in _TABLES.items()},
    methods=tuple(_METHODS),
    settings=("",),
    metrics=(
        Metric("accuracy", "{:.4f}".format, max, error=standard_error),
        Metric("learners", "{:.1f}".format, min),
        Metric("CPU s", "{:.2f}".format, min),
    ),
    measure=measure_ensembles,
    footnote=(
        "Accuracy in 3-fold cross-validation, learners that vote (of all classes together), CPU "
        "seconds of a fit. All have decision stumps, at most 50 for each class. qboost chooses its "
        "regularization on a part of the training examples. adaboost-same-size has as many "
        "learners as qboost; its time includes finding out how many."
    ),
)
"""QBoost against AdaBoost."""
