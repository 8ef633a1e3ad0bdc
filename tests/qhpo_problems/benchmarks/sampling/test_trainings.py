"""Noise is a trial's own, and the truth about a configuration is nobody's trial."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest
from optuna.samplers import RandomSampler

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.sampling import trainings
from qhpo_problems.benchmarks.sampling.noisy import SUITE
from qhpo_problems.benchmarks.sampling.trainings import TRAININGS, Training, load_training


def _configuration(training: Training, seed: int = 0) -> trainings.Params:
    return training.suggest(optuna.create_study(sampler=RandomSampler(seed)).ask())


@pytest.mark.parametrize("name", TRAININGS)
def test_every_training_trains(name: str) -> None:
    training = load_training(name)
    error = training.answer(_configuration(training), np.random.default_rng(0))
    assert type(error) is float
    assert math.isfinite(error)
    assert error <= 1.0
    assert training.optimum < training.reference
    assert training.gap(training.optimum) == 0
    assert SUITE.tables[name] == training.description


@pytest.mark.parametrize("name", ["knn-digits", "ada-wine", "svm-diabetes"])
def test_noise_differs_between_calls_and_not_between_repeats_of_a_seed(name: str) -> None:
    training = load_training(name)
    configuration = _configuration(training)

    def answers(seed: int) -> list[float]:
        rng = np.random.default_rng(seed)
        return [training.answer(configuration, rng) for _ in range(4)]

    assert answers(0) == answers(0)
    assert len(set(answers(0))) > 1
    assert answers(0) != answers(1)


def test_a_value_is_the_mean_of_trainings_that_are_the_same_in_every_process() -> None:
    training, again = load_training("svm-diabetes"), Training("svm-diabetes")
    configuration = _configuration(training)
    value = training.value(configuration)
    assert value == again.value(configuration)
    many = [training.answer(configuration, np.random.default_rng(seed)) for seed in range(48)]
    assert value not in many
    error = np.std(many, ddof=1) * math.sqrt(2 / 48)
    assert value == pytest.approx(np.mean(many), abs=4 * error)


def test_methods_share_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    training = load_training("knn-digits")
    configuration = (("n_neighbors", 3), ("p", 2))
    value = training.value(configuration)
    monkeypatch.setattr(Training, "answer", lambda *_: pytest.fail("trained again"))
    assert load_training("knn-digits").value((("n_neighbors", 3), ("p", 2))) == value


def test_a_training_that_diverges_counts_as_knowing_nothing() -> None:
    training = load_training("sgd-digits")
    params = dict(_configuration(training)) | {"learning_rate_init": 1e6, "batch_size": 10}
    assert training.answer(tuple(params.items()), np.random.default_rng(0)) <= 1.0


def test_a_better_configuration_has_a_better_value() -> None:
    training = load_training("knn-digits")
    one, many = ((("n_neighbors", n), ("p", 2)) for n in (1, 25))
    assert training.gap(training.value(one)) < 0.5 < training.gap(training.value(many))


def test_unknown_training_names_the_known() -> None:
    with pytest.raises(QhpoError, match=r"one of: tree-breast, .*; got 'knn-iris'"):
        load_training("knn-iris")
