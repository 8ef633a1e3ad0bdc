"""How well a trial's controller balances the pole, and how much force it spends on that."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from qhpo.problem import Objective, suggest
from qhpo_problems.training.cartpole.controller import ControllerConfig, count_weights
from qhpo_problems.training.cartpole.episodes import draw_episodes, run_episodes
from qhpo_problems.training.cartpole.training import TrainingConfig, train
from qhpo_problems.training.fit.checkpoints import keep
from qhpo_problems.training.fit.checks import check_seed
from qhpo_problems.training.fit.training import Conditions, Params

__all__ = [
    "EPISODES",
    "PUSH",
    "SECONDS",
    "controller_of",
    "make_objective",
    "train_controller",
    "training_of",
]

EPISODES = 100
"""Episodes that a controller is judged by, none of them seen in training."""

SECONDS = 10.0
"""Length of each."""

PUSH = 15.0
"""Newtons of their pushes, at most; their measurements have the errors of ``noise=1``."""


def controller_of(params: Params) -> ControllerConfig:
    """The controller that a trial's parameters describe, with `units` of each hidden layer."""
    units = (params[f"units_{layer}"] for layer in range(1, params["layers"] + 1))
    # A linear controller has no use for an activation; any will do.
    activation = params.get("activation", "tanh")
    return ControllerConfig(tuple(units), activation, params["max_force"], params["levels"])


def training_of(params: Params) -> TrainingConfig:
    """The training that a trial's parameters describe."""
    return TrainingConfig(**{field.name: params[field.name] for field in fields(TrainingConfig)})


def make_objective(
    space: Mapping[str, BaseDistribution], conditions: Conditions, seed: int
) -> Objective:
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
        space: What trials ask for, in this order.
        conditions: Which of that only some trials have.
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
        params = suggest(trial, space, conditions)
        controller, interval = controller_of(params), params["interval"]
        training = training_of(params)
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


def train_controller(
    space: Mapping[str, BaseDistribution],
    conditions: Conditions,
    trial: FrozenTrial,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """The controller of a trial's configuration, which `qhpo train` keeps.

    Controllers learn from episodes that are simulated, so that there is nothing more to learn from
    than the trial did. Writes ``weights.npz`` with the array ``weights``, and ``model.json``.

    Args:
        space: What trials ask for.
        conditions: Which of that only some trials have.
        trial: The trial.
        seed: Of the training.
        folder: Where the model is kept.
    """
    params = suggest(trial, space, conditions)
    controller = controller_of(params)
    weights = train(controller, training_of(params), interval=params["interval"], seed=seed)
    np.savez(folder / "weights.npz", weights=weights)
    record = {
        "problem": "controller-cartpole",
        "study_trial": trial.number,
        "seed": seed,
        "params": dict(params),
        "values": trial.values,
        "load": [
            "import json, numpy",
            "from qhpo_problems.training.cartpole.objective import controller_of",
            f"config = controller_of(json.load(open({str(folder / 'model.json')!r}))['params'])",
            f"weights = numpy.load({str(folder / 'weights.npz')!r})['weights']",
        ],
    }
    (folder / "model.json").write_text(json.dumps(record, indent=2) + "\n")
    return {"weights": count_weights(controller), "load it by": "; ".join(record["load"])}
