"""Running one sampler on one benchmark: what its trials, or its recommendations, came to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial

from qhpo.wrappers import CPU_SECONDS, TimedSampler
from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, NoisyBenchmark, SolutionT
from qhpo_problems.benchmarks.sampling.methods import Method, Told
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Task

__all__ = [
    "measure_recommended",
    "measure_trials",
    "reached",
    "run_recommended",
    "run_trials",
    "warm_up",
]

_WARM_UP_TRIALS = 12
"""Enough to have all code of a sampler imported: two more than its random startup."""


def run_trials(
    benchmark: Benchmark[SolutionT], method: Method, *, seed: int, trials: int, at_once: int = 1
) -> list[Row]:
    """Optimize one benchmark with one sampler in this thread, in an in-memory study.

    Whether a trial is feasible, and what it repeats, is judged from the solution that the objective
    got to see, by the benchmark's own rules.

    Args:
        benchmark: The benchmark.
        method: The sampler, and how it is told of the constraints.
        seed: For the sampler.
        trials: Number of trials.
        at_once: Trials that are asked for before any of them is told.

    Returns:
        One row a trial: its value, whether it is feasible, whether it repeats an earlier trial, the
        gap of the best feasible value so far (None before the first), and the CPU seconds that the
        suggesting thread took for the suggestion.
    """
    solutions: list[SolutionT] = []

    def objective(trial: optuna.Trial) -> float:
        solution = method.ask(benchmark, trial)
        solutions.append(solution)
        return benchmark.value(solution)

    sampler = TimedSampler(method.sampler(seed, benchmark))
    study = optuna.create_study(direction="minimize", sampler=sampler)
    if at_once == 1:
        # Samplers may stop a study from here only.
        study.optimize(objective, n_trials=trials)
    for start in range(0, trials if at_once > 1 else 0, at_once):
        asked = [study.ask() for _ in range(min(at_once, trials - start))]
        for running, value in [(running, objective(running)) for running in asked]:
            study.tell(running, value)

    rows: list[Row] = []
    best, seen = math.inf, set[SolutionT]()
    for trial, solution in zip(study.get_trials(deepcopy=False), solutions, strict=True):
        value, is_feasible = float(trial.values[0]), benchmark.feasible(solution)
        best = min(best, value) if is_feasible else best
        rows.append(
            {
                "value": value,
                "feasible": is_feasible,
                "repeated": solution in seen,
                "gap": benchmark.gap(best) if math.isfinite(best) else None,
                "cpu_seconds": float(trial.system_attrs[CPU_SECONDS]),
            }
        )
        seen.add(solution)
    return rows


def measure_trials(load: Callable[[str], Benchmark[Any]], task: Task) -> list[Row]:
    """The rows of a task, whose table is the name of what ``load`` loads."""
    return run_trials(load(task.table), task.method, seed=task.seed, trials=task.trials)


def run_recommended(
    benchmark: NoisyBenchmark[SolutionT], method: Told, *, seed: int, trials: int
) -> list[Row]:
    """Optimize a noisy benchmark in this thread, and ask at its checkpoints for a recommendation.

    The noise of a trial depends on the seed and on the trial's number alone, so that all methods
    meet the same.

    Args:
        benchmark: The benchmark.
        method: The sampler, and what it recommends.
        seed: For the sampler and for the noise.
        trials: Number of trials.

    Returns:
        One row a checkpoint: the number of trials by then, the gap of the recommendation's true
        value, how many trials repeat an earlier one, and the mean CPU seconds that the suggesting
        thread took for a suggestion.
    """
    points = reached(benchmark.checkpoints, trials)
    sampler = method.sampler(seed, benchmark)
    solutions: list[SolutionT] = []
    seconds: list[float] = []
    rows: list[Row] = []

    def objective(trial: optuna.Trial) -> float:
        solution = method.ask(benchmark, trial)
        solutions.append(solution)
        return benchmark.answer(solution, np.random.default_rng([seed, trial.number]))

    def judge(study: optuna.Study, trial: FrozenTrial) -> None:
        seconds.append(float(trial.system_attrs[CPU_SECONDS]))
        if len(solutions) in points:
            recommended = solutions[method.recommend(study, sampler).number]
            rows.append(
                {
                    "trials": len(solutions),
                    "gap": benchmark.gap(benchmark.value(recommended)),
                    "repeated": len(solutions) - len(set(solutions)),
                    "cpu_seconds": sum(seconds) / len(seconds),
                }
            )

    study = optuna.create_study(direction="minimize", sampler=TimedSampler(sampler))
    study.optimize(objective, n_trials=trials, callbacks=[judge])
    return rows


def measure_recommended(load: Callable[[str], NoisyBenchmark[Any]], task: Task) -> list[Row]:
    """As `measure_trials`, under noise."""
    return run_recommended(load(task.table), task.method, seed=task.seed, trials=task.trials)


def reached(checkpoints: Sequence[int], trials: int) -> list[int]:
    """Numbers of trials at which a run is judged: those of these that it reaches, and its end.

    Args:
        checkpoints: Numbers of trials, ascending.
        trials: Of the run.
    """
    return [*(number for number in checkpoints if number < trials), trials]


def warm_up(
    small: Callable[[], Sequence[Benchmark[Any]]], level: int, methods: Sequence[Method]
) -> None:
    """Have all code imported before the clock runs, and before anyone edits it during a long grid.

    The import of torch alone would cost GPSampler's first run more than all of its suggestions.

    Args:
        small: Makes the benchmarks to run.
        level: Least severity of what Optuna may log in this process from now on.
        methods: All samplers.
    """
    optuna.logging.set_verbosity(level)
    for benchmark in small():
        for method in methods:
            run_trials(benchmark, method, seed=0, trials=_WARM_UP_TRIALS)
