"""Ising sparsification: which couplings of a grid of spins to keep, 2^24 choices for 4 by 4.

The problem of R. Baptista and M. Poloczek, "Bayesian optimization of combinatorial structures"
(ICML 2018): a model q with few couplings that is near to a model p with all of them.

Glossary
--------
z
    Spins, -1 or 1, one at each place of the grid.
J
    Couplings of p, one for each edge between neighbours.
x
    1 at an edge that q keeps, with the coupling that it has in p, else 0.
p, q
    p(z) = exp(z'Jz) / Z_p, with J as a symmetric matrix, so that an edge counts twice; q with x J.
value
    KL(p || q) + lambda |x|, with KL = 2 sum_e (1 - x_e) J_e E_p[z_a z_b] + log Z_q - log Z_p.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

__all__ = ["IsingSparsification"]

FloatArray = npt.NDArray[np.float64]

_SPARSITY = 0.01
"""lambda of each coupling that is kept: the largest that BOCS and COMBO compare at."""

_WEAKEST, _STRONGEST = 0.05, 5.0
"""Couplings are uniform between these, with a random sign."""


class IsingSparsification:
    """Couplings of a square grid, each kept or left out; distance and number are minimized.

    All sums run over all states of the spins, so the value is exact.

    Args:
        side: Spins in a row, and rows. The published problem has 4.
        instance: Seed of the couplings.

    Attributes:
        sizes: Levels of each variable: 1 for a coupling that is kept, else 0.
        edges: Numbers of the two places that each coupling joins: those along the rows first.
        couplings: J, shape (edges,).
    """

    def __init__(self, side: int = 4, instance: int = 0) -> None:
        place = np.arange(side * side).reshape(side, side)
        along = np.stack([place[:, :-1].ravel(), place[:, 1:].ravel()], axis=1)
        across = np.stack([place[:-1].ravel(), place[1:].ravel()], axis=1)
        self.edges = np.concatenate([along, across])
        self.sizes = (2,) * len(self.edges)
        self._side = side
        rng = np.random.default_rng(instance)
        strength = rng.uniform(_WEAKEST, _STRONGEST, len(self.edges))
        self.couplings: FloatArray = strength * rng.choice((-1.0, 1.0), len(self.edges))

    @property
    def description(self) -> str:
        """One line on it."""
        return (
            f"Ising sparsification, {len(self.edges)} couplings of {self._side} by {self._side} "
            "spins"
        )

    def value(self, levels: Sequence[int]) -> float:
        """Distance of a choice of couplings, the level of each edge, and its sparsity."""
        kept = np.array(levels, dtype=float)
        log_q = float(logsumexp(self._products @ (2.0 * kept * self.couplings)))
        lost = 2.0 * float(((1.0 - kept) * self.couplings) @ self._correlations)
        return lost + log_q - self._log_p + _SPARSITY * float(kept.sum())

    @cached_property
    def _products(self) -> FloatArray:
        """z_a z_b of every state and edge, shape (states, edges).

        The first spin is 1: a state and its opposite have the same products.
        """
        n = self._side**2 - 1
        bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
        spins = np.concatenate([np.ones((2**n, 1)), 1.0 - 2.0 * bits], axis=1)
        products: FloatArray = spins[:, self.edges[:, 0]] * spins[:, self.edges[:, 1]]
        return products

    @cached_property
    def _log_p(self) -> float:
        """Log Z_p, of half of the states, as that of q."""
        return float(logsumexp(self._products @ (2.0 * self.couplings)))

    @cached_property
    def _correlations(self) -> FloatArray:
        """E_p[z_a z_b] of every edge, shape (edges,)."""
        log_weights = self._products @ (2.0 * self.couplings)
        found: FloatArray = np.exp(log_weights - self._log_p) @ self._products
        return found
