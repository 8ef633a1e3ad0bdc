"""Evaluators of importance are measured against what a whole table says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo import QhpoError
from qhpo_problems.benchmarks.sampling import importances
from qhpo_problems.benchmarks.sampling.importances import (
    SUITE,
    make_trials,
    measure_importances,
    sobol_indices,
)
from qhpo_problems.benchmarks.sampling.known import FUNCTIONS, load_function
from qhpo_problems.benchmarks.sampling.tabular import TABLES, TabularBenchmark
from qhpo_problems.benchmarks.suite import Task


def test_the_indices_of_a_table_are_its_variances() -> None:
    a, b, c = np.meshgrid(np.arange(4.0), np.arange(3.0), np.arange(2.0), indexing="ij")
    centred = a - a.mean(), b - b.mean(), c - c.mean()
    values = 2 * centred[0] + centred[1] * centred[2] + 7
    main, pair = sobol_indices(values)
    parts = np.array([4 * a.var(), b.var() * c.var()])
    np.testing.assert_allclose(main, [parts[0] / parts.sum(), 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(pair, [0.0, 0.0, parts[1] / parts.sum()], atol=1e-12)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Task]:
    """A task on a table that is not of the suite, with its trials."""
    rng = np.random.default_rng(0)
    a, b, c = np.meshgrid(np.arange(5.0), np.arange(5.0), np.arange(3.0), indexing="ij")
    together = 4 * (b - 2) * (c - 1) + (a - 2) * (b - 2)
    values = a**2 + together + 0.01 * rng.random(a.shape)
    space: dict[str, IntDistribution | CategoricalDistribution]
    # Their order is not that of the alphabet.
    space = {"z": IntDistribution(0, 4), "b": IntDistribution(0, 4), "y": IntDistribution(0, 2)}
    table = TabularBenchmark("known", "known", space, values)
    path = tmp_path_factory.mktemp("known") / "trials" / "0.json"
    task = Task("", "", "known", 0, 0, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importances, "load_table", lambda name: table)
        for cached in (importances._scores, importances._exact):
            cached.cache_clear()
        make_trials(task)
        yield task


@pytest.mark.parametrize("method", list(SUITE.methods))
def test_a_row_for_every_setting(method: str, known: Task) -> None:
    rows = measure_importances(replace(known, method=method))
    assert len(rows) == 6
    by_values = rows[1]
    assert by_values["main"] is not None
    assert by_values["main"] > 0.4
    if method == "anova":
        assert by_values["pairs"] == pytest.approx(1.0)
        assert by_values["wrong"] is not None
        assert by_values["wrong"] < 0.05
        assert by_values["wrong pairs"] is not None
        assert by_values["wrong pairs"] < 0.05
    else:
        assert by_values["pairs"] is None
        assert by_values["wrong pairs"] is None


def test_half_of_the_tables_of_every_family_are_reported_on() -> None:
    reporting, choosing = SUITE.part("reporting"), SUITE.part("choosing")
    assert set(reporting) | set(choosing) == set(TABLES) | set(FUNCTIONS)
    for family in {*TABLES.values(), *FUNCTIONS.values()}:
        of_family = [name for name, f in {**TABLES, **FUNCTIONS}.items() if f == family]
        assert len([n for n in of_family if n in reporting]) == len(of_family) // 2


def test_known_functions_have_the_indices_of_the_literature() -> None:
    # Saltelli and Sobol' 1995: V_i = 1 / (3 (1 + a_i)^2), V_ij = V_i V_j, V = prod(1 + V_i) - 1.
    parts = 1.0 / (3.0 * (1.0 + np.array([0.0, 0.5, 1.0, 3.0, 9.0, 99.0])) ** 2)
    whole = np.prod(1.0 + parts) - 1.0
    main, pair = sobol_indices(load_function("g-function").values)
    np.testing.assert_allclose(main, parts / whole, atol=0.01)
    assert pair[0] == pytest.approx(parts[0] * parts[1] / whole, abs=0.01)
    # Ishigami and Homma 1990, with a = 7 and b = 0.1.
    main, pair = sobol_indices(load_function("ishigami").values)
    np.testing.assert_allclose(main, [0.314, 0.442, 0.0], atol=0.01)
    np.testing.assert_allclose(pair, [0.0, 0.244, 0.0], atol=0.01)
    main, _ = sobol_indices(load_function("friedman").values)
    assert main[-2:] == pytest.approx(0.0, abs=1e-12)


def test_an_unknown_function_is_a_clear_error() -> None:
    with pytest.raises(QhpoError, match=r"must be one of: borehole, friedman, .*; got 'fish'"):
        load_function("fish")
