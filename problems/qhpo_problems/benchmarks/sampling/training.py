"""The suite of trainings: samplers that tune the built-in problems, each trial a real training.

The seed of a run splits the data, seeds every training and is the sampler's, so that all samplers
meet the same problem. A sampler sees validation errors alone. What it is compared by, too, is the
test error, of examples that no trial was trained or chosen on: of the trial with the lowest
validation error, and of the trial that the sampler recommends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import optuna

from qhpo.cli.report import plural
from qhpo.errors import MissingExtraError, QhpoError
from qhpo.problem import Problem
from qhpo_problems.benchmarks.results import Group, Results, each_method, mean, standard_error
from qhpo_problems.benchmarks.sampling.gaps import behind_first, checkpoints
from qhpo_problems.benchmarks.sampling.methods import LEARNING, PEERS, Told
from qhpo_problems.benchmarks.sampling.tables import small
from qhpo_problems.benchmarks.sampling.trials import warm_up
from qhpo_problems.benchmarks.sampling.tuning import run_training
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Metric, Suite, Task
from qhpo_problems.training import problems

__all__ = ["SUITE", "installed"]

_PROBLEMS: Mapping[str, Problem] = MappingProxyType(
    {
        problem.name: problem
        for problem in (
            *(problems.CNN_DIGITS, problems.RNN_VOWELS, problems.CNN_PHYSIO),
            *(problems.TRANSFORMER_TEXT, problems.VQC_HYBRID),
            *(problems.RNN_DYNAMICS, problems.RNN_MACKEY_GLASS, problems.RNN_STOCKS),
        )
    }
)
"""Those of one objective that know a test error."""

_USUAL = ("cnn-digits", "rnn-vowels", "cnn-physio")
"""Whose trainings take seconds, so that several runs of several samplers fit into an hour or two.
"""

_TRIALS = 30
"""As many as `make demo` has."""

_CHECKPOINTS = (10, 20, 30, 50)
"""Numbers of trials: the end of the samplers' random start, and what people can wait for."""


def installed(name: str) -> Problem:
    """The problem of that name, once it is sure that it can be run.

    Raises:
        QhpoError: If there is none.
        MissingExtraError: If a package it needs is not installed.
    """
    if name not in _PROBLEMS:
        raise QhpoError(f"a problem must be one of: {', '.join(_PROBLEMS)}; got {name!r}")
    problem = _PROBLEMS[name]
    for package in problem.missing_packages():
        raise MissingExtraError(f"the problem {name}", package, problem.extra)
    return problem


def _measure(task: Task) -> list[Row]:
    return run_training(installed(task.table), task.method, seed=task.seed, trials=task.trials)


def _sources(method: Told, table: str) -> list[Any]:
    # Asked before the first run, when a missing package is better told than after an hour.
    installed(table)
    return [run_training, method.factory, problems]


def _groups(results: Results) -> list[Group]:
    groups = []
    for table in results.tables:
        trials = results.rows([table])
        title = f"{table}, {plural(trials, 'trial')}, {plural(len(results.seeds), 'seed')}"
        groups.append(results.group(title, [table], checkpoints(_CHECKPOINTS, trials)))
    return groups


_error: Callable[..., Metric] = partial(
    Metric, show="{:.4f}".format, best=min, value=mean, error=standard_error
)
_cost: Callable[..., Metric] = partial(
    Metric,
    best=min,
    each=False,
    heading="repeated suggestions, trainings that diverged, CPU seconds of a suggestion and of a "
    "trial",
)
_sum = each_method(np.sum)

_TEST = "test error of the trial with the lowest validation error"
_RECOMMENDED = "test error of the trial that is recommended"

SUITE = Suite(
    name="training",
    tables={name: problem.summary for name, problem in _PROBLEMS.items()},
    default_tables=_USUAL,
    methods=LEARNING,
    peers=tuple(PEERS),
    measure=_measure,
    sources=_sources,
    seeds=5,
    trials=lambda table: _TRIALS,
    metrics=(
        _error(
            name="validation", heading="lowest validation error", label="lowest validation error"
        ),
        _error(name="test", heading=_TEST),
        _error(name="test", field="recommended", heading=_RECOMMENDED),
        Metric(
            *("behind", "{:+.4f}".format, min, "recommended"),
            *(behind_first(mean), behind_first(standard_error)),
            heading=f"{_RECOMMENDED}, less that of the first sampler, run by run",
        ),
        _cost(name="repeats", show="{:.0f}".format, field="repeated", value=_sum),
        _cost(name="diverged", show="{:.0f}".format, value=_sum),
        _cost(name="suggestion", show="{:.4f}".format, field="cpu_seconds", value=mean),
        _cost(name="trial", show="{:.2f}".format, field="trial_seconds", value=mean),
    ),
    groups=_groups,
    check=lambda method: method.sampler(0, *small()),
    # GPSampler leaves conditional parameters to chance, and would tell so with every trial.
    warm_up=partial(warm_up, small, optuna.logging.ERROR),
    plot="curves",
    footnote=(
        "Each trial is a training. The seed of a run splits the data, seeds the trainings and is "
        "the sampler's; a sampler sees validation errors alone. Errors are those after the number "
        "of trials behind the @; means over seeds, ± one standard error. qubo recommends by its "
        "model, the others the trial with the lowest validation error. CPU seconds are of the "
        "thread that suggests and trains; a trial is its suggestion and its training."
    ),
)
"""Samplers that tune the built-in problems."""
