"""The horseshoe regression against textbook regression, and its sampler against integration."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo import QUBOSampler, constraints
from qhpo.errors import QhpoError
from qhpo.space import Axis, Space
from qhpo.surrogate.horseshoe import (
    HorseshoeChain,
    HorseshoeFitter,
    HorseshoeRegression,
    Scales,
    draw_scales,
)
from tests.qhpo.known import assert_normal

FloatArray = NDArray[np.float64]

OFFSET_VARIANCE = 10.0


def _random_scales(space: Space, seed: int, n_members: int = 2) -> Scales:
    """Scales of all sizes, as horseshoes have them."""
    rng = np.random.default_rng(seed)
    axis = np.repeat(np.arange(len(space)), space.n_levels)
    n_levels = len(axis)
    pairs = np.exp(rng.normal(-2.0, 2.0, (n_members, n_levels, n_levels)))
    pairs = np.where(axis[:, None] < axis, pairs, 0.0)
    return Scales(
        main=np.exp(rng.normal(-1.0, 2.0, (n_members, n_levels))),
        pairs=pairs + pairs.transpose(0, 2, 1),
        noise=rng.uniform(0.01, 0.3, n_members),
    )


class Regression:
    """Bayesian linear regression by the formulas of its coefficients, one feature at a time."""

    def __init__(self, space: Space, x: FloatArray, y: FloatArray, scales: Scales, m: int) -> None:
        self.space = space
        variance = [OFFSET_VARIANCE, *scales.main[m]]
        self.pairs = []
        for i, j in itertools.combinations(range(len(space)), 2):
            for r in range(space.starts[i], space.starts[i + 1]):
                for s in range(space.starts[j], space.starts[j + 1]):
                    self.pairs.append((r, s))
                    variance.append(scales.pairs[m, r, s])
        features = self.features(x)
        precision = features.T @ features / scales.noise[m] + np.diag(1.0 / np.array(variance))
        self.covariance = np.linalg.inv(precision)
        self.mean = self.covariance @ features.T @ y / scales.noise[m]

    def indicators(self, axis: Axis, c: float) -> list[float]:
        levels = axis.coordinates.tolist()
        if math.isnan(c):
            return [0.0] * len(levels)
        if c in levels:
            return [float(level == c) for level in levels]
        below = max(level for level in levels if level < c)
        above = min(level for level in levels if level > c)
        shares = {below: (above - c) / (above - below), above: (c - below) / (above - below)}
        return [shares.get(level, 0.0) for level in levels]

    def features(self, x: FloatArray) -> FloatArray:
        rows = []
        for point in x:
            single: list[float] = []
            for axis, c in zip(self.space.axes, point.tolist(), strict=True):
                single += self.indicators(axis, c)
            rows.append([1.0, *single, *(single[r] * single[s] for r, s in self.pairs)])
        return np.array(rows)

    def predict(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        features = self.features(points)
        return features @ self.mean, np.einsum("qp,pr,qr->q", features, self.covariance, features)


@pytest.fixture(params=[0.0, 0.3], ids=["all active", "some inactive"])
def case(request: Any, mixed_space: Space, observe: Any) -> Any:
    """A model with values of its own for each member, and each member by the book."""
    x = observe(mixed_space, 12, 3, request.param)
    y = np.random.default_rng(0).standard_normal((2, 12))
    scales = _random_scales(mixed_space, 1)
    books = [Regression(mixed_space, x, y[m], scales, m) for m in range(2)]
    return HorseshoeRegression(mixed_space, x, y, scales), books, request.param


class TestPosterior:
    def test_is_that_of_regression(self, case: Any, mixed_space: Space, observe: Any) -> None:
        model, books, inactive = case
        points = np.concatenate([observe(mixed_space, 9, 7, inactive), model.observed])
        mean, variance = model.predict(points)
        assert mean.shape == variance.shape == (2, 21)
        for m, book in enumerate(books):
            expected = book.predict(points)
            np.testing.assert_allclose(mean[m], expected[0], atol=1e-8)
            np.testing.assert_allclose(variance[m], expected[1], rtol=1e-6, atol=1e-8)

    def test_observed_mean_is_that_of_the_observed(self, case: Any) -> None:
        model = case[0]
        predicted = model.predict(model.observed).mean
        np.testing.assert_allclose(model.observed_mean, predicted, atol=1e-9)


class TestQuadratic:
    @pytest.fixture
    def small(self, small_space: Space, observe: Any) -> Any:
        x = observe(small_space, 8, 2, 0.2)
        assert np.isnan(x).any()
        y = np.random.default_rng(5).standard_normal(8)
        scales = _random_scales(small_space, 4)
        books = [Regression(small_space, x, y, scales, m) for m in range(2)]
        return HorseshoeRegression(small_space, x, y, scales), books

    def test_mean_has_the_energies_of_the_members_mean(
        self, small: Any, small_space: Space, every_level: NDArray[np.intp]
    ) -> None:
        model = small[0]
        mean = model.predict(small_space.at_levels(every_level)).mean
        for m in range(2):
            dqm = model.quadratic("mean", m, np.random.default_rng(0))
            np.testing.assert_array_equal(dqm.starts, small_space.starts)
            np.testing.assert_allclose(dqm.energies(every_level), mean[m], atol=1e-10)

    def test_draws_have_mean_and_covariance_of_the_posterior(
        self, small: Any, small_space: Space, every_level: NDArray[np.intp]
    ) -> None:
        model, books = small
        rng = np.random.default_rng(12)
        features = books[1].features(small_space.at_levels(every_level))
        mean, covariance = features @ books[1].mean, features @ books[1].covariance @ features.T
        draws = [model.quadratic("draw", 1, rng).energies(every_level) for _ in range(4000)]
        assert_normal(np.stack(draws), mean, covariance)


class TestChain:
    def test_agrees_with_integration(self) -> None:
        """Means of the shrunk coefficients, which need no sigma, over a grid of all scales."""
        rng = np.random.default_rng(3)
        n = 7
        features = rng.integers(0, 2, size=(n, 2)).astype(float)
        y = features @ [1.5, 0.2] + 0.4 * rng.standard_normal(n)
        y = (y - y.mean()) / y.std()
        x = features - features.mean(axis=0)

        def conditional(squares: FloatArray) -> FloatArray:
            """Mean coefficients given tau^2 lambda^2 of both, (..., 2) to (..., 2)."""
            precision = x.T @ x + np.eye(2) / squares[..., None, :]
            return (np.linalg.inv(precision) @ (x.T @ y)[:, None])[..., 0]

        # Half-Cauchy priors: lambda in 40 equally likely parts up to where it ends, tau on a grid
        # of its logarithm.
        local = np.tan((np.arange(40) + 0.5) / 40 * math.atan(10.0))
        tau = np.geomspace(1e-4, 10.0, 60)
        grid = np.stack(np.meshgrid(tau, local, local, indexing="ij"), axis=-1)
        squares = (grid[..., :1] * grid[..., 1:]) ** 2
        covariance = np.eye(n) + (x * squares[..., None, :]) @ x.T
        means = conditional(squares)
        residual = y @ y - means @ (x.T @ y) + 1e-4
        prior = grid[..., 0] / (1.0 + grid[..., 0] ** 2)
        weight = prior / np.sqrt(np.linalg.det(covariance)) * residual ** (-0.5 * (n - 1))
        expected = np.einsum("tlk,tlkp->p", weight, means) / weight.sum()
        chain = HorseshoeChain(features, y, np.random.default_rng(0))
        for _ in range(200):
            chain.sweep()
        drawn = []
        for _ in range(6000):
            chain.sweep()
            assert chain.squares.max() <= 100.0 + 1e-9
            drawn.append(chain.tau**2 * chain.squares)
        # Standard error from means of batches, since one sweep resembles the next.
        batches = conditional(np.reshape(drawn, (30, 200, 2))).mean(axis=1)
        found = batches.mean(axis=0)
        error = batches.std(axis=0, ddof=1) / math.sqrt(30)
        assert error.max() < 0.03
        assert (np.abs(found - expected) < 4.0 * error + 0.01).all()

    def test_recovers_a_sparse_truth(self) -> None:
        space = Space({f"x{i}": CategoricalDistribution(range(4)) for i in range(6)})
        rng = np.random.default_rng(0)
        x, unseen = rng.integers(4, size=(70, 6)).astype(float), rng.integers(4, size=(300, 6))

        def truth(z: FloatArray) -> FloatArray:
            return 2.0 * (z[:, 1] == 2) - 1.5 * ((z[:, 0] == 1) | (z[:, 4] == 3))

        y = truth(x)
        y = (y + 0.1 * rng.standard_normal(70) - y.mean()) / y.std()
        model = HorseshoeFitter(transform=lambda values: values).fit(space, x, y)
        mean = model.predict(unseen.astype(float)).mean.mean(axis=0)
        assert np.corrcoef(mean, truth(unseen))[0, 1] > 0.97
        # Of the coefficients, what the truth has no use for is shrunk to next to nothing.
        (start, _, *_) = space.starts[1:]
        for m in range(model.n_members):
            linear = model.quadratic("mean", m, rng).linear
            spread = np.abs(linear - np.median(linear))
            assert spread.argmax() == start + 2
            assert np.median(spread) < 0.1 * spread.max()

    def test_scales_of_what_was_not_seen_are_those_of_the_prior(self) -> None:
        space = Space({f"x{i}": CategoricalDistribution(range(30)) for i in range(2)})
        rows = np.zeros((3, 60))
        rows[[0, 1, 2], [0, 1, 1]] = rows[[0, 1, 2], [30, 30, 31]] = 1.0
        scales = draw_scales(space, rows, np.array([-1.0, 0.0, 1.0]), np.random.default_rng(0))
        assert (scales.main > 0.0).all()
        np.testing.assert_array_equal(scales.pairs, scales.pairs.transpose(0, 2, 1))
        for m in range(len(scales.noise)):
            assert not scales.pairs[m, :30, :30].any()
            assert not scales.pairs[m, 30:, 30:].any()
            among = scales.pairs[m, :30, 30:]
            # lambda from 0 to 10, half of it below the median of the half-Cauchy distribution.
            unseen = np.sqrt(among[2:, 2:].ravel())
            median = math.tan(0.5 * math.atan(10.0))
            assert unseen.max() / np.median(unseen) == pytest.approx(10.0 / median, rel=0.2)


class TestFitter:
    @pytest.fixture
    def data(self, mixed_space: Space, observe: Any) -> tuple[FloatArray, FloatArray]:
        x = observe(mixed_space, 25, 0, 0.2)
        return x, np.random.default_rng(1).standard_normal(25)

    def test_members_are_different_draws(self, mixed_space: Space, data: Any) -> None:
        model = HorseshoeFitter().fit(mixed_space, *data)
        assert model.n_members >= 2
        assert len(np.unique(model.observed_mean[:, 0])) == model.n_members

    def test_only_the_order_of_values_counts(self, mixed_space: Space, data: Any) -> None:
        x, values = data
        one = HorseshoeFitter().fit(mixed_space, x, values)
        other = HorseshoeFitter().fit(mixed_space, x, np.exp(3.0 * values) - 7.0)
        np.testing.assert_array_equal(one.observed_mean, other.observed_mean)

    def test_keeps_the_best_of_too_many(self, mixed_space: Space, observe: Any) -> None:
        x = observe(mixed_space, 700, 0)
        values = np.random.default_rng(1).standard_normal(700)
        model = HorseshoeFitter().fit(mixed_space, x, values)
        assert len(model.observed) < 300
        best = x[values.argmin()]
        assert (model.observed == best).all(axis=1).any()


class TestStudy:
    def test_keeps_constraints_and_conditions_and_repeats_nothing(self) -> None:
        space = {
            "kind": CategoricalDistribution(["tree", "net", "line"]),
            "layers": IntDistribution(1, 3),
            "width": IntDistribution(1, 4),
            "rate": FloatDistribution(0.01, 1.0, log=True),
        }
        rules = [
            constraints.forbid(kind="net", width=4),
            constraints.linear({"layers": 1, "width": 1}, "<=", 5),
        ]
        sampler = QUBOSampler(
            space,
            constraints=rules,
            conditions={"layers": {"kind": ["net", "tree"]}},
            surrogate="horseshoe",
            seed=0,
            n_startup_trials=5,
        )

        def objective(trial: optuna.Trial) -> float:
            kind = trial.suggest_categorical("kind", ["tree", "net", "line"])
            layers = trial.suggest_int("layers", 1, 3) if kind != "line" else 0
            width = trial.suggest_int("width", 1, 4)
            rate = trial.suggest_float("rate", 0.01, 1.0, log=True)
            return (kind != "net") + abs(layers - 2) + abs(width - 3) + abs(math.log(rate / 0.1))

        study = optuna.create_study(sampler=sampler)
        study.optimize(objective, n_trials=25)
        for trial in study.trials:
            assert all(rule.satisfied(trial.params) for rule in rules)
            assert ("layers" in trial.params) == (trial.params["kind"] != "line")
        assert len({tuple(sorted(trial.params.items())) for trial in study.trials}) == 25
        assert study.best_params["kind"] == "net"

    def test_is_what_suggests(self) -> None:
        space = {f"x{i}": CategoricalDistribution(range(3)) for i in range(4)}

        def values(surrogate: str) -> list[dict[str, Any]]:
            study = optuna.create_study(
                sampler=QUBOSampler(space, surrogate=surrogate, seed=0, n_startup_trials=4)
            )
            study.optimize(
                lambda trial: sum(trial.suggest_categorical(name, range(3)) for name in space),
                n_trials=8,
            )
            return [trial.params for trial in study.trials]

        once, again, default = values("horseshoe"), values("horseshoe"), values("anova-gp")
        assert once == again
        assert once != default
        assert once[:4] == default[:4]

    def test_of_a_wrong_name_says_the_right_ones(self) -> None:
        with pytest.raises(QhpoError, match="one of: anova-gp, horseshoe; got 'forest'"):
            QUBOSampler(surrogate="forest")
