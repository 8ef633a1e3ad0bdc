"""Overrides of Hydra's command line as a search space, and configurations as overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.errors import QhpoError
from qhpo_integrations.choices import labelled

__all__ = ["Overrides"]


@dataclass(frozen=True)
class Overrides:
    """What a sweep was asked for.

    Attributes:
        search_space: Optuna distributions by the name of what is overridden.
        keys: What stands before the ``=`` by that name, such as ``+model.width``.
        texts: What stands behind it for each choice, by that name.
        fixed: Overrides that all jobs have.
    """

    search_space: dict[str, BaseDistribution]
    keys: dict[str, str]
    texts: dict[str, dict[Any, str]]
    fixed: tuple[str, ...]

    @classmethod
    def read(cls, lines: Sequence[str], config_loader: Any) -> Overrides:
        """From overrides as they are written; a later one of a name counts.

        Args:
            lines: The overrides.
            config_loader: Hydra's, which knows the groups of the program's configuration.

        Raises:
            QhpoError: If a sweep is none that can be searched.
        """
        from hydra.core.override_parser.overrides_parser import OverridesParser

        space: dict[str, BaseDistribution] = {}
        keys: dict[str, str] = {}
        texts: dict[str, dict[Any, str]] = {}
        fixed: dict[str, str] = {}
        for override in OverridesParser.create(config_loader).parse_overrides(list(lines)):
            key = override.get_key_element()
            name = key.lstrip("+~")
            for earlier in (space, keys, texts, fixed):
                earlier.pop(name, None)
            if override.is_sweep_override():
                space[name], texts[name] = _distribution(name, override)
                keys[name] = key
            else:
                fixed[name] = override.input_line
        return cls(space, keys, texts, tuple(fixed.values()))

    def of_job(self, params: Mapping[str, Any]) -> list[str]:
        """The overrides of a job.

        Args:
            params: Values of the active parameters by name.
        """
        own = [
            f"{self.keys[name]}={self.texts[name].get(value, value)}"
            for name, value in params.items()
        ]
        return [*self.fixed, *own]


def _distribution(name: str, override: Any) -> tuple[BaseDistribution, dict[Any, str]]:
    """A distribution, with the texts of its choices."""
    from hydra.core.override_parser.types import Override, Transformer

    if override.is_interval_sweep():
        return _interval(name, override.value()), {}
    elements = list(override.sweep_iterator())
    if not elements:
        raise QhpoError(f"a sweep must have at least one value; got {override.input_line}")
    if override.is_range_sweep():
        return _range(sorted(elements)), {}
    values = [Override._convert_value(element) for element in elements]
    choices = labelled(values)
    texts = {
        label: Transformer.str(elements[[v is value for v in values].index(True)])
        for label, value in choices.items()
    }
    return CategoricalDistribution(tuple(choices)), texts


def _range(values: list[Any]) -> BaseDistribution:
    """Numbers at even distances, increasing."""
    low, high = values[0], values[-1]
    step = values[1] - low if len(values) > 1 else 1
    if all(isinstance(value, int) for value in values):
        return IntDistribution(low, high, step=step)
    # Hydra adds up the step, and ends beside the number that is meant.
    return FloatDistribution(low, low + (len(values) - 1) * step, step=step)


def _interval(name: str, interval: Any) -> BaseDistribution:
    low, high, log = interval.start, interval.end, "log" in interval.tags
    unknown = sorted(interval.tags - {"log"})
    if unknown:
        raise QhpoError(f"an interval may have the tag log; got {', '.join(unknown)} of {name!r}")
    try:
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log=log)
        return FloatDistribution(low, high, log=log)
    except ValueError as error:
        raise QhpoError(f"the interval of {name!r} cannot be searched: {error}") from error
