"""A space of ConfigSpace as search space, constraints and conditions, and configurations back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from optuna.distributions import BaseDistribution
from optuna.trial import BaseTrial

from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.problem import suggest
from qhpo_integrations.configspace.parameters import Parameter
from qhpo_integrations.configspace.rules import enabling_values, forbidden

__all__ = ["ConvertedSpace", "from_configspace"]


@dataclass(frozen=True)
class ConvertedSpace:
    """What `QUBOSampler` takes, and how its values become ConfigSpace's.

    Attributes:
        configuration_space: ConfigSpace's space.
        search_space: Optuna distributions by parameter name. The value of an ordinal is its place
            in the sequence, from 0.
        constraints: The forbidden clauses.
        conditions: The conditions, as far as they can be declared. The others (a limit of a float,
            alternatives between several parents) are kept by `suggest`, and the sampler learns
            them.
        parameters: Each parameter on both sides.
    """

    configuration_space: ConfigurationSpace
    search_space: dict[str, BaseDistribution]
    constraints: tuple[Constraint, ...]
    conditions: dict[str, dict[str, list[Any]]]
    parameters: dict[str, Parameter]

    def suggest(self, trial: BaseTrial) -> Configuration:
        """A configuration, for which a trial is asked for every parameter that is active."""
        params: dict[str, Any] = {}
        # Parents stand before their children in ConfigSpace's order.
        for name in self.configuration_space:
            if self._is_active(name, params):
                params.update(suggest(trial, {name: self.search_space[name]}))
        return self.to_configuration(params)

    def to_configuration(self, params: Mapping[str, Any]) -> Configuration:
        """ConfigSpace's configuration of a trial's parameters.

        Raises:
            QhpoError: If it is not legal.
        """
        known = {n: v for n, v in params.items() if n in self.parameters}
        values = {name: self.parameters[name].written(value) for name, value in known.items()}
        try:
            return Configuration(self.configuration_space, values=values)
        except ValueError as error:
            raise QhpoError(
                f"a configuration must be legal in its ConfigurationSpace; got {values}: {error}"
            ) from error

    def to_params(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """A trial's parameters of a configuration, to enqueue it."""
        return {name: self.parameters[name].read(value) for name, value in configuration.items()}

    def _is_active(self, name: str, params: Mapping[str, Any]) -> bool:
        vector = np.full(len(self.parameters), np.nan)
        for known, value in params.items():
            vector[self.configuration_space.index_of[known]] = self.parameters[known].vector(value)
        conditions = self.configuration_space.parent_conditions_of[name]
        return all(condition.satisfied_by_vector(vector) for condition in conditions)


def from_configspace(space: ConfigurationSpace | str | Path) -> ConvertedSpace:
    """What `QUBOSampler` takes of a space of ConfigSpace.

    Args:
        space: The space, or the path of a .json or .yaml file that ConfigSpace has written.

    Raises:
        QhpoError: If it is no such space or file.
    """
    if isinstance(space, (str, Path)):
        space = _read(Path(space))
    if not isinstance(space, ConfigurationSpace):
        raise QhpoError(f"the space must be a ConfigSpace.ConfigurationSpace; got {space!r}")
    parameters = {name: Parameter.of(hp) for name, hp in space.items()}
    conditions = {}
    for name in space.conditional_hyperparameters:
        enabling = enabling_values(space, name, parameters)
        if enabling is not None:
            conditions[name] = enabling
    constraints = [
        rule for clause in space.forbidden_clauses for rule in forbidden(clause, space, parameters)
    ]
    return ConvertedSpace(
        configuration_space=space,
        search_space={name: parameter.distribution for name, parameter in parameters.items()},
        constraints=tuple(constraints),
        conditions=conditions,
        parameters=parameters,
    )


def _read(path: Path) -> ConfigurationSpace:
    readers = {
        ".json": ConfigurationSpace.from_json,
        ".yaml": ConfigurationSpace.from_yaml,
        ".yml": ConfigurationSpace.from_yaml,
    }
    if path.suffix not in readers:
        raise QhpoError(f"a file of ConfigSpace must be .json or .yaml; got {str(path)!r}")
    try:
        return readers[path.suffix](path)
    except Exception as error:  # a decoder meets whatever somebody has written
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise QhpoError(
            f"{str(path)!r} must be a file that ConfigSpace has written: {cause}"
        ) from error
