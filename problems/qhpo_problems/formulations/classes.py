"""Targets of classifiers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets

from qhpo.errors import QhpoError

__all__ = ["numbered_classes"]


def numbered_classes(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The classes, sorted, shape (C,), and the number of each example's class, shape (N,).

    Args:
        labels: Class of every example, shape (N,).

    Raises:
        QhpoError: If there is only one class.
        ValueError: If the labels are no classes, as scikit-learn raises.
    """
    check_classification_targets(labels)
    classes, numbers = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise QhpoError(
            f"a classifier needs examples of at least two classes; got one class, {classes[0]!r}"
        )
    return classes, numbers
