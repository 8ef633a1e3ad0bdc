"""The ranking-weighted Gaussian process ensemble of Feurer, Letham, Bakshy (2018).

"Practical transfer learning for Bayesian optimization", arXiv 1802.02219. Every history has a
Gaussian process of its own, and so has the study. Their weights are how often each of them ranks
the study's trials best, over draws from what they believe; that of the study is judged where it
predicts a trial from the others. A history whose loss is mostly above the 95th percentile of the
study's own is left out. The prediction is their weighted sum.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

__all__ = ["RGPESampler"]

FloatArray = npt.NDArray[np.float64]

_DRAWS = 256
"""From what each process believes, as in the paper."""

_CANDIDATES = 2000
"""Random configurations among which the expected improvement is greatest."""

_LEAST = 3
"""Trials of the study before it has a process; until then the histories count alike."""


class _Process(NamedTuple):
    """A Gaussian process over standardized values."""

    regressor: Any
    mean: float
    scale: float

    @classmethod
    def fitted(cls, x: FloatArray, y: FloatArray) -> _Process:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        scale = float(y.std()) or 1.0
        kernel = ConstantKernel(1.0, (0.05, 20.0)) * Matern(np.ones(x.shape[1]), (0.05, 20.0), 2.5)
        kernel += WhiteKernel(0.01, (1e-6, 1.0))
        regressor = GaussianProcessRegressor(kernel, random_state=0)
        with warnings.catch_warnings():
            # That a length scale ends at its bound is as expected of few trials.
            warnings.simplefilter("ignore", ConvergenceWarning)
            regressor.fit(x, (y - y.mean()) / scale)
        return cls(regressor, float(y.mean()), scale)

    def predict(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Means and deviations, in standardized units."""
        mean, deviation = self.regressor.predict(x, return_std=True)
        return mean, deviation

    def left_out(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Each of its own observations from the others, with the same kernel."""
        lower = self.regressor.L_
        inverse = np.linalg.inv(lower @ lower.T)
        standard = (y - self.mean) / self.scale
        variance = 1.0 / inverse.diagonal()
        return standard - variance * (inverse @ standard), np.sqrt(variance)


class RGPESampler(BaseSampler):
    """Maximizes the expected improvement under the ensemble, over random configurations.

    Args:
        space: What is searched: whole numbers and categories.
        histories: Finished studies over the same space, at least one.
        seed: Of all that is left to chance.
    """

    def __init__(
        self,
        space: dict[str, IntDistribution | CategoricalDistribution],
        histories: Sequence[optuna.Study],
        seed: int,
    ) -> None:
        self._space = space
        self._rng = np.random.default_rng(seed)
        self._bases = [_Process.fitted(*self._observed(study)) for study in histories]

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return dict(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        x, y = self._observed(study)
        drawn = [self._drawn() for _ in range(_CANDIDATES)]
        points = np.array([self._encoded(params) for params in drawn])
        mean, deviation = self._ensemble(x, y, points)
        seen = {tuple(row) for row in x}
        is_new = np.array([tuple(point) not in seen for point in points])
        best = self._ensemble(x, y, x)[0].min() if len(x) else mean.min()
        score = np.where(is_new, _expected_improvement(mean, deviation, best), -np.inf)
        return drawn[int(score.argmax())]

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        raise AssertionError("all parameters are suggested jointly")

    def _drawn(self) -> dict[str, Any]:
        return {
            name: dist.choices[int(self._rng.integers(len(dist.choices)))]
            if isinstance(dist, CategoricalDistribution)
            else int(self._rng.integers(dist.low, dist.high + 1))
            for name, dist in self._space.items()
        }

    def _encoded(self, params: dict[str, Any]) -> list[float]:
        """Numbers in [0, 1], a column for each choice of a category."""
        row: list[float] = []
        for name, dist in self._space.items():
            if isinstance(dist, CategoricalDistribution):
                row += [float(params[name] == choice) for choice in dist.choices]
            else:
                row.append((params[name] - dist.low) / (dist.high - dist.low))
        return row

    def _observed(self, study: Study) -> tuple[FloatArray, FloatArray]:
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        x = np.array([self._encoded(trial.params) for trial in complete])
        return x, np.array([trial.value for trial in complete], dtype=float)

    def _ensemble(self, x: FloatArray, y: FloatArray, at: FloatArray) -> tuple[FloatArray, ...]:
        """Mean and deviation of the weighted sum, in standardized units."""
        processes = list(self._bases)
        weights = np.full(len(processes), 1.0 / len(processes))
        if len(y) >= _LEAST and y.std() > 0.0:
            own = _Process.fitted(x, y)
            weights = _weights([base.predict(x) for base in self._bases], own.left_out(y), y)
            processes.append(own)
        means, deviations = zip(*(process.predict(at) for process in processes), strict=True)
        mean = np.tensordot(weights, means, axes=1)
        return mean, np.sqrt(np.tensordot(weights**2, np.square(deviations), axes=1))


def _weights(
    bases: Sequence[tuple[FloatArray, FloatArray]],
    own: tuple[FloatArray, FloatArray],
    y: FloatArray,
) -> FloatArray:
    """How often each ranks the trials best, the study's own last."""
    rng = np.random.default_rng(0)
    below = y[:, None] < y
    losses = []
    for mean, deviation in [*bases, own]:
        draws = mean + deviation * rng.standard_normal((_DRAWS, len(y)))
        losses.append(((draws[:, :, None] < draws[:, None, :]) ^ below).sum(axis=(1, 2)))
    loss = np.array(losses)
    worst = np.quantile(loss[-1], 0.95)
    loss[:-1][np.median(loss[:-1], axis=1) > worst] = loss.max() + 1
    is_best = loss == loss.min(axis=0)
    # Where several are best, the study's own is taken, as in the paper's implementation.
    chosen = np.where(is_best[-1], len(loss) - 1, is_best.argmax(axis=0))
    return np.bincount(chosen, minlength=len(loss)) / _DRAWS


def _expected_improvement(mean: FloatArray, deviation: FloatArray, best: float) -> FloatArray:
    from scipy.stats import norm

    z = (best - mean) / np.maximum(deviation, 1e-9)
    improvement: FloatArray = deviation * (z * norm.cdf(z) + norm.pdf(z))
    return improvement
