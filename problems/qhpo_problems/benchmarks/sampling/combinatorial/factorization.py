"""FMQA: a factorization machine as the model that is annealed.

K. Kitai et al., "Designing metamaterials with quantum annealing and factorization machines",
Physical Review Research 2, 013319 (2020). The machine is that of S. Rendle, "Factorization
machines" (ICDM 2010): pairs of bits have no bias of their own, but one made of factors.

Glossary
--------
z, y
    Trials as bits, shape (n, b), and their values, shape (n,); see `annealed`.
w0, h, V
    Constant; biases of the bits, shape (b,); their factors, shape (b, k).
model
    w0 + h'z + sum_(i<j) (V V')_ij z_i z_j; the sum is |V'z|^2 / 2 less sum_i |V_i|^2 z_i^2 / 2
    (Rendle, lemma 3.1).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qhpo_problems.benchmarks.sampling.combinatorial.annealed import (
    AnnealedSampler,
    Bits,
    Quadratic,
)

__all__ = ["FactorizationMachine", "fmqa", "loss"]

FloatArray = npt.NDArray[np.float64]

_FACTORS = 8
"""k of the paper."""

_SPREAD = 0.1
"""Deviation of V at first: products of two of them are small beside values of deviation 1."""

_DECAY = 1e-3
"""Weight of the mean square of h and V beside the mean squared error: enough that parameters which
no trial tells of end near 0."""

_STEPS = 100
"""Most steps of the quasi-Newton method. More do not fit few trials better than exactly."""


def fmqa(seed: int) -> AnnealedSampler:
    """A fresh sampler."""
    return AnnealedSampler(FactorizationMachine(), seed)


class FactorizationMachine:
    """Fitted anew to all trials by L-BFGS, from factors drawn at random.

    Args:
        factors: k.
    """

    def __init__(self, factors: int = _FACTORS) -> None:
        self._factors = factors

    def fit(self, bits: Bits, z: FloatArray, y: FloatArray, rng: np.random.Generator) -> Quadratic:
        """See `QuadraticFitter.fit`."""
        from scipy.optimize import minimize

        n_bits = z.shape[1]
        start = np.zeros(1 + n_bits + n_bits * self._factors)
        start[1 + n_bits :] = _SPREAD * rng.standard_normal(n_bits * self._factors)
        result = minimize(
            loss, start, (z, y), method="L-BFGS-B", jac=True, options={"maxiter": _STEPS}
        )
        _, linear, factors = _split(result.x, n_bits)
        return Quadratic(linear, factors @ factors.T)


def loss(parameters: FloatArray, z: FloatArray, y: FloatArray) -> tuple[float, FloatArray]:
    """Mean squared error and decay, and their gradient.

    Args:
        parameters: w0, h and V in one, shape (1 + b + b k,).
        z: Shape (n, b).
        y: Shape (n,).
    """
    constant, linear, factors = _split(parameters, z.shape[1])
    sums = z @ factors  # (n, k)
    squares = z * z
    own = (factors * factors).sum(axis=1)
    missed = constant + z @ linear + 0.5 * ((sums * sums).sum(axis=1) - squares @ own) - y
    weight = 2.0 / len(y) * missed
    of_factors = z.T @ (weight[:, None] * sums) - (weight @ squares)[:, None] * factors
    decayed = parameters.copy()
    decayed[0] = 0.0
    gradient = np.concatenate([[weight.sum()], weight @ z, of_factors.ravel()])
    value = float(missed @ missed / len(y) + 0.5 * _DECAY * (decayed @ decayed))
    return value, gradient + _DECAY * decayed


def _split(parameters: FloatArray, n_bits: int) -> tuple[float, FloatArray, FloatArray]:
    """w0, h and V."""
    linear, factors = np.split(parameters[1:], [n_bits])
    return float(parameters[0]), linear, factors.reshape(n_bits, -1)
