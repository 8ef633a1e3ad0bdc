from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna._hypervolume import compute_hypervolume
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import TrialState, create_trial

from qhpo import QUBOSampler
from qhpo import constraints as c
from qhpo.history import dominators
from qhpo.study.scalarization import random_weights, scalarized
from tests.qhpo.promises.cases import LIGHT

FloatArray = NDArray[np.float64]

numbers = st.integers(-3, 3).map(float)
rows = st.integers(1, 3).flatmap(
    lambda m: st.lists(st.lists(numbers, min_size=m, max_size=m), min_size=1, max_size=12)
)


@given(rows, st.integers(0, 2**16))
def test_the_lowest_scalar_is_pareto_optimal(values: list[list[float]], seed: int) -> None:
    array = np.array(values)
    scalars = scalarized(array, random_weights(array.shape[1], np.random.default_rng(seed)))
    lowest = np.flatnonzero(np.isclose(scalars, scalars.min(), rtol=0, atol=1e-12))
    assert (dominators(array)[lowest] == 0).any()
    assert (scalars >= 0.0).all()


def test_every_optimum_is_the_lowest_under_some_weights_even_in_a_dent() -> None:
    # The one in the middle is above the line between its neighbours: no weighted sum finds it.
    values = np.array([[0.0, 1.0], [0.6, 0.6], [1.0, 0.0], [1.0, 1.0]])
    rng = np.random.default_rng(0)
    found = {int(scalarized(values, random_weights(2, rng)).argmin()) for _ in range(100)}
    assert found == {0, 1, 2}


@given(rows, st.integers(0, 2**16))
def test_units_do_not_matter(values: list[list[float]], seed: int) -> None:
    array = np.array(values)
    weights = random_weights(array.shape[1], np.random.default_rng(seed))
    units = np.arange(1, array.shape[1] + 1) * 1e6
    np.testing.assert_allclose(
        scalarized(array * units + 7.0, weights), scalarized(array, weights), atol=1e-6
    )


def test_the_scale_is_that_of_the_front_and_an_outlier_does_not_crush_it() -> None:
    front = np.array([[0.0, 4.0], [1.0, 2.0], [3.0, 0.0]])
    weights = np.array([0.5, 0.5])
    alone = scalarized(front, weights)
    with_outlier = scalarized(np.vstack([front, [1e9, 1e9]]), weights)
    np.testing.assert_array_equal(with_outlier[:3], alone)
    assert with_outlier[3] > 1e6


def test_infinite_values_count_as_the_nearest_finite() -> None:
    values = np.array([[0.0, 1.0], [1.0, 0.0], [np.inf, 5.0], [-np.inf, 5.0]])
    as_if = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 5.0], [0.0, 5.0]])
    weights = np.array([0.3, 0.7])
    np.testing.assert_array_equal(scalarized(values, weights), scalarized(as_if, weights))


@pytest.mark.parametrize("values", [np.empty((0, 2)), np.full((3, 2), np.inf), np.ones((2, 2))])
def test_nothing_to_tell_apart(values: FloatArray) -> None:
    assert scalarized(values, np.array([0.5, 0.5])).tolist() == [0.0] * len(values)


def test_the_largest_floats_have_a_distance() -> None:
    values = np.array([[-1e308, 0.0], [1e308, -1.0]])
    assert scalarized(values, np.array([0.5, 0.5])) == pytest.approx([0.525, 0.525])


def test_weights_are_even_over_the_simplex() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([random_weights(3, rng) for _ in range(3000)])
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0)
    np.testing.assert_allclose(drawn.mean(axis=0), 1 / 3, atol=0.02)
    # Evenly: the share above a half of the first is that of the cut-off corner, 1/4.
    assert abs((drawn[:, 0] > 0.5).mean() - 0.25) < 0.03


