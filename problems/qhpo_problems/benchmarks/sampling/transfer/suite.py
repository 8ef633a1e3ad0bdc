"""The suite of transfer: what finished studies of other data sets are worth to a new one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.results import (
    each_method,
    mean,
    median,
    standard_error,
)
from qhpo_problems.benchmarks.sampling import graph, tables
from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, SolutionT
from qhpo_problems.benchmarks.sampling.gaps import behind_first, grouped, rank, show_gap
from qhpo_problems.benchmarks.sampling.methods import PEERS, Told
from qhpo_problems.benchmarks.sampling.tabular import TabularBenchmark
from qhpo_problems.benchmarks.sampling.transfer.enqueued import (
    GivenFirst,
    best_on_average,
    bests,
)
from qhpo_problems.benchmarks.sampling.transfer.histories import (
    FAMILIES,
    histories,
    load,
    unrelated,
)
from qhpo_problems.benchmarks.sampling.transfer.rgpe import RGPESampler
from qhpo_problems.benchmarks.sampling.trials import measure_trials, run_trials, warm_up
from qhpo_problems.benchmarks.suite import Metric, Suite, check_as

__all__ = ["SUITE", "Knowing"]

FloatArray = npt.NDArray[np.float64]

_TRIALS = 25
_CHECKPOINTS = (5, 10, 25)

_REPORTING = ("vehicle", "segment", "credit_g", "citeseer", "physics", "photo")
"""Those of the tables that are kept for reporting elsewhere, too."""


@dataclass(frozen=True)
class Knowing(Told):
    """A sampler that is given finished studies.

    Args:
        known: Makes them from the name of the table and the seed.
        make: Makes the sampler from the seed, the table and the studies, in place of ``factory``.
    """

    known: Callable[[str, int], Sequence[optuna.Study]] = histories
    make: Callable[[int, TabularBenchmark, Sequence[optuna.Study]], BaseSampler] | None = None

    def sampler(self, seed: int, benchmark: Benchmark[SolutionT]) -> BaseSampler:
        """A fresh sampler."""
        if self.make is None or not isinstance(benchmark, TabularBenchmark):
            return self.factory(seed)
        known = self.known(benchmark.name, seed) if benchmark.name in FAMILIES else []
        return self.make(seed, benchmark, known)


def _qubo(seed: int, table: TabularBenchmark, known: Sequence[optuna.Study]) -> BaseSampler:
    from qhpo import QUBOSampler

    return QUBOSampler(table.search_space, seed=seed, prior_studies=known)


def _tpe(seed: int, table: TabularBenchmark, known: Sequence[optuna.Study]) -> BaseSampler:
    return GivenFirst(TPESampler(seed=seed), bests(known))


def _rgpe(seed: int, table: TabularBenchmark, known: Sequence[optuna.Study]) -> BaseSampler:
    if not known:
        return TPESampler(seed=seed)  # the warm-up's table has no family
    return RGPESampler(dict(table.search_space), known, seed)


def _whole(seed: int, table: TabularBenchmark, known: Sequence[optuna.Study]) -> BaseSampler:
    others = [load(study.study_name) for study in known]
    return GivenFirst(RandomSampler(seed=seed), best_on_average(others, _TRIALS) if others else [])


def _nothing(name: str, seed: int) -> list[optuna.Study]:
    return []


_METHODS = {
    "qubo": Knowing(PEERS["random"].factory, known=_nothing, make=_qubo),
    "qubo:studies": Knowing(PEERS["random"].factory, make=_qubo),
    "qubo:unrelated": Knowing(PEERS["random"].factory, known=unrelated, make=_qubo),
    "tpe": PEERS["tpe"],
    "tpe:bests": Knowing(PEERS["tpe"].factory, make=_tpe),
    "rgpe": Knowing(PEERS["random"].factory, make=_rgpe),
    "whole": Knowing(PEERS["random"].factory, make=_whole),
}


def _title(chosen: Sequence[str]) -> str:
    return f"{FAMILIES[chosen[0]]}: {plural(len(chosen), 'table')}, "


def _sources(method: Told, table: str) -> list[Any]:
    made = method.make if isinstance(method, Knowing) else None
    return [run_trials, made or method.factory, Knowing, histories, unrelated, load]


def _ratio(regret: FloatArray) -> FloatArray:
    """Mean regret in units of the first method's."""
    found = mean(regret)
    ratio: FloatArray = found / found[0]
    return ratio


_last = partial(Metric, each=False, heading="repeated suggestions, CPU seconds per suggestion")

SUITE = Suite(
    name="transfer",
    tables=FAMILIES,
    methods=_METHODS,
    peers=("tpe", "tpe:bests", "rgpe", "whole"),
    measure=partial(measure_trials, load),
    sources=_sources,
    seeds=10,
    trials=lambda table: _TRIALS,
    metrics=(
        Metric(
            *("regret", show_gap, min, "gap", mean, standard_error),
            heading="mean normalized regret",
            label="mean normalized regret (1 = median of the table)",
            floor=1e-3,
        ),
        Metric(
            *("of the first", "{:.2f}".format, min, "gap", _ratio),
            heading="mean regret in units of the first method's, mean rank",
        ),
        Metric(
            *("rank", "{:.2f}".format, min, "gap", rank),
            heading="mean regret in units of the first method's, mean rank",
        ),
        Metric(
            *("behind", "{:+.3f}".format, min, "gap"),
            *(behind_first(mean), behind_first(standard_error)),
            heading="regret less that of the first method, run by run",
        ),
        _last("repeats", "{:.0f}".format, min, "repeated", each_method(np.sum)),
        _last("median CPU s", "{:.4f}".format, min, "cpu_seconds", median),
    ),
    groups=partial(grouped, kind=FAMILIES.__getitem__, title=_title, at=_CHECKPOINTS),
    by={"family": FAMILIES.__getitem__, "table": str},
    check=check_as(tables.SUITE, graph.SUITE),
    warm_up=partial(warm_up, tables.small, optuna.logging.ERROR),
    reporting=_REPORTING,
    plot="curves",
    footnote=(
        "qubo and tpe know nothing beforehand. The others know 100 trials of TPE on each of the "
        "seven other tables of the family; qubo:unrelated, on one table whose levels were "
        "exchanged at random. tpe:bests begins with the best configuration of each; rgpe is the "
        "ensemble of Feurer et al. (2018) on scikit-learn's Gaussian processes. whole knows "
        "more than any study can tell, every value of the seven other tables, and tries the "
        "configurations of best mean normal score in turn, whatever this table answers. Regret "
        "is (best - optimum) / (median - optimum) of the table, after the number of trials behind "
        "the @, ± one standard error over seeds; CPU time is the suggesting thread's."
    ),
)
"""Samplers with and without earlier studies."""
