from __future__ import annotations

import itertools
from collections.abc import Hashable

import dimod
import numpy as np
import pytest
from dwave.samplers import SteepestDescentSampler
from numpy.typing import NDArray

from qhpo.errors import QhpoError, SolverError
from qhpo_problems.formulations import BinaryModel, Formulation, minimize, solve
from qhpo_problems.formulations.base import BLOCK
from qhpo_problems.formulations.exchange import descend_by_bits, exchange, with_count

IntArray = NDArray[np.intp]


def model_of(n: int, count: int | None, seed: int) -> BinaryModel:
    rng = np.random.default_rng(seed)
    quadratic = rng.normal(size=(n, n))
    return BinaryModel(quadratic + quadratic.T, rng.normal(size=n), 0.7, count)


def all_bits(n: int) -> IntArray:
    return np.array(list(itertools.product((0, 1), repeat=n)), dtype=np.intp)


def optimum(model: BinaryModel) -> float:
    bits = all_bits(model.n_bits)
    if model.count is not None:
        bits = bits[bits.sum(axis=1) == model.count]
    return float(model.energies(bits).min())


class Chosen(Formulation[frozenset[int]]):
    """The numbers of the bits that are 1."""

    def __init__(self, model: BinaryModel) -> None:
        self._model = model

    @property
    def model(self) -> BinaryModel:
        return self._model

    def solution_of(self, bits: IntArray) -> frozenset[int]:
        return frozenset(np.flatnonzero(bits).tolist())

    def objective(self, solution: frozenset[int]) -> float:
        m, ones = self._model, sorted(solution)
        return float(0.5 * m.quadratic[np.ix_(ones, ones)].sum() + m.linear[ones].sum() + m.offset)


def test_energies_follow_the_formula() -> None:
    model = model_of(5, None, 0)
    bits = all_bits(5)
    formula = [0.5 * x @ model.quadratic @ x + model.linear @ x + model.offset for x in bits]
    np.testing.assert_allclose(model.energies(bits), formula)


def test_a_field_is_what_a_one_adds() -> None:
    model = model_of(6, None, 1)
    bits = all_bits(6)
    fields = model.fields(bits)
    for i in range(6):
        on, off = bits.copy(), bits.copy()
        on[:, i], off[:, i] = 1, 0
        np.testing.assert_allclose(fields[:, i], model.energies(on) - model.energies(off))


def test_a_penalty_leaves_energies_of_k_ones() -> None:
    model = model_of(6, 2, 2)
    bits = all_bits(6)
    off = bits.sum(axis=1) - 2
    np.testing.assert_allclose(
        model.penalized(3.0, 0.4).energies(bits), model.energies(bits) + 3.0 * off**2 + 0.4 * off
    )


@pytest.mark.parametrize("count", [None, 3])
def test_the_model_of_free_bits_has_equal_energies(count: int | None) -> None:
    model = model_of(8, count, 3)
    bits = np.array([1, 0, 1, 0, 0, 1, 0, 0])
    free = np.array([5, 1, 6])
    part = model.given(bits, free)
    assert part.count == (None if count is None else 1)
    for values in all_bits(3):
        whole = bits.copy()
        whole[free] = values
        np.testing.assert_allclose(part.energies(values[None]), model.energies(whole[None]))


