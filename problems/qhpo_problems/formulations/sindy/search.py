"""The k terms of least error after a refit, which is known as best subset selection.

The glossary is that of `qhpo_problems.formulations.sindy.refit`. Greedy choice takes a term that
stands for two others at once, and often no exchange of one term leads away from there: for the
third equation of the Lorenz system, with terms z and x y, this holds from 3 to 7 of 10 random
starts. The model of all pairs of changes sees the way from most of these.
"""

from __future__ import annotations

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo.solvers import Solver
from qhpo_problems.formulations.base import minimize
from qhpo_problems.formulations.sindy.refit import RefitErrors
from qhpo_problems.formulations.sindy.selection import TermSelection

__all__ = ["STARTS", "best_terms", "exchange_terms", "greedy_terms", "starts"]

IntArray = NDArray[np.intp]

STARTS = 8
"""Of `best_terms`. In libraries of degree 2 to 5 and on two trajectories of the Lorenz system,
with 5 % noise, 44 to 100 % of random starts led to the true terms, 12 to 100 % by exchanges
alone. Those take a sixteenth of the time: from 128 starts they found as much."""

_LEAST_GAIN = 1e-12
"""Of an error: rounding changes less."""


def greedy_terms(errors: RefitErrors, count: int) -> IntArray:
    """Forward selection: the term that leaves the least error comes next.

    Args:
        errors: E.
        count: k, 1 to d.

    Returns:
        Bits, shape (d,).

    Raises:
        QhpoError: If k is out of range.
    """
    d = errors.n_terms
    if not 1 <= count <= d:
        raise QhpoError(f"the number of terms must be 1 to those of the library, {d}; got {count}")
    bits = np.zeros(d, dtype=np.intp)
    for _ in range(count):
        free = np.flatnonzero(bits == 0)
        candidates = np.repeat(bits[None, :], len(free), axis=0)
        candidates[np.arange(len(free)), free] = 1
        bits = candidates[int(errors.of(candidates).argmin())]
    return bits


def exchange_terms(errors: RefitErrors, bits: IntArray) -> IntArray:
    """Descent of E by exchanges: the best one of a chosen term for another, until none helps.

    Args:
        errors: E.
        bits: Shape (d,). Not modified.

    Returns:
        Bits with as many ones, shape (d,), of an error no higher.
    """
    current, least = bits.copy(), float(errors.of(bits[None, :])[0])
    while True:
        on, off = np.meshgrid(np.flatnonzero(current == 1), np.flatnonzero(current == 0))
        if not on.size:
            return current
        candidates = np.repeat(current[None, :], on.size, axis=0)
        every = np.arange(on.size)
        candidates[every, on.ravel()], candidates[every, off.ravel()] = 0, 1
        found = errors.of(candidates)
        best = int(found.argmin())
        if found[best] >= least - _LEAST_GAIN:
            return current
        current, least = candidates[best], float(found[best])


def starts(errors: RefitErrors, count: int, number: int, seed: int) -> list[IntArray]:
    """The greedy choice and random ones, as bits, shape (d,).

    Args:
        errors: E.
        count: k, 1 to d.
        number: How many, with the greedy one.
        seed: Of the random ones.

    Raises:
        QhpoError: If k is out of range.
    """
    rng = np.random.default_rng(seed)
    first = greedy_terms(errors, count)
    return [first, *(rng.permutation(first) for _ in range(number - 1))]


def best_terms(
    errors: RefitErrors,
    count: int,
    solver: str | dimod.Sampler | Solver = "neal",
    *,
    seed: int = 0,
) -> IntArray:
    """Descent by exchanges and by the minima of models, from several starts; the best of all.

    The minimum of the `TermSelection` around the present choice is polished by exchanges of the
    true error. While this lowers the error, the choice is the next reference. So no exchange
    improves the result.

    Args:
        errors: E.
        count: k, 1 to d.
        solver: A name or an object, as in `qhpo.solvers.make_solver`.
        seed: Of all random numbers, in [0, 2^31).

    Returns:
        The numbers of the terms, shape (k,), sorted.

    Raises:
        QhpoError: If k is out of range, or as `make_solver` raises.
    """
    ends = [_descended(errors, bits, solver, seed) for bits in starts(errors, count, STARTS, seed)]
    return np.flatnonzero(ends[int(errors.of(ends).argmin())])


def _descended(
    errors: RefitErrors, bits: IntArray, solver: str | dimod.Sampler | Solver, seed: int
) -> IntArray:
    bits = exchange_terms(errors, bits)
    while True:
        model = TermSelection(errors, bits).model
        found = exchange_terms(errors, minimize(model, solver, seed=seed, start=bits))
        before, after = errors.of([bits, found]).tolist()
        if after >= before - _LEAST_GAIN:
            return bits
        bits = found
