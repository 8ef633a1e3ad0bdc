"""Programs in any language as objectives: started with a configuration, read for their values."""

from __future__ import annotations

from qhpo.program.execution import ProgramError, objective
from qhpo.program.function import objective_of_callable
from qhpo.program.spec import Answer, Bound, ProgramSpec

__all__ = ["Answer", "Bound", "ProgramError", "ProgramSpec", "objective", "objective_of_callable"]
