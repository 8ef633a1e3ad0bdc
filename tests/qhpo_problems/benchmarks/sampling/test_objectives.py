"""Trade-offs: hypervolumes against Optuna's, tables against their package."""

from __future__ import annotations

import nas_bench_graph
import numpy as np
import pytest
from optuna._hypervolume import compute_hypervolume
from optuna.distributions import CategoricalDistribution

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.sampling.objectives import (
    SUITE,
    FrontTable,
    load_front_table,
    run_objectives,
)


@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_gap_is_the_share_of_the_hypervolume_that_is_missed(m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    space = {name: CategoricalDistribution(range(6)) for name in "ab"}
    values = rng.normal(size=(6, 6, m))
    # A front of one point has no width.
    values[..., 1] -= 2.0 * values[..., 0]
    table = FrontTable(space, values)
    front = table.front
    reference = front.max(axis=0) + 0.1 * np.ptp(front, axis=0)
    whole = compute_hypervolume(front, reference)
    for n in (1, 5, 36):
        some = rng.permutation(table.values.reshape(-1, m))[:n]
        inside = some[(some < reference).all(axis=1)]
        missed = 1.0 - (compute_hypervolume(inside, reference) / whole if len(inside) else 0.0)
        assert table.gap(some) == pytest.approx(missed, abs=1e-9)
    assert table.gap(table.values.reshape(-1, m)) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("m", [2, 3])
def test_values_are_what_was_recorded(m: int) -> None:
    table, records = load_front_table(f"cora-{m}"), nas_bench_graph.light_read("cora")
    assert table.values.shape == (9, 9, 9, 9, 9, m)
    known = {(1.0 - r["valid_perf"], r["latency"], float(r["para"]))[:m] for r in records.values()}
    rows = {tuple(row) for row in table.values.reshape(-1, m).tolist()}
    # A cell that only passes its input on has no record.
    assert len(rows - known) <= 1
    assert known <= rows


def test_gaps_fall_and_runs_are_the_same_again() -> None:
    table = load_front_table("cora-2")
    runs = [
        run_objectives(table, SUITE.methods[name], seed=3, trials=14)
        for name in ("qubo", "qubo", "nsga2")
    ]
    gaps = [[row["gap"] for row in rows] for rows in runs]
    assert gaps[0] == gaps[1] != gaps[2]
    for each in gaps:
        assert (np.diff(each) <= 1e-12).all()
        assert each[-1] < each[0] <= 1.0


def test_unknown_table() -> None:
    with pytest.raises(QhpoError, match=r"one of: cora-2, .*; got 'cora-4'"):
        load_front_table("cora-4")
