"""BOCS: sparse Bayesian regression on bits and pairs of bits, of which a draw is annealed.

R. Baptista and M. Poloczek, "Bayesian optimization of combinatorial structures" (ICML 2018): the
coefficients have the horseshoe prior, a draw from their posterior is minimized by simulated
annealing (Thompson sampling), and what that finds is tried. The Gibbs sampler is that of the
surrogate ``horseshoe``, see `qhpo.surrogate.horseshoe`, on the paper's features, which leave out
one level of a variable of two, and on values as they are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qhpo.surrogate.horseshoe import HorseshoeChain
from qhpo_problems.benchmarks.sampling.combinatorial.annealed import (
    AnnealedSampler,
    Bits,
    Quadratic,
)

__all__ = ["SparseRegression", "bocs"]

FloatArray = npt.NDArray[np.float64]

_BURN_IN, _SWEEPS = 50, 10
"""Sweeps of the chain before the first draw, and before each later one, which goes on where the one
before ended: a further trial changes the posterior by little. The chain that starts anew for every
trial, as the paper's does, takes a hundred times as long."""


def bocs(seed: int) -> AnnealedSampler:
    """A fresh sampler."""
    return AnnealedSampler(SparseRegression(), seed)


class SparseRegression:
    """Draws coefficients from their posterior; the chain goes on from trial to trial."""

    def __init__(self) -> None:
        self._last: HorseshoeChain | None = None

    def fit(self, bits: Bits, z: FloatArray, y: FloatArray, rng: np.random.Generator) -> Quadratic:
        """See `QuadraticFitter.fit`."""
        n_bits = z.shape[1]
        one, other = np.triu_indices(n_bits, 1)
        is_pair = bits.variables[one] != bits.variables[other]
        one, other = one[is_pair], other[is_pair]
        chain = HorseshoeChain(np.concatenate([z, z[:, one] * z[:, other]], axis=1), y, rng)
        if self._last is not None:
            chain.squares, chain.tau = self._last.squares, self._last.tau
        for _ in range((_BURN_IN if self._last is None else _SWEEPS) - 1):
            chain.sweep()
        linear, of_pairs = np.split(chain.sweep(), [n_bits])
        self._last = chain
        pairs = np.zeros((n_bits, n_bits))
        pairs[one, other] = of_pairs
        # In units of sigma, which moves no minimum.
        return Quadratic(linear, pairs)
