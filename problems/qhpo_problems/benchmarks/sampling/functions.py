"""The suite of functions: BBOB and its mixed-integer sister, as COCO has them.

24 functions of 2, 3, 5 and 10 numbers, and the same with four of five parameters discretized to
2, 4, 8 and 16 values, of 5 and 10 parameters (Tušar, Brockhoff and Hansen, GECCO 2019). A function
has instances, which differ in shift, rotation and optimal value; each seed has an instance of its
own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from itertools import product
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, CmaEsSampler
from optuna.trial import BaseTrial

from qhpo.cli.report import plural
from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.benchmarks.results import (
    Reduce,
    each_method,
    mean,
    standard_error,
)
from qhpo_problems.benchmarks.sampling.ablation import ABLATIONS
from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, Declaration
from qhpo_problems.benchmarks.sampling.gaps import behind_first, grouped, rank
from qhpo_problems.benchmarks.sampling.methods import LEARNING, PEERS, Method, Told
from qhpo_problems.benchmarks.sampling.trials import run_trials, warm_up
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Metric, Suite, Task

__all__ = ["SUITE", "FunctionBenchmark", "load_function"]

Point = tuple[float, ...]
FloatArray = npt.NDArray[np.float64]


class _Function(NamedTuple):
    suite: str
    dimension: int
    number: int


_KINDS: Mapping[str, range] = MappingProxyType(
    {
        "separable": range(1, 6),
        "moderately conditioned": range(6, 10),
        "ill-conditioned": range(10, 15),
        "multimodal": range(15, 20),
        "multimodal with weak structure": range(20, 25),
    }
)
"""Kind -> numbers of its functions, as BBOB groups them."""

_FUNCTIONS: Mapping[str, _Function] = MappingProxyType(
    {
        f"{suite}-d{dimension}-f{number}": _Function(suite, dimension, number)
        for suite, dimensions in (("bbob", (2, 3, 5, 10)), ("bbob-mixint", (5, 10)))
        for dimension, number in product(dimensions, range(1, 25))
    }
)
"""Name -> which function it is."""

_REPORTING = (2, 5, 8, 11, 13, 16, 18, 22)
"""Numbers of a third of the functions, some of each kind, the same in every dimension."""

_SCALES: Mapping[int, float] = MappingProxyType(
    {
        number: scale
        for scale, numbers in (
            (1e-4, (12,)),
            (1e-3, (2, 10)),
            (1e-2, (6, 8, 9, 11)),
            (1e-1, (3, 4, 13, 15, 20, 24)),
            (1e1, (17, 19, 23)),
        )
        for number in numbers
    }
)
"""Number of a function -> factor that bbob-mixint gives its values, where it is not 1; from
suite_bbob_mixint_scaling_factors of COCO, which tells the optimum of plain functions only."""

_SOLVED = 1e-8
"""Smaller gaps count as this much; COCO's final target."""


@dataclass(frozen=True, eq=False)
class FunctionBenchmark(Benchmark[Point]):
    """A function of numbers with a known optimum.

    Args:
        name: Such as ``"bbob-mixint-d5-f3"``.
        suite: ``"bbob"`` or ``"bbob-mixint"``.
        dimension: Number of parameters.
        number: Of the function, 1 to 24.
        instance: Of the function, 1 or more.
    """

    name: str
    suite: str
    dimension: int
    number: int
    instance: int

    trials = 200
    checkpoints = (25, 50, 100, 200)
    reference_name = "one above the optimum"

    @property
    def description(self) -> str:
        return f"function {self.number} of {self.suite}, {self.dimension} parameters"

    @cached_property
    def _problem(self) -> Any:
        which = f"dimensions:{self.dimension} function_indices:{self.number}"
        return _find_package().Suite(self.suite, f"instances:{self.instance}", which)[0]

    @cached_property
    def optimum(self) -> float:
        plain = _find_package().BareProblem("bbob", self.number, self.dimension, self.instance)
        scale = _SCALES.get(self.number, 1.0) if self.suite == "bbob-mixint" else 1.0
        return scale * float(plain.best_value())

    @property
    def reference(self) -> float:
        return self.optimum + 1.0

    @cached_property
    def _search_space(self) -> dict[str, IntDistribution | FloatDistribution]:
        problem = self._problem
        bounds = zip(problem.lower_bounds, problem.upper_bounds, strict=True)
        return {
            f"x{i}": IntDistribution(int(low), int(high))
            if i < problem.number_of_integer_variables
            else FloatDistribution(float(low), float(high))
            for i, (low, high) in enumerate(bounds)
        }

    def declaration(self) -> Declaration:
        return Declaration(self._search_space)

    def suggest(self, trial: BaseTrial) -> Point:
        return tuple(
            trial.suggest_int(name, dist.low, dist.high)
            if isinstance(dist, IntDistribution)
            else trial.suggest_float(name, dist.low, dist.high)
            for name, dist in self._search_space.items()
        )

    def value(self, solution: Point) -> float:
        return float(self._problem(solution))


