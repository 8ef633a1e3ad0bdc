"""Small networks that turn what is measured of the cart and the pole into a force.

P stands for the members of a population that share an architecture, S for the episodes that each
controls at the same time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo_problems.training.cartpole.simulation import MAX_ANGLE, MAX_POSITION
from qhpo_problems.training.fit.checks import check_choices

__all__ = [
    "ACTIVATIONS",
    "MAX_LAYERS",
    "ControllerConfig",
    "count_weights",
    "forces",
    "initial_weights",
]

ACTIVATIONS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "tanh": np.tanh,
    "relu": lambda values: np.maximum(values, 0.0),
    "sine": np.sin,
}
"""Nonlinearities after each hidden layer, by name."""

MAX_LAYERS = 2
"""Hidden layers that a controller can have at most."""

_SCALES = np.array([MAX_POSITION, 2.0, MAX_ANGLE, 2.0])
"""What counts as 1 of x in m, v in m/s, theta in rad and omega in rad/s."""


@dataclass(frozen=True)
class ControllerConfig:
    """One controller: a network of four inputs and one output, and its motor.

    Attributes:
        hidden: Units of each hidden layer, up to `MAX_LAYERS` of them; none is a linear
            controller.
        activation: One of `ACTIVATIONS`; of no use without hidden layers.
        max_force: Most that the motor can push either way, in N, above 0.
        levels: How many forces the motor knows, evenly from ``-max_force`` to ``max_force``, at
            least 2; an odd number has standstill among them.

    Raises:
        QhpoError: If a value is outside what is stated here.
    """

    hidden: tuple[int, ...]
    activation: str
    max_force: float
    levels: int

    def __post_init__(self) -> None:
        if len(self.hidden) > MAX_LAYERS or min(self.hidden, default=1) < 1:
            raise QhpoError(
                f"hidden must have at most {MAX_LAYERS} entries, all at least 1; got "
                f"{self.hidden}; leave a layer out by giving fewer entries"
            )
        check_choices(self, activation=ACTIVATIONS)
        if not 0 < self.max_force < np.inf:
            raise QhpoError(
                f"max_force must be finite and above 0; got {self.max_force}; 10 newtons are usual"
            )
        if self.levels < 2:
            raise QhpoError(
                f"levels must be at least 2; got {self.levels}; "
                "2 is a motor that is always fully on"
            )


def count_weights(config: ControllerConfig) -> int:
    """Numbers that make up one controller, biases included."""
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise((4, *config.hidden, 1)))


def initial_weights(config: ControllerConfig, rng: np.random.Generator) -> NDArray[np.float64]:
    """Weights of an untrained controller, shape (count_weights(config),).

    Hidden layers are random, with a standard deviation of one over the root of their inputs; what
    leads to the force is 0, so that an untrained controller of a motor that can stand still does.
    """
    layers = []
    for inputs, outputs in pairwise((4, *config.hidden)):
        layers += [rng.normal(scale=inputs**-0.5, size=inputs * outputs), np.zeros(outputs)]
    return np.concatenate([*layers, np.zeros((4, *config.hidden)[-1] + 1)])


def forces(
    config: ControllerConfig, weights: NDArray[np.float64], measured: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Forces in N that controllers of one architecture answer with, shape (P, S).

    Args:
        config: Their architecture.
        weights: One controller a row, shape (P, count_weights(config)).
        measured: States as measured, shape (P, S, 4).
    """
    values = measured / _SCALES
    start = 0
    widths = (4, *config.hidden, 1)
    for layer, (inputs, outputs) in enumerate(pairwise(widths)):
        if layer:
            values = ACTIVATIONS[config.activation](values)
        end = start + inputs * outputs
        matrices = weights[:, start:end].reshape(-1, inputs, outputs)
        values = values @ matrices + weights[:, None, end : end + outputs]
        start = end + outputs
    wanted = np.tanh(values[..., 0])
    gaps = config.levels - 1
    # Halves go up, not to the even level as `np.round` has it, so that 0 is no level of two.
    level = np.floor((wanted + 1) / 2 * gaps + 0.5)
    force: NDArray[np.float64] = config.max_force * (level / gaps * 2 - 1)
    return force
