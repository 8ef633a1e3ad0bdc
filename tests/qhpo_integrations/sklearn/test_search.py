"""QUBOSearchCV is used like RandomizedSearchCV, and keeps rules that the latter cannot."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from optuna.trial import TrialState
from scipy.stats import loguniform, randint, uniform
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, RandomizedSearchCV, ShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from qhpo import constraints as c
from qhpo.errors import QhpoError
from qhpo_integrations.sklearn import QUBOSearchCV

X, Y = load_iris(return_X_y=True)
TREE = {
    "max_depth": randint(1, 6),
    "min_samples_leaf": [1, 2, 4, 8],
    "criterion": ["gini", "entropy"],
}
CHAIN = Pipeline([("scale", StandardScaler()), ("reduce", PCA()), ("model", SVC())])
CHAIN_SPACE: dict[str, Any] = {
    "scale": [StandardScaler(), "passthrough"],
    "reduce": [PCA(random_state=0), "passthrough"],
    "reduce__n_components": [1, 2, 3],
    "model": [SVC(), LogisticRegression(max_iter=2000)],
    "model__C": loguniform(1e-2, 1e2),
    "model__kernel": ["linear", "rbf"],
}
CHAIN_CONDITIONS = {"reduce__n_components": {"reduce": "PCA"}, "model__kernel": {"model": "SVC"}}


def _tree(**options: Any) -> QUBOSearchCV:
    tree = DecisionTreeClassifier(random_state=0)
    return QUBOSearchCV(tree, TREE, **{"n_iter": 4, "cv": 2, "random_state": 0, **options})


def _is_legal(candidate: dict[str, Any]) -> bool:
    """Whether a candidate of the chain has exactly the parameters that it should."""
    has_pca, is_svc = candidate["reduce"] != "passthrough", isinstance(candidate["model"], SVC)
    return ("reduce__n_components" in candidate, "model__kernel" in candidate) == (has_pca, is_svc)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_train_score": True},
        {"scoring": ["accuracy", "f1_macro"], "refit": "f1_macro"},
        {"scoring": ["accuracy", "f1_macro"], "refit": False},
        {"refit": lambda results: int(np.argmin(results["mean_fit_time"]))},
    ],
)
def test_the_attributes_are_those_of_randomized_search(options: dict[str, Any]) -> None:
    ours = _tree(**options).fit(X, Y)
    theirs = RandomizedSearchCV(ours.estimator, TREE, n_iter=4, cv=2, random_state=0, **options)
    theirs.fit(X, Y)
    assert set(ours.cv_results_) == set(theirs.cv_results_)
    assert set(vars(theirs)) - set(vars(ours)) == set()
    assert [len(column) for column in ours.cv_results_.values()] == [4] * len(ours.cv_results_)


def test_arguments_of_randomized_search_are_taken_with_its_defaults() -> None:
    theirs = RandomizedSearchCV(SVC(), {"C": [1.0]}).get_params(deep=False)
    ours = QUBOSearchCV(SVC(), {"C": [1.0]}).get_params(deep=False)
    del theirs["estimator"], theirs["error_score"]
    assert {name: ours[name] for name in theirs} == theirs


def test_the_study_has_the_scores() -> None:
    search = _tree().fit(X, Y)
    assert [t.value for t in search.study_.trials] == search.cv_results_["mean_test_score"].tolist()
    assert search.study_.best_value == search.best_score_


def test_the_metric_of_refit_is_searched_for() -> None:
    search = _tree(scoring=["accuracy", "neg_log_loss"], refit="neg_log_loss").fit(X, Y)
    losses = search.cv_results_["mean_test_neg_log_loss"].tolist()
    assert [trial.value for trial in search.study_.trials] == losses


def test_without_a_metric_for_refit_all_are_objectives() -> None:
    search = _tree(scoring=["accuracy", "neg_log_loss"], refit=False).fit(X, Y)
    columns = ["mean_test_accuracy", "mean_test_neg_log_loss"]
    scores = np.array([search.cv_results_[column] for column in columns]).T
    assert [trial.values for trial in search.study_.trials] == scores.tolist()


def _two_scores(model: Any, x: Any, y: Any) -> dict[str, float]:
    share = float(np.mean(model.predict(x) == y))
    return {"right": share, "wrong": -share}


def test_a_function_may_return_several_metrics() -> None:
    search = _tree(scoring=_two_scores, refit="wrong").fit(X, Y)
    assert [t.value for t in search.study_.trials] == search.cv_results_["mean_test_wrong"].tolist()
    with pytest.raises(QhpoError, match="one that scoring gives: right, wrong; got 'score'"):
        _tree(scoring=_two_scores, refit=False).fit(X, Y)


def test_steps_have_their_own_parameters() -> None:
    search = QUBOSearchCV(
        CHAIN, CHAIN_SPACE, conditions=CHAIN_CONDITIONS, n_iter=16, cv=2, random_state=0
    )
    candidates = search.fit(X, Y).cv_results_["params"]
    assert all(map(_is_legal, candidates))
    # Each of them was tried with and without.
    assert len({("model__kernel" in c, "reduce__n_components" in c) for c in candidates}) == 4


def test_conditions_may_name_the_estimators_themselves() -> None:
    conditions = {
        "reduce__n_components": {"reduce": [CHAIN_SPACE["reduce"][0]]},
        "model__kernel": {"model": CHAIN_SPACE["model"][0]},
    }
    search = QUBOSearchCV(CHAIN, CHAIN_SPACE, conditions=conditions, n_iter=6, cv=2, random_state=0)
    # A clone holds other estimators, written like these.
    assert all(map(_is_legal, clone(search).fit(X, Y).cv_results_["params"]))


def test_every_candidate_keeps_the_constraints() -> None:
    rules = [
        c.requires({"model": "SVC"}, {"scale": "StandardScaler"}),
        c.forbid({"model": "LogisticRegression", "reduce": "PCA"}),
    ]
    search = QUBOSearchCV(
        CHAIN,
        CHAIN_SPACE,
        constraints=rules,
        conditions=CHAIN_CONDITIONS,
        n_iter=10,
        cv=2,
        batch_size=5,
        random_state=0,
    )
    candidates = search.fit(X, Y).cv_results_["params"]
    for candidate in candidates:
        if isinstance(candidate["model"], SVC):
            assert isinstance(candidate["scale"], StandardScaler)
        else:
            assert candidate["reduce"] == "passthrough"
    assert len({type(candidate["model"]) for candidate in candidates}) == 2


def test_of_several_mappings_each_candidate_is_from_one() -> None:
    spaces = [
        {"kernel": ["linear"], "C": loguniform(1e-2, 1e2)},
        {"kernel": ["rbf"], "C": uniform(1, 9), "gamma": ["scale", "auto"]},
    ]
    search = QUBOSearchCV(SVC(), spaces, n_iter=10, cv=2, random_state=0).fit(X, Y)
    candidates = search.cv_results_["params"]
    assert {candidate["kernel"] for candidate in candidates} == {"linear", "rbf"}
    for candidate in candidates:
        assert ("gamma" in candidate) == (candidate["kernel"] == "rbf")
        assert candidate["kernel"] == "linear" or 1 <= candidate["C"] <= 10


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_a_space_is_evaluated_once_and_no_more(batch_size: int) -> None:
    grid = {"max_depth": [1, 2, 3], "criterion": ["gini", "entropy"]}
    search = _tree(n_iter=20, batch_size=batch_size).set_params(param_distributions=grid)
    with pytest.warns(UserWarning, match="holds 6 candidates"):
        search.fit(X, Y)
    tried = [(p["max_depth"], p["criterion"]) for p in search.cv_results_["params"]]
    assert sorted(tried) == [(d, k) for d in (1, 2, 3) for k in ("entropy", "gini")]


def test_one_seed_makes_one_search() -> None:
    fitted = _tree(batch_size=2).fit(X, Y)
    candidates = fitted.cv_results_["params"]
    with joblib.parallel_config("threading", n_jobs=2):
        assert clone(fitted).set_params(n_jobs=2).fit(X, Y).cv_results_["params"] == candidates
    again = pickle.loads(pickle.dumps(fitted))
    assert again.fit(X, Y).cv_results_["params"] == candidates
    state = np.random.RandomState(0)
    other = [_tree(random_state=state).fit(X, Y).cv_results_["params"] for _ in range(2)]
    assert other[0] != other[1]


def test_all_candidates_meet_the_same_splits() -> None:
    class Recording(ShuffleSplit):
        calls = 0

        def split(self, *args: Any, **params: Any) -> Any:
            Recording.calls += 1
            return super().split(*args, **params)

    _tree(cv=Recording(2)).fit(X, Y)
    assert Recording.calls == 1


class _Fragile(DecisionTreeClassifier):  # type: ignore[misc]
    def fit(self, *args: Any, **params: Any) -> Any:
        if self.criterion == "entropy":
            raise RuntimeError("no entropy here")
        return super().fit(*args, **params)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more")
@pytest.mark.parametrize("batch_size", [1, 2, 6])
@pytest.mark.parametrize("scoring", [None, ["accuracy", "f1_macro"]])
def test_what_fails_is_a_result_and_the_search_goes_on(batch_size: int, scoring: Any) -> None:
    search = QUBOSearchCV(
        _Fragile(),
        TREE,
        n_iter=6,
        cv=2,
        batch_size=batch_size,
        random_state=0,
        scoring=scoring,
        refit="accuracy" if scoring else True,
        return_train_score=True,
    )
    results = search.fit(X, Y).cv_results_
    metric = "accuracy" if scoring else "score"
    assert search.best_params_["criterion"] == "gini"
    assert search.best_score_ == results[f"mean_test_{metric}"][search.best_index_]
    assert results["rank_test_" + metric][search.best_index_] == 1
    has_failed = [candidate["criterion"] == "entropy" for candidate in results["params"]]
    assert 0 < sum(has_failed) < 6
    for column in (f"mean_test_{metric}", f"split1_train_{metric}"):
        assert np.isnan(results[column]).tolist() == has_failed
    assert len(results["param_max_depth"]) == len(has_failed) == 6
    for trial in search.study_.trials:
        expected = {"entropy": TrialState.FAIL, "gini": TrialState.COMPLETE}
        assert trial.state == expected[trial.params["criterion"]]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_score_of_what_fails_is_its_value() -> None:
    search = QUBOSearchCV(_Fragile(), TREE, n_iter=6, cv=2, random_state=0, error_score=-1.0)
    values = [trial.value for trial in search.fit(X, Y).study_.trials]
    assert sorted(values) == sorted(search.cv_results_["mean_test_score"])
    assert -1.0 in values


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_where_everything_fails_scikit_learn_says_so() -> None:
    search = QUBOSearchCV(_Fragile(), {"criterion": ["entropy"], "max_depth": [1, 2]}, n_iter=2)
    with pytest.raises(ValueError, match="All the 5 fits failed"):
        search.fit(X, Y)


def test_no_trial_is_left_running_where_an_error_ends_the_search() -> None:
    search = QUBOSearchCV(
        _Fragile(), TREE, n_iter=6, cv=2, batch_size=3, error_score="raise", random_state=0
    )
    with pytest.raises(RuntimeError, match="no entropy here"):
        search.fit(X, Y)
    assert TrialState.RUNNING not in [trial.state for trial in search.study_.trials]


def test_a_stored_study_is_gone_on_with(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    first = _tree(storage=url, study_name="trees").fit(X, Y)
    second = _tree(storage=url, study_name="trees").fit(X, Y)
    trials = second.study_.trials
    assert len(trials) == 8
    # The best so far comes first, so that the best of all is among the results; no other returns.
    assert second.cv_results_["params"][0] == first.best_params_
    assert second.best_score_ >= first.best_score_
    assert len({tuple(sorted(trial.params.items())) for trial in trials}) == 7


def test_a_regressor_of_numbers_and_a_fold_of_ones_own() -> None:
    search = QUBOSearchCV(Ridge(), {"alpha": uniform(0.1, 2.0)}, n_iter=3, cv=KFold(3))
    assert 0.1 <= search.fit(X, Y).best_params_["alpha"] <= 2.1


def test_the_name_of_a_parameter_that_the_estimator_lacks_is_scikit_learns_error() -> None:
    with pytest.raises(ValueError, match="Invalid parameter 'depth'"):
        QUBOSearchCV(DecisionTreeClassifier(), {"depth": [1, 2]}, error_score="raise").fit(X, Y)
