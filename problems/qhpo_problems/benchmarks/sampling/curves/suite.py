"""The suite of learning curves: samplers with pruners, over the training time that they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.results import (
    LOG_FLOOR,
    Group,
    Results,
    mean,
    standard_error,
)
from qhpo_problems.benchmarks.sampling.curves.methods import PAIRS, REFERENCE, Stopping
from qhpo_problems.benchmarks.sampling.curves.recorded import (
    MODELS,
    RECORDED,
    STEPS,
    record,
    store_recorded,
)
from qhpo_problems.benchmarks.sampling.curves.running import measure_curves, run_stopping
from qhpo_problems.benchmarks.sampling.curves.table import CurveTable
from qhpo_problems.benchmarks.sampling.gaps import checkpoints, rank, show_gap
from qhpo_problems.benchmarks.suite import Inputs, Metric, Suite, Task

__all__ = ["SUITE", "curve_suite", "share_of_time"]

FloatArray = npt.NDArray[np.float64]

_CHOOSING = "wine"
"""The data whose tables variants are chosen on."""

_WARM_UP = 6
"""Trainings of the warm-up: enough for every pruner to have stopped some."""


def share_of_time(gaps: FloatArray) -> FloatArray:
    """The share of the whole training time that a method takes to reach the first one's last gap.

    Of curves that are means over tables and seeds, with straight lines between their points; 1 at
    most, which then says at least 1.

    Args:
        gaps: Shape (methods, tables, seeds, units).
    """
    curves = gaps.mean(axis=(1, 2))
    goal, units = curves[0, -1], curves.shape[1]
    shares = np.ones(len(curves))
    for method, curve in enumerate(curves):
        reached = np.flatnonzero(curve <= goal)
        if len(reached) and reached[0] > 0:
            at = int(reached[0])
            drop = curve[at - 1] - curve[at]
            shares[method] = (at + (curve[at - 1] - goal) / drop) / units
        elif len(reached):
            shares[method] = 1 / units
    return shares


def _small() -> CurveTable:
    """A table for the warm-up, with a parameter of each kind."""
    rng = np.random.default_rng(0)
    ends = np.arange(30.0).reshape(10, 3)
    curves = ends[..., None] + np.linspace(9.0, 0.0, 10) + rng.random((10, 3, 10))
    space: dict[str, IntDistribution | CategoricalDistribution]
    space = {
        "number": IntDistribution(0, 9),
        "category": CategoricalDistribution(("a", "b", "c")),
    }
    return CurveTable.of("warm-up", "warm-up", space, curves, np.ones_like(curves), np.arange(10))


def _check(method: Stopping) -> None:
    method.told.sampler(0, _small())


def _warm_up(methods: Sequence[Stopping]) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for method in methods:
        run_stopping(_small(), method, seed=0, budget=_WARM_UP)


def _groups(results: Results) -> list[Group]:
    units = results.rows(results.tables)
    title = (
        f"{plural(len(results.tables), 'table')}, {plural(len(results.seeds), 'seed')}, "
        f"the time of {plural(units, 'training')}"
    )
    points = checkpoints(CurveTable.checkpoints, units)
    return [results.group(title, results.tables, points)]


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
    label = "mean normalized regret (1 = median configuration)"
    return Suite(
        name=name,
        tables=tables,
        methods=PAIRS,
        always=(REFERENCE,),
        measure=partial(measure_curves, load),
        peers=[pair for pair in PAIRS if "qubo" not in pair and "model" not in pair],
        sources=lambda method, table: [
            *(run_stopping, method.told.factory, *sources),
            # Those of Optuna count with its version.
            *([method.pruner] if method.pruner.__module__.startswith("qhpo") else []),
        ],
        seeds=5,
        trials=lambda table: units,
        metrics=(
            Metric(
                *("regret", show_gap, min, "gap", mean, standard_error),
                heading="mean normalized regret",
                label=label,
                floor=LOG_FLOOR,
            ),
            Metric("rank", "{:.2f}".format, min, "gap", rank, heading="mean rank"),
            Metric(
                *("share of the time", "{:.2f}".format, min, "gap", share_of_time),
                each=False,
                heading=f"share of the training time that reaches the last regret of {REFERENCE}",
            ),
            Metric("trials", "{:.1f}".format, None, "ended", mean, heading="trials that ended"),
            Metric("complete", "{:.1f}".format, None, "complete", mean, heading="of them complete"),
            Metric(
                *("suggestion", "{:.4f}".format, min, "cpu_seconds", mean),
                heading="CPU seconds per suggestion and per decision of the pruner",
            ),
            Metric(
                *("decision", "{:.4f}".format, min, "decision_seconds", mean),
                heading="CPU seconds per suggestion and per decision of the pruner",
            ),
        ),
        groups=_groups,
        by=by,
        check=_check,
        warm_up=_warm_up,
        inputs=inputs,
        reporting=reporting,
        plot="curves",
        row="training",
        footnote=(
            f"{footnote} Regret is (best complete - optimum) / (median - optimum) of the table, 1 "
            "before the first trial is complete, after the training time behind the @, counted in "
            "trainings of the mean configuration to their end; ± one standard error over seeds. "
            "Only training counts as time."
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
