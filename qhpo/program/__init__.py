"""Programs in any language as objectives: started with a configuration, read for their values."""

from __future__ import annotations

from qhpo.program.spec import Bound, ProgramSpec

__all__ = ["Bound", "ProgramSpec"]
