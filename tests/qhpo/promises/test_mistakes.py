"""What is fixed, asked for or declared against the constraints is an error, or respected."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import optuna
import pytest
from optuna.distributions import (
    IntDistribution,
)
from optuna.trial import TrialState

from qhpo import QhpoError, QUBOSampler
from qhpo import constraints as c
from qhpo.constraints import Constraint
from tests.qhpo.promises.cases import (
    CASES,
    LAYER_CONDITIONS,
    LAYERS,
    SHARES,
    WIDTHS,
    Space,
    ask_all,
    ask_layers,
    is_narrowing,
    keys,
    make_study,
    messages,
    narrows,
    objective_of,
    score,
)


class TestFixedInAdvance:
    SPACE, RULES, _ = CASES["relation of two"]

    @pytest.mark.parametrize("params", [{"w1": 2, "w2": 5, "w3": 1}, {"w1": 2, "w2": 5}], ids=str)
    def test_what_breaks_a_constraint_is_an_error(self, params: dict[str, int]) -> None:
        study = make_study(self.SPACE, self.RULES)
        study.optimize(objective_of(self.SPACE), n_trials=2)
        study.enqueue_trial(params)
        with pytest.raises(QhpoError) as error:
            study.optimize(objective_of(self.SPACE), n_trials=1)
        message = str(error.value)
        assert "'w1': 2, 'w2': 5" in message
        assert "relation(('w1', 'w2'), is_narrowing)" in message
        assert "('w2', 'w3')" not in message
        assert [t.state.name for t in study.trials] == ["COMPLETE", "COMPLETE", "FAIL"]
        study.optimize(objective_of(self.SPACE), n_trials=3)
        assert [t.state.name for t in study.trials[3:]] == ["COMPLETE"] * 3
        assert all(narrows(t.params) for t in study.trials[3:])

    @pytest.mark.parametrize(
        ("params", "parts"),
        [
            ({"w1": 9}, ("'w1'", "9", "high=8")),
            ({"w1": 4, "width": 4}, ("width", "w1, w2, w3")),
        ],
        ids=str,
    )
    def test_what_is_not_in_the_space_is_an_error(
        self, params: dict[str, int], parts: tuple[str, ...]
    ) -> None:
        study = make_study(self.SPACE, self.RULES)
        study.enqueue_trial(params)
        with pytest.raises(QhpoError) as error:
            study.ask()
        assert [part for part in parts if part not in str(error.value)] == []
        assert study.trials[0].state == TrialState.FAIL

    def test_a_whole_trial_that_keeps_them_is_run(self) -> None:
        study = make_study(self.SPACE, self.RULES)
        params = {"w1": 5, "w2": 5, "w3": 1}
        study.enqueue_trial(params)
        study.optimize(objective_of(self.SPACE), n_trials=6)
        assert study.trials[0].params == params
        assert all(narrows(t.params) for t in study.trials)
        assert len(set(keys(study))) == 6

    @pytest.mark.parametrize("n_before", [0, 6])
    def test_the_rest_is_chosen_given_what_is_fixed(self, n_before: int) -> None:
        study = make_study(self.SPACE, self.RULES)
        study.optimize(objective_of(self.SPACE), n_trials=n_before)
        for w2 in (8, 1, 3, 3):
            study.enqueue_trial({"w2": w2})
        study.optimize(objective_of(self.SPACE), n_trials=4)
        assert [t.params["w2"] for t in study.trials[n_before:]] == [8, 1, 3, 3]
        assert all(narrows(t.params) for t in study.trials)
        assert len(set(keys(study))) == n_before + 4

    def test_floats_give_way_to_what_is_fixed(self) -> None:
        space, rules, truth = CASES["equality of floats"]
        study = make_study(space, rules, n_startup_trials=2)
        for s0 in (0.123, 0.9, 1 / 3, 0.0, 1.0):
            study.enqueue_trial({"s0": s0})
        study.optimize(objective_of(space), n_trials=5)
        assert [t.params["s0"] for t in study.trials] == [0.123, 0.9, 1 / 3, 0.0, 1.0]
        assert all(truth(t.params) for t in study.trials)

    @pytest.mark.parametrize("w1", [1, 3])
    def test_a_sampler_around_it_that_fixes_parameters(self, w1: int) -> None:
        study = make_study(self.SPACE, self.RULES, n_startup_trials=2)
        study.optimize(objective_of(self.SPACE), n_trials=3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.sampler = optuna.samplers.PartialFixedSampler({"w1": w1}, study.sampler)
        # One configuration has w1 = 1, six have w1 = 3 (w1 >= w2 >= w3).
        study.optimize(objective_of(self.SPACE), n_trials=4)
        assert [t.params["w1"] for t in study.trials[3:]] == [w1] * 4
        assert all(narrows(t.params) for t in study.trials)
        study.enqueue_trial({"w2": w1 + 1})
        with pytest.raises(QhpoError, match=r"'w1': .*, 'w2'"):
            study.optimize(objective_of(self.SPACE), n_trials=1)
        assert study.trials[-1].state == TrialState.FAIL

    def test_a_fixed_child_that_is_inactive_does_no_harm(self) -> None:
        study = make_study(LAYERS, conditions=LAYER_CONDITIONS, n_startup_trials=1)

        def objective(trial: optuna.Trial) -> float:
            params = ask_layers(trial)
            # What is fixed is not suggested where it is inactive, and switches nothing on.
            assert trial.relative_params.keys() | {"n", "width_2"} >= params.keys()
            assert ("width_1" in trial.relative_params) == (params["n"] > 1)
            return score(params)

        # One layer has three configurations, whatever is fixed of the third.
        study.enqueue_trial({"n": 1, "width_2": "l"})
        study.enqueue_trial({"n": 1})
        study.enqueue_trial({"n": 1, "width_2": "s"})
        study.enqueue_trial({"n": 3, "width_2": "l"})
        study.optimize(objective, n_trials=4)
        assert len({key for key in keys(study) if ("n", 1) in key}) == 3
        assert study.trials[3].params["width_2"] == "l"


class TestTheObjectiveMustAskAsDeclared:
    SPACE, RULES, _ = CASES["relation of two"]

    def test_for_more_than_is_declared(self) -> None:
        study = make_study(self.SPACE, self.RULES)

        def objective(trial: optuna.Trial) -> float:
            return score(ask_all(trial, self.SPACE)) + trial.suggest_float("more", 0, 1)

        with pytest.raises(QhpoError, match=r"'more'.*nothing of that name"):
            study.optimize(objective, n_trials=1)
        assert study.trials[0].state == TrialState.FAIL

    def test_for_a_narrower_range(self) -> None:
        study = make_study(self.SPACE, self.RULES)

        def objective(trial: optuna.Trial) -> float:
            w1 = trial.suggest_int("w1", 1, 2)
            return w1 + trial.suggest_int("w2", 1, 8) + trial.suggest_int("w3", 1, 8)

        with pytest.raises(QhpoError, match=r"'w1'.*high=2.*declared.*high=8"):
            study.optimize(objective, n_trials=30)
        assert len(study.trials) == 1

    @pytest.mark.parametrize(
        "asked",
        [
            {"w1": IntDistribution(1, 16)},
            {"w2": IntDistribution(1, 8, log=True)},
            {"w2": IntDistribution(2, 8, step=2)},
            {"w3": IntDistribution(4, 4)},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("is_pruned", [False, True])
    def test_at_the_first_trial_also_where_its_value_is_in_both(
        self, asked: Space, is_pruned: bool
    ) -> None:
        study = make_study(self.SPACE, [c.linear({"w1": 1, "w2": 1}, "<=", 16)])
        # What is fixed for a trial is not asked of the sampler.
        study.enqueue_trial({"w1": 4, "w2": 4, "w3": 4})

        def objective(trial: optuna.Trial) -> float:
            for name, distribution in {**self.SPACE, **asked}.items():
                trial._suggest(name, distribution)
            if is_pruned:
                raise optuna.TrialPruned
            return 0.0

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(QhpoError, match=f"got '{next(iter(asked))}' with .*; declared"):
                study.optimize(objective, n_trials=1)

    def test_without_constraints_a_part_of_a_range_may_be_asked_for(self) -> None:
        study = make_study(self.SPACE)
        study.optimize(lambda t: t.suggest_int("w1", 1, 2), n_trials=6)
        assert {t.params["w1"] for t in study.trials} <= {1, 2}

    @pytest.mark.parametrize("asked", [{}, {"lr": IntDistribution(0, 3)}], ids=str)
    @pytest.mark.parametrize("rules", [[], RULES], ids=["free", "constrained"])
    def test_for_nothing_that_is_declared(self, asked: Space, rules: list[Constraint]) -> None:
        study = make_study(self.SPACE, rules)
        with pytest.raises(QhpoError) as error:
            study.optimize(lambda t: len(ask_all(t, asked)), n_trials=5)
        assert len(study.trials) == 1
        assert all(name in str(error.value) for name in asked)
        assert "w1" in str(error.value) or asked

    def test_for_less_than_is_declared_is_told_once(self, caplog: pytest.LogCaptureFixture) -> None:
        study = make_study({**self.SPACE, "lr": IntDistribution(0, 3)})
        objective = objective_of(self.SPACE)
        study.optimize(lambda t: objective(t) + t.suggest_int("rate", 0, 3), n_trials=7)
        (message,) = messages(caplog)
        assert "4 trials" in message
        assert "'lr'" in message

    def test_one_trial_may_end_before_it_asks(self) -> None:
        study = make_study(self.SPACE)
        objective = objective_of(self.SPACE)
        study.optimize(lambda t: 9.0 if t.number == 2 else objective(t), n_trials=4)
        assert len(study.trials) == 4

    def test_for_a_single_value_which_no_sampler_is_asked_for(self) -> None:
        study = make_study({**self.SPACE, "one": IntDistribution(3, 3)}, self.RULES)

        def objective(trial: optuna.Trial) -> float:
            return score(ask_all(trial, self.SPACE)) + trial.suggest_int("one", 3, 3)

        study.optimize(objective, n_trials=6)
        assert all(narrows(t.params) for t in study.trials)
        assert len(set(keys(study))) == 6

    def test_otherwise_the_trial_is_named_that_broke_a_constraint(self) -> None:
        space, rules, _ = CASES["exactly"]
        study = make_study(space, rules)
        # Of what must be there some is not asked for.
        some = {name: space[name] for name in list(space)[:1]}
        with pytest.raises(QhpoError, match=r"trial \d+ breaks exactly"):
            study.optimize(objective_of(some), n_trials=20)

    def test_pruned_trials_need_not_have_asked_for_everything(self) -> None:
        space, rules, truth = CASES["exactly"]
        study = make_study(space, rules, n_startup_trials=2)

        def objective(trial: optuna.Trial) -> float:
            a = trial._suggest("a", space["a"])
            trial.report(float(a), 0)
            if trial.number % 2:
                raise optuna.TrialPruned
            return score(ask_all(trial, space))

        study.optimize(objective, n_trials=12)
        assert [t.state.name for t in study.trials] == ["COMPLETE", "PRUNED"] * 6
        assert all(truth(t.params) for t in study.trials[::2])


class TestUnsatisfiable:
    def test_a_smallest_conflict_is_named_at_construction(self) -> None:
        rules = [
            c.all_different("w1", "w2", "w3"),
            c.linear({"w1": 1, "w2": 1}, "<=", 5),
            c.relation(("w1", "w2"), is_narrowing),
            c.linear({"w1": 1, "w2": 1, "w3": 1}, ">=", 20),
        ]
        with pytest.raises(QhpoError) as error:
            QUBOSampler(WIDTHS, constraints=rules)
        message = str(error.value)
        assert "no configuration keeps" in message
        assert "linear({'w1': 1, 'w2': 1}, '<=', 5)" in message
        assert "'>=', 20)" in message
        assert "all_different" not in message
        assert "relation" not in message

    @pytest.mark.parametrize(
        ("space", "rules"),
        [
            (WIDTHS, [c.linear({"w1": 1, "w2": 1}, ">=", 17)]),
            (WIDTHS, [c.forbid(w1=range(1, 9))]),
            (SHARES, [c.linear(dict.fromkeys(SHARES, 1.0), "==", 3.5)]),
            (
                {name: IntDistribution(0, 2) for name in "abcd"},
                [c.all_different(*"abcd")],
            ),
        ],
        ids=["linear", "forbid", "floats", "pigeons"],
    )
    def test_one_alone(self, space: Space, rules: list[Constraint]) -> None:
        with pytest.raises(QhpoError) as error:
            QUBOSampler(space, constraints=rules)
        assert repr(rules[0]) in str(error.value)

    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            ({"constraints": [c.forbid(a=1)]}, ("search_space=None", "QUBOSampler({...}")),
            ({"constraints": c.forbid(a=1)}, ("must be a list", "forbid({'a': 1})")),
            ({"constraints": 3}, ("must be a list", "got 3")),
            ({"search_space": WIDTHS, "constraints": [len]}, ("constraints.predicate", "len")),
            (
                {"search_space": WIDTHS, "constraints": [c.forbid(w4=1)]},
                ("'w4'", "w1, w2, w3"),
            ),
            ({"search_space": WIDTHS, "constraints": [c.forbid(w1=9)]}, ("'w1'", "9", "high=8")),
            ({"conditions": {"w1": {"w2": 1}}}, ("search_space", "learnt")),
            ({"search_space": WIDTHS, "conditions": {"w1": {"w4": 1}}}, ("'w4'", "w1, w2, w3")),
            ({"search_space": WIDTHS, "conditions": {"w1": {"w1": 1}}}, ("depend on itself",)),
        ],
        ids=str,
    )
    def test_a_wrong_argument_is_named_at_once(
        self, arguments: dict[str, Any], parts: tuple[str, ...]
    ) -> None:
        with pytest.raises(QhpoError) as error:
            QUBOSampler(**arguments)
        message = str(error.value)
        assert [part for part in parts if part not in message] == []
        assert "\n" not in message

    def test_pairs_that_do_not_conflict_may_conflict_as_three(self) -> None:
        rules = [
            c.relation(("a", "b"), operator.ne),
            c.relation(("b", "c"), operator.ne),
            c.relation(("a", "c"), operator.ne),
            c.at_least(1, {"a": 1, "d": 1}),
        ]
        space: Space = {name: IntDistribution(0, 1) for name in "abcd"}
        with pytest.raises(QhpoError) as error:
            QUBOSampler(space, constraints=rules)
        assert [repr(rule) in str(error.value) for rule in rules] == [True, True, True, False]
