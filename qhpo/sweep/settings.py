"""What stands under ``qhpo:`` of a sweep file: how the search is made, how the program is run."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from re import Pattern
from types import MappingProxyType
from typing import Any

from qhpo.encoding import ENCODINGS
from qhpo.errors import QhpoError
from qhpo.program import ProgramSpec
from qhpo.program.spec import Answer
from qhpo.pruners import PRUNERS
from qhpo.solvers.registry import SOLVERS
from qhpo.surrogate.catalogue import make_fitter
from qhpo.surrogate.hyperparameters import ENSEMBLE
from qhpo.surrogate.transform import TRANSFORMS
from qhpo.sweep.keys import (
    among,
    below,
    boolean,
    check_keys,
    decimal,
    fail,
    mapping,
    number,
    shown,
    text,
    whole,
)

__all__ = ["ProgramSettings", "Settings", "read_settings"]

_MAX_SEED = 2**32 - 1
"""The largest that Optuna's own samplers take."""

_MOST = 1_000_000
"""Most trials, calls and retries: more than a study can have, so larger numbers are mistakes."""


@dataclass(frozen=True)
class ProgramSettings:
    """How the program is run.

    Attributes:
        answer: Where its values are read.
        timeout: Seconds one attempt may take; None for no limit.
        retries: Further attempts after one that failed; None leaves it to `qhpo run`.
        folder: Holds a folder for each trial.
        environment: Variables added to those of this process.
    """

    answer: Answer = "json"
    timeout: float | None = None
    retries: int | None = None
    folder: Path = ProgramSpec.folder
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Settings:
    """How the search is made. None leaves a setting to `qhpo run`.

    Attributes:
        solver: What samples the QUBO.
        encoding: How the model becomes binary.
        seed: Of the sampler.
        n_startup_trials: Trials of the first design.
        qpu_seconds: QPU access time that the study may spend.
        max_calls: Calls of the solver that the study may spend.
        batch_size: Trials that one anneal serves.
        prior_studies: Names of finished studies of the same storage that know something.
        believed_good: Values of some parameters, or several such, that are believed to be good.
        noisy: Whether the same configuration has another value the next time.
        surrogate: Model of the trials' values.
        trials: Finished trials that the study should have in the end.
        timeout: Seconds after which no trial is started.
        pruner: One of `PRUNERS`.
        program: How the program is run.
    """

    solver: str | None = None
    encoding: str | None = None
    seed: int | None = None
    n_startup_trials: int | None = None
    qpu_seconds: float | None = None
    max_calls: int | None = None
    batch_size: int | None = None
    prior_studies: tuple[str, ...] | None = None
    believed_good: Sequence[Mapping[str, Any]] | None = field(default=None, hash=False)
    noisy: bool | None = None
    surrogate: str | None = None
    trials: int | None = None
    timeout: float | None = None
    pruner: str | None = None
    program: ProgramSettings = field(default_factory=ProgramSettings)


def _solver(value: object, where: str) -> str:
    return among(value, where, SOLVERS.names())


def _encoding(value: object, where: str) -> str:
    return among(value, where, ENCODINGS)


def _surrogate(value: object, where: str) -> str:
    name = text(value, where)
    try:
        make_fitter(name, ENSEMBLE, TRANSFORMS)
    except QhpoError as error:
        raise QhpoError(f"{where}: {error}; choose one of these") from error
    return name


def _pruner(value: object, where: str) -> str:
    return among(value, where, tuple(PRUNERS))


def _seed(value: object, where: str) -> int:
    return _at_most(_count(value, where), where, _MAX_SEED)


def _count(value: object, where: str) -> int:
    return whole(value, where, least=0)


def _bounded_count(value: object, where: str) -> int:
    return _at_most(_count(value, where), where, _MOST)


def _trials(value: object, where: str) -> int:
    return _at_most(whole(value, where, least=1), where, _MOST)


def _at_most(value: int, where: str, most: int) -> int:
    if value > most:
        fail(where, f"must be at most {most}", value, "write a smaller number")
    return value


def _seconds(value: object, where: str) -> float:
    return decimal(value, where, above=0.0)


def _budget(value: object, where: str) -> float:
    if number(value, where) < 0:
        fail(where, "must be 0 or more", value, "write a larger number")
    return float(number(value, where))


def _names(value: object, where: str) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not names:
        fail(where, "must be a list of names of studies", value, "write at least one")
    return tuple(text(name, f"{where}[{i}]") for i, name in enumerate(names))


