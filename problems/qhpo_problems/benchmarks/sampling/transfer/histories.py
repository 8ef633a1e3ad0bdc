"""Finished studies of the other tables of a family, and of a table that has nothing to do with it.

A history is 100 trials of TPE, which no sampler here is made of. The seed of a run is also that of
its histories, so every run has others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType

import numpy as np
import optuna
from optuna.samplers import TPESampler

from qhpo_problems.benchmarks.sampling.graph import load_graph_table
from qhpo_problems.benchmarks.sampling.tabular import TABLES, TabularBenchmark, load_table

__all__ = ["FAMILIES", "histories", "load", "unrelated"]

_GRAPHS = ("cora", "citeseer", "pubmed", "arxiv", "cs", "physics", "photo", "computers")

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        **{name: "HPOBench" for name, family in TABLES.items() if family == "HPOBench"},
        **dict.fromkeys(_GRAPHS, "NAS-Bench-Graph"),
    }
)
"""Table -> those of one family share their search space; each has seven others."""

_TRIALS = 100
_FIRST_SEED = 10_000
"""Seeds of histories begin here, far from those of runs."""


def load(name: str) -> TabularBenchmark:
    """A table of either family."""
    return load_graph_table(name) if name in _GRAPHS else load_table(name)


def histories(name: str, seed: int) -> list[optuna.Study]:
    """A finished study of each of the seven other tables of a family."""
    others = [other for other in FAMILIES if FAMILIES[other] == FAMILIES[name] and other != name]
    return [_study(other, seed) for other in others]


def unrelated(name: str, seed: int) -> list[optuna.Study]:
    """A finished study of a table whose levels mean nothing: they are exchanged at random.

    It has effects as strong as those of the family, at other places.
    """
    family = [other for other in FAMILIES if FAMILIES[other] == FAMILIES[name]]
    other = load(family[(family.index(name) + 1) % len(family)])
    rng = np.random.default_rng([_FIRST_SEED, seed, family.index(name)])
    values = other.values
    for axis, size in enumerate(values.shape):
        values = np.take(values, rng.permutation(size), axis)
    return [_finished(replace(other, name="unrelated", values=values), seed)]


@cache
def _study(name: str, seed: int) -> optuna.Study:
    return _finished(load(name), seed)


def _finished(table: TabularBenchmark, seed: int) -> optuna.Study:
    sampler = TPESampler(seed=_FIRST_SEED + seed)
    study = optuna.create_study(study_name=table.name, sampler=sampler)
    study.optimize(lambda trial: table.value(table.suggest(trial)), n_trials=_TRIALS)
    return study
