"""The solvers that a name stands for."""

from __future__ import annotations

import difflib

import dimod

from qhpo.errors import MissingExtraError, SolverError
from qhpo.solvers.base import Solver, SolverInfo
from qhpo.solvers.binary import BinarySolver, neal
from qhpo.solvers.exact import MAX_CONFIGURATIONS, ExactSolver

__all__ = ["describe_solvers", "make_solver", "solver_names"]

_SOLVERS = (
    SolverInfo("neal", "simulated annealing on the one-hot QUBO (the default)", neal),
    SolverInfo(
        "exact",
        f"every configuration in turn, up to {MAX_CONFIGURATIONS:,} of them",
        ExactSolver,
    ),
)


def describe_solvers() -> list[SolverInfo]:
    """All registered solvers."""
    return list(_SOLVERS)


def solver_names() -> tuple[str, ...]:
    """Names of all registered solvers."""
    return tuple(info.name for info in _SOLVERS)


def make_solver(solver: str | dimod.Sampler) -> Solver:
    """The solver of a name, or around a sampler object.

    Args:
        solver: A registered name, or any sampler of binary quadratic models.

    Raises:
        SolverError: If the name is not registered, or the object is no sampler.
        MissingExtraError: If the solver needs a package that is not installed.
    """
    if isinstance(solver, dimod.Sampler):
        return BinarySolver.wrap(solver)
    if not isinstance(solver, str):
        raise SolverError(
            "a solver must be the name of a registered solver or a dimod.Sampler; "
            f"got {solver!r}; names: {', '.join(solver_names())}"
        )
    for info in _SOLVERS:
        if info.name == solver:
            for package in info.missing_packages():
                raise MissingExtraError(f"the solver {solver}", package, info.extra)
            return info.make()
    close = difflib.get_close_matches(solver, solver_names(), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise SolverError(f"a solver must be one of: {', '.join(solver_names())}; got {solver!r}{hint}")
