"""The recommended front is the one in truth, not that of lucky trials, in the study's own units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from qhpo import QhpoError, QUBOSampler, Recommendation
from qhpo import constraints as c
from qhpo.history import dominators

X = FloatDistribution(0.0, 4.0)
PLACES = np.linspace(0.0, 4.0, 33)


def _true(x: float) -> tuple[float, float]:
    """Two bowls: between their lowest points, 1 and 2, no configuration dominates another."""
    return (x - 1.0) ** 2, (x - 2.0) ** 2


def _study(
    values: Sequence[Sequence[float]], directions: Sequence[str] = ("minimize", "minimize")
) -> optuna.Study:
    """A trial of each place."""
    study = optuna.create_study(directions=list(directions), sampler=QUBOSampler(seed=0))
    for x, each in zip(PLACES, values, strict=True):
        study.add_trial(_trial(float(x), each))
    return study


def _trial(x: float, values: Sequence[float], **more: Any) -> optuna.trial.FrozenTrial:
    return optuna.create_trial(
        params={"x": x}, distributions={"x": X}, values=[float(v) for v in values], **more
    )


def _front(study: optuna.Study) -> list[Recommendation]:
    assert isinstance(study.sampler, QUBOSampler)
    return study.sampler.recommend_front(study)


def _numbers(front: Sequence[Recommendation]) -> list[int]:
    return [one.trial.number for one in front]


def _noisy(scales: Sequence[float] = (1.0, 1.0), shift: float = 0.0) -> list[list[float]]:
    luck = np.random.default_rng(3).normal(scale=0.3, size=(len(PLACES), 2))
    return [
        [shift + s * (v + e) for s, v, e in zip(scales, _true(x), errors, strict=True)]
        for x, errors in zip(PLACES, luck, strict=True)
    ]


def test_a_lucky_trial_is_on_the_observed_front_and_not_on_the_recommended_one() -> None:
    values = [list(_true(x)) for x in PLACES]
    lucky = 28  # at 3.5, where both objectives are far from their lowest
    values[lucky] = [-0.5, -0.5]
    study = _study(values)
    assert [trial.number for trial in study.best_trials] == [lucky]
    front = _front(study)
    assert lucky not in _numbers(front)
    # What is left is what no other one dominates in truth.
    assert {round(one.params["x"], 3) for one in front} >= {1.25, 1.5, 1.75}
    assert all(0.8 < one.params["x"] < 2.2 for one in front)


def test_under_noise_it_is_nearer_to_the_true_front_and_promises_less() -> None:
    study = _study(_noisy())
    front = _front(study)

    def miss(numbers: Sequence[int]) -> float:
        """Mean distance from the true front."""
        x = PLACES[list(numbers)]
        return float(np.maximum(np.maximum(1.0 - x, x - 2.0), 0.0).mean())

    observed = [trial.number for trial in study.best_trials]
    assert miss(_numbers(front)) < miss(observed)
    error = np.mean([np.abs(np.subtract(one.values, _true(one.params["x"]))) for one in front])
    believed = [np.abs(np.subtract(t.values, _true(t.params["x"]))) for t in study.best_trials]
    assert error < np.mean(believed)


def test_no_recommended_one_dominates_another_and_each_other_is_dominated() -> None:
    study = _study(_noisy())
    front = _front(study)
    values = np.array([one.values for one in front])
    assert not dominators(values).any()
    assert list(values[:, 0]) == sorted(values[:, 0])
    assert len(set(_numbers(front))) == len(front) < len(PLACES)
    assert all(d > 0.0 for one in front for d in one.deviations)


@pytest.mark.parametrize(
    ("scales", "shift"), [((-1.0, -1.0), 0.0), ((1e3, -1e-3), 0.0), ((2.0, 2.0), 1e4)]
)
def test_units_and_directions_do_not_matter(scales: tuple[float, float], shift: float) -> None:
    directions = ["maximize" if s < 0.0 else "minimize" for s in scales]
    expected = _front(_study(_noisy()))
    got = _front(_study(_noisy(scales, shift), directions))
    assert _numbers(got) == _numbers(expected)
    for one, other in zip(got, expected, strict=True):
        assert one.values == pytest.approx(shift + np.multiply(scales, other.values), rel=1e-6)
        deviations = np.abs(np.multiply(scales, other.deviations))
        assert one.deviations == pytest.approx(deviations, rel=1e-4)


def test_another_process_recommends_the_same() -> None:
    study = _study(_noisy())
    assert QUBOSampler(seed=0).recommend_front(study) == _front(study)


def test_what_broke_a_measured_constraint_is_not_on_it() -> None:
    study = _study([_true(x) for x in PLACES])
    front = _numbers(_front(study))
    other = optuna.create_study(directions=study.directions, sampler=QUBOSampler(seed=0))
    for trial in study.trials:
        # Only what lies above 1.5 keeps it.
        values, amount = trial.values, 1.5 - trial.params["x"]
        other.add_trial(_trial(trial.params["x"], values, constraints={"c": amount}))
    kept = [one.params["x"] for one in _front(other)]
    assert min(PLACES[front]) < 1.5
    assert kept
    assert min(kept) >= 1.5


def test_what_breaks_a_declared_constraint_is_not_on_it() -> None:
    space = {"a": IntDistribution(0, 4), "b": IntDistribution(0, 4)}
    study = optuna.create_study(directions=["minimize", "maximize"])
    for a in range(5):
        for b in range(5):
            study.add_trial(
                optuna.create_trial(
                    params={"a": a, "b": b},
                    distributions=dict(space),
                    values=[a + 0.1 * b, b - 0.5 * a],
                )
            )
    rule = c.linear({"a": 1, "b": 1}, ">=", 4)
    sampler = QUBOSampler(space, constraints=[rule], seed=0, noisy=False)
    front = sampler.recommend_front(study)
    assert [one.params for one in front] == [{"a": 0, "b": 4}]
    free = QUBOSampler(space, seed=0, noisy=False).recommend_front(study)
    assert [one.params for one in free] == [{"a": 0, "b": b} for b in range(5)]


@pytest.mark.parametrize("directions", [["minimize"], ["minimize", "minimize"]])
def test_nothing_that_breaks_all_rules_is_recommended(directions: list[str]) -> None:
    space = {"a": IntDistribution(0, 4)}
    study = optuna.create_study(directions=directions)
    for a in range(3):
        made = optuna.create_trial(
            params={"a": a}, distributions=dict(space), values=[float(a)] * len(directions)
        )
        study.add_trial(made)
    sampler = QUBOSampler(space, constraints=[c.linear({"a": 1}, ">=", 4)], seed=0)
    with pytest.raises(QhpoError, match=r"kept the declared constraints.*none among 3 trials"):
        sampler.recommend_front(study)


def test_a_configuration_is_there_once_with_its_trial_of_best_first_value() -> None:
    study = _study([_true(x) for x in PLACES])
    first = _front(study)[0]
    for shift in (0.02, -0.02, 0.01):
        study.add_trial(_trial(first.params["x"], [v + shift for v in first.trial.values]))
    front = _front(study)
    assert len({one.params["x"] for one in front}) == len(front)
    assert len(study.trials) - 2 in _numbers(front)


def test_each_objective_is_expected_to_be_what_it_would_be_alone() -> None:
    front = _front(_study(_noisy()))
    alone = _study([values[1:] for values in _noisy()], ["minimize"])
    best, other = _front(alone)[0], min(front, key=lambda one: one.values[1])
    assert best.trial.params == other.trial.params
    assert (best.value, best.deviation) == pytest.approx((other.values[1], other.deviations[1]))


def test_of_one_objective_it_is_what_is_recommended() -> None:
    study = _study([values[:1] for values in _noisy()], ["minimize"])
    assert isinstance(study.sampler, QUBOSampler)
    best = study.sampler.recommend(study)
    assert _front(study) == [best]
    assert (best.value, best.deviation) == (best.values[0], best.deviations[0])


def _value(found: Recommendation) -> float:
    return found.value


def _deviation(found: Recommendation) -> float:
    return found.deviation


@pytest.mark.parametrize("read", [_value, _deviation])
def test_of_several_objectives_there_is_no_one_value(
    read: Callable[[Recommendation], float],
) -> None:
    front = _front(_study([_true(x) for x in PLACES]))
    with pytest.raises(QhpoError, match=f"`{read.__name__[1:]}s` has one for each"):
        read(front[0])
