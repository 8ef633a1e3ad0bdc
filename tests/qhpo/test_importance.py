"""Effects of parameters: exact on known functions, and otherwise as Optuna's evaluators behave."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import get_param_importances

from qhpo import AnovaImportanceEvaluator, Interactions, QhpoError, interactions

FloatArray = NDArray[np.float64]


def _listed(
    function: Callable[..., FloatArray], sizes: tuple[int, ...], low: float, high: float
) -> tuple[optuna.Study, FloatArray]:
    """A study of every point of a grid, and the values there, an axis for each parameter."""
    points = [np.linspace(low, high, size) for size in sizes]
    values = function(*np.meshgrid(*points, indexing="ij"))
    names = "abcdef"[: len(sizes)]
    space: dict[str, BaseDistribution] = {
        name: IntDistribution(0, size - 1) for name, size in zip(names, sizes, strict=True)
    }
    study = optuna.create_study()
    for place in itertools.product(*map(range, sizes)):
        params = dict(zip(names, place, strict=True))
        value = float(values[place])
        study.add_trial(optuna.create_trial(params=params, distributions=space, value=value))
    return study, values


def _check(found: Interactions, values: FloatArray) -> None:
    """The Sobol' indices by their definition."""
    names = "abcdef"[: values.ndim]
    variance = values.var()
    every = set(range(values.ndim))
    main = {i: values.mean(axis=tuple(every - {i})) - values.mean() for i in every}
    for i, effect in main.items():
        assert found.main[names[i]].value == pytest.approx(effect.var() / variance, abs=2e-3)
        total = 1.0 - values.mean(axis=i).var() / variance
        assert found.total[names[i]].value == pytest.approx(total, abs=2e-3)
    for i, j in itertools.combinations(sorted(every), 2):
        together = values.mean(axis=tuple(every - {i, j})) - values.mean()
        together = together - main[i][:, None] - main[j]
        share = found.pair[names[i], names[j]]
        assert share.value == pytest.approx((together**2).mean() / variance, abs=2e-3)
    for share in [*found.main.values(), *found.pair.values(), *found.total.values()]:
        assert 0.0 <= share.deviation < 0.02


@pytest.mark.parametrize(
    ("function", "sizes", "low", "high"),
    [
        (lambda a, b, c: 3 * a + b**2 + 0 * c, (5, 5, 4), 0.0, 1.0),
        (lambda a, b: a * b, (6, 6), -1.0, 1.0),
        (lambda a, b, c: a * b * c + a, (4, 4, 4), -1.0, 1.0),
        (
            lambda a, b, c: np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a),
            (6, 6, 4),
            -math.pi,
            math.pi,
        ),
    ],
    ids=["additive", "product", "three together", "Ishigami"],
)
def test_of_a_listed_function_they_are_its_sobol_indices(
    function: Callable[..., FloatArray], sizes: tuple[int, ...], low: float, high: float
) -> None:
    study, values = _listed(function, sizes, low, high)
    found = interactions(study)
    _check(found, values)
    assert not found.is_by_rank
    assert found.explained > 0.99
    assert found.n_trials == values.size


def test_each_value_of_a_parameter_has_its_mean_over_the_others() -> None:
    study, values = _listed(lambda a, b: 3 * a + (b - 0.3) ** 2, (5, 6), 0.0, 1.0)
    found = interactions(study).curves
    assert found["a"].values == (0, 1, 2, 3, 4)
    np.testing.assert_allclose(found["a"].expected, values.mean(axis=1), atol=0.01)
    np.testing.assert_allclose(found["b"].expected, values.mean(axis=0), atol=0.01)
    for curve in found.values():
        assert (curve.low <= curve.expected).all()
        assert (curve.expected <= curve.high).all()


@pytest.mark.parametrize(("scale", "shift"), [(-3.0, 0.0), (1e-6, 5.0), (1e12, 0.0)])
def test_unit_and_direction_do_not_matter(scale: float, shift: float) -> None:
    plain, _ = _listed(lambda a, b: a + a * b, (5, 5), 0.0, 1.0)
    other, _ = _listed(lambda a, b: shift + scale * (a + a * b), (5, 5), 0.0, 1.0)
    expected, got = interactions(plain), interactions(other)
    for name, share in expected.main.items():
        assert got.main[name].value == pytest.approx(share.value, abs=0.01)
    assert got.pair["a", "b"].value == pytest.approx(expected.pair["a", "b"].value, abs=0.01)


def test_optunas_function_and_plots_take_the_evaluator() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(_conditional, n_trials=60)
    evaluator = AnovaImportanceEvaluator()
    found = get_param_importances(study, evaluator=evaluator)
    assert next(iter(found)) == "kind"
    assert sum(found.values()) == pytest.approx(1.0)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    figure = optuna.visualization.plot_param_importances(study, evaluator=evaluator)
    assert set(figure.data[0].y) == set(found)


def _conditional(trial: optuna.Trial) -> float:
    if trial.suggest_categorical("kind", ["flat", "steep"]) == "flat":
        return 3.0
    return trial.suggest_float("slope", 0.0, 1.0)


