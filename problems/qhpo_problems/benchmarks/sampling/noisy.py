"""The suite of noisy trainings: samplers that tune scikit-learn's models on small data sets."""

from __future__ import annotations

from functools import partial

import optuna

from qhpo_problems.benchmarks.sampling.recommending import noisy_suite
from qhpo_problems.benchmarks.sampling.tables import small
from qhpo_problems.benchmarks.sampling.trainings import (
    FRESH,
    TRAININGS,
    Training,
    load_training,
)
from qhpo_problems.benchmarks.sampling.trials import warm_up

__all__ = ["SUITE"]

SUITE = noisy_suite(
    name="noisy",
    tables={name: load_training(name).description for name in TRAININGS},
    load=load_training,
    kind=Training,
    seeds=20,
    reporting=(
        *("tree-wine", "forest-diabetes", "svm-breast"),
        *("sgd-digits", "adam-diabetes"),
    ),
    by={"training": str},
    check=lambda method: method.sampler(0, *small()),
    warm_up=partial(warm_up, small, optuna.logging.WARNING),
    label="mean score (0 = best known, 1 = median configuration)",
    floor=None,
    footnote=(
        "Each trial trains on a new split with a new seed. The score is (error - best known) / "
        f"(median - best known) of a task, with the mean error of {FRESH} trainings that are no "
        "trial's."
    ),
)
"""Samplers on trainings of scikit-learn."""
