"""Quadratic models as a study's solver is handed them, with their lowest energies."""

from __future__ import annotations

import math
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from qhpo import QUBOSampler
from qhpo.encoding import DenseDQM
from qhpo.encoding.reduction import eliminate
from qhpo.errors import QhpoError
from qhpo.solvers import Reads, make_solver
from qhpo.solvers.exact import MAX_CONFIGURATIONS
from qhpo.solvers.potts import anneal
from qhpo_problems.benchmarks.solving.studies import SourceStudy

__all__ = ["Model", "checkpoints_of", "load_models", "lowest_energy", "store_models", "take_models"]

_LONG_READS, _LONG_SWEEPS, _LONG_STARTS = 64, 400, 512
"""Reads and sweeps of an anneal, and descents, many times those of a solver: what stands for the
optimum must be found by more than what is measured."""

_LONG_HOT, _LONG_COLD = 1.0, 30.0
"""First and last inverse temperature, in units of the models' local fields: hot enough to move
everywhere, cold enough to stay."""


@dataclass(frozen=True)
class Model:
    """A quadratic model of a study.

    Attributes:
        tables: Its biases.
        trials: Finished trials that it was made of.
        lowest: Lowest energy that is known.
        is_proven: Whether there is no lower one.
    """

    tables: DenseDQM
    trials: int
    lowest: float
    is_proven: bool


class _Recorder:
    """Solves as neal does, and keeps the models."""

    is_costly = False

    def __init__(self) -> None:
        self._solver = make_solver("neal")
        self.name = self._solver.name
        self.models: list[DenseDQM] = []

    def reads(self, tables: DenseDQM, seed: int) -> Reads:
        self.models.append(tables)
        return self._solver.reads(tables, seed)


def checkpoints_of(study: SourceStudy, trials: int | None) -> tuple[int, ...]:
    """Numbers of finished trials whose models are taken, the last one being ``trials`` if given."""
    if trials is None:
        return study.checkpoints
    return (*(c for c in study.checkpoints if c < trials), trials)


def take_models(study: SourceStudy, checkpoints: tuple[int, ...], seed: int) -> list[Model]:
    """The models of a run, two for each checkpoint: of a posterior mean, and of a posterior draw.

    Args:
        study: Run with `QUBOSampler`, in this thread.
        checkpoints: Numbers of finished trials, ascending; at least the trials of the sampler's
            first design, before which there is no model.
        seed: Of the sampler, and of the search for the lowest energies.

    Raises:
        QhpoError: If no model is made at a checkpoint.
    """
    recorder = _Recorder()
    sampler = QUBOSampler(
        study.declaration.search_space,
        constraints=study.declaration.constraints,
        seed=seed,
        solver=recorder,
    )
    run = optuna.create_study(sampler=sampler)
    found = []
    for checkpoint in checkpoints:
        run.optimize(study.objective, n_trials=checkpoint - len(run.get_trials(deepcopy=False)))
        recorder.models.clear()
        run.optimize(study.objective, n_trials=1)
        if not recorder.models:
            raise QhpoError(
                "a checkpoint must come after the first trials, which no model is made for; got "
                f"{checkpoint} finished trials"
            )
        # A sampler anneals its means first, then its draws.
        for tables in (recorder.models[0], recorder.models[-1]):
            lowest, is_proven = lowest_energy(tables, seed)
            found.append(Model(tables, checkpoint, lowest, is_proven))
    return found


def lowest_energy(tables: DenseDQM, seed: int) -> tuple[float, bool]:
    """The lowest energy of a model, and whether it is proven.

    Cases that can be no part of an optimum are left out. If few enough configurations remain, all
    are tried; else a long anneal and many descents look for the lowest.

    Args:
        tables: The model.
        seed: Of the anneal and the descents.
    """
    reduced = eliminate(tables).tables
    sizes = np.diff(reduced.starts)
    if not len(sizes):
        return reduced.offset, True
    if math.prod(sizes.tolist()) <= MAX_CONFIGURATIONS:
        return float(make_solver("exact").reads(reduced, seed).energies[0]), True
    scale = reduced.field_scale
    betas = np.geomspace(_LONG_HOT / scale, _LONG_COLD / scale, _LONG_SWEEPS)
    drawn = np.random.default_rng(seed).integers(sizes, size=(_LONG_STARTS, len(sizes)))
    found = np.concatenate([anneal(reduced, _LONG_READS, betas, seed), drawn])
    return float(reduced.energies(reduced.descend(found)).min()), False


def store_models(models: list[Model], path: Path) -> None:
    """Write models; the file appears complete or not at all."""
    arrays: dict[str, Any] = {}
    for i, model in enumerate(models):
        tables = model.tables
        arrays |= {
            f"{i}.starts": tables.starts,
            f"{i}.linear": tables.linear,
            f"{i}.quadratic": tables.quadratic,
            f"{i}.rest": np.array([tables.offset, model.trials, model.lowest, model.is_proven]),
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load_models(path: Path) -> list[Model]:
    """The models of a file.

    Raises:
        QhpoError: If it holds none.
    """
    models = []
    try:
        with np.load(path) as arrays:
            for i in range(len(arrays.files) // 4):
                starts, linear, quadratic, rest = (
                    arrays[f"{i}.{name}"] for name in ("starts", "linear", "quadratic", "rest")
                )
                offset, trials, lowest, is_proven = rest.tolist()
                tables = DenseDQM(starts, linear, quadratic, offset)
                models.append(Model(tables, int(trials), lowest, bool(is_proven)))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise QhpoError(
            f"a file of models must be one that the benchmark wrote; {path} is not "
            f"({type(error).__name__}: {error}); delete it to have it made again"
        ) from error
    return models
