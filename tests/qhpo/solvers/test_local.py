"""What is special about the samplers of dwave-samplers and openjij as solvers."""

from __future__ import annotations

from typing import Any

import dimod
import numpy as np
import pytest

from qhpo.errors import SolverError
from qhpo.solvers import make_solver
from qhpo.solvers.tree import MAX_TREEWIDTH
from tests.qhpo.solvers.answers import sample_set

OPENJIJ = ("openjij-sa", "openjij-sqa")


def _chain(n_variables: int, n_cases: int, seed: int) -> dimod.DiscreteQuadraticModel:
    """Only neighbours interact: a treewidth that does not grow with the number of variables."""
    rng = np.random.default_rng(seed)
    dqm = dimod.DiscreteQuadraticModel()
    for i in range(n_variables):
        dqm.add_variable(n_cases)
        dqm.set_linear(i, rng.normal(size=n_cases))
        if i:
            biases = rng.normal(size=(n_cases, n_cases))
            for a, b in np.ndindex(n_cases, n_cases):
                dqm.set_quadratic_case(i - 1, a, i, b, biases[a, b])
    return dqm


def _lowest_of_chain(dqm: dimod.DiscreteQuadraticModel) -> float:
    """By dynamic programming over the chain."""
    best = dqm.get_linear(0)
    for i in range(1, dqm.num_variables()):
        step = dqm.get_quadratic(i - 1, i)
        table = np.zeros((dqm.num_cases(i - 1), dqm.num_cases(i)))
        for cases, bias in step.items():
            table[cases] = bias
        best = (best[:, None] + table).min(axis=0) + dqm.get_linear(i)
    return float(best.min())


@pytest.mark.parametrize("seed", range(3))
def test_tree_decomposition_is_exact_on_long_chains(seed: int) -> None:
    dqm = _chain(60, 3, seed)
    samples = sample_set(make_solver("tree-decomposition"), dqm, seed)
    assert samples.first.energy == pytest.approx(_lowest_of_chain(dqm))
    report = samples.info["qhpo"]
    assert report.valid_reads == report.reads


def test_tree_decomposition_samples_a_low_temperature() -> None:
    # Two optima, and two configurations that are far too hot.
    dqm = dimod.DiscreteQuadraticModel()
    dqm.add_variable(2, label="a")
    dqm.add_variable(2, label="b")
    dqm.set_quadratic("a", "b", {(0, 0): 5.0, (1, 1): 5.0})
    samples = sample_set(make_solver("tree-decomposition"), dqm, 1)
    assert {tuple(row) for row in samples.record.sample.tolist()} == {(0, 1), (1, 0)}


@pytest.mark.parametrize("n_variables", [8, 80])
def test_tree_decomposition_refuses_dense_models(random_dqm: Any, n_variables: int) -> None:
    with pytest.raises(SolverError, match="treewidth") as error:
        sample_set(make_solver("tree-decomposition"), random_dqm([5] * n_variables), 0)
    message = str(error.value)
    assert f"at most {MAX_TREEWIDTH}" in message
    assert f"{4 * n_variables} bits" in message
    # A bit is coupled to all of other variables, and to one or two of its own.
    assert f"about {4 * (n_variables - 1) + 1}" in message
    assert "neal" in message


def test_tree_decomposition_refuses_sparse_graphs_of_large_treewidth() -> None:
    # A grid: no subgraph of it is dense, but its treewidth is its side. Every local field depends
    # on the neighbours alone, so that elimination leaves all of it.
    side = 26
    dqm = dimod.DiscreteQuadraticModel()
    rng = np.random.default_rng(0)
    for place in range(side * side):
        dqm.add_variable(2)
        for step, exists in ((1, place % side > 0), (side, place >= side)):
            bias = rng.normal()
            for a, b in np.ndindex(2, 2) if exists else ():
                dqm.set_quadratic_case(place - step, a, place, b, bias if a == b else -bias)
    with pytest.raises(SolverError, match=f"got {side * side} bits with a treewidth"):
        sample_set(make_solver("tree-decomposition"), dqm, 0)


@pytest.mark.parametrize("name", OPENJIJ)
def test_reads_of_openjij_differ(random_dqm: Any, name: str) -> None:
    pytest.importorskip("openjij")
    # Nearly flat, so that no descent leads all reads to the same place.
    dqm = dimod.DiscreteQuadraticModel()
    for _ in range(12):
        dqm.add_variable(3)
    samples = sample_set(make_solver(name), dqm, 0)
    assert len(samples) > 1


@pytest.mark.parametrize("name", OPENJIJ)
def test_openjij_leaves_numpys_global_random_numbers_alone(random_dqm: Any, name: str) -> None:
    pytest.importorskip("openjij")
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    sample_set(make_solver(name), random_dqm([3, 3, 2]), 5)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("name", ["tabu", "steepest-descent", "sqa", "rotor", *OPENJIJ])
def test_seeds_lead_to_different_reads(random_dqm: Any, name: str) -> None:
    if name in OPENJIJ:
        pytest.importorskip("openjij")
    dqm = random_dqm([4] * 15, seed=5)
    solver = make_solver(name)
    found = [sample_set(solver, dqm, seed).record.sample for seed in range(6)]
    assert any(not np.array_equal(found[0], other) for other in found[1:])


@pytest.mark.parametrize(
    "name", ["descent", "potts", "tabu", "steepest-descent", "sqa", "rotor", *OPENJIJ]
)
def test_low_energies_of_models_too_large_to_enumerate(random_dqm: Any, name: str) -> None:
    if name in OPENJIJ:
        pytest.importorskip("openjij")
    dqm = random_dqm([4] * 20, seed=1)
    found = sample_set(make_solver(name), dqm, 0).first.energy
    drawn = np.random.default_rng(0).integers(4, size=(20_000, 20))
    lucky = np.asarray(dqm.energies((drawn, list(dqm.variables))))
    assert found < lucky.min() - lucky.std()
