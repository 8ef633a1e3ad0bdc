"""A hyperparameter of ConfigSpace as an Optuna distribution, and its values there and back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Constant,
    FloatHyperparameter,
    Hyperparameter,
    IntegerHyperparameter,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from ConfigSpace.hyperparameters.hp_components import ROUND_PLACES
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.errors import QhpoError
from qhpo_integrations.choices import labelled

__all__ = ["Parameter"]

_logger = logging.getLogger("qhpo")

_MAX_LISTED = 1000
"""Values of a parent that a condition lists: more than a parent of sense has."""


@dataclass(frozen=True)
class Parameter:
    """One parameter on both sides.

    Attributes:
        hyperparameter: ConfigSpace's.
        distribution: Optuna's.
        labels: Of choices, and of ordinals, whose labels are their places: ConfigSpace's value by
            label. Nothing for numbers.
    """

    hyperparameter: Hyperparameter[Any, Any]
    distribution: BaseDistribution
    labels: dict[Any, Any]

    @classmethod
    def of(cls, hyperparameter: Hyperparameter[Any, Any]) -> Parameter:
        """The parameter of a hyperparameter; the log says that a prior is not used.

        Raises:
            QhpoError: If it is of a kind that ConfigSpace itself does not have.
        """
        hp = hyperparameter
        if isinstance(hp, (FloatHyperparameter, IntegerHyperparameter)):
            if not isinstance(hp, (UniformFloatHyperparameter, UniformIntegerHyperparameter)):
                _tell_prior(hp)
            low, high, log = hp.lower, hp.upper, bool(hp.log)
            if isinstance(hp, FloatHyperparameter):
                return cls(hp, FloatDistribution(float(low), float(high), log=log), {})
            return cls(hp, IntDistribution(int(low), int(high), log=log), {})
        if isinstance(hp, OrdinalHyperparameter):
            places = dict(enumerate(hp.sequence))
            return cls(hp, IntDistribution(0, len(places) - 1), places)
        if isinstance(hp, CategoricalHyperparameter):
            if len(set(hp.probabilities.tolist())) > 1:
                _tell_prior(hp)
            choices = labelled(list(hp.choices))
            return cls(hp, CategoricalDistribution(tuple(choices)), choices)
        if isinstance(hp, Constant):
            choices = labelled([hp.value])
            return cls(hp, CategoricalDistribution(tuple(choices)), choices)
        raise QhpoError(
            "a hyperparameter must be one of ConfigSpace's floats, integers, categoricals, "
            f"ordinals or constants; got {hp!r}"
        )

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers, and the same on both sides."""
        return not self.labels

    def written(self, value: Any) -> Any:
        """ConfigSpace's value of a value in the study; it rounds floats."""
        if self.labels:
            return self.labels[value]
        return float(np.round(value, ROUND_PLACES)) if isinstance(value, float) else value

    def read(self, value: Any) -> Any:
        """The value in the study of ConfigSpace's value.

        Raises:
            QhpoError: If the hyperparameter does not have it.
        """
        if not self.hyperparameter.legal_value(value):
            raise QhpoError(f"a value must be one of {self.hyperparameter}; got {value!r}")
        if not self.labels:
            is_int = isinstance(self.distribution, IntDistribution)
            return int(value) if is_int else float(value)
        place = self.hyperparameter.to_vector(value)
        return next(
            label
            for label, known in self.labels.items()
            if self.hyperparameter.to_vector(known) == place
        )

    def vector(self, value: Any) -> float:
        """ConfigSpace's number of a value in the study."""
        return float(self.hyperparameter.to_vector(self.written(value)))

    def values(self) -> Sequence[Any] | None:
        """All values in the study, if they are few enough to be listed."""
        if isinstance(self.distribution, CategoricalDistribution):
            return self.distribution.choices
        if isinstance(self.distribution, IntDistribution):
            every = range(self.distribution.low, self.distribution.high + 1)
            return every if len(every) <= _MAX_LISTED else None
        return None


def _tell_prior(hp: Hyperparameter[Any, Any]) -> None:
    _logger.warning(
        f"the prior of the hyperparameter {hp.name!r} is not used: every value of its range may be "
        "tried as early as another"
    )
