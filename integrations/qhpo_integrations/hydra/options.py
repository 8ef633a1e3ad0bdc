"""The options of a sweep, from Hydra's configuration and the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import optuna
from optuna.distributions import BaseDistribution

from qhpo import QUBOSampler
from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.problem import Direction
from qhpo.space import Condition, declared_conditions
from qhpo_integrations.hydra.overrides import Overrides

__all__ = ["Options"]

_DIRECTIONS = get_args(Direction)


@dataclass(frozen=True)
class Options:
    """What a sweep does.

    Attributes:
        overrides: What is searched, and what all jobs have in common.
        conditions: Which parameters exist only under some values of others.
        sampler: Suggests them.
        pruner: Decides which jobs end early.
        directions: Of the values that a job returns.
        n_trials: Trials that the study is to have.
        n_jobs: Jobs of a launch.
        max_failure_rate: Share of failed jobs of a launch above which the sweep ends.
        storage: Where the study is kept; None for nowhere.
        study_name: Of the study; None for one that Optuna makes.
    """

    overrides: Overrides
    conditions: tuple[Condition, ...]
    sampler: QUBOSampler
    pruner: optuna.pruners.BasePruner
    directions: tuple[Direction, ...]
    n_trials: int
    n_jobs: int
    max_failure_rate: float
    storage: str | None
    study_name: str | None

    @property
    def search_space(self) -> dict[str, BaseDistribution]:
        """Optuna distributions by parameter name."""
        return self.overrides.search_space

    @classmethod
    def read(
        cls, written: Mapping[str, Any], arguments: Sequence[str], config_loader: Any
    ) -> Options:
        """From what a user has written.

        Args:
            written: The options below ``hydra.sweeper``.
            arguments: Overrides of the command line.
            config_loader: Hydra's, which knows the groups of the program's configuration.

        Raises:
            QhpoError: If an option is not of its form.
        """
        plain = {name: _plain(value) for name, value in written.items()}
        params = plain["params"]
        lines = [f"{name}={_line(value)}" for name, value in params.items()]
        overrides = Overrides.read([*lines, *arguments], config_loader)
        if not overrides.search_space:
            raise QhpoError(
                "a sweep needs a parameter to search, such as 'lr=interval(0.001,0.1)'; got "
                f"{' '.join([*lines, *arguments]) or 'no overrides'}"
            )
        for name in ("n_trials", "n_jobs"):
            if not isinstance(plain[name], int) or plain[name] < 1:
                raise QhpoError(
                    f"hydra.sweeper.{name} must be a whole number, 1 or more; got {plain[name]!r}"
                )
        conditions = plain["conditions"] or {}
        sampler = QUBOSampler(
            overrides.search_space,
            constraints=_constraints(written["constraints"]),
            conditions=conditions,
            seed=plain["seed"],
            solver=plain["solver"],
            n_startup_trials=plain["n_startup_trials"],
        )
        return cls(
            overrides=overrides,
            conditions=declared_conditions(conditions, overrides.search_space),
            sampler=sampler,
            pruner=_pruner(written["pruner"]),
            directions=_directions(plain["direction"]),
            n_trials=plain["n_trials"],
            n_jobs=plain["n_jobs"],
            max_failure_rate=float(plain["max_failure_rate"]),
            storage=plain["storage"],
            study_name=plain["study_name"],
        )


def _plain(value: Any) -> Any:
    """Lists and dicts instead of OmegaConf's."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _line(value: Any) -> str:
    """A value of ``params`` as it stands on a command line; a list is choices."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(_line, value))
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _directions(written: Any) -> tuple[Direction, ...]:
    directions = tuple(written) if isinstance(written, (list, tuple)) else (written,)
    if not directions or any(each not in _DIRECTIONS for each in directions):
        raise QhpoError(
            "hydra.sweeper.direction must be minimize or maximize, or a list of them; got "
            f"{written!r}"
        )
    return directions


def _constraints(nodes: Iterable[Any]) -> list[Constraint]:
    from hydra.utils import instantiate

    constraints = []
    for node in nodes:
        made = node if isinstance(node, Constraint) else instantiate(node, _convert_="all")
        if not isinstance(made, Constraint):
            raise QhpoError(
                "each of hydra.sweeper.constraints must have the _target_ of a constraint, such as "
                f"qhpo.constraints.forbid; got {_plain(node)!r}"
            )
        constraints.append(made)
    return constraints


def _pruner(node: Any) -> optuna.pruners.BasePruner:
    from hydra.utils import instantiate

    made = optuna.pruners.NopPruner() if node is None else instantiate(node)
    if not isinstance(made, optuna.pruners.BasePruner):
        raise QhpoError(
            "hydra.sweeper.pruner must have the _target_ of a pruner, such as "
            f"optuna.pruners.MedianPruner; got {_plain(node)!r}"
        )
    return made
