"""What `qhpo run` can tune: a named objective with a direction, found through entry points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import BaseTrial, FrozenTrial

from qhpo.constraints import Constraint, relation
from qhpo.errors import MissingExtraError, QhpoError
from qhpo.plugins import Plugins, missing_packages
from qhpo.space import Axis, declared_conditions, parents_first

__all__ = [
    "CHECKPOINTS",
    "DEFAULTS",
    "OVER_BUDGET",
    "PROBLEMS",
    "RULED_OUT",
    "Direction",
    "Objective",
    "Problem",
    "Size",
    "Trainer",
    "load_problem",
    "suggest",
]

Direction = Literal["minimize", "maximize"]

Objective = Callable[[optuna.Trial], float | Sequence[float]]
"""Takes a trial, returns its value, or its values if there are several objectives."""

Trainer = Callable[[FrozenTrial, int, Path], Mapping[str, Any]]
"""Takes a trial, the study's seed and a folder. Trains the configuration of the trial on all data,
keeps the model in the folder and returns what is to be said of it, by name."""

CHECKPOINTS = "qhpo:checkpoints"
"""User attribute of a study: the folder in which objectives keep what they have trained."""

OVER_BUDGET = "over_budget"
"""User attribute of a trial that was not trained: the trainable parameters of its model."""

_RULE_LENGTH = 300
"""Characters of a constraint that a trial keeps: it is read on one line, and databases of older
schemas hold 2,046 after every character that is not ASCII has become six."""

RULED_OUT = "ruled_out"
"""User attribute of a trial that was not run: the constraint that its configuration breaks."""

DEFAULTS = (
    "sampler",
    "solver",
    "encoding",
    "surrogate",
    "n_startup_trials",
    "noisy",
    "qpu_seconds",
    "max_calls",
    "batch_size",
    "prior_studies",
    "believed_good",
    "seed",
    "pruner",
    "trials",
    "timeout",
    "retries",
    "target",
)
"""Settings that a problem may bring: options of `qhpo run`, or arguments of `QUBOSampler`."""


@dataclass(frozen=True)
class Size:
    """How large the model of a configuration is, which `qhpo run --max-params` bounds.

    Attributes:
        names: The parameters of the search space that decide it, each with finitely many values.
        count: Takes their values, in that order, and returns the number of the model's trainable
            parameters. It is called for every combination, so it should not build the model.
    """

    names: tuple[str, ...]
    count: Callable[..., int]

    def of(self, params: Mapping[str, Any]) -> int:
        """Trainable parameters of a configuration's model; 0 where one of the names is inactive."""
        if any(name not in params for name in self.names):
            return 0
        return self.count(*(params[name] for name in self.names))


