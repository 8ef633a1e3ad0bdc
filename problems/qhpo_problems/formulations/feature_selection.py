"""Feature selection: exactly k features that tell much about the target and little of each other.

Two forms, both quadratic in the choice of features:

- ``"mrmr"``: H. Peng, F. Long and C. Ding, "Feature selection based on mutual information: criteria
  of max-dependency, max-relevance, and min-redundancy", IEEE TPAMI 27, 1226 (2005), eq. (6), the
  difference of relevance (4) and redundancy (5), here without the redundancy of a feature with
  itself. They maximize it greedily, a feature at a time. The global optimum is another thing: it
  may hold features that tell nothing, as long as these are not redundant.
- ``"conditional"``: pairs count by what one tells about the target beyond the other, as in
  D-Wave's example MIQUBO, after X. V. Nguyen et al., "Effective global approaches for mutual
  information based feature selection", KDD 2014. As I(X_j; Y | X_i) = I(X_j; Y) - I(X_i; X_j) +
  I(X_i; X_j | Y), this too is relevance minus redundancy, but a pair that tells the target only
  together is seen.

Glossary
--------
n, k
    Features; how many are chosen.
x
    x_i = 1 means that feature i is chosen; exactly k are.
r
    Relevance I(X_i; Y), shape (n,), nats.
W
    Pair costs, shape (n, n), nats, diagonal 0. mRMR: I(X_i; X_j). Conditional:
    -(I(X_j; Y | X_i) + I(X_i; Y | X_j)) / 2.
alpha
    Weight of the pairs against the relevance.

Minimized is  alpha / (k (k - 1)) sum_{i != j} W_ij x_i x_j  -  (1 / k) sum_i r_i x_i:
the mean over the pairs against the mean over the features. MIQUBO takes sums instead of means,
which is alpha = k - 1.
"""

from __future__ import annotations

from functools import cached_property
from numbers import Integral, Real
from typing import Any

import dimod
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin, mutual_info_classif, mutual_info_regression
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from qhpo.errors import QhpoError
from qhpo.solvers import Solver
from qhpo_problems.formulations.base import Formulation, solve
from qhpo_problems.formulations.model import BinaryModel
from qhpo_problems.formulations.mutual_information import (
    conditional_information,
    discretize,
    pairwise_information,
)

