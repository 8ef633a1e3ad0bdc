"""Evaluators of importance are measured against what a whole table says."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo_problems.benchmarks.sampling import importances
from qhpo_problems.benchmarks.sampling.importances import SUITE, measure_importances, sobol_indices
from qhpo_problems.benchmarks.sampling.tabular import TabularBenchmark


def test_the_indices_of_a_table_are_its_variances() -> None:
    a, b, c = np.meshgrid(np.arange(4.0), np.arange(3.0), np.arange(2.0), indexing="ij")
    centred = a - a.mean(), b - b.mean(), c - c.mean()
    values = 2 * centred[0] + centred[1] * centred[2] + 7
    main, pair = sobol_indices(values)
    parts = np.array([4 * a.var(), b.var() * c.var()])
    np.testing.assert_allclose(main, [parts[0] / parts.sum(), 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(pair, [0.0, 0.0, parts[1] / parts.sum()], atol=1e-12)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    a, b, c = np.meshgrid(np.arange(5.0), np.arange(5.0), np.arange(3.0), indexing="ij")
    together = 4 * (b - 2) * (c - 1) + (a - 2) * (b - 2)
    values = a**2 + together + 0.01 * rng.random(a.shape)
    space: dict[str, IntDistribution | CategoricalDistribution]
    # Their order is not that of the alphabet.
    space = {"z": IntDistribution(0, 4), "b": IntDistribution(0, 4), "y": IntDistribution(0, 2)}
    table = TabularBenchmark("known", "known", space, values)
    monkeypatch.setattr(importances, "load_table", lambda name: table)
    for cached in (importances._study, importances._exact):
        cached.cache_clear()


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("method", list(SUITE.methods))
def test_a_row_for_every_setting(method: str) -> None:
    rows = measure_importances("known", method, 0)
    assert len(rows) == 4
    by_values = rows[1]
    assert by_values["main"] is not None
    assert by_values["main"] > 0.4
    if method == "anova":
        assert by_values["pairs"] == pytest.approx(1.0)
        assert by_values["wrong"] is not None
        assert by_values["wrong"] < 0.05
    else:
        assert by_values["pairs"] is None
