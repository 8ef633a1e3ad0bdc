"""`qhpo tell`: what became of a trial that `qhpo ask` gave out."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TextIO

import click
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from qhpo.cli.completion import complete_study
from qhpo.cli.interrupts import interruptible
from qhpo.cli.options import WholeNumber, examples
from qhpo.cli.storage import open_storage, readable_errors, storage_option
from qhpo.cli.stored import load_stored, trial_of
from qhpo.cli.studies import ASKED, ERROR, PRUNER, metrics
from qhpo.errors import QhpoError
from qhpo.pruners import make_pruner
from qhpo.study import measured_constraints, note_failure, set_constraint

__all__ = ["tell"]

_FIELDS = ("trial", "value", "values", "failed", "pruned", "constraints", "step")
"""What a line of standard input may have."""

_MAX_STEP = 2**31 - 1
"""The largest that every database holds."""


@dataclass(frozen=True)
class _Answer:
    """What is told of one trial.

    Attributes:
        trial: Its number.
        values: Of the objectives, in order; of a report its only one. Empty if there is none.
        failed: Whether there will be no value.
        pruned: Whether it was stopped early.
        constraints: Measured constraints by name, kept where they are at most 0.
        step: The values are a report at this step, and the trial goes on; None if it ends.
    """

    trial: int
    values: tuple[float, ...] = ()
    failed: bool = False
    pruned: bool = False
    constraints: Mapping[str, float] = field(default_factory=dict)
    step: int | None = None

    def __post_init__(self) -> None:
        if self.failed and (self.values or self.pruned or self.step is not None):
            raise QhpoError(
                f"a failed trial has no value, step or pruning; got one for trial {self.trial}; "
                "tell either that it failed or its value"
            )
        if self.step is None and self.pruned and self.values:
            raise QhpoError(
                "a pruned trial has the value of its last report; got another value for trial "
                f"{self.trial}; tell that value with a step"
            )
        if self.step is not None and len(self.values) != 1:
            raise QhpoError(
                f"a report is one value at a step; got {len(self.values)} values for step "
                f"{self.step} of trial {self.trial}; give one"
            )
        if not (self.values or self.failed or self.pruned):
            raise QhpoError(
                f"of a trial its value must be told, or that it failed or was pruned; got none of "
                f"these for trial {self.trial}"
            )
        for value in self.values:
            if math.isnan(value):
                raise QhpoError(
                    f"a value must be a number; got nan for trial {self.trial}; "
                    "tell that it failed instead"
                )
        for name, amount in self.constraints.items():
            if math.isnan(amount):
                raise QhpoError(
                    f"a constraint must be a number; got nan for {name} of trial {self.trial}; "
                    "leave it out where it was not measured"
                )


@click.command(
    epilog=examples(
        "qhpo tell mine 7 --value 0.31",
        "qhpo tell mine 7 --value 0.31 --constraint memory=-2.5",
        "qhpo tell mine 7 --step 3 --value 0.4",
        "qhpo tell mine 7 --failed",
        """echo '{"trial": 7, "value": 0.31}' | qhpo tell mine""",
    )
)
@click.argument("study", shell_complete=complete_study)
@click.argument("trial", required=False, type=WholeNumber(min=0))
@click.option(
    "--value",
    "values",
    type=float,
    multiple=True,
    metavar="X",
    help="The trial's value; of several objectives once for each, in their order.",
)
@click.option("--failed", is_flag=True, help="The trial has failed: it has no value.")
@click.option("--pruned", is_flag=True, help="The trial was stopped early: its last report counts.")
@click.option(
    "--constraint",
    "constraints",
    multiple=True,
    metavar="NAME=X",
    help="A constraint that was measured, kept where X is at most 0. May be given several times.",
)
@click.option(
    "--step",
    type=WholeNumber(0, _MAX_STEP),
    metavar="N",
    help="The value is a report at this step: the trial goes on, and the answer says whether it "
    "should be pruned.",
)
@storage_option
def tell(
    study: str,
    trial: int | None,
    values: tuple[float, ...],
    failed: bool,
    pruned: bool,
    constraints: tuple[str, ...],
    step: int | None,
    storage: str,
) -> None:
    """Tell STUDY what became of a TRIAL that `qhpo ask` gave out.

    Without --value, --failed and --pruned, lines of JSON are read from standard input until it
    ends, each as soon as it is there: {"trial": 7, "value": 0.31}. Its fields are those of the
    options: "value" or "values", "failed": true, "pruned": true, "step",
    "constraints": {"memory": -2.5}.

    A report (--step) is answered by a line {"trial": 7, "step": 3, "prune": false}, by the pruner
    that `qhpo ask --pruner` has named.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    measured = dict(_measured(text) for text in constraints)
    answers: Iterator[_Answer]
    if values or failed or pruned:
        if trial is None:
            raise click.UsageError("a TRIAL must say whose value this is; got none")
        answers = iter([_Answer(trial, values, failed, pruned, measured, step)])
    elif measured or step is not None:
        raise click.UsageError("--constraint and --step belong to a --value; got none")
    else:
        answers = _lines(sys.stdin, trial)
    with interruptible() as interrupts, readable_errors(storage):
        opened: optuna.Study | None = None
        for answer in answers:
            # After the first answer: in a pipe, `qhpo ask` may be about to make the study.
            if opened is None:
                found = open_storage(storage, must_exist=True, interrupts=interrupts)
                opened = load_stored(found, study, storage)
            _tell(opened, answer)


