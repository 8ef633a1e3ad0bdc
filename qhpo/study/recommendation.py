"""What a study comes to: the configurations to go on with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial

from qhpo.errors import QhpoError

__all__ = ["Recommendation"]


@dataclass(frozen=True)
class Recommendation:
    """An evaluated configuration that is best in truth, as far as the model knows.

    Attributes:
        trial: A trial that evaluated it, the one of best value if there are several; of several
            objectives the one that is best in the first of them.
        values: Its expected value without noise in each objective, in the study's units.
        deviations: Standard deviation of what is believed of each of them, in the same units.
    """

    trial: FrozenTrial
    values: tuple[float, ...]
    deviations: tuple[float, ...]

    @property
    def value(self) -> float:
        """The expected value.

        Raises:
            QhpoError: If the study has several objectives.
        """
        return self._only("value", self.values)

    @property
    def deviation(self) -> float:
        """The standard deviation of what is believed of the value.

        Raises:
            QhpoError: If the study has several objectives.
        """
        return self._only("deviation", self.deviations)

    @property
    def params(self) -> dict[str, Any]:
        """The trial's parameters."""
        return self.trial.params

    def _only(self, name: str, each: tuple[float, ...]) -> float:
        if len(each) > 1:
            raise QhpoError(
                f"`{name}` needs a study of one objective; got a recommendation for {len(each)}; "
                f"`{name}s` has one for each"
            )
        return each[0]
