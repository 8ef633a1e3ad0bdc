"""What Hydra finds of qhpo: the sweeper that `hydra/sweeper=qhpo` names.

Hydra looks for plugins in the namespace package `hydra_plugins` and nowhere else, and imports them
at every start of every program: this module imports nothing but Hydra. The work is done in
`qhpo_integrations.hydra`.
"""

# Without annotations as strings: Hydra runs this module before `sys.modules` has it, where
# dataclasses would look them up.

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

__all__ = ["QHPOSweeper", "QHPOSweeperConf"]


@dataclass
class QHPOSweeperConf:
    """The options below `hydra.sweeper`.

    Attributes:
        direction: ``minimize`` or ``maximize``; a list of them if the program returns several
            values.
        n_trials: Trials with a value, or pruned, that the study is to have.
        n_jobs: Trials that are chosen before their values are known, and launched at once.
        max_failure_rate: Share of failed jobs of a launch above which the sweep ends.
        params: What is searched, by name, as it is written on the command line.
        conditions: Which parameters exist only under some values of others: values by parent, by
            child, such as ``{momentum: {optimizer: sgd}}``. A job has no override for others.
        constraints: What every trial keeps: nodes with a ``_target_`` of `qhpo.constraints`.
        pruner: A node with a ``_target_`` of `optuna.pruners`; none for no pruning. The program
            reports to `qhpo_integrations.hydra.current_trial`.
        storage: Where Optuna keeps the study, such as ``sqlite:///study.db``; none for nowhere.
        study_name: Of the study. One that the storage has is gone on with.
        seed: Of the sampler.
        solver: As `qhpo.QUBOSampler` takes it.
        n_startup_trials: Trials of the first design.
    """

    _target_: str = "hydra_plugins.qhpo_sweeper.QHPOSweeper"
    # Nodes below are made where lists and mappings are Python's.
    _recursive_: bool = False
    direction: Any = "minimize"
    n_trials: int = 20
    n_jobs: int = 1
    max_failure_rate: float = 0.0
    params: dict[str, Any] = field(default_factory=dict)
    # Not typed as a mapping, to which the command line could not add.
    conditions: Any = None
    constraints: list[Any] = field(default_factory=list)
    pruner: Any = None
    storage: str | None = None
    study_name: str | None = None
    seed: int | None = None
    solver: str = "neal"
    n_startup_trials: int = 10


ConfigStore.instance().store(
    group="hydra/sweeper", name="qhpo", node=QHPOSweeperConf, provider="qhpo"
)


class QHPOSweeper(Sweeper):  # type: ignore[misc]
    """Searches over the overrides of a program with `qhpo.QUBOSampler`.

    Args:
        **options: See `QHPOSweeperConf`.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._launcher: Any = None
        self._config: DictConfig | None = None
        self._context: HydraContext | None = None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        from hydra.core.plugins import Plugins

        self._config = config
        self._context = hydra_context
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        from hydra.errors import CompactHydraException

        from qhpo.errors import QhpoError
        from qhpo_integrations.hydra.options import Options
        from qhpo_integrations.hydra.sweep import Sweep

        assert self._config is not None  # Hydra calls `setup` first
        assert self._context is not None
        try:
            options = Options.read(self._options, arguments, self._context.config_loader)
            Sweep(options, self._launcher, str(self._config.hydra.sweep.dir)).run()
        except QhpoError as error:
            # Hydra shows a line for this one, and a traceback for others.
            raise CompactHydraException(str(error)) from error
