"""Governing equations: annealed selection of terms against thresholds and against descent alone.

All methods choose among the same terms of the same weak form of the same noisy trajectory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from qhpo_problems.benchmarks.comparison import comparison
from qhpo_problems.benchmarks.suite import Metric
from qhpo_problems.formulations.sindy import (
    STARTS,
    Library,
    RefitErrors,
    best_terms,
    exchange_terms,
    greedy_terms,
    starts,
    weak_form,
)
from qhpo_problems.training.data.systems import lorenz, lorenz96, simulate

__all__ = ["SUITE", "measure_sindy", "threshold"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

Terms = tuple[int, ...]

_NOISES: Mapping[str, float] = MappingProxyType(
    {"1 % noise": 0.01, "10 % noise": 0.1, "30 % noise": 0.3}
)
"""Setting -> standard deviation of the noise in units of that of each variable."""

_SAMPLES = 10_000
"""Of a trajectory: 20 time units of Lorenz' system, which visit both of its wings many times."""

_THRESHOLDS = np.geomspace(0.01, 10.0, 31)
"""Those that hindsight chooses among."""

_ROUNDS = 10
"""Of thresholding, as in Brunton et al. 2016."""


@dataclass(frozen=True)
class _System:
    """A trajectory, and what is true of it.

    Attributes:
        about: For the title.
        simulate: Takes a generator; returns states, shape (T, n).
        dt: Time between them.
        equations: Of each variable, term -> coefficient.
        degree: Of the library.
    """

    about: str
    simulate: Callable[[np.random.Generator], FloatArray]
    dt: float
    equations: Sequence[Mapping[Terms, float]]
    degree: int

    def coefficients(self, library: Library) -> FloatArray:
        """True ones, shape (d, n)."""
        true = np.zeros((len(library.terms), library.variables))
        for variable, equation in enumerate(self.equations):
            for term, value in equation.items():
                true[library.terms.index(term), variable] = value
        return true


def measure_sindy(table: str, method: str, seed: int) -> list[dict[str, float]]:
    """Whether the terms are right, errors of coefficients and fit, and CPU seconds.

    Args:
        table: Name of the system.
        method: Name of the method.
        seed: Of the trajectory, the noise and the method.
    """
    system = _SYSTEMS[table]
    states = _trajectory(table, seed)
    library = Library(states.shape[1], system.degree)
    true = system.coefficients(library)
    numbers = []
    for noise in _NOISES.values():
        rng = np.random.default_rng([seed, 1])
        noisy = states + noise * states.std(axis=0) * rng.standard_normal(states.shape)
        terms, derivatives = weak_form(noisy, system.dt, library)
        begin = time.process_time()
        found = _METHODS[method](terms, derivatives, true, seed)
        seconds = time.process_time() - begin
        change = np.linalg.norm(found - true) / np.linalg.norm(true)
        left, least = (_left(terms, derivatives, each) for each in (found, true))
        numbers.append(
            {
                "right": float(((found != 0) == (true != 0)).all()),
                "coefficients": float(change),
                "misfit": float((left / least).max()),
                "CPU s": seconds,
            }
        )
    return numbers


def threshold(terms: FloatArray, derivatives: FloatArray, least: float) -> FloatArray:
    """Sequentially thresholded least squares: Brunton et al., PNAS 113, 3932 (2016).

    Coefficients below the threshold go, and the others are fitted again, until all stay.

    Args:
        terms: Shape (q, d).
        derivatives: Shape (q, n).
        least: The threshold, in the unit of the coefficients.

    Returns:
        Coefficients, shape (d, n).
    """
    columns = []
    for target in derivatives.T:
        kept = np.ones(terms.shape[1], dtype=np.bool_)
        for _ in range(_ROUNDS):
            fitted = _fitted(terms, target, kept)
            staying = kept & (np.abs(fitted) >= least)
            if (staying == kept).all():
                break
            kept = staying
        columns.append(_fitted(terms, target, kept))
    return np.stack(columns, axis=1)


def _fitted(terms: FloatArray, target: FloatArray, kept: NDArray[np.bool_]) -> FloatArray:
    """Least-squares coefficients of the kept terms, 0 for others, shape (d,)."""
    coefficients = np.zeros(terms.shape[1])
    coefficients[kept] = np.linalg.lstsq(terms[:, kept], target, rcond=None)[0]
    return coefficients


def _left(terms: FloatArray, derivatives: FloatArray, coefficients: FloatArray) -> FloatArray:
    """Squared error of each equation after a refit of the terms it has, shape (n,)."""
    return np.array(
        [
            ((terms @ _fitted(terms, target, column != 0) - target) ** 2).sum()
            for target, column in zip(derivatives.T, coefficients.T, strict=True)
        ]
    )


def _subset(
    terms: FloatArray,
    derivatives: FloatArray,
    true: FloatArray,
    seed: int,
    *,
    choose: Callable[[RefitErrors, int, int], IntArray],
) -> FloatArray:
    """Coefficients of as many terms as are true of each equation."""
    coefficients = np.zeros_like(true)
    for i, count in enumerate((true != 0).sum(axis=0).tolist()):
        errors = RefitErrors(terms, derivatives[:, i])
        chosen = choose(errors, count, seed)
        coefficients[chosen, i] = errors.coefficients(chosen)
    return coefficients


