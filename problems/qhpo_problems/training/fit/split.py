"""Data to train on: examples with what a model should say of them, in three parts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

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

    def joined(self) -> Part:
        """All examples in one part.

        Sequences of shape (T, d) are filled with 0 up to the longest, as `sequences.padded` does.
        """
        parts = (self.train, self.validation, self.test)
        if self.train.inputs.ndim == 3:
            longest = max(part.inputs.shape[1] for part in parts)
            inputs = [
                functional.pad(part.inputs, (0, 0, 0, longest - part.inputs.shape[1]))
                for part in parts
            ]
        else:
            inputs = [part.inputs for part in parts]
        return Part(torch.cat(inputs), torch.cat([part.targets for part in parts]))

    def to(self, device: torch.device) -> Split:
        """The same parts on a device."""
        return Split(*(part.to(device) for part in (self.train, self.validation, self.test)))
