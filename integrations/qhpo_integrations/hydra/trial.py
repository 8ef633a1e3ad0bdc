"""The trial that a job of a sweep is: told to the job by an environment variable."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, unquote

import optuna
from optuna.trial import BaseTrial, FixedTrial, Trial

from qhpo.errors import QhpoError

__all__ = ["current_trial", "job_override", "running"]

_VARIABLE = "QHPO_HYDRA_TRIAL"
"""Holds the number of the trial and the name of its study, within a job."""

_running: dict[str, Trial] = {}
"""Trials of this process by the variable's value: a storage in memory has them nowhere else."""


def current_trial() -> BaseTrial:
    """The trial of the job that runs, for reports; outside a sweep one that is never pruned.

    Raises:
        QhpoError: If the job runs in another process than the sweep, and there is no storage.
    """
    key = os.environ.get(_VARIABLE)
    if key is None:
        return FixedTrial({})
    if key in _running:
        return _running[key]
    from hydra.core.hydra_config import HydraConfig
    from hydra.utils import instantiate

    sweeper: Any = HydraConfig.get().sweeper
    if sweeper.storage is None:
        raise QhpoError(
            "a job that runs in another process than the sweep reports to a storage; got none; "
            "give hydra.sweeper.storage, such as sqlite:///study.db"
        )
    number, _, name = key.partition(".")
    study = optuna.load_study(
        study_name=unquote(name),
        storage=sweeper.storage,
        pruner=instantiate(sweeper.pruner) or optuna.pruners.NopPruner(),
    )
    return Trial(study, study.get_trials(deepcopy=False)[int(number)]._trial_id)


def job_override(trial: Trial) -> str:
    """The override by which a job learns which trial it is."""
    # Quoted, as names may hold what Hydra's grammar does not take.
    return f"++hydra.job.env_set.{_VARIABLE}={_key(trial)}"


@contextmanager
def running(trials: Sequence[Trial]) -> Iterator[None]:
    """Within it, jobs of this process find their trials."""
    keys = {_key(trial): trial for trial in trials}
    _running.update(keys)
    try:
        yield
    finally:
        for key in keys:
            del _running[key]


def _key(trial: Trial) -> str:
    return f"{trial.number}.{quote(trial.study.study_name, safe='')}"
