"""Running one sampler on one built-in problem: what its trials came to, and their test errors."""

from __future__ import annotations

import math
import time
from typing import Any

import optuna
from optuna.pruners import NopPruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from qhpo.problem import Problem
from qhpo.wrappers import CPU_SECONDS, TimedSampler
from qhpo_problems.benchmarks.sampling.methods import Told
from qhpo_problems.benchmarks.store import Row

__all__ = ["run_training"]


def run_training(problem: Problem, method: Told, *, seed: int, trials: int) -> list[Row]:
    """Tune one problem with one sampler in this thread, in an in-memory study.

    Args:
        problem: Of one objective, to be minimized, whose trials get the attribute ``test_error``.
        method: The sampler, and what it recommends.
        seed: Of the data, the trainings and the sampler.
        trials: Number of trials.

    Returns:
        One row a trial. Of all trials so far: the lowest validation error, the test error that
        belongs to it, and the test error of the trial that is recommended, each None before the
        first finite one. Of the trial: whether it repeats an earlier configuration, whether its
        training diverged, and CPU seconds of this thread: those of its suggestion, and of the whole
        trial, which are that and the training.
    """
    train = problem.objective(seed)
    seconds: list[float] = []

    def objective(trial: optuna.Trial) -> Any:
        start = time.thread_time()
        try:
            return train(trial)
        finally:
            seconds.append(time.thread_time() - start)

    sampler = method.factory(seed)
    study = optuna.create_study(
        direction="minimize",
        sampler=TimedSampler(sampler),
        # Optuna's own choice would end most trainings early, and GPSampler learns from none of
        # those. Nor does `qhpo run` prune unless told to.
        pruner=NopPruner(),
    )
    rows: list[Row] = []
    best: FrozenTrial | None = None
    seen: set[tuple[tuple[str, Any], ...]] = set()

    def judge(study: optuna.Study, trial: FrozenTrial) -> None:
        nonlocal best
        has_value = trial.state == TrialState.COMPLETE and math.isfinite(trial.values[0])
        if has_value and (best is None or trial.values[0] < best.values[0]):
            best = trial
        configuration = tuple(sorted(trial.params.items()))
        rows.append(
            {
                "validation": None if best is None else float(best.values[0]),
                "test": _test_error(best),
                "recommended": _test_error(_recommended(method, study, sampler)),
                "repeated": configuration in seen,
                "diverged": not has_value,
                "cpu_seconds": float(trial.system_attrs[CPU_SECONDS]),
                "trial_seconds": seconds[-1],
            }
        )
        seen.add(configuration)

    study.optimize(objective, n_trials=trials, callbacks=[judge])
    return rows


def _recommended(method: Told, study: optuna.Study, sampler: BaseSampler) -> FrozenTrial | None:
    try:
        return method.recommend(study, sampler)
    except ValueError:
        # Nothing can be recommended before the first training that did not diverge.
        return None


def _test_error(trial: FrozenTrial | None) -> float | None:
    error = None if trial is None else float(trial.user_attrs["test_error"])
    return error if error is not None and math.isfinite(error) else None
