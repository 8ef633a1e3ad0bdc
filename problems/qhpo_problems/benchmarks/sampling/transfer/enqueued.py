"""A sampler that begins with the best trial of each history, as people do by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from qhpo.wrappers import DelegatingSampler

__all__ = ["BestsFirst"]


class BestsFirst(DelegatingSampler):
    """Evaluates some configurations first, and is another sampler after that.

    Args:
        sampler: The other one.
        histories: Finished studies; a configuration that is the best of two comes once.
    """

    def __init__(self, sampler: BaseSampler, histories: Sequence[optuna.Study]) -> None:
        super().__init__(sampler)
        self._first: list[dict[str, Any]] = []
        for study in histories:
            if study.best_params not in self._first:
                self._first.append(study.best_params)

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
