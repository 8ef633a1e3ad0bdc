"""Every trial keeps the constraints, and none is repeated."""

from __future__ import annotations

import math
from typing import Any

import optuna
import pytest
from dwave.samplers import SimulatedAnnealingSampler
from optuna.distributions import (
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from qhpo import QUBOSampler
from qhpo import constraints as c
from qhpo.study import spent
from tests.qhpo.promises.cases import (
    CASES,
    LIGHT,
    SHARES,
    Space,
    ask_all,
    count_feasible,
    has_floats,
    keys,
    make_study,
    objective_of,
    score,
)


class TestEveryTrialKeepsTheConstraints:
    @pytest.mark.parametrize("n_startup_trials", [1, 10])
    @pytest.mark.parametrize("name", list(CASES))
    def test_each_kind(self, name: str, n_startup_trials: int) -> None:
        space, rules, truth = CASES[name]
        study = make_study(space, rules, n_startup_trials=n_startup_trials)
        # Floats are polished between the levels, which takes its time.
        n = 16 if has_floats(space) else 30 if n_startup_trials == 1 else 15
        n = int(min(n, count_feasible(space, truth)))
        study.optimize(objective_of(space), n_trials=n)
        assert [t.params for t in study.trials if not truth(t.params)] == []
        assert len(set(keys(study))) == n

    @pytest.mark.parametrize("name", ["requires", "linear of floats", "subset"])
    def test_with_the_settings_that_users_have(self, name: str) -> None:
        space, rules, truth = CASES[name]
        for direction in ("minimize", "maximize"):
            study = optuna.create_study(
                sampler=QUBOSampler(space, constraints=rules, seed=1, n_startup_trials=0),
                direction=direction,
            )
            study.optimize(objective_of(space), n_trials=12)
            assert [t.params for t in study.trials if not truth(t.params)] == []
            assert len(set(keys(study))) == 12

    @pytest.mark.parametrize(
        ("solver", "called"),
        [("exact", "exact"), (SimulatedAnnealingSampler(), "SimulatedAnnealingSampler")],
        ids=["exact", "dimod sampler"],
    )
    @pytest.mark.parametrize("name", ["all different", "exactly", "relation of two"])
    def test_with_other_solvers(self, name: str, solver: Any, called: str) -> None:
        space, rules, truth = CASES[name]
        study = make_study(space, rules, solver=solver, n_startup_trials=3)
        study.optimize(objective_of(space), n_trials=12)
        assert [t.params for t in study.trials if not truth(t.params)] == []
        assert len(set(keys(study))) == 12
        assert spent(study.trials).keys() == {called}

    def test_maximizing_is_minimizing_the_negative(self) -> None:
        space, rules, _ = CASES["mixed"]
        found = []
        for sign, direction in ((1.0, "minimize"), (-1.0, "maximize")):
            study = make_study(space, rules, direction=direction)
            study.optimize(lambda t, s=sign: s * score(ask_all(t, space)), n_trials=12)
            found.append(keys(study))
        assert found[0] == found[1]

    def test_values_are_python_scalars(self) -> None:
        space, rules, _ = CASES["mixed"]
        study = make_study(space, rules, n_startup_trials=2)
        study.enqueue_trial({"w1": 3})
        for _ in range(6):
            trial = study.ask()
            params = ask_all(trial, space)
            types = {name: type(value) for name, value in params.items()}
            assert types == {
                name: {"amsgrad": bool, "optimizer": str}.get(
                    name, int if isinstance(dist, IntDistribution) else float
                )
                for name, dist in space.items()
            }
            assert {type(value) for value in trial.relative_params.values()} <= {
                bool,
                str,
                int,
                float,
            }
            study.tell(trial, score(params))

    def test_whatever_the_values_are(self) -> None:
        space, rules, truth = CASES["relation of two"]
        study = make_study(space, rules, n_startup_trials=2)

        def objective(trial: optuna.Trial) -> float:
            value = score(ask_all(trial, space))
            trial.report(value, 0)
            if trial.number % 6 == 1:
                raise optuna.TrialPruned
            if trial.number % 6 == 2:
                raise RuntimeError("broken")
            return {3: math.nan, 4: math.inf, 5: -math.inf}.get(trial.number % 6, value)

        study.optimize(objective, n_trials=30, catch=(RuntimeError,))
        assert {t.state for t in study.trials} == {
            TrialState.COMPLETE,
            TrialState.PRUNED,
            TrialState.FAIL,
        }
        assert all(truth(t.params) for t in study.trials)
        assert len(set(keys(study))) == 30

    @pytest.mark.parametrize("n_startup_trials", [0, 5])
    def test_threads(self, n_startup_trials: int) -> None:
        space, rules, truth = CASES["at most, at least"]
        study = make_study(space, rules, n_startup_trials=n_startup_trials)
        study.optimize(objective_of(space), n_trials=30, n_jobs=4)
        assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 30
        assert all(truth(t.params) for t in study.trials)
        assert len(set(keys(study))) == 30

    def test_a_batch_of_asked_trials(self) -> None:
        space, rules, truth = CASES["permutation"]
        study = make_study(space, rules, n_startup_trials=0)
        study.tell(study.ask(space), 1.0)
        batch = [study.ask(space).params for _ in range(23)]
        assert all(map(truth, batch))
        assert len(set(keys(study))) == 24

    def test_brackets_of_hyperband_share_what_is_taken(self) -> None:
        space, rules, truth = CASES["all different"]
        sampler = QUBOSampler(space, constraints=rules, seed=0, _settings=LIGHT)
        study = optuna.create_study(sampler=sampler, pruner=optuna.pruners.HyperbandPruner(1, 9, 3))

        def objective(trial: optuna.Trial) -> float:
            value = score(ask_all(trial, space))
            for step in range(9):
                trial.report(value, step)
                if trial.should_prune():
                    raise optuna.TrialPruned
            return value

        study.optimize(objective, n_trials=20)
        assert {t.state for t in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
        assert all(truth(t.params) for t in study.trials)
        assert len(set(keys(study))) == 20


class TestFloatsBetweenTheLevels:
    BOUNDS = (0.1 + 0.2, 1.0 / 3.0, 0.7)

    @pytest.mark.parametrize("bound", BOUNDS)
    def test_an_inequality_holds_as_python_computes(self, bound: float) -> None:
        space: Space = {
            "x": FloatDistribution(0.0, 1.0),
            "y": FloatDistribution(1e-4, 1.0, log=True),
        }
        study = make_study(space, [c.linear({"x": 1.0, "y": 1.0}, "<=", bound)], n_startup_trials=3)
        # The best lies on the bound, so that every rounding error would show.
        study.optimize(
            lambda t: -t.suggest_float("x", 0, 1) - 2 * t.suggest_float("y", 1e-4, 1, log=True),
            n_trials=16,
        )
        totals = [t.params["x"] + t.params["y"] for t in study.trials]
        assert [total for total in totals if not total <= bound] == []
        assert max(totals) > 0.95 * bound

    @pytest.mark.parametrize("bound", BOUNDS)
    def test_an_equality_holds_to_nine_digits(self, bound: float) -> None:
        weights = {"s0": 1.0, "s1": 2.5, "s2": -0.3}
        study = make_study(SHARES, [c.linear(weights, "==", bound)], n_startup_trials=3)
        study.optimize(objective_of(SHARES), n_trials=16)
        for trial in study.trials:
            total = sum(weights[name] * value for name, value in trial.params.items())
            assert total == pytest.approx(bound, abs=1e-9)
        # They move along it, off the levels.
        assert len({trial.params["s0"] for trial in study.trials}) > 8