def test_a_conditional_parameter_counts_as_often_as_it_is_there() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(_conditional, n_trials=80)
    main = interactions(study).main
    # Means 3 and 0.5, evenly; a slope that is there half of the time.
    between, within = 1.25**2, 0.5 / 12
    assert main["kind"].value == pytest.approx(between / (between + within), abs=0.02)
    assert main["slope"].value == pytest.approx(within / (between + within), abs=0.02)


def test_a_few_diverged_trials_leave_the_rest_readable() -> None:
    rng = np.random.default_rng(0)
    study = optuna.create_study()
    space = {name: FloatDistribution(0.0, 1.0) for name in "xyz"}
    for number in range(60):
        params = dict(zip("xyz", rng.random(3).tolist(), strict=True))
        value = 3 * params["x"] + params["y"] + (1e9 * (number % 20 == 3))
        study.add_trial(optuna.create_trial(params=params, distributions=space, value=value))
    found = interactions(study)
    assert found.is_by_rank
    assert [*found.main] == ["x", "y", "z"]
    assert found.main["x"].value > 0.6
    assert np.isfinite(found.curves["x"].expected).all()


def test_trials_without_a_value_do_not_count() -> None:
    study, values = _listed(lambda a, b: a + b, (4, 4), 0.0, 1.0)
    before = interactions(study)
    space = study.trials[0].distributions | {"rest": FloatDistribution(0.0, 1.0)}
    params = {"a": 0, "b": 0, "rest": 0.5}
    for state, value in (("FAIL", None), ("PRUNED", None), ("COMPLETE", math.inf)):
        study.add_trial(
            optuna.create_trial(
                state=optuna.trial.TrialState[state],
                params=params,
                distributions=space,
                value=value,
            )
        )
    after = interactions(study)
    assert (after.main, after.pair, after.n_trials) == (before.main, before.pair, values.size)
    found = AnovaImportanceEvaluator().evaluate(study, ["a", "rest"])
    assert found == {"a": before.main["a"].value, "rest": 0.0}


def test_of_several_objectives_a_target_is_explained() -> None:
    study = optuna.create_study(
        directions=["minimize", "maximize"], sampler=optuna.samplers.RandomSampler(seed=1)
    )
    study.optimize(lambda t: (t.suggest_float("x", 0, 1), t.suggest_float("y", 0, 1)), n_trials=20)
    with pytest.raises(QhpoError, match="2 objectives; name one, such as target="):
        interactions(study)
    for objective, name in enumerate("xy"):
        share = interactions(study, target=lambda t, k=objective: t.values[k]).main[name]
        assert share.value > 0.95


def test_too_little_to_learn_from_is_no_effect_and_no_error() -> None:
    study = optuna.create_study()
    assert interactions(study).main == {}
    study.optimize(lambda t: t.suggest_float("x", 0, 1) + t.suggest_int("one", 1, 1), n_trials=1)
    one = interactions(study)
    assert {name: share.value for name, share in one.main.items()} == {"one": 0.0, "x": 0.0}
    assert one.curves == {}
    study.optimize(lambda t: 1.0 + 0.0 * t.suggest_float("x", 0, 1), n_trials=5)
    flat = optuna.create_study()
    flat.optimize(lambda t: 1.0 + 0.0 * t.suggest_float("x", 0, 1), n_trials=5)
    assert interactions(flat).main["x"].value == 0.0


@pytest.mark.parametrize(
    ("params", "error", "rule"),
    [
        (["x", "w"], QhpoError, "parameters of complete trials, x; got w"),
        ("x", TypeError, "a list of names of parameters; got 'x'"),
        ([1], TypeError, "a list of names"),
    ],
)
def test_what_cannot_be_asked_for_is_a_clear_error(
    params: Any, error: type[Exception], rule: str
) -> None:
    study = optuna.create_study()
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=3)
    with pytest.raises(error, match=rule):
        AnovaImportanceEvaluator().evaluate(study, params)


def test_many_levels_are_told_without_draws() -> None:
    rng = np.random.default_rng(0)
    space: dict[str, BaseDistribution] = {
        f"x{i:02}": CategoricalDistribution(range(30)) for i in range(40)
    }
    study = optuna.create_study()
    for _ in range(40):
        params = {name: int(rng.integers(30)) for name in space}
        value = float(params["x07"] >= 15)
        study.add_trial(optuna.create_trial(params=params, distributions=space, value=value))
    found = interactions(study)
    assert len(found.pair) == 40 * 39 // 2
    assert all(math.isfinite(share.deviation) for share in found.pair.values())


def test_random_trials_are_taken_to_bring_what_they_bring() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1) + t.suggest_float("y", 0, 1), n_trials=40)
    values = [trial.value for trial in study.trials]
    random = interactions(study).random
    assert min(values) <= random[0] <= random[-1] <= max(values)
    assert (np.diff(random) >= 0.0).all()
    for share in (0.1, 0.5):
        # Of the sum of two even numbers, a share s is below the root of 2 s.
        assert np.quantile(random, share) == pytest.approx(math.sqrt(2 * share), abs=0.08)


def test_the_same_study_says_the_same() -> None:
    study, _ = _listed(lambda a, b: a + a * b, (4, 5), 0.0, 1.0)
    assert interactions(study).pair == interactions(study).pair
