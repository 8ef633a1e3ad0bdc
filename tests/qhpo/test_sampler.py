"""QUBOSampler in whole studies: odd values, odd spaces, exhaustion, fixed parameters, quality."""

from __future__ import annotations

import itertools
import logging
import math
import warnings
from collections.abc import Callable
from typing import Any

import dimod
import numpy as np
import optuna
import pytest
from dwave.samplers import SimulatedAnnealingSampler
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from qhpo import QhpoError, QUBOSampler
from qhpo.study import spent
from qhpo.suggest import Settings
from tests.qhpo.promises.cases import LIGHT

Objective = Callable[[optuna.Trial], float]
Space = dict[str, BaseDistribution]

GRID: Space = {
    "a": CategoricalDistribution(["x", "y", "z"]),
    "b": IntDistribution(0, 4),
    "c": FloatDistribution(0.0, 0.75, step=0.25),
}


def _study(**arguments: Any) -> optuna.Study:
    direction = arguments.pop("direction", "minimize")
    arguments = {"seed": 0, "n_startup_trials": 4, **arguments}
    return optuna.create_study(sampler=QUBOSampler(**arguments), direction=direction)


def _grid_values(trial: optuna.Trial) -> tuple[str, int, float]:
    return (
        trial.suggest_categorical("a", ["x", "y", "z"]),
        trial.suggest_int("b", 0, 4),
        trial.suggest_float("c", 0.0, 0.75, step=0.25),
    )


def _grid(trial: optuna.Trial) -> float:
    a, b, c = _grid_values(trial)
    return (a != "y") + abs(b - 3) + abs(c - 0.5)


def _keys(study: optuna.Study) -> list[tuple[tuple[str, Any], ...]]:
    return [tuple(sorted(trial.params.items())) for trial in study.trials]


def _messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name.startswith("qhpo")]


class TestValues:
    @pytest.mark.parametrize(
        "odd",
        [
            lambda n: math.nan if n % 3 == 1 else float(n),
            lambda n: math.inf if n % 3 == 1 else float(n),
            lambda n: -math.inf if n % 3 == 1 else float(n),
            lambda n: (math.inf, -math.inf, math.nan, 0.0)[n % 4],
            lambda n: (1e308, -1e308, 1e-320)[n % 3],
            lambda n: math.nan,
            lambda n: math.inf,
            lambda n: 7.0,
        ],
        ids=["nan", "inf", "-inf", "all odd", "extreme", "only nan", "only inf", "constant"],
    )
    @pytest.mark.parametrize("direction", ["minimize", "maximize"])
    @pytest.mark.filterwarnings("error")
    def test_any_value_is_taken(self, odd: Callable[[int], float], direction: str) -> None:
        study = _study(search_space=GRID, direction=direction)

        def objective(trial: optuna.Trial) -> float:
            _grid_values(trial)
            return odd(trial.number)

        study.optimize(objective, n_trials=14)
        assert len(study.trials) == 14
        assert len(set(_keys(study))) == 14

    def test_failed_and_pruned_trials_are_not_repeated(self) -> None:
        study = _study(search_space=GRID)

        def objective(trial: optuna.Trial) -> float:
            value = _grid(trial)
            if trial.number % 3 == 1:
                raise RuntimeError("broken")
            trial.report(value, 0)
            if trial.number % 3 == 2:
                raise optuna.TrialPruned
            return value

        study.optimize(objective, n_trials=24, catch=(RuntimeError,))
        assert {trial.state for trial in study.trials} == {
            TrialState.COMPLETE,
            TrialState.FAIL,
            TrialState.PRUNED,
        }
        assert len(set(_keys(study))) == 24

    @pytest.mark.parametrize("state", [TrialState.FAIL, TrialState.PRUNED])
    def test_a_study_that_never_completes_a_trial_goes_on(self, state: TrialState) -> None:
        study = _study(search_space=GRID)
        for _ in range(12):
            trial = study.ask()
            _grid_values(trial)
            study.tell(trial, state=state)
        assert len(set(_keys(study))) == 12

    def test_a_choice_that_always_gives_infinity_is_given_up(self) -> None:
        def objective(trial: optuna.Trial) -> float:
            x = trial.suggest_float("x", 0, 1)
            return math.inf if trial.suggest_categorical("k", list("abc")) == "b" else x

        # At random a third of them, 13 of 39, would still be it.
        late: list[str] = []
        for seed in range(3):
            study = _study(n_startup_trials=6, seed=seed, _settings=LIGHT)
            study.optimize(objective, n_trials=22)
            late += [trial.params["k"] for trial in study.trials[9:]]
        assert late.count("b") <= 6

    def test_trials_of_another_sampler_are_learnt_from(self) -> None:
        for seed in range(3):
            others = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
            others.optimize(_grid, n_trials=25)
            # The best three of sixty are left to be found.
            known = [t for t in others.trials if t.value is not None and t.value > 0.5]
            study = _study(seed=seed, n_startup_trials=10, _settings=LIGHT)
            study.add_trials(known)
            study.optimize(_grid, n_trials=6)
            assert set(_keys(study)[len(known) :]).isdisjoint(_keys(study)[: len(known)])
            assert study.best_value == 0.0


