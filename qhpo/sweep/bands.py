"""``early_terminate`` of a sweep file: the hyperband of Weights & Biases as an Optuna pruner.

See "early_terminate" in "Sweep configuration options" of the documentation of W&B, and
`hyperband_stopping.py` of its sweeps package. A trial that has reported often enough to reach a
band is compared with what all trials had reported there, and stops unless it is among the best
1/eta. A band counts reports; the number of a step plays no part.
"""

from __future__ import annotations

from typing import Any

from optuna.pruners import BasePruner
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from qhpo.errors import QhpoError
from qhpo.sweep.keys import among, below, boolean, check_keys, decimal, mapping, whole

__all__ = ["BandPruner", "read_bands"]

_KEYS = ("type", "min_iter", "max_iter", "s", "eta", "strict")

_MOST_BANDS = 100
"""Bands from min_iter upwards, as W&B counts them: each is eta times as far as the one before."""

_FARTHEST = 10**9
"""Reports that no trial makes: bands beyond are left out."""


class BandPruner(BasePruner):
    """Stops trials that are not among the best where they reach a band.

    Args:
        bands: Numbers of reports, increasing.
        eta: The best 1/eta of the trials go on.
        strict: Whether the value at the band counts, or the best one so far.

    Attributes:
        bands: See above.
        eta: See above.
        strict: See above.
    """

    def __init__(self, bands: tuple[int, ...], eta: float, *, strict: bool = False) -> None:
        self.bands = bands
        self.eta = eta
        self.strict = strict

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BandPruner) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.bands, self.eta, self.strict))

    def __repr__(self) -> str:
        return f"BandPruner({self.bands!r}, {self.eta!r}, strict={self.strict!r})"

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        sign = -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
        history = _reports(trial, sign)
        reached = [band for band in self.bands if band < len(history)]
        if not reached:
            return False
        band = reached[-1]
        there = [history[band]]
        for other in study.get_trials(deepcopy=False):
            if other.number == trial.number or other.state == TrialState.FAIL:
                continue
            known = _reports(other, sign)
            if band < len(known):
                there.append(known[band])
        threshold = sorted(there)[int(len(there) / self.eta)]
        own = history[band] if self.strict else min(history)
        return own > threshold


def _reports(trial: FrozenTrial, sign: float) -> list[float]:
    """Values in the order of their steps, smaller is better; without those that are no number."""
    values = [trial.intermediate_values[step] for step in sorted(trial.intermediate_values)]
    return [sign * value for value in values if value == value]


def read_bands(value: object, notes: list[str]) -> BandPruner | None:
    """The pruner that ``early_terminate`` asks for.

    Args:
        value: What stands there; None for nothing.
        notes: Gets what has no effect.

    Raises:
        QhpoError: If it is not of the form that W&B documents.
    """
    if value is None:
        return None
    where = "early_terminate"
    spec = mapping(value, where)
    check_keys(spec, where, _KEYS)
    if "type" not in spec:
        raise QhpoError(f"{where} must have a type; got none; write type: hyperband")
    among(spec["type"], below(where, "type"), ("hyperband",))
    eta = decimal(spec.get("eta", 3), below(where, "eta"), above=1.0)
    strict = boolean(spec.get("strict", False), below(where, "strict"))
    if "max_iter" in spec:
        bands = _downwards(spec, where, eta)
        if "min_iter" in spec:
            notes.append(f"{where}.min_iter has no effect beside max_iter, as in W&B")
    elif "min_iter" in spec:
        bands = _upwards(whole(spec["min_iter"], below(where, "min_iter"), least=1), eta)
        if "s" in spec:
            notes.append(f"{where}.s has no effect beside min_iter, as in W&B")
    else:
        raise QhpoError(
            f"{where} must have min_iter, or max_iter and s; got neither; write min_iter: 3"
        )
    return BandPruner(bands, eta, strict=strict)


def _upwards(first: int, eta: float) -> tuple[int, ...]:
    bands: list[int] = []
    band = float(first)
    while len(bands) < _MOST_BANDS and band <= _FARTHEST:
        bands.append(int(band))
        band *= eta
    return tuple(sorted(set(bands))) or (first,)


def _downwards(spec: dict[str, Any], where: str, eta: float) -> tuple[int, ...]:
    last = whole(spec["max_iter"], below(where, "max_iter"), least=1)
    if "s" not in spec:
        raise QhpoError(f"{where} must have s, the number of bands, beside max_iter; write s: 2")
    bands: list[int] = []
    band = float(last)
    for _ in range(min(whole(spec["s"], below(where, "s"), least=1), _MOST_BANDS)):
        band /= eta
        if band < 1.0:
            break
        bands.append(int(band))
    if not bands:
        raise QhpoError(
            f"{where}.max_iter must be at least eta, {eta:g}, for a band to lie below; got {last}; "
            "raise it"
        )
    return tuple(sorted(set(bands)))