@pytest.mark.parametrize("count", [None, 0, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_models_of_ocean_have_the_optimum(count: int | None, seed: int) -> None:
    model = model_of(5, count, seed)
    formulation = Chosen(model)
    best = optimum(model)
    bqm = dimod.ExactSolver().sample(formulation.to_bqm()).first
    assert bqm.energy == pytest.approx(best)
    assert formulation.objective(formulation.decode(bqm.sample)) == pytest.approx(best)
    cqm = dimod.ExactCQMSolver().sample_cqm(formulation.to_cqm())
    feasible = cqm.filter(lambda row: row.is_feasible).first
    assert feasible.energy == pytest.approx(best)
    assert formulation.objective(formulation.decode(feasible.sample)) == pytest.approx(best)


def test_a_sample_with_too_many_ones_is_repaired() -> None:
    sample: dict[Hashable, float] = dict.fromkeys(range(6), 1)
    assert len(Chosen(model_of(6, 2, 4)).decode(sample)) == 2


@pytest.mark.parametrize("solver", ["neal", "potts", "tabu", "exact", SteepestDescentSampler()])
@pytest.mark.parametrize("count", [None, 0, 1, 4, 10])
def test_solvers_find_the_optimum(solver: str | dimod.Sampler, count: int | None) -> None:
    for seed in range(3):
        formulation = Chosen(model_of(10, count, seed))
        solution = solve(formulation, solver, seed=seed)
        assert count is None or len(solution) == count
        assert formulation.objective(solution) == pytest.approx(optimum(formulation.model))


@pytest.mark.parametrize("n", [60, BLOCK + 10])
def test_the_anneal_beats_its_start(n: int) -> None:
    gains = []
    for seed in range(5):
        model = model_of(n, 10, seed)
        start = exchange(model, with_count(model, np.zeros(n, dtype=np.intp), 10))
        gains.append(float(model.energies([start])[0] - model.energies([minimize(model)])[0]))
    assert min(gains) >= 0.0
    assert max(gains) > 0.1


def test_exchanges_end_where_no_exchange_helps() -> None:
    model = model_of(12, 5, 6)
    start = with_count(model, np.zeros(12, dtype=np.intp), 5)
    end = exchange(model, start[::-1].copy())
    assert end.sum() == 5
    energy = model.energies(end[None])[0]
    for i, j in itertools.product(np.flatnonzero(end == 1), np.flatnonzero(end == 0)):
        other = end.copy()
        other[[i, j]] = other[[j, i]]
        assert model.energies(other[None])[0] >= energy - 1e-9


def test_a_descent_ends_where_no_bit_helps() -> None:
    model = model_of(12, None, 6)
    end = descend_by_bits(model, np.zeros(12, dtype=np.intp))
    changed = np.abs(end - np.eye(12, dtype=np.intp))
    assert (model.energies(changed) >= model.energies([end]) - 1e-9).all()


@pytest.mark.parametrize("count", [None, 40])
def test_more_bits_than_a_block(count: int | None) -> None:
    n = BLOCK + 50
    rng = np.random.default_rng(5)
    # Two halves of a ferromagnet that repel each other, its bits shuffled: the optimum is known.
    side = rng.permutation(np.arange(n) % 2)
    quadratic = np.where(side[:, None] == side, -1.0, 1.0)
    model = BinaryModel(quadratic, np.where(side == 1, -0.5, 0.0), count=count)
    bits = minimize(model, "potts", seed=1)
    ones = n // 2 if count is None else count
    np.testing.assert_array_equal(np.unique(side[bits == 1]), [1])
    assert bits.sum() == ones


@pytest.mark.parametrize("count", [None, 7])
def test_many_bits_that_do_not_interact(count: int | None) -> None:
    n = BLOCK + 30
    linear = np.random.default_rng(0).normal(size=n)
    bits = minimize(BinaryModel(np.zeros((n, n)), linear, count=count))
    least = np.sort(linear)[:count] if count else linear[linear < 0]
    np.testing.assert_allclose(linear[bits == 1].sum(), least.sum())


def test_never_worse_than_the_start() -> None:
    class Poor(dimod.IdentitySampler):
        def sample(self, bqm: dimod.BinaryQuadraticModel, **_: object) -> dimod.SampleSet:
            zeros = dict.fromkeys(bqm.variables, -1)
            return dimod.SampleSet.from_samples_bqm(zeros, bqm.change_vartype("SPIN", False))

    model = model_of(30, None, 7)
    start = minimize(model, seed=1)
    np.testing.assert_array_equal(minimize(model, Poor(), start=start), start)


def test_equal_seeds_give_equal_bits() -> None:
    model = model_of(BLOCK + 20, 60, 8)
    np.testing.assert_array_equal(minimize(model, seed=3), minimize(model, seed=3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 3)), np.zeros(2)), "shape"),
        ((np.array([[0.0, 1.0], [0.0, 0.0]]), np.zeros(2)), "symmetric"),
        ((np.full((2, 2), np.nan), np.zeros(2)), "finite"),
        ((np.zeros((2, 2)), np.zeros(2), 0.0, 3), "got 3"),
    ],
)
def test_refused_models(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        BinaryModel(*arguments)  # type: ignore[arg-type]


def test_refused_starts_and_solvers() -> None:
    model = model_of(4, 2, 9)
    with pytest.raises(QhpoError, match=r"4 bits .* shape \(3,\)"):
        minimize(model, start=np.zeros(3, dtype=np.intp))
    with pytest.raises(QhpoError, match="2 ones; got 0"):
        minimize(model, start=np.zeros(4, dtype=np.intp))
    with pytest.raises(SolverError, match="did you mean 'neal'"):
        minimize(model, "naal")
