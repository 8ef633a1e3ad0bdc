"""Lists, SciPy's and Optuna's distributions as the space of a search."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.svm import SVC

from qhpo.errors import QhpoError
from qhpo_integrations.sklearn.space import CandidateSpace


def _made(written: Any) -> CandidateSpace:
    return CandidateSpace.made_of({"p": written}, None, False)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (stats.uniform(1, 2), FloatDistribution(1, 3)),
        (stats.uniform(loc=-1, scale=0.5), FloatDistribution(-1, -0.5)),
        (stats.loguniform(1e-3, 10), FloatDistribution(1e-3, 10, log=True)),
        (stats.reciprocal(a=1, b=4, scale=2), FloatDistribution(2, 8, log=True)),
        (stats.randint(1, 5), IntDistribution(1, 4)),
        (stats.randint(low=1, high=5, loc=3), IntDistribution(4, 7)),
        (IntDistribution(1, 64, log=True), IntDistribution(1, 64, log=True)),
        ([2, 4, 6], IntDistribution(2, 6, step=2)),
        (range(1, 10), IntDistribution(1, 9)),
        (np.arange(3), IntDistribution(0, 2)),
        ([1, 2, 4], CategoricalDistribution((1, 2, 4))),
        ([3, 2, 1], CategoricalDistribution((3, 2, 1))),
        ([1, 2], CategoricalDistribution((1, 2))),
        (["a", None, True, 0.5], CategoricalDistribution(("a", None, True, 0.5))),
        (np.array([0.1, 1.0]), CategoricalDistribution((0.1, 1.0))),
        ([(50,), (100, 50)], CategoricalDistribution(("(50,)", "(100, 50)"))),
        ([np.nan, 0.0], CategoricalDistribution(("nan", 0.0))),
        ([1, 1.0], CategoricalDistribution((1, "1.0"))),
        ([SVC(), "passthrough"], CategoricalDistribution(("SVC", "passthrough"))),
        (
            [PCA(n_components=1), PCA(n_components=2)],
            CategoricalDistribution(("PCA(n_components=1)", "PCA(n_components=2)")),
        ),
        ([len, np.mean], CategoricalDistribution(("len", "mean"))),
        (["a", "b", "a"], CategoricalDistribution(("a", "b"))),
    ],
)
def test_the_distribution(written: Any, expected: Any) -> None:
    assert _made(written).search_space == {"p": expected}


@pytest.mark.parametrize(
    "values",
    [
        [SVC(), None],
        [1, 1.0, True],
        np.arange(4),
        [np.float32(0.1), 0.1],
        [partial(max, 1), partial(max, 2)],
        [object(), object()],
        ["SVC", SVC()],
    ],
)
def test_every_listed_value_reaches_the_estimator_as_it_is(values: Any) -> None:
    space = _made(values)
    dist = space.search_space["p"]
    if isinstance(dist, IntDistribution):
        labels: Any = range(dist.low, dist.high + 1, dist.step)
    else:
        assert isinstance(dist, CategoricalDistribution)
        labels = dist.choices
    reached = [space.candidate({"p": label})["p"] for label in labels]
    assert [(type(value), value) for value in reached] == [(type(v), v) for v in values]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (stats.norm(0, 1), "got norm for 'p'"),
        (stats.loguniform(1, 2, loc=1), "got loguniform for 'p'"),
        (stats.randint(5, 5), "cannot be searched"),
        (stats.uniform(0, -1), "cannot be searched"),
        ([], "at least one value; got an empty list for 'p'"),
        ("rbf", "got 'rbf' for 'p'"),
        (0.5, "got 0.5 for 'p'"),
    ],
)
def test_what_cannot_be_searched_is_named(written: Any, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        _made(written)


@pytest.mark.parametrize(
    ("spaces", "conditions", "has_rules", "message"),
    [
        ([{"a": [1]}], {"a": {"b": 1}}, False, "one mapping; got 1 of them"),
        ([{"a": [1]}], None, True, "one mapping; got 1 of them"),
        ([], None, False, "got an empty list"),
        ([{"a": [1]}, "b"], None, False, "got 'b' in the list"),
        ({1: [1]}, None, False, "names of parameters must be strings; got 1"),
        ({"a": [1]}, [1], False, r"conditions must be a mapping .* got \[1\]"),
    ],
)
def test_wrong_spaces_are_named(
    spaces: Any, conditions: Any, has_rules: bool, message: str
) -> None:
    with pytest.raises(QhpoError, match=message):
        CandidateSpace.made_of(spaces, conditions, has_rules)


def test_alternatives_share_the_parameters_that_they_have_in_common() -> None:
    spaces = [
        {"scale": [PCA(), None], "model": [SVC(kernel="linear")], "C": stats.loguniform(1, 9)},
        {"scale": [PCA(), None], "model": [SVC(kernel="rbf")], "C": stats.loguniform(1, 9)},
        {"scale": [PCA(), None], "model": [SVC(kernel="rbf")], "C": [1.0, 2.0]},
    ]
    space = CandidateSpace.made_of(spaces, None, False)
    assert space.search_space == {
        "param_distributions": CategoricalDistribution((0, 1, 2)),
        "scale": CategoricalDistribution(("PCA", None)),
        "0:model": CategoricalDistribution(("SVC",)),
        "1:model": CategoricalDistribution(("SVC",)),
        "0:C": FloatDistribution(1, 9, log=True),
        "2:C": CategoricalDistribution((1.0, 2.0)),
    }
    assert space.conditions == {
        "0:model": {"param_distributions": [0]},
        "1:model": {"param_distributions": [1, 2]},
        "0:C": {"param_distributions": [0, 1]},
        "2:C": {"param_distributions": [2]},
    }
    chosen = space.candidate({"param_distributions": 2, "scale": None, "1:model": "SVC", "2:C": 2})
    assert (chosen["model"].kernel, chosen["scale"], chosen["C"]) == ("rbf", None, 2.0)
