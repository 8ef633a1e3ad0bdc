"""Recordings of shoulder exercises by a smartwatch, split by person."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from seglearn.datasets import load_watch

from qhpo.errors import QhpoError
from qhpo_problems.training.data.shapes import EXERCISES
from qhpo_problems.training.fit.checks import check_seed
from qhpo_problems.training.fit.split import Part, Split

__all__ = ["PERSONS", "exercises"]

PERSONS = 10
"""Persons in the data set, each with 14 recordings: seven exercises with either arm."""


def exercises(seed: int, *, train: int = 4, validation: int = 3) -> Split:
    """What a smartwatch measured during physiotherapy of the shoulder, inputs (n, 6, 64).

    140 recordings of 19 to 52 s: acceleration along three axes of the watch in g and angular
    velocity about them in rad/s, 50 times a second. Pairs of measurements are averaged, 25 samples
    a second. Each recording is cut into windows of 64 samples (2.56 s) that do not overlap, 1,833
    in all; what is left at its end is dropped. The targets are the exercises, 0 to 6: pendulum,
    abduction, forward elevation, internal rotation, external rotation, trapezius extension and
    upright row.

    Nobody is in two parts, so an error says how well the exercises of a person are told apart from
    whom nothing was learnt. Each of the six signals is scaled to mean 0 and standard deviation 1
    over the training part.

    The data are part of the package seglearn; the study is D. M. Burns et al., "Shoulder
    physiotherapy exercise recognition: machine learning the inertial signals from a smartwatch",
    Physiological Measurement 39, 2018.

    Args:
        seed: Who is in which part, 0 to 2**32 - 1.
        train: Persons in the training part.
        validation: Persons in the validation part; the rest of `PERSONS` are the test part.

    Raises:
        QhpoError: If the seed is out of range or a part would get nobody.
    """
    check_seed(seed)
    if min(train, validation, PERSONS - train - validation) < 1:
        raise QhpoError(
            f"train, validation and the rest of the {PERSONS} persons must each be at least 1; "
            f"got train={train}, validation={validation}"
        )
    data = load_watch()
    cut = [_windows(recording) for recording in data["X"]]
    counts = [len(each) for each in cut]
    windows = np.concatenate(cut)
    labels, persons = (np.repeat(data[name], counts) for name in ("y", "subject"))
    order = np.random.default_rng(seed).permutation(np.unique(persons))
    parts = np.split(order, [train, train + validation])
    learn, choose, judge = (np.flatnonzero(np.isin(persons, part)) for part in parts)
    mean, deviation = (
        statistic(windows[learn], axis=(0, 2), keepdims=True) for statistic in (np.mean, np.std)
    )
    scaled = torch.tensor((windows - mean) / deviation, dtype=torch.float32)
    targets = torch.tensor(labels)
    return Split(*(Part(scaled[rows], targets[rows]) for rows in (learn, choose, judge)))


def _windows(recording: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measurements, shape (time, channels), as samples, shape (windows, channels, length)."""
    channels, length = EXERCISES.channels, EXERCISES.length
    count = len(recording) // (2 * length)
    pairs = recording[: count * 2 * length].reshape(count, length, 2, channels)
    samples: NDArray[np.float64] = pairs.mean(axis=2).transpose(0, 2, 1)
    return samples
