"""Ray's search spaces as Optuna distributions, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

pytest.importorskip("ray", reason="ray is not installed: `make test-ray` brings it")

from ray import tune

from qhpo.errors import QhpoError
from qhpo_integrations.ray.space import TuneSpace


def read(space: dict[str, Any], *, has_constants: bool = False) -> TuneSpace:
    return TuneSpace.read(space, has_constants=has_constants)


@pytest.mark.parametrize(
    ("domain", "distribution"),
    [
        (tune.uniform(-1, 2.5), FloatDistribution(-1, 2.5)),
        (tune.loguniform(1e-4, 1e-1), FloatDistribution(1e-4, 1e-1, log=True)),
        (tune.quniform(0, 1, 0.25), FloatDistribution(0, 1, step=0.25)),
        (tune.randint(3, 9), IntDistribution(3, 8)),
        (tune.lograndint(8, 257), IntDistribution(8, 256, log=True)),
        (tune.qrandint(8, 64, 8), IntDistribution(8, 64, step=8)),
        (tune.qrandint(3, 9, 1), IntDistribution(3, 8)),
        (tune.qlograndint(3, 9, 1), IntDistribution(3, 8, log=True)),
        (tune.choice(["sgd", None, 2, False]), CategoricalDistribution(["sgd", None, 2, False])),
        (IntDistribution(1, 4), IntDistribution(1, 4)),
    ],
)
def test_a_domain_becomes_a_distribution(domain: Any, distribution: Any) -> None:
    assert read({"a": domain}).search_space == {"a": distribution}


@settings(max_examples=50)
@given(st.integers(-20, 20), st.integers(1, 30), st.integers(1, 9))
def test_steps_have_the_values_that_ray_draws(low: int, width: int, step: int) -> None:
    multiples = [v for v in range(low, low + width + 1) if v % step == 0]
    if step == 1:
        multiples.pop()
    assume(multiples)
    domain = tune.qrandint(low, low + width, step)
    found = read({"a": domain}).search_space["a"]
    assert isinstance(found, IntDistribution)
    assert list(range(found.low, found.high + 1, found.step)) == multiples
    drawn = domain.sample(size=200, random_state=np.random.default_rng(0))
    assert set(drawn) <= set(multiples)


@pytest.mark.parametrize(
    "leaf",
    [
        tune.sample_from(lambda config: 1),
        tune.randn(0, 1),
        tune.qrandn(0, 1, 0.1),
        tune.qloguniform(0.1, 10, 0.1),
        tune.qlograndint(2, 64, 2),
        tune.grid_search([1, 2]),
        {"eval": "spec.config.a"},
        [tune.uniform(0, 1)],
        tune.choice([{"kind": "a", "rate": tune.uniform(0, 1)}, {"kind": "b"}]),
        tune.choice([]),
        tune.randint(3, 3),
        0.5,
    ],
    ids=repr,
)
def test_what_cannot_be_searched_is_named(leaf: Any) -> None:
    with pytest.raises(QhpoError, match=r"'model/width'"):
        read({"model": {"width": leaf}})


@pytest.mark.parametrize("key", ["a/b", 3])
def test_keys_are_strings_without_the_separator(key: Any) -> None:
    with pytest.raises(QhpoError, match="must be strings without '/'"):
        read({key: tune.uniform(0, 1)})


def test_constants_of_param_space_are_no_parameters() -> None:
    space = {"a": tune.uniform(0, 1), "epochs": 3, "data": {"files": ["x"], "none": {}}}
    assert set(read(space, has_constants=True).search_space) == {"a"}
    with pytest.raises(QhpoError, match="'epochs'; constants belong into param_space"):
        read(space)


def test_a_configuration_is_nested_and_has_the_choices_themselves() -> None:
    widths = [[64, 64], [128]]
    space = read(
        {
            "model": {"widths": tune.choice(widths), "rate": tune.uniform(0, 1)},
            "b": tune.choice([1]),
        }
    )
    assert space.search_space["model/widths"].choices == ("[64, 64]", "[128]")
    found = space.configuration({"model/widths": "[128]", "b": 1})
    # A parameter that does not exist is None.
    assert found == {"model": {"widths": [128], "rate": None}, "b": 1}
    assert found["model"]["widths"] is widths[1]
    assert space.params(found) == {"model/widths": "[128]", "b": 1}
    assert space.params({"model/rate": 0.5}) == {"model/rate": 0.5}


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"c": 1}, "parameters of the search space; got 'c'; it has: a, b"),
        ({"a": 2.5}, "got 2.5 for 'a'"),
        ({"a": "x"}, "got 'x' for 'a'"),
        ({"b": "z"}, "got 'z' for 'b'"),
    ],
)
def test_what_is_wrong_with_a_point_is_said(point: dict[str, Any], message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        read({"a": tune.uniform(0, 1), "b": tune.choice(["x", "y"])}).params(point)


def test_none_may_be_a_choice() -> None:
    space = read({"a": tune.choice([None, "l2"])})
    assert space.params({"a": None}) == {"a": None}
    assert space.configuration({"a": None}) == {"a": None}