SPACE = {f"x{i}": CategoricalDistribution(range(5)) for i in range(6)}
_RNG = np.random.default_rng(0)
_MAINS = _RNG.normal(size=(2, 6, 5))
_PAIRS = 0.3 * _RNG.normal(size=(2, 6, 6, 5, 5))


def two_objectives(trial: optuna.Trial) -> tuple[float, float]:
    first, second = (float(value) for value in both(*_choices(trial)))
    return first, -second


def _choices(trial: optuna.Trial) -> list[int]:
    return [trial.suggest_categorical(f"x{i}", range(5)) for i in range(6)]


def both(*x: Any) -> tuple[Any, Any]:
    """Both objectives, to be minimized, of one configuration or of arrays of them."""
    first, second = (
        sum(_MAINS[k, i, x[i]] for i in range(6))
        + sum(_PAIRS[k, i, j, x[i], x[j]] for i in range(6) for j in range(i))
        for k in range(2)
    )
    return first, second


def search(sampler: BaseSampler, n_trials: int) -> optuna.Study:
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    study.optimize(two_objectives, n_trials=n_trials)
    return study


def minimized(study: optuna.Study) -> FloatArray:
    return np.array([trial.values for trial in study.trials]) * [1.0, -1.0]


@pytest.fixture(scope="module")
def searches() -> list[tuple[FloatArray, FloatArray]]:
    """Values that our trials found, and those of twice as many random ones."""
    return [
        (
            minimized(search(QUBOSampler(seed=seed), 40)),
            minimized(search(RandomSampler(seed=seed), 80)),
        )
        for seed in range(3)
    ]


def test_the_front_is_found_where_random_search_does_not_find_it(
    searches: list[tuple[FloatArray, FloatArray]],
) -> None:
    reference = np.array([10.0, 10.0])
    ahead = [
        compute_hypervolume(ours, reference) > compute_hypervolume(random, reference)
        for ours, random in searches
    ]
    assert all(ahead)


def test_the_trials_come_near_to_both_ends_of_the_front(
    searches: list[tuple[FloatArray, FloatArray]],
) -> None:
    optima = [values.min() for values in both(*np.indices((5,) * 6))]
    ours, random = (
        np.mean([values.min(axis=0) - optima for values in found], axis=0)
        for found in zip(*searches, strict=True)
    )
    assert (ours < 0.6 * random).all()


def test_the_same_seed_gives_the_same_trials_after_a_restart() -> None:
    whole = search(QUBOSampler(seed=1), 24)
    resumed = search(QUBOSampler(seed=1), 16)
    resumed.sampler = QUBOSampler(seed=1)
    resumed.optimize(two_objectives, n_trials=8)
    assert [t.params for t in resumed.trials] == [t.params for t in whole.trials]


def test_constraints_hold_and_nothing_is_repeated() -> None:
    rule = c.at_most(1, dict.fromkeys(SPACE, 0))
    study = search(QUBOSampler(SPACE, constraints=[rule], seed=0, _settings=LIGHT), 24)
    assert all(list(trial.params.values()).count(0) <= 1 for trial in study.trials)
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 24


def test_failed_trials_and_those_pruned_without_a_report_teach_the_same() -> None:
    done = search(RandomSampler(seed=0), 16).trials

    def suggested(states: list[TrialState], value: int) -> list[dict[str, int]]:
        study = optuna.create_study(directions=["minimize", "maximize"])
        study.add_trials(done)
        for state in states:
            params = dict.fromkeys(SPACE, value)
            study.add_trial(create_trial(state=state, params=params, distributions=SPACE))
        study.sampler = QUBOSampler(seed=0, _settings=LIGHT)
        study.optimize(two_objectives, n_trials=3)
        return [trial.params for trial in study.trials[-3:]]

    for value in (0, 4):
        failed = suggested([TrialState.FAIL] * 4, value)
        assert failed == suggested([TrialState.PRUNED] * 4, value)
        assert dict.fromkeys(SPACE, value) not in failed
