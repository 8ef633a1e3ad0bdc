"""Sweep files to sweeps: every key checked, what has no effect here said once."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from optuna.distributions import BaseDistribution

from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.problem import Direction
from qhpo.program import Bound
from qhpo.space import Axis
from qhpo.surrogate.sources import BelievedGood
from qhpo.sweep.bands import read_bands
from qhpo.sweep.command import Command, read_command
from qhpo.sweep.conditions import read_conditions
from qhpo.sweep.expression import Vocabulary
from qhpo.sweep.function import is_function
from qhpo.sweep.keys import among, below, check_keys, fail, mapping, number, shown, text, whole
from qhpo.sweep.parameters import read_parameters
from qhpo.sweep.rules import compile_rule
from qhpo.sweep.settings import Settings, read_settings
from qhpo.sweep.sweep import Method, Metric, Sweep
from qhpo.sweep.text import read_document

__all__ = ["load_sweep", "sweep_of"]

_logger = logging.getLogger("qhpo")

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


def sweep_of(source: Mapping[str, Any]) -> Sweep:
    """What a sweep file asked for, by what `Sweep.problem` says that it was made of.

    Raises:
        QhpoError: If this version does not take it any more.
    """
    return _read(Path(source["file"]), dict(source["sweep"]))


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
    if settings.believed_good is not None:
        _check_believed(settings.believed_good, parameters.search_space)
    run_cap = whole(spec["run_cap"], "run_cap", least=1) if "run_cap" in spec else None
    if run_cap is not None and (settings.trials or 0) > run_cap:
        fail("qhpo.trials", f"must be at most run_cap, {run_cap}", settings.trials, "lower it")
    bands = read_bands(spec.get("early_terminate"), notes)
    if bands is not None and settings.pruner is not None:
        fail("qhpo.pruner", "must be the only pruner", settings.pruner, "drop early_terminate")
    program, command = _program(spec, settings, notes)
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
        spec,
    )
    _check_grid(sweep)
    return sweep


def _check_believed(good: object, search_space: Mapping[str, BaseDistribution]) -> None:
    try:
        BelievedGood(good, search_space)
    except QhpoError as error:
        raise QhpoError(f"qhpo.believed_good: {error}; correct it") from error


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
    if not command.has_parameters:
        notes.append(
            "the command has none of the macros ${args}, ${args_json} and their like: the program "
            "gets its parameters as variables only, QHPO_PARAMS (JSON) and one each"
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
