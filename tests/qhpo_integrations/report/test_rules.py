"""What a page says of declared rules is what they do to the trials."""

from __future__ import annotations

import re
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import create_trial

from qhpo import QUBOSampler
from qhpo import constraints as c
from qhpo_integrations.report import report_page
from qhpo_integrations.report.facts import StudyFacts
from qhpo_integrations.report.rules import declared

SPACE: dict[str, BaseDistribution] = {
    "a": IntDistribution(0, 5),
    "b": IntDistribution(0, 5),
    "x": FloatDistribution(0.0, 1.0),
}


def study_of(rules: list[c.Constraint], trials: list[dict[str, Any]]) -> optuna.Study:
    """A study that knows the rules and has trials of these parameters, the first one the best."""
    study = optuna.create_study(sampler=QUBOSampler(SPACE, constraints=rules, seed=0))
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    for value, params in enumerate(trials):
        space = {name: SPACE[name] for name in params}
        study.add_trial(create_trial(params=params, distributions=space, value=float(value)))
    return study


def test_a_rule_is_tight_where_it_forbids_the_next_value() -> None:
    rules = [c.linear({"a": 1, "b": 1}, "<=", 6), c.linear({"x": 1}, "<=", 0.9)]
    trials = [
        {"a": 3, "b": 3, "x": 0.1},  # a = 4 and b = 4 are forbidden
        {"a": 0, "b": 5, "x": 0.5},  # a = 1 leads to the bound, b has no larger value
        {"a": 1, "b": 5, "x": 0.89},  # a = 2 is, and the next of 16 values of x
        {"a": 5, "b": 5, "x": 0.0},  # breaks the first rule itself
    ]

    sums, number = declared(StudyFacts(study_of(rules, trials)))
    assert sums == ("a + b <= 6", 3, 4, 2, 3, ["a = 4", "b = 4"])
    assert number == ("x <= 0.9", 4, 4, 1, 4, [])


def test_what_exists_under_a_condition_is_left_out_where_it_does_not() -> None:
    study = optuna.create_study(
        sampler=QUBOSampler(
            SPACE,
            constraints=[c.at_least(1, {"a": 0, "b": [0, 1, 2]})],
            conditions={"b": {"a": [0, 1, 2]}},
            seed=0,
        )
    )
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    params = {"a": 2, "b": 1}
    study.add_trial(
        create_trial(params=params, distributions={n: SPACE[n] for n in params}, value=0.0)
    )

    (rule,) = declared(StudyFacts(study))
    # Without b nothing is left that could keep the rule.
    assert rule.at_best == ["a = 3"]


def test_the_page_shows_rules_and_those_it_does_not_know() -> None:
    def is_small(params: Any) -> bool:
        return params["x"] < 2.0

    rules = [c.linear({"a": 1, "b": 2}, "<=", 6), c.predicate(is_small)]
    page = report_page([study_of(rules, [{"a": 2, "b": 2, "x": 0.5}, {"a": 0, "b": 0, "x": 0.5}])])

    (section,) = re.findall("<h2>Constraints</h2>.*?</section>", page, re.DOTALL)
    assert (
        "<td>a + 2 * b &lt;= 6</td><td>2 of 2 (100&nbsp;%)</td><td>1 of 2 (50&nbsp;%)</td>"
        in section
    )
    assert "<td>tight: forbids a = 3 or b = 3</td>" in section
    assert "The rule predicate(is_small) is a Python function and is not known here." in section


def test_a_study_without_rules_has_no_such_section() -> None:
    page = report_page([study_of([], [{"a": 2, "b": 2, "x": 0.5}, {"a": 0, "b": 0, "x": 0.5}])])

    assert "<h2>Constraints" not in page


def test_a_rule_of_many_steps_is_not_looked_at_for_ever() -> None:
    names = [f"v{i}" for i in range(60)]
    space = {name: optuna.distributions.CategoricalDistribution(names) for name in names}
    study = optuna.create_study(
        sampler=QUBOSampler(space, constraints=[c.forbid(dict.fromkeys(names, "v0"))], seed=0)
    )
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    params = dict(zip(names, names, strict=True))
    study.add_trial(create_trial(params=params, distributions=space, value=0.0))

    (rule,) = declared(StudyFacts(study))
    assert (rule.n_kept, rule.n_trials, rule.n_looked, rule.at_best) == (1, 1, 0, None)
