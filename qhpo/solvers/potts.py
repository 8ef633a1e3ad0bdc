"""Simulated annealing of the categorical variables themselves: no bits, and no penalty.

Heat-bath (Gibbs) updates of one variable at a time, S. Geman and D. Geman, "Stochastic relaxation,
Gibbs distributions, and the Bayesian restoration of images", IEEE TPAMI 6, 721 (1984), in all reads
at once.

Glossary
--------
d, D, q
    Variables of the model; cases of all of them together; reads.
h, J
    Linear biases, shape (D,), and symmetric quadratic biases, shape (D, D), zero inside a block.
X
    The reads, one-hot, shape (D, q): each column has a single one in the rows of every variable.
f
    Local fields of the L cases of one variable: its rows of h + J X, shape (L, q).
beta
    Inverse temperature, in the inverse unit of the energies.
s
    `DenseDQM.field_scale`, the standard deviation of a local field.
E
    Standard exponential random numbers, shape (D, q), new ones in each sweep.

The case drawn is the one of smallest f_k + log(E_k) / beta: of exponential waiting times with the
rates w_k = exp(-beta f_k), E_k / w_k, the first is k with a probability proportional to w_k. So a
variable takes a matrix product, a sum, a minimum and a comparison for all reads together.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding import DenseDQM
from qhpo.solvers.base import Sampled, SolverInfo, SolverTemplate, affordable_reads

__all__ = ["POTTS", "PottsSolver", "anneal"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_SWEEPS, _MAX_READS = 32, 128
"""On 36 Gaussian models of 50 and 100 cases all optima were found, as with more reads of fewer
sweeps, which take as long and end higher before polish. Fewer reads of more sweeps take longer."""

_HOT, _COLD = 1.0, 20.0
"""First and last beta, in units of 1 / s. On the same models reads ended higher before polish with
0.3 or 3 in place of 1, and with 6 or 60 in place of 20."""


def anneal(tables: DenseDQM, reads: int, betas: FloatArray, seed: int) -> IntArray:
    """Configurations after one sweep at each temperature, from uniformly random ones.

    Args:
        tables: The model.
        reads: q; they are independent.
        betas: Inverse temperatures in their order, shape (sweeps,), above 0. While they stay the
            same the reads approach the Boltzmann distribution.
        seed: Of the random numbers.

    Returns:
        Case indices within each variable, shape (q, d).
    """
    rng = np.random.default_rng(seed)
    first = tables.starts[:-1, None]
    cases = rng.integers(tables.sizes[:, None], size=(tables.n_variables, reads))
    ones = np.zeros((len(tables.linear), reads))
    np.put_along_axis(ones, cases + first, 1.0, axis=0)
    waiting, least = np.empty_like(ones), np.empty(reads)
    blocks = list(itertools.pairwise(tables.starts.tolist()))
    # Views, made once: all that is left of a step are the calls that do the work.
    steps = [
        (tables.quadratic[a:b], waiting[a:b], np.empty((b - a, reads)), ones[a:b])
        for a, b in blocks
        if b - a > 1
    ]
    for beta in betas.tolist():
        rng.standard_exponential(out=waiting)
        with np.errstate(divide="ignore"):  # a waiting time of 0 is the first, as it should be
            np.log(waiting, out=waiting)
        waiting /= beta
        waiting += tables.linear[:, None]
        for couplings, race, fields, block in steps:
            couplings.dot(ones, fields)
            np.add(fields, race, fields)
            np.minimum.reduce(fields, axis=0, out=least)
            np.equal(fields, least, block)
    return np.stack([ones[a:b].argmax(axis=0) for a, b in blocks], axis=1)


class PottsSolver(SolverTemplate):
    """Anneals the discrete model as it is: every read is valid."""

    name = "potts"

    def sample(self, tables: DenseDQM, seed: int) -> Sampled:
        """What the reads of an anneal end at."""
        reads = affordable_reads(len(tables.linear), _SWEEPS, _MAX_READS)
        betas = np.geomspace(_HOT, _COLD, _SWEEPS) / tables.field_scale
        return Sampled(anneal(tables, reads, betas, seed))


POTTS = SolverInfo("potts", "simulated annealing on discrete variables, without bits", PottsSolver)
