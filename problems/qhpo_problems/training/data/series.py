"""Labelled time series that sktime ships as files."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_series"]


def read_series(name: str, part: str) -> tuple[list[NDArray[np.float64]], list[str]]:
    """A part of a data set.

    Args:
        name: Of the data set, such as ``"OSULeaf"``.
        part: ``"TRAIN"`` or ``"TEST"``.

    Returns:
        The series, each of shape (steps, dimensions), and their labels.

    Raises:
        ModuleNotFoundError: If sktime is not installed.
    """
    # Read here, as sktime's loader makes a table with a pandas series in every cell of it.
    folder = files("sktime") / "datasets" / "data" / name
    text = (folder / f"{name}_{part}.ts").read_text(encoding="utf-8")
    series, labels = [], []
    for line in text.partition("@data")[2].split():
        # A line has a list of numbers for each dimension, then the label.
        *dimensions, label = line.split(":")
        series.append(np.array([d.split(",") for d in dimensions], dtype=np.float64).T)
        labels.append(label)
    return series, labels
