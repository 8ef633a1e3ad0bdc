from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.preprocessing import scale
from sklearn.utils.estimator_checks import parametrize_with_checks

from qhpo.errors import QhpoError
from qhpo_problems.formulations.discrete import (
    DiscreteLinearClassifier,
    DiscreteLinearRegressor,
    levels_of,
)


@parametrize_with_checks(
    [
        DiscreteLinearClassifier(solver="descent", random_state=0),
        DiscreteLinearClassifier(3, solver="potts", random_state=0),
        DiscreteLinearRegressor("binary", solver="descent", random_state=0),
        DiscreteLinearRegressor(4, random_state=0),
    ]
)
def test_scikit_learn_compliance(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("weights", ["binary", "ternary", 2, 4])
def test_two_classes(weights: str | int) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X, names = scale(X), np.array(["malignant", "benign"])[y]
    model = DiscreteLinearClassifier(weights, random_state=0).fit(X[::2], names[::2])
    assert model.score(X[1::2], names[1::2]) > 0.92
    assert set(np.unique(model.levels_)) <= set(_values(weights))
    np.testing.assert_allclose(model.coef_, model.scales_ * model.levels_)
    outputs = X @ model.coef_[0] + model.intercept_[0]
    np.testing.assert_allclose(model.decision_function(X), outputs)
    np.testing.assert_array_equal(model.predict(X) == model.classes_[1], outputs > 0)


def test_more_classes() -> None:
    X, y = load_iris(return_X_y=True)
    X = scale(X)
    model = DiscreteLinearClassifier(3, solver="potts", random_state=0).fit(X, y)
    assert model.coef_.shape == (3, 4)
    assert model.decision_function(X).shape == (150, 3)
    assert model.score(X, y) > 0.8
    # The bias makes up for the means of features and targets.
    np.testing.assert_allclose(model.decision_function(X).mean(axis=0), -1 / 3)


@pytest.mark.parametrize("weights", ["ternary", 4])
def test_regression_of_one_output_and_of_two(weights: str | int) -> None:
    X, y = load_diabetes(return_X_y=True)
    X = scale(X)
    model = DiscreteLinearRegressor(weights, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.45
    assert model.coef_.shape == model.levels_.shape == (10,)
    np.testing.assert_allclose(model.predict(X), X @ model.coef_ + model.intercept_)
    both = DiscreteLinearRegressor(weights, random_state=0).fit(X, np.stack([-y, y], axis=1))
    assert both.predict(X).shape == (442, 2)
    assert both.score(X, np.stack([-y, y], axis=1)) > 0.45


def test_a_ridge_makes_small_weights() -> None:
    X, y = load_diabetes(return_X_y=True)
    small, large = (
        DiscreteLinearRegressor(4, alpha=alpha, random_state=0).fit(scale(X), y)
        for alpha in (1e4, 0.0)
    )
    assert np.square(small.coef_).sum() < 0.1 * np.square(large.coef_).sum()


def test_equal_seeds_give_equal_weights() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    one, other = (
        DiscreteLinearClassifier(2, random_state=3).fit(scale(X), y).coef_ for _ in range(2)
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weights": "quaternary"}, "1 to 8; got 'quaternary'"),
        ({"alpha": -0.1}, r"at least 0; got -0\.1"),
        ({"alpha": "small"}, "at least 0; got 'small'"),
        ({"solver": "naal"}, "did you mean 'neal'"),
    ],
)
def test_refused_parameters(parameters: dict[str, Any], message: str) -> None:
    X, y = load_iris(return_X_y=True)
    for estimator in (DiscreteLinearClassifier, DiscreteLinearRegressor):
        with pytest.raises(QhpoError, match=message):
            estimator(**parameters).fit(X, y)


def test_one_class_is_refused() -> None:
    with pytest.raises(QhpoError, match=r"at least two classes; got one class, .*1"):
        DiscreteLinearClassifier().fit(np.eye(3), np.ones(3))


def _values(weights: str | int) -> list[int]:
    levels = levels_of(weights)
    values: list[int] = levels.values(np.arange(levels.top + 1)).tolist()
    return values
