from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer

from qhpo_problems.benchmarks.formulations import features
from qhpo_problems.benchmarks.formulations.features import measure_features, mrmr
from qhpo_problems.formulations.feature_selection import METHODS, AnnealingFeatureSelector


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 6))
    y = (X[:, 1] + X[:, 4] > 0).astype(np.intp)
    monkeypatch.setattr(features, "_TABLES", {"small": ("made", lambda: (X, y))})
    monkeypatch.setattr(features, "_COUNTS", (2, 3))


def test_mrmr_takes_the_best_and_then_what_is_not_redundant() -> None:
    relevance = np.array([0.5, 0.9, 0.8, 0.3])
    redundancy = np.zeros((4, 4))
    redundancy[1, 2] = redundancy[2, 1] = 0.7
    redundancy[0, 1] = redundancy[1, 0] = 0.3
    # Gains of the second choice: 0.2, -, 0.1, 0.3; of the third: 0.35, -, 0.45, -.
    np.testing.assert_array_equal(mrmr(relevance, redundancy, 3), [1, 3, 2])


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("method", features.SUITE.methods)
def test_every_method_selects_k_of_what_it_may_see(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = features._METHODS[method]
    seen = []

    def spy(X: NDArray[np.float64], y: NDArray[np.intp], seed: int) -> features.Select:
        select = make(X, y, seed)

        def tell(k: int) -> NDArray[np.intp]:
            chosen = select(k)
            seen.append((len(X), len(y), len(set(chosen.tolist())), k))
            return chosen

        return tell

    monkeypatch.setattr(features, "_METHODS", {method: spy})
    results = measure_features("small", method, 0)
    whole = method == "all-features"
    # Four of five folds, and never the fold that is judged.
    assert seen == [(48, 48, 6 if whole else k, k) for _ in range(5) for k in (2, 3)]
    assert [result["accuracy"] for result in results] == pytest.approx([0.9, 0.9], abs=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_annealing_is_what_the_estimator_does(method: str) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    estimator = AnnealingFeatureSelector(10, method=method, random_state=3).fit(X, y)
    name = {"conditional": "annealing", "mrmr": "annealing-mrmr"}[method]
    chosen = features._METHODS[name](X, y, 3)(10)
    np.testing.assert_array_equal(chosen, np.flatnonzero(estimator.support_))


@pytest.mark.usefixtures("small")
def test_equal_seeds_give_equal_accuracies() -> None:
    one, other = (measure_features("small", "annealing", 1) for _ in range(2))
    assert [r["accuracy"] for r in one] == [r["accuracy"] for r in other]
