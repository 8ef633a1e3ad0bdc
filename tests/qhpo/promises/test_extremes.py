"""Values of any size that floats have, of one objective and of several."""

from __future__ import annotations

import warnings

import numpy as np
import optuna
import pytest

from qhpo import QUBOSampler
from tests.qhpo.promises.cases import LIGHT

VALUES = {
    "largest": [1e300, -1e300, 1.7e308, -1.7e308, 5.0],
    "smallest": [5e-324, 1e-320, 0.0, 2e-308, 1e-310],
    "next to each other": [1e16, 1e16 + 2, 1e16 + 4, 1e16, 1e16 + 6],
    "infinite": [np.inf, -np.inf, 1.0, 2.0, 1e308],
    "of any size": [1e-300, 1e300, 1.0, 2.0, 3.0],
}


@pytest.mark.parametrize("directions", [["minimize"], ["minimize", "maximize"]])
@pytest.mark.parametrize("name", VALUES)
def test_are_searched_without_a_warning(name: str, directions: list[str]) -> None:
    values = VALUES[name]

    def objective(trial: optuna.Trial) -> list[float]:
        a, b = trial.suggest_int("a", 0, 9), trial.suggest_int("b", 0, 9)
        return [values[(a + 3 * b) % 5], a * 1e300][: len(directions)]

    sampler = QUBOSampler(seed=0, n_startup_trials=4, _settings=LIGHT)
    study = optuna.create_study(directions=directions, sampler=sampler)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study.optimize(objective, n_trials=14)
        if len(directions) == 1:
            found = sampler.recommend(study)
            assert min(values) <= found.value <= max(values)
            assert found.deviation >= 0.0
