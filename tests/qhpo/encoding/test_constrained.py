"""Constrained models: native discrete constraints, equal energies, samples back to cases."""

from __future__ import annotations

import dimod
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qhpo.encoding.constrained import cases_of_cqm_samples, to_cqm
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.encoding.one_hot import OneHotEncoding
from tests.qhpo.encoding.strategies import (
    RESOLUTION,
    all_cases,
    energies_of,
    models,
    optima_of,
    sizes_of,
    uniform,
)


def _samples(
    dqm: dimod.DiscreteQuadraticModel, bits: np.ndarray, order: np.ndarray
) -> dimod.SampleSet:
    """One-hot bits as samples of the constrained model, its variables in some order."""
    labels = [(i, case) for i, size in enumerate(sizes_of(dqm)) for case in range(size)]
    return dimod.SampleSet.from_samples(
        (bits[:, order].astype(float), [labels[k] for k in order]),
        vartype=dimod.INTEGER,
        energy=np.zeros(len(bits)),
        sort_labels=False,
    )


@settings(max_examples=40)
@given(models())
@example(uniform([1, 1], 2.0))
def test_every_variable_is_a_discrete_constraint(dqm: dimod.DiscreteQuadraticModel) -> None:
    cqm = to_cqm(DenseDQM.from_dqm(dqm))
    sizes = sizes_of(dqm)
    assert set(cqm.constraints) == set(range(len(sizes)))
    # One binary variable that equals 1 is no choice.
    assert set(cqm.discrete) == {i for i, size in enumerate(sizes) if size > 1}
    assert len(cqm.variables) == sum(sizes)


@settings(max_examples=40)
@given(models(max_cases=8))
@example(uniform([3, 1, 2], None))
def test_the_feasible_optima_are_the_models(dqm: dimod.DiscreteQuadraticModel) -> None:
    tables = DenseDQM.from_dqm(dqm)
    found = dimod.ExactCQMSolver().sample_cqm(to_cqm(tables))
    found = found.filter(lambda datum: datum.is_feasible)
    cases = cases_of_cqm_samples(tables, found)
    assert sorted(map(tuple, cases.tolist())) == sorted(map(tuple, all_cases(dqm).tolist()))
    energies = found.record.energy
    np.testing.assert_allclose(energies, energies_of(dqm, cases), atol=1e-9, rtol=0)
    ground = cases[energies < energies.min() + RESOLUTION]
    assert set(map(tuple, ground.tolist())) == optima_of(dqm)


@settings(max_examples=40)
@given(models(), st.integers(0, 2**32 - 1))
def test_any_sample_decodes_as_one_hot_in_any_order_of_variables(
    dqm: dimod.DiscreteQuadraticModel, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    tables = DenseDQM.from_dqm(dqm)
    n_cases = len(tables.linear)
    bits = rng.integers(2, size=(8, n_cases), dtype=np.int8)
    # Solvers come close to whole numbers.
    samples = _samples(dqm, bits + rng.uniform(-1e-6, 1e-6, bits.shape), rng.permutation(n_cases))
    np.testing.assert_array_equal(
        cases_of_cqm_samples(tables, samples), OneHotEncoding(tables).decode(bits)
    )
