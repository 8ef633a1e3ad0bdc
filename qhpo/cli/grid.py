"""Every configuration of a finite search space, one after another: `qhpo run --sampler grid`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from qhpo.cli.studies import Status, status
from qhpo.errors import QhpoError
from qhpo.problem import Problem
from qhpo.space import Axis, declared_conditions, parents_first

__all__ = ["GridSampler", "grid_places"]

_INDEX = "qhpo:grid"
"""System attribute of a trial: the place of its configuration in the grid."""


class GridSampler(BaseSampler):
    """Suggests the configurations of a problem that keep its rules, each once.

    They come in the order of the search space, its last parameter changing fastest. One whose trial
    was cut off is free again. Processes that work on one study share the grid.

    Args:
        problem: Its search space must be finite.
        seed: For parameters that the search space does not have.

    Raises:
        QhpoError: If the problem has no search space, or a parameter has no finite values.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        _check_finite(problem)
        self._grid = _Grid(problem)
        self._others = RandomSampler(seed=seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        if "fixed_params" in trial.system_attrs:
            return
        while True:
            taken = {_index(t) for t in _trials(study) if _holds(t) and t.number != trial.number}
            index = next(i for i in range(len(taken) + 1) if i not in taken)
            study._storage.set_trial_system_attr(trial._trial_id, _INDEX, index)
            # Of two processes that chose the same, the earlier trial keeps it.
            earlier = [t for t in _trials(study) if t.number < trial.number]
            if not any(_holds(t) and _index(t) == index for t in earlier):
                return

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {name: self._grid.space[name] for name in self._configuration(study, trial)}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {n: v for n, v in self._configuration(study, trial).items() if n in search_space}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._others.sample_independent(study, trial, param_name, param_distribution)

    def _configuration(self, study: Study, trial: FrozenTrial) -> Mapping[str, Any]:
        index = study._storage.get_trial_system_attrs(trial._trial_id).get(_INDEX)
        return {} if index is None else self._grid.first(index + 1)[-1]


def grid_places(problem: Problem, total: int, trials: Sequence[FrozenTrial]) -> int:
    """Trials that may count: the total, or fewer where the grid has no more configurations."""
    failed = len({_index(t) for t in trials if status(t) is Status.FAILED} - {-1})
    others = sum(status(t).finished and _INDEX not in t.system_attrs for t in trials)
    left = len(_Grid(problem).first(total + failed)) - failed
    return min(total, others + left)


class _Grid:
    """The configurations of a problem, made as far as they are needed."""

    def __init__(self, problem: Problem) -> None:
        self.space = problem.search_space or {}
        self._constraints = problem.constraints
        self._conditions = {c.child: c for c in declared_conditions(problem.conditions, self.space)}
        self._names = parents_first(self._conditions, list(self.space))
        self._values = {
            name: [axis.value(c) for c in axis.every_coordinate().tolist()]
            for name in self._names
            for axis in [Axis.from_distribution(name, self.space[name])]
        }
        self._known: list[Mapping[str, Any]] = []
        self._further = self._all({}, 0)

    def first(self, n: int) -> list[Mapping[str, Any]]:
        """So many of them, or all; the last one again and again where there are fewer."""
        self._known += islice(self._further, max(n - len(self._known), 0))
        return self._known[:n]

    def _all(self, params: dict[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
        if depth == len(self._names):
            if all(constraint.satisfied(params) for constraint in self._constraints):
                yield dict(params)
            return
        name = self._names[depth]
        if name in self._conditions and not self._conditions[name].is_active(params):
            yield from self._all(params, depth + 1)
            return
        for value in self._values[name]:
            yield from self._all({**params, name: value}, depth + 1)


def _check_finite(problem: Problem) -> None:
    if not problem.search_space:
        raise QhpoError(
            f"--sampler grid needs a problem that declares its search space; {problem.name} does "
            "not; take another sampler"
        )
    for name, dist in problem.search_space.items():
        if isinstance(dist, FloatDistribution) and dist.step is None and not dist.single():
            raise QhpoError(
                f"--sampler grid needs finitely many values of every parameter; {name} of "
                f"{problem.name} is {dist}; give it a step or values, or take another sampler"
            )


def _trials(study: Study) -> list[FrozenTrial]:
    return study._get_trials(deepcopy=False, use_cache=False)


def _index(trial: FrozenTrial) -> int:
    return int(trial.system_attrs.get(_INDEX, -1))


def _holds(trial: FrozenTrial) -> bool:
    """Whether a trial has, or will have, tried its configuration."""
    return status(trial) not in (Status.INTERRUPTED, Status.WAITING)