class TestSpaces:
    @pytest.mark.parametrize("n_axes", [1, 2, 16, 60, 200])
    def test_one_axis_to_two_hundred(self, n_axes: int) -> None:
        kinds: list[BaseDistribution] = [
            CategoricalDistribution(["a", "b", "c"]),
            IntDistribution(0, 3),
            FloatDistribution(0, 1),
            CategoricalDistribution([True, False]),
        ]
        space = {f"x{i:03}": kinds[i % len(kinds)] for i in range(n_axes)}
        if n_axes == 1:
            space = {"x": IntDistribution(0, 9)}
        study = _study(search_space=space, n_startup_trials=3)
        for number in range(4):
            trial = study.ask(space)
            assert trial.params.keys() == space.keys()
            study.tell(trial, float(number % 2))
        assert len(set(_keys(study))) == 4

    def test_axes_of_one_value_are_left_alone(self) -> None:
        study = _study(n_startup_trials=2)

        def objective(trial: optuna.Trial) -> float:
            assert trial.suggest_int("one", 5, 5) == 5
            assert trial.suggest_categorical("only", ["x"]) == "x"
            assert trial.suggest_float("fixed", 0.5, 0.5) == 0.5
            return float(trial.suggest_int("x", 0, 5))

        study.optimize(objective, n_trials=6)
        inferred = study.sampler.infer_relative_search_space(study, study.trials[-1])
        assert inferred.keys() == {"x"}
        assert {trial.params["x"] for trial in study.trials} == set(range(6))

    @pytest.mark.parametrize("names", [["one"], []], ids=["only one value", "no parameters"])
    def test_a_study_with_nothing_to_choose_runs(self, names: list[str]) -> None:
        study = _study(n_startup_trials=1)
        study.optimize(lambda t: float(sum(t.suggest_int(n, 5, 5) for n in names)), n_trials=4)
        assert [trial.params for trial in study.trials] == [dict.fromkeys(names, 5)] * 4

    def test_stepped_floats_that_are_no_binary_fractions(self) -> None:
        study = _study(n_startup_trials=2)

        def objective(trial: optuna.Trial) -> float:
            x = trial.suggest_float("x", 0.0, 0.3, step=0.1)
            return x + trial.suggest_float("y", 0.1, 0.9, step=0.2)

        study.optimize(objective, n_trials=20)
        rounded = {tuple(round(v, 9) for v in trial.params.values()) for trial in study.trials}
        assert len(rounded) == 20

    def test_any_object_may_be_a_choice(self) -> None:
        choices = [math.sin, math.cos, (1, 2), float("nan"), None]
        study = _study(n_startup_trials=2)

        def objective(trial: optuna.Trial) -> float:
            chosen = trial.suggest_categorical("f", choices)
            return float(chosen is math.cos) + trial.suggest_int("x", 0, 3)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna's, that such choices cannot be stored
            study.optimize(objective, n_trials=20)
        assert len({str(trial.params) for trial in study.trials}) == 20

    def test_equal_choices_are_one(self, caplog: pytest.LogCaptureFixture) -> None:
        # Optuna stores the first of them, so a trial given another would never be recognized.
        study = _study(n_startup_trials=2)

        def objective(trial: optuna.Trial) -> float:
            given = trial.suggest_categorical("flag", [0, False, "a", 0.0])
            assert type(given) in (int, str)
            single = trial.suggest_categorical("single", [1, True])
            return single + float(given == 0) + trial.suggest_int("x", 0, 3)

        with caplog.at_level(logging.INFO, logger="qhpo"):
            study.optimize(objective, n_trials=8)
            assert len(set(_keys(study))) == 8
            assert _messages(caplog) == []
            study.optimize(objective, n_trials=2)
        assert len(_messages(caplog)) == 1

    def test_changing_ranges(self) -> None:
        study = _study(n_startup_trials=2)

        def objective(trial: optuna.Trial) -> float:
            high = 5 if trial.number % 2 else 10
            x = trial.suggest_int("x", 0, high)
            assert 0 <= x <= high
            y = trial.suggest_float("y", -high, high)
            assert -high <= y <= high
            return x + y

        study.optimize(objective, n_trials=12)


