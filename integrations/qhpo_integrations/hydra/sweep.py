"""A sweep: batches of jobs, launched by Hydra, until the study has as many trials as asked for."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from qhpo.errors import QhpoError
from qhpo_integrations.asking import ask, hand_back
from qhpo_integrations.hydra.options import Options
from qhpo_integrations.hydra.trial import job_override, running

__all__ = ["Sweep"]

_logger = logging.getLogger("qhpo")

_PROCESS = "qhpo:process"
"""User attribute of a trial: host and process that have launched it."""


class Sweep:
    """A sweep.

    Args:
        options: What it does.
        launcher: Hydra's, which runs jobs.
        folder: Of the sweep, for its results.
    """

    def __init__(self, options: Options, launcher: Any, folder: str) -> None:
        self._options = options
        self._launcher = launcher
        self._folder = Path(folder)
        self._study = optuna.create_study(
            study_name=options.study_name,
            storage=options.storage,
            sampler=options.sampler,
            pruner=options.pruner,
            directions=list(options.directions),
            load_if_exists=options.study_name is not None,
        )

    def run(self) -> None:
        """Runs what is left of the sweep, and writes its results.

        Raises:
            QhpoError: If a job returns no number, or not as many as there are directions.
        """
        self._hand_back_left_behind()
        states = (TrialState.COMPLETE, TrialState.PRUNED)
        left = self._options.n_trials - len(self._study.get_trials(deepcopy=False, states=states))
        if left < self._options.n_trials:
            _logger.info(f"study {self._study.study_name} is gone on with: {left} trials to go")
        while left > 0:
            self._batch(min(left, self._options.n_jobs))
            left -= self._options.n_jobs
        self._write_results()

    def _batch(self, size: int) -> None:
        options = self._options
        trials, overrides = [], []
        try:
            for _ in range(size):
                trial = self._study.ask()
                trials.append(trial)
                trial.set_user_attr(_PROCESS, f"{socket.gethostname()}:{os.getpid()}")
                params = ask(trial, options.search_space, options.conditions)
                overrides.append([*options.overrides.of_job(params), job_override(trial)])
            with running(trials):
                # Folders are named by the number of the trial, also of a sweep that goes on.
                returns = self._launcher.launch(overrides, initial_job_idx=trials[0].number)
        except BaseException:
            for trial in trials:
                if self._is_running(trial):
                    self._study.tell(trial, state=TrialState.FAIL)
            raise
        self._tell(trials, returns)

    def _is_running(self, trial: Trial) -> bool:
        return self._study.get_trials(deepcopy=False)[trial.number].state == TrialState.RUNNING

    def _tell(self, trials: Sequence[Trial], returns: Sequence[Any]) -> None:
        """Tells the study what came of jobs.

        Raises:
            Exception: What a job has raised, if more jobs failed than may.
        """
        from hydra.core.utils import JobStatus

        errors: list[Exception] = []
        for trial, job in zip(trials, returns, strict=True):
            returned = job._return_value
            try:
                if job.status == JobStatus.COMPLETED:
                    self._study.tell(trial, self._values(returned))
                    continue
            except QhpoError as error:
                returned = error
            if isinstance(returned, optuna.TrialPruned):
                self._study.tell(trial, state=TrialState.PRUNED)
                continue
            self._study.tell(trial, state=TrialState.FAIL)
            _logger.warning(f"trial {trial.number} failed: {type(returned).__name__}: {returned}")
            errors.append(returned)
        if len(errors) > self._options.max_failure_rate * len(returns):
            raise errors[0]

    def _values(self, returned: Any) -> list[float]:
        n = len(self._options.directions)
        several = list(returned) if isinstance(returned, (list, tuple)) else [returned]
        try:
            values = [float(value) for value in several]
        except (TypeError, ValueError):
            values = []
        if len(values) != n:
            raise QhpoError(
                f"a job must return {'a number' if n == 1 else f'{n} numbers'}, one for each "
                f"direction; got {returned!r}"
            )
        return values

    def _hand_back_left_behind(self) -> None:
        """Marks what a killed sweep of this machine has left, so that it is done again first."""
        hand_back(self._study, [t.number for t in self._study.trials if _is_left_behind(t)])

    def _write_results(self) -> None:
        from omegaconf import OmegaConf

        results: dict[str, Any] = {"name": "qhpo", "study_name": self._study.study_name}
        if len(self._options.directions) > 1:
            results["solutions"] = [
                {"params": trial.params, "values": trial.values}
                for trial in self._study.best_trials
            ]
        elif any(trial.state == TrialState.COMPLETE for trial in self._study.trials):
            best = self._study.best_trial
            results.update(best_params=best.params, best_value=best.value, best_trial=best.number)
            _logger.info(f"best value {best.value} of trial {best.number}: {best.params}")
        self._folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(OmegaConf.create(results), self._folder / "optimization_results.yaml")


def _is_left_behind(trial: FrozenTrial) -> bool:
    """Whether the process that has launched a running trial is gone."""
    host, _, process = trial.user_attrs.get(_PROCESS, "").rpartition(":")
    if trial.state != TrialState.RUNNING or host != socket.gethostname():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
