"""Constraints and conditions do not keep the model from finding what is best."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo import constraints as c
from tests.qhpo.promises.cases import Condition, Space, make_study

N_TRIALS = 28


def best_values(objective: Any, n_startup_trials: int, **arguments: Any) -> list[float]:
    found = []
    for seed in range(3):
        study = make_study(**arguments, seed=seed, n_startup_trials=n_startup_trials)
        study.optimize(objective, n_trials=N_TRIALS)
        found.append(study.best_value)
    return found


class TestUnderConstraints:
    """What to pack, in pairs worth more or less than apart, so that it weighs 25 at most."""

    WEIGHTS = (3, 5, 7, 4, 6, 8, 3, 5, 9, 4, 7, 6)
    LIMIT = 25
    SPACE: Space = {f"x{i:02}": CategoricalDistribution([0, 1]) for i in range(12)}  # noqa: RUF012
    RULE = c.linear(dict(zip(SPACE, WEIGHTS, strict=True)), "<=", LIMIT)

    @classmethod
    def _loss(cls, x: np.ndarray) -> float:
        rng = np.random.default_rng(0)
        worth, pairs = rng.uniform(2.0, 8.0, 12), np.triu(rng.normal(size=(12, 12)), 1)
        return -float(worth @ x + x @ pairs @ x)

    def _objective(self, trial: optuna.Trial) -> float:
        x = np.array([trial.suggest_categorical(name, [0, 1]) for name in self.SPACE])
        assert x @ self.WEIGHTS <= self.LIMIT
        return self._loss(x)

    def test_the_model_comes_nearer_to_the_optimum_than_the_design(self) -> None:
        every = map(np.array, itertools.product([0, 1], repeat=12))
        optimum = min(self._loss(x) for x in every if x @ self.WEIGHTS <= self.LIMIT)
        arguments: dict[str, Any] = {"space": self.SPACE, "constraints": [self.RULE]}
        ours = np.array(best_values(self._objective, 8, **arguments)) - optimum
        design = np.array(best_values(self._objective, N_TRIALS, **arguments)) - optimum
        assert (ours >= -1e-9).all()
        assert ours.sum() < 0.4 * design.sum()


class TestUnderConditions:
    """Two layers are best, of widths 3 and 12; of three the last is never worth it."""

    SPACE: Space = {  # noqa: RUF012
        "n": IntDistribution(1, 3),
        **{f"w{i}": IntDistribution(0, 20) for i in range(3)},
    }
    CONDITIONS: Condition = {"w1": {"n": [2, 3]}, "w2": {"n": 3}}  # noqa: RUF012

    @staticmethod
    def _objective(trial: optuna.Trial) -> float:
        n = trial.suggest_int("n", 1, 3)
        off = [abs(trial.suggest_int(f"w{i}", 0, 20) - (3, 12, 8)[i]) for i in range(n)]
        return sum(off) / 10 + abs(n - 2)

    @pytest.mark.parametrize("conditions", [CONDITIONS, None], ids=["declared", "learnt"])
    def test_what_only_some_trials_have_is_tuned(self, conditions: Condition | None) -> None:
        arguments: Mapping[str, Any] = {"space": self.SPACE, "conditions": conditions}
        ours = best_values(self._objective, 8, **arguments)
        design = best_values(self._objective, N_TRIALS, **arguments)
        assert sum(ours) < 0.4 * sum(design)
