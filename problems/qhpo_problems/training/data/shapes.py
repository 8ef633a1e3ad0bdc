"""What a network sees of each data set and says of it: sizes that are known without loading it."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = [
    "COEFFICIENTS",
    "DIGITS",
    "DISEASES",
    "EXERCISES",
    "SPEAKERS",
    "Grid",
    "Texts",
]


@dataclass(frozen=True)
class Grid:
    """Samples at equal distances: pixels of an image, or moments of a recording.

    Attributes:
        channels: Numbers of a sample.
        length: Samples along each dimension.
        dimensions: 1 for signals, 2 for images.
        classes: What is to be told apart.
    """

    channels: int
    length: int
    dimensions: int
    classes: int

    @property
    def size(self) -> int:
        """Numbers of an example."""
        return self.channels * math.prod([self.length] * self.dimensions)


@dataclass(frozen=True)
class Texts:
    """Short texts as tokens.

    Attributes:
        tokens: Different tokens, those that are no words included.
        length: Tokens of an example.
        classes: What is to be told apart.
    """

    tokens: int
    length: int
    classes: int


DIGITS = Grid(channels=1, length=8, dimensions=2, classes=10)
"""Grey images of 8x8 pixels, see `data.digits`."""

EXERCISES = Grid(channels=6, length=64, dimensions=1, classes=7)
"""Windows of 2.56 s: acceleration along three axes, angular velocity about them."""

COEFFICIENTS = 12
"""Of an utterance in `data.vowels`, features of a step: a linear prediction of the sound."""

SPEAKERS = 9
"""Men to tell apart in `data.vowels`."""

DISEASES = Texts(tokens=1003, length=13, classes=10)
"""Names of diseases: padding, start, unknown and the 1,000 most frequent words; a start and up to
twelve words."""
