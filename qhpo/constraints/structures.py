"""Parameters that are more than one scalar: subsets and permutations.

Each expands to plain Optuna parameters, so that storages, dashboards and every other sampler work
with it, and brings the constraints that make those parameters what they stand for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import BaseTrial, FrozenTrial

from qhpo.constraints.base import Constraint
from qhpo.constraints.counting import all_different, at_least, at_most, exactly
from qhpo.errors import QhpoError

__all__ = ["Permutation", "Subset"]


class Subset:
    """Some of several items: one on/off parameter per item.

    Example:
        >>> import optuna
        >>> features = Subset("features", ["age", "sex", "bmi"], k=2)
        >>> trial = optuna.trial.FixedTrial(
        ...     {"features[age]": True, "features[sex]": False, "features[bmi]": True}
        ... )
        >>> features.suggest(trial)
        ('age', 'bmi')

    Args:
        name: Begins the names of the parameters: ``name[item]``.
        items: Different strings or numbers.
        k: How many are chosen; or give ``k_min`` or ``k_max`` or both.
        k_min: The least number that is chosen.
        k_max: The largest number that is chosen.

    Attributes:
        name: See above.
        items: See above.
        search_space: Distributions by parameter name.
        constraints: What makes the parameters a subset of the wanted size.

    Raises:
        QhpoError: If items repeat, or no subset has such a size.
    """

    def __init__(
        self,
        name: str,
        items: Sequence[Any],
        k: int | None = None,
        *,
        k_min: int | None = None,
        k_max: int | None = None,
    ) -> None:
        self.name = name
        self.items = _checked_items("Subset", name, items)
        if k is not None and (k_min is not None or k_max is not None):
            raise QhpoError(
                f"a Subset has a size k, or limits k_min and k_max; got k={k!r}, k_min={k_min!r}, "
                f"k_max={k_max!r} for {name!r}"
            )
        least, most = (k_min, k_max) if k is None else (k, k)
        self.k_min = 0 if least is None else least
        self.k_max = len(self.items) if most is None else most
        for size in (self.k_min, self.k_max):
            if not _is_whole(size) or not 0 <= size <= len(self.items):
                raise QhpoError(
                    "the size of a Subset must be a whole number from 0 to its number of items, "
                    f"{len(self.items)}; got {size!r} for {name!r}"
                )
        if self.k_min > self.k_max:
            raise QhpoError(
                f"k_min must be at most k_max; got {self.k_min} and {self.k_max} for {name!r}"
            )
        self._names = {item: f"{name}[{item}]" for item in self.items}
        self.search_space: dict[str, BaseDistribution] = {
            parameter: CategoricalDistribution((False, True)) for parameter in self._names.values()
        }
        self.constraints: list[Constraint] = []
        chosen = dict.fromkeys(self._names.values(), True)
        if self.k_min == self.k_max:
            self.constraints.append(exactly(self.k_min, chosen))
        else:
            if self.k_min > 0:
                self.constraints.append(at_least(self.k_min, chosen))
            if self.k_max < len(self.items):
                self.constraints.append(at_most(self.k_max, chosen))

    def suggest(self, trial: BaseTrial) -> tuple[Any, ...]:
        """The chosen items, in the order of ``items``.

        With a sampler that knows nothing of the constraints the size may be any.
        """
        return tuple(
            item
            for item, parameter in self._names.items()
            if trial.suggest_categorical(parameter, (False, True))
        )

    def read(self, trial: FrozenTrial | Mapping[str, Any]) -> tuple[Any, ...]:
        """The items that a finished trial, or its parameters, chose."""
        params = _params(trial)
        return tuple(item for item, parameter in self._names.items() if params[parameter])

    def params(self, chosen: Iterable[Any]) -> dict[str, bool]:
        """The parameters of a subset, to enqueue it.

        Raises:
            QhpoError: If an item is unknown.
        """
        chosen = tuple(chosen)
        unknown = [item for item in chosen if item not in self.items]
        if unknown:
            raise QhpoError(
                f"a Subset chooses among its items; got {unknown[0]!r} for {self.name!r}, which "
                f"has {', '.join(map(repr, self.items))}"
            )
        return {parameter: item in chosen for item, parameter in self._names.items()}


class Permutation:
    """An order of several items: one parameter per position, all different.

    Example:
        >>> import optuna
        >>> order = Permutation("order", ["crop", "flip", "blur"])
        >>> trial = optuna.trial.FixedTrial(
        ...     {"order[0]": "flip", "order[1]": "blur", "order[2]": "crop"}
        ... )
        >>> order.suggest(trial)
        ('flip', 'blur', 'crop')

    Args:
        name: Begins the names of the parameters: ``name[position]``, from 0.
        items: Two or more different strings or numbers.

    Attributes:
        name: See above.
        items: See above.
        search_space: Distributions by parameter name.
        constraints: What makes the parameters a permutation.

    Raises:
        QhpoError: If items repeat or are too few.
    """

    def __init__(self, name: str, items: Sequence[Any]) -> None:
        self.name = name
        self.items = _checked_items("Permutation", name, items)
        if len(self.items) < 2:
            raise QhpoError(f"a Permutation needs two or more items; got {items!r} for {name!r}")
        width = len(str(len(self.items) - 1))
        # Names in the order of the positions when they are sorted.
        self._names = [f"{name}[{position:0{width}d}]" for position in range(len(self.items))]
        self.search_space: dict[str, BaseDistribution] = {
            parameter: CategoricalDistribution(self.items) for parameter in self._names
        }
        self.constraints: list[Constraint] = [all_different(*self._names)]

    def suggest(self, trial: BaseTrial) -> tuple[Any, ...]:
        """The items in the trial's order.

        With a sampler that knows nothing of the constraints items may repeat.
        """
        return tuple(trial.suggest_categorical(name, self.items) for name in self._names)

    def read(self, trial: FrozenTrial | Mapping[str, Any]) -> tuple[Any, ...]:
        """The order that a finished trial, or its parameters, had."""
        params = _params(trial)
        return tuple(params[name] for name in self._names)

    def params(self, order: Sequence[Any]) -> dict[str, Any]:
        """The parameters of an order, to enqueue it.

        Raises:
            QhpoError: If the order is none of the items.
        """
        if sorted(map(repr, order)) != sorted(map(repr, self.items)):
            raise QhpoError(
                f"an order must hold every item of {self.name!r} once; got {tuple(order)!r}, items "
                f"are {', '.join(map(repr, self.items))}"
            )
        return dict(zip(self._names, order, strict=True))


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _checked_items(what: str, name: object, items: object) -> tuple[Any, ...]:
    if not isinstance(name, str) or not name:
        raise QhpoError(f"the name of a {what} must be a string that is not empty; got {name!r}")
    # A set has another order in another process.
    if not isinstance(items, Sequence) or isinstance(items, str) or len(items) == 0:
        raise QhpoError(f"a {what} needs a sequence of items; got {items!r} for {name!r}")
    known = tuple(items)
    for item in known:
        if not isinstance(item, (str, int, float, bool)):
            raise QhpoError(
                f"the items of a {what} must be strings or numbers, which storages keep; got "
                f"{item!r} for {name!r}"
            )
    # Names are made of strings, and Optuna takes equal choices for one: 1 and True.
    if len(set(map(str, known))) < len(known) or len(set(known)) < len(known):
        raise QhpoError(f"the items of a {what} must differ; got {known!r} for {name!r}")
    return known


def _params(trial: FrozenTrial | Mapping[str, Any]) -> Mapping[str, Any]:
    return trial if isinstance(trial, Mapping) else trial.params