__all__ = ["METHODS", "AnnealingFeatureSelector", "FeatureSelection", "pair_costs"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

METHODS = ("conditional", "mrmr")
"""The forms by name."""

_BINS = 5
"""Bins of a feature, and of a continuous target, in the histograms of pairs."""

_MAX_FEATURES = 1000
"""Features that a model is made of, and at least four times those to be chosen."""

_MOST_CLASSES = 20
"""Distinct floating-point targets that are still taken for classes."""

_NEIGHBORS = 3
"""Of scikit-learn's estimate of the relevance; its own default."""


class FeatureSelection(Formulation[IntArray]):
    """The choice of k features as a `Formulation`; a solution is their numbers, sorted.

    Args:
        relevance: r, shape (n,).
        pairs: W, shape (n, n), symmetric; its diagonal is not used.
        n_features_to_select: k, 1 to n.
        alpha: Weight of the pairs.

    Raises:
        QhpoError: If k is out of range, or shapes disagree.
    """

    def __init__(
        self, relevance: FloatArray, pairs: FloatArray, n_features_to_select: int, alpha: float
    ) -> None:
        if not 1 <= n_features_to_select <= len(relevance):
            raise QhpoError(
                f"n_features_to_select must be 1 to the number of features, {len(relevance)}; "
                f"got {n_features_to_select}"
            )
        self.relevance, self.pairs = relevance, pairs
        self.n_features_to_select, self.alpha = n_features_to_select, alpha

    @cached_property
    def model(self) -> BinaryModel:
        """The formula of the module; bit i is 1 if feature i is chosen."""
        k = self.n_features_to_select
        quadratic = self.pairs * (2.0 * self.alpha / (k * max(k - 1, 1)))
        np.fill_diagonal(quadratic, 0.0)
        return BinaryModel(quadratic, -self.relevance / k, count=k)

    def solution_of(self, bits: IntArray) -> IntArray:
        return np.flatnonzero(bits)

    def objective(self, solution: IntArray) -> float:
        chosen = self.pairs[np.ix_(solution, solution)]
        different = ~np.eye(len(solution), dtype=np.bool_)
        redundancy = float(chosen[different].mean()) if len(solution) > 1 else 0.0
        return self.alpha * redundancy - float(self.relevance[solution].mean())


def pair_costs(method: str, values: FloatArray, classes: IntArray) -> FloatArray:
    """W by histograms of 5 bins.

    Args:
        method: One of `METHODS`.
        values: Features, shape (N, n).
        classes: Class of every example, shape (N,); mRMR does not look at it.

    Returns:
        Shape (n, n), symmetric, nats.
    """
    features = discretize(values, _BINS)
    if method == "mrmr":
        return pairwise_information(features)
    beyond = conditional_information(features, classes)
    return -0.5 * (beyond + beyond.T)


class AnnealingFeatureSelector(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Selects exactly k features by mutual information, all at once instead of greedily.

    Relevance is scikit-learn's nearest-neighbour estimate; pairs of features are estimated by
    histograms of 5 bins. Of more than 1,000 features, the 1,000 of largest relevance (or 4 k, if
    that is more) are chosen from. Constant features are selected only where others do not suffice.

    Args:
        n_features_to_select: k; None for half of the features.
        method: ``"mrmr"``: relevance minus redundancy. ``"conditional"``: relevance plus what each
            of a pair tells about the target beyond the other; sees what two tell only together.
        alpha: Weight of the pairs against the relevance, at least 0. At 0 the most relevant are
            selected.
        task: ``"classification"``, ``"regression"``, or ``"auto"``: regression if the target is of
            floating-point type and has fractions or more than 20 distinct values.
        solver: A name or an object, as in `qhpo.solvers.make_solver`.
        random_state: Seed or generator of the solver and of the estimate of the relevance.

    Attributes:
        support_: Which features are selected, shape (n,).
        relevance_: Mutual information of every feature with the target in nats, shape (n,).
        objective_: What was minimized, of the selected features.
        n_features_in_: n.

    Example:
        >>> from sklearn.datasets import load_breast_cancer
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> AnnealingFeatureSelector(5, random_state=0).fit_transform(X, y).shape
        (569, 5)
    """

    def __init__(
        self,
        n_features_to_select: int | None = None,
        *,
        method: str = "mrmr",
        alpha: float = 1.0,
        task: str = "auto",
        solver: str | dimod.Sampler | Solver = "neal",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_features_to_select = n_features_to_select
        self.method = method
        self.alpha = alpha
        self.task = task
        self.solver = solver
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> AnnealingFeatureSelector:
        """Selects features.

        Args:
            X: Shape (N, n), dense and finite.
            y: Target, shape (N,).

        Raises:
            QhpoError: If a parameter is out of its range.
        """
        features, target = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        target, is_continuous = self._target(column_or_1d(target, warn=True))
        n_examples, n = features.shape
        k = self._count(n)
        random = check_random_state(self.random_state)
        estimate = mutual_info_regression if is_continuous else mutual_info_classif
        self.relevance_ = estimate(
            features, target, n_neighbors=min(_NEIGHBORS, n_examples - 1), random_state=random
        )
        # A constant tells nothing, but it is not redundant either, and would be chosen for that.
        is_constant = (features == features[:1]).all(axis=0)
        order = np.lexsort((-self.relevance_, is_constant))
        n_varying = int(n - is_constant.sum())
        kept = np.sort(order[: max(min(max(_MAX_FEATURES, 4 * k), n_varying), k)])
        classes = discretize(target[:, None], _BINS)[:, 0] if is_continuous else target
        pairs = pair_costs(self.method, features[:, kept], classes)
        formulation = FeatureSelection(self.relevance_[kept], pairs, k, self.alpha)
        chosen = solve(formulation, self.solver, seed=int(random.randint(2**31 - 1)))
        self.objective_ = formulation.objective(chosen)
        self.support_ = np.zeros(n, dtype=np.bool_)
        self.support_[kept[chosen]] = True
        return self

    def _target(self, y: NDArray[Any]) -> tuple[NDArray[Any], bool]:
        """The target as numbers, and whether they are measured instead of classes."""
        if self.task == "auto":
            kind = type_of_target(y, input_name="y")
            is_continuous = kind == "continuous" or (
                y.dtype.kind == "f" and len(np.unique(y)) > _MOST_CLASSES
            )
        elif self.task in ("classification", "regression"):
            is_continuous = self.task == "regression"
        else:
            raise QhpoError(f"task must be auto, classification or regression; got {self.task!r}")
        if is_continuous:
            return y.astype(np.float64), True
        check_classification_targets(y)
        return np.unique(y, return_inverse=True)[1], False

    def _count(self, n: int) -> int:
        """k, and the other parameters checked."""
        if self.method not in METHODS:
            raise QhpoError(f"method must be one of: {', '.join(METHODS)}; got {self.method!r}")
        # Estimators take whatever they are given, and check it when they are fitted.
        k: Any = self.n_features_to_select
        alpha: Any = self.alpha
        if not isinstance(alpha, Real) or not 0.0 <= float(alpha) < np.inf:
            raise QhpoError(f"alpha must be a finite number of at least 0; got {alpha!r}")
        if k is None:
            return max(1, n // 2)
        if not isinstance(k, Integral) or not 1 <= int(k) <= n:
            raise QhpoError(
                "n_features_to_select must be None or a whole number from 1 to the number of "
                f"features, {n}; got {k!r}"
            )
        return int(k)

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.sparse = False
        return tags
