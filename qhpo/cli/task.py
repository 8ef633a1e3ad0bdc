"""What a study tunes: a problem by its name, or a file that describes a search.

A study remembers the file's content, and what a Python program has declared, so that commands that
only read it know its ranges and its rules.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import optuna

from qhpo.errors import QhpoError
from qhpo.problem import PROBLEMS, Problem, load_problem
from qhpo.study import remember, remembered, searched_of

__all__ = [
    "PROBLEM",
    "load_task",
    "note_task",
    "sweep_path",
    "task_of",
    "tell_unknown",
    "unknown_rules",
]

PROBLEM = "qhpo:problem"
"""User attribute of a study: the name of what it tunes."""

_SUFFIXES = (".yaml", ".yml", ".toml", ".json")

_logger = logging.getLogger("qhpo")


def load_task(text: str) -> Problem:
    """The problem that a word of the command line names.

    Args:
        text: Name of an installed problem, or path of a sweep file.

    Raises:
        QhpoError: If there is neither, or it cannot be loaded.
    """
    path = sweep_path(text)
    if path is None:
        return load_problem(text)
    from qhpo.sweep import load_sweep

    return load_sweep(path).problem()


def sweep_path(text: str) -> Path | None:
    """The sweep file that a word of the command line names; None if it names a problem."""
    path = Path(text)
    is_file = path.suffix.lower() in _SUFFIXES or path.is_file()
    # A file that happens to have the name of a problem does not hide it.
    return path if is_file and text not in PROBLEMS.names() else None


def note_task(study: optuna.Study, problem: Problem) -> None:
    """Keeps in a study what it is searched with from now on, and says what has changed.

    A problem that a package brings is known by its name.
    """
    known = remembered(study)
    if known is not None and problem.search_space is not None:
        before = _made_of(study, known)
        changes = [] if before is None else list(_changes(before, problem))
        if changes:
            _logger.warning(
                "%s goes on with other ranges or rules than before: %s",
                study.study_name,
                "; ".join(changes),
            )
    remember(study, problem.source or None)


def task_of(study: optuna.Study) -> Problem | None:
    """What a study was last searched with, as far as that is known.

    Returns:
        The problem: of the sweep file, of the installed package, or what a Python program has
        declared, which cannot be run from here. None if nobody has said anything.
    """
    known = remembered(study)
    if known is not None:
        return _made_of(study, known)
    name = study.user_attrs.get(PROBLEM)
    if name is None or name not in PROBLEMS.names():
        return None
    try:
        return load_problem(str(name))
    except QhpoError as error:
        _logger.warning("the rules of %s are not known: %s", study.study_name, error)
        return None


def unknown_rules(study: optuna.Study) -> list[str]:
    """Rules of a study that only the program knows that has declared them, as they are shown."""
    known = remembered(study) or {}
    return list(known.get("declared", {}).get("unknown", []))


def tell_unknown(study: optuna.Study) -> None:
    """Says which rules those are."""
    for rule in unknown_rules(study):
        click.echo(
            f"qhpo: the rule {rule} of {study.study_name} is a Python function and is not known "
            "here",
            err=True,
        )


def _made_of(study: optuna.Study, known: dict[str, Any]) -> Problem | None:
    """The problem that was remembered; None, which is said, if this version cannot read it."""
    try:
        if "sweep" in known:
            from qhpo.sweep import sweep_of

            return sweep_of(known).problem()
        searched = searched_of(known["declared"])
    except (QhpoError, KeyError, TypeError) as error:
        _logger.warning("the rules of %s cannot be read: %s", study.study_name, error)
        return None
    rules: dict[str, Any] = {
        "source": known,
        "search_space": searched.search_space,
        "constraints": searched.constraints,
        "conditions": searched.conditions,
    }
    name = study.user_attrs.get(PROBLEM)
    if name in PROBLEMS.names():
        # A program has gone on with a study of `qhpo run`; of its space nobody knows the sizes.
        return replace(load_problem(str(name)), size=None, **rules)
    goals = [direction.name.lower() for direction in study.directions]
    numbered = {str(i): goal for i, goal in enumerate(goals)}
    direction: Any = goals[0] if len(goals) == 1 else numbered
    return Problem(study.study_name, "", direction, _outside, **rules)


def _outside(seed: int) -> Any:
    raise QhpoError(
        "the objective of a study that a Python program made is in that program; run it there"
    )


def _changes(before: Problem, now: Problem) -> Iterator[str]:
    """What is new of the ranges and rules of a study."""
    old, new = before.search_space or {}, now.search_space or {}
    for name in dict.fromkeys([*old, *new]):
        if name not in new:
            yield f"{name} is gone"
        elif name not in old:
            yield f"{name} is new"
        elif old[name] != new[name]:
            yield f"{name} had {old[name]}, and has {new[name]}"
    rules = [repr(rule) for rule in before.constraints], [repr(rule) for rule in now.constraints]
    yield from (f"the rule {rule} is gone" for rule in rules[0] if rule not in rules[1])
    yield from (f"the rule {rule} is new" for rule in rules[1] if rule not in rules[0])
    for name in dict.fromkeys([*before.conditions, *now.conditions]):
        if before.conditions.get(name) != now.conditions.get(name):
            yield f"{name} exists under another condition"
