"""The parameters of a file: what is searched, what is constant, and how it reaches the program.

Glossary
--------
name
    Of a parameter as studies, rules and reports know it: nested ones joined with dots.
path
    Keys under which the program gets a value: more than one where parameters are nested.
structure
    A subset or a permutation, which are several parameters of the study.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution

from qhpo.constraints import Constraint
from qhpo.constraints.structures import Permutation, Subset
from qhpo.errors import QhpoError
from qhpo.sweep.distributions import Constant, Range, read_distribution
from qhpo.sweep.keys import below, check_keys, elements, fail, mapping, shown, whole

__all__ = ["Parameters", "read_parameters"]

_MOST = 1_000
"""Most parameters of a file."""

_NO_NAME = re.compile(r"[\s=,\x00-\x1f\x7f\[\]]")
"""What a name cannot have: it would end the name on a command line or begin an item's."""

_MOST_ITEMS = 200
"""Most items of a subset or a permutation: each is a parameter of the study, and a permutation has
a level for each at each place."""

_COUNT = ("min", "max")


@dataclass(frozen=True)
class _Handed:
    """What the program gets in one place.

    Attributes:
        path: The keys.
        source: Makes the value of the parameters of a trial; `_ABSENT` where it is inactive.
    """

    path: tuple[str, ...]
    source: _Source


@dataclass(frozen=True)
class _Source:
    """A constant, a searched parameter with its decoded choices, or a structure.

    Attributes:
        constant: Whether `value` is what the program gets.
        value: The constant.
        name: Of the parameter.
        decoded: What the program gets for a choice.
        structure: Reads several parameters.
    """

    constant: bool = False
    value: Any = None
    name: str = ""
    decoded: Mapping[str, Any] = field(default_factory=dict, hash=False)
    structure: Subset | Permutation | None = None


