"""The suite of learning curves: samplers with pruners, over the training time that they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.results import LOG_FLOOR, Group, Results, mean, standard_error
from qhpo_problems.benchmarks.sampling.curves.pairs import pairs_suite, share, timed_group
from qhpo_problems.benchmarks.sampling.curves.recorded import (
    MODELS,
    RECORDED,
    STEPS,
    record,
    store_recorded,
)
from qhpo_problems.benchmarks.sampling.curves.running import measure_curves, run_stopping
from qhpo_problems.benchmarks.sampling.curves.table import CurveTable
from qhpo_problems.benchmarks.sampling.gaps import rank, show_gap
from qhpo_problems.benchmarks.suite import Inputs, Metric, Suite, Task

__all__ = ["SUITE", "curve_suite"]

_CHOOSING = "wine"
"""The data whose tables variants are chosen on."""


def _groups(results: Results) -> list[Group]:
    return [timed_group(results, plural(len(results.tables), "table"), results.tables)]


def curve_suite(
    *,
    name: str,
    tables: Mapping[str, str],
    load: Callable[[Task], CurveTable],
    sources: Sequence[Any],
    units: int,
    reporting: Sequence[str],
    inputs: Inputs | None,
    footnote: str,
    by: Mapping[str, Callable[[str], str]],
) -> Suite:
    """A suite of samplers with pruners on tables of curves.

    Args:
        name: What the user types behind ``--suite``.
        tables: Name of a table -> what it is.
        load: The table of a task.
        sources: Objects whose code decides what a table is.
        units: Training time of a run, in trainings to the end.
        reporting: The tables that results are reported on.
        inputs: What tables are read from, if that has to be made.
        footnote: What the numbers are of.
        by: See `Suite`.
    """
    return pairs_suite(
        name=name,
        tables=tables,
        measure=partial(measure_curves, load),
        sources=lambda table: [run_stopping, *sources],
        units=units,
        errors=(
            Metric(
                *("regret", show_gap, min, "gap", mean, standard_error),
                heading="mean normalized regret",
                label="mean normalized regret (1 = median configuration)",
                floor=LOG_FLOOR,
            ),
            Metric("rank", "{:.2f}".format, min, "gap", rank, heading="mean rank"),
            share("share of the time", "gap", "regret"),
        ),
        groups=_groups,
        by=by,
        inputs=inputs,
        reporting=reporting,
        footnote=(
            f"{footnote} Regret is (best complete - optimum) / (median - optimum) of the table, 1 "
            "before the first trial is complete, after the training time behind the @, counted in "
            "trainings of the mean configuration to their end; ± one standard error over seeds."
        ),
    )


def _load(task: Task) -> CurveTable:
    assert task.inputs is not None
    return _table(task.table, task.inputs)


@cache
def _table(name: str, path: Path) -> CurveTable:
    kind = name.partition("-")[0]
    space: dict[str, IntDistribution | CategoricalDistribution] = {
        parameter: CategoricalDistribution(levels)
        if isinstance(levels[0], str)
        else IntDistribution(0, len(levels) - 1)
        for parameter, levels in MODELS[kind].levels.items()
    }
    curves = np.load(path)
    steps = np.arange(1, STEPS + 1)
    return CurveTable.of(name, kind, space, curves, np.ones_like(curves), steps)


def _record(task: Task) -> None:
    assert task.inputs is not None
    store_recorded(task.table, task.inputs)


SUITE = curve_suite(
    name="curves",
    tables=RECORDED,
    load=_load,
    sources=[_table],
    units=CurveTable.trials,
    reporting=[table for table in RECORDED if not table.endswith(_CHOOSING)],
    inputs=Inputs("recorded curves", ".npy", _record, lambda table: [record], by_seed=False),
    footnote="Trainings of scikit-learn, each configuration trained once for 50 steps.",
    by={"table": str},
)
"""Samplers with pruners on recorded trainings of scikit-learn."""
