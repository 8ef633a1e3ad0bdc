"""ConfigSpace: its spaces, with conditions and forbidden clauses, as `QUBOSampler` takes them.

Example:
    >>> import optuna
    >>> from ConfigSpace import ConfigurationSpace, EqualsCondition
    >>> from qhpo import QUBOSampler
    >>> from qhpo_integrations.configspace import from_configspace
    >>> written = ConfigurationSpace({"optimizer": ["sgd", "adam"], "momentum": (0.0, 0.9)})
    >>> _ = written.add(EqualsCondition(written["momentum"], written["optimizer"], "sgd"))
    >>> space = from_configspace(written)
    >>> sampler = QUBOSampler(
    ...     space.search_space, constraints=space.constraints, conditions=space.conditions, seed=0
    ... )
    >>> trial = optuna.create_study(sampler=sampler).ask()
    >>> configuration = space.suggest(trial)
    >>> ("momentum" in configuration) == (configuration["optimizer"] == "sgd")
    True
"""

from __future__ import annotations

from importlib.util import find_spec

from qhpo.errors import MissingExtraError

if find_spec("ConfigSpace") is None:
    raise MissingExtraError("from_configspace", "ConfigSpace", "configspace")

from qhpo_integrations.configspace.conversion import ConvertedSpace, from_configspace

__all__ = ["ConvertedSpace", "from_configspace"]
