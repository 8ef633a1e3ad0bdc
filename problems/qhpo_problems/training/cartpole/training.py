"""One controller, trained on random episodes for a weighted sum of what it should avoid."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo_problems.training.cartpole.controller import ControllerConfig, initial_weights
from qhpo_problems.training.cartpole.episodes import draw_episodes, run_episodes
from qhpo_problems.training.cartpole.evolution import evolve

__all__ = ["BUDGET", "EPISODES", "TrainingConfig", "train"]

EPISODES = 8
"""Episodes that each member of a population controls in a generation."""

BUDGET = 16384
"""Simulated seconds of one training, over all members, episodes and generations."""

_REFERENCE_FORCE = 10.0
"""Newtons whose square costs `TrainingConfig.force_weight` when spent all the time."""


@dataclass(frozen=True)
class TrainingConfig:
    """The choices of one training.

    The cost of a controller is the share of the time after a fall, plus the weighted terms below.

    Attributes:
        population: Members of the population, even.
        seconds: Length of an episode. Longer ones and larger populations leave less of `BUDGET`
            for generations.
        deviation: Standard deviation of the members' weights about the centre.
        learning_rate: Step of the centre in a generation.
        push: Force in N of the pushes in training, see `episodes.draw_episodes`.
        noise: How much measurements are off in training, see the same.
        force_weight: Of the mean squared force, by (10 N)^2.
        angle_weight: Of the mean squared angle, by that of a fall.
        position_weight: Of the mean squared position, by that of the track's end.

    Raises:
        QhpoError: If a number is negative or not finite, or the budget does not hold a generation.
    """

    population: int
    seconds: float
    deviation: float
    learning_rate: float
    push: float
    noise: float
    force_weight: float
    angle_weight: float
    position_weight: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < np.inf:
                raise QhpoError(
                    f"{field.name} must be finite and at least 0; got {value}; give such a number"
                )
        if min(self.population, self.seconds, self.deviation) <= 0 or self.generations < 1:
            raise QhpoError(
                f"population, seconds and deviation must be above 0, and population x seconds at "
                f"most {BUDGET // EPISODES}, the budget of one generation; got "
                f"{self.population}, {self.seconds} and {self.deviation}"
            )

    @property
    def generations(self) -> int:
        """Steps of the evolution strategy that `BUDGET` has room for."""
        return int(BUDGET / (EPISODES * self.population * self.seconds))


def train(
    controller: ControllerConfig, config: TrainingConfig, *, interval: int, seed: int
) -> NDArray[np.float64]:
    """Weights of a trained controller, shape (count_weights(controller),).

    Every generation has new episodes, the same for all of its members.

    Args:
        controller: The architecture.
        config: How to train.
        interval: Steps between two decisions, as in `episodes.run_episodes`.
        seed: Of the initial weights, the episodes and the perturbations, at least 0.
    """
    rng = np.random.default_rng(seed)

    def costs(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        episodes = draw_episodes(
            rng, EPISODES, config.seconds, push=config.push, noise=config.noise
        )
        outcome = run_episodes(controller, weights, episodes, interval=interval)
        return (
            1
            - outcome.balance
            + config.force_weight * outcome.force / _REFERENCE_FORCE**2
            + config.angle_weight * outcome.angle
            + config.position_weight * outcome.position
        )

    return evolve(
        costs,
        initial_weights(controller, rng),
        rng,
        population=config.population,
        generations=config.generations,
        deviation=config.deviation,
        learning_rate=config.learning_rate,
    )
