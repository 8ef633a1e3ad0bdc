"""The suite of objectives: trade-offs that somebody has measured.

The architectures of NAS-Bench-Graph with what each was recorded with: its error, the seconds that
it takes to answer, and its parameters. Smaller is better in all of them.

Words: the *front* of a table are the architectures that no other one is nowhere worse than and
somewhere better. The *gap* of some trials is the share of the front's hypervolume that they miss.
The reference point of both lies behind the worst of the front by a tenth of its width; what is
beyond it counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import CategoricalDistribution
from optuna.study import StudyDirection

from qhpo.acquisition.hypervolume import boxes_below, front_of
from qhpo.cli.report import plural
from qhpo.errors import QhpoError
from qhpo.wrappers import CPU_SECONDS, TimedSampler
from qhpo_problems.benchmarks.results import (
    LOG_FLOOR,
    each_method,
    mean,
    median,
    standard_error,
)
from qhpo_problems.benchmarks.sampling.gaps import behind_first, grouped, rank, show_gap
from qhpo_problems.benchmarks.sampling.graph import architectures, find_package
from qhpo_problems.benchmarks.sampling.methods import PEERS, QUBO, Told
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Metric, Suite, Task

__all__ = ["SUITE", "FrontTable", "load_front_table", "run_objectives"]

FloatArray = npt.NDArray[np.float64]

_NAMES = ("error", "latency", "parameters")
"""What is traded off, in this order."""

_DATA = ("cora", "citeseer", "pubmed", "arxiv", "cs", "physics", "photo", "computers")

_TABLES: Mapping[str, str] = MappingProxyType(
    {f"{data}-{m}": f"{', '.join(_NAMES[:m])}" for m in (2, len(_NAMES)) for data in _DATA}
)
"""Name -> what is traded off."""

_REPORTING = tuple(
    f"{data}-{m}" for m in (2, len(_NAMES)) for data in ("citeseer", "physics", "photo")
)
"""The data sets that the suite of graph networks reports on."""

_TRIALS = 100
_CHECKPOINTS = (25, 50, 100)
_BEYOND = 0.1
"""How far behind the front the reference lies, in widths of the front."""


@dataclass(frozen=True, eq=False)
class FrontTable:
    """Every configuration with several values.

    Args:
        search_space: Choices of every parameter.
        values: Shape (choices of the first parameter, ..., of the last one, m), smaller is better.
    """

    search_space: Mapping[str, CategoricalDistribution]
    values: FloatArray

    @cached_property
    def front(self) -> FloatArray:
        """Shape (K, m)."""
        return front_of(self.values.reshape(-1, self.values.shape[-1]))

    @cached_property
    def whole(self) -> float:
        """The hypervolume of the front."""
        return self._hypervolume(self.front)

    def gap(self, values: FloatArray) -> float:
        """The share of the front's hypervolume that some values, shape (n, m), miss."""
        return 1.0 - self._hypervolume(front_of(values)) / self.whole

    def _hypervolume(self, front: FloatArray) -> float:
        """What a front dominates, below the reference."""
        ideal, nadir = self.front.min(axis=0), self.front.max(axis=0)
        reference = nadir + _BEYOND * (nadir - ideal)
        boxes = boxes_below(front, reference)
        sides = np.ones(len(boxes.lower))
        for j, edges in enumerate(boxes.edges):
            lower = np.where(boxes.lower[:, j] < 0, -np.inf, edges[boxes.lower[:, j]])
            upper = np.maximum(edges[boxes.upper[:, j]], ideal[j])
            sides *= upper - np.maximum(lower, ideal[j])
        return float(np.prod(reference - ideal) - sides.sum())

    def ask(self, trial: optuna.Trial) -> tuple[int, ...]:
        """The place of a trial's configuration."""
        return tuple(
            dist.choices.index(trial.suggest_categorical(name, dist.choices))
            for name, dist in self.search_space.items()
        )


@cache
def load_front_table(name: str) -> FrontTable:
    """The table of that name, such as ``"cora-2"``.

    A cell that only passes its input on counts as much as the worst architecture.

    Raises:
        QhpoError: If there is no such table.
        MissingExtraError: If nas-bench-graph is not installed.
    """
    if name not in _TABLES:
        raise QhpoError(f"a table must be one of: {', '.join(_TABLES)}; got {name!r}")
    data, _, m = name.partition("-")
    search_space, keys = architectures()
    known = {
        key: [1.0 - float(r["valid_perf"]), float(r["latency"]), float(r["para"])][: int(m)]
        for key, r in find_package().light_read(data).items()
    }
    worst = np.max(list(known.values()), axis=0).tolist()
    values = [worst if key is None else known[key] for key in keys]
    shape = [len(dist.choices) for dist in search_space.values()]
    return FrontTable(search_space, np.reshape(values, (*shape, int(m))))


