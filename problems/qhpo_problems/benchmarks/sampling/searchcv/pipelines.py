"""Three pipelines on real data, each with its space in the words of scikit-learn's searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from scipy.stats import loguniform, randint, uniform
from sklearn.base import BaseEstimator
from sklearn.datasets import load_diabetes, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler
from sklearn.svm import SVC

from qhpo.constraints import Constraint, relation
from qhpo_problems.training.data.series import read_series

__all__ = ["PIPELINES", "WARM_UP", "TunedPipeline", "alternatives"]

FloatArray = npt.NDArray[np.float64]
Conditions = Mapping[str, Mapping[str, Sequence[str]]]

_SVC_STEPS = 5_000
"""Libsvm's iterations at most: without a bound a bad scale and a large C go on for minutes."""


@dataclass(frozen=True)
class TunedPipeline:
    """An estimator with its data and its space.

    Attributes:
        about: What it is, for a title.
        data: Loads features, shape (n, d), and targets, (n,).
        train: Examples that a search may see, a multiple of 3; the others are the test part.
        is_classifier: Whether targets are classes, which the splits keep the shares of.
        estimator: Makes it.
        space: Makes lists of choices, and Optuna distributions of numbers, by parameter name.
        conditions: Parameter -> other parameter -> class names of the choices under which it
            exists.
        constraints: Makes the rules that candidates must keep to be fitted at all.
        packages: What the data are files of, besides scikit-learn; of the extra ``data``.
    """

    about: str
    data: Callable[[], tuple[FloatArray, npt.NDArray[Any]]]
    train: int
    is_classifier: bool
    estimator: Callable[[], BaseEstimator]
    space: Callable[[], dict[str, Any]]
    conditions: Conditions = field(default_factory=dict)
    constraints: Callable[[], list[Constraint]] = list
    packages: Sequence[str] = ()


