"""The suite of searches: QUBOSearchCV and what scikit-learn's users have in its place."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qhpo.cli.report import plural
from qhpo.errors import MissingExtraError
from qhpo.plugins import missing_packages
from qhpo_problems.benchmarks.results import Group, Results, mean, standard_error
from qhpo_problems.benchmarks.sampling.gaps import behind_first
from qhpo_problems.benchmarks.sampling.searchcv.pipelines import PIPELINES
from qhpo_problems.benchmarks.sampling.searchcv.rivals import RIVALS, Rival
from qhpo_problems.benchmarks.sampling.searchcv.running import measure_search, run_search
from qhpo_problems.benchmarks.suite import Metric, Suite

__all__ = ["SUITE"]

_CANDIDATES = 40
"""What a person waits for: a minute or some, where a fit takes a second."""


def _sources(rival: Rival, table: str) -> list[Any]:
    # Asked before the first run, when a missing package is better told than after an hour.
    for package in missing_packages(PIPELINES[table].packages):
        raise MissingExtraError(f"the pipeline {table}", package, "data")
    return [run_search, *rival.sources()]


def _settings(table: str, trials: int) -> tuple[str, ...]:
    return (plural(trials, "candidate"),)


def _groups(results: Results) -> list[Group]:
    seeds = plural(len(results.seeds), "seed")
    return [
        results.group(f"{table}: {PIPELINES[table].about}; {seeds}", [table], {"": 0})
        for table in results.tables
    ]


_score: Callable[..., Metric] = partial(
    Metric, show="{:.4f}".format, best=max, value=mean, error=standard_error
)
_ahead: Callable[..., Metric] = partial(
    Metric,
    name="ahead",
    show="{:+.4f}".format,
    best=max,
    value=behind_first(mean),
    error=behind_first(standard_error),
)

_TEST = "score of the refitted best on the test part, and less that of the first search"
_VALIDATION = "best score in cross-validation, and less that of the first search"
_COST = "CPU seconds, memory, candidates that could not be fitted"

SUITE = Suite(
    name="searchcv",
    tables={name: tuned.about for name, tuned in PIPELINES.items()},
    methods=RIVALS,
    peers=tuple(name for name in RIVALS if name != "qubo"),
    seeds=10,
    trials=lambda table: _CANDIDATES,
    settings=_settings,
    measure=measure_search,
    sources=_sources,
    metrics=(
        _score(name="test", heading=_TEST, label="score of the refitted best on the test part"),
        _ahead(field="test", heading=_TEST),
        _score(name="validation", heading=_VALIDATION),
        _ahead(field="validation", heading=_VALIDATION),
        Metric("CPU s", "{:.1f}".format, min, error=standard_error, heading=_COST),
        Metric("MB", "{:,.0f}".format, min, heading=_COST),
        Metric("failed", "{:.1f} %".format, min, heading=_COST),
    ),
    groups=_groups,
    check=Rival.check,
    plot="dots",
    footnote=(
        "Accuracy, on diabetes R². All searches have the same test part, 3 splits and seed. "
        "qubo, optuna (TPE) and random evaluate the same number of candidates; halving one and a "
        "half times as many on a third of the examples and then a third of these on all, which is "
        "as many examples. qubo is told conditions and rules; random and halving have a list of "
        "spaces, one for each combination of steps; optuna has no conditions and sets the "
        "parameters of all steps, of which the pipeline takes those it has. Nobody but qubo knows "
        "the rule that PCA makes no more components than there are features: other candidates "
        "cannot be fitted. CPU seconds and the peak of resident memory are of a whole search in a "
        "process of its own, the fits included. Means over seeds, ± one standard error."
    ),
)
"""QUBOSearchCV against the searches of scikit-learn and Optuna."""
