"""Conditions are learnt from the trials, and what they leave unexplained stays with the rest."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import (
    FloatDistribution,
    IntDistribution,
)

from qhpo import QUBOSampler
from qhpo import constraints as c
from qhpo.study import published_params
from tests.qhpo.promises.cases import (
    LAYERS,
    LIGHT,
    Space,
    ask_all,
    ask_layers,
    make_study,
    messages,
    score,
)


class TestConditionsThatAreLearnt:
    def _published(self, study: optuna.Study, trial: optuna.Trial) -> dict[str, Any]:
        return published_params(study._storage.get_trial(trial._trial_id), LAYERS)

    @pytest.mark.parametrize("space", [LAYERS, None], ids=["declared", "inferred"])
    def test_running_trials_publish_what_is_active(self, space: Space | None) -> None:
        study = make_study(space, n_startup_trials=10)
        # Enough to tell every rule from every other.
        sampler, study.sampler = study.sampler, optuna.samplers.RandomSampler(seed=0)
        study.optimize(lambda t: score(ask_layers(t)), n_trials=40)
        study.sampler = sampler
        sizes = set()
        for _ in range(10):
            trial = study.ask()
            trial.suggest_int("n", 1, 3)
            published = self._published(study, trial)
            # What it is going to ask for, and nothing else.
            assert published == trial.relative_params
            assert published == ask_layers(trial)
            sizes.add(len(published))
            study.tell(trial, score(published))
        assert len(sizes) > 1

    def test_before_anything_is_learnt_everything_is_suggested(self) -> None:
        study = make_study(LAYERS)
        trial = study.ask()
        trial.suggest_int("n", 1, 3)
        assert set(trial.relative_params) == set(LAYERS)

    @pytest.mark.parametrize("space", [None, "declared"])
    def test_a_parameter_that_no_rule_explains_stays_with_the_rest(
        self, space: str | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        declared: Space = {
            "a": IntDistribution(0, 9),
            "b": IntDistribution(0, 9),
            "odd": FloatDistribution(0.0, 1.0),
        }
        study = make_study(declared if space else None, n_startup_trials=5)

        def objective(trial: optuna.Trial) -> float:
            params: dict[str, float] = {n: trial.suggest_int(n, 0, 9) for n in "ab"}
            if (params["a"] + params["b"]) % 2:
                params["odd"] = trial.suggest_float("odd", 0.0, 1.0)
                if trial.number > 12:
                    assert "odd" in trial.relative_params
                if trial.number > 18:
                    late.append(params["odd"])
            if trial.number > 14:
                # The space grows.
                trial.suggest_int("late", 0, 3)
            return abs(params["odd"] - 0.3) if "odd" in params else 0.2

        for number in np.random.default_rng(0).permutation(100)[:40].tolist():
            study.enqueue_trial({"a": number // 10, "b": number % 10})
        late: list[float] = []
        with caplog.at_level(logging.INFO, logger="qhpo"):
            study.optimize(objective, n_trials=40)
        assert messages(caplog) == []
        # The model has found where it is best; the mean distance at random is 0.29.
        assert len(late) > 6
        assert sum(abs(odd - 0.3) for odd in late) < 0.2 * len(late)

    def test_a_small_space_beside_it_is_not_exhausted(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        # Six configurations of a and b, of which three have another parameter to tune.
        study = make_study(None, n_startup_trials=3)

        def objective(trial: optuna.Trial) -> float:
            a, b = trial.suggest_int("a", 0, 2), trial.suggest_int("b", 0, 1)
            tuned = trial.suggest_float("tuned", 0, 1) if (a + b) % 2 else 0.5
            return a + abs(tuned - 0.25)

        with caplog.at_level(logging.WARNING, logger="qhpo"):
            study.optimize(objective, n_trials=30)
        assert messages(caplog) == []
        found = [t.params for t in study.trials]
        assert all("tuned" in params for params in found[-15:])
        assert study.best_value < 0.1

    def test_parameters_that_were_never_seen_come_from_their_own_range(self) -> None:
        study = make_study(None, n_startup_trials=3)

        def objective(trial: optuna.Trial) -> float:
            number = trial.suggest_int(f"x{trial.number}", 10 * trial.number, 10 * trial.number + 9)
            assert type(number) is int
            assert 10 * trial.number <= number <= 10 * trial.number + 9
            return float(number)

        study.optimize(objective, n_trials=8)

    def test_alternating_studies_of_one_storage_are_told_apart(self) -> None:
        # Both have as many trials, but other parameters are active.
        sampler = QUBOSampler(LAYERS, seed=0, n_startup_trials=2, _settings=LIGHT)
        storage = optuna.storages.InMemoryStorage()
        studies = [optuna.create_study(storage=storage, sampler=sampler) for _ in range(2)]

        def full(trial: optuna.Trial) -> float:
            return score(ask_all(trial, LAYERS))

        for study, objective in zip(studies, (lambda t: score(ask_layers(t)), full), strict=True):
            study.optimize(objective, n_trials=12)
        for study, is_whole in zip(studies * 2, (False, True) * 2, strict=True):
            study.enqueue_trial({"n": 1})
            trial = study.ask()
            trial.suggest_categorical("width_0", ["s", "l"])
            assert (set(trial.relative_params) == set(LAYERS)) == is_whole


class TestLearntConditionsUnderConstraints:
    SPACE: Space = {  # noqa: RUF012
        "n": IntDistribution(1, 2),
        "u": IntDistribution(0, 9),
        "w": IntDistribution(0, 9),
    }
    RULES = (c.linear({"u": 1, "w": 1}, "<=", 9),)

    @staticmethod
    def _objective(trial: optuna.Trial) -> float:
        n, w = trial.suggest_int("n", 1, 2), trial.suggest_int("w", 0, 9)
        u = trial.suggest_int("u", 0, 9) if n == 2 or trial.number >= 12 else 0
        return -float(w) - u / 2

    @pytest.mark.parametrize("w", [7, 8, 9])
    def test_a_child_that_is_asked_for_unexpectedly_keeps_them(self, w: int) -> None:
        study = make_study(self.SPACE, self.RULES, n_startup_trials=2)
        study.optimize(self._objective, n_trials=12)
        # From here on the rule is another: u is there with n = 1 too.
        study.enqueue_trial({"n": 1, "w": w})
        study.optimize(self._objective, n_trials=8)
        assert study.trials[12].params["w"] == w
        assert all("u" in t.params for t in study.trials[12:])
        assert all(t.params.get("u", 0) + t.params["w"] <= 9 for t in study.trials)

    def test_a_child_that_is_fixed_counts_as_active(self) -> None:
        study = make_study(self.SPACE, self.RULES, n_startup_trials=2)
        study.optimize(self._objective, n_trials=12)
        for u in (5, 7, 9):
            study.enqueue_trial({"n": 1, "u": u})
        study.optimize(self._objective, n_trials=3)
        assert [t.params["u"] for t in study.trials[12:]] == [5, 7, 9]
        assert all(t.params.get("u", 0) + t.params["w"] <= 9 for t in study.trials)
