"""What suites of samplers with pruners have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.results import Group, Results, mean
from qhpo_problems.benchmarks.sampling.curves.methods import PAIRS, REFERENCE, Stopping
from qhpo_problems.benchmarks.sampling.curves.running import run_stopping
from qhpo_problems.benchmarks.sampling.curves.table import CurveTable
from qhpo_problems.benchmarks.sampling.gaps import checkpoints
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Inputs, Metric, Suite, Task

__all__ = ["pairs_suite", "share", "share_of_time", "timed_group", "warm_up"]

FloatArray = npt.NDArray[np.float64]

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


def share(name: str, field: str, of: str) -> Metric:
    """`share_of_time` of a field, which the heading calls so."""
    return Metric(
        *(name, "{:.2f}".format, min, field, share_of_time),
        each=False,
        heading=f"share of the training time that reaches the last {of} of {REFERENCE}",
    )


_COSTS = "CPU seconds per suggestion and per decision of the pruner"

_ENDS = (
    Metric("trials", "{:.1f}".format, None, "ended", mean, heading="trials that ended"),
    Metric("complete", "{:.1f}".format, None, "complete", mean, heading="of them complete"),
    Metric("suggestion", "{:.4f}".format, min, "cpu_seconds", mean, heading=_COSTS),
    Metric("decision", "{:.4f}".format, min, "decision_seconds", mean, heading=_COSTS),
)


def timed_group(results: Results, what: str, tables: Sequence[str]) -> Group:
    """The runs on some of the tables as a group, whose title begins with what they are."""
    units = results.rows(tables)
    seeds = plural(len(results.seeds), "seed")
    title = f"{what}, {seeds}, the time of {plural(units, 'training')}"
    return results.group(title, tables, checkpoints(CurveTable.checkpoints, units))


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


def warm_up(methods: Sequence[Stopping]) -> None:
    """Have all code of samplers and pruners imported before a clock runs."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for method in methods:
        run_stopping(_small(), method, seed=0, budget=_WARM_UP)


def pairs_suite(
    *,
    name: str,
    tables: Mapping[str, str],
    measure: Callable[[Task], Sequence[Row]],
    sources: Callable[[str], Sequence[Any]],
    units: int,
    errors: Sequence[Metric],
    groups: Callable[[Results], Sequence[Group]],
    inputs: Inputs | None,
    footnote: str,
    warm_up: Callable[[Sequence[Stopping]], None] = warm_up,
    reporting: Sequence[str] = (),
    by: Mapping[str, Callable[[str], str]] | None = None,
) -> Suite:
    """A suite of samplers with pruners, whose runs are as long as some trainings.

    Args:
        name: What the user types behind ``--suite``.
        tables: See `Suite`.
        measure: Makes the rows of a run, those of `clock.Ledger.fill`; picklable.
        sources: Table -> objects whose code decides what a run on it meets.
        units: Training time of a run, in trainings to the end.
        errors: What is shown before the numbers of trials and their costs.
        groups: See `Suite`.
        inputs: See `Suite`.
        footnote: What the numbers are.
        warm_up: See `Suite`.
        reporting: See `Suite`.
        by: See `Suite`.
    """
    return Suite(
        name=name,
        tables=tables,
        methods=PAIRS,
        always=(REFERENCE,),
        measure=measure,
        peers=[pair for pair in PAIRS if "qubo" not in pair and "model" not in pair],
        sources=lambda method, table: [
            *(method.told.factory, *sources(table)),
            # Those of Optuna count with its version.
            *([method.pruner] if method.pruner.__module__.startswith("qhpo") else []),
        ],
        seeds=5,
        trials=lambda table: units,
        metrics=(*errors, *_ENDS),
        groups=groups,
        by=by or {},
        check=_check,
        warm_up=warm_up,
        inputs=inputs,
        reporting=reporting,
        plot="curves",
        row="training",
        footnote=f"{footnote} Only training counts as time.",
    )