def _find_package() -> ModuleType:
    try:
        import cocoex
    except ModuleNotFoundError as error:
        raise MissingExtraError("the suite functions", "cocoex", "bench") from error
    module: ModuleType = cocoex
    return module


@cache
def load_function(name: str, instance: int) -> FunctionBenchmark:
    """An instance of the function of that name.

    Raises:
        QhpoError: If there is no such function.
    """
    if name not in _FUNCTIONS:
        raise QhpoError(f"a function must be one of: {', '.join(_FUNCTIONS)}; got {name!r}")
    return FunctionBenchmark(name, *_FUNCTIONS[name], instance)


def _cmaes(seed: int) -> BaseSampler:
    try:
        import cmaes  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("the sampler cmaes", "cmaes", "bench") from error
    return CmaEsSampler(seed=seed)


_COMPARED: Mapping[str, Told] = MappingProxyType({**LEARNING, "cmaes": Told(_cmaes)})


def _small() -> list[FunctionBenchmark]:
    return [load_function("bbob-mixint-d5-f1", 1)]


def _check(method: Method) -> None:
    _find_package()
    method.sampler(0, *_small())


def _measure(task: Task) -> list[Row]:
    benchmark = load_function(task.table, task.seed + 1)
    return run_trials(benchmark, task.method, seed=task.seed, trials=task.trials)


def _family(table: str) -> str:
    return table.rpartition("-")[0]


def _kind(table: str) -> str:
    return next(kind for kind, numbers in _KINDS.items() if _FUNCTIONS[table].number in numbers)


def _title(chosen: Sequence[str]) -> str:
    return f"{_family(chosen[0])}: {plural(len(chosen), 'function')}, "


def _of_log10(reduce: Reduce) -> Reduce:
    return lambda gaps: reduce(np.log10(np.maximum(gaps, _SOLVED)))


_last = partial(Metric, each=False, heading="repeated suggestions, CPU seconds per suggestion")

SUITE = Suite(
    name="functions",
    tables={table: _kind(table) for table in _FUNCTIONS},
    methods={**_COMPARED, **ABLATIONS},
    default=tuple(_COMPARED),
    aliases={"ablation": ("qubo", *ABLATIONS)},
    families={
        family: [table for table in _FUNCTIONS if _family(table) == family]
        for family in dict.fromkeys(map(_family, _FUNCTIONS))
    },
    peers=(*PEERS, "cmaes"),
    measure=_measure,
    sources=lambda method, table: [run_trials, method.factory, FunctionBenchmark],
    trials=lambda table: FunctionBenchmark.trials,
    metrics=(
        Metric(
            *("log10 gap", "{:.2f}".format, min, "gap"),
            *(_of_log10(mean), _of_log10(standard_error)),
            heading="mean log10 of the gap",
            label="mean log10 of the gap to the optimum",
        ),
        Metric(
            *("behind", "{:.2f}".format, min, "gap"),
            *(_of_log10(behind_first(mean)), _of_log10(behind_first(standard_error))),
            heading="log10 gap less that of the first method, run by run",
        ),
        Metric("rank", "{:.2f}".format, min, "gap", rank, heading="mean rank"),
        _last("repeats", "{:.0f}".format, min, "repeated", each_method(np.sum)),
        _last("mean CPU s", "{:.4f}".format, min, "cpu_seconds", mean),
    ),
    groups=partial(grouped, kind=_family, title=_title, at=FunctionBenchmark.checkpoints),
    by={"kind": _kind},
    reporting=tuple(t for t, function in _FUNCTIONS.items() if function.number in _REPORTING),
    check=_check,
    # Optuna tells of CMA-ES that it draws the first trial at random.
    warm_up=partial(warm_up, _small, optuna.logging.ERROR),
    plot="curves",
    footnote=(
        "The gap is the best value less the optimum, after the number of trials behind the @, ± "
        f"one standard error over seeds, which are the instances; its log10 is floored at "
        f"{np.log10(_SOLVED):g}; ranks are among these samplers, ties shared; CPU time is the "
        "suggesting thread's."
    ),
)
"""Samplers on functions of numbers."""
