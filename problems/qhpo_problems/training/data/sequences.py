"""Sequences of several lengths in one tensor: n sequences, T steps of the longest, d features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

__all__ = ["lengths", "padded"]


def padded(sequences: Sequence[NDArray[np.floating]]) -> Tensor:
    """Sequences of several lengths as one input of a network, float32, shape (n, T, 1 + d).

    The first number of a step says whether the sequence has it, 1 or 0; its features follow, all
    0 where the sequence has ended.

    Args:
        sequences: Each of shape (steps, d), with one step at least.
    """
    steps = [torch.tensor(sequence, dtype=torch.float32) for sequence in sequences]
    return pad_sequence([nn.functional.pad(s, (1, 0), value=1.0) for s in steps], batch_first=True)


def lengths(inputs: Tensor) -> Tensor:
    """Steps of each sequence, int64, shape (n,), of an input as `padded` makes it."""
    return inputs[..., 0].sum(dim=1).long()
