"""The values that discrete weights may take, and codes that number them.

Glossary
--------
v
    Level of a weight, a whole number: -1 or +1 if binary, -1, 0 or +1 if ternary, and
    -2**(k - 1) to 2**(k - 1) - 1 with k bits, as a signed integer has it.
z
    Code of a level, 0 to the number of levels less one: v = lowest + step z.
p
    Places, shape (b,): what each of the b bits of a code adds to it, z = p'x.
s
    Scale of an output, positive: its weights are s v.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo_problems.formulations.quantization.grid import Grid

__all__ = ["CodeGrid", "Levels", "levels_of"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MOST_BITS = 8
"""With more, rounding loses nothing that could be measured."""


@dataclass(frozen=True)
class CodeGrid(Grid):
    """A grid of codes from 0 on, for `qhpo_problems.formulations.quantization.search`.

    Attributes:
        top: The largest code, at least 1.
    """

    top: int

    def __post_init__(self) -> None:
        """Levels are made in `levels_of` only, which knows what is in range."""

    @property
    def lowest(self) -> int:
        return 0

    @property
    def highest(self) -> int:
        return self.top


@dataclass(frozen=True)
class Levels:
    """Equally spaced levels.

    Attributes:
        lowest: The level of code 0.
        step: From one level to the next.
        places: p.
    """

    lowest: int
    step: int
    places: tuple[int, ...]

    @property
    def top(self) -> int:
        """The largest code."""
        return sum(self.places)

    @property
    def reach(self) -> int:
        """The largest absolute level."""
        return max(abs(self.lowest), self.lowest + self.step * self.top)

    @property
    def bits(self) -> int:
        """Bits of a weight, b."""
        return len(self.places)

    def values(self, codes: IntArray) -> IntArray:
        """Levels v of codes z, of any shape."""
        return self.lowest + self.step * codes

    def codes_of(self, values: IntArray) -> IntArray:
        """Codes z of levels v, of any shape."""
        return (values - self.lowest) // self.step

    def codes(self, bits: NDArray[np.intp]) -> IntArray:
        """Codes of the bits of n weights, (n b,) -> (n,)."""
        codes: IntArray = bits.reshape(-1, self.bits) @ np.array(self.places)
        return codes

    def bits_of(self, codes: IntArray) -> NDArray[np.intp]:
        """Bits of n codes, (n,) -> (n b,), the largest places first."""
        left = codes.copy()
        bits = np.empty((len(codes), self.bits), dtype=np.intp)
        for place in reversed(range(self.bits)):
            bits[:, place] = left >= self.places[place]
            left = left - self.places[place] * bits[:, place]
        return bits.reshape(-1)

    def grid(self, scales: FloatArray) -> CodeGrid:
        """The codes as a grid of rows of these scales, shape (rows,).

        It is exact for weights moved by `shifted`: s v - w is s step z - (w - s lowest).
        """
        return CodeGrid(self.bits, scales * self.step, self.top)

    def shifted(self, weights: FloatArray, scales: FloatArray) -> FloatArray:
        """What `grid` rounds in place of the weights w, shape (rows, in)."""
        shifted: FloatArray = weights - self.lowest * scales[:, None]
        return shifted


_NAMED = {"binary": Levels(-1, 2, (1,)), "ternary": Levels(-1, 1, (1, 1))}


def levels_of(weights: str | int) -> Levels:
    """The levels of a kind of weights.

    Args:
        weights: ``"binary"``, ``"ternary"``, or bits, 1 to 8; one bit is binary.

    Raises:
        QhpoError: If it is none of these.
    """
    kind: Any = weights  # estimators hand on whatever they are given
    if isinstance(kind, str) and kind in _NAMED:
        return _NAMED[kind]
    if isinstance(kind, bool) or not isinstance(kind, Integral) or not 1 <= int(kind) <= _MOST_BITS:
        raise QhpoError(
            f'weights must be "binary", "ternary" or a number of bits, 1 to {_MOST_BITS}; '
            f"got {kind!r}"
        )
    bits = int(kind)
    if bits == 1:
        return _NAMED["binary"]
    return Levels(-(1 << (bits - 1)), 1, tuple(1 << place for place in range(bits)))
