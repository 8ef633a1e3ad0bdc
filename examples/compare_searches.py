"""Searches of scikit-learn on three pipelines with steps that come and go, beside QUBOSearchCV.

All get the same spaces. Of each search: the cross-validated score of its best candidate, the score
of that candidate, fitted again, on data that the search has not seen, and CPU seconds, all as mean
± standard error over seeds. TPE is what Optuna's OptunaSearchCV searches with. Halving draws three
times as many candidates, most of which it judges on few data. Run it with:
python examples/compare_searches.py. The environment variable QHPO_EXAMPLE_TRIALS sets the number of
candidates, 25 if it is not set, and then only one seed is run.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
from scipy.stats import loguniform
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    cross_val_score,
    train_test_split,
)
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR

from qhpo.space import declared_conditions
from qhpo_integrations.asking import ask
from qhpo_integrations.sklearn import QUBOSearchCV
from qhpo_integrations.sklearn.space import CandidateSpace

GIVEN = os.environ.get("QHPO_EXAMPLE_TRIALS")
CANDIDATES = int(GIVEN or 25)
SEEDS = range(1 if GIVEN else 10)
FOLDS = 3

SCALERS = [StandardScaler(), MinMaxScaler(), "passthrough"]
CLASSIFIERS = [
    {"model": [SVC(kernel="linear")], "model__C": loguniform(1e-3, 1e3)},
    {
        "model": [SVC(kernel="rbf")],
        "model__C": loguniform(1e-2, 1e3),
        "model__gamma": loguniform(1e-5, 1e0),
    },
    {
        "model": [KNeighborsClassifier()],
        "model__n_neighbors": range(1, 31),
        "model__weights": ["uniform", "distance"],
    },
]
LOGISTIC = {"model": [LogisticRegression(max_iter=300)], "model__C": loguniform(1e-4, 1e2)}
REGRESSORS = [
    {"model": [Ridge()], "model__alpha": loguniform(1e-3, 1e3)},
    {
        "model": [SVR()],
        "model__C": loguniform(1e-1, 1e3),
        "model__gamma": loguniform(1e-4, 1e0),
        "model__epsilon": loguniform(1e-2, 1e2),
    },
    {
        "model": [KNeighborsRegressor()],
        "model__n_neighbors": range(1, 31),
        "model__weights": ["uniform", "distance"],
    },
]
PIPELINES: dict[str, tuple[Callable[..., Any], Any, list[dict[str, Any]]]] = {
    "digits": (
        lambda: tuple(part[:500] for part in load_digits(return_X_y=True)),
        PCA(),
        [
            {"scale": SCALERS, **reduce, **model}
            for reduce in (
                {"reduce": ["passthrough"]},
                {"reduce": [PCA(random_state=0)], "reduce__n_components": range(4, 61, 4)},
            )
            for model in CLASSIFIERS
        ],
    ),
    "breast cancer": (
        lambda: load_breast_cancer(return_X_y=True),
        SelectKBest(f_classif),
        [
            {"scale": SCALERS[:2], "reduce": [SelectKBest(f_classif)], "reduce__k": range(3, 31)}
            | model
            for model in (*CLASSIFIERS, LOGISTIC)
        ],
    ),
    "diabetes": (
        lambda: load_diabetes(return_X_y=True),
        PolynomialFeatures(),
        [
            {
                "scale": SCALERS[:2],
                "reduce": [PolynomialFeatures(include_bias=False)],
                "reduce__degree": [1, 2],
                "reduce__interaction_only": [False, True],
                **model,
            }
            for model in REGRESSORS
        ],
    ),
}


def tpe(pipeline: Pipeline, spaces: list[dict[str, Any]], seed: int, data: Any) -> Any:
    """The best candidate of Optuna's TPESampler, as OptunaSearchCV finds it."""
    space = CandidateSpace.made_of(spaces, None, False)
    conditions = declared_conditions(space.conditions, space.search_space)

    def objective(trial: optuna.Trial) -> float:
        candidate = space.candidate(ask(trial, space.search_space, conditions))
        candidates.append(candidate)
        return cross_val_score(pipeline.set_params(**candidate), *data, cv=FOLDS).mean()

    candidates: list[dict[str, Any]] = []
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=CANDIDATES)
    best = candidates[study.best_trial.number]
    return study.best_value, pipeline.set_params(**best).fit(*data)


def searched(search: Any, data: Any) -> Any:
    search.fit(*data)
    # Halving judges most candidates on few data.
    score = cross_val_score(search.best_estimator_, *data, cv=FOLDS).mean()
    return score, search.best_estimator_


def run(name: str, pipeline: Pipeline, spaces: list[dict[str, Any]], seed: int, data: Any) -> Any:
    options: dict[str, Any] = {"cv": FOLDS, "random_state": seed}
    if name == "TPE":
        return tpe(pipeline, spaces, seed, data)
    if name == "HalvingRandomSearchCV":
        many = {"n_candidates": 3 * CANDIDATES, "min_resources": 60}
        return searched(HalvingRandomSearchCV(pipeline, spaces, **many, **options), data)
    kind = QUBOSearchCV if name == "QUBOSearchCV" else RandomizedSearchCV
    return searched(kind(pipeline, spaces, n_iter=CANDIDATES, **options), data)


def shown(values: list[float]) -> str:
    error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{np.mean(values):.4f} ± {error:.4f}"


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")
    print(f"{CANDIDATES} candidates, {len(SEEDS)} seeds\n")
    print(f"{'':24}{'cross-validated':>18}{'unseen data':>18}{'CPU s':>8}")
    for title, (load, step, spaces) in PIPELINES.items():
        print(title)
        for name in ("QUBOSearchCV", "RandomizedSearchCV", "HalvingRandomSearchCV", "TPE"):
            rows = []
            for seed in SEEDS:
                x, x_unseen, y, y_unseen = train_test_split(
                    *load(), test_size=0.4, random_state=seed
                )
                pipeline = Pipeline([("scale", "passthrough"), ("reduce", step), ("model", SVC())])
                begin = time.process_time()
                score, best = run(name, pipeline, spaces, seed, (x, y))
                seconds = time.process_time() - begin
                rows.append((score, best.score(x_unseen, y_unseen), seconds))
            inside, outside, seconds = map(list, zip(*rows, strict=True))
            print(
                f"  {name:22}{shown(inside):>18}{shown(outside):>18}{np.mean(seconds):8.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
