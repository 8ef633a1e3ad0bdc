"""What processes tell each other of a running trial: the configuration that it is going to use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, PartialFixedSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from qhpo.study.trials import note

__all__ = ["fixed_params", "has_published", "publish", "published_params"]

_PARAMS = "qhpo:params"
"""System attributes of a trial, this and a number: its configuration in chunks."""

_CHUNK = 2000
"""RDB storages of older schemas hold at most 2,046 characters of an attribute's value."""


def publish(study: Study, trial: FrozenTrial, params: Mapping[str, float]) -> None:
    """Tell other processes what a trial is going to use, before its objective asks for it.

    Args:
        study: The study.
        trial: The running trial.
        params: Optuna's internal representation of the parameters that the sampler chose, numbers
            even where the choices are objects that cannot be written down.
    """
    text = json.dumps(params)
    for start in range(0, len(text), _CHUNK):
        key = f"{_PARAMS}:{start // _CHUNK}"
        note(study, trial, key, text[start : start + _CHUNK])


def published_params(
    trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
) -> dict[str, Any]:
    """Parameters of a running trial: what it published, overridden by what it asked for.

    Args:
        trial: The running trial.
        search_space: Distributions to read the published values by; others are left out.
    """
    chunks: Sequence[str] = [
        trial.system_attrs[key]
        for key in (f"{_PARAMS}:{i}" for i in range(len(trial.system_attrs)))
        if key in trial.system_attrs
    ]
    try:
        # A second publication may be shorter than the first: what follows it is left over.
        internal = json.JSONDecoder().raw_decode("".join(chunks))[0]
    except json.JSONDecodeError:
        internal = {}  # nothing is published, or it is being written
    published = {
        name: search_space[name].to_external_repr(value)
        for name, value in internal.items()
        if name in search_space and search_space[name]._contains(value)
    }
    return {**published, **trial.system_attrs.get("fixed_params", {}), **trial.params}


def has_published(trial: FrozenTrial) -> bool:
    """Whether a running trial has said what it is going to use."""
    return f"{_PARAMS}:0" in trial.system_attrs


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
