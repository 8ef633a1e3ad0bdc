"""What a study comes to: the configuration to go on with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial

__all__ = ["Recommendation"]


@dataclass(frozen=True)
class Recommendation:
    """The evaluated configuration that is best in truth, as far as the model knows.

    Attributes:
        trial: A trial that evaluated it, the one of best value if there are several.
        value: Its expected value without noise, in the study's unit.
        deviation: Standard deviation of what is believed of that value, in the same unit.
    """

    trial: FrozenTrial
    value: float
    deviation: float

    @property
    def params(self) -> dict[str, Any]:
        """The trial's parameters."""
        return self.trial.params