@dataclass(frozen=True)
class Parameters:
    """What a file says of parameters.

    Attributes:
        search_space: Distributions by name, in the order of the file.
        constants: Values by name.
        structures: Subsets and permutations by name.
        constraints: What makes the parameters of structures what they stand for.
        notes: What the user should know.
    """

    search_space: Mapping[str, BaseDistribution] = field(hash=False)
    constants: Mapping[str, Any] = field(hash=False)
    structures: Mapping[str, Subset | Permutation] = field(hash=False)
    constraints: tuple[Constraint, ...]
    notes: tuple[str, ...]
    _handed: tuple[_Handed, ...] = ()

    def handed(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What the program gets for a trial's parameters: constants too, nested as in the file.

        Args:
            params: Values of the active parameters by name.
        """
        result: dict[str, Any] = {}
        for each in self._handed:
            source = each.source
            if source.constant:
                value = source.value
            elif source.structure is not None:
                value = source.structure.read(params)
            elif source.name in params:
                chosen = params[source.name]
                value = source.decoded.get(chosen, chosen) if source.decoded else chosen
            else:
                continue  # inactive
            inner = result
            for key in each.path[:-1]:
                inner = inner.setdefault(key, {})
            inner[each.path[-1]] = value
        return result

    def below(self, prefix: str) -> tuple[str, ...]:
        """Names of the searched parameters that are nested in a group."""
        return tuple(name for name in self.search_space if name.startswith(f"{prefix}."))


class _Reader:
    """Collects the parameters of a file."""

    def __init__(self) -> None:
        self.space: dict[str, BaseDistribution] = {}
        self.constants: dict[str, Any] = {}
        self.structures: dict[str, Subset | Permutation] = {}
        self.constraints: list[Constraint] = []
        self.handed: list[_Handed] = []
        self.notes: list[str] = []
        self._where: dict[str, str] = {}

    def read(self, value: object, where: str, path: tuple[str, ...]) -> None:
        specs = mapping(value, where)
        if not specs:
            fail(where, "must have one or more parameters", specs, "write `lr: {min: 0.1, max: 1}`")
        for key, spec in specs.items():
            place = below(where, key)
            if not key or _NO_NAME.search(key) or key.startswith("-"):
                fail(
                    where,
                    "must have names without blanks, commas, brackets and =, not after a hyphen",
                    key,
                    "rename it",
                )
            self._one(mapping(spec, place), place, (*path, key))
            if len(self.handed) > _MOST:
                raise QhpoError(f"a file has at most {_MOST} parameters; got more; leave some out")

    def _one(self, spec: dict[str, Any], where: str, path: tuple[str, ...]) -> None:
        if "parameters" in spec:
            check_keys(spec, where, ("parameters",))
            self._claim(".".join(path), where)
            self.read(spec["parameters"], below(where, "parameters"), path)
            return
        name = ".".join(path)
        self._claim(name, where)
        if "subset" in spec or "permutation" in spec:
            self._structure(name, spec, where, path)
            return
        found = read_distribution(spec, where)
        if isinstance(found, Constant):
            self.constants[name] = found.value
            self.handed.append(_Handed(path, _Source(constant=True, value=found.value)))
            return
        self._range(name, found, path)

    def _range(self, name: str, found: Range, path: tuple[str, ...]) -> None:
        self.space[name] = found.distribution
        self.notes += found.notes
        self.handed.append(_Handed(path, _Source(name=name, decoded=found.decoded)))

    def _structure(
        self, name: str, spec: dict[str, Any], where: str, path: tuple[str, ...]
    ) -> None:
        kind = "subset" if "subset" in spec else "permutation"
        check_keys(spec, where, (kind, "size") if kind == "subset" else (kind,))
        place = below(where, kind)
        items = elements(spec[kind], place)
        for i, item in enumerate(items):
            if not isinstance(item, (str, int, float)):
                fail(f"{place}[{i}]", "must be text or a number", item, "put it in quotes")
            if not str(item).strip() or _NO_NAME.search(str(item)):
                fail(f"{place}[{i}]", "must have no blanks, commas and brackets", item, "rename it")
        if len(items) > _MOST_ITEMS:
            fail(place, f"must have at most {_MOST_ITEMS} items", len(items), "leave some out")
        try:
            made = (
                Subset(name, items, **_sizes(spec.get("size"), below(where, "size")))
                if kind == "subset"
                else Permutation(name, items)
            )
        except QhpoError as error:
            if str(error).startswith(where):
                raise
            raise QhpoError(f"{where}: {error}") from error
        self.structures[name] = made
        self.space.update(made.search_space)
        self.constraints += made.constraints
        self.handed.append(_Handed(path, _Source(structure=made)))

    def _claim(self, name: str, where: str) -> None:
        """A name of its own: `a.b` may be nested or written with the dot."""
        if name in self._where:
            raise QhpoError(
                f"{where} must have a name of its own; got {name!r}, as {self._where[name]} has; "
                "rename one of them"
            )
        self._where[name] = where


def _sizes(value: object, where: str) -> dict[str, int]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        return {"k": whole(value, where, least=0)}
    spec = mapping(value, where)
    check_keys(spec, where, _COUNT)
    if not spec:
        fail(where, "must be a number, or have min or max", spec, "write size: {min: 1, max: 3}")
    return {f"k_{key}": whole(n, below(where, key), least=0) for key, n in spec.items()}


def read_parameters(value: object) -> Parameters:
    """The parameters of a file.

    Args:
        value: What stands under ``parameters``.

    Raises:
        QhpoError: If something is not of the form that W&B documents, or nothing is searched.
    """
    reader = _Reader()
    reader.read(value, "parameters", ())
    if all(distribution.single() for distribution in reader.space.values()):
        raise QhpoError(
            "parameters must have one that can take two or more values; got only constants: "
            f"{shown(', '.join([*reader.constants, *reader.space]))}; write values, or min and max"
        )
    return Parameters(
        reader.space,
        reader.constants,
        reader.structures,
        tuple(reader.constraints),
        tuple(reader.notes),
        tuple(reader.handed),
    )
