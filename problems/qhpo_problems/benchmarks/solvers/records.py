"""What a solver leaves behind on the models of one study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from qhpo_problems.benchmarks.records import Record

__all__ = ["SolverRun"]


@dataclass(frozen=True)
class SolverRun(Record):
    """One solver on the models of a run of one study; model takes the place of trial.

    Attributes:
        parameters: Variables of each model, one for each parameter of the study.
        axes: How many of them elimination leaves.
        levels: Their cases together, the bits of the one-hot encoding.
        made_of: Finished trials that the model was made of.
        scale: Field scale of the model, what energies are measured in.
        lowest: Lowest energy that a long search found; this solver may have found a lower one.
        proven: Whether there is no lower one.
        energy: Lowest energy of the solver; None where it refused the model.
        raw: Lowest energy of its reads before repair and polish; None where none was valid.
        valid: Share of reads that were valid as they were; None where it refused the model.
        cpu_seconds: CPU seconds of the solver's thread.
    """

    parameters: tuple[int, ...]
    axes: tuple[int, ...]
    levels: tuple[int, ...]
    made_of: tuple[int, ...]
    scale: tuple[float, ...]
    lowest: tuple[float, ...]
    proven: tuple[bool, ...]
    energy: tuple[float | None, ...]
    raw: tuple[float | None, ...]
    valid: tuple[float | None, ...]
    cpu_seconds: tuple[float, ...]

    _by_trial: ClassVar[tuple[str, ...]] = (
        "parameters",
        "axes",
        "levels",
        "made_of",
        "scale",
        "lowest",
        "proven",
        "energy",
        "raw",
        "valid",
        "cpu_seconds",
    )
