"""The suite of objectives: samplers on trade-offs.

Those of `trade_offs` somebody has recorded. `controller-cartpole` is trained anew with every trial:
a controller should keep a pole up long, with little force. Its front is not known, so that its gap
is the share missed of all that lies between no balance at 100 N² and a balance of 1 without force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.results import (
    LOG_FLOOR,
    each_method,
    mean,
    median,
    standard_error,
)
from qhpo_problems.benchmarks.sampling import graph, tabular
from qhpo_problems.benchmarks.sampling.fronts import (
    FrontTable,
    ProblemTradeOff,
    TradeOff,
    run_objectives,
)
from qhpo_problems.benchmarks.sampling.gaps import (
    behind_first,
    grouped,
    rank,
    rank_error,
    show_gap,
)
from qhpo_problems.benchmarks.sampling.methods import PEERS, QUBO, Told
from qhpo_problems.benchmarks.sampling.trade_offs import (
    TABLES,
    load_front_table,
    source_of,
)
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Metric, Suite, Task
from qhpo_problems.training import problems

__all__ = ["SUITE"]

_CONTROLLER = problems.CONTROLLER_CARTPOLE.name

_NAMED: Mapping[str, str] = MappingProxyType({**TABLES, _CONTROLLER: "balance, energy"})
"""Name -> what is traded off."""

_REPORTING = (
    *(
        f"{data}-{m}"
        for m in (2, 3)
        for data in (
            # Those that the suites of graph networks and of tables report on.
            *("citeseer", "physics", "photo"),
            *("vehicle", "segment", "credit_g"),
            *("parkinsons_telemonitoring", "cifar100"),
        )
    ),
    _CONTROLLER,
)

_TRIALS = 100
_CHECKPOINTS = (25, 50, 100)


def _trade_off(name: str) -> TradeOff:
    if name == _CONTROLLER:
        return ProblemTradeOff(
            problems.CONTROLLER_CARTPOLE, ideal=(1.0, 0.0), reference=(0.0, 100.0)
        )
    return load_front_table(name)


def _measure(task: Task) -> list[Row]:
    return run_objectives(_trade_off(task.table), task.method, seed=task.seed, trials=task.trials)


def _sources(method: Told, table: str) -> list[Any]:
    return [
        run_objectives,
        method.factory,
        problems if table == _CONTROLLER else load_front_table,
    ]


def _small() -> FrontTable:
    space = {name: CategoricalDistribution(("a", "b", "c", "d")) for name in ("first", "second")}
    values = np.stack(np.meshgrid([0.0, 1.0, 2.0, 3.0], [2.0, 1.0, 0.5, 0.0]), axis=-1)
    return FrontTable(space, values)


def _warm_up(methods: Sequence[Told]) -> None:
    # GPSampler leaves conditional parameters to chance, and would tell so with every trial.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for method in methods:
        run_objectives(_small(), method, seed=0, trials=12)


def _check(method: Told) -> None:
    graph.find_package()
    tabular.find_package()
    method.factory(0)


def _objectives(table: str) -> str:
    return f"{len(_NAMED[table].split(', '))} objectives"


def _source(table: str) -> str:
    source = table if table == _CONTROLLER else source_of(table)
    return f"{source}: {_NAMED[table]}"


def _title(chosen: Sequence[str]) -> str:
    return f"{_objectives(chosen[0])}: {plural(len(chosen), 'trade-off')}, "


_METHODS: Mapping[str, Told] = MappingProxyType({"qubo": QUBO, **PEERS})

_last = partial(Metric, each=False, heading="repeated suggestions, CPU seconds per suggestion")

SUITE = Suite(
    name="objectives",
    tables=_NAMED,
    methods=_METHODS,
    peers=tuple(PEERS),
    measure=_measure,
    sources=_sources,
    seeds=10,
    trials=lambda table: _TRIALS,
    metrics=(
        Metric(
            *("gap", show_gap, min, "gap", mean, standard_error),
            heading="mean share of the hypervolume that is missed",
            label="mean share of the hypervolume that is missed",
            floor=LOG_FLOOR,
        ),
        Metric(
            *("behind", "{:.4f}".format, min, "gap", behind_first(mean)),
            behind_first(standard_error),
            heading="the same less that of the first method, run by run",
        ),
        Metric(
            *("rank", "{:.2f}".format, min, "gap", rank, rank_error),
            heading="mean rank",
        ),
        _last("repeats", "{:.0f}".format, min, "repeated", each_method(np.sum)),
        _last("median CPU s", "{:.4f}".format, min, "cpu_seconds", median),
        _last("mean CPU s", "{:.4f}".format, min, "cpu_seconds", mean),
    ),
    groups=partial(grouped, kind=_objectives, title=_title, at=_CHECKPOINTS),
    # The recorded ones: a run of the controller takes minutes.
    families={
        word: tuple(name for name in TABLES if name.endswith(f"-{m}"))
        for word, m in (("two", 2), ("three", 3))
    },
    by={"objectives": _objectives, "trade-off": _source, "table": str},
    reporting=_REPORTING,
    check=_check,
    warm_up=_warm_up,
    plot="curves",
    footnote=(
        "The share that the trials so far miss of the hypervolume of the table's front, on "
        f"{_CONTROLLER} of all that lies between no balance at 100 N² and a balance of 1 without "
        "force, after the number of trials behind the @, ± one standard error over seeds; ranks "
        "are among these samplers, ties shared; CPU time is the suggesting thread's."
    ),
)
"""Samplers on recorded trade-offs, and on a controller that is trained."""
