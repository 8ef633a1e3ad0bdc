"""LABS: binary sequences of low autocorrelation, 2^50 of 50 signs.

Of a sequence s of n signs, C_k = sum_i s_i s_(i+k), and the energy is E = sum_(k>0) C_k^2. The
merit factor, n^2 / 2E, is maximized (M. Golay, "The merit factor of long low autocorrelation
binary sequences", 1982). Bounce (L. Papenmeier et al., NeurIPS 2023) compares on n = 50.
The least energies of up to 66 signs are proven: T. Packebusch and S. Mertens, "Low autocorrelation
binary sequences" (2016); of 50 it is 153, a merit factor of 8.17.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["Labs"]


class Labs:
    """A sequence of signs; minus its merit factor is minimized.

    Args:
        n: Signs, two or more.

    Attributes:
        sizes: Levels of each variable: 0 for the sign -1, 1 for 1.
    """

    def __init__(self, n: int = 50) -> None:
        self.sizes = (2,) * n

    @property
    def description(self) -> str:
        """One line on it."""
        return f"low-autocorrelation sequence of {len(self.sizes)} signs, minus its merit factor"

    def energy(self, levels: Sequence[int]) -> int:
        """E of a sequence, the level of each sign in their order."""
        signs = 2 * np.array(levels) - 1
        # All C_k at once, from k = 1 - n on; those of -k and of k are the same.
        autocorrelations = np.correlate(signs, signs, mode="full")[len(signs) :]
        return int((autocorrelations**2).sum())

    def value(self, levels: Sequence[int]) -> float:
        """Minus the merit factor."""
        return -(len(self.sizes) ** 2) / (2.0 * self.energy(levels))
