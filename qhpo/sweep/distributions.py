"""The distributions of Weights & Biases as Optuna's.

See "Distribution options for random and Bayesian search" of the documentation of W&B, and
`params.py` of its sweeps package for what each one draws.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.errors import QhpoError
from qhpo.space import Axis
from qhpo.sweep.keys import (
    among,
    below,
    check_keys,
    decimal,
    elements,
    fail,
    number,
    shown,
    whole,
)

__all__ = ["Constant", "Range", "read_distribution"]

_MOST_CHOICES = 1_000
"""Most values of a list: the model has a level for each."""

_LARGEST = 2**53
"""Whole numbers beyond are not all floats, and models count in floats."""


@dataclass(frozen=True)
class Constant:
    """A parameter of one value.

    Attributes:
        value: The value.
    """

    value: Any


@dataclass(frozen=True)
class Range:
    """What a parameter may be.

    Attributes:
        distribution: For Optuna.
        decoded: What the program gets for a choice, for lists and mappings, which studies keep as
            JSON text.
        notes: What the user should know.
    """

    distribution: BaseDistribution
    decoded: Mapping[str, Any] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()


def _limits(spec: Mapping[str, Any], where: str) -> tuple[int | float, int | float]:
    for key in ("min", "max"):
        if key not in spec:
            raise QhpoError(f"{where} must have min and max; got no {key}; write both")
    low, high = (number(spec[key], below(where, key)) for key in ("min", "max"))
    if low > high:
        fail(where, "must have a min that is at most its max", f"{low} and {high}", "swap them")
    return low, high


def _integers(low: int, high: int, where: str, *, log: bool = False, step: int = 1) -> Range:
    for end in (low, high):
        if abs(end) > _LARGEST:
            fail(where, f"must have whole numbers up to {_LARGEST}", end, "narrow the range")
    if log and low < 1:
        fail(
            where,
            "must start at 1 or more to be logarithmic in whole numbers",
            low,
            "raise min, or use int_uniform",
        )
    return Range(IntDistribution(low, high, log=log, step=step))


def _floats(low: float, high: float, where: str, *, log: bool = False) -> Range:
    if log and low <= 0.0:
        fail(where, "must be larger than 0 to be logarithmic", low, "raise min, or use uniform")
    return Range(FloatDistribution(low, high, log=log))


def _inferred(spec: Mapping[str, Any], where: str) -> Range:
    low, high = _limits(spec, where)
    if isinstance(low, int) and isinstance(high, int):
        return _integers(low, high, where)
    return _floats(float(low), float(high), where)


def _uniform(spec: Mapping[str, Any], where: str) -> Range:
    low, high = _limits(spec, where)
    return _floats(float(low), float(high), where)


def _int_uniform(spec: Mapping[str, Any], where: str) -> Range:
    _limits(spec, where)
    low, high = (whole(spec[key], below(where, key)) for key in ("min", "max"))
    return _integers(low, high, where)


def _q(spec: Mapping[str, Any], where: str) -> int | float:
    place = below(where, "q")
    decimal(spec.get("q", 1), place, above=0.0)
    return number(spec.get("q", 1), place)


def _q_uniform(spec: Mapping[str, Any], where: str) -> Range:
    low, high = _limits(spec, where)
    return _steps(low, high, _q(spec, where), where)


def _steps(low: float, high: float, q: int | float, where: str) -> Range:
    """Multiples of q: what W&B draws, round(X / q) * q."""
    if not max(abs(low / q), abs(high / q)) <= _LARGEST:
        fail(below(where, "q"), "must not be that small beside min and max", q, "raise it")
    first, last = round(low / q), round(high / q)
    if isinstance(q, int):
        return _integers(first * q, last * q, where, step=q)
    # What repeated addition of a decimal fraction loses would else push the last value out.
    start, end = (float(f"{k * q:.12g}") for k in (first, last))
    return Range(FloatDistribution(start, max(start, end), step=q))


def _exponentials(spec: Mapping[str, Any], where: str, sign: float = 1.0) -> tuple[float, float]:
    low, high = sorted(sign * float(end) for end in _limits(spec, where))
    try:
        ends = math.exp(low), math.exp(high)
    except OverflowError:
        ends = (0.0, math.inf)
    if ends[0] == 0.0 or math.isinf(ends[1]):
        fail(
            where,
            "takes the exponents of e as min and max",
            f"{low:g} and {high:g}",
            "use log_uniform_values for the values themselves",
        )
    return ends


def _log_uniform(spec: Mapping[str, Any], where: str) -> Range:
    low, high = _exponentials(spec, where)
    return _with_note(_floats(low, high, where, log=True), spec, where, low, high)


def _inv_log_uniform(spec: Mapping[str, Any], where: str) -> Range:
    # log(1/X) is uniform: X = exp(-U), which is log-uniform between the inverse ends.
    low, high = _exponentials(spec, where, -1.0)
    return _floats(low, high, where, log=True)


def _with_note(found: Range, spec: Mapping[str, Any], where: str, low: float, high: float) -> Range:
    """Says what min and max mean where they look like the values themselves."""
    if not 0 < spec["min"] <= spec["max"] <= 1:
        return found
    note = (
        f"{where} is a {spec['distribution']}, whose min and max are exponents of e: it ranges "
        f"from {low:.6g} to {high:.6g}; {spec['distribution']}_values takes the values themselves"
    )
    return Range(found.distribution, notes=(*found.notes, note))


def _log_uniform_values(spec: Mapping[str, Any], where: str) -> Range:
    # Also the inverse one: log(1/X) is uniform where log(X) is.
    low, high = _limits(spec, where)
    return _floats(float(low), float(high), where, log=True)


def _logarithmic_steps(low: float, high: float, spec: Mapping[str, Any], where: str) -> Range:
    q = _q(spec, where)
    if q == 1 and round(low) >= 1:
        return _integers(round(low), round(high), where, log=True)
    # Studies keep steps on a linear scale only. The values are the same.
    found = _steps(low, high, q, where)
    note = (
        f"{where} has the values of {spec['distribution']}, on a linear scale: studies keep no "
        "steps on a logarithmic one"
    )
    return Range(found.distribution, notes=(note,))


def _q_log_uniform(spec: Mapping[str, Any], where: str) -> Range:
    low, high = _exponentials(spec, where)
    found = _logarithmic_steps(low, high, spec, where)
    return _with_note(found, spec, where, round(low), round(high))


def _q_log_uniform_values(spec: Mapping[str, Any], where: str) -> Range:
    low, high = _limits(spec, where)
    if low <= 0:
        fail(where, "must be larger than 0 to be logarithmic", low, "raise min")
    return _logarithmic_steps(float(low), float(high), spec, where)


def _categorical(spec: Mapping[str, Any], where: str) -> Range:
    place = below(where, "values")
    if "values" not in spec:
        raise QhpoError(f"{where} must have values; got none; write values: [first, second]")
    values = elements(spec["values"], place)
    if len(values) > _MOST_CHOICES:
        fail(place, f"must have at most {_MOST_CHOICES} values", len(values), "use min and max")
    choices: list[Any] = []
    decoded: dict[str, Any] = {}
    repeated: list[Any] = []
    for i, value in enumerate(values):
        choice = _choice(value, below(where, f"values[{i}]"))
        if choice is not value:
            decoded[choice] = value
        equal = [known for known in choices if known == choice]
        if not equal:
            choices.append(choice)
        elif type(equal[0]) is type(choice):
            repeated.append(value)
        else:
            raise QhpoError(
                f"{place} must differ; got {shown(equal[0])} and {shown(choice)}, which are equal; "
                "put one in quotes, or remove it"
            )
    notes: tuple[str, ...] = ()
    if repeated:
        notes = (f"{place} holds {shown(repeated[0])} more than once; it counts once here",)
    return Range(CategoricalDistribution(choices), decoded, notes)


def _choice(value: Any, where: str) -> Any:
    """A value as studies keep it."""
    if isinstance(value, (list, dict)):
        return json.dumps(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number(value, where)
        if isinstance(value, int) and abs(value) > _LARGEST:
            fail(where, f"must be a whole number up to {_LARGEST}", value, "put it in quotes")
    if isinstance(value, str) and "\0" in value:
        fail(where, "must not contain a null character", value, "remove it")
    return value


def _weighted(spec: Mapping[str, Any], where: str) -> Range:
    raise QhpoError(
        f"{below(where, 'probabilities')} cannot be had: a study keeps which values there are, "
        "not how likely each is; got probabilities; remove them, all values are then as likely"
    )


def _bell(spec: Mapping[str, Any], where: str) -> Range:
    name = str(spec["distribution"])
    center, width = (spec.get(key, default) for key, default in (("mu", 0), ("sigma", 1)))
    try:
        ends = [float(center) + k * float(width) for k in (-2.0, 2.0)]
    except (TypeError, ValueError, OverflowError):
        ends = [-2.0, 2.0]
    instead = {
        "normal": "uniform",
        "q_normal": "q_uniform",
        "log_normal": "log_uniform",
        "q_log_normal": "q_log_uniform",
    }[name]
    raise QhpoError(
        f"{below(where, 'distribution')} must have bounds, which {name} has not; got {name}; use "
        f"{instead} with min: {ends[0]:g} and max: {ends[1]:g}, two deviations around the mean"
    )


def _beta(spec: Mapping[str, Any], where: str) -> Range:
    name = str(spec["distribution"])
    raise QhpoError(
        f"{below(where, 'distribution')} must be one that a study can keep, which {name} is not; "
        f"got {name}; use {name.replace('beta', 'uniform')} with min: 0.0 and max: 1.0"
    )


@dataclass(frozen=True)
class _Kind:
    """A distribution of W&B.

    Attributes:
        read: Makes Optuna's of it, or raises the error that says what to use instead.
        keys: The keys that it has, beside `distribution`.
    """

    read: Callable[[Mapping[str, Any], str], Range]
    keys: tuple[str, ...]


_ENDS = ("min", "max")
_STEPPED = ("min", "max", "q")
_MOMENTS = ("mu", "sigma")

_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "categorical": _Kind(_categorical, ("values",)),
        "int_uniform": _Kind(_int_uniform, _ENDS),
        "uniform": _Kind(_uniform, _ENDS),
        "q_uniform": _Kind(_q_uniform, _STEPPED),
        "log_uniform": _Kind(_log_uniform, _ENDS),
        "log_uniform_values": _Kind(_log_uniform_values, _ENDS),
        "q_log_uniform": _Kind(_q_log_uniform, _STEPPED),
        "q_log_uniform_values": _Kind(_q_log_uniform_values, _STEPPED),
        "inv_log_uniform": _Kind(_inv_log_uniform, _ENDS),
        "inv_log_uniform_values": _Kind(_log_uniform_values, _ENDS),
        "categorical_w_probabilities": _Kind(_weighted, ("values", "probabilities")),
        "normal": _Kind(_bell, _MOMENTS),
        "q_normal": _Kind(_bell, (*_MOMENTS, "q")),
        "log_normal": _Kind(_bell, _MOMENTS),
        "q_log_normal": _Kind(_bell, (*_MOMENTS, "q")),
        "beta": _Kind(_beta, ("a", "b")),
        "q_beta": _Kind(_beta, ("a", "b", "q")),
    }
)

_KEYS = ("distribution", "value", "values", "min", "max", "q", "probabilities", "mu", "sigma", "a")
"""All keys of a parameter that has no others inside: what a misspelt one is compared with."""


def read_distribution(spec: Mapping[str, Any], where: str) -> Constant | Range:
    """What a parameter of the file may be.

    Args:
        spec: What stands below its name.
        where: Its key.

    Raises:
        QhpoError: If it is not of the form that W&B documents, or Optuna cannot express it.
    """
    if "probabilities" in spec:
        _weighted(spec, where)
    if "distribution" in spec:
        names = ("constant", *_KINDS)
        name = among(spec["distribution"], below(where, "distribution"), names)
    elif "value" in spec:
        name = "constant"
    elif "values" in spec:
        name = "categorical"
    elif "min" in spec or "max" in spec:
        if "q" in spec:
            raise QhpoError(
                f"{below(where, 'q')} must stand beside a distribution that has it; got "
                f"{shown(spec['q'])} without one; write distribution: q_uniform"
            )
        check_keys(spec, where, ("distribution", *_ENDS))
        return _checked(_inferred(spec, where), where)
    else:
        check_keys(spec, where, _KEYS)
        raise QhpoError(
            f"{where} must say what it may be; got {shown(dict(spec))}; write value, values, or "
            "min and max"
        )
    if name == "constant":
        check_keys(spec, where, ("distribution", "value"))
        if "value" not in spec:
            raise QhpoError(f"{where} must have a value; got none; write value: 1")
        return Constant(spec["value"])
    kind = _KINDS[name]
    check_keys(spec, where, ("distribution", *kind.keys))
    return _checked(kind.read(spec, where), where)


def _checked(found: Range, where: str) -> Range:
    try:
        Axis.from_distribution(where, found.distribution)
    except (QhpoError, OverflowError) as error:
        raise QhpoError(f"{where}: {error}") from error
    return found