def _measured(text: str) -> tuple[str, float]:
    name, _, amount = text.rpartition("=")
    try:
        number = float(amount)
    except ValueError:
        name, number = "", math.nan
    if not name:
        raise QhpoError(
            f"a constraint must be NAME=X with a number X, such as memory=-2.5; got {text!r}"
        )
    return name, number


def _lines(stream: TextIO, trial: int | None) -> Iterator[_Answer]:
    """The answers on standard input.

    Args:
        stream: Where they are read.
        trial: The one that lines without a number speak of.
    """
    if stream.isatty():
        raise click.UsageError(
            "a --value, --failed or --pruned must say what became of the trial, or lines of JSON "
            "on standard input; got none"
        )
    number = 0
    # Not `for line in stream`, which would wait for more than one line.
    while line := _read(stream):
        number += 1
        if line.strip():
            try:
                yield _parsed(line, trial)
            except QhpoError as error:
                raise QhpoError(f"line {number} of standard input: {error}") from error
    if number == 0:
        raise QhpoError("standard input must have a line of JSON for each trial; got nothing")


def _read(stream: TextIO) -> str:
    try:
        return stream.readline()
    except UnicodeDecodeError as error:
        raise QhpoError(
            f"standard input must be text, one line of JSON a trial; {error}"
        ) from error


def _parsed(line: str, trial: int | None) -> _Answer:
    example = '{"trial": 7, "value": 0.31}'
    try:
        found = json.loads(line)
    except ValueError as error:
        raise QhpoError(f"a line must be JSON such as {example}; {error}") from error
    if not isinstance(found, dict):
        raise QhpoError(f"a line must be a JSON object such as {example}; got {line.strip()}")
    for name in found:
        if name not in _FIELDS:
            near = get_close_matches(name, _FIELDS, n=1)
            guess = f"did you mean {near[0]!r}?" if near else f"the fields are {', '.join(_FIELDS)}"
            raise QhpoError(f"a line has no field {name!r}; {guess}")
    if "value" in found and "values" in found:
        raise QhpoError("a line must have either 'value' or 'values'; got both")
    values = [found["value"]] if "value" in found else found.get("values", [])
    constraints = found.get("constraints", {})
    for flag in ("failed", "pruned"):
        if not isinstance(found.get(flag, False), bool):
            raise QhpoError(f"{flag!r} must be true or false; got {json.dumps(found[flag])}")
    if not isinstance(values, list):
        raise QhpoError(f"'values' must be a list of numbers; got {json.dumps(values)}")
    if not isinstance(constraints, dict):
        raise QhpoError(f"'constraints' must be numbers by name; got {json.dumps(constraints)}")
    step = found.get("step")
    number = _whole("trial", found.get("trial", trial))
    return _Answer(
        number,
        tuple(_number("value", value) for value in values),
        found.get("failed", False),
        found.get("pruned", False),
        {name: _number(f"constraint {name}", amount) for name, amount in constraints.items()},
        None if step is None else _whole("step", step),
    )


def _number(what: str, value: Any) -> float:
    """A number of JSON; as a text it may also be infinite, which JSON has no number for."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise QhpoError(f"a {what} must be a number; got {json.dumps(value)}")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise QhpoError(f"a {what} must be a number; got {json.dumps(value)}") from None


def _whole(what: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_STEP:
        raise QhpoError(f"a {what} must be a whole number, 0 or more; got {json.dumps(value)}")
    return value


def _tell(study: optuna.Study, answer: _Answer) -> None:
    known = trial_of(study, answer.trial)
    if known.state != TrialState.RUNNING:
        raise QhpoError(
            f"only a running trial can be told; trial {known.number} of {study.study_name} is "
            f"{known.state.name.lower()}"
            + ("" if known.state == TrialState.WAITING else " already")
        )
    _check_fits(study, known, answer)
    trial = Trial(study, known._trial_id)
    for name, amount in answer.constraints.items():
        set_constraint(trial, name, amount)
    if answer.step is not None:
        trial.report(answer.values[0], answer.step)
        if not answer.pruned:
            pruner = make_pruner(study.user_attrs.get(PRUNER, "none"), len(study.directions))
            prune = pruner.prune(study, trial_of(study, known.number))
            reply = {"trial": known.number, "step": answer.step, "prune": bool(prune)}
            click.echo(json.dumps(reply))
            return
    for name, value in known.user_attrs.get(ASKED, {}).items():
        trial.set_user_attr(name, value)
    if answer.failed:
        trial.set_user_attr(ERROR, "told as failed")
        # Without the note it would count as cut off, and be done again.
        note_failure(study, known)
        study.tell(known.number, state=TrialState.FAIL)
    elif answer.pruned:
        study.tell(known.number, state=TrialState.PRUNED)
    else:
        study.tell(known.number, list(answer.values))


def _check_fits(study: optuna.Study, trial: FrozenTrial, answer: _Answer) -> None:
    """Raises an error for what Optuna would ignore, or give up the trial for."""
    where = f"trial {trial.number} of {study.study_name}"
    n = len(study.directions)
    if answer.step is not None:
        if n > 1:
            raise QhpoError(
                f"a report needs a study of one objective; {study.study_name} has {n}; "
                "leave the step out"
            )
        if answer.step in trial.intermediate_values:
            raise QhpoError(f"a step is told once; step {answer.step} of {where} is known already")
    elif answer.values and len(answer.values) != n:
        names = f" ({', '.join(metrics(study))})" if n > 1 else ""
        raise QhpoError(
            f"a trial must have a value for each objective; {study.study_name} has {n}{names}, "
            f"got {len(answer.values)} for trial {trial.number}"
        )
    for name in answer.constraints:
        if name in measured_constraints(trial):
            raise QhpoError(f"a constraint is told once; {name} of {where} is known already")
