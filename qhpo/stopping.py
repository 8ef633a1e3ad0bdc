"""ModelPruner: stops trials of which a model of their learning curves expects nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from optuna.pruners import BasePruner
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from qhpo.errors import QhpoError
from qhpo.space import Space
from qhpo.study import HistoryReader, StudyCurves, StudyIdentity, Trials
from qhpo.threads import single_threaded

__all__ = ["ModelPruner"]


class ModelPruner(BasePruner):
    """Stops a trial as soon as it will hardly become the best one.

    A Gaussian process over configurations and steps is fitted to the reports of all finished trials
    of the study, those that were stopped included. From the reports of a running trial it predicts
    the value that the trial would end with; where the probability that this is better than the
    best complete trial is below ``risk``, the trial is stopped. What the full training is, the
    complete trials tell: the last step that any of them has reported.

    The same trials in the storage give the same answer, in any process and with any sampler.

    Example:
        >>> import optuna
        >>> from qhpo import ModelPruner, QUBOSampler
        >>> study = optuna.create_study(sampler=QUBOSampler(seed=0), pruner=ModelPruner())

    Args:
        risk: Least probability of becoming the best one that a trial goes on with. As far as the
            model is right, a share of at most ``risk`` of all trials that are stopped would have
            become the best, however often they have reported.
        n_startup_trials: Complete trials, with reports, before any trial is stopped.

    Raises:
        QhpoError: If ``risk`` is not between 0 and 1, or ``n_startup_trials`` not a whole number,
            1 or more.
    """

    def __init__(self, risk: float = 0.05, n_startup_trials: int = 4) -> None:
        if not _is_probability(risk):
            raise QhpoError(f"risk must be a probability, 0 or more and below 1; got {risk!r}")
        if not _is_whole(n_startup_trials) or n_startup_trials < 1:
            raise QhpoError(
                f"n_startup_trials must be a whole number, 1 or more; got {n_startup_trials!r}"
            )
        self._risk = float(risk)
        self._n_startup = int(n_startup_trials)
        self._known: tuple[StudyIdentity, Space, HistoryReader] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # What is remembered belongs to the storage of this process.
        return {**self.__dict__, "_known": None}

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the trial, which has reported, should be stopped."""
        if not trial.intermediate_values:
            return False
        learnt = self._learnt(study)
        if learnt is None:
            return False
        space, curves, best = learnt
        # A parameter that no finished trial had says nothing.
        params = {name: v for name, v in trial.params.items() if name in space.search_space}
        try:
            x = space.encode(params)
        except QhpoError:
            x = np.full(len(space), np.nan)
        with single_threaded():
            return curves.end(trial, x).probability_below(best) < self._risk

    def _learnt(self, study: Study) -> tuple[Space, StudyCurves, float] | None:
        """The space and the curves of finished trials, and the end of the best complete one."""
        trials = Trials(study)
        complete = [t for t in trials.finished if t.state == TrialState.COMPLETE]
        if sum(bool(t.intermediate_values) for t in complete) < self._n_startup:
            return None
        space = Space(trials.ranges.space())
        known = self._known
        if known is None or not known[0].is_of(study) or known[1].identity != space.identity:
            known = self._known = StudyIdentity(study), space, HistoryReader(space)
        _, space, reader = known
        with single_threaded():
            curves = reader.curves(trials)
        kept, _ = reader.complete(trials)
        ends = [end for end in map(curves.end_of, kept) if math.isfinite(end)]
        if not curves.is_able or len(ends) < self._n_startup:
            return None
        return space, curves, min(ends)


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_probability(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    return 0.0 <= float(value) < 1.0
