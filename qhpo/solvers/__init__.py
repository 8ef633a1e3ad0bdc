"""Solvers of quadratic models: one registry, from simulated annealing on a laptop to a QPU."""

from __future__ import annotations

from qhpo.solvers.base import (
    JointSolver,
    Reads,
    Sampled,
    Solver,
    SolverInfo,
    SolverTemplate,
    reads_of_many,
)
from qhpo.solvers.binary import BinarySolver
from qhpo.solvers.metered import Budget, MeteredSolver
from qhpo.solvers.registry import describe_solvers, find_solver, make_solver, solver_names
from qhpo.solvers.report import SolverReport, merge

__all__ = [
    "BinarySolver",
    "Budget",
    "JointSolver",
    "MeteredSolver",
    "Reads",
    "Sampled",
    "Solver",
    "SolverInfo",
    "SolverReport",
    "SolverTemplate",
    "describe_solvers",
    "find_solver",
    "make_solver",
    "merge",
    "reads_of_many",
    "solver_names",
]
