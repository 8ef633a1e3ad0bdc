"""scikit-learn's own checks of estimators, on what it checks its RandomizedSearchCV with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import is_classifier
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from qhpo_integrations.sklearn import QUBOSearchCV


def _search(estimator: Any, name: str) -> QUBOSearchCV:
    values = {name: [0.1, 1.0]}
    return QUBOSearchCV(estimator, values, n_iter=2, cv=2, error_score="raise", random_state=0)


def _expected(search: QUBOSearchCV) -> dict[str, str]:
    """As RandomizedSearchCV fails them."""
    if is_classifier(search):
        return {}
    return {"check_supervised_y_2d": "scikit-learn: DataConversionWarning not caught"}


@parametrize_with_checks(
    [
        _search(Ridge(), "alpha"),
        _search(LogisticRegression(), "C"),
        _search(Pipeline([("pca", PCA()), ("ridge", Ridge())]), "ridge__alpha"),
        _search(Pipeline([("pca", PCA()), ("logistic", LogisticRegression())]), "logistic__C"),
    ],
    expected_failed_checks=_expected,
    xfail_strict=True,
)
def test_scikit_learn_checks(estimator: QUBOSearchCV, check: Callable[..., None]) -> None:
    check(estimator)
