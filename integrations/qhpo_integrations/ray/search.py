"""QUBOSearch: a search algorithm of Ray Tune, behind which stands a study of Optuna."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState
from ray import cloudpickle
from ray.tune.result import DEFAULT_METRIC, TRAINING_ITERATION
from ray.tune.search import Searcher

from qhpo import QUBOSampler
from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.problem import Direction
from qhpo.space import Condition, declared_conditions
from qhpo_integrations.asking import ask, hand_back
from qhpo_integrations.ray.space import TuneSpace, nested

__all__ = ["QUBOSearch"]

_DIRECTIONS: dict[str, Direction] = {"min": "minimize", "max": "maximize"}

_SEARCH = "qhpo:ray"
"""User attribute of a trial: which search has asked for it."""

Define = Callable[[optuna.Trial], Mapping[str, Any] | None]


class QUBOSearch(Searcher):  # type: ignore[misc]
    """Suggests Ray's configurations by `qhpo.QUBOSampler`, and takes the place of ``OptunaSearch``.

    Every configuration keeps ``constraints``, none that has finished or runs is repeated, and a
    parameter that does not exist under the others is None. What trainings report is learnt on the
    way, also of those that a scheduler has stopped. A trial that Ray ends is PRUNED in the study if
    another one had been let go on at that iteration or later, and COMPLETE otherwise, as are those
    whose function has returned. A trial that raises, or ends with NaN or without the metric, has
    failed.

    Args:
        space: What is searched: domains of Ray, such as ``tune.uniform(0, 1)``, or Optuna
            distributions, by key; mappings may be nested. Constraints and conditions name an inner
            parameter by its keys, joined by ``/``, such as ``"model/width"``, and a choice that is
            no string, number, bool or None as it is written, such as ``"[64, 64]"``. Or a function
            that asks an Optuna trial and returns constants, or None. If None, the
            ``param_space`` of ``tune.Tuner`` is searched.
        metric: Name of what trainings report; several in a list. If None, that of
            ``tune.TuneConfig``, which needs ``param_space`` to hold the space.
        mode: ``"min"`` or ``"max"``, one for each metric. If None, that of ``tune.TuneConfig``.
        points_to_evaluate: Configurations that come first; what they leave out is suggested.
        constraints: What every configuration must keep; see `qhpo.constraints`.
        conditions: Which parameters exist only under some values of others, as `QUBOSampler` takes
            them.
        seed: Of the sampler.
        storage: Where Optuna keeps the study, such as ``"sqlite:///study.db"``. If None, only Ray
            keeps it, with its own checkpoints.
        study_name: Of the study. One that the storage has is gone on with.
        **options: Further arguments of `QUBOSampler`, such as ``solver``; ``search_space`` where
            the space is a function and has constraints or conditions.

    Raises:
        QhpoError: If an argument is not of the form above. Later, if ``param_space`` is not, or no
            metric or mode is known when the first configuration is asked for.
    """

    def __init__(
        self,
        space: Mapping[str, Any] | Define | None = None,
        metric: str | Sequence[str] | None = None,
        mode: str | Sequence[str] | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        *,
        constraints: Iterable[Constraint] = (),
        conditions: Mapping[str, Mapping[str, Any]] | None = None,
        seed: int | None = None,
        storage: str | BaseStorage | None = None,
        study_name: str | None = None,
        **options: Any,
    ) -> None:
        _check(metric, mode)
        super().__init__(metric=_plain(metric), mode=_plain(mode))
        self._metric: Any
        self._mode: Any
        self._points = list(points_to_evaluate or ())
        self._options = options | {
            "constraints": tuple(constraints),
            "conditions": conditions,
            "seed": seed,
        }
        self._storage = storage
        self._study_name = study_name
        self._name = uuid.uuid4().hex
        self._study: optuna.Study | None = None
        self._define: Define | None = None
        self._space: TuneSpace | None = None
        self._conditions: tuple[Condition, ...] = ()
        self._sampler: QUBOSampler | None = None
        self._trials: dict[str, optuna.Trial] = {}
        # Iteration after which each trial that runs, and any, was last let go on.
        self._went_on: dict[str, int] = {}
        self._furthest = 0
        if callable(space):
            self._define = space
            self._sampler = QUBOSampler(**self._options)
        elif space:
            self._search(TuneSpace.read(space, has_constants=False))

    @property
    def study(self) -> optuna.Study:
        """The Optuna study, such as for ``search.study.sampler.recommend(search.study)``.

        Raises:
            QhpoError: If the space, the metric or the mode is not known yet.
        """
        if self._study is None:
            self._study = self._created()
        return self._study

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Called by Ray with what `tune.TuneConfig` and `tune.Tuner` were given."""
        _check(metric or self._metric, mode or self._mode)
        self._metric = metric or self._metric
        self._mode = mode or self._mode
        if self._sampler is not None:
            return False
        self._search(TuneSpace.read(config, has_constants=True))
        return True

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """The configuration of a new trial.

        Raises:
            QhpoError: If the space, the metric or the mode is not known, or no configuration keeps
                all constraints.
        """
        trial = self.study.ask()
        trial.set_user_attr(_SEARCH, self._name)
        try:
            configuration = self._asked(trial)
        except BaseException:
            self.study.tell(trial, state=TrialState.FAIL)
            raise
        self._trials[trial_id] = trial
        return configuration

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Called by Ray with a report of a trial that goes on."""
        if trial_id not in self._trials:
            return
        iteration = int(result[TRAINING_ITERATION])
        self._went_on[trial_id] = iteration
        self._furthest = max(self._furthest, iteration)
        self._report(self._trials[trial_id], result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Called by Ray with the last report of a trial that has ended."""
        trial = self._trials.pop(trial_id, None)
        went_on = self._went_on.pop(trial_id, None)
        if trial is None:
            return
        state: TrialState | None = None
        values: Any = None
        if error:
            state = TrialState.FAIL
        elif not result:
            # It waited for a synchronous scheduler, which then chose others.
            state = TrialState.PRUNED
        else:
            self._report(trial, result)
            # A Repeater, which means several trials, has none.
            iteration = result.get(TRAINING_ITERATION, math.inf)
            # Of a function that returns, Ray tells the last report twice, first as of one that
            # goes on. Of a trial that it ends, only as the last one.
            if iteration != went_on and self._furthest >= iteration:
                state = TrialState.PRUNED
            else:
                values = [result.get(metric) for metric in _several(self._metric)]
        # A search that is restored may be told once more what a storage knows already.
        self.study.tell(trial, values, state=state, skip_if_finished=True)

    def save(self, checkpoint_path: str) -> None:
        """Called by Ray to keep the study with its own checkpoints."""
        Path(checkpoint_path).write_bytes(cloudpickle.dumps(self.__dict__))

    def restore(self, checkpoint_path: str) -> None:
        """Called by Ray to go on from what `save` has kept."""
        self.__dict__.update(cloudpickle.loads(Path(checkpoint_path).read_bytes()))
        if self._study is None:
            return
        # A storage may have trials that were begun after that, of which Ray knows nothing.
        known = {trial.number for trial in self._trials.values()}
        begun = self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
        lost = [trial for trial in begun if trial.user_attrs.get(_SEARCH) == self._name]
        hand_back(self._study, [trial.number for trial in lost if trial.number not in known])

    def _search(self, space: TuneSpace) -> None:
        """Makes the sampler of a space."""
        if not space.search_space:
            raise QhpoError(
                "QUBOSearch must have something to search, such as tune.uniform(0, 1); param_space "
                "of tune.Tuner holds constants only"
            )
        self._space = space
        conditions = self._options["conditions"] or {}
        self._conditions = declared_conditions(conditions, space.search_space)
        self._points = [space.params(point) for point in self._points]
        self._sampler = QUBOSampler(space.search_space, **self._options)

    def _created(self) -> optuna.Study:
        if self._sampler is None:
            raise QhpoError(
                "QUBOSearch must know what is searched; got nothing; give it as its space, or as "
                "param_space of tune.Tuner"
            )
        if self._mode is None:
            raise QhpoError(
                "QUBOSearch must know a metric and its mode; got "
                f"metric={self._metric!r} and mode={self._mode!r}; give both to it, such as "
                'metric="loss", mode="min"'
            )
        # What `tune.report` calls a number that is reported without a name.
        self._metric = self._metric or DEFAULT_METRIC
        study = optuna.create_study(
            directions=[_DIRECTIONS[mode] for mode in _several(self._mode)],
            sampler=self._sampler,
            pruner=optuna.pruners.NopPruner(),  # Ray's schedulers decide
            storage=self._storage,
            study_name=self._study_name,
            load_if_exists=self._study_name is not None,
        )
        for point in self._points:
            study.enqueue_trial(dict(point), skip_if_exists=True)
        return study

    def _asked(self, trial: optuna.Trial) -> dict[str, Any]:
        if self._define is not None:
            constants = self._define(trial) or {}
            return nested({**trial.params, **constants})
        assert self._space is not None  # the study was made of it
        params = ask(trial, self._space.search_space, self._conditions)
        return self._space.configuration(params)

    def _report(self, trial: optuna.Trial, result: Mapping[str, Any]) -> None:
        """Tells the study a report, unless Optuna takes none."""
        if not isinstance(self._metric, str) or result.get(self._metric) is None:
            return
        iteration: Any = result.get(TRAINING_ITERATION)
        known = self.study.get_trials(deepcopy=False)[trial.number]
        # Ray begins a trial anew whose machine was lost.
        is_new = iteration is not None and iteration not in known.intermediate_values
        if is_new and not known.state.is_finished():
            trial.report(float(result[self._metric]), int(iteration))


def _check(metric: Any, mode: Any) -> None:
    """Raises what is wrong with metrics and modes."""
    modes = _several(mode)
    if any(each not in _DIRECTIONS for each in modes):
        raise QhpoError(f"mode must be 'min' or 'max', or a list of them; got {mode!r}")
    if metric and mode and len(_several(metric)) != len(modes):
        raise QhpoError(
            f"each metric must have a mode, 'min' or 'max'; got {metric!r} and {mode!r}"
        )


def _several(one_or_more: Any) -> list[Any]:
    if one_or_more is None:
        return []
    return [one_or_more] if isinstance(one_or_more, str) else list(one_or_more)


def _plain(one_or_more: Any) -> Any:
    """As Ray takes it: a string, or a list of several."""
    several = _several(one_or_more)
    return several if len(several) > 1 else next(iter(several), None)
