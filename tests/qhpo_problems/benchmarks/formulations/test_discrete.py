from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge

from qhpo_problems.benchmarks.formulations import digits as network
from qhpo_problems.benchmarks.formulations import discrete
from qhpo_problems.benchmarks.formulations.discrete import (
    SUITE,
    measure_discrete,
    nearest,
    one_flip,
)
from qhpo_problems.formulations.discrete import levels_of, moments_of
from qhpo_problems.training.data.digits import digits as split_of
from qhpo_problems.training.fit.loop import error_share, fit
from qhpo_problems.training.fit.settings import TrainingSettings
from qhpo_problems.training.networks.configs import CNNConfig
from qhpo_problems.training.networks.convolution import build_cnn


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    iris, diabetes = (load(return_X_y=True) for load in (load_iris, load_diabetes))
    two = iris[1] > 0
    tables = {
        "two": (
            "",
            lambda seed: discrete._scaled(iris[0][two], iris[1][two] - 1, seed, classes=True),
        ),
        "three": ("", lambda seed: discrete._scaled(*iris, seed, classes=True)),
        "numbers": ("", lambda seed: discrete._scaled(*diabetes, seed, classes=False)),
    }
    monkeypatch.setattr(discrete, "_TABLES", tables)
    monkeypatch.setattr(discrete, "_WEIGHTS", {"ternary": "ternary", "3 bits": 3})


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("table", ["two", "three", "numbers"])
def test_losses_stand_in_the_order_of_effort(table: str) -> None:
    measured = {m: measure_discrete(table, m, 0) for m in SUITE.methods}
    for position in range(2):
        at = {method: numbers[position] for method, numbers in measured.items()}
        assert all(set(n) == {metric.name for metric in SUITE.metrics} for n in at.values())
        for least, less, more, most in [
            ("ridge", "neal", "two-flip", "nearest"),
            ("ridge", "blocks", "one-flip", "nearest"),
        ]:
            losses = [at[name]["loss"] for name in (least, less, more, most)]
            assert losses == sorted(losses)
        assert at["ridge"]["loss"] < at["neal"]["loss"]
        assert at["logistic"]["loss"] >= at["ridge"]["loss"]
        assert at["neal"]["score"] > (0.35 if table == "numbers" else 0.75)


@pytest.mark.usefixtures("small")
def test_references_are_those_of_scikit_learn() -> None:
    sample = discrete._TABLES["numbers"][1](0)
    plain = Ridge(alpha=1.0).fit(sample.train, sample.targets[:, 0])
    (numbers, *_) = measure_discrete("numbers", "ridge", 0)
    assert numbers["score"] == pytest.approx(plain.score(sample.test, sample.answers))
    sample = discrete._TABLES["three"][1](0)
    classes = sample.targets.argmax(axis=1)
    logistic = LogisticRegression(max_iter=5000).fit(sample.train, classes)
    (numbers, *_) = measure_discrete("three", "logistic", 0)
    assert numbers["score"] == logistic.score(sample.test, sample.answers)


@pytest.mark.parametrize("weights", ["binary", "ternary", 3])
def test_roundings_end_where_they_say(weights: str | int) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 12)) + rng.normal(size=(80, 1))
    moments, levels = moments_of(X, X @ rng.normal(size=(12, 4)), 1.0), levels_of(weights)
    rounded, moved = nearest(moments, levels), one_flip(moments, levels)
    # Where no step gains, both are the same but for rounding.
    assert (moments.losses(moved.values) <= moments.losses(rounded.values) * (1 + 1e-12)).all()
    # Of more levels, single steps from nearest rounding mostly all cost.
    gained = moments.losses(moved.values).sum() < moments.losses(rounded.values).sum()
    assert gained or weights == 3
    values = levels.values(np.arange(levels.top + 1))
    least = moments.losses(moved.values)
    for i in range(12):
        for value in values:
            other = moved.levels.copy()
            other[:, i] = value
            assert (moments.losses(moved.scales[:, None] * other) >= least - 1e-9).all()


def test_the_last_layer_is_that_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    split, architecture = split_of(100), CNNConfig((4, 6), 3, "max", True, "relu", 0.0)
    settings = TrainingSettings("adamw", 1e-2, 0.0, 32, 3)
    fitted = fit(lambda: build_cnn(architecture), split, settings, seed=100)
    monkeypatch.setattr(network, "trained", lambda seed: (fitted, split))
    monkeypatch.setattr(discrete, "_WEIGHTS", {"ternary": "ternary"})
    (numbers,) = measure_discrete("last-layer", "logistic", 100)
    assert numbers["score"] == pytest.approx(1 - error_share(fitted.model, split.test))


@pytest.mark.parametrize("table", ["breast-cancer", "digits", "diabetes"])
def test_the_data_are_what_the_titles_say(table: str) -> None:
    sample = discrete._TABLES[table][1](0)
    shapes = {"breast-cancer": (379, 30, 1), "digits": (1198, 64, 10), "diabetes": (294, 10, 1)}
    assert (*sample.train.shape, sample.targets.shape[1]) == shapes[table]
    assert len(sample.test) == len(sample.answers)
    numbers = [str(n) if n < 1000 else f"{n:,}" for n in shapes[table][:2]]
    assert all(number in SUITE.tables[table] for number in numbers)
