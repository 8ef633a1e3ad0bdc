"""A pole hinged to a cart: equations of motion without friction, many at once.

The system and its constants are those of A. G. Barto, R. S. Sutton and C. W. Anderson, "Neuronlike
adaptive elements that can solve difficult learning control problems", IEEE Transactions on
Systems, Man, and Cybernetics 13, 1983, with both friction coefficients 0. R. V. Florian, "Correct
equations for the dynamics of the cart-pole system", 2007, derives them; without friction the two
agree.

| symbol | meaning | unit | sign |
| --- | --- | --- | --- |
| x | position of the cart | m | to the right |
| v | velocity of the cart | m/s | to the right |
| theta | angle of the pole from upright | rad | clockwise, the tip to the right |
| omega | angular velocity of the pole | rad/s | clockwise |
| F | force on the cart | N | to the right |
| M, m | masses of the cart and of the pole | kg | |
| l | half the length of the pole | m | |
| g | acceleration by gravity | m/s^2 | |

A state is an array of shape (..., 4) that holds x, v, theta and omega in this order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CART_MASS",
    "GRAVITY",
    "HALF_LENGTH",
    "MAX_ANGLE",
    "MAX_POSITION",
    "POLE_MASS",
    "STEP",
    "derivative",
    "fallen",
    "step",
]

GRAVITY = 9.8
"""g in m/s^2."""

CART_MASS = 1.0
"""M in kg."""

POLE_MASS = 0.1
"""m in kg, spread evenly over the pole."""

HALF_LENGTH = 0.5
"""l in m, from the hinge to the pole's centre of mass."""

MAX_ANGLE = np.pi * 12 / 180
"""A pole that leans further, in rad, has fallen."""

MAX_POSITION = 2.4
"""A cart further from the middle of its track, in m, has left it, which counts as fallen too."""

STEP = 0.02
"""Seconds of one step of the integration."""

_TOTAL_MASS = CART_MASS + POLE_MASS


def derivative(state: NDArray[np.float64], force: NDArray[np.float64]) -> NDArray[np.float64]:
    """Change of the state a second, shape (..., 4).

    Args:
        state: Shape (..., 4).
        force: F in N, shape (...).
    """
    _, v, theta, omega = np.moveaxis(state, -1, 0)
    sine, cosine = np.sin(theta), np.cos(theta)
    pushed = (force + POLE_MASS * HALF_LENGTH * omega**2 * sine) / _TOTAL_MASS
    # 4/3 is the moment of inertia of an even rod about its end, by m l^2.
    inertia = HALF_LENGTH * (4 / 3 - POLE_MASS * cosine**2 / _TOTAL_MASS)
    turning = (GRAVITY * sine - cosine * pushed) / inertia
    moving = pushed - POLE_MASS * HALF_LENGTH * turning * cosine / _TOTAL_MASS
    return np.stack((v, moving, omega, turning), axis=-1)


def step(
    state: NDArray[np.float64], force: NDArray[np.float64], seconds: float = STEP
) -> NDArray[np.float64]:
    """The state a step later, by the classical Runge-Kutta method of fourth order.

    Args:
        state: Shape (..., 4).
        force: F in N, constant over the step, shape (...).
        seconds: Length of the step.
    """
    first = derivative(state, force)
    second = derivative(state + seconds / 2 * first, force)
    third = derivative(state + seconds / 2 * second, force)
    fourth = derivative(state + seconds * third, force)
    return state + seconds / 6 * (first + 2 * second + 2 * third + fourth)


def fallen(state: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the pole leans too far or the cart has left its track, shape (...)."""
    return (np.abs(state[..., 2]) > MAX_ANGLE) | (np.abs(state[..., 0]) > MAX_POSITION)
