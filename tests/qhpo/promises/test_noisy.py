"""Where values are known to be noisy, promising configurations are evaluated again."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from qhpo import QhpoError, QUBOSampler

SEEDS = range(4)


def _study(noise: float, seed: int, noisy: bool | None) -> optuna.Study:
    study = optuna.create_study(sampler=QUBOSampler(seed=seed, noisy=noisy))

    def objective(trial: optuna.Trial) -> float:
        x = [trial.suggest_int(f"x{i}", 0, 5) for i in range(3)]
        kind = trial.suggest_categorical("kind", ["a", "b"])
        true = sum(((value - 2) / 4) ** 2 for value in x) + (0.3 if kind == "b" else 0.0)
        trial.set_user_attr("true", true)
        return true + noise * float(np.random.default_rng([seed, trial.number]).normal())

    study.optimize(objective, n_trials=40)
    return study


def _n_repeats(study: optuna.Study) -> int:
    return len(study.trials) - len({tuple(trial.params.items()) for trial in study.trials})


def test_repeats_find_the_best_configuration_in_truth() -> None:
    studies = [_study(0.3, seed, noisy=True) for seed in SEEDS]
    assert all(_n_repeats(study) >= 3 for study in studies)
    found, luckiest = [], []
    for study in studies:
        assert isinstance(study.sampler, QUBOSampler)
        found.append(study.sampler.recommend(study).trial.user_attrs["true"])
        luckiest.append(study.best_trial.user_attrs["true"])
    assert np.mean(found) < np.mean(luckiest)


def test_what_is_repeated_is_promising() -> None:
    study = _study(0.3, 0, noisy=True)
    counts: dict[tuple[object, ...], list[float]] = {}
    for trial in study.trials:
        counts.setdefault(tuple(trial.params.items()), []).append(trial.user_attrs["true"])
    repeated = [true[0] for true in counts.values() if len(true) > 1]
    assert np.mean(repeated) < np.mean([true[0] for true in counts.values()])


@pytest.mark.parametrize("noisy", [None, False])
def test_nothing_is_repeated_otherwise(noisy: bool | None) -> None:
    assert _n_repeats(_study(0.3, 1, noisy)) == 0


def test_what_says_neither_is_refused() -> None:
    with pytest.raises(QhpoError, match=r"noisy must be True .* got 'yes'"):
        QUBOSampler(noisy="yes")  # type: ignore[arg-type]
