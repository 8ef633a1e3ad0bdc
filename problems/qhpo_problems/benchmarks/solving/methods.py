"""The solvers that are compared: the registered ones that run on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from qhpo.solvers import Solver, SolverInfo, describe_solvers, make_solver

__all__ = ["BASELINE", "MakeSolver", "default_names", "methods"]

MakeSolver = Callable[[], Solver]
"""Worker processes import it by name, so it is a function of a module, or a `functools.partial` of
one."""

BASELINE = "descent"
"""Stands in every comparison."""


def methods() -> Mapping[str, MakeSolver]:
    """Name that the user types -> what makes the solver; one for each of its encodings.

    Solvers that cost something, and those whose packages are missing, are left out.
    """
    return _of([info for info in describe_solvers() if not info.cost])


def default_names() -> tuple[str, ...]:
    """Those that take models of any size; the others refuse most of them, or take minutes."""
    return tuple(_of([info for info in describe_solvers() if not info.cost and not info.limits]))


def _of(infos: Sequence[SolverInfo]) -> Mapping[str, MakeSolver]:
    found: dict[str, MakeSolver] = {}
    for info in infos:
        if info.missing_packages():
            continue
        for encoding in info.encodings:
            found[f"{info.name}:{encoding}"] = partial(make_solver, info.name, encoding=encoding)
        if not info.encodings:
            found[info.name] = partial(make_solver, info.name)
    return {BASELINE: found.pop(BASELINE), **found}
