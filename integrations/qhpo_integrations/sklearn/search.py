"""QUBOSearchCV: scikit-learn's search with cross-validation, its candidates from QUBOSampler."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from qhpo import QUBOSampler
from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.space import declared_conditions
from qhpo_integrations.asking import ask
from qhpo_integrations.sklearn.failures import FailureKeepingSearchCV
from qhpo_integrations.sklearn.space import CandidateSpace

__all__ = ["QUBOSearchCV"]


class QUBOSearchCV(FailureKeepingSearchCV):
    """Search over parameters by cross-validation: RandomizedSearchCV with a sampler that learns.

    Whatever RandomizedSearchCV has, this has too (``cv_results_``, ``best_estimator_``, refit,
    several metrics, pipelines). Candidates keep ``constraints``, ask only for parameters that exist
    by ``conditions``, and do not repeat. All candidates are judged on the same splits.

    Example:
        >>> from scipy.stats import loguniform
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.decomposition import PCA
        >>> from sklearn.pipeline import Pipeline
        >>> from sklearn.svm import SVC
        >>> search = QUBOSearchCV(
        ...     Pipeline([("reduce", PCA()), ("svm", SVC())]),
        ...     {
        ...         "reduce": [PCA(), "passthrough"],
        ...         "reduce__n_components": [1, 2, 3],
        ...         "svm__C": loguniform(1e-2, 1e3),
        ...     },
        ...     conditions={"reduce__n_components": {"reduce": "PCA"}},
        ...     random_state=0,
        ... )
        >>> bool(search.fit(*load_iris(return_X_y=True)).best_score_ > 0.9)
        True

    Args:
        estimator: What is tuned.
        param_distributions: By parameter name a list of values, one of scipy.stats' uniform,
            loguniform and randint, or an Optuna distribution. Several such mappings in a list are
            alternatives. A list of whole numbers at even distances is a range; every other list is
            choices without an order.
        constraints: What every candidate must keep; see `qhpo.constraints`.
        conditions: Which parameters exist only under some values of others, as `QUBOSampler` takes
            them. There and in constraints an estimator is named by its class, such as ``"PCA"``, or
            as it is written, ``"PCA(n_components=2)"``, where a list has several of the class.
        n_iter: Number of candidates.
        batch_size: Candidates that are chosen before their values are known, and evaluated at once.
            Where ``n_jobs`` is larger than the number of splits, ``n_jobs`` / splits keeps all
            busy.
        scoring: As in RandomizedSearchCV. Of several metrics the one that ``refit`` names is
            searched for; if it names none, all are objectives.
        n_jobs: As in RandomizedSearchCV, as are ``refit``, ``cv``, ``verbose``, ``pre_dispatch``,
            ``error_score`` and ``return_train_score``.
        random_state: Seed of the sampler.
        solver: As `QUBOSampler` takes it.
        storage: Where Optuna keeps the study, such as ``"sqlite:///study.db"``; None for nowhere.
        study_name: Of the study. One that the storage has is gone on with: its trials are learnt
            from, its best candidate is evaluated first.

    Attributes:
        study_: The Optuna study, in which the objective is the metric, to be maximized.
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 (scikit-learn's own protocol)
        **FailureKeepingSearchCV._parameter_constraints,
        "param_distributions": [dict, list],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "constraints": "no_validation",
        "conditions": [dict, None],
        "solver": "no_validation",
        "storage": "no_validation",
        "study_name": [str, None],
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        constraints: Sequence[Constraint] | None = None,
        conditions: Mapping[str, Mapping[str, Any]] | None = None,
        n_iter: int = 10,
        batch_size: int = 1,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        solver: Any = "neal",
        storage: Any = None,
        study_name: str | None = None,
    ) -> None:
        self.param_distributions = param_distributions
        self.constraints = constraints
        self.conditions = conditions
        self.n_iter = n_iter
        self.batch_size = batch_size
        self.random_state = random_state
        self.solver = solver
        self.storage = storage
        self.study_name = study_name
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )

    def _run_search(
        self, evaluate_candidates: Callable[..., dict[str, Any]], callback_ctx: Any = None
    ) -> None:
        rules = () if self.constraints is None else self.constraints
        space = CandidateSpace.made_of(self.param_distributions, self.conditions, bool(rules))
        sampler = QUBOSampler(
            space.search_space,
            constraints=rules,
            conditions=space.conditions,
            seed=_seed(self.random_state),
            solver=self.solver,
        )
        metrics = self._metrics()
        self.study_ = _study(self.storage, self.study_name, sampler, len(metrics))
        splits = _SameSplits(self._checked_cv_orig)
        progress = _Progress(self, callback_ctx, math.ceil(self.n_iter / self.batch_size))
        known = {_key(t.params) for t in self._again()}
        done = 0
        self._begin()
        while done < self.n_iter:
            size = min(self.batch_size, self.n_iter - done)
            trials, candidates = self._chosen(space, size, known)
            done += len(trials)
            if trials:
                with progress.batch(len(trials) * self.n_splits_) as context:
                    evaluate = partial(evaluate_candidates, cv=splits, **context)
                    self._evaluate(trials, partial(self._results_of, evaluate, candidates), metrics)
            if len(trials) < size:
                warnings.warn(
                    f"The space of param_distributions holds {len(known)} candidates, all of which "
                    f"have been evaluated: the search ends before n_iter={self.n_iter}.",
                    UserWarning,
                    stacklevel=4,
                )
                break
        self._end()
        progress.end()

    def _again(self) -> list[FrozenTrial]:
        """Complete trials of a study that is gone on with; the best of them is next in line."""
        complete = self.study_.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        if not complete:
            return []
        best = self.study_.best_trials[0]
        self.study_.enqueue_trial(best.params)
        return [trial for trial in complete if trial.params != best.params]

    def _evaluate(
        self,
        trials: list[optuna.Trial],
        evaluate: Callable[[], list[dict[str, float] | None]],
        metrics: list[str],
    ) -> None:
        """Evaluates the candidates of trials, and tells the study what they are worth."""
        try:
            scores = [self._values(each, metrics) for each in evaluate()]
        except BaseException:
            for trial in trials:
                self.study_.tell(trial, state=TrialState.FAIL)
            raise
        for trial, values in zip(trials, scores, strict=True):
            if any(map(math.isnan, values)):
                self.study_.tell(trial, state=TrialState.FAIL)
            else:
                self.study_.tell(trial, values)

    def _chosen(
        self, space: CandidateSpace, size: int, known: set[Any]
    ) -> tuple[list[optuna.Trial], list[dict[str, Any]]]:
        """Trials with their candidates; fewer where nothing is left that has not been evaluated."""
        conditions = declared_conditions(space.conditions, space.search_space)
        trials, candidates = [], []
        for _ in range(size):
            trial = self.study_.ask()
            params = ask(trial, space.search_space, conditions)
            if _key(params) in known:
                self.study_.tell(trial, state=TrialState.FAIL)
                break
            known.add(_key(params))
            trials.append(trial)
            candidates.append(space.candidate(params))
        return trials, candidates

    def _values(self, scores: dict[str, float] | None, metrics: list[str]) -> list[float]:
        if scores is None:
            return [self.error_score] * len(metrics)
        missing = [metric for metric in metrics if metric not in scores]
        if missing:
            raise QhpoError(
                "the metric that is searched for must be one that scoring gives: "
                f"{', '.join(scores)}; got {missing[0]!r}; name it by refit"
            )
        return [scores[metric] for metric in metrics]

    def _metrics(self) -> list[str]:
        """Names of the metrics that are maximized."""
        if self.scoring is None or isinstance(self.scoring, str) or callable(self.scoring):
            # Only a call of the function tells whether it returns several.
            is_named = callable(self.scoring) and isinstance(self.refit, str)
            return [self.refit if is_named else "score"]
        return [self.refit] if isinstance(self.refit, str) else list(self.scoring)


