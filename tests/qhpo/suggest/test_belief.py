"""What is made of histories with broken constraints and failures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo.acquisition import LogEI
from qhpo.feasible import FeasibleSet
from qhpo.history import History, Outcomes
from qhpo.space import Space
from qhpo.suggest.belief import Belief, Beliefs, _of_both_kinds
from qhpo.suggest.guides import Penalized
from qhpo.surrogate.base import QuadraticKind
from tests.qhpo.promises.cases import LIGHT

FloatArray = NDArray[np.float64]
SPACE = Space({"kind": CategoricalDistribution(["a", "b", "c"]), "n": IntDistribution(0, 9)})
WHOLE = np.array([[kind, n / 9] for n in range(10) for kind in range(3)])
TRIED = WHOLE[::2]
N = TRIED[:, 1] * 9
EMPTY = WHOLE[:0]


def _history(limit: float = 9.0) -> History:
    """Values fall with n; the constraint is kept up to a limit."""
    return History(
        TRIED,
        -N,
        EMPTY,
        TRIED,
        is_feasible=limit >= N,
        constraints=[Outcomes(TRIED, N - limit)],
    )


def _believed(history: History, feasible: FeasibleSet | None = None) -> Belief:
    return Beliefs(
        feasible or FeasibleSet(SPACE),
        history,
        fitters=[LIGHT.fitter()],
        outcome_fitter=LIGHT.outcome_fitter(),
        may_repeat=False,
        rng=np.random.default_rng(0),
    ).given(history.pending)


def _best(belief: Belief) -> FloatArray:
    untried = WHOLE[1::2]
    best: FloatArray = untried[belief.acquisition.score(untried).argmax()]
    return best


def test_without_broken_conditions_the_improvement_is_the_score() -> None:
    acquisition, guide = _believed(replace(_history(), is_feasible=None))
    assert isinstance(acquisition, LogEI)
    assert acquisition.surrogates == (guide,)
    kept = Outcomes(TRIED, np.full(len(TRIED), -1.0))
    succeeded = replace(_history(), is_feasible=None, constraints=[kept, kept])
    np.testing.assert_array_equal(
        acquisition.score(WHOLE), _believed(succeeded).acquisition.score(WHOLE)
    )


@pytest.mark.parametrize("limit", [3.0, 5.0])
def test_the_best_that_is_likely_to_keep_the_constraint_comes_first(limit: float) -> None:
    belief = _believed(_history(limit))
    assert limit - 2.0 <= _best(belief)[1] * 9 <= limit
    assert belief.guide.observed_mean.mean(axis=0).argmin() in np.flatnonzero(limit >= N)


@pytest.mark.parametrize("kind", ["mean", "draw"])
def test_some_of_what_is_annealed_pays_enough_to_keep_the_constraint(kind: QuadraticKind) -> None:
    guide = _believed(_history(5.0)).guide
    rng = np.random.default_rng(0)
    levels = np.column_stack([WHOLE[:, 0], WHOLE[:, 1] * 9]).astype(int)
    models = [guide.quadratic(kind, 0, rng) for _ in range(12)]
    lowest = [WHOLE[model.energies(levels).argmin(), 1] * 9 for model in models]
    assert min(lowest) <= 5 < max(lowest)


def test_while_nothing_keeps_the_constraint_only_that_counts() -> None:
    outside = N > 2
    history = replace(
        _history(1.0),
        coordinates=TRIED[outside],
        values=-N[outside],
        is_feasible=np.zeros(int(outside.sum()), dtype=bool),
        constraints=[Outcomes(TRIED[outside], N[outside] - 1.0)],
    )
    belief = _believed(history)
    assert _best(belief)[1] * 9 <= 1
    assert isinstance(belief.guide, Penalized)


def test_where_all_failed_the_farthest_comes_first() -> None:
    failed = TRIED[N <= 6]
    history = History(EMPTY, np.empty(0), EMPTY, failed)
    history = replace(history, failures=Outcomes(failed, np.ones(len(failed))))
    assert _best(_believed(history))[1] * 9 >= 8


def test_parts_that_failed_leave_whole_configurations_to_start_from() -> None:
    parts = np.array([[0.0, np.nan], [1.0, np.nan]])
    history = History(EMPTY, np.empty(0), EMPTY, parts)
    history = replace(history, failures=Outcomes(parts, np.ones(2)))
    guide = _believed(history).guide
    assert not np.isnan(guide.observed).any()
    assert _best(_believed(history))[0] == 2.0


@pytest.mark.parametrize("limit", [4.0, -1.0])
def test_what_is_pending_reaches_every_surrogate(limit: float) -> None:
    pending = WHOLE[[1, 3]]
    history = _history(limit)
    counts = [
        [len(s.observed) for s in _believed(replace(history, pending=p)).acquisition.surrogates]
        for p in (EMPTY, pending)
    ]
    assert counts[1] == [n + 2 for n in counts[0]]


@pytest.mark.parametrize(
    ("n_broken", "n_kept"), [(5, 9), (0, 400), (400, 0), (20, 500), (900, 160)]
)
def test_of_many_trials_both_kinds_are_learnt_from(n_broken: int, n_kept: int) -> None:
    labels = np.repeat([1.0, -1.0], [n_broken, n_kept])
    values = np.random.default_rng(0).permutation(labels)
    chosen = _of_both_kinds(values)
    assert len(chosen) == min(n_broken + n_kept, 300)
    assert (np.diff(chosen) > 0).all()
    n_found = int((values[chosen] > 0.0).sum())
    assert n_found >= min(n_broken, 150)
    assert len(chosen) - n_found >= min(n_kept, 150)
    latest = np.flatnonzero(values > 0.0)[n_broken - n_found :]
    np.testing.assert_array_equal(chosen[values[chosen] > 0.0], latest)


def test_after_a_failure_trials_are_careful() -> None:
    kept = N <= 7
    labels = np.where(kept, -1.0, 1.0)
    after_failure = np.argsort(labels, kind="stable")
    # Reversed, the last ten have all succeeded.
    assert (labels[after_failure[::-1]][-10:] < 0.0).all()
    scores = []
    for order in (after_failure, after_failure[::-1]):
        failures = Outcomes(TRIED[order], labels[order])
        history = History(TRIED[kept], -N[kept], EMPTY, TRIED, failures=failures)
        scores.append(_believed(history).acquisition.score(WHOLE))
    careful, bold = scores
    edge = np.isclose(WHOLE[:, 1] * 9, 8.0)
    assert (careful[edge] < bold[edge] - 1.0).all()
