"""Running one sampler on one benchmark: the trials, and what each of them came to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import optuna

from qhpo.wrappers import CPU_SECONDS, TimedSampler
from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, SolutionT
from qhpo_problems.benchmarks.sampling.methods import Method
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Task

__all__ = ["measure_trials", "run_trials", "warm_up"]

_WARM_UP_TRIALS = 12
"""Enough to have all code of a sampler imported: two more than its random startup."""


def run_trials(
    benchmark: Benchmark[SolutionT], method: Method, *, seed: int, trials: int
) -> list[Row]:
    """Optimize one benchmark with one sampler in this thread, in an in-memory study.

    Whether a trial is feasible, and what it repeats, is judged from the solution that the objective
    got to see, by the benchmark's own rules.

    Args:
        benchmark: The benchmark.
        method: The sampler, and how it is told of the constraints.
        seed: For the sampler.
        trials: Number of trials.

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
    study.optimize(objective, n_trials=trials)

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
