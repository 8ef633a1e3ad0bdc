"""What a suggestion costs where studies are long or spaces are large: CPU seconds and memory.

Each case is measured in a process of its own, for a process never gives back its peak of memory.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, create_trial

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.results import Group, Results
from qhpo_problems.benchmarks.sampling.methods import PEERS, QUBO
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Metric, Suite, Task
from qhpo_problems.benchmarks.workers import peak_megabytes, run_alone

__all__ = ["SUITE", "Case", "draw_trials", "measure_case", "measure_scale"]

Distributions = dict[str, BaseDistribution]

_FURTHER = 4
"""Suggestions after the first, which fits what the others go on from."""

_NOISE = 0.01
"""Standard deviation of what is added to a value: a hundredth of what one axis is worth."""

_WARM_UP_TRIALS = 12
"""Enough to have all code of a sampler imported: two more than its random startup."""

_EARLIER = ("earlier-10x100", "earlier-10x1000")
"""Cases that begin with earlier studies, which only qubo takes."""

_LEFT_OUT: Mapping[str, Collection[str]] = MappingProxyType(
    {
        "gp": (
            "mixed-3000",
            "mixed-10000",
            "mixed50-10000",
            "mixed200-10000",
            "bits-1000",
            "resume-10000",
            *_EARLIER,
        ),
        "tpe": _EARLIER,
    }
)
"""Method -> cases that are too much for it. Of 1,000 axes one suggestion of GPSampler had not ended
after three minutes. At 1,000 trials it takes 2.6 s and 0.9 GB; the time grows with their cube, the
memory with their square. Nobody but qubo takes earlier studies."""

_PEERS = ("tpe", "gp")

_STUDY = "scale"


@dataclass(frozen=True)
class Case:
    """A study that the next trial is suggested for.

    Attributes:
        axes: What the parameters are.
        space: Makes their distributions; picklable.
        trials: Finished trials.
        is_resumed: Whether they are in a database that a new process opens. The first suggestion
            counts then, and the others where they are not.
        earlier: Number of finished studies, as long as this one, that the sampler begins with.
    """

    axes: str
    space: Callable[[], Distributions]
    trials: int
    is_resumed: bool = False
    earlier: int = 0

    @property
    def description(self) -> str:
        """What it is, for a title."""
        resumed = ", resumed from SQLite, the first suggestion" if self.is_resumed else ""
        earlier = f", after {self.earlier} studies as long" if self.earlier else ""
        return f"{self.axes}, {self.trials:,} finished trials{resumed}{earlier}"


def _mixed() -> Distributions:
    return {
        "learning_rate": FloatDistribution(1e-5, 1.0, log=True),
        "weight_decay": FloatDistribution(1e-6, 1e-1, log=True),
        "dropout": FloatDistribution(0.0, 0.6),
        "momentum": FloatDistribution(0.0, 1.0),
        "width": IntDistribution(8, 512, log=True),
        "depth": IntDistribution(1, 8),
        "activation": CategoricalDistribution(("relu", "gelu", "tanh", "silu")),
        "norm": CategoricalDistribution((True, False)),
        "optimizer": CategoricalDistribution(("sgd", "adam", "rmsprop")),
    }


def _many_mixed(n: int) -> Distributions:
    kinds = list(_mixed().items())
    return {f"{kinds[i % len(kinds)][0]}_{i}": kinds[i % len(kinds)][1] for i in range(n)}


def _floats(n: int) -> Distributions:
    return {f"x{i}": FloatDistribution(0.0, 1.0) for i in range(n)}


def _choices(n: int, choices: Sequence[Any]) -> Distributions:
    return {f"x{i}": CategoricalDistribution(choices) for i in range(n)}


_MIXED = "9 mixed axes"

_CASES: Mapping[str, Case] = MappingProxyType(
    {
        "mixed-100": Case(_MIXED, _mixed, 100),
        "mixed-1000": Case(_MIXED, _mixed, 1_000),
        "mixed-3000": Case(_MIXED, _mixed, 3_000),
        "mixed-10000": Case(_MIXED, _mixed, 10_000),
        **{
            f"mixed{n}-{trials}": Case(f"{n} mixed axes", partial(_many_mixed, n), trials)
            for n in (50, 200)
            for trials in (100, 1_000, 10_000)
        },
        "floats-20": Case("20 floats", partial(_floats, 20), 300),
        "tens-100": Case("100 axes of 10 choices", partial(_choices, 100, range(10)), 300),
        "bits-1000": Case("1,000 on/off axes", partial(_choices, 1_000, (False, True)), 300),
        "floats-150": Case("150 floats", partial(_floats, 150), 10),
        "choices-2000": Case("one axis of 2,000 choices", partial(_choices, 1, range(2_000)), 10),
        "resume-10000": Case(_MIXED, _mixed, 10_000, is_resumed=True),
        **{f"earlier-10x{n}": Case(_MIXED, _mixed, n, earlier=10) for n in (100, 1_000)},
    }
)


def draw_trials(space: Distributions, trials: int, seed: int) -> list[FrozenTrial]:
    """Trials drawn at random, as if an objective had been run for each.

    Args:
        space: Their distributions.
        trials: Their number.
        seed: Of parameters and noise.
    """
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(trials):
        params = {name: _at(dist, rng.random()) for name, dist in space.items()}
        value = _value(space, params) + _NOISE * rng.standard_normal()
        trial = create_trial(params=params, distributions=space, value=value)
        # A trial that was added by hand would have ended as it started.
        if trial.datetime_complete is not None:
            trial.datetime_start = trial.datetime_complete - timedelta(seconds=1)
        drawn.append(trial)
    return drawn


def _at(distribution: BaseDistribution, place: float) -> Any:
    """The value at a place in [0, 1) of a distribution."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(place * len(distribution.choices))]
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    low, high = float(distribution.low), float(distribution.high)
    if distribution.log:
        value = math.exp(math.log(low) + place * math.log(high / low))
    else:
        value = low + place * (high - low)
    return round(value) if isinstance(distribution, IntDistribution) else value


