from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from qhpo.errors import QhpoError
from qhpo_problems.formulations import solve
from qhpo_problems.formulations.qboost import REGULARIZATIONS, QBoostClassifier, boosted_pool
from qhpo_problems.formulations.weak_learners import WeakLearners


@parametrize_with_checks(
    [
        QBoostClassifier(n_estimators=5, solver="descent", random_state=0),
        QBoostClassifier(n_estimators=5, regularization=0.1, weight_bits=2, random_state=0),
    ]
)
def test_scikit_learn_compliance(estimator: Any, check: Any) -> None:
    check(estimator)


def _votes(learners: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.choice([-1.0, 1.0], size=60)
    agree = rng.random((60, learners)) < 0.65
    return np.where(agree, labels[:, None], -labels[:, None]), labels


@pytest.mark.parametrize("weight_bits", [1, 2])
@pytest.mark.parametrize("regularization", [0.0, 0.2])
def test_brute_force(weight_bits: int, regularization: float) -> None:
    outputs, labels = _votes(10 // weight_bits, seed=weight_bits)
    formulation = WeakLearners(
        outputs,
        labels,
        regularization=regularization,
        full_vote=3.0,
        weight_bits=weight_bits,
    )
    bits = np.array(list(itertools.product((0, 1), repeat=10)), dtype=np.intp)
    objectives = [formulation.objective(formulation.solution_of(row)) for row in bits]
    np.testing.assert_allclose(formulation.model.energies(bits), objectives)
    found = formulation.objective(solve(formulation))
    assert found == pytest.approx(min(objectives))


def test_weights_are_binary_numbers_up_to_one() -> None:
    outputs, labels = _votes(2, seed=0)
    formulation = WeakLearners(outputs, labels, regularization=0.0, full_vote=1.0, weight_bits=2)
    weights = formulation.solution_of(np.array([1, 0, 1, 1]))
    np.testing.assert_allclose(weights, [1 / 3, 1.0])


def test_a_price_leaves_fewer_learners() -> None:
    outputs, labels = _votes(20, seed=3)
    counts = [
        int(solve(WeakLearners(outputs, labels, regularization=price, full_vote=5.0)).sum())
        for price in (0.0, 0.3, 0.6, 3.0)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2] > counts[3] == 0


def test_the_pool_goes_on_after_a_perfect_learner() -> None:
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    signs = np.array([-1, -1, 1, 1])
    random = np.random.RandomState(0)
    pool = boosted_pool(DecisionTreeClassifier(max_depth=1), X, signs, 5, random)
    assert len(pool) == 5
    assert all((learner.predict(X) == signs).all() for learner in pool)


def test_boosting_makes_learners_that_differ() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    random = np.random.RandomState(0)
    pool = boosted_pool(DecisionTreeClassifier(max_depth=1), X, np.where(y == 1, 1, -1), 10, random)
    splits = {(int(t.tree_.feature[0]), float(t.tree_.threshold[0])) for t in pool}
    assert len(splits) > 5


def test_two_classes() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    names = np.array(["benign", "malignant"])[y]
    model = QBoostClassifier(random_state=0).fit(X[::2], names[::2])
    assert model.score(X[1::2], names[1::2]) > 0.92
    (ensemble,) = model.ensembles_
    assert model.n_learners_ == len(ensemble.learners) < 50
    assert ensemble.regularization in REGULARIZATIONS
    votes = model.decision_function(X)
    ones = sum(learner.predict(X) for learner in ensemble.learners)
    np.testing.assert_allclose(votes, ones / (50 / 8))
    np.testing.assert_array_equal(model.predict(X) == "malignant", votes > 0)


def test_more_classes_and_another_learner() -> None:
    X, y = load_iris(return_X_y=True)
    model = QBoostClassifier(
        LogisticRegression(), n_estimators=8, weight_bits=2, solver="potts", random_state=0
    ).fit(X[::2], y[::2])
    assert model.score(X[1::2], y[1::2]) > 0.9
    assert len(model.ensembles_) == 3
    assert isinstance(model.ensembles_[0].learners[0], LogisticRegression)
    assert model.decision_function(X).shape == (150, 3)


def test_a_price_too_high_leaves_the_best_learner() -> None:
    X, y = make_classification(200, shift=1.0, random_state=0)
    model = QBoostClassifier(regularization=100.0, random_state=0).fit(X, y)
    assert model.n_learners_ == 1
    stump = DecisionTreeClassifier(max_depth=1, random_state=0).fit(X, y)
    assert model.score(X, y) == stump.score(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_estimators": 0}, "n_estimators must be .* got 0"),
        ({"weight_bits": 1.5}, r"weight_bits must be .* got 1\.5"),
        ({"regularization": -0.1}, r"got -0\.1"),
        ({"regularization": "cv"}, "\"validation\" or a number .* got 'cv'"),
        ({"estimator": KNeighborsClassifier()}, r"got KNeighborsClassifier\(\)"),
        ({"solver": "naal"}, "did you mean 'neal'"),
    ],
)
def test_refused_parameters(parameters: dict[str, Any], message: str) -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(QhpoError, match=message):
        QBoostClassifier(**parameters).fit(X, y)


def test_refused_formulations() -> None:
    outputs, labels = _votes(3, seed=0)
    with pytest.raises(QhpoError, match=r"got \(60, 3\) and \(59,\)"):
        WeakLearners(outputs, labels[1:], regularization=0.0, full_vote=1.0)
    with pytest.raises(QhpoError, match=r"full_vote above 0 .* got 0\.0, 0\.0 and 1"):
        WeakLearners(outputs, labels, regularization=0.0, full_vote=0.0)
