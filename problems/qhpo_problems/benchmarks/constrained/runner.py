"""Running samplers on problems with constraints, in the fair and resumable way of the tables."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import optuna

from qhpo.wrappers import CPU_SECONDS, TimedSampler
from qhpo_problems.benchmarks.constrained.cardinality import Cardinality
from qhpo_problems.benchmarks.constrained.contestants import Contestant, Told
from qhpo_problems.benchmarks.constrained.knapsack import Knapsack
from qhpo_problems.benchmarks.constrained.layers import Layers
from qhpo_problems.benchmarks.constrained.ordering import Ordering
from qhpo_problems.benchmarks.constrained.problem import Problem, SolutionT
from qhpo_problems.benchmarks.constrained.records import ConstrainedRun
from qhpo_problems.benchmarks.constrained.suite import load_problem
from qhpo_problems.benchmarks.grid import WARM_UP_TRIALS, Task, run_tasks
from qhpo_problems.benchmarks.provenance import fingerprint, package_versions
from qhpo_problems.benchmarks.records import RunCache

__all__ = ["run_constrained", "run_constrained_trials"]


def run_constrained(
    contestants: Mapping[str, Contestant],
    problems: Sequence[str],
    *,
    seeds: Sequence[int],
    trials: int | None = None,
    cache: Path,
    jobs: int = 1,
    on_record: Callable[[ConstrainedRun], None] | None = None,
) -> list[ConstrainedRun]:
    """Run every sampler on every problem with every seed, except where the cache has the result.

    Each run is stored as soon as it ends, so an interrupted comparison continues where it stopped.

    Args:
        contestants: Name -> sampler; `CONTESTANTS`, a part of it, or variants of your own.
        problems: Names of problems.
        seeds: The same for every sampler.
        trials: Trials per run; None for each problem's own number.
        cache: Directory of finished runs.
        jobs: Worker processes, each with one thread. CPU times are cleanest with one.
        on_record: Called with every record as it becomes available, from the cache first.

    Returns:
        The records, by seed, then problem, then sampler, each in the order given.

    Raises:
        QhpoError: If a problem is unknown, ``trials`` is not positive, the cache is damaged, or a
            worker dies.
        MissingExtraError: If a sampler needs a package that is not installed.
    """
    prints = {
        (problem, name): fingerprint(name, contestant.factory, _sources(load_problem(problem)))
        for problem, (name, contestant) in product(problems, contestants.items())
    }
    tasks = [
        Task(
            sampler=name,
            maker=contestants[name],
            fingerprint=prints[problem, name],
            table=problem,
            seed=seed,
            trials=load_problem(problem).trials if trials is None else trials,
        )
        for seed, problem, name in product(seeds, problems, contestants)
    ]
    return run_tasks(
        tasks,
        _run,
        cache=RunCache(cache, ConstrainedRun),
        check=_make_once,
        warm_up=_warm_up,
        jobs=jobs,
        on_record=on_record,
    )


def run_constrained_trials(
    problem: Problem[SolutionT],
    contestant: Contestant,
    *,
    name: str,
    seed: int,
    trials: int,
    fingerprint: str = "",
) -> ConstrainedRun:
    """Optimize one problem with one sampler in this thread, in an in-memory study.

    Whether a trial is feasible, and what it repeats, is judged from the solution that the objective
    got to see, by the problem's own rules.

    Args:
        problem: The problem.
        contestant: The sampler, and how it is told of the constraints.
        name: What the record calls the sampler.
        seed: For the sampler.
        trials: Number of trials.
        fingerprint: For the record.
    """
    solutions: list[SolutionT] = []

    def objective(trial: optuna.Trial) -> float:
        solution = contestant.ask(problem, trial)
        solutions.append(solution)
        return problem.value(solution)

    sampler = TimedSampler(contestant.sampler(seed, problem))
    study = optuna.create_study(direction="minimize", sampler=sampler)
    study.optimize(objective, n_trials=trials)

    seen: set[SolutionT] = set()
    repeated = []
    for solution in solutions:
        repeated.append(solution in seen)
        seen.add(solution)
    finished = study.get_trials(deepcopy=False)
    return ConstrainedRun(
        sampler=name,
        table=problem.name,
        seed=seed,
        optimum=problem.optimum,
        values=tuple(float(trial.values[0]) for trial in finished),
        cpu_seconds=tuple(float(trial.system_attrs[CPU_SECONDS]) for trial in finished),
        repeated=tuple(repeated),
        versions=package_versions(),
        fingerprint=fingerprint,
        reference=problem.reference,
        feasible=tuple(problem.feasible(solution) for solution in solutions),
    )


def _sources(problem: Problem[Any]) -> list[Path]:
    """The files that decide what a trial is asked, told and worth."""
    return [Path(inspect.getfile(kind)) for kind in (Problem, Told, type(problem))]


def _make_once(contestant: Contestant) -> None:
    contestant.sampler(0, Cardinality(4, 2))


def _run(task: Task[Contestant]) -> ConstrainedRun:
    return run_constrained_trials(
        load_problem(task.table),
        task.maker,
        name=task.sampler,
        seed=task.seed,
        trials=task.trials,
        fingerprint=task.fingerprint,
    )


def _warm_up(contestants: Sequence[Contestant]) -> None:
    """Have all code imported before the clock runs, on a small instance of every problem."""
    # Of conditional parameters GPSampler would tell with every trial that it leaves them to chance.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    small: list[Problem[Any]] = [Cardinality(8, 2), Knapsack(8, 2), Ordering(4), Layers(2)]
    for problem in small:
        for contestant in contestants:
            run_constrained_trials(
                problem, contestant, name="warm-up", seed=0, trials=WARM_UP_TRIALS
            )
