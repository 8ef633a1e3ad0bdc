"""The pruners that `qhpo run --pruner` names: what ends a trial that looks bad before its time."""

from __future__ import annotations

from collections.abc import Callable

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)

from qhpo.errors import QhpoError

__all__ = ["PRUNERS", "make_pruner"]

_BEST_QUARTER = 25.0
"""Percent of the trials that the pruner percentile lets go on; median lets half of them."""


def _model() -> BasePruner:
    # The names of pruners are known without the model's imports.
    from qhpo.stopping import ModelPruner

    return ModelPruner()


PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "model": _model,
    "median": MedianPruner,
    "hyperband": HyperbandPruner,
    "halving": SuccessiveHalvingPruner,
    "percentile": lambda: PercentilePruner(_BEST_QUARTER),
    # Optuna's default would stop trials early, which nobody asked for.
    "none": NopPruner,
}


def make_pruner(chosen: str | BasePruner, n_objectives: int) -> BasePruner:
    """The pruner of a study.

    Args:
        chosen: One of `PRUNERS`, or a pruner, which is returned.
        n_objectives: Of the study.

    Raises:
        QhpoError: If there is no such pruner, or several objectives, for which Optuna prunes none.
    """
    if isinstance(chosen, str) and chosen not in PRUNERS:
        raise QhpoError(f"a pruner must be one of {', '.join(PRUNERS)}; got {chosen!r}")
    pruner = PRUNERS[chosen]() if isinstance(chosen, str) else chosen
    if n_objectives > 1 and not isinstance(pruner, NopPruner):
        raise QhpoError(f"a pruner needs one objective; got {n_objectives}; take --pruner none")
    return pruner
