"""Products, thin bands and rules on wide ranges are kept, and what is not found is not denied."""

from __future__ import annotations

import logging

import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState

from qhpo import QhpoError, QUBOSampler
from qhpo import constraints as c
from qhpo.constraints import Constraint
from tests.qhpo.promises.cases import Space, keys, make_study, messages, objective_of

UNIT: Space = {n: FloatDistribution(0.0, 1.0) for n in "xy"}
CUBE: Space = {n: FloatDistribution(0.0, 1.0) for n in "xyz"}
BALL: Space = {n: FloatDistribution(-1.0, 1.0) for n in "xy"}
WIDE: Space = {n: FloatDistribution(1e-3, 1e3) for n in "xy"}
LOG: Space = {n: FloatDistribution(1e-5, 1e2, log=True) for n in "xy"}
MIXED: Space = {"x": FloatDistribution(0.0, 1.0), "n": IntDistribution(1, 10)}
INTS: Space = {"n": IntDistribution(1, 200), "m": IntDistribution(1, 200)}
MANY: Space = {f"w{i}": IntDistribution(1, 40) for i in range(5)}

PRODUCT = c.quadratic({("x", "y"): 1}, "==", 0.5)
NARROW = c.relation(("x", "y"), lambda x, y: abs(x * y - 0.5) < 1e-9)

KEPT: dict[str, tuple[Space, list[Constraint]]] = {
    "product": (UNIT, [PRODUCT]),
    "square": (UNIT, [c.quadratic({("x", "x"): 1}, "==", 0.5)]),
    "circle": (BALL, [c.quadratic({("x", "x"): 1, ("y", "y"): 1}, "==", 1)]),
    "ring": (
        BALL,
        [
            c.quadratic({("x", "x"): 1, ("y", "y"): 1}, "<=", 1.0001),
            c.quadratic({("x", "x"): 1, ("y", "y"): 1}, ">=", 0.9999),
        ],
    ),
    "two equalities": (
        CUBE,
        [
            c.quadratic({("x", "y"): 1, ("y", "z"): 1}, "==", 0.3),
            c.linear({"x": 1, "y": 1, "z": 1}, "==", 1.5),
        ],
    ),
    "corner": (WIDE, [c.quadratic({("x", "y"): 1}, "<=", 0.01)]),
    "logarithmic": (LOG, [c.quadratic({("x", "y"): 1}, "==", 0.01)]),
    "int and float": (MIXED, [c.quadratic({("n", "x"): 1}, "==", 0.5)]),
    "band": (UNIT, [c.relation(("x", "y"), lambda x, y: abs(x * y - 0.5) < 1e-3)]),
    "predicate": (UNIT, [c.predicate(lambda p: abs(p["x"] * p["y"] - 0.5) < 1e-3)]),
    "band of three": (CUBE, [c.relation(list("xyz"), lambda x, y, z: abs(x * y * z - 0.1) < 1e-3)]),
    "multiples": (INTS, [c.predicate(lambda p: p["n"] % 7 == 0 and p["m"] % 13 == 0)]),
    "different": (MANY, [c.all_different(*MANY)]),
}


@pytest.mark.parametrize("case", KEPT)
def test_every_suggestion_keeps_them_and_is_new(case: str) -> None:
    space, rules = KEPT[case]
    study = make_study(space, rules, n_startup_trials=6)
    study.optimize(objective_of(space), n_trials=10)
    for trial in study.trials:
        assert all(rule.satisfied(trial.params) for rule in rules)
    assert len(set(keys(study))) == 10


def test_the_design_of_a_corner_is_not_one_point() -> None:
    space, rules = KEPT["corner"]
    study = make_study(space, rules, n_startup_trials=10)
    study.optimize(objective_of(space), n_trials=10)
    distinct = {tuple(f"{value:.3g}" for value in t.params.values()) for t in study.trials}
    assert len(distinct) == 10


class TestWhatIsNotFound:
    def test_is_told_and_not_denied(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING, logger="qhpo"):
            study = make_study(UNIT, [NARROW])
        (message,) = messages(caplog)
        with pytest.raises(QhpoError) as error:
            study.ask(UNIT)
        assert str(error.value) == message
        assert "none was found in 20,032 tries, which proves nothing" in message
        assert "relation(('x', 'y'), <lambda>)" in message
        assert "constraints.quadratic" in message
        assert "study.enqueue_trial" in message
        assert "satisfiable" not in message
        assert [t.state for t in study.trials] == [TrialState.FAIL]

    def test_a_trial_shows_where_to_go_on(self) -> None:
        band = c.relation(("x", "y"), lambda x, y: abs(x * y - 0.5) < 1e-6)
        study = make_study(UNIT, [band], n_startup_trials=4)
        study.enqueue_trial({"x": 0.8, "y": 0.625})
        study.optimize(objective_of(UNIT), n_trials=8)
        assert all(band.satisfied(trial.params) for trial in study.trials)
        assert len(set(keys(study))) == 8

    @pytest.mark.parametrize("bound", [1.01, -0.01])
    def test_what_is_beyond_all_values_is_denied_at_once(self, bound: float) -> None:
        rule = c.quadratic({("x", "y"): 1}, "==", bound)
        with pytest.raises(QhpoError, match="no configuration keeps") as error:
            QUBOSampler(UNIT, constraints=[c.linear({"x": 1}, "<=", 0.9), rule])
        assert repr(rule) in str(error.value)
