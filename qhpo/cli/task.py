"""What `qhpo run` is asked to tune: a problem by its name, or a file that describes a search."""

from __future__ import annotations

from pathlib import Path

from qhpo.problem import PROBLEMS, Problem, load_problem

__all__ = ["load_task"]

_SUFFIXES = (".yaml", ".yml", ".toml", ".json")


def load_task(text: str) -> Problem:
    """The problem that a word of the command line names.

    Args:
        text: Name of an installed problem, or path of a sweep file.

    Raises:
        QhpoError: If there is neither, or it cannot be loaded.
    """
    path = Path(text)
    # A file that happens to have the name of a problem does not hide it.
    is_file = path.suffix.lower() in _SUFFIXES or path.is_file()
    if text in PROBLEMS.names() or not is_file:
        return load_problem(text)
    from qhpo.sweep import load_sweep

    return load_sweep(path).problem()
