"""Small spaces are finished exactly, then the best come again."""

from __future__ import annotations

import logging
import operator

import optuna
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    IntDistribution,
)

from qhpo import constraints as c
from qhpo.constraints import Constraint
from qhpo.constraints.structures import Subset
from tests.qhpo.promises.cases import (
    CASES,
    LAYER_CONDITIONS,
    LAYERS,
    Params,
    Space,
    Truth,
    all_feasible,
    ask_all,
    ask_layers,
    every_layers,
    keys,
    make_study,
    messages,
    objective_of,
    score,
)


class TestSmallSpacesAreFinished:
    @pytest.mark.parametrize("n_startup_trials", [0, 10])
    @pytest.mark.parametrize(
        ("space", "rules", "truth"),
        [
            (
                {
                    "a": IntDistribution(0, 3),
                    "b": IntDistribution(0, 3),
                    "k": CategoricalDistribution(["x", "y"]),
                },
                [c.relation(("a", "b"), operator.lt), c.forbid(k="x", a=0)],
                lambda p: p["a"] < p["b"] and not (p["k"] == "x" and p["a"] == 0),
            ),
            (
                {"a": IntDistribution(0, 20), "b": IntDistribution(0, 20)},
                [c.linear({"a": 3, "b": 4}, "==", 60)],
                lambda p: 3 * p["a"] + 4 * p["b"] == 60,
            ),
            (
                Subset("f", list("abcd"), k=2).search_space,
                Subset("f", list("abcd"), k=2).constraints,
                lambda p: sum(p.values()) == 2,
            ),
            (
                {"a": IntDistribution(0, 4), "b": IntDistribution(0, 4)},
                [c.predicate(lambda p: (p["a"] * p["b"]) % 4 == 3)],
                lambda p: (p["a"] * p["b"]) % 4 == 3,
            ),
        ],
        ids=["relation", "equality", "subset", "predicate"],
    )
    def test_every_feasible_configuration_comes_once(
        self,
        space: Space,
        rules: list[Constraint],
        truth: Truth,
        n_startup_trials: int,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        expected = {tuple(sorted(p.items())) for p in all_feasible(space, truth)}
        study = make_study(space, rules, n_startup_trials=n_startup_trials)
        with caplog.at_level(logging.INFO, logger="qhpo"):
            study.optimize(objective_of(space), n_trials=len(expected))
            assert set(keys(study)) == expected
            assert messages(caplog) == []
            study.optimize(objective_of(space), n_trials=3)
        (message,) = messages(caplog)
        assert "every configuration of the search space that keeps the constraints" in message
        best = sorted(t.value for t in study.trials[: len(expected)])
        assert all(t.value <= best[min(4, len(best) - 1)] for t in study.trials[len(expected) :])

    @pytest.mark.parametrize("n_startup_trials", [0, 6])
    def test_declared_conditions(
        self, n_startup_trials: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        expected = every_layers()
        study = make_study(LAYERS, conditions=LAYER_CONDITIONS, n_startup_trials=n_startup_trials)
        with caplog.at_level(logging.INFO, logger="qhpo"):
            study.optimize(lambda t: score(ask_layers(t)), n_trials=len(expected))
            assert set(keys(study)) == expected
            assert messages(caplog) == []
            study.optimize(lambda t: score(ask_layers(t)), n_trials=2)
        assert len(messages(caplog)) == 1

    @pytest.mark.parametrize("space", [LAYERS, None], ids=["declared", "inferred"])
    def test_learnt_conditions(self, space: Space | None) -> None:
        expected = every_layers()
        study = make_study(space, n_startup_trials=8)
        study.optimize(lambda t: score(ask_layers(t)), n_trials=len(expected) + 8)
        # The first trials, before anything is known, may repeat.
        assert set(keys(study)) == expected

    def test_constraints_and_conditions_together(self) -> None:
        space = {**LAYERS, "rate": IntDistribution(0, 1)}
        rules = [c.forbid(width_0="s", width_1="l"), c.linear({"n": 1, "rate": 1}, "<=", 3)]

        def truth(params: Params) -> bool:
            is_growing = params["width_0"] == "s" and params.get("width_1") == "l"
            return not is_growing and params["n"] + params["rate"] <= 3

        def objective(trial: optuna.Trial) -> float:
            return score({**ask_layers(trial), "rate": trial.suggest_int("rate", 0, 1)})

        every = [{**dict(params), "rate": rate} for params in every_layers() for rate in (0, 1)]
        expected = {tuple(sorted(params.items())) for params in every if truth(params)}
        study = make_study(space, rules, conditions=LAYER_CONDITIONS)
        study.optimize(objective, n_trials=len(expected))
        assert set(keys(study)) == expected

    @pytest.mark.parametrize(
        ("high", "rule", "truth"),
        [
            (
                {"x": 1000, "y": 1000},
                c.linear({"x": 1, "y": 1}, "==", 7),
                lambda p: p["x"] + p["y"] == 7,
            ),
            (
                {"x": 10_000, "y": 1},
                c.linear({"x": 1}, "<=", 3),
                lambda p: p["x"] <= 3,
            ),
            (
                {"x": 10_000, "y": 1},
                c.relation(("x",), lambda x: x <= 3),
                lambda p: p["x"] <= 3,
            ),
            (
                {"x": 200, "y": 1},
                c.predicate(lambda p: p["x"] % 49 == 5),
                lambda p: p["x"] % 49 == 5,
            ),
            (
                {"x": 10**6, "y": 3},
                c.requires({"y": [0, 1, 2, 3]}, {"x": [7, 123_457]}),
                lambda p: p["x"] in (7, 123_457),
            ),
            (
                {"x": 1000, "y": 1000},
                c.quadratic({("x", "y"): 1}, "==", 96),
                lambda p: p["x"] * p["y"] == 96,
            ),
        ],
        ids=["equality", "inequality", "relation", "predicate", "named", "product"],
    )
    def test_a_narrow_part_of_wide_ranges(
        self, high: dict[str, int], rule: Constraint, truth: Truth
    ) -> None:
        space: Space = {name: IntDistribution(0, h) for name, h in high.items()}
        study = make_study(space, [rule])
        study.optimize(objective_of(space), n_trials=8)
        assert all(truth(trial.params) for trial in study.trials)
        assert len(set(keys(study))) == 8

    def test_a_narrow_part_is_known_to_be_finished(self, caplog: pytest.LogCaptureFixture) -> None:
        space: Space = {"x": IntDistribution(0, 1000), "y": IntDistribution(0, 1000)}
        study = make_study(space, [c.linear({"x": 1, "y": 1}, "==", 2)])
        with caplog.at_level(logging.INFO, logger="qhpo"):
            study.optimize(objective_of(space), n_trials=3)
            assert messages(caplog) == []
            study.optimize(objective_of(space), n_trials=2)
        (message,) = messages(caplog)
        assert "every configuration of the search space that keeps the constraints" in message

    def test_what_is_not_found_is_not_said_to_be_tried(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        # Of all pairs of values only some are asked about.
        space: Space = {"x": IntDistribution(0, 10_000), "y": IntDistribution(0, 1)}
        study = make_study(space, [c.relation(("x", "y"), lambda x, y: x <= 3)])
        with caplog.at_level(logging.INFO, logger="qhpo"):
            study.optimize(objective_of(space), n_trials=12)
        assert all(trial.params["x"] <= 3 for trial in study.trials)
        (message,) = messages(caplog)
        assert message == (
            "no configuration of the search space that keeps the constraints was found that has "
            "not been tried, within the budget of the search; one of the best is suggested again"
        )

    def test_trials_that_failed_before_asking_for_everything_take_nothing_away(self) -> None:
        space: Space = {"a": IntDistribution(0, 2), "b": IntDistribution(0, 2)}
        rules = [c.relation(("a", "b"), operator.le)]
        study = make_study(space, rules, n_startup_trials=1)

        def objective(trial: optuna.Trial) -> float:
            a = trial.suggest_int("a", 0, 2)
            if trial.number in (1, 3):
                raise RuntimeError("broken")
            return a - trial.suggest_int("b", 0, 2)

        study.optimize(objective, n_trials=8, catch=(RuntimeError,))
        complete = [t.params for t in study.trials if t.value is not None]
        assert sorted((p["a"], p["b"]) for p in complete) == [
            (0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)
        ]  # fmt: skip

    def test_the_best_ones_come_again_in_turns(self) -> None:
        space: Space = {"a": IntDistribution(0, 2), "b": IntDistribution(0, 2)}
        study = make_study(space, [c.relation(("a", "b"), operator.le)], n_startup_trials=2)
        study.optimize(
            lambda t: 10.0 * t.suggest_int("a", 0, 2) + t.suggest_int("b", 0, 2), n_trials=26
        )
        again = [t.params for t in study.trials[6:]]
        # Good ones equally often, and never the worst of the six.
        counts = [again.count(dict(params)) for params in {tuple(sorted(p.items())) for p in again}]
        assert len(counts) > 1
        assert max(counts) - min(counts) <= 1
        assert {"a": 2, "b": 2} not in again
        assert {"a": 0, "b": 0} in again

    def test_repeats_where_they_are_wanted(self) -> None:
        space, rules, truth = CASES["all different"]
        study = make_study(space, rules, avoid_repeats=False, n_startup_trials=4)
        study.optimize(lambda t: float(sum(ask_all(t, space).values())), n_trials=25)
        assert all(truth(t.params) for t in study.trials)
        assert len(set(keys(study))) < 25
