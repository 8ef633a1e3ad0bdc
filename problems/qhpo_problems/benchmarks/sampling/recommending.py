"""Suites of samplers under noise, which are compared by the truth about what they recommend."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.results import (
    Group,
    Reduce,
    Results,
    each_method,
    mean,
    standard_error,
)
from qhpo_problems.benchmarks.sampling.ablation import ABLATIONS
from qhpo_problems.benchmarks.sampling.benchmark import NoisyBenchmark
from qhpo_problems.benchmarks.sampling.gaps import behind_first, rank, show_gap
from qhpo_problems.benchmarks.sampling.methods import LEARNING, PEERS
from qhpo_problems.benchmarks.sampling.trials import measure_recommended, reached, run_recommended
from qhpo_problems.benchmarks.suite import Metric, Suite

__all__ = ["noisy_suite"]


def noisy_suite(
    *,
    name: str,
    tables: Mapping[str, str],
    load: Callable[[str], NoisyBenchmark[Any]],
    kind: type[NoisyBenchmark[Any]],
    seeds: int,
    reporting: Collection[str],
    by: Mapping[str, Callable[[str], str]],
    check: Callable[[Any], object],
    warm_up: Callable[[Sequence[Any]], None],
    label: str,
    floor: float | None,
    footnote: str,
) -> Suite:
    """A suite of samplers on noisy benchmarks.

    Args:
        name: As in `Suite`, as are the other arguments without a text here.
        tables: Name of a benchmark -> what it is.
        load: Loads the benchmark of that name; a function of a module.
        kind: Of all the benchmarks.
        seeds: Number of seeds unless told otherwise.
        reporting: Names of tables.
        by: Kinds of tables.
        check: Of methods.
        warm_up: Of workers.
        label: What the score is, for the axis of a plot.
        floor: As in `Metric`.
        footnote: What the score is.
    """
    last = partial(Metric, each=False, heading="repeated suggestions, CPU seconds per suggestion")
    return Suite(
        name=name,
        tables=tables,
        methods={**LEARNING, **ABLATIONS},
        default=tuple(LEARNING),
        aliases={"ablation": ("qubo", *ABLATIONS)},
        peers=tuple(PEERS),
        measure=partial(measure_recommended, load),
        sources=lambda method, table: [run_recommended, method.factory, kind],
        settings=lambda table, trials: [str(n) for n in reached(kind.checkpoints, trials)],
        seeds=seeds,
        trials=lambda table: kind.trials,
        metrics=(
            Metric(
                *("score", show_gap, min, "gap", mean, standard_error),
                heading="mean true score of what is recommended",
                label=label,
                floor=floor,
            ),
            Metric(
                *("behind", "{:.4f}".format, min, "gap"),
                *(behind_first(mean), behind_first(standard_error)),
                heading="score less that of the first method, run by run",
            ),
            Metric("rank", "{:.2f}".format, min, "gap", rank, heading="mean rank"),
            last("repeats", "{:.0f}".format, min, "repeated", _at_the_end(each_method(np.sum))),
            last("mean CPU s", "{:.4f}".format, min, "cpu_seconds", _at_the_end(mean)),
        ),
        groups=_groups,
        by=by,
        reporting=reporting,
        check=check,
        warm_up=warm_up,
        plot="curves",
        footnote=(
            f"{footnote} Scores are of what a method recommends after the number of trials behind "
            "the @, ± one standard error over seeds; ranks are among these samplers, ties shared; "
            "CPU time is the suggesting thread's."
        ),
    )


def _groups(results: Results) -> list[Group]:
    """All tables as one group, whose rows are its points."""
    group = results.group("", results.tables, {})
    trials = [int(number) for number in group.data["trials"][0, 0, 0]]
    title = (
        f"{plural(len(results.tables), 'table')}, {plural(len(results.seeds), 'seed')}, "
        f"{plural(trials[-1], 'trial')}"
    )
    points = {f" @{number}": row for row, number in enumerate(trials)}
    return [replace(group, title=title, points=points, trials=trials)]


def _at_the_end(reduce: Reduce) -> Reduce:
    def of_last(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return reduce(numbers[..., -1])

    return of_last
