"""The problems rnn-dynamics and rnn-mackey-glass: recurrent networks that forecast chaos."""

from __future__ import annotations

from functools import partial

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import BaseTrial

from qhpo.problem import Objective, Problem, suggest
from qhpo_problems.training.dynamics.config import (
    MAX_LAYERS,
    TARGETS,
    ForecasterConfig,
    count_parameters,
)
from qhpo_problems.training.dynamics.tasks import LORENZ, MACKEY_GLASS, Task
from qhpo_problems.training.recurrent.model import CELLS
from qhpo_problems.training.settings import suggest_settings

__all__ = [
    "EPOCHS",
    "MACKEY_GLASS_PROBLEM",
    "PROBLEM",
    "WINDOWS",
    "make_objective",
    "suggest_forecaster",
    "suggest_window",
]

EPOCHS = 30
"""Passes over the training trajectories in one trial."""

WINDOWS = (10, 20, 40, 80)
"""States of a training sequence that `suggest_window` chooses from."""

_UNITS: dict[str, BaseDistribution] = {
    f"units_{layer}": IntDistribution(8, 48, step=8) for layer in range(1, MAX_LAYERS + 1)
}

_REST: dict[str, BaseDistribution] = {
    "target": CategoricalDistribution(TARGETS),
    "noise": FloatDistribution(1e-5, 1e-1, log=True),
}


def suggest_forecaster(trial: BaseTrial) -> ForecasterConfig:
    """The trial's architecture. The units of a layer are asked for only if it has the layer."""
    cell = trial.suggest_categorical("cell", CELLS)
    layers = trial.suggest_int("layers", 1, MAX_LAYERS)
    units = suggest(trial, dict(list(_UNITS.items())[:layers]))
    return ForecasterConfig(cell, tuple(units.values()), **suggest(trial, _REST))


def suggest_window(trial: BaseTrial) -> int:
    """How many states a training sequence of the trial has, one of `WINDOWS`."""
    window: int = trial.suggest_categorical("window", WINDOWS)
    return window


def make_objective(task: Task, seed: int) -> Objective:
    """Minus the validity time of the network that a trial describes, in Lyapunov times.

    The network is trained one step ahead on true states. Then it forecasts from starts that it has
    not seen, each forecast its next input; see `dynamics.validity`. So the values are from
    about -10, where no forecast fails within the ten Lyapunov times that are looked at, to 0.

    Besides the attributes of `tuning.validation_error`, whose ``test_error`` is the same number for
    other starts, each trial gets ``parameters``, the size of its network.

    Args:
        task: The system.
        seed: Of the trajectories and of every training, 0 to 2**32 - 1.

    Raises:
        QhpoError: If the seed is out of range.
    """
    from torch.nn import functional

    from qhpo_problems.training.dynamics.forecaster import Forecaster
    from qhpo_problems.training.dynamics.series import Series
    from qhpo_problems.training.dynamics.validity import MinusValidity
    from qhpo_problems.training.tuning import validation_error

    series = Series(task, seed)

    def objective(trial: optuna.Trial) -> float:
        config = suggest_forecaster(trial)
        window = suggest_window(trial)
        settings = suggest_settings(trial, EPOCHS)
        trial.set_user_attr("parameters", count_parameters(config, task.variables))
        return validation_error(
            trial,
            lambda: Forecaster(config, task.variables),
            series.split(window),
            settings,
            seed=seed,
            loss=functional.mse_loss,
            error=MinusValidity(task.step),
        )

    return objective


def _problem(name: str, task: Task) -> Problem:
    return Problem(
        name=name,
        summary=f"A recurrent network that forecasts {task.name}: minus its validity time.",
        direction="minimize",
        make_objective=partial(make_objective, task),
        packages=("torch", "sklearn"),
        extra="torch",
    )


PROBLEM = _problem("rnn-dynamics", LORENZ)

MACKEY_GLASS_PROBLEM = _problem("rnn-mackey-glass", MACKEY_GLASS)
