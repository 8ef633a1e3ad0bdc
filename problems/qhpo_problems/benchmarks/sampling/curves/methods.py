"""Samplers with pruners, as their users put them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import optuna
from optuna.pruners import BasePruner

from qhpo.pruners import PRUNERS
from qhpo.wrappers import TimedSampler
from qhpo_problems.benchmarks.sampling.methods import PEERS, QUBO, Told

__all__ = ["PAIRS", "REFERENCE", "Stopping"]


@dataclass(frozen=True)
class Stopping:
    """A sampler and a pruner.

    Args:
        told: The sampler.
        pruner: Makes a fresh pruner; a function of a module or a class.
    """

    told: Told
    pruner: Callable[[], BasePruner]

    def study(self, seed: int) -> optuna.Study:
        """An in-memory study of one value to be minimized, whose sampler is timed."""
        return optuna.create_study(
            # HyperbandPruner makes a trial's bracket of the name, which is drawn if not given.
            study_name=f"seed {seed}",
            sampler=TimedSampler(self.told.factory(seed)),
            pruner=self.pruner(),
        )


REFERENCE = "tpe+hyperband"
"""What the others' training time is compared with."""


def _pair(sampler: str, pruner: str) -> Stopping:
    return Stopping(QUBO if sampler == "qubo" else PEERS[sampler], PRUNERS[pruner])


PAIRS: Mapping[str, Stopping] = MappingProxyType(
    {
        name: _pair(*name.split("+"))
        for name in (
            REFERENCE,
            *("tpe+none", "tpe+median", "tpe+halving", "tpe+model"),
            *("gp+none", "gp+median", "gp+hyperband", "gp+halving", "gp+model"),
            "random+model",
            *("qubo+none", "qubo+median", "qubo+hyperband", "qubo+model"),
        )
    }
)
"""Name -> sampler and pruner, each with the settings that it has when only seeded."""
