"""Models that `qhpo train` has kept, ready to be used."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from qhpo.errors import QhpoError
from qhpo.problem import load_problem
from qhpo_problems.training.fit.training import FinalTraining

__all__ = ["load_model"]


def load_model(folder: str | Path) -> nn.Module:
    """The trained model of a folder, on the CPU, in evaluation mode.

    Its inputs are scaled as those of the problem's data with the seed that ``model.json`` names.

    Args:
        folder: As `qhpo train` has made it.

    Raises:
        QhpoError: If the folder has no such model, or its problem trains none with torch.
    """
    try:
        record = json.loads((Path(folder) / "model.json").read_text())
        problem, params, seed = (record[key] for key in ("problem", "params", "seed"))
        # No code of the file is run.
        weights = torch.load(Path(folder) / "weights.pt", weights_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise QhpoError(
            "a model must be in a folder that `qhpo train` made, with model.json and weights.pt; "
            f"got {str(folder)!r}: {error}"
        ) from error
    trainer = load_problem(problem).train
    if not isinstance(trainer, FinalTraining):
        raise QhpoError(
            f"a model must be of a problem that trains one with torch; got {problem}; see the "
            "lines that its model.json has under load"
        )
    model = trainer.build(params, seed)
    model.load_state_dict(weights)
    return model.eval()
