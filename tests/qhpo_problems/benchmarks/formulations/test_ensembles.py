from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from qhpo_problems.benchmarks.formulations import ensembles
from qhpo_problems.benchmarks.formulations.ensembles import OneAgainstRest, measure_ensembles


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = load_iris(return_X_y=True)
    monkeypatch.setattr(
        ensembles,
        "_TABLES",
        {"two": ("", lambda: (X[y > 0], y[y > 0] - 1)), "three": ("", lambda: (X, y))},
    )
    monkeypatch.setattr(ensembles, "_POOL", 6)


def test_two_classes_are_plain_adaboost() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    plain = AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), n_estimators=7, random_state=0)
    ours = OneAgainstRest([7], 0).fit(X[::2], y[::2])
    assert ours.score(X[1::2], y[1::2]) == plain.fit(X[::2], y[::2]).score(X[1::2], y[1::2])
    assert ours.n_learners_ == 7


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("table", ["two", "three"])
def test_methods_use_what_they_say(table: str) -> None:
    measured = {m: measure_ensembles(table, m, 0)[0] for m in ensembles.SUITE.methods}
    assert all(0.85 < numbers["accuracy"] <= 1.0 for numbers in measured.values())
    assert measured["adaboost-same-size"]["learners"] <= measured["qboost"]["learners"]
    most = 6 if table == "two" else 18
    assert all(1 <= numbers["learners"] <= most for numbers in measured.values())


@pytest.mark.usefixtures("small")
def test_equal_seeds_give_equal_ensembles() -> None:
    one, other = (measure_ensembles("three", "qboost", 1)[0] for _ in range(2))
    assert (one["accuracy"], one["learners"]) == (other["accuracy"], other["learners"])


@pytest.mark.parametrize("table", ensembles.SUITE.tables)
def test_the_data_are_what_the_titles_say(table: str) -> None:
    features, classes = ensembles._TABLES[table][1]()
    shapes = {"breast-cancer": (569, 30, 2), "digits-3-8": (357, 64, 2), "digits": (1797, 64, 10)}
    assert (*features.shape, len(np.unique(classes))) == shapes[table]
