from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, make_classification
from sklearn.metrics import mutual_info_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from qhpo.errors import QhpoError
from qhpo_problems.formulations import solve
from qhpo_problems.formulations.feature_selection import (
    METHODS,
    AnnealingFeatureSelector,
    FeatureSelection,
)
from qhpo_problems.formulations.mutual_information import (
    conditional_information,
    discretize,
    pairwise_information,
)


@parametrize_with_checks(
    [
        AnnealingFeatureSelector(random_state=0),
        AnnealingFeatureSelector(method="conditional", solver="potts", random_state=0),
    ]
)
def test_scikit_learn_compliance(estimator: Any, check: Any) -> None:
    check(estimator)


def _discrete(n: int = 6, examples: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    features = rng.integers(3, size=(examples, n))
    features[:, 1] = np.where(rng.random(examples) < 0.7, features[:, 0], features[:, 1])
    target = (features[:, 0] + features[:, 2] + rng.integers(2, size=examples)) % 3
    return features.astype(np.intp), target.astype(np.intp)


def test_pairwise_information_is_that_of_scikit_learn() -> None:
    features, _ = _discrete()
    expected = [[mutual_info_score(a, b) for b in features.T] for a in features.T]
    np.testing.assert_allclose(pairwise_information(features), expected, atol=1e-9)


def test_conditional_information_is_the_mean_within_the_values_of_the_other() -> None:
    features, target = _discrete()
    found = conditional_information(features, target)
    for i, j in itertools.product(range(6), repeat=2):
        x, z = features[:, j], features[:, i]
        within = [
            (z == value).mean() * mutual_info_score(x[z == value], target[z == value])
            for value in np.unique(z)
        ]
        assert found[i, j] == pytest.approx(sum(within), abs=1e-9)


def test_a_class_without_the_highest_bin() -> None:
    features = np.array([[0], [1], [2], [2]])
    np.testing.assert_allclose(conditional_information(features, np.array([0, 0, 1, 1])), 0.0)


def test_bins_hold_equally_many() -> None:
    rng = np.random.default_rng(0)
    values = np.stack([rng.normal(size=100), np.zeros(100), np.repeat([3.0, 4.0], 50)], axis=1)
    bins = discretize(values, 5)
    np.testing.assert_array_equal(np.bincount(bins[:, 0]), np.full(5, 20))
    assert len(np.unique(bins[:, 1])) == 1
    np.testing.assert_array_equal(bins[:50, 2], bins[0, 2])
    assert bins[0, 2] < bins[50, 2]


@pytest.mark.parametrize("k", [1, 2, 4, 8])
@pytest.mark.parametrize("seed", range(3))
def test_brute_force(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = rng.random((8, 8))
    formulation = FeatureSelection(rng.random(8), pairs + pairs.T, k, alpha=0.7)
    choices = [np.array(choice) for choice in itertools.combinations(range(8), k)]
    objectives = [formulation.objective(choice) for choice in choices]
    bits = np.array([np.isin(np.arange(8), choice) for choice in choices]).astype(np.intp)
    np.testing.assert_allclose(formulation.model.energies(bits), objectives)
    chosen = solve(formulation, seed=seed)
    np.testing.assert_array_equal(chosen, choices[int(np.argmin(objectives))])


@pytest.mark.parametrize("method", METHODS)
def test_a_copy_is_selected_once(method: str) -> None:
    rng = np.random.default_rng(0)
    good, fair, noise = rng.normal(size=(3, 400))
    y = (2 * good + fair > 0).astype(int)
    X = np.stack([good, good + 1e-3 * rng.normal(size=400), fair, noise], axis=1)
    relevant = AnnealingFeatureSelector(2, alpha=0.0, random_state=0).fit(X, y)
    np.testing.assert_array_equal(relevant.get_support(), [True, True, False, False])
    different = AnnealingFeatureSelector(2, method=method, random_state=0).fit(X, y)
    np.testing.assert_array_equal(different.get_support(indices=True)[1:], [2])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_columns", [5, pytest.param(1100, marks=pytest.mark.slow)])
def test_a_constant_is_selected_only_where_others_do_not_suffice(
    method: str, n_columns: int
) -> None:
    rng = np.random.default_rng(0)
    X = np.zeros((60, n_columns))
    X[:, [1, 3, 4]] = rng.normal(size=(60, 1)) + 0.1 * rng.normal(size=(60, 3))
    X[:, 2] = 7.0
    y = rng.integers(2, size=60)
    for k in (1, 2, 3, 4):
        chosen = AnnealingFeatureSelector(k, method=method, random_state=0).fit(X, y)
        found = chosen.get_support(indices=True).tolist()
        assert len(found) == k
        assert len({1, 3, 4}.intersection(found)) == min(k, 3)


def test_the_conditional_form_sees_what_two_tell_only_together() -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(2, size=(400, 6)).astype(float)
    y = np.logical_xor(X[:, 1], X[:, 4]).astype(int)
    both = AnnealingFeatureSelector(2, method="conditional", random_state=0).fit(X, y)
    np.testing.assert_array_equal(both.get_support(indices=True), [1, 4])


def test_a_target_of_many_floats_is_regression() -> None:
    X, y = load_diabetes(return_X_y=True)
    found = AnnealingFeatureSelector(3, method="conditional", random_state=0).fit(X, y)
    # bmi and s5, which tell the most.
    assert {2, 8} <= set(found.get_support(indices=True).tolist())
    counted = AnnealingFeatureSelector(3, task="regression", random_state=0).fit(X, y.astype(int))
    np.testing.assert_allclose(counted.relevance_, found.relevance_)


def test_few_floats_are_classes() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    found = AnnealingFeatureSelector(3, random_state=0).fit(X, y.astype(float))
    classes = AnnealingFeatureSelector(3, random_state=0).fit(X, np.array(["a", "b"])[y])
    np.testing.assert_array_equal(found.relevance_, classes.relevance_)
    np.testing.assert_array_equal(found.support_, classes.support_)


@pytest.mark.parametrize("method", METHODS)
def test_in_a_pipeline(method: str) -> None:
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    selector = AnnealingFeatureSelector(5, method=method, random_state=0).set_output(
        transform="pandas"
    )
    selected = make_pipeline(selector, StandardScaler()).fit_transform(X, y)
    assert selected.shape == (569, 5)
    assert list(selector.get_feature_names_out()) == list(X.columns[selector.support_])
    relevance = -selector.relevance_[selector.support_].mean()
    assert (selector.objective_ > relevance) == (method == "mrmr")


def test_more_features_than_a_model_takes() -> None:
    X, y = make_classification(
        120, 1100, n_informative=5, n_redundant=0, shuffle=False, class_sep=3.0, random_state=0
    )
    selector = AnnealingFeatureSelector(10, random_state=0).fit(X, y)
    assert selector.get_support().sum() == 10
    least = np.sort(selector.relevance_)[-1000]
    assert (selector.relevance_[selector.support_] >= least).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_features_to_select": 0}, "from 1 to the number of features, 30; got 0"),
        ({"n_features_to_select": 31}, "got 31"),
        ({"n_features_to_select": 0.5}, r"got 0\.5"),
        ({"method": "relief"}, "conditional, mrmr; got 'relief'"),
        ({"alpha": -1.0}, "got -1"),
        ({"task": "ranking"}, "got 'ranking'"),
        ({"solver": "naal"}, "did you mean 'neal'"),
    ],
)
def test_refused_parameters(parameters: dict[str, Any], message: str) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.raises(QhpoError, match=message):
        AnnealingFeatureSelector(**parameters).fit(X, y)


def test_sparse_input_is_refused() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.raises(TypeError, match="dense data is required"):
        AnnealingFeatureSelector().fit(sparse.csr_matrix(X), y)
