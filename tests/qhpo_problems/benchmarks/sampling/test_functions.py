"""Functions have the optimum that COCO places, and instances that differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cocoex
import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.samplers import CmaEsSampler

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks import Record
from qhpo_problems.benchmarks.sampling.functions import SUITE, load_function
from qhpo_problems.benchmarks.suite import Task

MakeRecord = Callable[..., Record]
Sheets = Callable[..., dict[str, dict[str, dict[str, Any]]]]


def test_names_are_the_functions_of_both_suites() -> None:
    assert len(SUITE.tables) == 24 * 6
    assert SUITE.families["bbob-d2"] == [f"bbob-d2-f{number}" for number in range(1, 25)]
    assert sorted(t for family in SUITE.families.values() for t in family) == sorted(SUITE.tables)


@pytest.mark.parametrize("instance", [1, 37])
@pytest.mark.parametrize("name", SUITE.tables)
def test_evaluating_at_the_best_point_reaches_the_optimum(
    name: str, instance: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = load_function(name, instance)
    # The package tells the best point of both suites through a file in the working directory.
    monkeypatch.chdir(tmp_path)
    which = f"dimensions:{function.dimension} function_indices:{function.number}"
    suite = cocoex.Suite(function.suite, f"instances:{instance}", which)
    suite[0]._best_parameter("print")
    (file,) = tmp_path.iterdir()
    best = np.loadtxt(file)
    space = function.declaration().search_space
    assert space is not None
    params = {
        parameter: int(x) if isinstance(dist, IntDistribution) else float(x)
        for x, (parameter, dist) in zip(best, space.items(), strict=True)
    }
    assert all(dist._contains(params[parameter]) for parameter, dist in space.items())
    value = function.objective(optuna.trial.FixedTrial(params))
    assert value == pytest.approx(function.optimum, rel=1e-12, abs=1e-12)
    moved = best + np.where(best > 0, -0.01, 0.01) * [
        isinstance(d, FloatDistribution) for d in space.values()
    ]
    assert function.value(tuple(moved)) > function.optimum


def test_four_of_five_parameters_of_the_mixed_functions_are_integers() -> None:
    space = load_function("bbob-mixint-d10-f7", 1).declaration().search_space
    assert space is not None
    sizes = [d.high + 1 for d in space.values() if isinstance(d, IntDistribution)]
    assert sizes == [2, 2, 4, 4, 8, 8, 16, 16]
    assert [d for d in space.values() if not isinstance(d, IntDistribution)] == [
        FloatDistribution(-5.0, 5.0)
    ] * 2


def test_each_seed_has_an_instance_of_its_own() -> None:
    def values(seed: int) -> list[Any]:
        task = Task("random", SUITE.methods["random"], "bbob-d2-f1", seed, trials=3)
        return [row["value"] for row in SUITE.measure(task)]

    assert values(0) == values(0)
    one, other = load_function("bbob-d2-f1", 1), load_function("bbob-d2-f1", 2)
    assert one.optimum != other.optimum
    assert one.value((0.0, 0.0)) != other.value((0.0, 0.0))
    assert min(values(0)) >= one.optimum
    assert min(values(1)) >= other.optimum


def test_cmaes_is_optuna_s() -> None:
    function = load_function("bbob-d2-f1", 1)
    assert type(SUITE.methods["cmaes"].sampler(0, function)) is CmaEsSampler
    assert SUITE.default == ("qubo", "tpe", "gp", "random", "cmaes")


def test_unknown_function_names_the_known() -> None:
    with pytest.raises(QhpoError, match=r"one of: bbob-d2-f1, .*; got 'bbob-d4-f1'"):
        load_function("bbob-d4-f1", 1)


def test_gaps_are_shown_as_logarithms_and_as_paired_differences(
    make_record: MakeRecord, sheets: Sheets
) -> None:
    ends = {("qubo", 0): 1e-2, ("qubo", 1): 1.0, ("tpe", 0): 1e-1, ("tpe", 1): 0.0}
    records = [
        make_record([10.0, end], method=method, table="bbob-d2-f1", seed=seed)
        for (method, seed), end in ends.items()
    ]
    gaps, behind, ranks, last = sheets(SUITE, records).values()
    assert gaps["qubo"] == pytest.approx({"log10 gap @2": -1.0, "log10 gap @2 ±": 1.0})
    assert gaps["tpe"] == pytest.approx({"log10 gap @2": -4.5, "log10 gap @2 ±": 3.5})
    # Differences of 1 and -8.
    assert behind["tpe"] == pytest.approx({"behind @2": -3.5, "behind @2 ±": 4.5})
    assert behind["qubo"] == {"behind @2": 0.0, "behind @2 ±": 0.0}
    assert ranks["tpe"] == {"rank @2": 1.5}
    assert last["tpe"] == {"repeats": 0, "mean CPU s": 0.5}


def test_each_dimension_is_a_table_of_its_own(make_record: MakeRecord, sheets: Sheets) -> None:
    tables = ("bbob-d2-f1", "bbob-d3-f1", "bbob-d2-f9")
    titles = list(sheets(SUITE, [make_record([0.5], table=table) for table in tables]))
    assert [title for title in titles if "log10 of" in title] == [
        "bbob-d2: 2 functions, 1 seed, 1 trial: mean log10 of the gap",
        "bbob-d3: 1 function, 1 seed, 1 trial: mean log10 of the gap",
    ]
    assert math.isclose(len(titles), 2 * 4 + 1)
