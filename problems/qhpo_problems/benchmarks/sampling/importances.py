"""Importances of parameters from 100 trials, against those of the whole table.

What a table says of its parameters is known: the Sobol' indices of all its values. Every evaluator
sees the same trials of it, drawn at random or suggested by TPE, as values and as normal scores of
their ranks: where a few diverged trainings are most of the variance, the indices of the values say
next to nothing of what else the parameters do.
"""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import numpy.typing as npt
import optuna
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial
from scipy.stats import spearmanr

from qhpo import interactions
from qhpo.cli.report import plural
from qhpo.surrogate.transform import rank_gaussian
from qhpo_problems.benchmarks.comparison import comparison
from qhpo_problems.benchmarks.results import Group, Results, standard_error
from qhpo_problems.benchmarks.sampling.tabular import TABLES, find_package, load_table
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Metric

__all__ = ["SUITE", "measure_importances", "sobol_indices"]

FloatArray = npt.NDArray[np.float64]
Target = Callable[[FrozenTrial], float]
_Evaluate = Callable[[optuna.Study, Sequence[str], Target], tuple[FloatArray, FloatArray | None]]
"""Study, names, target -> main effects, and pairs where it knows them."""

_TRIALS = 100
"""As many as runs on these tables have."""

_SETTINGS = ("random, ranks", "random, values", "TPE, ranks", "TPE, values")
"""Whose trials, and what of them is explained."""

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


@cache
def _exact(table: str) -> dict[str, tuple[FloatArray, FloatArray]]:
    values = load_table(table).values
    ranks = rank_gaussian(values.ravel()).reshape(values.shape)
    return {"values": sobol_indices(values), "ranks": sobol_indices(ranks)}


@cache
def _study(table: str, sampler: str, seed: int) -> optuna.Study:
    """The same trials for every evaluator."""
    samplers = {"random": optuna.samplers.RandomSampler, "TPE": optuna.samplers.TPESampler}
    study = optuna.create_study(sampler=samplers[sampler](seed=seed))
    benchmark = load_table(table)
    study.optimize(lambda trial: benchmark.value(benchmark.suggest(trial)), n_trials=_TRIALS)
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


_EVALUATORS: Mapping[str, _Evaluate] = {
    "anova": _anova,
    "fanova": partial(_of_optuna, lambda: FanovaImportanceEvaluator(seed=0)),
    "ped-anova": partial(_of_optuna, PedAnovaImportanceEvaluator),
}
"""qhpo's own, and those of Optuna."""


def measure_importances(table: str, method: str, seed: int) -> list[Row]:
    """How close an evaluator comes to the exact indices, and the seconds it takes.

    Args:
        table: Name of the table.
        method: Name of the evaluator.
        seed: Of the sampler.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    find_package()
    names = list(load_table(table).search_space)
    rows: list[Row] = []
    for setting in _SETTINGS:
        sampler, scale = setting.split(", ")
        study = _study(table, sampler, seed)
        values = np.array([trial.values[0] for trial in study.get_trials(deepcopy=False)])
        told = rank_gaussian(values) if scale == "ranks" else values
        begin = time.thread_time()
        main, pair = _EVALUATORS[method](study, names, partial(_told, told))
        seconds = time.thread_time() - begin
        exact_main, exact_pair = _exact(table)[scale]
        pairs = None
        if pair is not None and exact_pair.max() >= _CLEAR:
            pairs = float(spearmanr(pair, exact_pair).statistic)
        rows.append(
            {
                "main": float(spearmanr(main, exact_main).statistic),
                "wrong": 0.5 * float(np.abs(_shares(main) - _shares(exact_main)).sum()),
                "pairs": pairs,
                "CPU s": seconds,
            }
        )
    return rows


def _told(values: FloatArray, trial: FrozenTrial) -> float:
    return float(values[trial.number])


def _shares(numbers: FloatArray) -> FloatArray:
    total = float(numbers.sum())
    return numbers / total if total > 0.0 else numbers


def _groups(results: Results) -> list[Group]:
    """All tables, and those of each family."""
    families = {"all tables": results.tables}
    for family in dict.fromkeys(map(TABLES.__getitem__, results.tables)):
        families[family] = tuple(t for t in results.tables if TABLES[t] == family)
    points = {f", {setting}": row for row, setting in enumerate(_SETTINGS)}
    seeds = plural(len(results.seeds), "seed")
    chosen = families if len(families) > 2 else dict([*families.items()][-1:])
    found = []
    for name, members in chosen.items():
        title = f"{name}, {plural(len(members), 'table')}, {seeds}"
        group = results.group(title, members, points)
        pairs = np.where(np.isfinite(group.data["pairs"]), group.data["pairs"], np.nan)
        found.append(replace(group, data={**group.data, "pairs": pairs}))
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


SUITE = replace(
    comparison(
        name="importance",
        tables=TABLES,
        methods=tuple(_EVALUATORS),
        settings=_SETTINGS,
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
            Metric("CPU s", "{:.2f}".format, min, heading="CPU seconds"),
        ),
        measure=measure_importances,
        footnote=(
            f"From {_TRIALS} trials, random ones and those of TPE; of their values, and of normal "
            "scores of the ranks of these, by all evaluators alike. Tables have clear pairs where "
            f"the strongest makes up {100 * _CLEAR:.0f} % of the variance; Optuna's evaluators "
            "know no pairs. ± is one standard error over seeds of the mean over tables."
        ),
    ),
    groups=_groups,
    seeds=3,
)
"""Evaluators of importance against each other and the truth."""