class TestDeclaredSpace:
    def test_is_suggested_jointly_from_the_first_trial(self) -> None:
        sampler = QUBOSampler(GRID, seed=0)
        study = optuna.create_study(sampler=sampler)
        trial = study.ask()
        relative = sampler.infer_relative_search_space(study, study.trials[0])
        assert relative == GRID
        _grid(trial)
        assert set(trial.relative_params) == set(GRID)

    def test_other_parameters_have_models_of_their_own(self) -> None:
        def objective(trial: optuna.Trial) -> float:
            a, _, c = _grid_values(trial)
            assert trial.relative_params.keys() == {"b"}
            # Values that many trials share would be left for what is less known.
            return float(a != "y") + 0.1 * c + 1e-3 * trial.number

        # At random a third of them, 8 of 24, would be it.
        late: list[str] = []
        for seed in range(2):
            study = _study(search_space={"b": GRID["b"]}, seed=seed, _settings=LIGHT)
            study.optimize(objective, n_trials=18)
            late += [trial.params["a"] for trial in study.trials[6:]]
        assert late.count("y") >= 16

    def test_a_narrower_range_in_the_objective_wins(self) -> None:
        study = _study(search_space={"x": IntDistribution(0, 100)}, n_startup_trials=2)
        study.optimize(lambda trial: float(trial.suggest_int("x", 40, 42)), n_trials=6)
        assert all(40 <= trial.params["x"] <= 42 for trial in study.trials)

    def test_the_mapping_is_copied(self) -> None:
        space: Space = {"x": IntDistribution(0, 9)}
        sampler = QUBOSampler(space, seed=0)
        space["y"] = IntDistribution(0, 9)
        study = optuna.create_study(sampler=sampler)
        study.ask()
        assert sampler.infer_relative_search_space(study, study.trials[0]).keys() == {"x"}

    @pytest.mark.parametrize("n_each", [2, 8], ids=["few axes", "trust region"])
    def test_parameters_that_only_some_trials_have_are_learnt_to_be_so(self, n_each: int) -> None:
        space: Space = {"kind": CategoricalDistribution(list("abc"))}
        names = {k: [f"{k}{i}" for i in range(n_each)] for k in "abc"}
        for name in itertools.chain(*names.values()):
            space[name] = IntDistribution(1, 100)
        study = _study(search_space=space, n_startup_trials=5, _settings=LIGHT)

        def objective(trial: optuna.Trial) -> float:
            kind = trial.suggest_categorical("kind", list("abc"))
            values = [trial.suggest_int(name, 1, 100) for name in names[kind]]
            if trial.number >= 15:
                assert trial.relative_params.keys() == {"kind", *names[kind]}
            return (kind == "a") + sum((value - 30) ** 2 for value in values) / 1000

        study.optimize(objective, n_trials=20)
        assert len(set(_keys(study))) == 20


