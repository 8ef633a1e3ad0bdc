"""What a trial tells others: what it is going to use, and whether it was begun, and has failed.

Optuna has no attributes of its own for what processes tell each other, and hands a sampler no
reason of a failure: what is used of its private API for this stands in this module.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError
from optuna.samplers import BaseSampler, PartialFixedSampler
from optuna.study import Study
from optuna.study._optimize import _run_trial
from optuna.trial import FrozenTrial, TrialState

from qhpo.space import can_take, restored
from qhpo.study.attributes import has_text, read_text, write_text

__all__ = [
    "AGAIN",
    "HANDED_BACK",
    "OWNER",
    "WITHDRAWN",
    "awaited",
    "begin",
    "counts_against",
    "ends_by_itself",
    "fail",
    "fixed_params",
    "has_failed_by_itself",
    "has_published",
    "is_left",
    "lies_outside",
    "note_failure",
    "publish",
    "published_params",
    "published_values",
    "restore_fixed",
    "was_run",
]

OWNER = "qhpo:owner"
"""System attribute of a trial of `qhpo run`: the process that has claimed it. What is cut off there
the runs do again, one run after another; a sampler that did so as well would do it twice."""

# User attributes of such a trial.
AGAIN = "qhpo:again"
"""Number of the trial that was cut off, and whose configuration this one has."""
HANDED_BACK = "qhpo:handed_back"
"""Of a trial that was cut off by a signal to its process, not by its death."""
WITHDRAWN = "qhpo:withdrawn"
"""Of a trial that was never begun, because other processes had taken the last places."""

_PARAMS = "qhpo:params"
"""System attributes of a trial, this and a number: its configuration in chunks."""

_BEGUN = "qhpo:begun"
"""System attribute of every trial that a sampler of this package was asked for."""

_FAILED = "qhpo:failed"
"""System attribute of such a trial that failed by itself. One that was cut off could not say so."""


def begin(study: Study, trial: FrozenTrial) -> None:
    """Notes that a trial is begun, so that one that is cut off is told from one that failed."""
    study._storage.set_trial_system_attr(trial._trial_id, _BEGUN, True)


def note_failure(study: Study, trial: FrozenTrial) -> None:
    """Notes that a trial has failed by itself, and is not to be done again for being cut off."""
    study._storage.set_trial_system_attr(trial._trial_id, _FAILED, True)


def fail(study: Study, trial: FrozenTrial) -> None:
    """Ends a trial that would stay "running" for ever."""
    note_failure(study, trial)
    study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)


def ends_by_itself() -> bool:
    """Whether the trial that is being ended as failed was not cut off by Ctrl-C or its storage.

    Optuna tells a sampler only that a trial has failed, so the reason is looked up where
    ``study.optimize`` keeps it, or is being handled where a program tells trials itself.
    """
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code is not _run_trial.__code__:
        frame = frame.f_back
    reason = frame.f_locals.get("func_err") if frame.f_code is _run_trial.__code__ else None
    return not isinstance(reason or sys.exc_info()[1], KeyboardInterrupt | StorageInternalError)


def has_failed_by_itself(trial: FrozenTrial) -> bool:
    """Whether a sampler of this package has seen a trial fail, or has refused it."""
    return _FAILED in trial.system_attrs


def is_left(trial: FrozenTrial) -> bool:
    """Whether a trial was marked as failed by others than its objective."""
    if trial.state != TrialState.FAIL:
        return False
    return _BEGUN in trial.system_attrs and not has_failed_by_itself(trial)


def awaited(trials: Iterable[FrozenTrial], cut_off: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Trials that `qhpo run` will do again, as it has not done yet.

    Args:
        trials: All trials of the study.
        cut_off: Those of them that were begun and cut off.
    """
    done_again = {t.user_attrs.get(AGAIN) for t in trials if WITHDRAWN not in t.user_attrs}
    return [
        trial
        for trial in cut_off
        if OWNER in trial.system_attrs
        and (trial.params or "fixed_params" in trial.system_attrs)
        and trial.number not in done_again
    ]


def lies_outside(
    params: Mapping[str, Any], search_space: Mapping[str, BaseDistribution]
) -> list[str]:
    """Names of the parameters whose values a search space does not have, though it has them."""
    return [
        name
        for name, value in params.items()
        if name in search_space and not can_take(search_space[name], value)
    ]


def counts_against(trial: FrozenTrial) -> bool:
    """Whether a configuration may be the reason for which its trial was cut off."""
    return HANDED_BACK not in trial.user_attrs


def was_run(trial: FrozenTrial) -> bool:
    """Whether the objective of a finished trial was run: one that is added ends as it starts."""
    return _BEGUN in trial.system_attrs or trial.datetime_start != trial.datetime_complete


def publish(study: Study, trial: FrozenTrial, params: Mapping[str, float]) -> None:
    """Tell other processes what a trial is going to use, before its objective asks for it.

    Args:
        study: The study.
        trial: The running trial.
        params: Optuna's internal representation of the parameters that the sampler chose, numbers
            even where the choices are objects that cannot be written down.
    """
    write_text(study, trial, _PARAMS, dict(params))


def _published(trial: FrozenTrial) -> dict[str, float]:
    """What a running trial has published, in Optuna's internal representation."""
    return read_text(trial, _PARAMS) or {}


def has_published(trial: FrozenTrial) -> bool:
    """Whether a running trial has said what it is going to use."""
    return has_text(trial, _PARAMS)


def published_values(
    trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
) -> dict[str, Any]:
    """What a running trial has published, as far as the distributions contain it."""
    return {
        name: search_space[name].to_external_repr(value)
        for name, value in _published(trial).items()
        if name in search_space and search_space[name]._contains(value)
    }


def published_params(
    trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
) -> dict[str, Any]:
    """Parameters of a running trial: what it published, overridden by what it asked for.

    Args:
        trial: The running trial.
        search_space: Distributions to read the published values by; others are left out.
    """
    published = published_values(trial, search_space)
    asked = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    return {**published, **_restored(asked, search_space)}


def fixed_params(study: Study, trial: FrozenTrial, sampler: BaseSampler) -> dict[str, Any]:
    """What is fixed for a trial in advance: enqueued, or by samplers around this one."""
    fixed: dict[str, Any] = {}
    around: Any = study.sampler
    while around is not None and around is not sampler:
        if isinstance(around, PartialFixedSampler):
            fixed = {**around._fixed_params, **fixed}
            around = around._base_sampler
        else:
            around = getattr(around, "sampler", None)
    return {**fixed, **trial.system_attrs.get("fixed_params", {})}


def restore_fixed(trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]) -> None:
    """Before Optuna reads what is enqueued: the choices as the search space has them."""
    if fixed := trial.system_attrs.get("fixed_params"):
        trial.system_attrs["fixed_params"] = _restored(fixed, search_space)


def _restored(
    params: Mapping[str, Any], search_space: Mapping[str, BaseDistribution]
) -> dict[str, Any]:
    """Parameters with their choices as the search space has them, not as JSON gives them back."""
    return {
        name: restored(search_space[name], value) if name in search_space else value
        for name, value in params.items()
    }
