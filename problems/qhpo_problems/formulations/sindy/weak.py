"""Equations without derivatives of the data: the weak form.

D. A. Messenger and D. M. Bortz, "Weak SINDy: Galerkin-based data-driven model selection",
Multiscale Modeling & Simulation 19, 1474 (2021). Where dx/dt = sum_j xi_j theta_j(x), integration
by parts with a test function phi that vanishes at both ends of an interval gives

    - integral phi' x dt = sum_j xi_j integral phi theta_j(x) dt,

one equation an interval, in which noise is averaged and never differentiated.

Glossary
--------
n, T, dt
    Variables; samples; time between them.
d
    Terms of the library, theta_j.
h
    Half the length of the intervals, in samples; an interval has 2h + 1.
phi
    (1 - u^2)^8 with u from -1 to 1 over the interval.
A, B
    The integrals of the terms, shape (q, d), and of the derivatives, shape (q, n), of q intervals.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from qhpo.errors import QhpoError
from qhpo_problems.formulations.sindy.library import Library

__all__ = ["half_interval", "weak_form"]

FloatArray = NDArray[np.float64]

_POWER = 8
"""Of the test function. So many of its derivatives vanish at the ends that the sums over samples
are integrals to high order."""

_SHORTEST = 5
"""Least h."""

_SHARE = 4
"""An interval begins h / 4 after the one before: what lies between tells little more."""


def half_interval(states: FloatArray) -> int:
    """h, from the time scale of the states, shape (T, n).

    The first lag at which the autocorrelation of a variable is below zero, the shortest of the
    variables: about a quarter of a period of what oscillates. Independent noise does not move it,
    as it counts at lag 0 only. At most T / 8.
    """
    longest = len(states) // 8
    centered = states - states.mean(axis=0)
    correlation = fftconvolve(centered, centered[::-1], axes=0)[len(states) - 1 :]
    below = (correlation[:longest] < 0).any(axis=1)
    return max(_SHORTEST, int(below.argmax()) if below.any() else longest)


def weak_form(states: FloatArray, dt: float, library: Library) -> tuple[FloatArray, FloatArray]:
    """A and B, see the module.

    Args:
        states: x, shape (T, n), equidistant in time.
        dt: Positive, in the unit of time of the equations.
        library: Of n variables.

    Raises:
        QhpoError: If dt is not positive, states are not finite or of the wrong shape, or there are
            too few of them for twice as many intervals as terms.
    """
    if not dt > 0:
        raise QhpoError(f"dt must be positive; got {dt}; give the time between two samples")
    terms = library.values(states)
    if not np.isfinite(terms).all():
        raise QhpoError("states must be finite and not huge; got NaN or infinity among the terms")
    half = half_interval(states)
    stride = max(1, half // _SHARE)
    count = max(0, len(states) - 2 * half - 1) // stride + 1
    if len(states) <= 2 * half or count < 2 * terms.shape[1]:
        raise QhpoError(
            f"{terms.shape[1]} terms need at least {2 * terms.shape[1]} intervals; got "
            f"{len(states)} samples, which make {count}; give more samples or a lower degree"
        )
    u = np.arange(-half, half + 1) / half
    test = (1 - u**2) ** _POWER
    slope = -2 * _POWER * u * (1 - u**2) ** (_POWER - 1) / (half * dt)
    # A convolution turns its kernel around: phi is even, and phi' odd, which is the minus sign.
    integrals = fftconvolve(terms, test[:, None], mode="valid", axes=0)
    derivatives = fftconvolve(states, slope[:, None], mode="valid", axes=0)
    return integrals[::stride], derivatives[::stride]
