"""Noisy trainings of scikit-learn, as in the NeurIPS 2020 black-box optimization challenge.

Models, parameters and their ranges are those of the challenge (Bayesmark), without its logit
scales, and with wider ranges for the kernels of SVC and SVR and the penalties of the logistic
regression, where the challenge has all values alike. Each answer trains on a new split of
the data with a new seed of the estimator. Features are standardized, and the targets of a
regression too, with what the training part tells.

The value of a configuration is its mean error over `FRESH` trainings that are no trial's. Their
splits and seeds are the same for all configurations, so that differences are sharper than values.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import BaseTrial
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.sampling.benchmark import Declaration, NoisyBenchmark

__all__ = ["FRESH", "TRAININGS", "Training", "load_training"]

Params = tuple[tuple[str, float], ...]
Space = Mapping[str, IntDistribution | FloatDistribution]
FloatArray = npt.NDArray[np.float64]

FRESH = 48
"""Trainings behind a value; the standard error of an error rate is then below 0.01."""

_SEED = 2**40
"""Of the fresh trainings; larger than the seed of any run."""

_TRAIN, _TEST = 400, 200
"""Most rows to train and to test on, so that a training takes a tenth of a second at most."""

_TEST_SHARE = 0.3
"""Of the rows of smaller data."""

_WORST = 1.0
"""Larger errors count as this much: that of a regression that knows the mean."""


def _log(low: float, high: float) -> FloatDistribution:
    return FloatDistribution(low, high, log=True)


class _Model(NamedTuple):
    """Of a family: its estimators, what all its trainings have in common, and its space."""

    classifier: Callable[..., Any] | None
    regressor: Callable[..., Any] | None
    fixed: Mapping[str, Any]
    space: Space


_TREE: Space = {
    "max_depth": IntDistribution(1, 15),
    "min_samples_split": FloatDistribution(0.01, 0.99),
    "min_samples_leaf": FloatDistribution(0.01, 0.49),
    "min_weight_fraction_leaf": FloatDistribution(0.01, 0.49),
    "max_features": FloatDistribution(0.01, 0.99),
    "min_impurity_decrease": FloatDistribution(0.0, 0.5),
}

_NETWORK: Space = {
    "hidden_layer_sizes": IntDistribution(50, 200),
    "alpha": _log(1e-5, 1e1),
    "batch_size": IntDistribution(10, 250),
    "learning_rate_init": _log(1e-5, 1e-1),
    "tol": _log(1e-5, 1e-1),
    "validation_fraction": FloatDistribution(0.1, 0.9),
}

_EARLY = {"max_iter": 40, "early_stopping": True}

_MODELS: Mapping[str, _Model] = MappingProxyType(
    {
        "tree": _Model(DecisionTreeClassifier, DecisionTreeRegressor, {}, _TREE),
        "forest": _Model(
            RandomForestClassifier, RandomForestRegressor, {"n_estimators": 10}, _TREE
        ),
        "svm": _Model(
            *(SVC, SVR, {}),
            {"C": _log(1.0, 1e3), "gamma": _log(1e-5, 1e1), "tol": _log(1e-5, 1e-1)},
        ),
        "adam": _Model(
            *(MLPClassifier, MLPRegressor, {**_EARLY, "solver": "adam"}),
            {
                **_NETWORK,
                "beta_1": FloatDistribution(0.5, 0.99),
                "beta_2": FloatDistribution(0.9, 1.0 - 1e-6),
                "epsilon": _log(1e-9, 1e-6),
            },
        ),
        "sgd": _Model(
            *(MLPClassifier, MLPRegressor),
            {**_EARLY, "solver": "sgd", "learning_rate": "invscaling"},
            {
                **_NETWORK,
                "power_t": FloatDistribution(0.1, 0.9),
                "momentum": FloatDistribution(0.001, 0.999),
            },
        ),
        "ada": _Model(
            *(AdaBoostClassifier, AdaBoostRegressor, {}),
            {"n_estimators": IntDistribution(10, 100), "learning_rate": _log(1e-4, 1e1)},
        ),
        "knn": _Model(
            *(KNeighborsClassifier, KNeighborsRegressor, {}),
            {"n_neighbors": IntDistribution(1, 25), "p": IntDistribution(1, 4)},
        ),
        "logistic": _Model(
            *(LogisticRegression, None, {"solver": "saga", "max_iter": 50}),
            {
                "C": _log(1e-6, 1e2),
                "l1_ratio": FloatDistribution(0.0, 1.0),
                "tol": _log(1e-5, 1e-1),
            },
        ),
        "lasso": _Model(
            *(None, Lasso, {}),
            {
                "alpha": _log(1e-2, 1e2),
                "max_iter": IntDistribution(10, 5000, log=True),
                "tol": _log(1e-5, 1e-1),
            },
        ),
    }
)

_DATA: Mapping[str, Callable[..., tuple[FloatArray, FloatArray]]] = MappingProxyType(
    {
        "breast": partial(load_breast_cancer, return_X_y=True),
        "diabetes": partial(load_diabetes, return_X_y=True),
        "digits": partial(load_digits, return_X_y=True),
        "wine": partial(load_wine, return_X_y=True),
    }
)

_REGRESSION = "diabetes"
"""The data whose targets are numbers; those of the others are classes."""


class _Scale(NamedTuple):
    """Errors of the best known and of the median configuration."""

    best: float
    median: float


TRAININGS: Mapping[str, _Scale] = MappingProxyType(
    {
        "tree-breast": _Scale(0.1089, 0.1500),
        "tree-wine": _Scale(0.1395, 0.5900),
        "forest-breast": _Scale(0.0854, 0.3706),
        "forest-diabetes": _Scale(0.6600, 0.9975),
        "svm-digits": _Scale(0.0329, 0.0741),
        "svm-breast": _Scale(0.0254, 0.0438),
        "svm-diabetes": _Scale(0.4953, 0.6681),
        "adam-digits": _Scale(0.0575, 0.1604),
        "adam-diabetes": _Scale(0.5033, 0.6116),
        "sgd-digits": _Scale(0.0941, 0.8905),
        "sgd-breast": _Scale(0.0349, 0.5063),
        "ada-wine": _Scale(0.0531, 0.2871),
        "knn-digits": _Scale(0.0484, 0.0905),
        "logistic-digits": _Scale(0.0566, 0.6418),
        "lasso-diabetes": _Scale(0.5020, 1.0000),
    }
)
"""Model and data -> what scores are normalized by. Of 96 random configurations, ordered by a
training each, the 4 in the middle have the mean value of the median; the best is what successive
halving finds (the 24 best with 4 trainings each, then 6 with 16). Scores below 0 are possible.
"""


@dataclass(frozen=True, eq=False)
class Training(NoisyBenchmark[Params]):
    """A model on a data set; a solution is its parameters.

    Args:
        name: Of one of the `TRAININGS`.
    """

    name: str

    trials = 100
    checkpoints = (16, 32, 64, 100)
    reference_name = "the median configuration"

    @property
    def _model(self) -> _Model:
        return _MODELS[self.name.partition("-")[0]]

    @property
    def _data(self) -> str:
        return self.name.partition("-")[2]

    @property
    def description(self) -> str:
        model, data = self._model, self._data
        kind = model.regressor if data == _REGRESSION else model.classifier
        return f"{getattr(kind, '__name__', kind)} on {data}, {len(model.space)} parameters"

    @property
    def optimum(self) -> float:
        """Value of the best known configuration."""
        return TRAININGS[self.name].best

    @property
    def reference(self) -> float:
        return TRAININGS[self.name].median

    def declaration(self) -> Declaration:
        return Declaration(self._model.space)

    def suggest(self, trial: BaseTrial) -> Params:
        return tuple(
            (
                name,
                trial.suggest_int(name, dist.low, dist.high, log=dist.log)
                if isinstance(dist, IntDistribution)
                else trial.suggest_float(name, dist.low, dist.high, log=dist.log),
            )
            for name, dist in self._model.space.items()
        )

    def answer(self, solution: Params, rng: np.random.Generator) -> float:
        """Error on new test data: share of wrong classes, or 1 - R^2, at most 1."""
        features, targets = _load(self._data)
        split, seed = (int(number) for number in rng.integers(2**31, size=2))
        is_regression = self._data == _REGRESSION
        test = min(_TEST, int(_TEST_SHARE * len(targets)))
        parts = train_test_split(
            *(features, targets),
            test_size=test,
            train_size=min(_TRAIN, len(targets) - test),
            stratify=None if is_regression else targets,
            random_state=split,
        )
        model = self._model
        kind = model.regressor if is_regression else model.classifier
        if kind is None:
            raise QhpoError(f"a training must be one of: {', '.join(TRAININGS)}; got {self.name!r}")
        estimator = kind(**model.fixed, **dict(solution))
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=seed)
        estimator = make_pipeline(StandardScaler(), estimator)
        if is_regression:
            estimator = TransformedTargetRegressor(estimator, transformer=StandardScaler())
        return min(_error(estimator, *parts), _WORST)

    def value(self, solution: Params) -> float:
        return _mean_error(self, solution)


def _error(
    estimator: Any, train: FloatArray, test: FloatArray, targets: FloatArray, truth: FloatArray
) -> float:
    with warnings.catch_warnings():
        # Few steps are part of the task, and so are steps and batches that are too large.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.filterwarnings("ignore", "Got `batch_size`", UserWarning)
        try:
            return 1.0 - float(estimator.fit(train, targets).score(test, truth))
        except ValueError as error:
            if "non-finite" not in str(error):
                raise
            return _WORST


@cache
def _load(data: str) -> tuple[FloatArray, FloatArray]:
    return _DATA[data]()


@cache
def _mean_error(training: Training, solution: Params) -> float:
    rngs = (np.random.default_rng([_SEED, number]) for number in range(FRESH))
    return sum(training.answer(solution, rng) for rng in rngs) / FRESH


@cache
def load_training(name: str) -> Training:
    """The training of that name, the same object for all methods, so that values are shared.

    Raises:
        QhpoError: If there is no such training.
    """
    if name not in TRAININGS:
        raise QhpoError(f"a training must be one of: {', '.join(TRAININGS)}; got {name!r}")
    return Training(name)