def _good(value: object, where: str) -> tuple[Mapping[str, Any], ...]:
    several = [value] if isinstance(value, Mapping) else value
    if not isinstance(several, Sequence) or isinstance(several, str) or not several:
        fail(where, "must be values by parameter, or a list of such", value, "write them")
    found = tuple(mapping(one, f"{where}[{i}]") for i, one in enumerate(several))
    for one in found:
        if not one:
            fail(where, "must name a parameter", one, "leave it out")
    return found


_READERS: Mapping[str, Callable[[object, str], Any]] = MappingProxyType(
    {
        "solver": _solver,
        "encoding": _encoding,
        "seed": _seed,
        "n_startup_trials": _bounded_count,
        "qpu_seconds": _budget,
        "max_calls": _bounded_count,
        "batch_size": _trials,
        "prior_studies": _names,
        "believed_good": _good,
        "noisy": boolean,
        "surrogate": _surrogate,
        "trials": _trials,
        "timeout": _seconds,
        "pruner": _pruner,
    }
)


def read_settings(value: object, groups: tuple[str, ...]) -> Settings:
    """The settings of a file.

    Args:
        value: What stands under ``qhpo``; None for nothing.
        groups: What a regular expression for the answer must find: the metric, and what else is
            bounded.

    Raises:
        QhpoError: If a key is unknown, or a value is none that it can have.
    """
    if value is None:
        return Settings()
    spec = mapping(value, "qhpo")
    check_keys(spec, "qhpo", (*_READERS, "program"))
    chosen = {
        key: read(spec[key], below("qhpo", key)) for key, read in _READERS.items() if key in spec
    }
    return Settings(**chosen, program=_program(spec.get("program"), groups))


_PROGRAM_KEYS = ("answer", "timeout", "retries", "folder", "env")


def _program(value: object, groups: tuple[str, ...]) -> ProgramSettings:
    if value is None:
        return ProgramSettings()
    where = "qhpo.program"
    spec = mapping(value, where)
    check_keys(spec, where, _PROGRAM_KEYS)
    chosen: dict[str, Any] = {}
    if "answer" in spec:
        chosen["answer"] = _answer(spec["answer"], below(where, "answer"), groups)
    if "timeout" in spec:
        chosen["timeout"] = _seconds(spec["timeout"], below(where, "timeout"))
    if "retries" in spec:
        chosen["retries"] = _bounded_count(spec["retries"], below(where, "retries"))
    if "folder" in spec:
        chosen["folder"] = Path(text(spec["folder"], below(where, "folder")))
    if "env" in spec:
        chosen["environment"] = _environment(spec["env"], below(where, "env"))
    return ProgramSettings(**chosen)


def _environment(value: object, where: str) -> dict[str, str]:
    result = {}
    for name, each in mapping(value, where).items():
        place = below(where, name)
        if not name or "=" in name or "\0" in name:
            fail(where, "must have names that an environment can have", name, "rename it")
        if isinstance(each, bool) or not isinstance(each, (str, int, float)):
            fail(place, "must be text or a number", each, "put it in quotes")
        if "\0" in str(each):
            fail(place, "must not contain a null character", each, "remove it")
        result[name] = str(each)
    return result


def _answer(value: object, where: str, groups: tuple[str, ...]) -> Answer:
    if value == "json":
        return "json"
    forms = "json, {regex: ...} or {file: ...}"
    if not isinstance(value, Mapping) or len(value) != 1:
        fail(where, f"must be {forms}", value, "write one of them")
    spec = mapping(value, where)
    check_keys(spec, where, ("regex", "file"))
    if "file" in spec:
        path = Path(text(spec["file"], below(where, "file")))
        if path.is_absolute() or os.pardir in path.parts:
            fail(
                below(where, "file"),
                "must lie in the trial's folder",
                str(path),
                "write a name, such as result.json",
            )
        return path
    return _pattern(text(spec["regex"], below(where, "regex")), below(where, "regex"), groups)


def _pattern(written: str, where: str, groups: tuple[str, ...]) -> Pattern[str]:
    try:
        pattern = re.compile(written)
    except (re.error, RecursionError, OverflowError) as error:
        raise QhpoError(
            f"{where} must be a regular expression; got {shown(written)}: {error}; correct it"
        ) from error
    for name in groups:
        if name not in pattern.groupindex:
            fix = (
                f"write (?P<{name}>...) around the number"
                if name.isidentifier()
                else "a group is named by letters, digits and _: rename the metric"
            )
            fail(where, f"must have a group named {name}", written, fix)
    return pattern
