"""What a problem says of itself, and the objective that follows from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial

from qhpo.problem import Objective, Problem, Size, suggest
from qhpo_problems.training.fit.settings import SETTINGS_SPACE, suggest_settings

if TYPE_CHECKING:
    from torch import nn

    from qhpo_problems.training.fit.tuning import Task

__all__ = ["Conditions", "FinalTraining", "Params", "Training"]

Params = Mapping[str, Any]
"""Values that a trial has, by parameter name."""

Conditions = Mapping[str, Mapping[str, tuple[Any, ...]]]
"""Parameters that a trial has only where others have one of these values, as QUBOSampler says it.
"""


@dataclass(frozen=True, eq=False)
class Training:
    """A problem: a network and its training, to be tuned on data.

    Attributes:
        name: What the user types, such as ``"cnn-digits"``.
        summary: One line for `qhpo problems`.
        space: What trials ask for, in this order; the parameters of `SETTINGS_SPACE` follow.
        count: Trainable numbers of the network of a trial, by arithmetic, without torch.
        prepare: Takes a seed, loads the data and returns what makes of a trial's parameters its
            task. Heavy imports belong here.
        epochs: Passes over the training part in one trial.
        packages: Import names that `prepare` needs.
        extra: The extra of the distribution that brings them.
        conditions: Which of `space` only some trials have.
        ignored_unless: Which of `space` all trials have, and networks only where others have one of
            these values.
        sized_by: The parameters that `count` depends on. Empty if trials differ in what they ask
            for: nothing is to be bounded then.
    """

    name: str
    summary: str
    space: Mapping[str, BaseDistribution]
    count: Callable[[Params], int]
    prepare: Callable[[int], Callable[[Params], Task]]
    epochs: int
    packages: tuple[str, ...]
    extra: str
    conditions: Conditions = field(default_factory=dict)
    ignored_unless: Conditions = field(default_factory=dict)
    sized_by: tuple[str, ...] = ()

    def problem(self) -> Problem:
        """What `qhpo run` tunes: the lowest validation error of a training, to be minimized."""
        return Problem(
            name=self.name,
            summary=self.summary,
            direction="minimize",
            make_objective=self.make_objective,
            packages=self.packages,
            extra=self.extra,
            search_space=None if self.conditions else {**self.space, **SETTINGS_SPACE},
            size=Size(self.sized_by, _Count(self)) if self.sized_by else None,
            ignored_unless=self.ignored_unless,
            train=FinalTraining(self),
        )

    def make_objective(self, seed: int) -> Objective:
        """The validation error of the network that a trial describes.

        Besides the attributes of `tuning.validation_error`, each trial gets ``parameters``, the
        size of its network.

        Args:
            seed: Splits the data and seeds every training, 0 to 2**32 - 1.

        Raises:
            QhpoError: If the seed is out of range.
        """
        from qhpo_problems.training.fit.tuning import validation_error

        make_task = self.prepare(seed)

        def objective(trial: optuna.Trial) -> float:
            params = suggest(trial, self.space, self.conditions)
            settings = suggest_settings(trial, self.epochs)
            trial.set_user_attr("parameters", self.count(params))
            return validation_error(trial, make_task(params), settings, seed=seed)

        return objective


@dataclass(frozen=True)
class FinalTraining:
    """Trains the configuration of a trial on all data of a problem, and keeps the model.

    Attributes:
        training: The problem.
    """

    training: Training

    def __call__(self, trial: FrozenTrial, seed: int, folder: Path) -> dict[str, Any]:
        """Writes ``weights.pt``, the model's ``state_dict``, and ``model.json``.

        It is trained for as many epochs as the trial needed to reach its value, as far as its
        reports say so.

        Raises:
            QhpoError: If the training diverges.
        """
        import torch

        from qhpo_problems.training.fit.loop import fit_all

        training = self.training
        params = suggest(trial, training.space, training.conditions)
        reports = trial.intermediate_values
        best = min(reports, key=lambda step: (reports[step], step), default=training.epochs)
        settings = suggest_settings(trial, best)
        whole = training.prepare(seed)(params).whole
        model = fit_all(whole.build, whole.part, settings, seed=seed, loss=whole.loss)
        torch.save(model.state_dict(), folder / "weights.pt")
        record = {
            "problem": training.name,
            "study_trial": trial.number,
            "seed": seed,
            "params": trial.params,
            "epochs": settings.epochs,
            "examples": len(whole.part),
            "parameters": training.count(params),
            "values": trial.values,
            "load": [
                "from qhpo_problems.training.fit.models import load_model",
                f"model = load_model({str(folder)!r})",
            ],
        }
        (folder / "model.json").write_text(json.dumps(record, indent=2) + "\n")
        return {
            "trained on": f"{len(whole.part)} examples",
            "epochs": settings.epochs,
            "parameters": record["parameters"],
            "load it by": "; ".join(record["load"]),
        }

    def build(self, params: Params, seed: int) -> nn.Module:
        """The untrained model of a configuration.

        Args:
            params: All that a trial has, those of its training too.
            seed: Of the data, which a model may be scaled by.
        """
        own = {name: params[name] for name in self.training.space if name in params}
        return self.training.prepare(seed)(own).whole.build()


class _Count:
    """Trainable numbers of the network, from values of ``sized_by``, in that order."""

    def __init__(self, training: Training) -> None:
        self._count, self._names = training.count, training.sized_by
        # The others have none: any value of theirs will do.
        self._any = {name: _first(distribution) for name, distribution in training.space.items()}

    def __call__(self, *values: Any) -> int:
        return self._count(self._any | dict(zip(self._names, values, strict=True)))


def _first(distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    return distribution.low  # type: ignore[attr-defined]
