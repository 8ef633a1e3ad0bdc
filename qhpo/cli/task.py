"""What `qhpo run` is asked to tune: a problem by its name, or a file that describes a search."""

from __future__ import annotations

from pathlib import Path

from qhpo.problem import PROBLEMS, Problem, load_problem

__all__ = ["load_task", "sweep_path"]

_SUFFIXES = (".yaml", ".yml", ".toml", ".json")


def load_task(text: str) -> Problem:
    """The problem that a word of the command line names.

    Args:
        text: Name of an installed problem, or path of a sweep file.

    Raises:
        QhpoError: If there is neither, or it cannot be loaded.
    """
    path = sweep_path(text)
    if path is None:
        return load_problem(text)
    from qhpo.sweep import load_sweep

    return load_sweep(path).problem()


def sweep_path(text: str) -> Path | None:
    """The sweep file that a word of the command line names; None if it names a problem."""
    path = Path(text)
    is_file = path.suffix.lower() in _SUFFIXES or path.is_file()
    # A file that happens to have the name of a problem does not hide it.
    return path if is_file and text not in PROBLEMS.names() else None