class _SameSplits:
    """A splitter that splits once: candidates of later calls meet the same splits.

    Args:
        splitter: Splits in the first call.
    """

    def __init__(self, splitter: Any) -> None:
        self._splitter = splitter
        self._splits: list[Any] | None = None

    def split(self, *args: Any, **params: Any) -> Iterator[Any]:
        """Training and test indices of every split."""
        if self._splits is None:
            self._splits = list(self._splitter.split(*args, **params))
        return iter(self._splits)


class _Progress:
    """What scikit-learn's callbacks, which came with 1.9, are told of a search.

    Args:
        search: The search.
        context: scikit-learn's, of the search as a whole; None in earlier versions.
        n_batches: Batches that will be evaluated.
    """

    def __init__(self, search: QUBOSearchCV, context: Any, n_batches: int) -> None:
        self._search = search
        self._context = context
        if context is not None:
            self._context = context.subcontext(task_name="search", max_subtasks=n_batches)
            self._context.call_on_fit_task_begin(estimator=search)

    @contextmanager
    def batch(self, n_fits: int) -> Iterator[dict[str, Any]]:
        """What the evaluation of a batch gets besides its candidates."""
        if self._context is None:
            yield {}
            return
        context = self._context.subcontext(
            task_name="batch", max_subtasks=n_fits, sequential_subtasks=False
        ).call_on_fit_task_begin(estimator=self._search)
        yield {"callback_ctx": context}
        context.call_on_fit_task_end(estimator=self._search)

    def end(self) -> None:
        """After the last batch."""
        if self._context is not None:
            self._context.call_on_fit_task_end(estimator=self._search)


def _key(params: Mapping[str, Any]) -> Any:
    return tuple(sorted(params.items()))


def _seed(random_state: Any) -> int:
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _study(storage: Any, name: str | None, sampler: QUBOSampler, n_metrics: int) -> optuna.Study:
    """A new study, or the one of that name."""
    verbosity = optuna.logging.get_verbosity()
    # A search of scikit-learn says nothing that was not asked for.
    optuna.logging.set_verbosity(max(verbosity, optuna.logging.WARNING))
    try:
        return optuna.create_study(
            study_name=name,
            storage=storage,
            sampler=sampler,
            directions=["maximize"] * n_metrics,
            load_if_exists=name is not None,
        )
    finally:
        optuna.logging.set_verbosity(verbosity)
