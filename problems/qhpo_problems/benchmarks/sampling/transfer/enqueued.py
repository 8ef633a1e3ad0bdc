"""A sampler that begins with what was good elsewhere, as people do by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from qhpo.surrogate.transform import rank_gaussian
from qhpo.wrappers import DelegatingSampler
from qhpo_problems.benchmarks.sampling.tabular import TabularBenchmark, params_at

__all__ = ["GivenFirst", "best_on_average", "bests"]


def bests(histories: Sequence[optuna.Study]) -> list[dict[str, Any]]:
    """The best configuration of each finished study, one that is the best of two once."""
    found: list[dict[str, Any]] = []
    for study in histories:
        if study.best_params not in found:
            found.append(study.best_params)
    return found


def best_on_average(tables: Sequence[TabularBenchmark], n: int) -> list[dict[str, Any]]:
    """The n configurations whose normal scores are the lowest on the mean of whole tables.

    Args:
        tables: At least one, all over the same search space.
        n: How many, the best first.
    """
    first = tables[0]
    scores = np.mean([rank_gaussian(table.values.ravel()) for table in tables], axis=0)
    order = np.argsort(scores, kind="stable")[:n]
    places = np.stack(np.unravel_index(order, first.values.shape), axis=1)
    return [params_at(place, first.search_space) for place in places.tolist()]


class GivenFirst(DelegatingSampler):
    """Evaluates some configurations first, and is another sampler after that.

    Args:
        sampler: The other one.
        first: Values of all parameters of each.
    """

    def __init__(self, sampler: BaseSampler, first: Sequence[dict[str, Any]]) -> None:
        super().__init__(sampler)
        self._first = list(first)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        if trial.number < len(self._first):
            return {}
        return super().infer_relative_search_space(study, trial)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        if trial.number < len(self._first):
            return self._first[trial.number][param_name]
        return super().sample_independent(study, trial, param_name, param_distribution)