def alternatives(tuned: TunedPipeline) -> list[dict[str, Any]]:
    """The space as RandomizedSearchCV has conditions: a list of spaces without any.

    There is one for every combination of the choices that conditions ask for, so that a draw of
    one of them draws each such choice evenly.
    """
    space = tuned.space()
    asked = list(dict.fromkeys(p for parents in tuned.conditions.values() for p in parents))

    def of(chosen: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, given in space.items():
            if name in chosen:
                yield name, [chosen[name]]
            elif all(
                type(chosen[parent]).__name__ in classes
                for parent, classes in tuned.conditions.get(name, {}).items()
            ):
                yield name, _drawn(given)

    combinations = product(*(space[name] for name in asked))
    return [dict(of(dict(zip(asked, each, strict=True)))) for each in combinations]


def _drawn(given: Any) -> Any:
    """What scikit-learn draws from."""
    if isinstance(given, IntDistribution):
        return randint(given.low, given.high + 1)
    if isinstance(given, FloatDistribution):
        low, high = given.low, given.high
        return loguniform(low, high) if given.log else uniform(low, high - low)
    return given


def _log(low: float, high: float) -> BaseDistribution:
    return FloatDistribution(low, high, log=True)


def _steps() -> Pipeline:
    return Pipeline([("scale", StandardScaler()), ("model", SVC())])


def _steps_space() -> dict[str, Any]:
    return {
        "scale": [StandardScaler(), MinMaxScaler(), QuantileTransformer()],
        "scale__with_std": [True, False],
        "scale__n_quantiles": IntDistribution(5, 100),
        "scale__output_distribution": ["uniform", "normal"],
        "model": [
            SVC(max_iter=_SVC_STEPS),
            RandomForestClassifier(30, random_state=0),
            LogisticRegression(max_iter=200),
            KNeighborsClassifier(),
        ],
        "model__C": _log(1e-3, 1e3),
        "model__gamma": _log(1e-4, 1e1),
        "model__max_features": FloatDistribution(0.05, 1.0),
        "model__min_samples_leaf": IntDistribution(1, 20),
        "model__criterion": ["gini", "entropy"],
        "model__n_neighbors": IntDistribution(1, 20),
        "model__weights": ["uniform", "distance"],
        "model__p": [1, 2],
    }


_FOREST, _NEIGHBORS = (["RandomForestClassifier"], ["KNeighborsClassifier"])

_STEPS_CONDITIONS: Conditions = {
    "scale__with_std": {"scale": ["StandardScaler"]},
    "scale__n_quantiles": {"scale": ["QuantileTransformer"]},
    "scale__output_distribution": {"scale": ["QuantileTransformer"]},
    "model__C": {"model": ["SVC", "LogisticRegression"]},
    "model__gamma": {"model": ["SVC"]},
    **{f"model__{name}": {"model": _FOREST} for name in ("max_features", "min_samples_leaf")},
    "model__criterion": {"model": _FOREST},
    **{f"model__{name}": {"model": _NEIGHBORS} for name in ("n_neighbors", "weights", "p")},
}


def _boosting() -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(early_stopping=False, random_state=0)


def _boosting_space() -> dict[str, Any]:
    return {
        "learning_rate": _log(0.01, 0.5),
        "max_iter": IntDistribution(10, 100),
        "max_leaf_nodes": IntDistribution(2, 40),
        "min_samples_leaf": IntDistribution(2, 60),
        "l2_regularization": _log(1e-4, 1e2),
        "max_features": FloatDistribution(0.1, 1.0),
        "max_bins": IntDistribution(8, 255),
        "loss": ["squared_error", "absolute_error"],
    }


def _reduction() -> Pipeline:
    return Pipeline(
        [
            ("scale", StandardScaler()),
            ("select", SelectKBest()),
            ("reduce", PCA(random_state=0)),
            ("model", SVC(max_iter=_SVC_STEPS)),
        ]
    )


def _reduction_space() -> dict[str, Any]:
    return {
        "scale": [StandardScaler(), MinMaxScaler(), RobustScaler()],
        "select__k": IntDistribution(5, 427),
        "reduce__n_components": IntDistribution(1, 60),
        "reduce__whiten": [True, False],
        "model__kernel": ["rbf", "sigmoid"],
        "model__C": _log(1e-2, 1e3),
        "model__gamma": _log(1e-5, 1e1),
        "model__class_weight": [None, "balanced"],
    }


def _no_more_than_selected() -> list[Constraint]:
    """PCA makes no more components than it is given features."""
    return [relation(("reduce__n_components", "select__k"), _is_no_more)]


def _is_no_more(components: int, features: int) -> bool:
    return components <= features


def _leaves() -> tuple[FloatArray, npt.NDArray[Any]]:
    """Outlines of leaves: 442 examples, 427 features, 6 species; the data set OSULeaf."""
    parts = [read_series("OSULeaf", part) for part in ("TRAIN", "TEST")]
    features = np.array([outline[:, 0] for outlines, _ in parts for outline in outlines])
    return features, np.array([species for _, labels in parts for species in labels])


PIPELINES: Mapping[str, TunedPipeline] = MappingProxyType(
    {
        "steps": TunedPipeline(
            "a scaler and a classifier, each one of several with parameters of its own, on digits",
            data=lambda: load_digits(return_X_y=True),
            train=360,
            is_classifier=True,
            estimator=_steps,
            space=_steps_space,
            conditions=_STEPS_CONDITIONS,
        ),
        "boosting": TunedPipeline(
            "gradient boosting on diabetes, R²",
            data=lambda: load_diabetes(return_X_y=True),
            train=297,
            is_classifier=False,
            estimator=_boosting,
            space=_boosting_space,
        ),
        "reduction": TunedPipeline(
            "scaler, selected features, PCA and SVC on outlines of leaves, a rule",
            data=_leaves,
            train=297,
            is_classifier=True,
            estimator=_reduction,
            space=_reduction_space,
            constraints=_no_more_than_selected,
            packages=("sktime",),
        ),
    }
)
"""Name -> a pipeline with a choice of steps, one of numbers, one of both with a rule."""

WARM_UP = TunedPipeline(
    "neighbours on wine",
    data=lambda: load_wine(return_X_y=True),
    train=90,
    is_classifier=True,
    estimator=KNeighborsClassifier,
    space=lambda: {"n_neighbors": IntDistribution(1, 20), "weights": ["uniform", "distance"]},
)
"""A search that takes a moment, for what is imported before a clock runs."""
