"""The solvers that a name stands for, found through entry points."""

from __future__ import annotations

from inspect import signature
from typing import Any

import dimod

from qhpo.encoding import ENCODINGS
from qhpo.errors import MissingExtraError, SolverError
from qhpo.plugins import Plugins
from qhpo.solvers.base import Solver, SolverInfo
from qhpo.solvers.binary import wrap_sampler

__all__ = ["SOLVERS", "describe_solvers", "find_solver", "make_solver", "solver_names"]

SOLVERS = Plugins("qhpo.solvers", "solver", SolverInfo, SolverError)


def solver_names() -> tuple[str, ...]:
    """Names of all registered solvers, sorted."""
    return SOLVERS.names()


def describe_solvers() -> list[SolverInfo]:
    """All registered solvers that can be loaded, by name."""
    return [info for info in SOLVERS.load_all().values() if isinstance(info, SolverInfo)]


def find_solver(name: str) -> SolverInfo:
    """What is registered under a name.

    Raises:
        SolverError: If nothing is, or it cannot be loaded.
    """
    return SOLVERS.load(name)


def make_solver(
    solver: str | dimod.Sampler | Solver, *, encoding: str | None = None, **options: Any
) -> Solver:
    """The solver of a name, or around a sampler object.

    Args:
        solver: A registered name, any sampler of binary quadratic models, or a solver, which is
            returned as it is.
        encoding: How the model becomes binary: ``"one-hot"`` or ``"domain-wall"``.
            None for what suits the solver best.
        options: What the registered solver of that name takes; see its documentation.

    Raises:
        SolverError: If the name is not registered, or the object is no sampler, or it does not
            take the encoding or an option.
        MissingExtraError: If the solver needs a package that is not installed.
    """
    if isinstance(solver, str):
        return _make(find_solver(solver), encoding, options)
    if options:
        raise SolverError(
            f"options belong to the name of a solver; got {', '.join(options)} with {solver!r}; "
            "give them to the object"
        )
    if isinstance(solver, dimod.Sampler):
        if encoding is not None:
            _check_encoding(f"the solver {type(solver).__name__}", encoding, ENCODINGS)
        return wrap_sampler(solver, encoding)
    if not isinstance(solver, type) and isinstance(solver, Solver):
        if encoding is not None:
            raise SolverError(
                f"the encoding of a solver object is its own; got {encoding!r} with {solver!r}; "
                "leave it out, or give it to make_solver"
            )
        return solver
    raise SolverError(
        "a solver must be the name of a registered solver, a dimod.Sampler or a "
        f"qhpo.solvers.Solver; got {solver!r}; names: {', '.join(solver_names())}"
    )


def _make(info: SolverInfo, encoding: str | None, options: dict[str, Any]) -> Solver:
    for package in info.missing_packages():
        raise MissingExtraError(f"the solver {info.name}", package, info.extra)
    if encoding is not None:
        _check_encoding(f"the solver {info.name}", encoding, info.encodings)
        options = {"encoding": encoding, **options}
    try:
        signature(info.make).bind(**options)
    except TypeError as error:
        raise SolverError(
            f"an option must be one that the solver {info.name} takes; {error}; it takes: "
            f"{', '.join(signature(info.make).parameters) or 'none'}"
        ) from None
    return info.make(**options)


def _check_encoding(who: str, encoding: str, known: tuple[str, ...]) -> None:
    if not known:
        raise SolverError(
            f"{who} takes the discrete model as it is, without an encoding; got {encoding!r}; "
            "leave it out"
        )
    if encoding not in known:
        raise SolverError(
            f"the encoding of {who} must be one of: {', '.join(known)}; got {encoding!r}"
        )
