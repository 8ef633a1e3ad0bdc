"""What is suggested jointly: the union of what trials had, and what is left out of it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from qhpo import constraints as c
from qhpo.space import declared_conditions
from qhpo.study import StudyDomain, Trials

Space = dict[str, BaseDistribution]

SPACE: Space = {
    "a": CategoricalDistribution([0, 1]),
    "b": CategoricalDistribution([0, 1]),
    "n": IntDistribution(1, 3),
    "u2": IntDistribution(1, 9),
    "u3": IntDistribution(1, 9),
}


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study()


def _add(
    study: optuna.Study,
    params: Mapping[str, Any],
    space: Space = SPACE,
    state: TrialState = TrialState.COMPLETE,
) -> None:
    study.add_trial(
        optuna.create_trial(
            params=dict(params),
            distributions={name: space[name] for name in params},
            value=0.0 if state == TrialState.COMPLETE else None,
            state=state,
            intermediate_values={0: 1.0},
        )
    )


def _layers(n: int) -> dict[str, int]:
    return {"n": n, **{f"u{i}": i for i in range(2, n + 1)}}


class TestUnion:
    def test_nothing_yet(self, study: optuna.Study) -> None:
        assert Trials(study).ranges.space() == {}

    def test_every_parameter_of_complete_and_pruned_trials(self, study: optuna.Study) -> None:
        _add(study, {"n": 1})
        _add(study, {"n": 2, "u2": 3})
        _add(study, {"a": 0}, state=TrialState.PRUNED)
        _add(study, {"b": 0}, state=TrialState.FAIL)
        study.enqueue_trial({"u3": 1})
        study.ask(SPACE)
        space = Trials(study).ranges.space()
        assert space == {name: SPACE[name] for name in ("a", "n", "u2")}
        assert list(space) == sorted(space)

    def test_a_range_that_changes_is_the_union(self, study: optuna.Study) -> None:
        _add(study, {"n": 1, "u2": 1})
        _add(study, {"n": 1, "u2": 1}, {**SPACE, "u2": IntDistribution(1, 12)})
        _add(study, {"n": 1, "u2": 1}, {**SPACE, "u2": IntDistribution(0, 3)})
        assert Trials(study).ranges.space() == {"n": SPACE["n"], "u2": IntDistribution(0, 12)}

    def test_equal_distributions_are_one(self, study: optuna.Study) -> None:
        for _ in range(2):
            _add(study, {"n": 1}, {"n": IntDistribution(1, 3)})
        assert Trials(study).ranges.space() == {"n": IntDistribution(1, 3)}


def _active(joint: StudyDomain, params: Mapping[str, Any]) -> set[str]:
    """The parameters of a suggestion whose values are the given ones where active."""
    result = set(joint.feasible.space.search_space)
    for condition in joint.feasible.conditions:
        if not condition.is_active(params):
            result.discard(condition.child)
    return result


class TestUpdate:
    def test_everything_is_joint_before_any_trial(self, study: optuna.Study) -> None:
        joint = StudyDomain(SPACE)
        joint.update(Trials(study))
        assert joint.feasible.space.search_space == SPACE
        assert joint.feasible.is_plain

    def test_conditions_are_learnt_as_trials_finish(self, study: optuna.Study) -> None:
        joint = StudyDomain({name: SPACE[name] for name in ("n", "u2", "u3")})
        for n in (1, 2, 3):
            _add(study, _layers(n))
            joint.update(Trials(study))
        for n in (1, 2, 3):
            assert _active(joint, _layers(n)) == set(_layers(n))

    def test_nothing_is_done_twice(self, study: optuna.Study) -> None:
        joint = StudyDomain({name: SPACE[name] for name in ("n", "u2", "u3")})
        for n in (1, 2, 3, 1):
            _add(study, _layers(n))
        joint.update(Trials(study))
        feasible, reader = joint.feasible, joint.reader
        joint.update(Trials(study))
        _add(study, _layers(3))
        joint.update(Trials(study))
        # The feasible set carries what is compiled from it, the reader the trials it has read.
        assert joint.feasible is feasible
        assert joint.reader is reader

    def test_what_is_not_asked_for_any_more_is_left_out_and_told_once(
        self, study: optuna.Study, caplog: pytest.LogCaptureFixture
    ) -> None:
        space = {name: SPACE[name] for name in ("a", "b", "n", "u2")}
        joint = StudyDomain(space)
        with caplog.at_level(logging.INFO, logger="qhpo"):
            # Exclusive or, while everything else stays the same: no rule explains it.
            for a, b in ((0, 0), (0, 1), (1, 0), *[(1, 1)] * 9):
                _add(study, {"a": a, "b": b, "n": 1} | ({"u2": 5} if a != b else {}))
                joint.update(Trials(study))
            assert "u2" in joint.feasible.space.search_space
            for _ in range(2):
                _add(study, {"a": 0, "b": 0, "n": 1})
                joint.update(Trials(study))
        assert list(joint.feasible.space.search_space) == ["a", "b", "n"]
        assert joint.feasible.conditions == ()
        (message,) = [record.getMessage() for record in caplog.records]
        assert "'u2'" in message
        assert joint.reader.complete_and_pruned(Trials(study))[0].shape == (14, 3)

    def test_what_no_trial_had_is_left_out_without_a_word(
        self, study: optuna.Study, caplog: pytest.LogCaptureFixture
    ) -> None:
        # Of a parameter that was never asked for nobody knows when it is.
        joint = StudyDomain({name: SPACE[name] for name in ("n", "u2", "u3")})
        _add(study, _layers(2))
        with caplog.at_level(logging.INFO, logger="qhpo"):
            joint.update(Trials(study))
        assert list(joint.feasible.space.search_space) == ["n", "u2"]
        assert caplog.records == []

    def test_what_is_explained_later_comes_back(self, study: optuna.Study) -> None:
        joint = StudyDomain({name: SPACE[name] for name in ("n", "u2", "u3")})
        for n in (1, 2, 3):
            _add(study, _layers(n))
            joint.update(Trials(study))
        assert list(joint.feasible.space.search_space) == ["n", "u2", "u3"]
        assert joint.reader.complete_and_pruned(Trials(study))[0].shape == (3, 3)

    def test_a_parameter_of_constraints_stays(self, study: optuna.Study) -> None:
        rules = [c.linear({"u2": 1, "n": 1}, "<=", 9)]
        joint = StudyDomain({name: SPACE[name] for name in ("a", "b", "n", "u2")}, rules)
        for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
            _add(study, {"a": a, "b": b, "n": 1} | ({"u2": 5} if a != b else {}))
        joint.update(Trials(study))
        assert "u2" in joint.feasible.space.search_space
        assert joint.feasible.constraints == tuple(rules)

    def test_children_of_what_is_left_out_are_left_out_with_it(self, study: optuna.Study) -> None:
        joint = StudyDomain({name: SPACE[name] for name in ("a", "b", "u2", "u3")})
        for a, b, u2 in ((0, 0, 1), (0, 1, 1), (0, 1, 9), (1, 0, 1), (1, 0, 9), (1, 1, 1)):
            params: dict[str, int] = {"a": a, "b": b}
            if a != b:
                params["u2"] = u2
                if u2 > 5:
                    params["u3"] = 1
            _add(study, params)
        for a in (0, 1) * 6:
            _add(study, {"a": a, "b": a})
        joint.update(Trials(study))
        # Jointly it would be thought to be active always.
        assert list(joint.feasible.space.search_space) == ["a", "b"]

    def test_a_declared_parent_stays(self, study: optuna.Study) -> None:
        space = {name: SPACE[name] for name in ("a", "b", "u2", "u3")}
        declared = declared_conditions({"u3": {"u2": [8, 9]}}, space)
        joint = StudyDomain(space, conditions=declared)
        for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
            _add(study, {"a": a, "b": b} | ({"u2": 5} if a != b else {}))
        joint.update(Trials(study))
        assert joint.feasible.space.search_space == space
        assert joint.feasible.conditions == declared

    def test_declared_conditions_hold_whatever_trials_say(self, study: optuna.Study) -> None:
        space = {name: SPACE[name] for name in ("n", "u2", "u3")}
        declared = declared_conditions({"u2": {"n": [2, 3]}, "u3": {"n": 3}}, space)
        joint = StudyDomain(space, conditions=declared)
        assert joint.feasible.conditions == declared
        for n in (1, 3):
            _add(study, {**_layers(n), "u2": 1, "u3": 1})
        joint.update(Trials(study))
        assert joint.feasible.conditions == declared

    def test_a_pruned_trial_does_not_tell_what_is_absent(self, study: optuna.Study) -> None:
        # It may have been stopped before it asked.
        joint = StudyDomain({name: SPACE[name] for name in ("n", "u2")})
        for n in (1, 2, 3):
            _add(study, {"n": n, "u2": 1})
        for n in (2, 3):
            _add(study, {"n": n}, state=TrialState.PRUNED)
        joint.update(Trials(study))
        assert joint.feasible.space.search_space == joint.search_space
        assert joint.feasible.is_plain

    def test_a_pruned_trial_tells_what_is_present(self, study: optuna.Study) -> None:
        joint = StudyDomain({name: SPACE[name] for name in ("n", "u2", "u3")})
        for n in (1, 2):
            _add(study, _layers(n))
        _add(study, _layers(3), state=TrialState.PRUNED)
        joint.update(Trials(study))
        for n in (1, 2, 3):
            assert _active(joint, _layers(n)) == set(_layers(n))

    def test_floats_decide_too(self, study: optuna.Study) -> None:
        space: Space = {"rate": FloatDistribution(0.0, 1.0), "u2": SPACE["u2"]}
        joint = StudyDomain(space)
        for rate in (0.1, 0.3, 0.8, 0.6):
            _add(study, {"rate": rate} | ({"u2": 1} if rate > 0.5 else {}), space)
        joint.update(Trials(study))
        (condition,) = joint.feasible.conditions
        assert condition.parents[0].limits == (0.6, math.inf)
