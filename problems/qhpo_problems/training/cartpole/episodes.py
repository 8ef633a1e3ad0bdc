"""Episodes: where the pole starts, what disturbs it, and how well controllers keep it up.

P stands for controllers, S for episodes, T for steps of `simulation.STEP` seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qhpo_problems.training.cartpole.controller import ControllerConfig, forces
from qhpo_problems.training.cartpole.simulation import (
    MAX_ANGLE,
    MAX_POSITION,
    STEP,
    fallen,
    step,
)

__all__ = ["FALL_FORCE", "Episodes", "Performance", "draw_episodes", "run_episodes"]

FALL_FORCE = 10.0
"""Least force in N that is charged after a fall: the motor's in the paper of 1983."""

_STARTS = np.array([1.0, 0.5, MAX_ANGLE / 2, 0.5])
"""Most that x in m, v in m/s, theta in rad and omega in rad/s can be at the start, either way."""

_ERRORS = np.array([0.01, 0.1, 0.01, 0.1])
"""Standard deviations of measuring x in m, v in m/s, theta in rad and omega in rad/s."""

_PUSH_STEPS, _PUSH_PERIOD = 5, 50
"""Of every period of 1 s a push takes the first 0.1 s, both in steps."""


@dataclass(frozen=True)
class Episodes:
    """What happens to a cart and its pole, whatever the controller does.

    Attributes:
        starts: States at the start, shape (S, 4).
        pushes: Force in N that acts on the cart beside the motor's, shape (T, S).
        errors: What is added to the state when it is measured, shape (T, S, 4).
    """

    starts: NDArray[np.float64]
    pushes: NDArray[np.float64]
    errors: NDArray[np.float64]


@dataclass(frozen=True)
class Performance:
    """How controllers did; every mean is over the S episodes and all T steps, shape (P,).

    Attributes:
        balance: Share of the time before the fall, 0 to 1.
        force: Mean of the squared force of the motor in N^2. After a fall the motor is charged at
            its full force, and no less than `FALL_FORCE`: falling saves nothing, nor does a motor
            that is too weak.
        angle: Mean of (theta / MAX_ANGLE)^2; 1 after a fall.
        position: Mean of (x / MAX_POSITION)^2; 1 after a fall.
    """

    balance: NDArray[np.float64]
    force: NDArray[np.float64]
    angle: NDArray[np.float64]
    position: NDArray[np.float64]


def draw_episodes(
    rng: np.random.Generator,
    count: int,
    seconds: float,
    *,
    push: float,
    noise: float,
) -> Episodes:
    """Random episodes.

    Args:
        rng: Where they come from.
        count: S, how many.
        seconds: How long they are.
        push: Once a second the cart is pushed for 0.1 s, with a force that is uniform from
            ``-push`` to ``push`` newtons.
        noise: By how much the measurements are off: 0 for exact ones, 1 for normal errors of
            10 mm, 0.1 m/s, 0.01 rad and 0.1 rad/s.
    """
    steps = round(seconds / STEP)
    periods = -(-steps // _PUSH_PERIOD)
    pushes = np.zeros((periods, _PUSH_PERIOD, count))
    pushes[:, :_PUSH_STEPS] = rng.uniform(-push, push, size=(periods, 1, count))
    return Episodes(
        starts=rng.uniform(-_STARTS, _STARTS, size=(count, 4)),
        pushes=pushes.reshape(-1, count)[:steps],
        errors=noise * _ERRORS * rng.normal(size=(steps, count, 4)),
    )


def run_episodes(
    config: ControllerConfig,
    weights: NDArray[np.float64],
    episodes: Episodes,
    *,
    interval: int,
) -> Performance:
    """Let controllers of one architecture loose on the same episodes.

    Args:
        config: Their architecture.
        weights: One controller a row, shape (P, count_weights(config)).
        episodes: What happens to all of them.
        interval: Steps between two decisions; the motor's force stays as it is meanwhile.
    """
    members, (steps, count) = len(weights), episodes.pushes.shape
    state = np.broadcast_to(episodes.starts, (members, count, 4))
    standing = np.ones((members, count), dtype=bool)
    force = np.zeros((members, count))
    up, squared, angle, position = np.zeros((4, members, count))
    for t in range(steps):
        if t % interval == 0:
            force = forces(config, weights, state + episodes.errors[t])
        state = step(state, force + episodes.pushes[t])
        standing &= ~fallen(state)
        if not standing.any():
            break
        up += standing
        squared += standing * force**2
        angle += standing * state[..., 2] ** 2
        position += standing * state[..., 0] ** 2
    down = steps - up
    charge = max(config.max_force, FALL_FORCE) ** 2
    return Performance(
        balance=up.mean(axis=1) / steps,
        force=(squared + down * charge).mean(axis=1) / steps,
        angle=(angle / MAX_ANGLE**2 + down).mean(axis=1) / steps,
        position=(position / MAX_POSITION**2 + down).mean(axis=1) / steps,
    )
