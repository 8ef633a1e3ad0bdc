"""The solvers that are compared: the registered ones that run on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from qhpo.solvers import Solver, describe_solvers, make_solver

__all__ = ["BASELINE", "Contestant", "contestants"]

Contestant = Callable[[], Solver]
"""Makes a solver. Worker processes import it by name, so it is a function of a module, or a
`functools.partial` of one."""

BASELINE = "descent"
"""Stands in every comparison."""


def contestants() -> Mapping[str, Contestant]:
    """Name that the user types -> what makes the solver; one for each of its encodings.

    Solvers that cost something, and those whose packages are missing, are left out.
    """
    found: dict[str, Contestant] = {}
    for info in describe_solvers():
        if info.cost or info.missing_packages():
            continue
        for encoding in info.encodings:
            found[f"{info.name}:{encoding}"] = partial(make_solver, info.name, encoding=encoding)
        if not info.encodings:
            found[info.name] = partial(make_solver, info.name)
    return {BASELINE: found.pop(BASELINE), **found}
