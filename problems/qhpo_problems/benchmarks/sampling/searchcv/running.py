"""One search: what it finds on a part of the data, and what that is worth on the rest.

The seed of a run says which examples are for the test, is that of the splits, which all candidates
of all searches share, and is the search's.
"""

from __future__ import annotations

import time
import warnings
from functools import partial

import numpy as np
import optuna
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from qhpo_problems.benchmarks.sampling.searchcv.pipelines import (
    PIPELINES,
    WARM_UP,
    TunedPipeline,
)
from qhpo_problems.benchmarks.sampling.searchcv.rivals import Rival
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Task
from qhpo_problems.benchmarks.workers import peak_megabytes, run_alone

__all__ = ["measure_search", "run_search"]

_FOLDS = 3
"""Few, for fits are what a search costs."""

_WARM_UP_CANDIDATES = 12
"""Enough to have all code imported: two more than QUBOSampler's random startup."""


def measure_search(task: Task) -> list[Row]:
    """Scores, CPU seconds and memory of one search, in a process of its own."""
    return [run_alone(_measured, task, partial(_warm_up, task.method))]


def _measured(task: Task) -> dict[str, float]:
    return run_search(task.method, PIPELINES[task.table], task.trials, task.seed)


def _warm_up(rival: Rival) -> None:
    run_search(rival, WARM_UP, _WARM_UP_CANDIDATES, 0)


def run_search(rival: Rival, tuned: TunedPipeline, candidates: int, seed: int) -> dict[str, float]:
    """What a search finds on a part of the data, and what that is worth on the rest.

    Args:
        rival: The search.
        tuned: What it tunes.
        candidates: That it may evaluate.
        seed: Of the test part, the splits and the search.

    Returns:
        The score of the refitted best candidate on the test part, its score in cross-validation,
        CPU seconds, the peak of this process's memory, and the share of candidates in per cent that
        could not be fitted.
    """
    features, targets = tuned.data()
    known, unseen, known_targets, unseen_targets = train_test_split(
        *(features, targets),
        train_size=tuned.train,
        stratify=targets if tuned.is_classifier else None,
        random_state=seed,
    )
    folds = StratifiedKFold if tuned.is_classifier else KFold
    splits = folds(_FOLDS, shuffle=True, random_state=seed)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    begin = time.process_time()
    with warnings.catch_warnings():
        # Of fits that fail or do not converge, and of what is experimental.
        warnings.simplefilter("ignore")
        search = rival.make(tuned, candidates, {"cv": splits, "random_state": seed})
        search.fit(known, known_targets)
    seconds = time.process_time() - begin
    scores = np.array(search.cv_results_["mean_test_score"], dtype=float)
    return {
        "test": float(search.best_estimator_.score(unseen, unseen_targets)),
        "validation": float(search.best_score_),
        "CPU s": seconds,
        "MB": peak_megabytes(),
        "failed": 100 * float(np.isnan(scores).mean()),
    }
