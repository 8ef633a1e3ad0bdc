"""The suite of stopped trainings: samplers with pruners that tune the built-in problems.

The seed of a run splits the data, seeds every training and is the sampler's. A run is as long as a
number of trainings to their end, whose mean time is measured once for each problem, so that all
methods meet the same clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import optuna

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.results import LOG_FLOOR, Group, Results, mean, standard_error
from qhpo_problems.benchmarks.sampling.curves.methods import Stopping
from qhpo_problems.benchmarks.sampling.curves.pairs import pairs_suite, share, timed_group, warm_up
from qhpo_problems.benchmarks.sampling.curves.trained import (
    load_unit,
    run_trained,
    store_unit,
    warm_up_training,
)
from qhpo_problems.benchmarks.sampling.training import installed
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Inputs, Metric, Suite, Task
from qhpo_problems.training import problems

__all__ = ["SUITE"]

_TABLES = MappingProxyType(
    {
        problem.name: problem.summary
        for problem in (problems.CNN_DIGITS, problems.CNN_PHYSIO, problems.TRANSFORMER_TEXT)
    }
)
"""Problems whose trials differ in nothing that they ask for: all of it is known before a training.
"""

_UNITS = 20

_ERRORS = ("validation", "test")
_HEADING = "lowest validation error of complete trials, and the test error of that trial"


def _measure(task: Task) -> list[Row]:
    assert task.inputs is not None
    unit = load_unit(task.inputs)
    problem = installed(task.table)
    return run_trained(problem, task.method, seed=task.seed, budget=task.trials, unit=unit)


def _store(task: Task) -> None:
    assert task.inputs is not None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    store_unit(installed(task.table), task.inputs)


def _sources(table: str) -> list[object]:
    # Asked before the first run, when a missing package is better told than after an hour.
    installed(table)
    return [run_trained, problems]


def _groups(results: Results) -> list[Group]:
    tables = results.tables
    if len(tables) == 1:
        return [timed_group(results, tables[0], tables)]
    each = [timed_group(results, table, [table]) for table in tables]
    return [
        timed_group(results, plural(len(tables), "problem"), tables),
        *(replace(group, data={name: group.data[name] for name in _ERRORS}) for group in each),
    ]


def _warm_up(methods: Sequence[Stopping]) -> None:
    warm_up(methods)
    warm_up_training()


SUITE: Suite = pairs_suite(
    name="stopping",
    tables=_TABLES,
    measure=_measure,
    sources=_sources,
    units=_UNITS,
    errors=(
        *(
            Metric(
                *(name, "{:.4f}".format, min, name, mean, standard_error),
                heading=_HEADING,
                label="lowest validation error",
                floor=LOG_FLOOR,
            )
            for name in _ERRORS
        ),
        *(share(f"by {name} error", name, "error") for name in _ERRORS),
    ),
    groups=_groups,
    inputs=Inputs("training times", ".json", _store, _sources, by_seed=False, is_peer=True),
    warm_up=_warm_up,
    footnote=(
        "Each trial is a training. The seed of a run splits the data, seeds the trainings and is "
        "the sampler's. Errors are 1 before the first trial is complete, those after the training "
        "time behind the @, counted in trainings of random configurations to their end; means, "
        "± one standard error over seeds. Time is CPU seconds of the thread that trains."
    ),
)
"""Samplers with pruners that tune the built-in problems."""
