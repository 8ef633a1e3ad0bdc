"""A sweep file as what it asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from optuna.distributions import BaseDistribution

from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.problem import DEFAULTS, Direction, Objective, Problem
from qhpo.program import Bound, ProgramSpec, objective, objective_of_callable
from qhpo.space import Axis, Between
from qhpo.sweep.bands import BandPruner
from qhpo.sweep.command import Command
from qhpo.sweep.function import load_function
from qhpo.sweep.parameters import Parameters
from qhpo.sweep.settings import Settings

__all__ = ["Method", "Metric", "Sweep"]

Method = Literal["qubo", "random", "grid"]

_MOST_OF_GRID = 10_000
"""Most configurations of a grid that are tried where nobody says how many: it keeps all of them in
memory."""


@dataclass(frozen=True)
class Metric:
    """What is optimized.

    Attributes:
        name: Key of the value in the program's answer.
        direction: Whether smaller or larger values are better.
        target: A value that is good enough: no trial starts after one has reached it.
    """

    name: str
    direction: Direction
    target: float | None = None


@dataclass(frozen=True)
class Sweep:
    """What a sweep file asks for.

    Attributes:
        path: The file.
        name: Of the study: ``name``, or the file's name without its ending.
        description: What the file says of itself.
        method: What suggests configurations.
        metric: What is optimized.
        program: ``program``; None if the command line says it all.
        command: The command line; None for a Python function.
        parameters: What is searched, what is constant, how it is handed over.
        conditions: Enabling values or limits by parent, by child, as `qhpo.QUBOSampler` takes
            them.
        constraints: What every configuration must keep.
        measured: Bounds of what only running the program tells.
        bands: The pruner of ``early_terminate``.
        run_cap: Most runs in total.
        settings: What stands under ``qhpo``.
        notes: What has an effect in W&B and none here, and the like.
        document: What the file holds, plain values by key.
    """

    path: Path
    name: str
    description: str
    method: Method
    metric: Metric
    program: str | None
    command: Command | None
    parameters: Parameters
    conditions: Mapping[str, Mapping[str, Sequence[Any] | Between]] = field(hash=False)
    constraints: tuple[Constraint, ...]
    measured: Mapping[str, Bound] = field(hash=False)
    bands: BandPruner | None
    run_cap: int | None
    settings: Settings
    notes: tuple[str, ...]
    document: Mapping[str, Any] = field(hash=False)

    @property
    def search_space(self) -> Mapping[str, BaseDistribution]:
        """Distributions by parameter name, in the order of the file."""
        return self.parameters.search_space

    @property
    def constants(self) -> Mapping[str, Any]:
        """Values of the constant parameters by name."""
        return self.parameters.constants

    @property
    def trials(self) -> int | None:
        """Finished trials that the study should have; None if the file does not say.

        A grid ends with its last configuration.
        """
        if self.settings.trials is not None or self.run_cap is not None:
            return self.settings.trials or self.run_cap
        if self.method != "grid":
            return None
        axes = [Axis.from_distribution(n, d) for n, d in self.search_space.items()]
        return int(min(math.prod(axis.n_values for axis in axes), _MOST_OF_GRID))

    @property
    def defaults(self) -> dict[str, Any]:
        """How `qhpo run` searches where its options do not say otherwise, see `Problem`."""
        settings = self.settings
        chosen = {name: getattr(settings, name) for name in DEFAULTS if hasattr(settings, name)}
        chosen |= {"sampler": self.method, "trials": self.trials, "target": self.metric.target}
        chosen["retries"] = settings.program.retries
        if self.bands is not None:
            chosen["pruner"] = self.bands
        return {name: value for name, value in chosen.items() if value is not None}

    def handed(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What the program gets for the parameters of a trial, see `Parameters.handed`."""
        return self.parameters.handed(params)

    def argv(self, params: Mapping[str, Any]) -> list[str]:
        """The command line for the parameters of a trial; writes nothing.

        Args:
            params: Values of the active parameters by name.

        Raises:
            QhpoError: If the program is a Python function, or an environment variable is missing.
        """
        if self.command is None:
            raise QhpoError(
                f"a command line needs a program that is started; {self.name} calls the function "
                f"{self.program}"
            )
        return self.command.argv(self.handed(params))

    def spec(self) -> ProgramSpec:
        """The program as `qhpo.program` runs it.

        Raises:
            QhpoError: If the program is a Python function.
        """
        if self.command is None:
            self.argv({})
        program = self.settings.program
        return ProgramSpec(
            _Started(self),
            self.metric.name,
            program.answer,
            self.measured,
            program.timeout,
            program.folder,
            program.environment,
            self.handed,
        )

    def problem(self) -> Problem:
        """The file as a problem that `qhpo run` tunes."""
        what = self.program or " ".join(self.command.elements if self.command else ())
        return Problem(
            self.name,
            self.description or f"{what}, by {self.path.name}",
            self.metric.direction,
            _Objective(self),
            search_space=self.search_space,
            constraints=self.constraints,
            conditions=self.conditions,
            defaults=self.defaults,
            command=None if self.command is None else self.argv,
            source={"file": str(self.path), "sweep": _without_values_of_variables(self.document)},
        )


def _without_values_of_variables(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without what may be secret, for a study that others can read."""
    kept = dict(document)
    settings = dict(kept.get("qhpo") or {})
    program = dict(settings.get("program") or {})
    if program.get("env"):
        program["env"] = dict.fromkeys(program["env"], "")
        kept["qhpo"] = {**settings, "program": program}
    return kept


@dataclass(frozen=True)
class _Started:
    """Parameters to a command line, once what it names is written."""

    sweep: Sweep

    def __call__(self, params: Mapping[str, Any]) -> list[str]:
        command = self.sweep.command
        assert command is not None
        handed = self.sweep.handed(params)
        command.write(handed)
        return command.argv(handed)


@dataclass(frozen=True)
class _Objective:
    """Makes the objective; the seed is the sampler's, a program has its own."""

    sweep: Sweep

    def __call__(self, seed: int) -> Objective:
        sweep = self.sweep
        if sweep.command is None:
            assert sweep.program is not None
            return objective_of_callable(
                load_function(sweep.program),
                sweep.metric.name,
                sweep.search_space,
                sweep.conditions,
                sweep.measured,
                sweep.handed,
            )
        return objective(sweep.spec(), sweep.search_space, sweep.conditions)
