"""Trajectories of chaotic systems as data to learn forecasting from."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from qhpo_problems.training.data.systems import System
from qhpo_problems.training.fit.checks import check_seed
from qhpo_problems.training.fit.split import Part, Split

__all__ = ["HORIZON", "STARTS", "Series"]

_TRAINING = 30
"""Training trajectories."""

_WARM_UP = 20
"""States before a start, for the memory of the network to settle."""

HORIZON = 220
"""Steps of a forecast: about ten Lyapunov times."""

STARTS = 24
"""Forecasts that a network is judged by, in validation and in test each."""


class Series:
    """Trajectories from random starts: some to learn from, to choose by and to judge by.

    Each has 241 samples. Each variable is scaled to mean 0 and standard deviation 1 over those to
    learn from.

    Args:
        system: The system.
        seed: Of the starts, 0 to 2**32 - 1.

    Raises:
        QhpoError: If the seed is out of range.
    """

    def __init__(self, system: System, seed: int) -> None:
        check_seed(seed)
        states = system.simulate(
            _WARM_UP + HORIZON + 1, _TRAINING + 2 * STARTS, np.random.default_rng(seed)
        )
        learn = states[:_TRAINING]
        scaled = (states - learn.mean(axis=(0, 1))) / learn.std(axis=(0, 1))
        pieces = torch.tensor(scaled, dtype=torch.float32)
        self._pieces = pieces
        self._training = pieces[:_TRAINING]
        self._validation, self._test = (
            Part(judging[:, :_WARM_UP], judging[:, _WARM_UP:-1])
            for judging in pieces[_TRAINING:].chunk(2)
        )

    def split(self, window: int) -> Split:
        """The training trajectories cut into windows, and the starts of the others.

        Args:
            window: States of a training sequence, over which errors are carried back in time, 1 to
                240. What is left at the end of a trajectory is not used.
        """
        return Split(_windows(self._training, window), self._validation, self._test)

    def whole(self, window: int) -> Part:
        """All trajectories cut into windows, those of the starts too; ``window`` as in `split`."""
        return _windows(self._pieces, window)


def _windows(trajectories: Tensor, window: int) -> Part:
    """Pieces of trajectories of shape (n, T, d), with the states that follow each."""
    count = (trajectories.shape[1] - 1) // window
    inputs, targets = (
        trajectories[:, first : first + count * window].reshape(
            len(trajectories) * count, window, -1
        )
        for first in (0, 1)
    )
    return Part(inputs, targets)
