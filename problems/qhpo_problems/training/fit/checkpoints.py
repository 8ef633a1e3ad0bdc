"""The trained weights of trials, kept in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import optuna
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo.problem import CHECKPOINTS

__all__ = ["PATH", "keep", "load"]

PATH = "checkpoint"
"""User attribute of a trial: the file that has its weights."""


def keep(trial: optuna.Trial, weights: Mapping[str, Any]) -> None:
    """Write the weights of a trial's model, if its study has a folder for them.

    The folder is the study's user attribute `CHECKPOINTS`, which ``qhpo run --checkpoints`` sets.
    A file that is there is whole, also after a crash.

    Args:
        trial: Gets the attribute `PATH`.
        weights: Arrays or tensors by name, such as ``model.state_dict()``.
    """
    folder = trial.study.user_attrs.get(CHECKPOINTS)
    if folder is None:
        return
    name = quote(trial.study.study_name, safe=" ")
    path = Path(folder) / f"{name}-{trial.number}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        # NumPy's format runs no code when it is read.
        arrays: dict[str, Any] = {key: np.asarray(value) for key, value in weights.items()}
        np.savez(file, **arrays)
    unfinished.replace(path)
    trial.set_user_attr(PATH, str(path))


def load(path: str | Path) -> dict[str, NDArray[Any]]:
    """The weights of a checkpoint, by name; `torch.from_numpy` makes tensors of them.

    Args:
        path: As in the trial's user attribute `PATH`.

    Raises:
        QhpoError: If there is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except FileNotFoundError:
        raise QhpoError(
            f"a checkpoint must be a file that `qhpo run --checkpoints` wrote; got {str(path)!r}, "
            "which does not exist; trials have theirs in the user attribute 'checkpoint'"
        ) from None
