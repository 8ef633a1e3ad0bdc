"""The suite of the Learning Curve Database: errors of learners over the number of examples.

20 learners of scikit-learn with their defaults, on data sets of OpenML: a trial trains a learner on
more and more examples, about 1.4 times as many at every step, each time from the start, and reports
its validation error (Mohr, Viering, Loog, van Rijn 2022, "LCDB 1.0: An Extensive Learning Curves
Database for Classification Tasks"). A step takes the recorded training time. Here are the first 40
data sets, by their numbers, for which 18 learners at least were trained on ten or more numbers of
examples up to the largest one, and whose best learner is better than the median one by more than
half a per cent.

The package ``lcdb`` is a source archive of 68 MB, and only its tables are read: its code imports
what is needed to make them.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from optuna.distributions import CategoricalDistribution

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.sampling.curves.suite import curve_suite
from qhpo_problems.benchmarks.sampling.curves.table import CurveTable
from qhpo_problems.benchmarks.suite import Inputs, Task

__all__ = ["SUITE", "store_data_set", "table_of"]

_DATA_SETS = (
    *(3, 6, 11, 12, 14, 16, 18, 21, 22, 23, 28, 30, 31, 36, 44, 46, 54, 60, 179, 181),
    *(182, 185, 188, 201, 299, 351, 357, 389, 390, 391, 392, 393, 395, 396, 398, 401),
    *(554, 679, 715, 718),
)
"""Numbers of OpenML."""

_SPLITS = ("0", "1", "2", "3", "4")
"""Inner splits of the first outer one, over which errors and times are averaged: the database has
these of all data sets."""

_UNITS = 10
"""Training time of a run. In twice of that all twenty learners are trained to the end."""

_COLUMNS = 9
"""Of a row: data set, learner, examples, and so on to the validation score."""


def _find_file() -> Path:
    """The table of accuracies.

    Raises:
        QhpoError: If the package is not installed.
    """
    found = find_spec("lcdb")
    if found is None or found.origin is None:
        raise QhpoError(
            "the suite lcdb needs the package lcdb, which is not installed; "
            "pip install --no-deps lcdb (68 MB, built from source)"
        )
    return Path(found.origin).parent / "database-accuracy.csv"


def store_data_set(data_set: str, source: Path, path: Path) -> None:
    """Writes the curves of a data set to a file that appears complete or not at all.

    Args:
        data_set: Its number.
        source: The table of accuracies.
        path: The file, whose arrays `table_of` reads.
    """
    errors: dict[tuple[str, int], list[float]] = defaultdict(list)
    seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
    with source.open(encoding="utf-8") as file:
        for line in file:
            if not line.startswith(f"{data_set},"):
                continue
            row = line.split(",", _COLUMNS)
            if row[4] == "0" and row[5] in _SPLITS and row[8]:
                errors[row[1], int(row[2])].append(1.0 - float(row[8]))
                seconds[row[1], int(row[2])].append(float(row[6]))
    steps = sorted({step for _, step in errors})
    named = sorted({learner for learner, _ in errors})
    learners = [name for name in named if all((name, step) in errors for step in steps)]

    def means(of: dict[tuple[str, int], list[float]]) -> list[list[float]]:
        return [[float(np.mean(of[name, step])) for step in steps] for name in learners]

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(
                stream, learners=learners, steps=steps, errors=means(errors), seconds=means(seconds)
            )
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@cache
def table_of(name: str, path: Path) -> CurveTable:
    """The table of a data set from the file that `store_data_set` has written."""
    with np.load(path) as data:
        learners = tuple(data["learners"].tolist())
        space = {"learner": CategoricalDistribution(learners)}
        return CurveTable.of(
            name, "LCDB", space, data["errors"], data["seconds"], data["steps"].astype(np.intp)
        )


def _load(task: Task) -> CurveTable:
    assert task.inputs is not None
    return table_of(task.table, task.inputs)


def _store(task: Task) -> None:
    assert task.inputs is not None
    store_data_set(task.table.removeprefix("openml-"), _find_file(), task.inputs)


_TABLES = {f"openml-{number}": f"data set {number} of OpenML" for number in _DATA_SETS}

SUITE = curve_suite(
    name="lcdb",
    tables=_TABLES,
    load=_load,
    sources=[table_of],
    units=_UNITS,
    reporting=[f"openml-{number}" for number in _DATA_SETS if number % 2],
    inputs=Inputs("learning curves", ".npz", _store, lambda table: [store_data_set], by_seed=False),
    footnote="Learners of scikit-learn on more and more examples, from LCDB 1.0.",
    by={"table": str},
)
"""Samplers with pruners on the Learning Curve Database."""