def _value(space: Distributions, params: Mapping[str, Any]) -> float:
    """A valley along each number, the same for every fifth choice; some axes matter more."""
    total = 0.0
    for i, (name, distribution) in enumerate(space.items()):
        internal = distribution.to_internal_repr(params[name])
        if isinstance(distribution, CategoricalDistribution):
            part = (internal % 5) / 5
        else:
            assert isinstance(distribution, (FloatDistribution, IntDistribution))
            low, high = float(distribution.low), float(distribution.high)
            if distribution.log:
                low, high, internal = math.log(low), math.log(high), math.log(internal)
            part = ((internal - low) / (high - low) - 0.6) ** 2
        total += (1 + i % 4) * part
    return total / math.sqrt(len(space))


def measure_scale(task: Task) -> list[Row]:
    """CPU seconds and memory of a method on a case, or nothing where that is too much for it."""
    case = _CASES[task.table]
    if task.table in _LEFT_OUT.get(task.name, ()):
        return [{"CPU s": None, "first s": None, "MB": None}]
    factory: Callable[[], BaseSampler] = partial(task.method.factory, task.seed)
    if case.earlier:
        factory = partial(_knowing, case, task.seed)
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder).as_posix()}/study.db" if case.is_resumed else None
        if url is not None:
            run_alone(partial(_fill, seed=task.seed, url=url), case, _nothing)
        measured = partial(measure_case, seed=task.seed, factory=factory, url=url)
        return [run_alone(measured, case, partial(_warm_up, factory))]


def _knowing(case: Case, seed: int) -> BaseSampler:
    """QUBOSampler with the earlier studies of a case, each of trials of its own."""
    from qhpo import QUBOSampler

    earlier = []
    for number in range(case.earlier):
        study = optuna.create_study()
        study.add_trials(draw_trials(case.space(), case.trials, seed + 1 + number))
        earlier.append(study)
    return QUBOSampler(seed=seed, prior_studies=earlier)


def _nothing() -> None:
    pass


def _fill(case: Case, *, seed: int, url: str) -> dict[str, float]:
    study = optuna.create_study(study_name=_STUDY, storage=url)
    study.add_trials(draw_trials(case.space(), case.trials, seed))
    return {}


def measure_case(
    case: Case, seed: int, factory: Callable[[], BaseSampler], url: str | None = None
) -> dict[str, float]:
    """CPU seconds of suggestions in this process, and the most memory that it has ever had.

    Args:
        case: The study.
        seed: Of its trials.
        factory: Makes the sampler.
        url: Database that has the trials; None where they are to be made.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = case.space()
    if url is None:
        study = optuna.create_study(sampler=factory())
        study.add_trials(draw_trials(space, case.trials, seed))
        begin = time.process_time()
    else:
        begin = time.process_time()
        study = optuna.load_study(study_name=_STUDY, storage=url, sampler=factory())
    seconds = []
    for _ in range(1 if case.is_resumed else 1 + _FURTHER):
        trial = study.ask(space)
        seconds.append(time.process_time() - begin)
        study.tell(trial, _value(space, trial.params))
        begin = time.process_time()
    first, *further = seconds
    return {
        "CPU s": first if case.is_resumed else sum(further) / len(further),
        "first s": first,
        "MB": peak_megabytes(),
    }


def _warm_up(factory: Callable[[], BaseSampler]) -> None:
    """Has all code imported before the clock runs."""
    measure_case(Case(_MIXED, _mixed, _WARM_UP_TRIALS), 0, factory)


def _groups(results: Results) -> list[Group]:
    seeds = plural(len(results.seeds), "seed")
    groups = []
    for table in results.tables:
        group = results.group(f"{table}: {_CASES[table].description}; {seeds}", [table], {"": 0})
        cpu = np.where(np.isfinite(group.data["CPU s"]), group.data["CPU s"], np.nan)
        ratios = {
            f"/ {peer}": cpu / cpu[results.methods.index(peer)]
            if peer in results.methods
            else np.full_like(cpu, np.nan)
            for peer in _PEERS
        }
        groups.append(replace(group, data={**group.data, **ratios}))
    return groups


SUITE = Suite(
    name="scale",
    tables={name: case.description for name, case in _CASES.items()},
    methods={"qubo": QUBO, **{name: PEERS[name] for name in _PEERS}},
    peers=_PEERS,
    seeds=1,
    measure=measure_scale,
    sources=lambda method, table: [measure_scale, method.factory],
    settings=lambda table, trials: ("",),
    metrics=(
        Metric("CPU s", "{:.3f}".format, min),
        *(Metric(f"/ {peer}", "{:.2f}".format, None) for peer in _PEERS),
        Metric("first s", "{:.2f}".format, min),
        Metric("MB", "{:,.0f}".format, min),
    ),
    groups=_groups,
    by={"case": str},
    # GPSampler lacks what it needs already when it is made.
    check=lambda method: method.factory(0),
    footnote=(
        f"CPU seconds of a suggestion: the mean of {_FURTHER} that follow the first, or the first "
        "of a study that is resumed, its opening included. Behind the slash: how many times the "
        "seconds of that sampler. MB: peak of resident memory, with the trials and all imports. "
        "Each case has a process of its own, with one thread. gp has no numbers where a "
        "suggestion of it takes a minute or more."
    ),
)
"""Time and memory of suggestions, in long studies and in large spaces."""
