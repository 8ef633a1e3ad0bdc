"""What `qhpo run` can tune: a named objective with a direction, found through entry points."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Literal

import optuna

from qhpo.errors import MissingExtraError, QhpoError

__all__ = ["Objective", "Problem", "load_problem", "load_problems"]

Objective = Callable[[optuna.Trial], float]

_GROUP = "qhpo.problems"


@dataclass(frozen=True)
class Problem:
    """A task to tune, light enough to be listed without importing what it needs to run.

    Attributes:
        name: What the user types, such as ``"cnn-digits"``.
        summary: One line for `qhpo problems`.
        direction: Whether smaller or larger objective values are better.
        make_objective: Takes a seed, returns the objective. Heavy imports and data loading belong
            here. The same seed gives the same data split and the same training.
        packages: Import names that ``make_objective`` needs, such as ``("torch", "sklearn")``.
        extra: The extra of the distribution that brings those packages.
    """

    name: str
    summary: str
    direction: Literal["minimize", "maximize"]
    make_objective: Callable[[int], Objective]
    packages: tuple[str, ...] = ()
    extra: str = ""

    def missing_packages(self) -> tuple[str, ...]:
        """Import names that this problem needs and this environment lacks."""
        return tuple(name for name in self.packages if importlib.util.find_spec(name) is None)

    def objective(self, seed: int) -> Objective:
        """The objective, ready for ``study.optimize``.

        Raises:
            MissingExtraError: If a package it needs is not installed.
        """
        for package in self.missing_packages():
            raise MissingExtraError(f"the problem {self.name}", package, self.extra)
        return self.make_objective(seed)


def load_problems() -> dict[str, Problem]:
    """All installed problems by name, sorted; from the entry-point group ``qhpo.problems``."""
    return {point.name: point.load() for point in sorted(entry_points(group=_GROUP))}


def load_problem(name: str) -> Problem:
    """The problem of that name.

    Raises:
        QhpoError: If no installed package provides it.
    """
    for point in entry_points(group=_GROUP, name=name):
        problem: Problem = point.load()
        return problem
    known = ", ".join(sorted(point.name for point in entry_points(group=_GROUP))) or "none"
    raise QhpoError(f"a problem must be one of: {known}; got {name!r}; see `qhpo problems`")
