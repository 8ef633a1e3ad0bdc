"""ModelPruner stops trainings that come to nothing, and goes on with those that do."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import TrialState

import qhpo
from qhpo import ModelPruner, QhpoError, QUBOSampler

STEPS = 30


def _curve(x: float, rate: float, step: int) -> float:
    """Falls towards (x - 0.5)^2, the faster the larger the rate."""
    return (x - 0.5) ** 2 + (1.0 + x * x) * math.exp(-rate * step)


def _training(
    reported: Callable[[float, int], tuple[float, int] | None] = lambda v, s: (v, s),
    returned: Callable[[list[float]], float] = lambda values: values[-1],
    sign: float = 1.0,
) -> Callable[[optuna.Trial], float]:
    """An objective that reports every step, or what is made of it.

    Args:
        reported: Value and step to report, None for nothing.
        returned: The value of a trial, from those of all steps.
        sign: -1 for a study that maximizes.
    """

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", -2.0, 2.0)
        rate = trial.suggest_float("rate", 0.1, 1.0, log=True)
        values = []
        for step in range(STEPS):
            values.append(sign * _curve(x, rate, step))
            told = reported(values[-1], step)
            if told is not None:
                trial.report(*told)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return returned(values)

    return objective


def _run(
    objective: Callable[[optuna.Trial], float],
    pruner: BasePruner,
    n_trials: int = 30,
    direction: str = "minimize",
    seed: int = 0,
) -> optuna.Study:
    study = optuna.create_study(
        sampler=RandomSampler(seed=seed), pruner=pruner, direction=direction
    )
    study.optimize(objective, n_trials=n_trials)
    return study


def _states(study: optuna.Study) -> list[TrialState]:
    return [trial.state for trial in study.trials]


def _pruned(study: optuna.Study) -> int:
    return _states(study).count(TrialState.PRUNED)


def _steps(study: optuna.Study) -> int:
    return sum(len(trial.intermediate_values) for trial in study.trials)


class TestWhatIsStopped:
    @pytest.mark.parametrize("seed", range(2))
    def test_the_best_is_found_in_half_of_the_training(self, seed: int) -> None:
        whole = _run(_training(), NopPruner(), 40, seed=seed)
        stopped = _run(_training(), ModelPruner(), 40, seed=seed)
        assert stopped.best_value == whole.best_value
        assert _steps(stopped) < 0.5 * _steps(whole)

    def test_a_share_of_those_that_are_stopped_would_have_been_the_best(self) -> None:
        """No more than the risk, over many studies whose truth is known."""
        missed = stopped = 0
        for seed in range(6):
            study = _run(_training(), ModelPruner(risk=0.2), 25, seed=seed)
            best = math.inf
            for trial in study.trials:
                end = _curve(trial.params["x"], trial.params["rate"], STEPS - 1)
                if trial.state == TrialState.PRUNED:
                    stopped += 1
                    missed += end < best
                else:
                    best = min(best, end)
        assert stopped > 50
        assert missed / stopped < 0.2

    def test_a_smaller_risk_stops_later(self) -> None:
        steps = [_steps(_run(_training(), ModelPruner(risk), 25)) for risk in (0.3, 0.05, 0.001)]
        assert steps[0] < steps[1] < steps[2]

    def test_a_risk_of_zero_stops_nothing(self) -> None:
        assert _pruned(_run(_training(), ModelPruner(risk=0.0), 10)) == 0

    def test_nothing_is_stopped_before_enough_trials_are_complete(self) -> None:
        states = _states(_run(_training(), ModelPruner(n_startup_trials=7), 30))
        assert states[:7] == [TrialState.COMPLETE] * 7
        assert TrialState.PRUNED in states

    def test_a_trial_that_catches_up_goes_on(self) -> None:
        """Slow ones end better here: what only looks at the same step stops them."""

        def objective(trial: optuna.Trial) -> float:
            rate = trial.suggest_float("rate", 0.0, 1.0)
            value = 1.0
            for step in range(STEPS):
                # The slower, the deeper; all configurations tell the same story.
                value = rate + (1.0 - rate) * 2.0 * (1.0 - math.log1p(step) / math.log(STEPS))
                trial.report(value, step)
                if trial.should_prune():
                    raise optuna.TrialPruned
            return value

        study = _run(objective, ModelPruner(), 30)
        best = min(study.trials, key=lambda t: t.params["rate"])
        assert best.state == TrialState.COMPLETE
        assert _pruned(study) > 5


class TestAnyProgram:
    def test_a_study_that_maximizes_is_its_mirror_image(self) -> None:
        down = _run(_training(), ModelPruner())
        up = _run(_training(sign=-1.0), ModelPruner(), direction="maximize")
        assert [len(t.intermediate_values) for t in up.trials] == [
            len(t.intermediate_values) for t in down.trials
        ]

    @pytest.mark.parametrize(
        "reported",
        {
            "every fifth step": lambda v, s: (v, s) if s % 5 == 4 else None,
            "counted in examples": lambda v, s: (v, 1000 * (s + 1)),
            "noisy": lambda v, s: (v * (1.1 + 0.1 * math.sin(97.0 * s + 1e3 * v)), s),
            "not a number at times": lambda v, s: (math.nan if s % 7 == 1 else v, s),
            "infinite at first": lambda v, s: (math.inf if s == 0 else v, s),
            "at steps of its own": lambda v, s: (v, s) if s % (2 + int(1e4 * v) % 3) else None,
        }.items(),
        ids=lambda item: item[0],
    )
    def test_however_it_reports(
        self, reported: tuple[str, Callable[[float, int], tuple[float, int] | None]]
    ) -> None:
        whole = _run(_training(reported[1]), NopPruner(), 40)
        stopped = _run(_training(reported[1]), ModelPruner(), 40)
        assert _pruned(stopped) > 10
        assert stopped.best_value <= sorted(t.value for t in whole.trials if t.value is not None)[2]

    @pytest.mark.parametrize("returned", [min, lambda values: 100.0 + values[-1]])
    def test_whatever_it_returns(self, returned: Callable[[list[float]], float]) -> None:
        """The best report, or a number in another unit."""
        whole = _run(_training(returned=returned), NopPruner(), 40)
        stopped = _run(_training(returned=returned), ModelPruner(), 40)
        assert _pruned(stopped) > 10
        assert stopped.best_value == pytest.approx(whole.best_value, abs=0.01)

    def test_one_report_only(self) -> None:
        study = _run(_training(lambda v, s: (v, s) if s == 9 else None), ModelPruner(), 30)
        assert study.best_trial.state == TrialState.COMPLETE

    def test_no_report_at_all(self) -> None:
        assert _pruned(_run(_training(lambda v, s: None), ModelPruner())) == 0

    def test_a_training_that_diverges_is_stopped(self) -> None:
        def objective(trial: optuna.Trial) -> float:
            x = trial.suggest_float("x", -2.0, 2.0)
            for step in range(STEPS):
                value = math.nan if x > 1.0 and step > 2 else _curve(x, 0.3, step)
                trial.report(value, step)
                if trial.should_prune():
                    raise optuna.TrialPruned
            return value

        study = _run(objective, ModelPruner(), 30)
        diverged = [t for t in study.trials if t.params["x"] > 1.0][-3:]
        assert [t.state for t in diverged] == [TrialState.PRUNED] * 3

    def test_parameters_that_come_and_go(self) -> None:
        def objective(trial: optuna.Trial) -> float:
            kind = trial.suggest_categorical("kind", ["a", "b"])
            x = trial.suggest_float("x", -2.0, 2.0 + trial.number)
            x = x if kind == "a" else x + trial.suggest_int("only_b", 0, 3)
            if trial.number > 10:
                x += trial.suggest_float("later", 0.0, 0.1)
            for step in range(STEPS):
                trial.report(_curve(x, 0.3, step), step)
                if trial.should_prune():
                    raise optuna.TrialPruned
            return _curve(x, 0.3, STEPS - 1)

        assert _pruned(_run(objective, ModelPruner(), 30)) > 5

    def test_a_trial_that_breaks_a_measured_constraint_is_not_the_best(self) -> None:
        """The best that counts is worse, so that more go on."""

        def objective(trial: optuna.Trial) -> float:
            x = trial.suggest_float("x", -2.0, 2.0)
            for step in range(STEPS):
                trial.report(_curve(x, 0.3, step), step)
                if trial.should_prune():
                    raise optuna.TrialPruned
            trial.set_constraint("small", 1.0 - abs(x))
            return _curve(x, 0.3, STEPS - 1)

        study = _run(objective, ModelPruner(), 40)
        kept = [t for t in study.trials if t.state == TrialState.COMPLETE]
        assert any(abs(t.params["x"]) > 1.0 for t in kept[4:])


class TestRunningTrialsAreData:
    @pytest.mark.parametrize("good", [0.2, 0.8])
    def test_another_worker_goes_where_one_does_well(self, tmp_path: Path, good: float) -> None:
        """Two of them are half through, on both sides of what is known."""
        storage = f"sqlite:///{tmp_path / 'study.db'}"
        study = optuna.create_study(storage=storage, study_name="a", sampler=QUBOSampler(seed=0))
        falling = [2.0 / 2.0**step for step in range(10)]
        space: dict[str, BaseDistribution] = {"x": FloatDistribution(0.0, 1.0)}
        for i, x in enumerate(np.linspace(0.45, 0.55, 11)):
            end = 1.0 + 0.01 * (i % 3)
            study.add_trial(
                optuna.create_trial(
                    params={"x": x},
                    distributions=space,
                    value=end + falling[-1],
                    intermediate_values={s: end + v for s, v in enumerate(falling)},
                )
            )
        for x in (0.2, 0.8):
            study.enqueue_trial({"x": x})
            running = study.ask(space)
            for step in range(5):
                running.report((0.5 if x == good else 1.5) + falling[step], step)
        other = optuna.load_study(study_name="a", storage=storage, sampler=QUBOSampler(seed=1))
        assert abs(other.ask(space).params["x"] - good) < 0.25


class TestTheSameInAnyProcess:
    @pytest.mark.parametrize("sampler", [TPESampler, QUBOSampler])
    def test_same_seed_same_trials(self, sampler: type[TPESampler] | type[QUBOSampler]) -> None:
        runs = []
        for _ in range(2):
            study = optuna.create_study(sampler=sampler(seed=3), pruner=ModelPruner())
            study.optimize(_training(), n_trials=14)
            runs.append([(t.params, t.intermediate_values) for t in study.trials])
        assert runs[0] == runs[1]

    def test_what_it_knows_is_in_the_storage(self, tmp_path: Path) -> None:
        """A pruner that has seen nothing decides as the one that has seen all."""
        storage = f"sqlite:///{tmp_path / 'study.db'}"
        known = ModelPruner()
        study = optuna.create_study(
            storage=storage, sampler=RandomSampler(seed=0), pruner=known, study_name="a"
        )
        study.optimize(_training(), n_trials=12)
        trial = study.ask()
        x, rate = (
            trial.suggest_float("x", -2.0, 2.0),
            trial.suggest_float("rate", 0.1, 1.0, log=True),
        )
        decided = []
        for step in range(0, STEPS, 6):
            trial.report(_curve(x, rate, step), step)
            frozen = study._storage.get_trial(trial._trial_id)
            other = optuna.load_study(study_name="a", storage=storage)
            fresh = pickle.loads(pickle.dumps(known))
            decided.append(known.prune(study, frozen))
            assert fresh.prune(other, frozen) == decided[-1]
        assert True in decided

    def test_threads_share_it(self) -> None:
        study = optuna.create_study(sampler=RandomSampler(seed=0), pruner=ModelPruner())
        study.optimize(_training(), n_trials=40, n_jobs=4)
        assert _pruned(study) > 10

    def test_one_pruner_serves_several_studies(self) -> None:
        pruner = ModelPruner()
        one, other = (
            optuna.create_study(sampler=RandomSampler(seed=0), pruner=pruner) for _ in range(2)
        )
        for _ in range(20):
            one.optimize(_training(), n_trials=1)
            other.optimize(_training(), n_trials=1)
        assert _states(one) == _states(other) == _states(_run(_training(), ModelPruner(), 20))


class TestArguments:
    @pytest.mark.parametrize("risk", [-0.1, 1.0, math.nan, "0.1", None, True])
    def test_risk(self, risk: object) -> None:
        with pytest.raises(QhpoError, match="risk must be a probability"):
            ModelPruner(risk)  # type: ignore[arg-type]

    @pytest.mark.parametrize("number", [0, -1, 2.5, "4", True])
    def test_n_startup_trials(self, number: object) -> None:
        with pytest.raises(QhpoError, match="n_startup_trials must be a whole number"):
            ModelPruner(n_startup_trials=number)  # type: ignore[arg-type]


def test_it_is_public_and_loaded_when_it_is_used() -> None:
    assert "ModelPruner" in qhpo.__all__
    assert qhpo.ModelPruner is ModelPruner
