"""Trajectories of systems of ordinary differential equations.

Glossary
--------
n, T
    Variables of a system; samples of a trajectory.
x
    States, shape (T, n), in the dimensionless units of the equations.
dt
    Time between samples, in the dimensionless time of the equations.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from qhpo.errors import QhpoError

__all__ = ["LORENZ_EXPONENT", "lorenz", "lorenz96", "simulate", "trajectory"]

FloatArray = NDArray[np.float64]

Field = Callable[[FloatArray], FloatArray]
"""State, shape (n,), or states side by side, (n, b), to derivatives in time of the same shape."""

LORENZ_EXPONENT = 0.906
"""Largest Lyapunov exponent of `lorenz`, per unit of time: J. C. Sprott, "Chaos and Time-Series
Analysis", Oxford University Press 2003."""

_TOLERANCE = 1e-10
"""Relative and absolute, of a step: a deviation of that size takes 23 Lyapunov times to grow to the
size of the attractor."""

_TRANSIENT = 20.0
"""Time that is left out at the beginning, for the state to come to the attractor."""


def lorenz(state: FloatArray) -> FloatArray:
    """The system of E. N. Lorenz, "Deterministic nonperiodic flow", J. Atmos. Sci. 20, 130 (1963).

    With its classical parameters sigma = 10, rho = 28 and beta = 8/3; variables x, y, z.

    Args:
        state: Shape (3,) or (3, b).
    """
    x, y, z = state
    return np.array([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])


def lorenz96(state: FloatArray) -> FloatArray:
    """The ring of E. N. Lorenz, "Predictability: a problem partly solved", ECMWF 1996.

    dx_i/dt = (x_(i+1) - x_(i-2)) x_(i-1) - x_i + 8, indices modulo n.

    Args:
        state: Shape (n,) or (n, b), n at least 4.
    """
    before, after = np.roll(state, 1, axis=0), np.roll(state, -1, axis=0)
    derivative: FloatArray = (after - np.roll(state, 2, axis=0)) * before - state + 8.0
    return derivative


def trajectory(field: Field, start: FloatArray, dt: float, samples: int) -> FloatArray:
    """States at the times 0, dt, 2 dt, ..., shape (samples, n), or (samples, n, b).

    By the Runge-Kutta method of order 8 with step control (scipy's DOP853).

    Args:
        field: The equations.
        start: State at time 0, shape (n,), or b of them, (n, b).
        dt: Positive.
        samples: T, at least 2.

    Raises:
        QhpoError: If dt or the number of samples is out of range, or the solution leaves every
            bound.
    """
    if not dt > 0 or samples < 2:
        raise QhpoError(
            "a trajectory needs a positive dt and at least 2 samples; "
            f"got dt={dt}, samples={samples}"
        )
    times = dt * np.arange(samples)
    solution = solve_ivp(
        lambda _, flat: field(flat.reshape(start.shape)).ravel(),
        (0.0, float(times[-1])),
        start.ravel(),
        method="DOP853",
        t_eval=times,
        rtol=_TOLERANCE,
        atol=_TOLERANCE,
    )
    if not solution.success:
        raise QhpoError(
            f"a trajectory must exist up to its last time, {times[-1]:g}; got "
            f"{solution.message!r}; start elsewhere or end earlier"
        )
    states: FloatArray = solution.y.T.reshape(samples, *start.shape)
    return states


def simulate(
    field: Field, mean: FloatArray, dt: float, samples: int, count: int, rng: np.random.Generator
) -> FloatArray:
    """Trajectories on the attractor from random starts, shape (count, samples, n).

    They are integrated together, with steps that are short enough for all.

    Args:
        field: The equations.
        mean: Around which the random starts are drawn, each variable with standard deviation 1,
            shape (n,). A transient of 20 units of time is left out.
        dt: Positive.
        samples: T, at least 2.
        count: Trajectories, at least 1.
        rng: Of the starts.

    Raises:
        QhpoError: As `trajectory`.
    """
    starts = mean[:, None] + rng.standard_normal((len(mean), count))
    settled = trajectory(field, starts, _TRANSIENT, 2)[-1]
    return np.moveaxis(trajectory(field, settled, dt, samples), 2, 0)