@dataclass(frozen=True)
class Problem:
    """A task to tune, light enough to be listed without importing what it needs to run.

    Attributes:
        name: What the user types, such as ``"cnn-digits"``.
        summary: One line for `qhpo problems`.
        direction: Whether smaller or larger objective values are better; of several objectives by
            their names, in the order in which the objective returns their values.
        make_objective: Takes a seed, returns the objective. Heavy imports and data loading belong
            here. The same seed gives the same data split and the same training.
        packages: Import names that ``make_objective`` needs, such as ``("torch", "sklearn")``.
        extra: The extra of the distribution that brings those packages.
        search_space: What every trial asks for: distributions by parameter name, in the order in
            which the objective asks, best by `suggest`. None if trials differ in that.
        size: How large the models are; needs ``search_space``. None if nothing is to be bounded.
        constraints: What every trial must keep; they need ``search_space``.
        conditions: Which parameters exist only under some values of others, as `QUBOSampler` takes
            them; they need ``search_space``.
        ignored_unless: Parameters that every trial asks for, and that have an effect only where
            others have one of these values; `qhpo show` leaves them out elsewhere.
        train: What `qhpo train` calls to make a model of the chosen configuration. None if only the
            objective can be run with it once more.
        command: The command line of a configuration, where the task is a program.
        defaults: How `qhpo run` searches where its options do not say otherwise, by the names of
            `DEFAULTS`: those of the options, and the arguments of `QUBOSampler` that have none.
            ``pruner`` is a name or an Optuna pruner, ``trials`` the total of the study, ``timeout``
            the seconds after which no trial is started, ``retries`` the further attempts at a
            configuration that failed, ``target`` a value that is good enough: no trial starts after
            one has reached it.
        source: What the task was made of, as plain values, where no package brings it: a sweep
            file. Its studies keep that.

    Raises:
        QhpoError: If the size depends on a parameter that the search space does not have, or a
            default is none of `DEFAULTS`.
    """

    name: str
    summary: str
    direction: Direction | Mapping[str, Direction] = field(hash=False)
    make_objective: Callable[[int], Objective]
    packages: tuple[str, ...] = ()
    extra: str = ""
    search_space: Mapping[str, BaseDistribution] | None = field(default=None, hash=False)
    size: Size | None = None
    constraints: tuple[Constraint, ...] = ()
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)
    ignored_unless: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    train: Trainer | None = None
    command: Callable[[Mapping[str, Any]], Sequence[str]] | None = None
    source: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        space = self.search_space or {}
        for name in self.defaults:
            if name not in DEFAULTS:
                raise QhpoError(
                    f"the defaults of a problem must be among {', '.join(DEFAULTS)}; got {name!r} "
                    f"for {self.name}; rename it or leave it out"
                )
        if self.search_space is None and (self.constraints or self.conditions):
            raise QhpoError(
                f"constraints and conditions of a problem need its search_space; {self.name} has "
                "none; declare one"
            )
        unknown = [name for name in self.size.names if name not in space] if self.size else []
        if unknown:
            raise QhpoError(
                f"the size of a problem must depend on parameters of its search_space; {self.name} "
                f"names {', '.join(unknown)}; the space has: {', '.join(space) or 'none'}"
            )

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Of each objective, in order."""
        if isinstance(self.direction, str):
            return (self.direction,)
        return tuple(self.direction.values())

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the objectives if there are several, else nothing."""
        return () if isinstance(self.direction, str) else tuple(self.direction)

    def missing_packages(self) -> tuple[str, ...]:
        """Import names that this problem needs and this environment lacks."""
        return missing_packages(self.packages)

    def at_most(self, max_params: int) -> Constraint:
        """The constraint that a configuration's model has at most so many trainable parameters.

        Raises:
            QhpoError: If the problem does not say how large its models are, or all are larger.
        """
        size, space = self._size(), self.search_space or {}
        axes = [Axis.from_distribution(name, space[name]) for name in size.names]
        values = [[axis.value(c) for c in axis.every_coordinate().tolist()] for axis in axes]
        smallest = min(size.count(*each) for each in product(*values))
        if max_params < smallest:
            raise QhpoError(
                f"a budget must hold the smallest model of {self.name}, which has {smallest} "
                f"trainable parameters; got {max_params}; give {smallest} or more"
            )
        return relation(size.names, _AtMost(size.count, max_params))

    def objective(self, seed: int, max_params: int | None = None) -> Objective:
        """The objective, ready for ``study.optimize``.

        Args:
            seed: Of the data split and the training.
            max_params: A trial whose model has more trainable parameters is not trained: it is
                pruned at once, without a report, and has their number as its user attribute
                `OVER_BUDGET`. None for no such budget.

        Raises:
            MissingExtraError: If a package it needs is not installed.
            QhpoError: As `at_most`.
        """
        for package in self.missing_packages():
            raise MissingExtraError(f"the problem {self.name}", package, self.extra)
        if max_params is not None:
            self.at_most(max_params)
        objective = self.make_objective(seed)
        if max_params is None and not self.constraints:
            return objective
        return self._kept(objective, max_params)

    def _kept(self, objective: Objective, max_params: int | None) -> Objective:
        """The objective, run only for configurations that keep the rules."""
        space = self.search_space or {}

        def kept(trial: optuna.Trial) -> float | Sequence[float]:
            # All of the configuration is asked for, so that the pruned trial shows it and samplers
            # that draw one parameter after another draw the same as without a rule.
            params = suggest(trial, space, self.conditions)
            n = None if max_params is None else self._size().of(params)
            if n is not None and max_params is not None and n > max_params:
                trial.set_user_attr(OVER_BUDGET, n)
                raise optuna.TrialPruned(f"{n} trainable parameters; the budget is {max_params}")
            for constraint in self.constraints:
                if not constraint.satisfied(params):
                    trial.set_user_attr(RULED_OUT, str(constraint)[:_RULE_LENGTH])
                    raise optuna.TrialPruned(f"{constraint} does not hold")
            return objective(trial)

        return kept

    def _size(self) -> Size:
        if self.size is None:
            raise QhpoError(
                f"a size budget needs a problem that says how large its models are; {self.name} "
                "does not; leave the budget out"
            )
        return self.size


@dataclass(frozen=True)
class _AtMost:
    """Whether a model is within the budget, by the parameters that decide its size."""

    count: Callable[..., int]
    max_params: int

    def __call__(self, *values: Any) -> bool:
        return self.count(*values) <= self.max_params

    def __repr__(self) -> str:
        return f"at most {self.max_params} trainable parameters"


def suggest(
    trial: BaseTrial,
    search_space: Mapping[str, BaseDistribution],
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Ask a trial for every active parameter of a search space, in its order, parents first.

    Objectives that do so ask for exactly what they declare.

    Args:
        trial: The trial.
        search_space: Distributions by parameter name.
        conditions: Which parameters exist only under some values of others, as `QUBOSampler` takes
            them.

    Raises:
        QhpoError: If a distribution is none of Optuna's float, int and categorical ones, or a
            condition does not fit the search space.
    """
    known = {c.child: c for c in declared_conditions(conditions or {}, search_space)}
    params: dict[str, Any] = {}
    for name in parents_first(known, list(search_space)):
        if name not in known or known[name].is_active(params):
            params[name] = _suggest(trial, name, search_space[name])
    return params


def _suggest(trial: BaseTrial, name: str, dist: BaseDistribution) -> Any:
    if isinstance(dist, FloatDistribution):
        return trial.suggest_float(name, dist.low, dist.high, step=dist.step, log=dist.log)
    if isinstance(dist, IntDistribution):
        return trial.suggest_int(name, dist.low, dist.high, step=dist.step, log=dist.log)
    if isinstance(dist, CategoricalDistribution):
        return trial.suggest_categorical(name, dist.choices)
    raise QhpoError(
        "a parameter must have one of Optuna's float, int or categorical distributions; "
        f"got {dist!r} for the parameter {name!r}"
    )


PROBLEMS = Plugins("qhpo.problems", "problem", Problem)


def load_problem(name: str) -> Problem:
    """The problem of that name.

    Raises:
        QhpoError: If no installed package provides it, or it cannot be loaded.
    """
    return PROBLEMS.load(name)
