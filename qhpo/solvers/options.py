"""Checks of what a user gives a solver, when it is made: a study must not find out later."""

from __future__ import annotations

import math

from qhpo.errors import SolverError

__all__ = ["check_number"]


def check_number(
    solver: str, name: str, value: object, least: float, *, whole: bool = False
) -> None:
    """Checks an option that is a number.

    Args:
        solver: Name of the solver.
        name: Name of the option.
        value: What the user gave.
        least: The least that it may be; 0 for anything above, unless it is whole.
        whole: Whether it must be a whole number.

    Raises:
        SolverError: If it is no such number.
    """
    kinds = int if whole else (int, float)
    if isinstance(value, kinds) and not isinstance(value, bool):
        if whole and value >= least:
            return
        if not whole and least < value < math.inf:
            return
    rule = f"a whole number, {least:g} or more" if whole else f"a number above {least:g}"
    raise SolverError(
        f"{name} of the solver {solver} must be {rule}; got {value!r}; leave it out for the default"
    )