class TestExhaustion:
    @pytest.mark.parametrize("space", [GRID, None], ids=["declared", "inferred"])
    @pytest.mark.parametrize("n_startup_trials", [0, 10])
    def test_a_space_of_sixty_is_finished_exactly(
        self, space: Space | None, n_startup_trials: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        study = _study(search_space=space, n_startup_trials=n_startup_trials)
        with caplog.at_level(logging.INFO, logger="qhpo"):
            study.optimize(_grid, n_trials=60)
            assert len(set(_keys(study))) == 60
            assert _messages(caplog) == []
            study.optimize(_grid, n_trials=5)
        assert len(study.trials) == 65
        (message,) = _messages(caplog)
        assert "every configuration of the search space has been tried" in message

    def test_after_the_last_the_best_are_suggested_again(self) -> None:
        study = _study(search_space=GRID)
        study.optimize(_grid, n_trials=66)
        assert np.mean([trial.value for trial in study.trials[60:]]) < 1.0

    def test_a_space_of_two(self, caplog: pytest.LogCaptureFixture) -> None:
        study = _study(search_space={"x": CategoricalDistribution([1, 2])}, n_startup_trials=1)
        with caplog.at_level(logging.INFO, logger="qhpo"):
            study.optimize(lambda t: float(t.suggest_categorical("x", [1, 2])), n_trials=6)
        assert {trial.params["x"] for trial in study.trials[:2]} == {1, 2}
        assert len(_messages(caplog)) == 1

    def test_wide_integers_do_not_repeat(self) -> None:
        # Optimum and edges attract every trial.
        study = _study(n_startup_trials=5)
        study.optimize(lambda trial: abs(trial.suggest_int("n", 0, 40) - 17), n_trials=41)
        assert {trial.params["n"] for trial in study.trials} == set(range(41))

    def test_numbers_at_the_edge_do_not_repeat(self) -> None:
        study = _study(n_startup_trials=3)

        def objective(trial: optuna.Trial) -> float:
            return -trial.suggest_float("x", 1e-7, 0.3, log=True) - trial.suggest_float(
                "y", 0.1, 0.7
            )

        study.optimize(objective, n_trials=25)
        assert len(set(_keys(study))) == 25

    def test_an_exhausted_corner_is_not_the_whole_space(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        study = _study(search_space=GRID, n_startup_trials=2)
        for _ in range(3):
            study.enqueue_trial({"a": "x", "b": 0, "c": 0.0})
        for _ in range(6):
            study.enqueue_trial({"a": "x", "b": 0})
        with caplog.at_level(logging.INFO, logger="qhpo"):
            study.optimize(_grid, n_trials=9)
            # The corner has four configurations, the space sixty.
            assert [m for m in _messages(caplog) if "of the search space has been tried" in m] == []
            study.optimize(_grid, n_trials=56)
        assert len(set(_keys(study))) == 60


class TestFixedParameters:
    @pytest.mark.parametrize("way", ["enqueued", "partial fixed sampler"])
    @pytest.mark.parametrize("n_startup_trials", [3, 20])
    def test_all_that_agrees_with_what_is_fixed_is_finished_exactly(
        self, n_startup_trials: int, way: str
    ) -> None:
        study = _study(search_space=GRID, n_startup_trials=n_startup_trials, _settings=LIGHT)
        study.enqueue_trial({"a": "z", "b": 2, "c": 0.25})
        study.optimize(_grid, n_trials=6)
        # Twelve of the sixty have b = 2.
        n_left = 12 - sum(trial.params["b"] == 2 for trial in study.trials)
        if way == "enqueued":
            for _ in range(n_left):
                study.enqueue_trial({"b": 2})
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.sampler = optuna.samplers.PartialFixedSampler({"b": 2}, study.sampler)
        study.optimize(_grid, n_trials=n_left)
        assert {trial.params["b"] for trial in study.trials[6:]} == {2}
        assert len(set(_keys(study))) == 6 + n_left

    def test_the_rest_is_chosen_given_what_is_fixed(self) -> None:
        best = {"left": 20, "right": 80}

        def objective(trial: optuna.Trial) -> float:
            side = trial.suggest_categorical("side", ["left", "right"])
            n = trial.suggest_int("n", 0, 100)
            # The right side is worse, so that only what is fixed leads there.
            return abs(n - best[side]) / 10 + 5.0 * (side == "right")

        on_its_side = 0
        for seed in range(4):
            study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
            study.optimize(objective, n_trials=24)
            study.sampler = QUBOSampler(seed=seed)
            for side in best:
                study.enqueue_trial({"side": side})
                study.optimize(objective, n_trials=1)
                on_its_side += abs(study.trials[-1].params["n"] - best[side]) < 30
        assert on_its_side >= 7

    def test_a_fixed_value_outside_the_space_is_not_learnt_into_it(self) -> None:
        study = _study(search_space={"x": IntDistribution(0, 5), "y": IntDistribution(0, 5)})
        study.enqueue_trial({"x": 50})

        def objective(trial: optuna.Trial) -> float:
            # The more the better, so that 50 would attract.
            value = -trial.suggest_int("x", 0, 100) - trial.suggest_int("y", 0, 5)
            assert trial.relative_params.keys() >= {"y"}
            return value

        study.optimize(objective, n_trials=8)
        assert study.trials[0].params["x"] == 50
        assert all(trial.params["x"] <= 5 for trial in study.trials[1:])
        assert len(set(_keys(study))) == 8


class TestSolvers:
    def test_a_sampler_object_is_asked(self) -> None:
        solver = dimod.TrackingComposite(SimulatedAnnealingSampler())
        study = _study(solver=solver, n_startup_trials=4)
        study.optimize(_grid, n_trials=4)
        assert len(solver.inputs) == 0
        study.optimize(_grid, n_trials=1)
        assert len(solver.inputs) >= 1
        assert all(len(output) for output in solver.outputs)

    def test_the_search_starts_from_its_answers(self) -> None:
        # Nothing else to start from is drawn or remembered, and one step at a time leads nowhere.
        alone = Settings(priors=LIGHT.priors, draws=1, random_starts=0, incumbents=0)
        pairs = np.random.default_rng(0).normal(size=(8, 8, 5, 5))

        def rugged(trial: optuna.Trial) -> float:
            x = [trial.suggest_categorical(f"x{i}", range(5)) for i in range(8)]
            return float(sum(pairs[i, j, x[i], x[j]] for i in range(8) for j in range(i)))

        def mean(solver: dimod.Sampler) -> float:
            values: list[float | None] = []
            for seed in range(2):
                study = _study(solver=solver, n_startup_trials=20, seed=seed, _settings=alone)
                study.optimize(rugged, n_trials=30)
                values += [trial.value for trial in study.trials[20:]]
            return float(np.mean(values))

        # The values of random configurations have standard deviation 5 around 0.
        assert mean(SimulatedAnnealingSampler()) < mean(dimod.NullSampler()) - 2.5

    def test_one_that_answers_nothing_costs_no_trial(self) -> None:
        # Of more axes than the size reduction solves by itself.
        pairs = np.random.default_rng(0).normal(size=(8, 8, 5, 5))

        def rugged(trial: optuna.Trial) -> float:
            x = [trial.suggest_categorical(f"x{i}", range(5)) for i in range(8)]
            return float(sum(pairs[i, j, x[i], x[j]] for i in range(8) for j in range(i)))

        solver = dimod.TrackingComposite(dimod.NullSampler())
        study = _study(solver=solver, _settings=LIGHT)
        study.optimize(rugged, n_trials=20)
        assert len(solver.inputs) >= 1
        assert len(set(_keys(study))) == 20

    def test_a_model_too_large_for_the_solver_costs_no_trial(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        space: Space = {f"x{i}": IntDistribution(0, 9) for i in range(10)}
        study = _study(search_space=space, solver="exact", n_startup_trials=1)
        for value in range(3):
            study.tell(study.ask(space), float(value))
        (told,) = [r.getMessage() for r in caplog.records if "10,000,000,000" in r.getMessage()]
        assert "neal takes over" in told
        done = spent(study.trials)
        assert set(done) == {"exact", "neal"}
        assert (done["exact"].calls, done["exact"].failed) == (0, 2)
        assert "10,000,000,000" in done["neal"].fallback


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            ({"n_startup_trials": -1}, ("n_startup_trials", "0 or more", "-1")),
            ({"n_startup_trials": 2.5}, ("n_startup_trials", "2.5")),
            ({"n_startup_trials": "ten"}, ("n_startup_trials", "ten")),
            ({"seed": -3}, ("seed", "0 or more", "-3")),
            ({"seed": 1.5}, ("seed", "1.5")),
            ({"seed": "zero"}, ("seed", "zero")),
            ({"solver": "neel"}, ("solver", "'neel'", "did you mean 'neal'")),
            ({"solver": 3}, ("solver", "3", "dimod.Sampler")),
            ({"search_space": {"x": (0, 1)}}, ("'x'", "(0, 1)", "float, int or categorical")),
            ({"search_space": {1: IntDistribution(0, 1)}}, ("search_space", "1")),
            ({"search_space": [("x", "y", "z")]}, ("search_space",)),
        ],
        ids=str,
    )
    def test_a_wrong_one_is_named_at_once(
        self, arguments: dict[str, Any], parts: tuple[str, ...]
    ) -> None:
        with pytest.raises(QhpoError) as error:
            QUBOSampler(**arguments)
        message = str(error.value)
        assert [part for part in parts if part not in message] == []
        assert "\n" not in message

    def test_any_whole_number_is_a_seed(self) -> None:
        def first(seed: Any) -> tuple[float, ...]:
            study = _study(seed=seed, n_startup_trials=0, _settings=LIGHT)
            study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
            return tuple(trial.params["x"] for trial in study.trials)

        for seed in (0, np.int64(3), 2**70):
            assert first(seed) == first(seed)
        assert first(np.int64(3)) == first(3)
        assert len({first(seed) for seed in (0, 3, 2**70, 2**70 + 1, None, None)}) == 6


class TestQuality:
    @staticmethod
    def _separable(trial: optuna.Trial) -> float:
        total = 0.0
        for i in range(6):
            total += abs(trial.suggest_int(f"n{i}", 0, 9) - (3 * i) % 10)
        for i in range(4):
            total += 3.0 * (trial.suggest_categorical(f"c{i}", list("abcde")) != "abcde"[i])
        return total

    @staticmethod
    def _mean_best(
        objective: Objective, sampler: Callable[[int], optuna.samplers.BaseSampler], n_trials: int
    ) -> float:
        best = []
        for seed in range(3):
            study = optuna.create_study(sampler=sampler(seed))
            study.optimize(objective, n_trials=n_trials)
            best.append(study.best_value)
        return float(np.mean(best))

    def test_a_separable_function_is_learnt(self) -> None:
        random = self._mean_best(
            self._separable, lambda seed: optuna.samplers.RandomSampler(seed=seed), 40
        )
        ours = self._mean_best(self._separable, lambda seed: QUBOSampler(seed=seed), 40)
        assert ours < 0.5 * random

    def test_continuous_numbers_are_found_between_the_levels(self) -> None:
        def objective(trial: optuna.Trial) -> float:
            x = trial.suggest_float("x", -1, 1) - 0.2345
            y = math.log10(trial.suggest_float("y", 1e-4, 1.0, log=True)) + 1.7
            return x * x + y * y

        random = self._mean_best(
            objective, lambda seed: optuna.samplers.RandomSampler(seed=seed), 30
        )
        ours = self._mean_best(objective, lambda seed: QUBOSampler(seed=seed), 30)
        assert ours < 0.2 * random

    def test_the_first_trials_see_every_level(self) -> None:
        study = _study(search_space=GRID, n_startup_trials=5)
        study.optimize(_grid, n_trials=5)
        assert {trial.params["b"] for trial in study.trials} == set(range(5))
        assert {trial.params["a"] for trial in study.trials} == {"x", "y", "z"}
        assert len({trial.params["c"] for trial in study.trials}) == 4

    def test_the_design_is_the_same_whether_the_space_is_declared_or_not(self) -> None:
        studies = [_study(search_space=space, n_startup_trials=6) for space in (GRID, None)]
        for study in studies:
            study.optimize(_grid, n_trials=6)
        assert _keys(studies[0]) == _keys(studies[1])
