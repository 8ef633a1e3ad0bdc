"""Trainings of scikit-learn, of which every configuration is trained once and its curve kept.

Networks and linear models are trained for 50 epochs, boosted trees for 50 rounds, on one split of
a data set. After each step their error on the validation part is recorded: the log loss for wine
and breast, 1 - R^2 for diabetes.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

__all__ = ["MODELS", "RECORDED", "STEPS", "record", "store_recorded"]

FloatArray = npt.NDArray[np.float64]

STEPS = 50
"""Epochs, or rounds of boosting: enough for the best configurations to have ended their descent."""

_TRAIN, _VALIDATION = 600, 0.4
"""Most rows to train on, so that a table takes minutes; share of the rows to validate on."""

_WORST = 10.0
"""A training that diverges, or does worse than this many times nothing learnt, counts as this."""


class Model(NamedTuple):
    """A kind of model.

    Attributes:
        description: What it is.
        levels: Values of its parameters; those that are words have no order.
    """

    description: str
    levels: Mapping[str, tuple[Any, ...]]


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "network": Model(
            "a network of one hidden layer",
            {
                "learning_rate_init": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1),
                "batch_size": (16, 32, 64, 128),
                "hidden_layer_sizes": (8, 16, 32, 64),
                "alpha": (1e-5, 1e-2, 1.0),
                "solver": ("sgd", "adam"),
            },
        ),
        "linear": Model(
            "a linear model by stochastic gradients",
            {
                "eta0": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1),
                "alpha": (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
                "penalty": ("l2", "l1", "elasticnet"),
                "learning_rate": ("constant", "invscaling"),
                "average": ("no", "yes"),
            },
        ),
        "boosting": Model(
            "gradient boosted trees",
            {
                "learning_rate": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
                "max_depth": (1, 2, 3, 5),
                "min_samples_leaf": (1, 5, 20),
                "subsample": (0.4, 0.7, 1.0),
                "max_features": (0.1, 0.3, 1.0),
            },
        ),
    }
)

_DATA: Mapping[str, Callable[..., tuple[FloatArray, FloatArray]]] = MappingProxyType(
    {
        "wine": partial(load_wine, return_X_y=True),
        "breast": partial(load_breast_cancer, return_X_y=True),
        "diabetes": partial(load_diabetes, return_X_y=True),
    }
)

_REGRESSION = "diabetes"
"""The data whose targets are numbers; those of the others are classes."""

RECORDED: Mapping[str, str] = MappingProxyType(
    {
        f"{model}-{data}": f"{MODELS[model].description} on {data}"
        for data in _DATA
        for model in MODELS
    }
)
"""Name of a table -> what was trained."""


def record(name: str) -> FloatArray:
    """Trains every configuration of a table, which takes a minute or a few.

    Returns:
        Validation errors, shape (L_1, ..., L_d, STEPS), in the order of the model's levels.
    """
    kind, _, data = name.partition("-")
    levels = MODELS[kind].levels
    parts = _split(data)
    curves = [
        _curve(kind, data, dict(zip(levels, values, strict=True)), parts)
        for values in product(*levels.values())
    ]
    return np.reshape(curves, [*map(len, levels.values()), STEPS])


def store_recorded(name: str, path: Path) -> None:
    """Writes `record` to a file that appears complete or not at all."""
    curves = record(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, curves)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


class _Parts(NamedTuple):
    """A split data set: rows to train on, rows to validate on, their targets."""

    train: FloatArray
    validation: FloatArray
    targets: FloatArray
    truth: FloatArray


def _split(data: str) -> _Parts:
    features, targets = _DATA[data]()
    is_regression = data == _REGRESSION
    train, validation, known, truth = train_test_split(
        *(features, targets),
        test_size=_VALIDATION,
        train_size=min(_TRAIN, int((1.0 - _VALIDATION) * len(targets))),
        stratify=None if is_regression else targets,
        random_state=0,
    )
    scaler = StandardScaler().fit(train)
    if is_regression:
        mean, deviation = known.mean(), known.std()
        known, truth = (known - mean) / deviation, (truth - mean) / deviation
    return _Parts(scaler.transform(train), scaler.transform(validation), known, truth)


def _curve(kind: str, data: str, params: Mapping[str, Any], parts: _Parts) -> list[float]:
    """Errors after each step; the worst from where the training diverges on."""
    errors: list[float] = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            steps = _steps(kind, data == _REGRESSION, params, parts)
            # What was recorded before a training diverges stays.
            errors.extend(_error(data, parts.truth, predicted) for predicted in steps)
        except ValueError as error:
            if "finite" not in str(error) and "NaN" not in str(error):
                raise
    return errors + [_worst(data, parts.truth)] * (STEPS - len(errors))


def _steps(
    kind: str, is_regression: bool, params: Mapping[str, Any], parts: _Parts
) -> Iterator[FloatArray]:
    """What is predicted of the validation part after each step."""
    if kind == "boosting":
        trees = GradientBoostingRegressor if is_regression else GradientBoostingClassifier
        fitted = trees(n_estimators=STEPS, random_state=0, **params)
        fitted.fit(parts.train, parts.targets)
        yield from (
            fitted.staged_predict(parts.validation)
            if is_regression
            else fitted.staged_predict_proba(parts.validation)
        )
        return
    if kind == "network":
        network = MLPRegressor if is_regression else MLPClassifier
        model = network(random_state=0, **params)
    else:
        chosen = {**params, "average": params["average"] == "yes"}
        loss = {} if is_regression else {"loss": "log_loss"}
        linear = SGDRegressor if is_regression else SGDClassifier
        model = linear(random_state=0, **loss, **chosen)
    classes = {} if is_regression else {"classes": np.unique(parts.targets)}
    for _ in range(STEPS):
        model.partial_fit(parts.train, parts.targets, **classes)
        yield (
            model.predict(parts.validation)
            if is_regression
            else model.predict_proba(parts.validation)
        )


def _error(data: str, truth: FloatArray, predicted: FloatArray) -> float:
    if data == _REGRESSION:
        error = float(((truth - predicted) ** 2).mean() / truth.var())
    else:
        error = float(log_loss(truth, predicted))
    worst = _worst(data, truth)
    return min(error, worst) if np.isfinite(error) else worst


def _worst(data: str, truth: FloatArray) -> float:
    if data == _REGRESSION:
        return _WORST
    return _WORST * float(np.log(len(np.unique(truth))))
