"""A sweep file as what it asks for."""

from __future__ import annotations

import importlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from optuna.distributions import BaseDistribution

from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.problem import Direction, Objective, Problem
from qhpo.program import Bound, ProgramSpec
from qhpo.space import Axis
from qhpo.sweep.bands import BandPruner, read_bands
from qhpo.sweep.command import Command, read_command
from qhpo.sweep.conditions import read_conditions
from qhpo.sweep.expression import Vocabulary
from qhpo.sweep.function import FunctionObjective, is_function, load_function
from qhpo.sweep.keys import (
    among,
    below,
    check_keys,
    fail,
    mapping,
    number,
    shown,
    text,
    whole,
)
from qhpo.sweep.parameters import Parameters, read_parameters
from qhpo.sweep.rules import compile_rule
from qhpo.sweep.settings import Settings, read_settings
from qhpo.sweep.text import read_document

__all__ = ["Metric", "Sweep", "load_sweep"]

_logger = logging.getLogger("qhpo")

Method = Literal["qubo", "random", "grid"]

_METHODS: Mapping[str, Method] = {"bayes": "qubo", "random": "random", "grid": "grid"}
"""Names of W&B and what `qhpo run --sampler` calls them."""

_KEYS = (
    "program",
    "command",
    "method",
    "metric",
    "parameters",
    "conditions",
    "constraints",
    "early_terminate",
    "run_cap",
    "name",
    "description",
    "qhpo",
    "project",
    "entity",
    "controller",
    "apiVersion",
    "kind",
)

_ELSEWHERE = {
    "project": "names where W&B keeps runs",
    "entity": "names where W&B keeps runs",
    "controller": "says where W&B suggests parameters",
}
"""Keys that mean something to W&B and nothing here. The file runs all the same."""

_UNSUPPORTED = {
    "job": "starts a W&B Launch job, which qhpo does not; write program or command",
    "image_uri": "starts a container by W&B Launch, which qhpo does not; write command",
    "scheduler": "names a scheduler of W&B; remove it, and say the method: bayes, random or grid",
    "metrics": "asks for several objectives, and a file has one here; write metric, and bounds of "
    "the others under constraints: {metric: ..., max: ...}",
}
"""Keys that W&B knows and that cannot be left out of account."""

