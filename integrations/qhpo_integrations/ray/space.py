"""Ray's search spaces as Optuna distributions, and trials' parameters as Ray's configurations.

Glossary
--------
domain
    Ray's word for what a parameter may be: what ``tune.choice`` or ``tune.uniform`` makes.
name
    Of a parameter: its keys from the outermost mapping inwards, joined by ``/``.
label
    What stands for a choice in the study, and names it in conditions and constraints: the choice
    itself if it is a string, a number, a bool or None; of anything else how it is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from ray.tune.search.sample import (
    Categorical,
    Domain,
    Float,
    Integer,
    LogUniform,
    Quantized,
    Uniform,
)

from qhpo.errors import QhpoError
from qhpo_integrations.choices import is_plain, is_same, labelled

__all__ = ["TuneSpace", "nested"]

_SEPARATOR = "/"

_RESOLVED_BY_RAY = ("grid_search", "eval")
"""A mapping with one of these as its only key stands for values that Ray makes itself."""


@dataclass(frozen=True)
class TuneSpace:
    """What is searched of a configuration.

    Attributes:
        search_space: Optuna distributions by parameter name.
        choices: What the configuration gets for each label, by parameter name.
    """

    search_space: dict[str, BaseDistribution]
    choices: dict[str, dict[Any, Any]]

    @classmethod
    def read(cls, space: Mapping[str, Any], *, has_constants: bool) -> TuneSpace:
        """From mappings of mappings, whose leaves are domains or Optuna distributions.

        Args:
            space: The mapping.
            has_constants: Whether it may hold other leaves, which are no parameters.

        Raises:
            QhpoError: If a leaf is none that can be searched.
        """
        search_space: dict[str, BaseDistribution] = {}
        choices: dict[str, dict[Any, Any]] = {}
        for name, leaf in _leaves(space):
            if isinstance(leaf, BaseDistribution):
                search_space[name] = leaf
            elif isinstance(leaf, Categorical) and not leaf.is_grid():
                choices[name] = _labelled(name, leaf.categories)
                search_space[name] = CategoricalDistribution(tuple(choices[name]))
            elif isinstance(leaf, Domain):
                search_space[name] = _distribution(name, leaf)
            elif _holds_domain(leaf):
                raise QhpoError(
                    "what is searched must be a value of a mapping; got a search space within "
                    f"{leaf!r} for {name!r}; give it a key of its own"
                )
            elif not has_constants:
                raise QhpoError(
                    "a space of QUBOSearch holds what is searched, such as tune.uniform(0, 1) or "
                    f"an Optuna distribution; got {leaf!r} for {name!r}; constants belong into "
                    "param_space of tune.Tuner"
                )
        return cls(search_space, choices)

    def configuration(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What a training gets of a trial's parameters.

        A parameter that does not exist under the others is None: Ray fills what is left out with
        the domain itself.
        """
        values = dict.fromkeys(self.search_space) | dict(params)
        for name in params.keys() & self.choices.keys():
            values[name] = self.choices[name][params[name]]
        return nested(values)

    def params(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """A trial's parameters of a configuration or a part of it, to enqueue it.

        Raises:
            QhpoError: If it has a parameter that the space has not, or a value outside the space.
        """
        params = {}
        for name, value in _leaves(configuration, is_flat=True):
            if name not in self.search_space:
                raise QhpoError(
                    "points_to_evaluate must have parameters of the search space; got "
                    f"{name!r}; it has: {', '.join(self.search_space)}"
                )
            distribution = self.search_space[name]
            if value is None and not _has_none(distribution):
                continue  # how `configuration` writes a parameter that does not exist
            label = self._label(name, value)
            try:
                is_inside = distribution._contains(distribution.to_internal_repr(label))
            except (TypeError, ValueError):
                is_inside = False
            if not is_inside:
                raise QhpoError(
                    "points_to_evaluate must have values of the search space; got "
                    f"{value!r} for {name!r}, which has {distribution}"
                )
            params[name] = label
        return params

    def _label(self, name: str, value: Any) -> Any:
        for label, choice in self.choices.get(name, {}).items():
            if not is_plain(choice) and is_same(choice, value):
                return label
        return value


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings of mappings, from values by name."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        *above, key = name.split(_SEPARATOR)
        inner = result
        for each in above:
            inner = inner.setdefault(each, {})
        inner[key] = value
    return result


def _leaves(
    space: Mapping[Any, Any], above: str = "", *, is_flat: bool = False
) -> Iterator[tuple[str, Any]]:
    """Name and value of all that is no mapping of further ones.

    Args:
        space: The mapping.
        above: Name of what it is in, with a separator behind it.
        is_flat: Whether keys may be names.
    """
    for key, value in space.items():
        if not isinstance(key, str) or (_SEPARATOR in key and not is_flat):
            raise QhpoError(
                f"keys of a search space must be strings without {_SEPARATOR!r}, which separates "
                f"the levels of mappings; got {key!r}"
            )
        if isinstance(value, Mapping):
            if len(value) == 1 and next(iter(value)) in _RESOLVED_BY_RAY:
                raise QhpoError(
                    f"QUBOSearch cannot search {dict(value)!r}, which is given for "
                    f"{above + key!r}; use tune.choice of the values"
                )
            yield from _leaves(value, f"{above}{key}{_SEPARATOR}", is_flat=is_flat)
        else:
            yield above + key, value


def _holds_domain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_domain(each) for each in value.values())
    if isinstance(value, (list, tuple)):
        return any(_holds_domain(each) for each in value)
    return isinstance(value, (Domain, BaseDistribution))


def _has_none(distribution: BaseDistribution) -> bool:
    return isinstance(distribution, CategoricalDistribution) and None in distribution.choices


def _labelled(name: str, categories: Sequence[Any]) -> dict[Any, Any]:
    if not categories:
        raise QhpoError(f"a choice must have at least one value; got none for {name!r}")
    for choice in categories:
        if _holds_domain(choice):
            raise QhpoError(
                f"a choice must have no search space of its own; got {choice!r} for {name!r}; give "
                "its parameters keys of their own, and say by conditions when they exist"
            )
    return labelled(categories)


def _distribution(name: str, domain: Domain) -> BaseDistribution:
    """The distribution of numbers; ``tune.randint`` and its like leave out the upper end."""
    sampler = domain.get_sampler()
    step: Any = None
    if isinstance(sampler, Quantized):
        sampler, step = sampler.sampler, sampler.q
    if isinstance(domain, Integer) and step == 1:
        step = None
    is_log = isinstance(sampler, LogUniform)
    if not isinstance(domain, (Float, Integer)) or not isinstance(sampler, (LogUniform, Uniform)):
        raise QhpoError(
            "a parameter must be searched by tune.choice, uniform, loguniform, quniform, randint, "
            f"lograndint or qrandint; got {type(domain).__name__} with {type(sampler).__name__} "
            f"for {name!r}; give the range or the values that it may have"
        )
    if is_log and step is not None:
        raise QhpoError(
            f"a parameter cannot have both a logarithmic scale and steps; got steps of {step} for "
            f"{name!r}; drop one of them, or use tune.choice of the values"
        )
    try:
        if isinstance(domain, Float):
            return FloatDistribution(domain.lower, domain.upper, log=is_log, step=step)
        if step is None:
            return IntDistribution(domain.lower, domain.upper - 1, log=is_log)
        # Multiples of the step, the upper end among them.
        low, high = math.ceil(domain.lower / step), math.floor(domain.upper / step)
        return IntDistribution(low * step, high * step, step=step)
    except ValueError as error:
        raise QhpoError(f"the range of {name!r} cannot be searched: {error}") from error
