"""QBoostClassifier: an ensemble of few weak learners, chosen together by annealing.

The pool of learners is made by discrete AdaBoost (Y. Freund and R. E. Schapire, "A decision-
theoretic generalization of on-line learning and an application to boosting", JCSS 55, 119 (1997)),
whose weights are then thrown away: `qhpo_problems.formulations.weak_learners` chooses who votes.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import dimod
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from qhpo.errors import QhpoError
from qhpo.solvers import Solver
from qhpo_problems.formulations.base import solve
from qhpo_problems.formulations.classes import numbered_classes
from qhpo_problems.formulations.weak_learners import WeakLearners

__all__ = ["REGULARIZATIONS", "Ensemble", "QBoostClassifier", "boosted_pool"]

FloatArray = NDArray[np.float64]

REGULARIZATIONS = (0.0, 0.03, 0.1, 0.3, 0.6)
"""Values of lambda that are tried on the validation part."""

_FULL_VOTE = 1 / 8
"""Share of the pool that makes a full vote if it agrees."""

_VALIDATION = 0.25
"""Share of the examples that the regularization is chosen by."""

_CERTAIN = 1e-9
"""A learner of smaller weighted error is perfect; at one half less this it is of no use."""


@dataclass(frozen=True)
class Ensemble:
    """Learners that vote on one class against the others.

    Attributes:
        learners: Fitted classifiers of -1 and +1, those of weight above 0.
        weights: Shape (learners,), above 0, at most 1.
        full_vote: T, see `qhpo_problems.formulations.weak_learners`.
        regularization: The lambda that they were chosen with.
    """

    learners: tuple[Any, ...]
    weights: FloatArray
    full_vote: float
    regularization: float

    def votes(self, X: FloatArray) -> FloatArray:
        """The vote c Hw that was fitted to the labels -1 and +1, shape (N,).

        Between ensembles of several classes it decides better than the mean vote of the learners.
        """
        votes: FloatArray = _outputs(self.learners, X) @ self.weights / self.full_vote
        return votes


class QBoostClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Chooses by annealing which of a pool of weak learners vote, and with what weight.

    More than two classes are told apart one against the rest, each with a pool of its own.

    Args:
        estimator: The weak learner, a classifier whose ``fit`` takes ``sample_weight``. None for
            decision stumps.
        n_estimators: Learners in the pool.
        regularization: lambda: what a learner must lower the mean squared loss by, in shares of a
            vote. ``"validation"`` takes the one of `REGULARIZATIONS` that errs least on a quarter
            of the examples, of equals the largest, which leaves the fewest learners; the pool is
            then made of all examples.
        weight_bits: Bits of a weight; with 1, learners vote or do not.
        solver: A name or an object, as in `qhpo.solvers.make_solver`.
        random_state: Seed or generator of the pool, the validation part and the solver.

    Attributes:
        classes_: Classes, sorted.
        ensembles_: One `Ensemble` for two classes, else one for each class.
        n_learners_: Learners that vote, in all ensembles together.
        n_features_in_: Number of features.

    Example:
        >>> from sklearn.datasets import load_breast_cancer
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> bool(QBoostClassifier(random_state=0).fit(X, y).score(X, y) > 0.95)
        True
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_estimators: int = 50,
        regularization: float | str = "validation",
        weight_bits: int = 1,
        solver: str | dimod.Sampler | Solver = "neal",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.regularization = regularization
        self.weight_bits = weight_bits
        self.solver = solver
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> QBoostClassifier:
        """Makes the pools and chooses the voters.

        Args:
            X: Shape (N, n), dense and finite.
            y: Classes, shape (N,).

        Raises:
            QhpoError: If a parameter is out of its range, or there is only one class.
        """
        features, labels = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        self._check()
        self.classes_, numbers = numbered_classes(labels)
        random = check_random_state(self.random_state)
        positives = (1,) if len(self.classes_) == 2 else range(len(self.classes_))
        self.ensembles_ = tuple(
            self._ensemble(features, np.where(numbers == c, 1, -1), random) for c in positives
        )
        self.n_learners_ = sum(len(ensemble.learners) for ensemble in self.ensembles_)
        return self

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Votes: for two classes of shape (N,), above 0 for the second one, else of shape (N, C).

        Args:
            X: Shape (N, n).
        """
        check_is_fitted(self)
        features = validate_data(self, X, dtype=np.float64, reset=False)
        votes = np.stack([ensemble.votes(features) for ensemble in self.ensembles_], axis=1)
        return votes[:, 0] if len(self.ensembles_) == 1 else votes

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Classes of examples.

        Args:
            X: Shape (N, n).
        """
        votes = self.decision_function(X)
        numbers = (votes > 0).astype(np.intp) if votes.ndim == 1 else votes.argmax(axis=1)
        classes: NDArray[Any] = self.classes_[numbers]
        return classes

    def _ensemble(self, X: FloatArray, signs: FloatArray, random: Any) -> Ensemble:
        chosen = self.regularization
        if isinstance(chosen, str):
            chosen = self._validated(X, signs, random)
        return self._select(
            boosted_pool(self._learner(), X, signs, self.n_estimators, random),
            X,
            signs,
            float(chosen),
            random,
        )

    def _validated(self, X: FloatArray, signs: FloatArray, random: Any) -> float:
        """The regularization that errs least on the validation part."""
        # Both parts need both signs.
        if np.unique(signs, return_counts=True)[1].min() < 2 or len(signs) < 8:
            return REGULARIZATIONS[0]
        train, test = train_test_split(
            np.arange(len(signs)), test_size=_VALIDATION, stratify=signs, random_state=random
        )
        pool = boosted_pool(self._learner(), X[train], signs[train], self.n_estimators, random)
        errors = []
        for regularization in REGULARIZATIONS:
            ensemble = self._select(pool, X[train], signs[train], regularization, random)
            predicted = np.where(ensemble.votes(X[test]) > 0, 1, -1)
            errors.append(float((predicted != signs[test]).mean()))
        return max(
            r for r, error in zip(REGULARIZATIONS, errors, strict=True) if error == min(errors)
        )

    def _select(
        self, pool: list[Any], X: FloatArray, signs: FloatArray, regularization: float, random: Any
    ) -> Ensemble:
        outputs = _outputs(pool, X)
        full_vote = max(1.0, _FULL_VOTE * len(pool))
        formulation = WeakLearners(
            outputs,
            signs.astype(float),
            regularization=regularization,
            full_vote=full_vote,
            weight_bits=self.weight_bits,
        )
        weights = solve(formulation, self.solver, seed=int(random.randint(2**31 - 1)))
        if not weights.any():  # too dear for anyone: the best one votes
            weights[int((outputs.T @ signs).argmax())] = 1.0
        voters = np.flatnonzero(weights)
        return Ensemble(tuple(pool[i] for i in voters), weights[voters], full_vote, regularization)

    def _learner(self) -> Any:
        if self.estimator is None:
            return DecisionTreeClassifier(max_depth=1)
        if not has_fit_parameter(self.estimator, "sample_weight"):
            raise QhpoError(
                "the pool needs an estimator whose fit takes sample_weight; got "
                f"{self.estimator!r}; a decision tree does"
            )
        return self.estimator

    def _check(self) -> None:
        # Estimators take whatever they are given, and check it when they are fitted.
        for name in ("n_estimators", "weight_bits"):
            number: Any = getattr(self, name)
            if not isinstance(number, Integral) or int(number) < 1:
                raise QhpoError(f"{name} must be a whole number of at least 1; got {number!r}")
        chosen: Any = self.regularization
        if chosen != "validation" and not (
            isinstance(chosen, Real) and 0.0 <= float(chosen) < np.inf
        ):
            raise QhpoError(
                f'regularization must be "validation" or a number of at least 0; got {chosen!r}'
            )


def boosted_pool(
    learner: Any, X: FloatArray, signs: FloatArray, count: int, random: np.random.RandomState
) -> list[Any]:
    """Learners as discrete AdaBoost makes them, each on weights that the last one left.

    Where boosting would end, at a perfect learner or one that is no better than chance, it goes on
    from random weights (exponential, the Bayesian bootstrap).

    Args:
        learner: A classifier; clones of it are fitted.
        X: Shape (S, n).
        signs: -1 or +1, shape (S,).
        count: Learners.
        random: Of the learners' seeds and the weights.

    Returns:
        Fitted learners.
    """
    weights = np.full(len(signs), 1.0 / len(signs))
    pool = []
    for _ in range(count):
        fitted = clone(learner)
        if "random_state" in fitted.get_params():
            fitted.set_params(random_state=random.randint(2**31 - 1))
        fitted.fit(X, signs, sample_weight=weights)
        pool.append(fitted)
        wrong = fitted.predict(X) != signs
        error = float(weights[wrong].sum())
        if _CERTAIN < error < 0.5 - _CERTAIN:
            weights = weights * np.where(wrong, (1.0 - error) / error, 1.0)
        else:
            weights = random.exponential(size=len(signs))
        weights /= weights.sum()
    return pool


def _outputs(learners: Any, X: FloatArray) -> FloatArray:
    """Votes of -1 or +1, shape (S, learners)."""
    return np.stack([learner.predict(X) for learner in learners], axis=1).astype(float)
