"""The systems that are forecast, and how they are sampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qhpo_problems.training.dynamics.delay import MACKEY_GLASS_EXPONENT, mackey_glass
from qhpo_problems.training.dynamics.systems import LORENZ_EXPONENT, lorenz, simulate

__all__ = ["LORENZ", "MACKEY_GLASS", "Task"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """A system whose trajectories are forecast.

    Attributes:
        name: For the summary of the problem.
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


def _lorenz(samples: int, count: int, rng: np.random.Generator) -> FloatArray:
    return simulate(lorenz, np.array([0.0, 0.0, 25.0]), LORENZ.dt, samples, count, rng)


def _mackey_glass(samples: int, count: int, rng: np.random.Generator) -> FloatArray:
    per_delay, transient = 34, 2000  # steps of half a unit of time
    stride = round(MACKEY_GLASS.dt * per_delay / 17.0)
    pasts = rng.uniform(0.3, 1.3, size=count)
    x = mackey_glass(transient + stride * samples, history=pasts, per_delay=per_delay)
    sampled: FloatArray = x[transient:-1:stride].T[:, :, None]
    return sampled


LORENZ = Task("the Lorenz system", 3, 0.05, LORENZ_EXPONENT, _lorenz)
"""A turn around one of the attractor's wings takes about 15 samples."""

MACKEY_GLASS = Task("the Mackey-Glass equation", 1, 8.5, MACKEY_GLASS_EXPONENT, _mackey_glass)
"""The delay is two samples, and the state of the equation is what x was for so long: a network that
sees x alone has to remember it."""
