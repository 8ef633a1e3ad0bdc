"""The suite of graph networks: the full tables of NAS-Bench-Graph.

Eight data sets, each with 26,206 architectures that were trained with three seeds. An architecture
is a cell of four nodes: a link structure says which node each node takes its input from, and each
node has an operation. Nodes that can be exchanged make different configurations of one
architecture, so there are 59,049 configurations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from itertools import product
from types import MappingProxyType, ModuleType

import numpy as np
from optuna.distributions import CategoricalDistribution

from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.benchmarks.sampling import tables
from qhpo_problems.benchmarks.sampling.methods import Method
from qhpo_problems.benchmarks.sampling.tabular import TabularBenchmark
from qhpo_problems.benchmarks.sampling.trials import measure_trials, run_trials

__all__ = ["SUITE", "architectures", "find_package", "load_graph_table"]

_TABLES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("cora", "citeseer", "pubmed", "arxiv"), "citations"),
        **dict.fromkeys(("cs", "physics"), "co-authors"),
        **dict.fromkeys(("photo", "computers"), "purchases"),
    }
)
"""Data set -> what its edges are. The package's ninth, proteins, has a twelfth of the
architectures."""

_REPORTING = ("citeseer", "physics", "photo")
"""A third of the data sets, one of each kind."""


def find_package() -> ModuleType:
    """The package of the tables.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        import nas_bench_graph
    except ModuleNotFoundError as error:
        raise MissingExtraError("the suite graph", "nas_bench_graph", "bench") from error
    module: ModuleType = nas_bench_graph
    return module


@cache
def architectures() -> tuple[dict[str, CategoricalDistribution], list[int | None]]:
    """Search space, and the key of each configuration's record; the last parameter runs fastest.

    None stands for a cell that only passes its input on, which nobody has trained.
    """
    package = find_package()
    operations, links = package.architecture.gnn_list, package.architecture.link_list
    search_space = {
        "link": CategoricalDistribution(["".join(map(str, link)) for link in links]),
        **{f"operation_{node}": CategoricalDistribution(operations) for node in range(1, 5)},
    }
    keys = [
        None if set(chosen) == {"skip"} else package.Arch(list(link), list(chosen)).valid_hash()
        for link in links
        for chosen in product(operations, repeat=4)
    ]
    return search_space, keys


@cache
def load_graph_table(name: str) -> TabularBenchmark:
    """The table of a data set: 1 - validation accuracy, the mean of the recorded seeds.

    A cell that only passes its input on counts as much as the worst architecture. The first table
    takes a process three seconds.

    Raises:
        QhpoError: If there is no such data set.
        MissingExtraError: If nas-bench-graph is not installed.
    """
    if name not in _TABLES:
        raise QhpoError(f"a table must be one of: {', '.join(_TABLES)}; got {name!r}")
    search_space, keys = architectures()
    records = find_package().light_read(name)
    accuracies = {key: float(record["valid_perf"]) for key, record in records.items()}
    worst = min(accuracies.values())
    values = [1 - (worst if key is None else accuracies[key]) for key in keys]
    shape = [len(dist.choices) for dist in search_space.values()]
    return TabularBenchmark(name, "NAS-Bench-Graph", search_space, np.reshape(values, shape))


def _check(method: Method) -> None:
    find_package()
    method.sampler(0, *tables.small())


SUITE = replace(
    tables.SUITE,
    name="graph",
    tables=_TABLES,
    measure=partial(measure_trials, load_graph_table),
    sources=lambda method, table: [run_trials, method.factory, load_graph_table],
    by={"edges": _TABLES.__getitem__, "table": str},
    reporting=_REPORTING,
    check=_check,
    with_noise=None,
)
"""Samplers on the eight full tables of NAS-Bench-Graph."""
