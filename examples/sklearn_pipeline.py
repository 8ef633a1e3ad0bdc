"""A pipeline of scikit-learn in which steps come and go, beside RandomizedSearchCV.

RandomizedSearchCV draws the parameters of all steps, also of those that are not there, and ends at
the first such candidate. Run it with: python examples/sklearn_pipeline.py. The environment variable
QHPO_EXAMPLE_TRIALS sets the number of candidates, 25 if it is not set.
"""

from __future__ import annotations

import os

from scipy.stats import loguniform
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from qhpo_integrations.sklearn import QUBOSearchCV

PIPELINE = Pipeline([("scale", StandardScaler()), ("reduce", PCA()), ("model", SVC())])
DISTRIBUTIONS = {
    "reduce": [PCA(random_state=0), SelectKBest(), "passthrough"],
    "reduce__n_components": [4, 8, 12, 16, 20],
    "reduce__k": [4, 8, 12, 16, 20],
    "model": [SVC(), LogisticRegression(max_iter=2000)],
    "model__C": loguniform(1e-3, 1e2),
    "model__kernel": ["linear", "poly", "rbf"],
    "model__gamma": loguniform(1e-4, 1e0),
}
CONDITIONS = {
    "reduce__n_components": {"reduce": "PCA"},
    "reduce__k": {"reduce": "SelectKBest"},
    "model__kernel": {"model": "SVC"},
    "model__gamma": {"model__kernel": ["poly", "rbf"]},
}


def main() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    options = {
        "n_iter": int(os.environ.get("QHPO_EXAMPLE_TRIALS", "25")),
        "cv": 5,
        "random_state": 0,
    }
    search = QUBOSearchCV(PIPELINE, DISTRIBUTIONS, conditions=CONDITIONS, **options).fit(x, y)
    print(f"QUBOSearchCV        accuracy {search.best_score_:.4f} with")
    for name, value in search.best_params_.items():
        print(f"  {name:21} {value:.3g}" if isinstance(value, float) else f"  {name:21} {value}")
    search = RandomizedSearchCV(PIPELINE, DISTRIBUTIONS, **options)
    try:
        search.fit(x, y)
    except ValueError as error:
        print(f"RandomizedSearchCV  {str(error).partition('. ')[0]}")
    else:
        print(f"RandomizedSearchCV  accuracy {search.best_score_:.4f}")


if __name__ == "__main__":
    main()
