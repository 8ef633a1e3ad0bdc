"""The problem controller-cartpole: a neural controller, its motor and its training."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import BaseTrial

from qhpo.problem import Objective, Problem, suggest
from qhpo_problems.training.cartpole.controller import (
    ACTIVATIONS,
    MAX_LAYERS,
    ControllerConfig,
    count_weights,
)
from qhpo_problems.training.cartpole.episodes import draw_episodes, run_episodes
from qhpo_problems.training.cartpole.training import TrainingConfig, train
from qhpo_problems.training.checkpoints import keep
from qhpo_problems.training.checks import check_seed

__all__ = [
    "CONTROLLER_SPACE",
    "EPISODES",
    "MAX_INTERVAL",
    "PROBLEM",
    "PUSH",
    "SECONDS",
    "TRAINING_SPACE",
    "make_objective",
    "suggest_controller",
    "suggest_training",
]

EPISODES = 100
"""Episodes that a controller is judged by, none of them seen in training."""

SECONDS = 10.0
"""Length of each."""

PUSH = 15.0
"""Newtons of their pushes, at most; their measurements have the errors of ``noise=1``."""

CONTROLLER_SPACE: dict[str, BaseDistribution] = {
    "layers": IntDistribution(0, MAX_LAYERS),
    "max_force": IntDistribution(4, 16, step=2),
    "levels": CategoricalDistribution((2, 3, 5)),
}
"""What every trial's controller has: hidden layers, newtons of the motor and its levels."""

_UNITS = IntDistribution(4, 16, step=4)
_ACTIVATION = CategoricalDistribution(tuple(ACTIVATIONS))

TRAINING_SPACE: dict[str, BaseDistribution] = {
    "population": CategoricalDistribution((8, 16, 32, 64)),
    "seconds": CategoricalDistribution((1.0, 2.0, 4.0)),
    "deviation": FloatDistribution(0.05, 0.8, log=True),
    "learning_rate": FloatDistribution(0.02, 0.5, log=True),
    "push": FloatDistribution(0.0, 20.0, step=5.0),
    "noise": FloatDistribution(0.0, 2.0, step=0.5),
    "force_weight": FloatDistribution(0.01, 3.0, log=True),
    "angle_weight": FloatDistribution(0.0, 2.0, step=0.5),
    "position_weight": FloatDistribution(0.0, 2.0, step=0.5),
}
"""What `suggest_training` asks a trial for: the attributes of `TrainingConfig`."""

MAX_INTERVAL = 4
"""Most steps of `simulation.STEP`, 20 ms, between two decisions of a controller."""


def suggest_controller(trial: BaseTrial) -> ControllerConfig:
    """The trial's controller, by `CONTROLLER_SPACE` and what its hidden layers bring with them.

    A trial with hidden layers has ``activation``, and ``units_1`` and ``units_2`` as far as it has
    these layers.
    """
    params = suggest(trial, CONTROLLER_SPACE)
    layers = range(1, params.pop("layers") + 1)
    inner: dict[str, Any] = suggest(trial, {f"units_{layer}": _UNITS for layer in layers})
    chosen = suggest(trial, {"activation": _ACTIVATION} if inner else {})
    # A linear controller has no use for an activation; any will do.
    activation = chosen.get("activation", "tanh")
    return ControllerConfig(hidden=tuple(inner.values()), activation=activation, **params)


def suggest_training(trial: BaseTrial) -> TrainingConfig:
    """The trial's training, by the parameters of `TRAINING_SPACE`."""
    return TrainingConfig(**suggest(trial, TRAINING_SPACE))


def make_objective(seed: int) -> Objective:
    """Balance, to be maximized, and energy, to be minimized, of the controller of a trial.

    Both are means over `EPISODES` episodes of `SECONDS`, with pushes and errors of measurement.

    * Balance is the share of the time before the pole falls, 0 to 1.
    * Energy is the mean squared force of the motor in N^2, which is what heats its windings: a
      motor's current is in proportion to its force. After a fall it is charged until the end at its
      full force, and no less than `episodes.FALL_FORCE`, so that a controller that lets the pole
      fall at once is an expensive one.

    Every trial gets the attributes ``weights``, the numbers its controller has, ``generations`` and
    ``train_seconds``; and ``test_balance`` and ``test_energy``, the same means over another
    `EPISODES` episodes, which are not to choose by.

    Args:
        seed: Of the episodes and of every training, 0 to 2**32 - 1.

    Raises:
        QhpoError: If the seed is out of range.
    """
    check_seed(seed)
    judging, testing = (
        draw_episodes(np.random.default_rng((seed, part)), EPISODES, SECONDS, push=PUSH, noise=1.0)
        for part in (1, 2)
    )

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        controller = suggest_controller(trial)
        interval = trial.suggest_int("interval", 1, MAX_INTERVAL)
        training = suggest_training(trial)
        start = time.perf_counter()
        weights = train(controller, training, interval=interval, seed=seed)
        keep(trial, {"weights": weights})
        trial.set_user_attr("train_seconds", time.perf_counter() - start)
        trial.set_user_attr("generations", training.generations)
        trial.set_user_attr("weights", count_weights(controller))
        judged, tested = (
            run_episodes(controller, weights[None], episodes, interval=interval)
            for episodes in (judging, testing)
        )
        trial.set_user_attr("test_balance", float(tested.balance[0]))
        trial.set_user_attr("test_energy", float(tested.force[0]))
        return float(judged.balance[0]), float(judged.force[0])

    return objective


PROBLEM = Problem(
    name="controller-cartpole",
    summary="A neural controller that balances a pole with little force: up to 16 parameters.",
    direction={"balance": "maximize", "energy": "minimize"},
    make_objective=make_objective,
)
