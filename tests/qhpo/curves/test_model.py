"""What curves tell of the end of another one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution

from qhpo.curves import Curve, CurveModel
from qhpo.curves.kernel import AMPLITUDES, Group, along
from qhpo.space import Space

FloatArray = NDArray[np.float64]

SPACE = Space({"kind": CategoricalDistribution(["a", "b"]), "x": FloatDistribution(0.0, 1.0)})
STEPS = np.arange(1.0, 33.0)


def _falling(x: FloatArray, start: float, slope: float, steps: FloatArray = STEPS) -> FloatArray:
    """Straight in the logarithm of the step."""
    return start + x[1] - slope * np.log(steps)


def _study(
    n: int = 10, seed: int = 0, noise: float = 0.0
) -> tuple[FloatArray, list[Curve], np.random.Generator]:
    """Complete trials, and every third one cut short."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(2, size=n), rng.random(n)])
    curves = []
    for i, row in enumerate(x):
        values = _falling(row, rng.normal(3.0, 0.3), 0.3 + 0.2 * row[0])
        values += noise * rng.normal(size=len(STEPS))
        cut = 6 if i % 3 == 2 else len(STEPS)
        end = float(values[-1]) if cut == len(STEPS) else None
        curves.append(Curve(STEPS[:cut], values[:cut], end))
    return x, curves, rng


class TestKernel:
    def test_a_walk_is_known_at_the_end_and_grows_towards_the_start(self) -> None:
        left = np.array([0.0, 0.5, 1.0])
        np.testing.assert_allclose(
            along(Group(0.0, 0.0, 2.0), left, left), [[0, 0, 0], [0, 1, 1], [0, 1, 2]]
        )

    def test_a_slope_is_a_rank_one_matrix(self) -> None:
        left = np.array([0.25, 1.0])
        matrix = along(Group(0.0, 3.0, 0.0), left, left)
        assert np.linalg.matrix_rank(matrix) == 1
        assert matrix[1, 1] == 3.0

    @pytest.mark.parametrize("seed", range(3))
    def test_every_sum_is_a_covariance(self, seed: int) -> None:
        left = np.random.default_rng(seed).random(20)
        matrix = along(AMPLITUDES.common, left, left)
        assert np.linalg.eigvalsh(matrix).min() > -1e-12


class TestEnd:
    def test_is_the_posterior_of_a_gaussian_process(self) -> None:
        """Without anything that configurations share, all is known: a dense model to compare."""
        alone = replace(AMPLITUDES, configuration=Group(0.0, 0.0, 0.0))
        # Six reports at most, so that all are kept; no complete trial but the first.
        steps = np.array([1.0, 2.0, 4.0, 8.0])
        values = np.array([[3.0, 2.5, 2.0, 1.0], [4.0, 3.0, 2.5, 9.0], [5.0, 4.0, 3.0, 9.0]])
        ends = [1.0, None, None]
        cut = [4, 3, 2]
        curves = [
            Curve(steps[:k], row[:k], end) for row, k, end in zip(values, cut, ends, strict=True)
        ]
        x = np.array([[0.0, 0.1], [1.0, 0.5], [0.0, 0.9]])
        model = CurveModel(SPACE, x, curves, alone)
        belief = model.end(np.array([1.0, 0.7]), Curve(steps[:2], np.array([3.5, 3.2])))

        left = np.log(8.0 / steps) / np.log(8.0)
        last = model.scale.to(np.array([1.0, 2.5, 4.0]))
        median, deviation = np.median(last), last.std()
        of = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3])
        at = np.array([*left, *left[:3], *left[:2], *left[:2], 0.0])
        told = [*values[0], *values[1][:3], *values[2][:2], 3.5, 3.2]
        u = (model.scale.to(np.array(told)) - median) / deviation
        covariance = along(alone.common, at, at) + (of[:, None] == of) * along(alone.own, at, at)
        covariance += (alone.noise + 1e-6) * np.eye(len(at))
        weights = np.linalg.solve(covariance[:-1, :-1], covariance[:-1, -1])
        assert belief.centre == pytest.approx(median + deviation * float(weights @ u))
        variance = covariance[-1, -1] - weights @ covariance[:-1, -1]
        # The first trial is predicted from all but its last two reports.
        first = np.array([2, 3])
        others = np.setdiff1d(np.arange(9), first)
        known = covariance[np.ix_(others, others)]
        with_end = covariance[np.ix_(others, [3])][:, 0]
        solved = np.linalg.solve(known, with_end)
        z = (u[3] - solved @ u[others]) / (covariance[3, 3] - solved @ with_end) ** 0.5
        widened = (4.0 + min(z * z, 16.0)) / 5.0
        assert belief.width == pytest.approx(deviation * float(variance * widened) ** 0.5)
        assert belief.degrees == 5.0

    def test_quantiles_and_probabilities_agree(self) -> None:
        x, curves, _ = _study()
        belief = CurveModel(SPACE, x, curves).end(x[0], Curve(STEPS[:5], curves[0].values[:5]))
        for share in (0.1, 0.5, 0.8):
            assert belief.probability_below(belief.quantile(share)) == pytest.approx(share)

    def test_neither_the_unit_of_values_nor_that_of_steps_matters(self) -> None:
        x, curves, _ = _study(noise=0.05)
        again = [
            Curve(
                c.steps * 100.0, 7.0 + 1e-3 * c.values, None if c.end is None else 7 + 1e-3 * c.end
            )
            for c in curves
        ]
        running = _falling(x[1], 3.0, 0.4)[:5]
        one = CurveModel(SPACE, x, curves).end(x[1], Curve(STEPS[:5], running))
        other = CurveModel(SPACE, x, again).end(
            x[1], Curve(STEPS[:5] * 100.0, 7.0 + 1e-3 * running)
        )
        for share in (0.1, 0.5, 0.9):
            assert other.quantile(share) == pytest.approx(7.0 + 1e-3 * one.quantile(share))

    def test_little_is_left_to_learn_late(self) -> None:
        x, curves, _ = _study()
        model = CurveModel(SPACE, x, curves)
        values = _falling(x[0], 3.0, 0.4)
        width = [model.end(x[0], Curve(STEPS[:k], values[:k])).width for k in (1, 8, 31)]
        assert width[0] > width[1] > width[2]

    def test_a_training_that_goes_on_to_fall_is_seen_to_fall(self) -> None:
        x, curves, _ = _study(20)
        values = _falling(x[0], 3.0, 0.3 + 0.2 * x[0, 0])
        belief = CurveModel(SPACE, x, curves).end(x[0], Curve(STEPS[:8], values[:8]))
        assert abs(belief.quantile(0.5) - values[-1]) < 0.3 * (values[7] - values[-1])

    def test_the_configuration_tells_more_before_anything_is_reported(self) -> None:
        x, curves, _ = _study(20)
        model = CurveModel(SPACE, x, curves)
        nothing = Curve(np.empty(0), np.empty(0))
        low, high = (model.end(np.array([1.0, at]), nothing).centre for at in (0.0, 1.0))
        assert low < high

    def test_beliefs_hold_as_often_as_they_say(self) -> None:
        inside = []
        for seed in range(12):
            x, curves, rng = _study(20, seed, noise=0.05)
            model = CurveModel(SPACE, x, curves)
            for row in x[:6]:
                values = _falling(row, rng.normal(3.0, 0.3), 0.3 + 0.2 * row[0])
                values += 0.05 * rng.normal(size=len(STEPS))
                belief = model.end(row, Curve(STEPS[:6], values[:6]))
                inside.append(belief.quantile(0.1) <= values[-1] <= belief.quantile(0.9))
        assert 0.7 < np.mean(inside) < 0.97

    @pytest.mark.parametrize("value", [math.inf, math.nan, 1e300])
    def test_a_training_that_diverges_is_hopeless(self, value: float) -> None:
        x, curves, _ = _study()
        model = CurveModel(SPACE, x, [*curves[:-1], curves[-1]._replace(values=curves[-1].values)])
        diverged = Curve(STEPS[:3], np.array([3.0, value, value]))
        best = min(c.end for c in curves if c.end is not None)
        assert model.end(x[0], diverged).probability_below(best) < 0.02


