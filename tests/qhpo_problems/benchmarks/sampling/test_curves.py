"""Samplers with pruners on tables of curves, over the time that trainings take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from optuna.distributions import IntDistribution

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.sampling.curves import lcdb
from qhpo_problems.benchmarks.sampling.curves.methods import PAIRS, REFERENCE
from qhpo_problems.benchmarks.sampling.curves.pairs import share_of_time
from qhpo_problems.benchmarks.sampling.curves.recorded import MODELS, RECORDED
from qhpo_problems.benchmarks.sampling.curves.running import run_stopping
from qhpo_problems.benchmarks.sampling.curves.suite import SUITE
from qhpo_problems.benchmarks.sampling.curves.table import CurveTable


@pytest.fixture
def table() -> CurveTable:
    """Ten configurations, whose curves fall to 0, 1, 2, ... in five steps."""
    curves = np.arange(10.0)[:, None] + np.linspace(4.0, 0.0, 5)
    return CurveTable.of(
        "t", "t", {"x": IntDistribution(0, 9)}, curves, np.ones_like(curves), np.arange(1, 6)
    )


def test_without_a_pruner_a_trial_takes_one_training(table: CurveTable) -> None:
    rows = run_stopping(table, PAIRS["tpe+none"], seed=0, budget=6)
    assert [row["complete"] for row in rows] == [1, 2, 3, 4, 5, 6] or [
        row["complete"] for row in rows
    ] == [0, 1, 2, 3, 4, 5]
    gaps = [row["gap"] for row in rows if row["complete"]]
    assert gaps == sorted(gaps, reverse=True)


def test_a_pruner_lets_more_trials_end(table: CurveTable) -> None:
    whole, stopped = (
        run_stopping(table, PAIRS[name], seed=0, budget=12)[-1]
        for name in ("tpe+none", "tpe+model")
    )
    assert stopped["ended"] > whole["ended"]
    assert stopped["complete"] < whole["complete"]


def test_a_run_is_the_same_again(table: CurveTable) -> None:
    """With HyperbandPruner too, which makes brackets of the name of a study."""
    first, again = (
        [(row["gap"], row["ended"], row["complete"]) for row in rows]
        for rows in (run_stopping(table, PAIRS[REFERENCE], seed=0, budget=20) for _ in range(2))
    )
    assert first == again


def test_a_cost_is_counted_in_trainings_of_the_mean_configuration(table: CurveTable) -> None:
    costs = np.ones_like(table.curves)
    costs[0] = 11.0
    other = CurveTable.of("t", "t", table.search_space, table.curves, costs, table.steps)
    assert sum(cost for *_, cost in other.curve((0,))) == pytest.approx(5.5)
    assert sum(cost for *_, cost in other.curve((1,))) == pytest.approx(0.5)


def test_curves_need_a_cost_each(table: CurveTable) -> None:
    with pytest.raises(QhpoError, match="must have a cost and a step for every value"):
        CurveTable.of("t", "t", table.search_space, table.curves, table.costs[:, :3], table.steps)


def test_share_of_time() -> None:
    first = np.array([1.0, 0.8, 0.6, 0.4])
    gaps = np.stack([first, [0.9, 0.3, 0.2, 0.1], [1.0, 1.0, 1.0, 0.9]])[:, None, None, :]
    # The second one passes 0.4 five sixths of the way from its first unit to the second.
    np.testing.assert_allclose(share_of_time(gaps), [1.0, (1 + 5 / 6) / 4, 1.0])


def test_every_table_has_a_model_and_a_part() -> None:
    assert {name.partition("-")[0] for name in RECORDED} == set(MODELS)
    assert len(SUITE.part("choosing")) == 3
    assert len(SUITE.part("reporting")) == 6
    assert SUITE.always == (REFERENCE,)


def test_data_sets_of_the_database_are_read(tmp_path: Path) -> None:
    """Learners that were not trained on every number of examples are left out."""
    rows = ["openmlid,learner,size_train,size_test,outer_seed,inner_seed,traintime,a,b,c"]
    for split in (0, 1):
        rows += [
            f"7,{learner},{size},9,0,{split},{size / 10},0.9,{accuracy + 0.1 * split},0.5"
            for learner, accuracy in (("one", 0.4), ("two", 0.6), ("three", 0.8))
            for size in (16, 32)
            if (learner, size) != ("two", 32)
        ]
    rows.append("77,one,16,9,0,0,1.0,0.9,0.1,0.5")
    source, path = tmp_path / "source.csv", tmp_path / "kept" / "7.npz"
    source.write_text("\n".join(rows) + "\n")
    lcdb.store_data_set("7", source, path)
    with np.load(path) as data:
        assert data["learners"].tolist() == ["one", "three"]
        assert data["steps"].tolist() == [16, 32]
        np.testing.assert_allclose(data["errors"], [[0.55, 0.55], [0.15, 0.15]])
        np.testing.assert_allclose(data["seconds"], [[1.6, 3.2], [1.6, 3.2]])
