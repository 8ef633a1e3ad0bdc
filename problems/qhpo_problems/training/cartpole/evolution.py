"""Training by an evolution strategy: no gradient of the simulation, only costs of controllers.

T. Salimans et al., "Evolution strategies as a scalable alternative to reinforcement learning",
2017: normal perturbations in mirrored pairs, costs replaced by their ranks, and a step of Adam
(D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015) along the estimate.

| symbol | meaning | shape |
| --- | --- | --- |
| mu | centre of the population: the controller that is trained | (n,) |
| sigma | standard deviation of the perturbations | number |
| epsilon | perturbations, one a pair | (P / 2, n) |
| P | members of the population, even | number |
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError

__all__ = ["evolve"]

_DECAY_MEAN, _DECAY_SQUARE, _TINY = 0.9, 0.999, 1e-8
"""Of Adam, as its paper suggests."""


def evolve(
    costs: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    start: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    population: int,
    generations: int,
    deviation: float,
    learning_rate: float,
) -> NDArray[np.float64]:
    """The last centre of the population, shape (n,); lower costs are better.

    Args:
        costs: Takes members, shape (P, n), and returns what each costs, shape (P,). Called once a
            generation.
        start: The first centre, shape (n,).
        rng: Where perturbations come from.
        population: P, even and at least 2.
        generations: Steps of the centre.
        deviation: sigma, above 0.
        learning_rate: Size of Adam's steps, above 0.

    Raises:
        QhpoError: If the population is not even or smaller than 2.
    """
    if population < 2 or population % 2:
        raise QhpoError(
            f"population must be even and at least 2, as members come in mirrored pairs; got "
            f"{population}"
        )
    centre = start.copy()
    mean, square = np.zeros_like(centre), np.zeros_like(centre)
    for generation in range(1, generations + 1):
        epsilon = rng.normal(size=(population // 2, len(centre)))
        offsets = deviation * np.concatenate((epsilon, -epsilon))
        ranks = costs(centre + offsets).argsort(kind="stable").argsort(kind="stable")
        shaped = ranks / (population - 1) - 0.5
        gradient = shaped @ offsets / (population * deviation**2)
        mean += (1 - _DECAY_MEAN) * (gradient - mean)
        square += (1 - _DECAY_SQUARE) * (gradient**2 - square)
        unbiased = mean / (1 - _DECAY_MEAN**generation)
        scale = np.sqrt(square / (1 - _DECAY_SQUARE**generation)) + _TINY
        centre = centre - learning_rate * unbiased / scale
    return centre
