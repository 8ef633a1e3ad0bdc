"""Tables of graph networks are the package's, whichever way an architecture is written."""

from __future__ import annotations

import sys

import nas_bench_graph
import numpy as np
import pytest
from optuna.trial import FixedTrial

from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.benchmarks.sampling import graph
from qhpo_problems.benchmarks.sampling.graph import SUITE, load_graph_table


@pytest.mark.parametrize("name", ["cora", "arxiv"])
def test_table_is_the_package_s(name: str) -> None:
    table, records = load_graph_table(name), nas_bench_graph.light_read(name)
    assert len(records) == 26_206
    assert table.values.shape == (9,) * 5
    accuracies = [record["valid_perf"] for record in records.values()]
    assert table.optimum == 1 - max(accuracies)
    assert set(table.values.ravel()) == {1 - accuracy for accuracy in accuracies}
    rng = np.random.default_rng(0)
    for _ in range(50):
        params = {
            parameter: dist.choices[rng.integers(9)]  # type: ignore[union-attr]
            for parameter, dist in table.search_space.items()
        }
        link, *operations = params.values()
        if set(operations) == {"skip"}:
            continue
        architecture = nas_bench_graph.Arch(list(map(int, link)), operations)
        expected = 1 - records[architecture.valid_hash()]["valid_perf"]
        assert table.objective(FixedTrial(params)) == expected


def test_nodes_that_can_be_exchanged_make_one_architecture() -> None:
    table = load_graph_table("cora")

    def value(link: str, *operations: str) -> float:
        names = (f"operation_{node}" for node in range(1, 5))
        return table.objective(
            FixedTrial({"link": link, **dict(zip(names, operations, strict=True))})
        )

    assert value("0000", "gcn", "gat", "fc", "gin") == value("0000", "gin", "fc", "gat", "gcn")
    assert value("0123", "gcn", "gat", "fc", "gin") != value("0123", "gin", "fc", "gat", "gcn")
    assert value("0123", "skip", "skip", "skip", "skip") == table.values.max()


def test_unknown_data_and_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(QhpoError, match=r"one of: cora, .*; got 'proteins'"):
        load_graph_table("proteins")
    monkeypatch.setitem(sys.modules, "nas_bench_graph", None)
    assert SUITE.check is not None
    with pytest.raises(MissingExtraError, match=r'pip install "qhpo\[bench\]"'):
        SUITE.check(SUITE.methods["tpe"])
    assert graph.SUITE.with_noise is None
