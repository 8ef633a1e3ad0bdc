"""Importances of parameters from 100 trials, against those of the whole table.

What a table says of its parameters is known: the Sobol' indices of all its values. Every evaluator
sees the same trials of it, drawn at random or suggested by a search, as values and as normal scores
of their ranks in the table: where a few diverged trainings are most of the variance, the indices of
the values say next to nothing of what else the parameters do. The ranks are those in the table, not
among the trials: a search has few bad ones, so the latter would be another function.

What 400 random trials tell shows how much of what is missing is the number of trials.
"""

from __future__ import annotations

import itertools
import json
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import optuna
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial
from scipy.stats import spearmanr

from qhpo import QUBOSampler, interactions
from qhpo.cli.report import plural
from qhpo.surrogate.transform import rank_gaussian
from qhpo_problems.benchmarks.results import Group, Results, standard_error
from qhpo_problems.benchmarks.sampling.known import FUNCTIONS, load_function
from qhpo_problems.benchmarks.sampling.tabular import (
    TABLES,
    TabularBenchmark,
    find_package,
    load_table,
    params_at,
)
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Inputs, Metric, Suite, Task

__all__ = ["SUITE", "make_trials", "measure_importances", "sobol_indices"]

FloatArray = npt.NDArray[np.float64]
Target = Callable[[FrozenTrial], float]
_Evaluate = Callable[[optuna.Study, Sequence[str], Target], tuple[FloatArray, FloatArray | None]]
"""Study, names, target -> main effects, and pairs where it knows them."""

_TRIALS = 100
"""As many as runs on these tables have."""

_MANY = 400
"""Trials that show what more of them bring."""

_SETTINGS: Mapping[str, tuple[str, int, str]] = {
    "random, ranks": ("random", _TRIALS, "ranks"),
    "random, values": ("random", _TRIALS, "values"),
    "TPE, ranks": ("TPE", _TRIALS, "ranks"),
    "TPE, values": ("TPE", _TRIALS, "values"),
    "qubo, ranks": ("qubo", _TRIALS, "ranks"),
    f"{_MANY} random, ranks": ("random", _MANY, "ranks"),
}
"""Whose trials, how many, and what of them is explained."""

_REPORTING = (
    *("car", "vehicle", "segment", "credit_g"),
    *("parkinsons_telemonitoring", "slice_localization"),
    *("cifar100", "friedman", "ishigami", "piston"),
)
"""Half of the tables, some of each family."""

_CLEAR = 0.05
"""Share of the variance that a table's strongest pair must have for its pairs to be asked for: the
order of weaker ones is decided by the noise of single cells."""