class TestUnusual:
    def test_one_report_at_one_step(self) -> None:
        x, curves, _ = _study(6)
        single = [Curve(c.steps[-1:], c.values[-1:], float(c.values[-1])) for c in curves]
        model = CurveModel(SPACE, x, single)
        belief = model.end(x[0], Curve(STEPS[:1], np.array([0.0])))
        assert math.isfinite(belief.quantile(0.5))

    def test_inactive_parameters_and_steps_of_their_own(self) -> None:
        x, curves, rng = _study(9)
        x[::2, 1] = np.nan
        shifted = [Curve(c.steps + i % 3, c.values, c.end) for i, c in enumerate(curves)]
        model = CurveModel(SPACE, x, shifted)
        belief = model.end(np.array([0.0, np.nan]), Curve(STEPS[:2] + 0.5, rng.random(2)))
        assert math.isfinite(belief.quantile(0.5))

    def test_all_the_same(self) -> None:
        x, _, _ = _study(6)
        same = [Curve(STEPS, np.ones(len(STEPS)), 1.0) for _ in x]
        belief = CurveModel(SPACE, x, same).end(x[0], Curve(STEPS[:4], np.ones(4)))
        assert belief.quantile(0.5) == pytest.approx(1.0)

    def test_a_complete_trial_without_reports(self) -> None:
        x, curves, _ = _study(6)
        told = [*curves[:-1], Curve(np.empty(0), np.empty(0), 1.0)]
        belief = CurveModel(SPACE, x, told).end(x[0], Curve(STEPS[:4], curves[0].values[:4]))
        assert math.isfinite(belief.quantile(0.5))

    def test_of_many_trials_the_best_and_some_others_are_learnt_from(self) -> None:
        x, curves, _ = _study(150)
        model = CurveModel(SPACE, x, curves)
        ends = [model.learnt_end(i) for i in range(len(x))]
        cut = [i for i, c in enumerate(curves) if c.end is None]
        truth = [
            _falling(x[i], curves[i].values[0] - x[i, 1], 0.3 + 0.2 * x[i, 0])[-1] for i in cut
        ]
        errors = np.abs(np.array([ends[i] for i in cut]) - truth)
        assert np.median(errors) < 0.25


def test_learnt_ends_are_what_complete_trials_ended_with() -> None:
    x, curves, _ = _study()
    model = CurveModel(SPACE, x, curves)
    for i, curve in enumerate(curves):
        if curve.end is not None:
            assert model.learnt_end(i) == pytest.approx(curve.end, abs=0.15)
