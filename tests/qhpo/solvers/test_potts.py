"""The anneal of discrete variables: its distribution, and how low it gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from qhpo.solvers import make_solver
from qhpo.solvers.potts import anneal


@pytest.mark.parametrize("sizes", [[3, 2, 2], [2, 1, 4]])
def test_at_a_fixed_temperature_reads_follow_the_boltzmann_distribution(
    random_model: Any, sizes: list[int]
) -> None:
    tables = random_model(sizes, seed=3)
    everything = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=1)
    beta = 0.8 / tables.field_scale
    weights = np.exp(-beta * (tables.energies(everything) - tables.energies(everything).min()))
    reads = 20_000
    # Far more sweeps than reads need to forget where they started.
    cases = anneal(tables, reads, np.full(50, beta), seed=1)
    counts = np.bincount(np.ravel_multi_index(tuple(cases.T), sizes), minlength=len(weights))
    expected = reads * weights / weights.sum()
    assert expected.min() > 5  # what the test needs to be valid
    assert chisquare(counts, expected).pvalue > 1e-3
    # The test is able to tell temperatures apart.
    other = weights**1.15
    assert chisquare(counts, reads * other / other.sum()).pvalue < 1e-6


def test_reads_are_independent(random_model: Any) -> None:
    tables = random_model([3] * 8, seed=1)
    cases = anneal(tables, 64, np.full(5, 0.1 / tables.field_scale), seed=0)
    assert len(np.unique(cases, axis=0)) > 60


@pytest.mark.parametrize("beta", [1e-9, 1e9])
def test_extreme_temperatures_give_configurations(random_model: Any, beta: float) -> None:
    tables = random_model([4, 1, 3, 2], seed=2)
    cases = anneal(tables, 16, np.full(8, beta), seed=0)
    assert cases.shape == (16, 4)
    assert (cases >= 0).all()
    assert (cases < [4, 1, 3, 2]).all()
    if beta > 1.0:  # so cold that nothing but descent is left
        np.testing.assert_array_equal(cases, tables.descend(cases))


def test_it_gets_lower_than_random_descents(random_model: Any) -> None:
    potts, descent = make_solver("potts"), make_solver("descent")
    below = []
    for seed in range(8):
        model = random_model([6] * 30, seed=seed)
        annealed, found = potts.reads(model, seed), descent.reads(model, seed)
        below.append(annealed.energies[0] - found.energies[0])
    assert np.mean(below) < 0
    assert np.median(below) <= 0


def test_all_reads_are_valid_and_reported(frustrated: Any) -> None:
    model = frustrated([3, 1, 4], seed=1)
    reads = make_solver("potts").reads(model, 0)
    report = reads.report
    assert report.reads == report.valid_reads == reads.counts.sum()
    assert (report.variables, report.couplers) == (2, 3 * 4)  # of those with a choice


@pytest.mark.parametrize("name", ["potts", "neal"])
def test_a_model_that_elimination_solves_is_no_call(name: str, random_model: Any) -> None:
    reads = make_solver(name).reads(random_model([4], seed=1), 0)
    report = reads.report
    assert (report.calls, report.variables, report.couplers) == (0, 0, 0)
    assert report.valid_reads == report.reads == 1
