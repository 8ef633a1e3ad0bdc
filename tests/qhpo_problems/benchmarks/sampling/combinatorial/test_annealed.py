"""The models of FMQA and BOCS against their formulas, and the search that both stand behind."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial
from scipy.optimize import check_grad

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.sampling.combinatorial.annealed import (
    AnnealedSampler,
    Bits,
    Quadratic,
)
from qhpo_problems.benchmarks.sampling.combinatorial.factorization import (
    FactorizationMachine,
    fmqa,
    loss,
)
from qhpo_problems.benchmarks.sampling.combinatorial.sparse import SparseRegression, bocs

FloatArray = npt.NDArray[np.float64]

FITTERS = {"fmqa": FactorizationMachine, "bocs": SparseRegression}


def test_two_levels_are_one_bit_and_more_levels_one_each() -> None:
    bits = Bits((2, 3, 2))
    assert bits.variables.tolist() == [0, 1, 1, 1, 2]
    encoded = bits.encode(np.array([[0, 0, 1], [1, 2, 0]]))
    assert encoded.tolist() == [[0, 1, 0, 0, 1], [1, 0, 0, 1, 0]]


@given(st.lists(st.integers(2, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_energies_are_those_of_the_bits(sizes: list[int], seed: int) -> None:
    bits, rng = Bits(tuple(sizes)), np.random.default_rng(seed)
    n_bits = len(bits.variables)
    model = Quadratic(rng.normal(size=n_bits), rng.normal(size=(n_bits, n_bits)))
    cases = np.array(list(product(*map(range, sizes))))
    z = bits.encode(cases)
    expected = z @ model.linear + np.einsum("ni,ij,nj->n", z, np.triu(model.pairs, 1), z)
    np.testing.assert_allclose(bits.tables(model).energies(cases), expected, atol=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_the_loss_of_the_machine_has_the_gradient_that_it_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z, y = rng.integers(2, size=(7, 4)).astype(float), rng.normal(size=7)
    parameters = rng.normal(size=1 + 4 + 4 * 2)
    wrong = check_grad(
        lambda x: loss(x, z, y)[0], lambda x: loss(x, z, y)[1], parameters, epsilon=1e-6
    )
    assert wrong < 1e-3


def test_the_machine_is_the_sum_over_pairs() -> None:
    rng = np.random.default_rng(0)
    z, y = rng.integers(2, size=(5, 4)).astype(float), rng.normal(size=5)
    parameters = rng.normal(size=1 + 4 + 4 * 3)
    constant, linear, factors = parameters[0], parameters[1:5], parameters[5:].reshape(4, 3)
    errors = [
        constant
        + sum(linear[i] * row[i] for i in range(4))
        + sum(factors[i] @ factors[j] * row[i] * row[j] for i in range(4) for j in range(i))
        - value
        for row, value in zip(z, y, strict=True)
    ]
    decay = 0.5e-3 * float(parameters[1:] @ parameters[1:])
    assert loss(parameters, z, y)[0] == pytest.approx(np.mean(np.square(errors)) + decay)


@pytest.mark.parametrize("name", FITTERS)
def test_what_is_quadratic_is_learnt(name: str) -> None:
    bits, rng = Bits((2,) * 6 + (3,)), np.random.default_rng(1)
    z = bits.encode(rng.integers(bits.sizes, size=(80, 7)))
    # Two effects and a pair of few: of low rank, and sparse.
    y = z[:, 0] - 2.0 * z[:, 1] * z[:, 2] + 0.5 * z[:, 7]
    y = (y - y.mean()) / y.std()
    model = FITTERS[name]().fit(bits, z, y, np.random.default_rng(0))
    fresh = bits.encode(rng.integers(bits.sizes, size=(200, 7)))
    truth = fresh[:, 0] - 2.0 * fresh[:, 1] * fresh[:, 2] + 0.5 * fresh[:, 7]
    told = fresh @ model.linear + np.einsum("ni,ij,nj->n", fresh, np.triu(model.pairs, 1), fresh)
    assert np.corrcoef(truth, told)[0, 1] > 0.98


def test_pairs_within_a_variable_have_no_coefficient() -> None:
    bits, rng = Bits((3, 2)), np.random.default_rng(0)
    z = bits.encode(rng.integers(bits.sizes, size=(12, 2)))
    model = SparseRegression().fit(bits, z, rng.normal(size=12), rng)
    assert {(int(i), int(j)) for i, j in zip(*np.nonzero(model.pairs), strict=True)} == {
        (0, 3),
        (1, 3),
        (2, 3),
    }


class _Fixed:
    """A model of which every test knows the minimum: the more bits, the better."""

    def fit(self, bits: Bits, z: FloatArray, y: FloatArray, rng: np.random.Generator) -> Quadratic:
        assert abs(y.mean()) < 1e-9
        return Quadratic(-np.arange(1.0, z.shape[1] + 1), np.zeros((z.shape[1], z.shape[1])))


def _ask(trial: optuna.Trial) -> float:
    return float(sum(trial.suggest_categorical(f"x{i}", ("a", "b")) == "a" for i in range(7)))


def _params(trials: list[FrozenTrial]) -> list[str]:
    return ["".join(trial.params.values()) for trial in trials]


def _energy(text: str) -> float:
    """Of the fixed model."""
    return -sum(i + 1.0 for i, letter in enumerate(text) if letter == "b")


def test_the_lowest_energy_that_is_new_is_tried() -> None:
    study = optuna.create_study(sampler=AnnealedSampler(_Fixed(), 0))
    study.optimize(_ask, n_trials=14)
    texts = _params(study.trials)
    # The minimum first, then its best neighbours, but for those of the ten random trials.
    best = sorted(("".join(text) for text in product("ab", repeat=7)), key=_energy)
    near = [text for text in best if text.count("a") <= 1 and text not in texts[:10]]
    assert texts[10:] == near[:4]


@pytest.mark.parametrize("make", [fmqa, bocs])
def test_the_search_finds_and_repeats_itself_under_a_seed(
    make: Callable[[int], AnnealedSampler],
) -> None:
    found = []
    for _ in range(2):
        study = optuna.create_study(sampler=make(3))
        study.optimize(_ask, n_trials=24)
        found.append(_params(study.trials))
        assert study.best_value == 0.0
        assert len(set(found[-1][10:]) - set(found[-1][:10])) == 14
    assert found[0] == found[1]


def test_a_space_that_is_used_up_does_not_end_the_search() -> None:
    study = optuna.create_study(sampler=AnnealedSampler(_Fixed(), 0))
    study.optimize(lambda trial: float(trial.suggest_categorical("x", (0, 1))), n_trials=13)
    assert len(study.trials) == 13


def test_numbers_are_refused() -> None:
    study = optuna.create_study(sampler=fmqa(0))
    study.optimize(lambda trial: trial.suggest_float("rate", 0, 1), n_trials=10)
    with pytest.raises(QhpoError, match=r"categorical parameters only; got Float.* for 'rate'"):
        study.ask().suggest_float("rate", 0, 1)
