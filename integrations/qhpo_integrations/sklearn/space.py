"""What RandomizedSearchCV takes as `param_distributions`, as Optuna distributions.

Glossary
--------
label
    What stands for a choice in the study, and names it in conditions and constraints: the choice
    itself if it is a string, a number, a bool or None; of an estimator the name of its class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.errors import QhpoError
from qhpo_integrations.choices import is_plain, is_same, labelled, written

__all__ = ["CandidateSpace"]

_WHICH = "param_distributions"
"""The parameter that says which of several mappings a candidate is from."""

_FEWEST_IN_ORDER = 3
"""Numbers at even distances that are taken for a range; of two the order tells nothing."""


_Choices = dict[Any, Any] | None
"""What the estimator gets for each label; None where it gets the value in the study."""


@dataclass(frozen=True)
class CandidateSpace:
    """The space of a search.

    Attributes:
        search_space: Optuna distributions by parameter name.
        conditions: Which parameters exist only under some values of others.
        names: What the estimator calls each parameter; nothing for one that it does not have.
        choices: What the estimator gets for each label, by parameter name.
    """

    search_space: dict[str, BaseDistribution]
    conditions: dict[str, dict[str, Any]]
    names: dict[str, str]
    choices: dict[str, dict[Any, Any]]

    @classmethod
    def made_of(cls, distributions: Any, conditions: Any, has_rules: bool) -> CandidateSpace:
        """From what a user has written.

        Args:
            distributions: Mapping of parameter name to distribution or list, or several of them.
            conditions: As `QUBOSampler` takes them, or None.
            has_rules: Whether there are constraints.

        Raises:
            QhpoError: If a distribution is none that can be searched.
        """
        if isinstance(distributions, Mapping):
            space = cls({}, {}, {}, {})
            for name, given in distributions.items():
                space._add(_checked_name(name), name, *_distribution(name, given))
            space.conditions.update(space._labelled(conditions or {}))
            return space
        if conditions or has_rules:
            raise QhpoError(
                "conditions and constraints need param_distributions to be one mapping; got "
                f"{len(distributions)} of them; put all parameters into one, and say by conditions "
                "which exist when"
            )
        return cls._of_several(distributions)

    @classmethod
    def _of_several(cls, mappings: Sequence[Any]) -> CandidateSpace:
        """The space of alternatives; those that have the same parameter share what is learnt."""
        if not mappings:
            raise QhpoError("param_distributions must hold a mapping or more; got an empty list")
        forms: dict[str, list[tuple[BaseDistribution, _Choices, list[int]]]] = {}
        for number, each in enumerate(mappings):
            if not isinstance(each, Mapping):
                raise QhpoError(
                    "param_distributions must be a mapping of parameter names to distributions, or "
                    f"a list of such mappings; got {each!r} in the list"
                )
            for name, given in each.items():
                dist, choices = _distribution(_checked_name(name), given)
                known = forms.setdefault(name, [])
                for other, of_other, numbers in known:
                    if other == dist and _are_same(of_other, choices):
                        numbers.append(number)
                        break
                else:
                    known.append((dist, choices, [number]))
        space = cls({_WHICH: CategoricalDistribution(range(len(mappings)))}, {}, {}, {})
        for name, known in forms.items():
            for dist, choices, numbers in known:
                own = name if len(known) == 1 else f"{numbers[0]}:{name}"
                space._add(own, name, dist, choices)
                if len(numbers) < len(mappings):
                    space.conditions[own] = {_WHICH: numbers}
        return space

    def candidate(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What the estimator gets, from the values of all active parameters."""
        return {
            self.names[name]: self.choices[name][value] if name in self.choices else value
            for name, value in params.items()
            if name in self.names
        }

    def _add(self, own: str, name: str, distribution: BaseDistribution, choices: _Choices) -> None:
        self.search_space[own] = distribution
        self.names[own] = name
        if choices is not None:
            self.choices[own] = choices

    def _labelled(self, conditions: Any) -> dict[str, Any]:
        """Conditions with labels in the place of estimators."""
        if not isinstance(conditions, Mapping):
            raise QhpoError(
                'conditions must be a mapping such as {"pca__n_components": {"pca": "PCA"}}; got '
                f"{conditions!r}"
            )
        return {
            child: {parent: self._labels(parent, values) for parent, values in parents.items()}
            if isinstance(parents, Mapping)
            else parents
            for child, parents in conditions.items()
        }

    def _labels(self, parent: str, values: Any) -> Any:
        if isinstance(values, (list, tuple, set, frozenset, range)):
            return [self._label(parent, value) for value in values]
        return self._label(parent, values)

    def _label(self, parent: str, value: Any) -> Any:
        """The label of a choice; estimators are found again after a clone, as they are written."""
        for label, choice in self.choices.get(parent, {}).items():
            if choice is value or (not is_plain(value) and written(choice) == written(value)):
                return label
        return value


