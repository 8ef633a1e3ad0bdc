"""Linear models of discrete weights as scikit-learn estimators.

Weights have no unit to spare for features of different sizes: scale the features first, such as by
``StandardScaler`` in a pipeline.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import dimod
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from qhpo.errors import QhpoError
from qhpo.solvers import Solver
from qhpo_problems.formulations.classes import numbered_classes
from qhpo_problems.formulations.discrete.levels import levels_of
from qhpo_problems.formulations.discrete.row import class_targets, moments_of
from qhpo_problems.formulations.discrete.training import DiscreteWeights, train

__all__ = ["DiscreteLinearClassifier", "DiscreteLinearRegressor"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class _DiscreteLinear(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: X W' + bias with weights W of few levels for each output."""

    def __init__(
        self,
        weights: str | int = "ternary",
        *,
        alpha: float = 1.0,
        solver: str | dimod.Sampler | Solver | None = "neal",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.weights = weights
        self.alpha = alpha
        self.solver = solver
        self.random_state = random_state

    def _train(self, X: FloatArray, Y: FloatArray) -> DiscreteWeights:
        # Estimators take whatever they are given, and check it when they are fitted.
        alpha: Any = self.alpha
        if not isinstance(alpha, Real):
            raise QhpoError(f"alpha must be a number of at least 0; got {alpha!r}")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        moments = moments_of(X, Y, float(alpha))
        return train(moments, levels_of(self.weights), self.solver, seed)

    def _outputs(self, X: ArrayLike) -> FloatArray:
        """X W' + bias: shape (N,) if ``coef_`` is of one output without an axis, else (N, R)."""
        check_is_fitted(self)
        features = validate_data(self, X, dtype=np.float64, reset=False)
        outputs: FloatArray = features @ self.coef_.T + self.intercept_
        return outputs


class DiscreteLinearClassifier(ClassifierMixin, _DiscreteLinear):  # type: ignore[misc]
    """A linear classifier of discrete weights: least squares to -1 and +1, a bias, a real scale.

    More than two classes are told apart one against the rest.

    Args:
        weights: ``"binary"``, ``"ternary"``, or bits of a weight, 1 to 8, see
            `qhpo_problems.formulations.discrete.levels`.
        alpha: Ridge, at least 0, as of ``sklearn.linear_model.Ridge``.
        solver: A name or an object, as in `qhpo.solvers.make_solver`; None for the anneal of all
            outputs at once, by blocks of weights.
        random_state: Seed or generator of the search.

    Attributes:
        classes_: Classes, sorted.
        coef_: Weights, scale times level, shape (1, n) for two classes, else (C, n).
        intercept_: Biases, shape (1,) or (C,).
        levels_: Whole numbers, of the shape of ``coef_``.
        scales_: Of the shape of ``intercept_``.
        n_features_in_: Number of features.

    Example:
        >>> from sklearn.datasets import load_breast_cancer
        >>> from sklearn.preprocessing import scale
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> model = DiscreteLinearClassifier("ternary", random_state=0).fit(scale(X), y)
        >>> bool(model.score(scale(X), y) > 0.95)
        True
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> DiscreteLinearClassifier:
        """Trains the weights of every class.

        Args:
            X: Shape (N, n), dense and finite.
            y: Classes, shape (N,).

        Raises:
            QhpoError: If a parameter is out of its range, or there is only one class.
        """
        features, labels = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        self.classes_, numbers = numbered_classes(labels)
        targets = class_targets(numbers, len(self.classes_))
        found = self._train(features, targets)
        self.coef_, self.levels_, self.scales_ = found.values, found.levels, found.scales
        self.intercept_ = targets.mean(axis=0) - self.coef_ @ features.mean(axis=0)
        return self

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Outputs: for two classes of shape (N,), above 0 for the second one, else of shape (N, C).

        Args:
            X: Shape (N, n).
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Classes of examples.

        Args:
            X: Shape (N, n).
        """
        outputs = self.decision_function(X)
        numbers = (outputs > 0).astype(np.intp) if outputs.ndim == 1 else outputs.argmax(axis=1)
        classes: NDArray[Any] = self.classes_[numbers]
        return classes


class DiscreteLinearRegressor(RegressorMixin, _DiscreteLinear):  # type: ignore[misc]
    """A linear regression of discrete weights: least squares, a bias and a real scale per output.

    Args:
        weights: See `DiscreteLinearClassifier`.
        alpha: See `DiscreteLinearClassifier`.
        solver: See `DiscreteLinearClassifier`.
        random_state: See `DiscreteLinearClassifier`.

    Attributes:
        coef_: Weights, scale times level, shape (n,), or (R, n) for several outputs.
        intercept_: Bias, or biases of shape (R,).
        levels_: Whole numbers, of the shape of ``coef_``.
        scales_: Of the shape of ``intercept_``.
        n_features_in_: Number of features.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn.preprocessing import scale
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = DiscreteLinearRegressor("ternary", random_state=0).fit(scale(X), y)
        >>> model.levels_
        array([ 0, -1,  1,  1, -1,  0, -1,  0,  1,  0])
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> DiscreteLinearRegressor:
        """Trains the weights of every output.

        Args:
            X: Shape (N, n), dense and finite.
            y: Targets, shape (N,) or (N, R).

        Raises:
            QhpoError: If a parameter is out of its range.
        """
        features, targets = validate_data(
            self, X, y, dtype=np.float64, y_numeric=True, multi_output=True, ensure_min_samples=2
        )
        wide = targets.astype(float).reshape(len(targets), -1)
        found = self._train(features, wide)
        biases = wide.mean(axis=0) - found.values @ features.mean(axis=0)
        alone = targets.ndim == 1
        self.coef_ = found.values[0] if alone else found.values
        self.levels_ = found.levels[0] if alone else found.levels
        self.scales_ = found.scales[0] if alone else found.scales
        self.intercept_ = biases[0] if alone else biases
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Outputs for examples, shape (N,) or (N, R) as the targets had.

        Args:
            X: Shape (N, n).
        """
        return self._outputs(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        # Where no weight can be 0, every feature that tells nothing adds noise.
        tags.regressor_tags.poor_score = self.weights in ("binary", 1)
        return tags
