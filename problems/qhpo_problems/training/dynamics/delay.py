"""The equation of Mackey and Glass, whose rate depends on the past.

M. C. Mackey and L. Glass, "Oscillation and chaos in physiological control systems", Science 197,
287 (1977): dx/dt = 0.2 x(t - tau) / (1 + x(t - tau)^10) - 0.1 x(t), chaotic for tau = 17. Its fixed
points are 0 and 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qhpo.errors import QhpoError

__all__ = ["MACKEY_GLASS_EXPONENT", "mackey_glass"]

FloatArray = NDArray[np.float64]

MACKEY_GLASS_EXPONENT = 0.0052
"""Largest Lyapunov exponent, per unit of time: the rate at which 400 pairs of solutions parted from
time 1500 to 3000, 0.00516 with a standard error of 0.00005."""


def mackey_glass(
    steps: int, *, history: ArrayLike = 1.2, delay: float = 17.0, per_delay: int = 170
) -> FloatArray:
    """The solution after a constant past, at equidistant times from 0, shape (steps + 1, ...).

    By the classical Runge-Kutta method. Its steps divide the delay, so that all values of the past
    but those between two steps are known; those are interpolated by the cubic polynomial that has
    the values and slopes at both, which keeps the order 4.

    Args:
        steps: Steps of length ``delay / per_delay``, at least 1.
        history: x up to time 0, a number or an array of any shape, a solution each.
        delay: tau, positive, in the time of the equation.
        per_delay: Steps in one delay, at least 1.

    Raises:
        QhpoError: If a number is out of range.
    """
    if not delay > 0 or steps < 1 or per_delay < 1:
        raise QhpoError(
            "a delay must be positive, and steps and per_delay at least 1; "
            f"got delay={delay}, steps={steps}, per_delay={per_delay}"
        )
    h = delay / per_delay
    # The past comes first: x and its slope at time (i - per_delay) h.
    first = np.asarray(history, dtype=float)
    still = np.zeros_like(first)
    x = [first] * (per_delay + 1)
    slope = [still] * (per_delay + 1)
    for now in range(per_delay, per_delay + steps):
        past = now - per_delay
        left, right = x[past], x[past + 1]
        # At time 0 the slope jumps; the past has the one of before.
        slope_right = still if past + 1 == per_delay else slope[past + 1]
        middle = 0.5 * (left + right) + h * (slope[past] - slope_right) / 8.0
        k1 = _rate(x[now], left)
        slope[now] = k1
        k2 = _rate(x[now] + 0.5 * h * k1, middle)
        k3 = _rate(x[now] + 0.5 * h * k2, middle)
        k4 = _rate(x[now] + h * k3, right)
        x.append(x[now] + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4))
        slope.append(still)
    return np.array(x[per_delay:])


def _rate(now: FloatArray, past: FloatArray) -> FloatArray:
    return 0.2 * past / (1.0 + past**10) - 0.1 * now