_METRIC_KEYS = ("name", "goal", "target", "impute", "impute_while_running")
_MEASURED_KEYS = ("metric", "min", "max")


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
        conditions: Enabling values by parent, by child, as `qhpo.QUBOSampler` takes them.
        constraints: What every configuration must keep.
        measured: Bounds of what only running the program tells.
        bands: The pruner of ``early_terminate``.
        run_cap: Most runs in total.
        settings: What stands under ``qhpo``.
        notes: What has an effect in W&B and none here, and the like.
    """

    path: Path
    name: str
    description: str
    method: Method
    metric: Metric
    program: str | None
    command: Command | None
    parameters: Parameters
    conditions: Mapping[str, Mapping[str, Sequence[Any]]] = field(hash=False)
    constraints: tuple[Constraint, ...]
    measured: Mapping[str, Bound] = field(hash=False)
    bands: BandPruner | None
    run_cap: int | None
    settings: Settings
    notes: tuple[str, ...]

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
        """Finished trials that the study should have; None if the file does not say."""
        return self.run_cap if self.settings.trials is None else self.settings.trials

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
            program.retries,
            program.folder,
            program.environment,
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
        )


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
            function = load_function(sweep.program)
            return FunctionObjective(
                function,
                sweep.handed,
                sweep.metric.name,
                sweep.search_space,
                sweep.conditions,
                sweep.measured,
            )
        program = importlib.import_module("qhpo.program")
        objective: Objective = program.objective(sweep.spec(), sweep.search_space, sweep.conditions)
        return objective


def load_sweep(path: str | Path) -> Sweep:
    """What a sweep file asks for: YAML, TOML or JSON in the form of Weights & Biases.

    What has an effect in W&B and none here is logged.

    Args:
        path: The file.

    Raises:
        QhpoError: If something in it is wrong; names the file, the key, the rule, and the fix.
    """
    file = Path(path)
    try:
        sweep = _read(file, read_document(file))
    except QhpoError as error:
        raise QhpoError(f"{file}: {error}") from error
    for note in sweep.notes:
        _logger.warning("%s: %s", file, note)
    return sweep


def _read(path: Path, spec: dict[str, Any]) -> Sweep:
    for key, why in _UNSUPPORTED.items():
        if key in spec:
            raise QhpoError(f"{key} {why}; got {shown(spec[key])}")
    check_keys(spec, "", _KEYS)
    notes = [
        f"{key} {why}; it has no effect here" for key, why in _ELSEWHERE.items() if key in spec
    ]
    if "kind" in spec:
        among(spec["kind"], "kind", ("sweep",))
    name = text(spec["name"], "name") if "name" in spec else path.stem
    method = _METHODS[among(spec.get("method", "bayes"), "method", tuple(_METHODS))]
    metric = _metric(spec.get("metric"), notes)
    if "parameters" not in spec:
        raise QhpoError("a sweep file must have parameters; got none; write them, see `qhpo init`")
    parameters = read_parameters(spec["parameters"])
    notes += parameters.notes
    vocabulary = Vocabulary(parameters.search_space, parameters.constants, parameters.structures)
    conditions = read_conditions(spec.get("conditions"), parameters, vocabulary)
    rules, measured = _rules(spec.get("constraints"), vocabulary, conditions)
    settings = read_settings(spec.get("qhpo"), (metric.name, *measured))
    run_cap = whole(spec["run_cap"], "run_cap", least=1) if "run_cap" in spec else None
    if run_cap is not None and (settings.trials or 0) > run_cap:
        fail("qhpo.trials", f"must be at most run_cap, {run_cap}", settings.trials, "lower it")
    bands = read_bands(spec.get("early_terminate"), notes)
    if bands is not None and settings.pruner is not None:
        fail("qhpo.pruner", "must be the only pruner", settings.pruner, "drop early_terminate")
    program, command = _program(spec, settings, notes)
    if command is None and (bands is not None or settings.pruner not in (None, "none")):
        notes.append("a Python function reports nothing before its end; no trial is pruned")
    constraints = (*parameters.constraints, *rules)
    if method == "random" and constraints:
        notes.append(
            "method random knows no rules: a configuration that breaks one is not run, and counts "
            "as a trial that was pruned; bayes and grid suggest none"
        )
    sweep = Sweep(
        path,
        name,
        " ".join(text(spec["description"], "description").split())
        if spec.get("description")
        else "",
        method,
        metric,
        program,
        command,
        parameters,
        conditions,
        constraints,
        measured,
        bands,
        run_cap,
        settings,
        tuple(notes),
    )
    _check_grid(sweep)
    return sweep


def _metric(value: object, notes: list[str]) -> Metric:
    if value is None:
        raise QhpoError(
            "metric must say what is optimized; got none; write metric: {name: loss, goal: "
            "minimize}"
        )
    spec = mapping(value, "metric")
    check_keys(spec, "metric", _METRIC_KEYS)
    if "name" not in spec:
        raise QhpoError("metric must have a name; got none; write name: loss")
    goal = among(spec.get("goal", "minimize"), "metric.goal", ("minimize", "maximize"))
    target = float(number(spec["target"], "metric.target")) if "target" in spec else None
    notes += [
        f"metric.{key} says what W&B takes for the value of a run without one; it has no effect "
        "here: the sampler learns where trials fail"
        for key in _METRIC_KEYS[3:]
        if key in spec
    ]
    return Metric(text(spec["name"], "metric.name"), cast(Direction, goal), target)


def _rules(
    value: object, vocabulary: Vocabulary, conditions: Mapping[str, Any]
) -> tuple[list[Constraint], dict[str, Bound]]:
    if value is None:
        return [], {}
    if not isinstance(value, list):
        fail("constraints", "must be a list", value, 'write - "width_2 <= width_1"')
    rules: list[Constraint] = []
    measured: dict[str, Bound] = {}
    for i, each in enumerate(value):
        where = f"constraints[{i}]"
        if not isinstance(each, Mapping):
            rules += compile_rule(each, where, vocabulary, conditions)
            continue
        spec = mapping(each, where)
        check_keys(spec, where, _MEASURED_KEYS)
        if "metric" not in spec or len(spec) < 2:
            fail(
                where,
                "must name a metric with min or max, or be an expression",
                spec,
                "write {metric: memory_mb, max: 4000}",
            )
        name = text(spec["metric"], below(where, "metric"))
        if name in measured:
            fail(where, "must bound each metric once", name, "write min and max together")
        low, high = (
            float(number(spec[key], below(where, key))) if key in spec else None
            for key in ("min", "max")
        )
        if low is not None and high is not None and low > high:
            fail(where, "must have a min that is at most its max", (low, high), "swap them")
        measured[name] = Bound(low, high)
    return rules, measured


def _program(
    spec: Mapping[str, Any], settings: Settings, notes: list[str]
) -> tuple[str | None, Command | None]:
    program = text(spec["program"], "program") if "program" in spec else None
    if program is None and "command" not in spec:
        raise QhpoError(
            "a sweep file must say what is run; got neither program nor command; write "
            "`program: train.py`"
        )
    if program is not None and "command" not in spec and is_function(program):
        return program, None
    command = read_command(spec.get("command"), program, settings.program.folder)
    if "command" not in spec and program is not None and not program.endswith(".py"):
        notes.append(
            f"without a command {program} is started by python; write command: [{program}, "
            '"${args}"] if it is another language'
        )
    if not any(element.startswith("${args") for element in command.elements):
        notes.append(
            "the command has none of the macros ${args}, ${args_json} and their like: the program "
            "gets no parameters by its command line"
        )
    return program, command


def _check_grid(sweep: Sweep) -> None:
    """A grid has all combinations of the values of all parameters."""
    if sweep.method != "grid":
        return
    for name, distribution in sweep.search_space.items():
        if math.isinf(Axis.from_distribution(name, distribution).n_values):
            raise QhpoError(
                f"method grid needs parameters of finitely many values; got {name} with "
                f"{distribution}; give it values, or q_uniform"
            )
