"""The samplers that are compared, with the settings they have when only seeded."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from qhpo.errors import MissingExtraError
from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, Declaration, SolutionT

__all__ = ["LEARNING", "PEERS", "QUBO", "QUBO_DECLARED", "Declared", "Method", "Told"]


def _recommended(study: optuna.Study, sampler: BaseSampler) -> FrozenTrial:
    """What a sampler recommends, or the luckiest trial where it has no opinion of its own."""
    from qhpo import QUBOSampler

    return sampler.recommend(study).trial if isinstance(sampler, QUBOSampler) else study.best_trial


@dataclass(frozen=True)
class Told:
    """A sampler that hears how far a trial missed its constraints, through Optuna's own call.

    Args:
        factory: Makes a fresh sampler from a seed. Worker processes import it by name, so it is a
            function of a module, or a `functools.partial` of one.
        recommend: The trial whose configuration the user would be given, made of the study and the
            sampler; a function of a module, too. Unless told otherwise, what QUBOSampler
            recommends, and the luckiest trial of all other samplers.
    """

    factory: Callable[[int], BaseSampler]
    recommend: Callable[[optuna.Study, BaseSampler], FrozenTrial] = _recommended

    def sampler(self, seed: int, benchmark: Benchmark[SolutionT]) -> BaseSampler:
        """A fresh sampler."""
        return self.factory(seed)

    def ask(self, benchmark: Benchmark[SolutionT], trial: optuna.Trial) -> SolutionT:
        """The solution of a trial, whose violations the trial is told."""
        solution = benchmark.suggest(trial)
        for name, amount in benchmark.violations(solution).items():
            trial.set_constraint(name, amount)
        return solution


@dataclass(frozen=True)
class Declared:
    """A sampler that knows space and constraints before the first trial, and nothing after it.

    Args:
        factory: Makes a fresh sampler from a seed and what the user declares, as in `Told`.
    """

    factory: Callable[[int, Declaration], BaseSampler]

    def sampler(self, seed: int, benchmark: Benchmark[SolutionT]) -> BaseSampler:
        """A fresh sampler that has been told what the benchmark declares."""
        return self.factory(seed, benchmark.declaration())

    def ask(self, benchmark: Benchmark[SolutionT], trial: optuna.Trial) -> SolutionT:
        """The solution of a trial, through the parameters that the benchmark declares."""
        return benchmark.suggest_declared(trial)


Method = Told | Declared
"""How a sampler takes part."""


def _qubo(seed: int) -> BaseSampler:
    from qhpo import QUBOSampler

    return QUBOSampler(seed=seed)


def _qubo_declared(seed: int, declaration: Declaration) -> BaseSampler:
    from qhpo import QUBOSampler

    return QUBOSampler(declaration.search_space, seed=seed, constraints=declaration.constraints)


def _seeded(seed: int, kind: Callable[..., BaseSampler]) -> BaseSampler:
    return kind(seed=seed)


def _gp(seed: int) -> BaseSampler:
    # Optuna imports torch at the first suggestion after the startup trials, too late to complain.
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("the sampler gp", "torch", "torch")
    return GPSampler(seed=seed)


QUBO, QUBO_DECLARED = Told(_qubo), Declared(_qubo_declared)
"""QUBOSampler that learns the space from the trials, and one that is told of it."""

PEERS: Mapping[str, Told] = MappingProxyType(
    {
        "tpe": Told(partial(_seeded, kind=TPESampler)),
        "gp": Told(_gp),
        "nsga2": Told(partial(_seeded, kind=NSGAIISampler)),
        "random": Told(partial(_seeded, kind=RandomSampler)),
    }
)
"""Name -> samplers whose suggestions cannot depend on qhpo's own code."""

LEARNING: Mapping[str, Told] = MappingProxyType(
    {"qubo": QUBO, **{name: PEERS[name] for name in ("tpe", "gp", "random")}}
)
"""Those that are compared where all of them learn the space from the trials."""