def _checked_name(name: Any) -> str:
    if not isinstance(name, str):
        raise QhpoError(f"the names of parameters must be strings; got {name!r}")
    return name


def _are_same(one: _Choices, other: _Choices) -> bool:
    """Whether the choices of equal distributions make the same candidates."""
    if one is None or other is None:
        return one is other
    return all(is_same(one[label], other[label]) for label in one)


def _distribution(name: str, given: Any) -> tuple[BaseDistribution, _Choices]:
    """The distribution of a parameter, with what the estimator gets for each of its values."""
    if isinstance(given, CategoricalDistribution):
        return _labelled(given.choices)
    if isinstance(given, BaseDistribution):
        return given, None
    if hasattr(given, "rvs"):
        return _frozen(name, given), None
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise QhpoError(
            "a parameter must have a list of values, one of scipy.stats' uniform, loguniform and "
            f"randint, or an Optuna distribution; got {given!r} for {name!r}"
        )
    values = list(given)
    if not values:
        raise QhpoError(f"a parameter must have at least one value; got an empty list for {name!r}")
    return _evenly_spaced(values) or _labelled(values)


def _labelled(values: Sequence[Any]) -> tuple[BaseDistribution, dict[Any, Any]]:
    choices = labelled(values)
    return CategoricalDistribution(tuple(choices)), choices


def _frozen(name: str, frozen: Any) -> BaseDistribution:
    """The range of a frozen distribution of SciPy."""
    kind = getattr(getattr(frozen, "dist", None), "name", type(frozen).__name__)
    try:
        shape, loc, scale = frozen.dist._parse_args(*frozen.args, **frozen.kwds)
        if kind == "uniform":
            return FloatDistribution(float(loc), float(loc + scale))
        if kind == "randint":
            return IntDistribution(int(shape[0] + loc), int(shape[1] + loc) - 1)
        if kind in ("loguniform", "reciprocal") and loc == 0:
            return FloatDistribution(float(shape[0] * scale), float(shape[1] * scale), log=True)
    except (AttributeError, TypeError, ValueError) as error:
        raise QhpoError(
            f"the range of the parameter {name!r} cannot be searched: {error}; give it two ends, "
            "the lower one first"
        ) from error
    raise QhpoError(
        "of scipy.stats' distributions uniform, randint and loguniform (its loc 0) can be "
        f"searched; got {kind} for {name!r}; give the range that values may come from, such as "
        "optuna.distributions.FloatDistribution(low, high), or a list"
    )


def _evenly_spaced(values: list[Any]) -> tuple[BaseDistribution, dict[Any, Any]] | None:
    """A range, if the values are increasing whole numbers at even distances."""
    is_whole = all(isinstance(v, Integral) and not isinstance(v, (bool, np.bool_)) for v in values)
    if not is_whole or len(values) < _FEWEST_IN_ORDER:
        return None
    numbers = [int(value) for value in values]
    step = numbers[1] - numbers[0]
    if step <= 0 or numbers != list(range(numbers[0], numbers[-1] + 1, step)):
        return None
    choices = dict(zip(numbers, values, strict=True))
    return IntDistribution(numbers[0], numbers[-1], step=step), choices