def sobol_indices(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Main and pair effects of a whole table, shares of its variance.

    Args:
        values: Shape (L_1, ..., L_d).

    Returns:
        Shape (d,), and (d (d - 1) / 2,) in the order of `itertools.combinations`.
    """
    every = tuple(range(values.ndim))
    centred = values - values.mean()

    def kept(*axes: int) -> FloatArray:
        mean: FloatArray = centred.mean(axis=tuple(i for i in every if i not in axes))
        return mean

    main = np.array([(kept(i) ** 2).mean() for i in every])
    pair = np.array(
        [
            ((kept(i, j) - kept(i)[:, None] - kept(j)) ** 2).mean()
            for i, j in itertools.combinations(every, 2)
        ]
    )
    return main / values.var(), pair / values.var()


def _load(name: str) -> TabularBenchmark:
    return load_function(name) if name in FUNCTIONS else load_table(name)


@cache
def _scores(table: str) -> FloatArray:
    """Normal scores of the ranks of a table's values, in its shape."""
    values = _load(table).values
    return rank_gaussian(values.ravel()).reshape(values.shape)


@cache
def _exact(table: str) -> dict[str, tuple[FloatArray, FloatArray]]:
    values = _load(table).values
    return {"values": sobol_indices(values), "ranks": sobol_indices(_scores(table))}


_SAMPLERS: Mapping[str, Callable[..., optuna.samplers.BaseSampler]] = {
    "random": optuna.samplers.RandomSampler,
    "TPE": optuna.samplers.TPESampler,
    "qubo": QUBOSampler,
}


def make_trials(task: Task) -> None:
    """Write the trials of all samplers on a table, as places in it, to ``task.inputs``."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    find_package()
    benchmark = _load(task.table)
    places: dict[str, list[list[int]]] = {}
    for sampler, trials, _ in _SETTINGS.values():
        if _kind(sampler, trials) in places:
            continue
        found: list[list[int]] = []

        def objective(trial: optuna.Trial, found: list[list[int]] = found) -> float:
            place = benchmark.suggest(trial)
            found.append([*place])
            return benchmark.value(place)

        study = optuna.create_study(sampler=_SAMPLERS[sampler](seed=task.seed))
        study.optimize(objective, n_trials=trials)
        places[_kind(sampler, trials)] = found
    path = _inputs(task)
    path.parent.mkdir(parents=True, exist_ok=True)
    # It appears complete or not at all.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(places), encoding="utf-8")
    unfinished.replace(path)


def _inputs(task: Task) -> Path:
    assert task.inputs is not None  # for the suite has them
    return task.inputs


def _kind(sampler: str, trials: int) -> str:
    return f"{sampler}-{trials}"


def _study(table: str, places: Sequence[Sequence[int]]) -> optuna.Study:
    """Trials at places of a table, with the scores of their ranks in it."""
    benchmark = _load(table)
    study = optuna.create_study()
    for place in map(tuple, places):
        value = benchmark.value(place)
        study.add_trial(
            optuna.create_trial(
                params=params_at(place, benchmark.search_space),
                distributions=dict(benchmark.search_space),
                value=value,
                user_attrs={"values": value, "ranks": float(_scores(table)[place])},
            )
        )
    return study


def _anova(
    study: optuna.Study, names: Sequence[str], target: Target
) -> tuple[FloatArray, FloatArray | None]:
    found = interactions(study, target=target)
    pairs = [found.pair[min(p), max(p)].value for p in itertools.combinations(names, 2)]
    return np.array([found.main[name].value for name in names]), np.array(pairs)


def _of_optuna(
    make: Callable[[], optuna.importance.BaseImportanceEvaluator],
    study: optuna.Study,
    names: Sequence[str],
    target: Target,
) -> tuple[FloatArray, FloatArray | None]:
    with warnings.catch_warnings():
        # That small values of the target are taken to be the good ones, which is so.
        warnings.simplefilter("ignore")
        found = make().evaluate(study, target=target)
    return np.array([found[name] for name in names]), None


_TABLES: Mapping[str, str] = {**TABLES, **FUNCTIONS}
"""Name -> family."""

_EVALUATORS: Mapping[str, _Evaluate] = {
    "anova": _anova,
    "fanova": partial(_of_optuna, lambda: FanovaImportanceEvaluator(seed=0)),
    "ped-anova": partial(_of_optuna, PedAnovaImportanceEvaluator),
}
"""qhpo's own, and those of Optuna."""


def measure_importances(task: Task) -> list[Row]:
    """How close an evaluator comes to the exact indices, and the seconds it takes.

    Args:
        task: Its method is the name of the evaluator, its inputs are those of `make_trials`.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    find_package()
    places = json.loads(_inputs(task).read_text(encoding="utf-8"))
    table = task.table
    names = list(_load(table).search_space)
    rows: list[Row] = []
    for sampler, trials, scale in _SETTINGS.values():
        study = _study(table, places[_kind(sampler, trials)])
        begin = time.thread_time()
        main, pair = _EVALUATORS[task.method](study, names, partial(_told, scale))
        seconds = time.thread_time() - begin
        exact_main, exact_pair = _exact(table)[scale]
        pairs = wrong_pairs = None
        if pair is not None and exact_pair.max() >= _CLEAR:
            pairs = float(spearmanr(pair, exact_pair).statistic)
            wrong_pairs = _misplaced(pair, exact_pair)
        rows.append(
            {
                "main": float(spearmanr(main, exact_main).statistic),
                "wrong": _misplaced(main, exact_main),
                "pairs": pairs,
                "wrong pairs": wrong_pairs,
                "CPU s": seconds,
            }
        )
    return rows


def _told(scale: str, trial: FrozenTrial) -> float:
    return float(trial.user_attrs[scale])


def _misplaced(found: FloatArray, exact: FloatArray) -> float:
    return 0.5 * float(np.abs(_shares(found) - _shares(exact)).sum())


def _shares(numbers: FloatArray) -> FloatArray:
    total = float(numbers.sum())
    return numbers / total if total > 0.0 else numbers


def _groups(results: Results) -> list[Group]:
    """All tables, and those of each family."""
    families = {"all tables": results.tables}
    for family in dict.fromkeys(map(_TABLES.__getitem__, results.tables)):
        families[family] = tuple(t for t in results.tables if _TABLES[t] == family)
    points = {f", {setting}": row for row, setting in enumerate(_SETTINGS)}
    seeds = plural(len(results.seeds), "seed")
    chosen = families if len(families) > 2 else dict([*families.items()][-1:])
    found = []
    for name, members in chosen.items():
        title = f"{name}, {plural(len(members), 'table')}, {seeds}"
        group = results.group(title, members, points)
        pairs = {
            name: np.where(np.isfinite(group.data[name]), group.data[name], np.nan)
            for name in ("pairs", "wrong pairs")
        }
        found.append(replace(group, data={**group.data, **pairs}))
    return found


def _error(numbers: FloatArray) -> FloatArray:
    """`standard_error` over the tables that have a number of the method."""
    found = [
        standard_error(one[None, ~np.isnan(one).any(axis=-1)])[0]
        if not np.isnan(one).any(axis=-1).all()
        else np.nan
        for one in numbers
    ]
    return np.array(found, dtype=float)


SUITE = Suite(
    name="importance",
    tables=_TABLES,
    methods={name: name for name in _EVALUATORS},
    peers=("fanova", "ped-anova"),
    measure=measure_importances,
    sources=lambda method, table: [measure_importances],
    inputs=Inputs(
        name="trials",
        suffix=".json",
        make=make_trials,
        sources=lambda table: [make_trials],
    ),
    settings=lambda table, trials: tuple(_SETTINGS),
    metrics=(
        Metric(
            *("main effects", "{:.2f}".format, max, "main"),
            error=_error,
            heading="rank correlation of main effects with those of the whole table",
        ),
        Metric(
            *("wrong", "{:.2f}".format, min, "wrong"),
            error=_error,
            heading="share of all main effects that is given to the wrong parameters",
        ),
        Metric(
            *("pairs", "{:.2f}".format, max, "pairs"),
            error=_error,
            heading="rank correlation of pairs, where the table has clear ones",
        ),
        Metric(
            *("wrong pairs", "{:.2f}".format, min, "wrong pairs"),
            error=_error,
            heading="share of all pairs' effects that is given to the wrong ones, there",
        ),
        Metric("CPU s", "{:.2f}".format, min, heading="CPU seconds"),
    ),
    footnote=(
        f"From {_TRIALS} trials, random ones and those of searches, and from {_MANY} random "
        "ones; of their values, and of normal scores of the ranks that these have in the "
        "table, by all evaluators alike. Tables have clear pairs where the strongest makes up "
        f"{100 * _CLEAR:.0f} % of the variance; Optuna's evaluators know no pairs. "
        "Means over seeds, ± one standard error."
    ),
    groups=_groups,
    reporting=_REPORTING,
    seeds=3,
)
"""Evaluators of importance against each other and the truth."""
