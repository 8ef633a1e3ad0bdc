"""Studies that begin with what earlier ones, or their user, know."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from qhpo import QhpoError, QUBOSampler, constraints

SPACE: dict[str, Any] = {
    "kind": CategoricalDistribution(["a", "b", "c", "d"]),
    "depth": IntDistribution(1, 6),
    "lr": FloatDistribution(1e-4, 1e-1, log=True),
    "width": IntDistribution(0, 9),
}


def _loss(trial: optuna.Trial, shift: int = 0, sign: float = 1.0) -> float:
    kind = trial.suggest_categorical("kind", SPACE["kind"].choices)
    depth = trial.suggest_int("depth", 1, 6)
    lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    width = trial.suggest_int("width", 0, 9)
    loss = 2.0 * (kind != "c") + (depth - 4) ** 2 / 4 + (np.log10(lr) + 3) ** 2
    return float(sign * (loss + ((width - 2 - shift) / 3) ** 2))


def _finished(n: int = 60, direction: str = "minimize", seed: int = 0) -> optuna.Study:
    study = optuna.create_study(direction=direction, sampler=RandomSampler(seed=seed))
    sign = 1.0 if direction == "minimize" else -1.0
    study.optimize(lambda trial: _loss(trial, sign=sign), n_trials=n)
    return study


@pytest.fixture(scope="module")
def earlier() -> optuna.Study:
    return _finished()


def _run(n: int, sampler: QUBOSampler, shift: int = 1) -> optuna.Study:
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: _loss(trial, shift), n_trials=n)
    return study


class TestPriorStudies:
    def test_the_first_trial_is_the_best_that_they_expect(self, earlier: optuna.Study) -> None:
        for seed in range(3):
            study = _run(1, QUBOSampler(SPACE, seed=seed, prior_studies=[earlier]))
            assert study.best_value < 1.0  # 1 per cent of random configurations

    def test_directions_may_differ(self) -> None:
        sampler = QUBOSampler(SPACE, seed=0, prior_studies=[_finished(direction="maximize")])
        assert _run(1, sampler).best_value < 1.0

    def test_the_parameters_may_be_learnt(self, earlier: optuna.Study) -> None:
        assert _run(4, QUBOSampler(seed=0, prior_studies=[earlier])).best_value < 1.0

    def test_rules_are_kept_from_the_first_trial_on(self, earlier: optuna.Study) -> None:
        rule = constraints.forbid(kind="c")
        sampler = QUBOSampler(SPACE, constraints=[rule], seed=0, prior_studies=[earlier])
        study = _run(12, sampler)
        assert all(trial.params["kind"] != "c" for trial in study.trials)
        assert study.trials[0].value < 3.0

    def test_the_same_trials_give_the_same_suggestion(self, earlier: optuna.Study) -> None:
        made = QUBOSampler(SPACE, seed=3, prior_studies=[earlier])
        again = pickle.loads(pickle.dumps(made))
        one, other = _run(13, made), _run(13, again)
        assert [t.params for t in one.trials] == [t.params for t in other.trials]
        # A third goes on where the first was at its twelfth trial.
        third = optuna.create_study(sampler=QUBOSampler(SPACE, seed=3, prior_studies=[earlier]))
        third.add_trials(one.trials[:12])
        assert third.ask(SPACE).params == one.trials[12].params

    def test_nothing_is_repeated_and_failures_are_no_obstacle(self, earlier: optuna.Study) -> None:
        sampler = QUBOSampler(SPACE, seed=0, prior_studies=[earlier], n_startup_trials=4)
        study = optuna.create_study(sampler=sampler)

        def objective(trial: optuna.Trial) -> float:
            value = _loss(trial)
            if trial.number < 3:
                raise RuntimeError("a program that is not ready")
            return value

        study.optimize(objective, n_trials=14, catch=(RuntimeError,))
        seen = [tuple(sorted(t.params.items())) for t in study.trials]
        assert len(set(seen)) == len(seen)
        assert [t.state for t in study.trials[:4]] == [*[TrialState.FAIL] * 3, TrialState.COMPLETE]

    def test_workers_that_begin_together_try_different_things(self, earlier: optuna.Study) -> None:
        study = optuna.create_study(sampler=QUBOSampler(SPACE, seed=0, prior_studies=[earlier]))
        asked = [study.ask(SPACE) for _ in range(6)]
        assert len({tuple(sorted(trial.params.items())) for trial in asked}) == 6
        for trial in asked:
            study.tell(trial, 1.0)
        study.ask(SPACE)

    def test_one_of_another_program_is_named_once(
        self, earlier: optuna.Study, caplog: pytest.LogCaptureFixture
    ) -> None:
        sampler = QUBOSampler(seed=0, prior_studies=[earlier])
        study = optuna.create_study(sampler=sampler)
        study.optimize(lambda trial: trial.suggest_float("other", 0, 1) ** 2, n_trials=13)
        said = [r.getMessage() for r in caplog.records if "says nothing" in r.getMessage()]
        assert len(said) == 1
        assert earlier.study_name in said[0]
        alone = optuna.create_study(sampler=QUBOSampler(seed=0))
        alone.optimize(lambda trial: trial.suggest_float("other", 0, 1) ** 2, n_trials=13)
        assert [t.params for t in study.trials] == [t.params for t in alone.trials]

    @pytest.mark.parametrize(
        ("studies", "says"),
        [
            ("name", "must be a list of Optuna studies"),
            (["name"], "got 'name' in it"),
            ([optuna.create_study()], "2 trials with a value and a parameter, or more; got 0"),
        ],
        ids=["text", "texts", "empty"],
    )
    def test_what_cannot_serve_is_said_at_once(self, studies: Any, says: str) -> None:
        with pytest.raises(QhpoError, match=says):
            QUBOSampler(prior_studies=studies)

    def test_of_other_objectives_it_is_refused(self, earlier: optuna.Study) -> None:
        sampler = QUBOSampler(SPACE, prior_studies=[earlier])
        study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
        with pytest.raises(QhpoError, match="as many objectives as the new one, 2; got 1 in"):
            study.ask(SPACE)
        assert study.trials[0].state == TrialState.FAIL

    def test_the_horseshoe_has_no_mean(self, earlier: optuna.Study) -> None:
        with pytest.raises(QhpoError, match="'anova-gp'; got surrogate='horseshoe'"):
            QUBOSampler(prior_studies=[earlier], surrogate="horseshoe")


def _costs(trial: optuna.Trial, shift: int = 0) -> tuple[float, float]:
    """What is to be small, and what is to be large and grows with the width alone."""
    return _loss(trial, shift), -float(trial.params["width"])


def _trade_off(n: int, sampler: optuna.samplers.BaseSampler, shift: int = 1) -> optuna.Study:
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    study.optimize(lambda trial: _costs(trial, shift), n_trials=n)
    return study


class TestSeveralObjectives:
    def test_each_is_told_of_its_own(self) -> None:
        earlier = _trade_off(60, RandomSampler(seed=0), shift=0)

        def missed(sampler: QUBOSampler) -> float:
            """Loss of the least wide ones: the front has one for every width up to 3."""
            found = _trade_off(6, sampler).trials
            return min(t.values[0] for t in found if t.params["width"] <= 3)

        seeds = range(3)
        with_it = [missed(QUBOSampler(SPACE, seed=s, prior_studies=[earlier])) for s in seeds]
        without = [missed(QUBOSampler(SPACE, seed=s)) for s in seeds]
        assert max(with_it) < min(without)

    def test_one_that_misleads_in_one_objective_serves_the_other(self) -> None:
        def opposite(trial: optuna.Trial) -> tuple[float, float]:
            loss, width = _costs(trial)
            return loss, -width

        misleading = optuna.create_study(
            directions=["minimize", "maximize"], sampler=RandomSampler(seed=0)
        )
        misleading.optimize(opposite, n_trials=60)
        study = _trade_off(20, QUBOSampler(SPACE, seed=0, prior_studies=[misleading]))
        assert min(t.values[0] for t in study.best_trials) < 0.3
        assert max(t.values[1] for t in study.best_trials) == 0.0

    def test_what_is_believed_counts_for_all(self) -> None:
        good = {"kind": "c", "depth": 4}
        first = _trade_off(1, QUBOSampler(SPACE, seed=0, believed_good=good)).trials[0]
        assert first.params["kind"] == "c"
        assert abs(first.params["depth"] - 4) <= 1


class TestBelievedGood:
    def test_is_tried_first(self) -> None:
        good = {"kind": "c", "depth": 4, "lr": 1e-3}
        for seed in range(3):
            first = _run(1, QUBOSampler(SPACE, seed=seed, believed_good=good)).trials[0].params
            assert first["kind"] == "c"
            assert abs(first["depth"] - 4) <= 1
            assert 3e-4 < first["lr"] < 3e-3

    def test_what_is_wrong_is_left_again(self) -> None:
        wrong = {"kind": "a", "depth": 1, "lr": 1e-1, "width": 9}
        study = _run(30, QUBOSampler(SPACE, seed=0, believed_good=wrong))
        assert study.best_params["kind"] == "c"
        assert study.best_value < 0.5

    def test_goes_with_prior_studies(self, earlier: optuna.Study) -> None:
        sampler = QUBOSampler(
            SPACE, seed=0, prior_studies=[earlier], believed_good=[{"width": 3}, {"width": 4}]
        )
        assert _run(3, sampler).best_value < 0.5
