"""How long a forecast in closed loop is valid.

J. Pathak et al., "Hybrid forecasting of chaotic processes: using machine learning in conjunction
with a knowledge-based model", Chaos 28, 041101 (2018): the valid time is when the distance between
forecast and truth first exceeds 0.4 root mean squares of the state. States have mean 0 here, so
that the root mean square is the spread of the attractor and not its place, which makes the limit
the tighter one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qhpo.errors import QhpoError
from qhpo_problems.training.data import Part
from qhpo_problems.training.dynamics.forecaster import Forecaster

__all__ = ["THRESHOLD", "MinusValidity", "valid_steps"]

THRESHOLD = 0.4
"""Of the normalized error, Pathak et al. 2018."""


def valid_steps(forecast: Iterable[Tensor], truth: Tensor) -> Tensor:
    """Steps before the normalized error first is not below `THRESHOLD`, shape (b,), int64.

    Args:
        forecast: The steps, each of shape (b, n), of variables with mean 0; NaN is never valid. No
            more are asked for than are needed.
        truth: Shape (b, steps, n).
    """
    limit = THRESHOLD * truth.square().sum(dim=2).mean().sqrt()
    valid = torch.ones(len(truth), dtype=torch.bool)
    steps = torch.zeros(len(truth), dtype=torch.int64)
    for said, true in zip(forecast, truth.unbind(dim=1), strict=False):
        valid &= (said - true).norm(dim=1) < limit
        steps += valid
        if not valid.any():
            break
    return steps


@dataclass(frozen=True)
class MinusValidity:
    """Minus the mean valid time of a `Forecaster`, as `loop.fit` takes errors.

    A part has as inputs the states before each start, shape (b, T, n), and as targets those after
    it, shape (b, steps, n). No forecast is valid for longer than these.

    Attributes:
        step: Length of a step, in the unit of the valid time.
    """

    step: float

    def __call__(self, model: nn.Module, part: Part) -> float:
        """Minus the mean over the starts, 0 or below.

        Raises:
            QhpoError: If the model is not a `Forecaster`.
        """
        if not isinstance(model, Forecaster):
            raise QhpoError(
                f"validity is of a Forecaster; got {type(model).__name__}; "
                "judge other models by another error"
            )
        model.eval()
        with torch.inference_mode():
            steps = valid_steps(model.forecast(part.inputs), part.targets)
        return -self.step * float(steps.double().mean())
