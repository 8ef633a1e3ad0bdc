"""Data to train on: examples with what a model should say of them, in three parts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Part", "Split"]


@dataclass(frozen=True)
class Part:
    """Examples with what a model should say of them.

    Attributes:
        inputs: Shape (n, ...), one example a row.
        targets: Of classes int64, shape (n,); of numbers to be predicted float32, shape (n, ...).
    """

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device) -> Part:
        """The same examples on a device."""
        return Part(self.inputs.to(device), self.targets.to(device))


@dataclass(frozen=True)
class Split:
    """Disjoint parts of one data set: to learn from, to choose by, and to judge the choice."""

    train: Part
    validation: Part
    test: Part

    def to(self, device: torch.device) -> Split:
        """The same parts on a device."""
        return Split(*(part.to(device) for part in (self.train, self.validation, self.test)))
