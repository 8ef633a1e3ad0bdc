import numpy as np
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.training.cartpole.evolution import evolve

GOAL = np.array([1.0, -2.0, 0.5])


def far(members: np.ndarray) -> np.ndarray:
    distances: np.ndarray = ((members - GOAL) ** 2).sum(axis=1)
    return distances


def minimize(costs=far, seed: int = 0, generations: int = 150, population: int = 16) -> np.ndarray:
    return evolve(
        costs,
        np.zeros(3),
        np.random.default_rng(seed),
        population=population,
        generations=generations,
        deviation=0.1,
        learning_rate=0.05,
    )


def test_finds_the_minimum() -> None:
    assert minimize() == pytest.approx(GOAL, abs=0.1)


def test_only_the_order_of_costs_counts() -> None:
    assert np.array_equal(minimize(), minimize(lambda members: np.exp(far(members)) - 7))


def test_members_are_mirrored_pairs_about_the_centre() -> None:
    seen = []

    def spy(members: np.ndarray) -> np.ndarray:
        seen.append(members.copy())
        return far(members)

    last = minimize(spy, generations=3, population=6)
    assert [members.shape for members in seen] == [(6, 3)] * 3
    assert np.allclose(seen[0][:3], -seen[0][3:])
    centres = [members.mean(axis=0) for members in seen]
    # Adam's first step has the size of the learning rate along every axis.
    assert np.abs(centres[1] - centres[0]) == pytest.approx([0.05] * 3, rel=1e-3)
    assert not np.allclose(last, centres[-1])


def test_seed_decides() -> None:
    assert np.array_equal(minimize(seed=1), minimize(seed=1))
    assert not np.array_equal(minimize(seed=1), minimize(seed=2))


@pytest.mark.parametrize("population", [0, 1, 7])
def test_population_must_be_pairs(population: int) -> None:
    with pytest.raises(QhpoError, match=f"population must be even .*got {population}"):
        minimize(population=population)