def run_objectives(table: FrontTable, method: Told, *, seed: int, trials: int) -> list[Row]:
    """Search one table with one sampler in this thread, in an in-memory study.

    Returns:
        One row a trial: the gap of all trials so far, whether it repeats an earlier trial, and the
        CPU seconds that the suggesting thread took for the suggestion.
    """
    asked: list[tuple[int, ...]] = []

    def objective(trial: optuna.Trial) -> Sequence[float]:
        asked.append(table.ask(trial))
        found: list[float] = table.values[asked[-1]].tolist()
        return found

    sampler = TimedSampler(method.factory(seed))
    directions = [StudyDirection.MINIMIZE] * table.values.shape[-1]
    study = optuna.create_study(directions=directions, sampler=sampler)
    study.optimize(objective, n_trials=trials)
    told = study.get_trials(deepcopy=False)
    values = np.array([trial.values for trial in told])
    return [
        {
            "gap": table.gap(values[: i + 1]),
            "repeated": asked[i] in asked[:i],
            "cpu_seconds": float(trial.system_attrs[CPU_SECONDS]),
        }
        for i, trial in enumerate(told)
    ]


def _measure(task: Task) -> list[Row]:
    table = load_front_table(task.table)
    return run_objectives(table, task.method, seed=task.seed, trials=task.trials)


def _small() -> FrontTable:
    space = {name: CategoricalDistribution(("a", "b", "c", "d")) for name in ("first", "second")}
    values = np.stack(np.meshgrid([0.0, 1.0, 2.0, 3.0], [2.0, 1.0, 0.5, 0.0]), axis=-1)
    return FrontTable(space, values)


def _warm_up(methods: Sequence[Told]) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for method in methods:
        run_objectives(_small(), method, seed=0, trials=12)


def _check(method: Told) -> None:
    find_package()
    method.factory(0)


def _of(table: str) -> str:
    return f"{len(_TABLES[table].split(', '))} objectives"


def _title(chosen: Sequence[str]) -> str:
    return f"{_TABLES[chosen[0]]}: {plural(len(chosen), 'table')}, "


_METHODS: Mapping[str, Told] = MappingProxyType({"qubo": QUBO, **PEERS})

_last = partial(Metric, each=False, heading="repeated suggestions, CPU seconds per suggestion")

SUITE = Suite(
    name="objectives",
    tables=_TABLES,
    methods=_METHODS,
    peers=tuple(PEERS),
    measure=_measure,
    sources=lambda method, table: [run_objectives, method.factory, load_front_table, FrontTable],
    seeds=10,
    trials=lambda table: _TRIALS,
    metrics=(
        Metric(
            *("gap", show_gap, min, "gap", mean, standard_error),
            heading="mean share of the front's hypervolume that is missed",
            label="mean share of the hypervolume that is missed",
            floor=LOG_FLOOR,
        ),
        Metric(
            *("behind", "{:.4f}".format, min, "gap", behind_first(mean)),
            behind_first(standard_error),
            heading="the same less that of the first method, run by run",
        ),
        Metric("rank", "{:.2f}".format, min, "gap", rank, heading="mean rank"),
        _last("repeats", "{:.0f}".format, min, "repeated", each_method(np.sum)),
        _last("median CPU s", "{:.4f}".format, min, "cpu_seconds", median),
        _last("mean CPU s", "{:.4f}".format, min, "cpu_seconds", mean),
    ),
    groups=partial(grouped, kind=_of, title=_title, at=_CHECKPOINTS),
    by={"objectives": _of, "table": str},
    reporting=_REPORTING,
    check=_check,
    warm_up=_warm_up,
    plot="curves",
    footnote=(
        "The share of the table's front's hypervolume that the trials so far miss, after the "
        "number of trials behind the @, ± one standard error over seeds; ranks are among these "
        "samplers, ties shared; CPU time is the suggesting thread's."
    ),
)
"""Samplers on the trade-offs of NAS-Bench-Graph."""
