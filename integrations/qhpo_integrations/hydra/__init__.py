"""Hydra: searches over the overrides of a program, by `hydra/sweeper=qhpo`.

A program needs nothing of this package. Where it is to be pruned, it reports to `current_trial`::

    trial = current_trial()
    trial.report(loss, epoch)
    if trial.should_prune():
        raise optuna.TrialPruned

See `hydra_plugins.qhpo_sweeper.QHPOSweeperConf` for the options below `hydra.sweeper`.
"""

from __future__ import annotations

from qhpo_integrations.hydra.trial import current_trial

__all__ = ["current_trial"]
