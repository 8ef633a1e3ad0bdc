"""The posterior against a textbook Gaussian process."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution

from qhpo.space import Space
from qhpo.surrogate import anova_gp
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.hyperparameters import Hyperparameters

CASES = [(0, 0.0), (1, 0.25)]


def _by_the_book(textbook: Any, model: AnovaGP, x: np.ndarray, points: np.ndarray, m: int) -> Any:
    h, n = model.members[m], len(x)
    gram = textbook.matrix(model.space, x, x, h) + h.noise * np.eye(n)
    cross = textbook.matrix(model.space, points, x, h)
    mean = cross @ np.linalg.solve(gram, model.y[m])
    prior = np.array([textbook.kernel(model.space, p, p, h) for p in points])
    variance = prior - np.einsum("qn,nq->q", cross, np.linalg.solve(gram, cross.T))
    return mean, variance


@pytest.mark.parametrize(("seed", "inactive"), CASES)
def test_mean_and_variance_agree_with_the_textbook(
    mixed_space: Space, observe: Any, make_model: Any, textbook: Any, seed: int, inactive: float
) -> None:
    points = observe(mixed_space, 7, seed + 50, inactive)
    model = make_model(mixed_space, 9, seed, inactive=inactive, others=points)
    x = observe(mixed_space, 9, seed, inactive)
    mean, variance = model.predict(model.bank.rows_of(points))
    assert mean.shape == variance.shape == (2, 7)
    for m in range(2):
        expected = _by_the_book(textbook, model, x, points, m)
        np.testing.assert_allclose(mean[m], expected[0], atol=1e-8)
        np.testing.assert_allclose(variance[m], expected[1], atol=1e-8)


def test_observed_mean_is_that_of_the_smooth_part(
    mixed_space: Space, observe: Any, make_model: Any, textbook: Any
) -> None:
    model = make_model(mixed_space, 8, inactive=0.2)
    x = observe(mixed_space, 8, 0, inactive=0.2)
    np.testing.assert_array_equal(model.bank.coordinates_of(model.bank.rows_at(model.places)), x)
    for m, h in enumerate(model.members):
        gram = textbook.matrix(mixed_space, x, x, h) + h.noise * np.eye(8)
        smooth = textbook.smooth_matrix(mixed_space, x, x, h)
        expected = smooth @ np.linalg.solve(gram, model.y[m])
        np.testing.assert_allclose(model.observed_mean[m], expected, atol=1e-9)


def test_every_member_may_have_values_of_its_own(
    mixed_space: Space, observe: Any, hyperparameters: Any
) -> None:
    x = observe(mixed_space, 8, 0)
    members = hyperparameters(mixed_space, 2)
    y = np.random.default_rng(0).standard_normal((2, 8))
    both = AnovaGP(mixed_space, x, y, members)
    for m in range(2):
        alone = AnovaGP(mixed_space, x, y[m], [members[m]])
        np.testing.assert_allclose(both.observed_mean[m], alone.observed_mean[0], atol=1e-12)


def test_observations_leave_less_uncertainty_than_their_own_noise(
    mixed_space: Space, make_model: Any
) -> None:
    model = make_model(mixed_space, 10)
    _, at_data = model.predict(model.bank.rows_at(model.places))
    assert (at_data < np.diagonal(model.covariance, axis1=1, axis2=2)).all()
    assert (at_data < model.noise[:, None] + 1e-9).all()
    assert (at_data > 0).all()


def test_rows_and_coordinates_name_the_same_configurations(
    mixed_space: Space, observe: Any, make_model: Any
) -> None:
    others = observe(mixed_space, 6, 9, inactive=0.3)
    model = make_model(mixed_space, 5, others=others)
    back = model.bank.coordinates_of(model.bank.rows_of(others))
    np.testing.assert_array_equal(back, others)
    levels = np.zeros(len(mixed_space), dtype=int)
    rows = model.bank.level_rows[levels + mixed_space.starts[:-1]]
    np.testing.assert_array_equal(
        model.bank.coordinates_of(rows[None, :])[0], mixed_space.at_levels(levels)
    )
    np.testing.assert_array_equal(rows, model.bank.axis_start)


@pytest.mark.parametrize("inactive", [0.0, 0.3])
def test_terms_agree_with_the_textbook(
    mixed_space: Space, observe: Any, make_model: Any, textbook: Any, inactive: float
) -> None:
    model = make_model(mixed_space, 6, inactive=inactive)
    x = observe(mixed_space, 6, 0, inactive)
    point = observe(mixed_space, 1, 77, inactive)[0]  # its rate is not in the support
    terms, own, strain = model.terms(point)
    for m, h in enumerate(model.members):
        expected = np.array([textbook.terms(mixed_space, point, row, h) for row in x]).T
        np.testing.assert_allclose(terms[:, m], expected, atol=1e-9)
        expected = np.array([textbook.strains(mixed_space, point, row, h) for row in x]).T
        np.testing.assert_allclose(strain[:, m], expected, atol=1e-9)
        np.testing.assert_allclose(
            own[:, m], textbook.terms(mixed_space, point, point, h), atol=1e-9
        )


def test_terms_of_known_values_are_the_rows_of_the_bank(
    mixed_space: Space, make_model: Any
) -> None:
    model = make_model(mixed_space, 6, inactive=0.3)
    for i, axis in enumerate(mixed_space.axes):
        rows, own, strain = model.axis_terms(i, axis.coordinates)
        where = model.bank.axis_start[i] + np.arange(axis.n_levels)
        np.testing.assert_allclose(rows, model.bank.rows[:, where], atol=1e-12)
        np.testing.assert_allclose(own, model.bank.diagonal[:, where], atol=1e-12)
        np.testing.assert_allclose(strain, model.bank.strain[:, i, : axis.n_levels], atol=1e-12)


def test_condition_takes_points_outside_the_support(
    mixed_space: Space, observe: Any, make_model: Any, textbook: Any
) -> None:
    model = make_model(mixed_space, 6)
    x, points = observe(mixed_space, 6, 0), observe(mixed_space, 2, 4)
    cross = np.stack([textbook.matrix(mixed_space, points, x, h) for h in model.members])
    # The local part has the same prior variance everywhere, so it is left to `condition`.
    prior = np.stack(
        [np.diagonal(textbook.smooth_matrix(mixed_space, points, points, h)) for h in model.members]
    )
    mean, variance = model.condition(cross, prior)
    for m in range(2):
        expected = _by_the_book(textbook, model, x, points, m)
        np.testing.assert_allclose(mean[m], expected[0], atol=1e-9)
        np.testing.assert_allclose(variance[m], expected[1], atol=1e-9)


@pytest.mark.parametrize("relevance", [0.05, 3.0], ids=["terms small", "factors below zero"])
def test_many_axes_of_few_values_are_predicted_as_others_are(
    monkeypatch: pytest.MonkeyPatch, observe: Any, relevance: float
) -> None:
    space = Space(
        {f"x{i}": CategoricalDistribution(range(2 + i % 3)) for i in range(anova_gp._LONG)}
    )
    d = len(space)
    member = Hyperparameters(
        np.full(d, relevance), np.full(d, 0.5), np.linspace(0.1, 3.0, d), 0.7, 0.4, 0.2, 0.01
    )
    x, points = observe(space, 12, 0, 0.2), observe(space, 9, 1, 0.2)
    y = np.random.default_rng(0).standard_normal(12)

    def predicted() -> tuple[np.ndarray, np.ndarray]:
        model = AnovaGP(space, x, y, [member], points)
        assert (model.bank.rows.min() < -1.0) == (relevance > 1.0)
        return model.predict(model.bank.rows_of(points))

    as_products = predicted()
    monkeypatch.setattr(anova_gp, "_LONG", d + 1)
    for found, expected in zip(as_products, predicted(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
