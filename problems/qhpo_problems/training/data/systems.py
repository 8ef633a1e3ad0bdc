"""Chaotic systems and their trajectories: differential equations, one of them with a delay.

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
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from qhpo.errors import QhpoError

__all__ = [
    "LORENZ",
    "LORENZ_EXPONENT",
    "MACKEY_GLASS",
    "MACKEY_GLASS_EXPONENT",
    "System",
    "lorenz",
    "lorenz96",
    "mackey_glass",
    "simulate",
    "trajectory",
]

FloatArray = NDArray[np.float64]

Field = Callable[[FloatArray], FloatArray]
"""State, shape (n,), or states side by side, (n, b), to derivatives in time of the same shape."""

LORENZ_EXPONENT = 0.906
"""Largest Lyapunov exponent of `lorenz`, per unit of time: J. C. Sprott, "Chaos and Time-Series
Analysis", Oxford University Press 2003."""

MACKEY_GLASS_EXPONENT = 0.0052
"""Largest Lyapunov exponent, per unit of time: the rate at which 400 pairs of solutions parted from
time 1500 to 3000, 0.00516 with a standard error of 0.00005."""

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


def mackey_glass(
    steps: int, *, history: ArrayLike = 1.2, delay: float = 17.0, per_delay: int = 170
) -> FloatArray:
    """X by the equation of Mackey and Glass after a constant past, shape (steps + 1, ...).

    M. C. Mackey and L. Glass, "Oscillation and chaos in physiological control systems", Science
    197, 287 (1977): dx/dt = 0.2 x(t - tau) / (1 + x(t - tau)^10) - 0.1 x(t), chaotic for tau = 17.
    Its fixed points are 0 and 1.

    At equidistant times from 0, by the classical Runge-Kutta method. Its steps divide the delay,
    so that all values of the past but those between two steps are known; those are interpolated by
    the cubic polynomial that has the values and slopes at both, which keeps the order 4.

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


@dataclass(frozen=True)
class System:
    """A system whose trajectories are forecast.

    Attributes:
        name: What it is called.
        variables: n.
        dt: Time between samples, in the unit of time of the equations.
        exponent: Largest Lyapunov exponent, per unit of time.
        simulate: From a number of samples T, a number b of trajectories and a generator to states
            on the attractor, shape (b, T, n).
    """

    name: str
    variables: int
    dt: float
    exponent: float
    simulate: Callable[[int, int, np.random.Generator], FloatArray]

    @property
    def step(self) -> float:
        """Time between samples in Lyapunov times."""
        return self.dt * self.exponent


def _rate(now: FloatArray, past: FloatArray) -> FloatArray:
    return 0.2 * past / (1.0 + past**10) - 0.1 * now


def _lorenz(samples: int, count: int, rng: np.random.Generator) -> FloatArray:
    return simulate(lorenz, np.array([0.0, 0.0, 25.0]), LORENZ.dt, samples, count, rng)


def _mackey_glass(samples: int, count: int, rng: np.random.Generator) -> FloatArray:
    per_delay, transient = 34, 2000  # steps of half a unit of time
    stride = round(MACKEY_GLASS.dt * per_delay / 17.0)
    pasts = rng.uniform(0.3, 1.3, size=count)
    x = mackey_glass(transient + stride * samples, history=pasts, per_delay=per_delay)
    sampled: FloatArray = x[transient:-1:stride].T[:, :, None]
    return sampled


LORENZ = System("the Lorenz system", 3, 0.05, LORENZ_EXPONENT, _lorenz)
"""A turn around one of the attractor's wings takes about 15 samples."""

MACKEY_GLASS = System("the Mackey-Glass equation", 1, 8.5, MACKEY_GLASS_EXPONENT, _mackey_glass)
"""The delay is two samples, and the state of the equation is what x was for so long: a network that
sees x alone has to remember it."""
