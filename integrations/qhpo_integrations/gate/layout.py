"""How the qubits of a circuit are mixed, and the basis states that the mixers can reach.

Glossary
--------
n
    Qubits, one per binary variable, numbered from 0. Qubit k in state 1 means x_k = 1.
block
    Qubits of which exactly one is 1 in every valid assignment, mixed by the XY mixer, which moves
    the 1 around and never makes another. A block of L qubits has L levels: level l is qubit l of
    the block.
free qubit
    A qubit in no block, mixed by the X mixer, which flips it.
axis
    A part of the state that is mixed by itself: a block, or up to `_BITS_PER_AXIS` free qubits. The
    levels of free qubits (q_1, ..., q_k) are the binary numbers x_1 ... x_k, x_1 first.
S
    Basis states that are reached, the product of the axes' levels. The state of the circuit is a
    tensor with one dimension per axis; where it is flat, it is in C order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Axis", "Layout", "ring_matchings"]

_BITS_PER_AXIS = 4
"""Mixing k free qubits as one matrix of 2^k rows takes k times fewer operations than one by one,
and 2^k / 2k times the multiplications: about even at 4."""


@dataclass(frozen=True)
class Axis:
    """A part of the state that is mixed by itself.

    Attributes:
        qubits: The qubits of this part.
        is_block: Whether they are a block under the XY mixer, or free qubits under the X mixer.
    """

    qubits: tuple[int, ...]
    is_block: bool

    @property
    def n_levels(self) -> int:
        """Number of basis states of this axis."""
        return len(self.qubits) if self.is_block else 2 ** len(self.qubits)

    def bits(self) -> NDArray[np.int8]:
        """The bits of every level, shape (levels, qubits)."""
        if self.is_block:
            return np.eye(len(self.qubits), dtype=np.int8)
        places = np.arange(len(self.qubits))[::-1]
        bits: NDArray[np.int8] = (np.arange(self.n_levels)[:, None] >> places & 1).astype(np.int8)
        return bits


@dataclass(frozen=True)
class Layout:
    """Which qubits form blocks under the XY mixer; the X mixer has the others.

    Attributes:
        n_qubits: n.
        blocks: Disjoint, non-empty sequences of qubits.
    """

    n_qubits: int
    blocks: tuple[tuple[int, ...], ...] = ()

    @cached_property
    def free(self) -> tuple[int, ...]:
        """The qubits in no block, ascending."""
        taken = {qubit for block in self.blocks for qubit in block}
        return tuple(qubit for qubit in range(self.n_qubits) if qubit not in taken)

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The blocks, then the free qubits in groups."""
        groups = (
            self.free[start : start + _BITS_PER_AXIS]
            for start in range(0, len(self.free), _BITS_PER_AXIS)
        )
        return (
            *(Axis(tuple(block), True) for block in self.blocks),
            *(Axis(group, False) for group in groups),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Levels of every axis."""
        return tuple(axis.n_levels for axis in self.axes)

    @property
    def n_states(self) -> int:
        """S."""
        return math.prod(self.shape)

    def assignments(self) -> NDArray[np.int8]:
        """The bits of every basis state that is reached, shape (S, n), in C order."""
        bits = np.empty((self.n_states, self.n_qubits), dtype=np.int8)
        levels = np.unravel_index(np.arange(self.n_states), self.shape) if self.axes else ()
        for axis, level in zip(self.axes, levels, strict=True):
            bits[:, list(axis.qubits)] = axis.bits()[level]
        return bits


def ring_matchings(n_levels: int) -> list[list[tuple[int, int]]]:
    """The edges of a ring as sets of disjoint edges, in the order in which they are applied.

    The parity ring mixer of Hadfield et al. (2019), section 4, also in Wang, Rubin, Dominy,
    Rieffel, "XY mixers: Analytical and numerical results for the quantum alternating operator
    ansatz" (2020): every other edge, then the others, and for an odd ring the edge that closes it.
    Edges of one set commute and run in parallel; the product over the sets is not the exponential
    of their sum.

    Args:
        n_levels: L, the levels on the ring. Two levels share one edge, one level has none.

    Returns:
        At most three non-empty lists of edges.
    """
    if n_levels < 2:
        return []
    if n_levels == 2:
        return [[(0, 1)]]
    edges = [(level, (level + 1) % n_levels) for level in range(n_levels)]
    closing = edges[-1:] if n_levels % 2 else []
    paired: Sequence[tuple[int, int]] = edges[: n_levels - len(closing)]
    return [matching for matching in (list(paired[::2]), list(paired[1::2]), closing) if matching]
