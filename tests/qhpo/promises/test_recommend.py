"""What is recommended is the best in truth, not the luckiest, and said in the study's own unit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import optuna
import pytest

from qhpo import QhpoError, QUBOSampler, Recommendation


def _bowl(trial: optuna.Trial) -> float:
    """True value of a trial, at least 0."""
    x, y = trial.suggest_float("x", -1.0, 1.0), trial.suggest_float("y", -1.0, 1.0)
    kind = trial.suggest_categorical("kind", ["a", "b"])
    return (x - 0.3) ** 2 + (y + 0.2) ** 2 + (0.3 if kind == "b" else 0.0)


def _study(
    noise: float, seed: int, n_trials: int = 25, *, scale: float = 1.0, shift: float = 0.0
) -> optuna.Study:
    direction = "maximize" if scale < 0.0 else "minimize"
    study = optuna.create_study(sampler=QUBOSampler(seed=seed), direction=direction)

    def objective(trial: optuna.Trial) -> float:
        true = _bowl(trial)
        trial.set_user_attr("true", true)
        luck = np.random.default_rng([seed, trial.number]).normal()
        return shift + scale * (true + noise * float(luck))

    study.optimize(objective, n_trials=n_trials)
    return study


def _recommend(study: optuna.Study) -> Recommendation:
    assert isinstance(study.sampler, QUBOSampler)
    return study.sampler.recommend(study)


def test_without_noise_it_is_the_best_trial_and_its_value() -> None:
    study = _study(0.0, seed=0)
    recommended = _recommend(study)
    assert recommended.trial == study.best_trial
    assert recommended.params == study.best_params
    assert recommended.value == pytest.approx(study.best_value, abs=0.02)
    assert 0.0 <= recommended.deviation < 0.05


def test_under_noise_it_is_better_than_the_luckiest_and_promises_less() -> None:
    studies = [_study(0.4, seed) for seed in range(8)]
    found = [_recommend(study) for study in studies]
    true = [recommended.trial.user_attrs["true"] for recommended in found]
    luckiest = [study.best_trial.user_attrs["true"] for study in studies]
    assert np.mean(true) < np.mean(luckiest)
    # The luckiest value is far below anything that is there; the promise is nearer to the truth.
    for study, recommended in zip(studies, found, strict=True):
        error = abs(recommended.value - recommended.trial.user_attrs["true"])
        assert error < abs(study.best_value - study.best_trial.user_attrs["true"])


@pytest.mark.parametrize(("scale", "shift"), [(1e3, 0.0), (-1.0, 0.0), (2.0, 1e4)])
def test_the_unit_and_the_direction_of_the_study_do_not_matter(scale: float, shift: float) -> None:
    plain, other = _study(0.1, 3), _study(0.1, 3, scale=scale, shift=shift)
    expected, got = _recommend(plain), _recommend(other)
    assert got.trial.number == expected.trial.number
    assert got.value == pytest.approx(shift + scale * expected.value, rel=1e-6)
    assert got.deviation == pytest.approx(abs(scale) * expected.deviation, rel=1e-4)


def test_another_process_recommends_the_same() -> None:
    study = _study(0.2, 5)
    assert QUBOSampler(seed=5).recommend(study) == _recommend(study)


def test_of_repeats_it_is_the_best_one() -> None:
    study = _study(0.0, seed=1, n_trials=15)
    best = study.best_trial
    for value in (best.value + 0.02, best.value - 0.02, best.value + 0.01):
        study.add_trial(
            optuna.create_trial(params=best.params, distributions=best.distributions, value=value)
        )
    assert _recommend(study).trial.number == len(study.trials) - 2


def test_infinite_values_pruned_and_failed_trials_are_never_recommended() -> None:
    study = optuna.create_study(sampler=QUBOSampler(seed=0))

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_int("x", 0, 30)
        if x % 3 == 0:
            return math.inf
        if x % 3 == 1:
            trial.report(-1.0, 0)
            raise optuna.TrialPruned
        return float(x)

    study.optimize(objective, n_trials=15)
    recommended = _recommend(study)
    assert math.isfinite(recommended.trial.values[0])
    assert recommended.trial.params["x"] % 3 == 2


@pytest.mark.parametrize(
    ("directions", "n_trials", "rule"),
    [
        (["minimize", "minimize"], 3, "one objective; got 2; `recommend_front`"),
        (["minimize"], 0, "complete trial.*none among 0 trials"),
    ],
)
def test_what_cannot_be_recommended_is_a_clear_error(
    directions: list[Any], n_trials: int, rule: str
) -> None:
    study = optuna.create_study(directions=directions, sampler=QUBOSampler(seed=0))
    study.optimize(lambda trial: [trial.suggest_float("x", 0, 1)] * len(directions), n_trials)
    with pytest.raises(QhpoError, match=rule):
        _recommend(study)


def test_what_broke_a_measured_constraint_is_not_recommended() -> None:
    study = optuna.create_study(sampler=QUBOSampler(seed=0))
    x = optuna.distributions.FloatDistribution(0.0, 1.0)

    def add(value: float, amount: float) -> None:
        made = optuna.create_trial(
            params={"x": value}, distributions={"x": x}, value=value, constraints={"c": amount}
        )
        study.add_trial(made)

    for value in (0.0, 0.1, 0.2):
        add(value, 0.3 - value)
    with pytest.raises(QhpoError, match="kept the declared constraints"):
        _recommend(study)
    for value in (0.7, 0.3, 0.9):
        add(value, 0.3 - value)
    assert _recommend(study).trial.number == 4
