"""Data of scikit-learn that comparisons use: features, shape (n, d), and classes, (n,)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

__all__ = ["breast_cancer", "diabetes", "digits"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def breast_cancer() -> tuple[FloatArray, IntArray]:
    """569 examples, 30 features, 2 classes."""
    features, classes = load_breast_cancer(return_X_y=True)
    return features, classes


def diabetes() -> tuple[FloatArray, FloatArray]:
    """442 examples, 10 features, and numbers in place of classes."""
    features, progression = load_diabetes(return_X_y=True)
    return features, progression


def digits() -> tuple[FloatArray, IntArray]:
    """1,797 images of 8 x 8 pixels, 10 classes."""
    features, classes = load_digits(return_X_y=True)
    return features, classes
