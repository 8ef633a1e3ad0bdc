"""The suite of solvers: each on the quadratic models that studies make.

Models are grouped by the levels that elimination leaves of them, and those of studies of usual size
are looked at together once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna

from qhpo.cli.report import plural
from qhpo.encoding import DenseDQM, eliminate
from qhpo.solvers import find_solver, make_solver
from qhpo_problems.benchmarks.results import Group, Results, each_method, mean, median
from qhpo_problems.benchmarks.solving.measure import Tapped, measure
from qhpo_problems.benchmarks.solving.methods import BASELINE, MakeSolver, default_names, methods
from qhpo_problems.benchmarks.solving.models import (
    Model,
    checkpoints_of,
    load_models,
    store_models,
    take_models,
)
from qhpo_problems.benchmarks.solving.studies import load_study, study_names
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Inputs, Metric, Suite, Task

__all__ = ["SUITE"]

FloatArray = npt.NDArray[np.float64]

_SIZES = (0, 100, 200, 400)
"""Largest numbers of levels of the groups, from what elimination solves to what a QPU is too small
for; the last one has all that are larger, too."""

_USUAL = 25
"""Most parameters of the studies whose models are looked at together: what people tune."""

_SAME = 1e-6
"""Energies closer than this, in field scales, are the same: both are sums of many floats."""


def make_models(task: Task) -> None:
    """Writes the models of a study after some numbers of trials, each with its lowest energy."""
    _quiet()
    study = load_study(task.table)
    models = take_models(study, checkpoints_of(study, task.trials), task.seed)
    store_models(models, _inputs(task))


def measure_solver(task: Task) -> list[Row]:
    """What a solver makes of every model of a study.

    Returns:
        One row a model. ``parameters``: variables, one for each parameter of the study; ``axes``:
        how many of them elimination leaves; ``levels``: their cases together, the bits of the
        one-hot encoding; ``made_of``: finished trials that the model was made of; ``scale``: field
        scale, what energies are measured in; ``lowest``: lowest energy that a long search found, of
        which this solver may have found a lower one; ``proven``: whether there is no lower one; and
        the fields of `qhpo_problems.benchmarks.solving.measure.Measured`.
    """
    solver, rows = Tapped(task.method()), list[Row]()
    for model in _models(_inputs(task)):
        left = eliminate(model.tables).tables
        outcome = measure(solver, model.tables, task.seed)
        rows.append(
            {
                "parameters": model.tables.n_variables,
                "axes": left.n_variables,
                "levels": len(left.linear),
                "made_of": model.trials,
                "scale": model.tables.field_scale,
                "lowest": model.lowest,
                "proven": model.is_proven,
                **vars(outcome),
            }
        )
    return rows


def _inputs(task: Task) -> Path:
    assert task.inputs is not None  # for the suite has them
    return task.inputs


@cache
def _models(path: Path) -> list[Model]:
    return load_models(path)


def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def _warm_up(makers: Sequence[MakeSolver]) -> None:
    """Have all code imported before the clock runs."""
    _quiet()
    case = np.arange(9) % 3
    quadratic = np.add.outer(case, case) % 3.0
    tables = DenseDQM.from_upper(np.arange(0, 12, 3), np.zeros(9), quadratic, 0.0)
    for make in makers:
        make().reads(tables, 0)


def _settings(study: str, trials: int) -> list[str]:
    checkpoints = checkpoints_of(load_study(study), trials)
    return [f"{kind} after {n}" for n in checkpoints for kind in ("mean", "draw")]


def _sources(make: MakeSolver, study: str) -> list[Any]:
    if isinstance(make, partial) and make.func is make_solver:
        return [measure_solver, find_solver(make.args[0]).make]
    return [measure_solver, make]


def _groups(results: Results) -> list[Group]:
    """Models by size, and those of usual studies.

    The lowest known energy of a model is the lowest that the long search or any of these solvers
    found. Gaps are distances from it in field scales; what a solver refused is NaN.
    """

    def column(name: str) -> FloatArray:
        parts = [results.field(name, [study]) for study in results.tables]
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)

    energy, scale = column("energy"), column("scale")
    lowest = np.minimum(column("lowest")[0], energy.min(axis=0))
    gap = (energy - lowest) / scale
    data = {
        "gap": gap,
        "raw_gap": (column("raw") - lowest) / scale,
        "valid": column("valid"),
        "cpu_ms": 1e3 * column("cpu_seconds"),
    }
    data = {name: np.where(np.isfinite(gap), numbers, np.nan) for name, numbers in data.items()}
    levels, proven = column("levels")[0], column("proven")[0]

    def group(members: npt.NDArray[np.intp], what: str) -> Group:
        n_proven = int(proven[members].sum())
        sure = "all" if n_proven == len(members) else f"{n_proven} of them"
        title = f"{plural(len(members), 'model')}, {what}; {sure} proven"
        chosen = {name: numbers[:, members] for name, numbers in data.items()}
        return Group(title, chosen, {"": 0}, runs=len(members))

    groups = []
    size = np.minimum(np.searchsorted(_SIZES, levels), len(_SIZES) - 1)
    for number in np.unique(size):
        members = np.flatnonzero(size == number)
        smallest, largest = int(levels[members].min()), int(levels[members].max())
        left = f"{smallest} to {largest} levels" if largest else "nothing"
        groups.append(group(members, f"{left} left by elimination"))
    usual = np.flatnonzero(column("parameters")[0] <= _USUAL)
    if len(usual):
        alone = int((levels[usual] == 0).sum())
        what = f"of studies of up to {_USUAL} parameters, {alone} solved by elimination"
        groups.append(group(usual, what))
    return groups


_of_models = partial(Metric, each=False)
_hits = each_method(lambda gaps: (gaps <= _SAME).mean())

SUITE = Suite(
    name="solvers",
    tables=dict.fromkeys(study_names(), ""),
    methods=methods(),
    default=default_names(),
    always=(BASELINE,),
    measure=measure_solver,
    sources=_sources,
    inputs=Inputs(
        name="models",
        suffix=".npz",
        make=make_models,
        sources=lambda study: [make_models],
    ),
    trials=lambda study: load_study(study).checkpoints[-1],
    settings=_settings,
    metrics=(
        _of_models(
            *("optimum", "{:.1%}".format, max, "gap", _hits),
            label="share of models whose lowest energy is found",
        ),
        _of_models("mean gap", "{:.4f}".format, min, "gap", mean),
        _of_models("raw optimum", "{:.1%}".format, max, "raw_gap", _hits),
        _of_models("raw gap", "{:.3f}".format, min, "raw_gap", median),
        _of_models("valid reads", "{:.1%}".format, max, "valid", mean),
        _of_models("CPU ms", "{:.1f}".format, min, "cpu_ms", median),
        _of_models(
            "95 %",
            "{:.1f}".format,
            min,
            "cpu_ms",
            each_method(lambda ms: np.quantile(ms, 0.95)),
        ),
        _of_models("worst", "{:.1f}".format, min, "cpu_ms", each_method(np.max)),
        _of_models(
            "refused", "{:.0f}".format, None, "gap", lambda gaps: np.isnan(gaps).sum(axis=1)
        ),
    ),
    groups=_groups,
    check=lambda make: make(),
    warm_up=_warm_up,
    footnote=(
        "Models of {tables}, {seeds}, as QUBOSampler hands them to its solver. Optimum: share of "
        "models whose lowest known energy was reached, proven or found by a long search or any of "
        "these solvers; gap: distance from it in field scales of the model; raw: by valid reads "
        "before repair and polish (gap: median); CPU time: median per model, what 95 % of them "
        "took at most, and the worst; refused: models that the solver did not take."
    ),
)
"""Solvers against descent."""
