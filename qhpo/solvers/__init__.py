"""Solvers of quadratic models: one registry, from simulated annealing on a laptop to a QPU."""

from __future__ import annotations

from qhpo.solvers.base import Solver, SolverInfo
from qhpo.solvers.registry import describe_solvers, make_solver, solver_names

__all__ = ["Solver", "SolverInfo", "describe_solvers", "make_solver", "solver_names"]