def _annealing(errors: RefitErrors, count: int, seed: int) -> IntArray:
    return best_terms(errors, count, seed=seed)


def _exchange(errors: RefitErrors, count: int, seed: int, *, number: int) -> IntArray:
    """What `_annealing` is without models, from a number of starts."""
    ends = [exchange_terms(errors, bits) for bits in starts(errors, count, number, seed)]
    return np.flatnonzero(ends[int(errors.of(ends).argmin())])


def _greedy(errors: RefitErrors, count: int, seed: int) -> IntArray:
    return np.flatnonzero(greedy_terms(errors, count))


def _thresholded(
    terms: FloatArray, derivatives: FloatArray, true: FloatArray, seed: int
) -> FloatArray:
    return threshold(terms, derivatives, 0.1)


def _hindsight(
    terms: FloatArray, derivatives: FloatArray, true: FloatArray, seed: int
) -> FloatArray:
    """The threshold of most correct terms, of these the one of the best coefficients."""
    every = [threshold(terms, derivatives, least) for least in _THRESHOLDS.tolist()]

    def wrong(found: FloatArray) -> tuple[int, float]:
        return int(((found != 0) != (true != 0)).sum()), float(np.linalg.norm(found - true))

    return min(every, key=wrong)


_METHODS: Mapping[str, Callable[[FloatArray, FloatArray, FloatArray, int], FloatArray]] = (
    MappingProxyType(
        {
            "annealing": partial(_subset, choose=_annealing),
            **{
                f"exchange-{number}": partial(_subset, choose=partial(_exchange, number=number))
                for number in (128, STARTS, 1)
            },
            "greedy": partial(_subset, choose=_greedy),
            "stlsq-0.1": _thresholded,
            "stlsq-hindsight": _hindsight,
        }
    )
)
"""Name -> what finds coefficients, shape (d, n), from terms, derivatives, the truth and a seed."""


def _lorenz(rng: np.random.Generator) -> FloatArray:
    states: FloatArray = simulate(lorenz, np.array([0.0, 0.0, 25.0]), 0.002, _SAMPLES, 1, rng)[0]
    return states


def _lorenz96(rng: np.random.Generator) -> FloatArray:
    states: FloatArray = simulate(lorenz96, np.full(6, 2.0), 0.005, _SAMPLES, 1, rng)[0]
    return states


_LORENZ: tuple[Mapping[Terms, float], ...] = (
    {(0,): -10.0, (1,): 10.0},
    {(0,): 28.0, (1,): -1.0, (0, 2): -1.0},
    {(2,): -8.0 / 3.0, (0, 1): 1.0},
)


def _pair(i: int, j: int) -> Terms:
    return (min(i % 6, j % 6), max(i % 6, j % 6))


_LORENZ96: tuple[Mapping[Terms, float], ...] = tuple(
    {(): 8.0, (i,): -1.0, _pair(i + 1, i - 1): 1.0, _pair(i - 2, i - 1): -1.0} for i in range(6)
)

_SYSTEMS: Mapping[str, _System] = MappingProxyType(
    {
        "lorenz": _System("Lorenz 1963, 10 terms of degree 2", _lorenz, 0.002, _LORENZ, 2),
        "lorenz-degree-5": _System("the same, 56 terms of degree 5", _lorenz, 0.002, _LORENZ, 5),
        "lorenz-96": _System(
            "Lorenz 1996, 6 variables, 84 terms of degree 3", _lorenz96, 0.005, _LORENZ96, 3
        ),
    }
)


@lru_cache(maxsize=4)
def _trajectory(table: str, seed: int) -> FloatArray:
    return _SYSTEMS[table].simulate(np.random.default_rng([seed, 0]))


SUITE = comparison(
    name="sindy",
    tables={name: system.about for name, system in _SYSTEMS.items()},
    methods=tuple(_METHODS),
    settings=tuple(_NOISES),
    metrics=(
        Metric("right", "{:.2f}".format, max, label="share of runs with the right terms"),
        Metric("coefficients", "{:.3g}".format, min),
        Metric("misfit", "{:.3g}".format, min),
        Metric("CPU s", "{:.2f}".format, min),
    ),
    measure=measure_sindy,
    footnote=(
        "Share of runs in which all equations have exactly the right terms; Euclidean distance of "
        "the coefficients from the true ones, in units of the length of these; squared error of "
        "the fit, in units of that of the true terms, of the equation where this is largest; CPU "
        "seconds for all equations. Noise is in units of the standard deviation of each variable. "
        "annealing, exchange and greedy are told how many terms each equation has. exchange is "
        "annealing without the quadratic models: from as many starts (8), from as many as take "
        "as long (128), and from the greedy one only (1). stlsq drops coefficients below a "
        "threshold again and again: 0.1, or the best of 31 thresholds from 0.01 to 10, chosen "
        "with the truth known."
    ),
)
"""Selection of terms against other methods."""
