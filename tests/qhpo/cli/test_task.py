"""A study knows what it was searched with: commands that only read it keep its rules."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import create_trial

from qhpo import Between, QUBOSampler
from qhpo import constraints as c
from qhpo.cli import main
from qhpo.cli.samplers import qubo_of
from qhpo.cli.task import note_task, task_of, unknown_rules
from qhpo.problem import load_problem
from qhpo.sweep import load_sweep

SWEEP: dict[str, Any] = {
    "program": "train.py",
    "metric": {"name": "loss"},
    "parameters": {
        "lr": {"min": 0.0, "max": 1.0},
        "momentum": {"min": 0.0, "max": 1.0},
        "a": {"min": 0, "max": 5},
        "b": {"min": 0, "max": 5},
    },
    "conditions": {"momentum": "0.25 < lr <= 0.5"},
    "constraints": ["a + b >= 3", "a != b"],
    "qhpo": {"noisy": True, "program": {"env": {"TOKEN": "secret"}}},
}
STORAGE = "sqlite:///qhpo.db"


def written(**changes: Any) -> Path:
    path = Path("sweep.json")
    path.write_text(json.dumps({**SWEEP, **changes}))
    return path


def stored(path: Path) -> optuna.Study:
    """A study of the file with some trials, of which the best in value breaks a newer rule."""
    problem = load_sweep(path).problem()
    study = optuna.create_study(storage=STORAGE, study_name="mine", load_if_exists=True)
    study.set_user_attr("qhpo:problem", problem.name)
    note_task(study, problem)
    if not study.trials:
        space = {n: d for n, d in (problem.search_space or {}).items() if n in ("lr", "a", "b")}
        for a, b, lr in ((5, 0, 0.0), (0, 5, 0.1), (1, 3, 0.2), (3, 1, 0.9), (2, 4, 0.6)):
            params = {"lr": lr, "a": a, "b": b}
            study.add_trial(create_trial(params=params, distributions=space, value=a * b + lr))
    return study


@pytest.fixture(autouse=True)
def _folder(tiny: Path) -> None:
    """In a folder of its own."""


def test_a_sweep_file_is_remembered_with_all_its_rules() -> None:
    study = stored(written())
    Path("sweep.json").unlink()

    problem = task_of(study)
    assert problem is not None
    assert list(map(repr, problem.constraints)) == [
        repr(rule) for rule in load_sweep(written()).constraints
    ]
    assert list(problem.conditions["momentum"]) == ["lr"]
    assert problem.defaults["noisy"] is True
    assert [
        problem.conditions["momentum"]["lr"].__contains__(v) for v in (0.25, 0.3, 0.5, 0.6)
    ] == [
        False,
        True,
        True,
        False,
    ]


def test_what_may_be_secret_is_not_kept() -> None:
    study = stored(written())

    kept = json.dumps(study._storage.get_study_system_attrs(study._study_id))
    assert "TOKEN" in kept
    assert "secret" not in kept


def test_every_attribute_fits_into_an_old_database() -> None:
    many = {f"p{i}": {"values": ["é" * 40, '"\\' * 40, i]} for i in range(30)}
    study = stored(written(parameters={**SWEEP["parameters"], **many}))

    attrs = study._storage.get_study_system_attrs(study._study_id)
    assert max(len(json.dumps(value)) for value in attrs.values()) < 2046
    problem = task_of(study)
    assert problem is not None
    assert problem.search_space == load_sweep("sweep.json").search_space


def test_the_last_file_counts_and_what_changed_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stored(written())
    caplog.set_level(logging.WARNING, "qhpo")
    stored(written(description="new", run_cap=9))
    assert not caplog.messages
    parameters = {**SWEEP["parameters"], "a": {"min": 1, "max": 5}, "new": {"min": 0, "max": 1}}
    newer = written(
        parameters=parameters, constraints=["a + b >= 3"], conditions={"momentum": "lr > 0.5"}
    )
    study = stored(newer)
    stored(newer)

    (message,) = caplog.messages
    for part in ("a had", "new is new", "a != b) is gone", "momentum exists under another"):
        assert part in message
    problem = task_of(study)
    assert problem is not None
    assert len(problem.constraints) == 1


def test_what_is_recommended_keeps_the_newer_rule() -> None:
    study = stored(written(constraints=["a + b == 4"]))

    assert sum(qubo_of(study).recommend(study).params[name] for name in "ab") == 4


def test_a_problem_that_is_installed_is_known_by_its_name() -> None:
    study = stored(written())
    note_task(study, load_problem("cnn-digits"))
    study.set_user_attr("qhpo:problem", "cnn-digits")

    assert task_of(study) is load_problem("cnn-digits")


def test_commands_know_the_rules_of_the_file(capfd: pytest.CaptureFixture[str]) -> None:
    stored(written(constraints=["a + b == 4"]))

    assert main(["ask", "--study", "mine", "-n", "5"]) == 0
    for line in capfd.readouterr().out.splitlines():
        params = json.loads(line)["params"]
        assert params["a"] + params["b"] == 4
        assert ("momentum" in params) == (0.25 < params["lr"] <= 0.5)
    assert main(["train", "mine", "--dry-run"]) == 0
    assert "train.py --lr=0.2 --a=1 --b=3" in capfd.readouterr().out
    assert main(["qubo", "mine", "-o", "model.json"]) == 0
    meanings = json.loads(Path("model.json").read_text())["meanings"]
    assert any(one.get("absent") for one in meanings if one.get("parameter") == "momentum")


def test_the_command_line_of_a_database_is_shown_and_not_run(
    capfd: pytest.CaptureFixture[str],
) -> None:
    stored(written())
    Path("sweep.json").unlink()

    assert main(["train", "mine", "--dry-run"]) == 0
    assert "train.py --lr=" in capfd.readouterr().out
    assert main(["train", "mine"]) == 2
    assert "described by sweep.json, not found here; give the file" in capfd.readouterr().err


SPACE = {
    "lr": FloatDistribution(1e-4, 1.0, log=True),
    "momentum": FloatDistribution(0.0, 1.0),
    "n": IntDistribution(0, 9),
    "m": IntDistribution(0, 9),
    "kind": CategoricalDistribution(["x", None, 2.5, True]),
}
RULES = [
    c.linear({"n": 1, "m": -2}, "<=", 9.5),
    c.quadratic({("n", "m"): 1, "n": 2}, "<=", 40),
    c.forbid(kind=["x", None], n=3),
    c.requires({"kind": 2.5}, {"n": [1, 2, 3]}),
    c.exactly(1, {"n": 4, "m": [4, 5]}),
    c.at_most(1, {"n": 8, "m": 8}),
    c.all_different("n", "m"),
]
CONDITIONS = {"momentum": {"lr": Between(low=0.01)}, "m": {"kind": ["x", True], "n": Between(1, 8)}}


def objective(trial: optuna.Trial) -> float:
    lr, n = trial.suggest_float("lr", 1e-4, 1.0, log=True), trial.suggest_int("n", 0, 9)
    kind = trial.suggest_categorical("kind", ["x", None, 2.5, True])
    if lr >= 0.01:
        trial.suggest_float("momentum", 0.0, 1.0)
    if kind in ("x", True) and 1 <= n <= 8:
        trial.suggest_int("m", 0, 9)
    return lr + n


def test_a_sampler_leaves_what_a_program_has_declared() -> None:
    rules = [rule for rule in RULES if rule.names[:2] != ("n", "m") or repr(rule)[0] != "e"]
    sampler = QUBOSampler(SPACE, constraints=rules, conditions=CONDITIONS, seed=0)
    study = optuna.create_study(storage=STORAGE, study_name="python", sampler=sampler)
    study.optimize(objective, n_trials=3)

    problem = task_of(study)
    assert problem is not None
    assert problem.search_space == SPACE
    assert list(problem.constraints) == rules
    assert problem.conditions == CONDITIONS
    # A sampler that declares nothing takes nothing away.
    study.sampler = QUBOSampler(seed=0)
    study.optimize(objective, n_trials=1)
    assert task_of(study) is not None


def test_where_only_the_program_knows_when_it_asks_the_task_is_to_be_given(
    capfd: pytest.CaptureFixture[str],
) -> None:
    space = {"n": IntDistribution(0, 1), "m": IntDistribution(0, 9)}
    sampler = QUBOSampler(space, seed=0)
    study = optuna.create_study(storage=STORAGE, study_name="python", sampler=sampler)
    study.optimize(lambda t: t.suggest_int("n", 0, 1) and t.suggest_int("m", 0, 9), n_trials=6)

    assert main(["ask", "--study", "python"]) == 2
    assert "differ in m; give the TASK" in capfd.readouterr().err


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: repr(rule).partition("(")[0])
def test_every_rule_without_a_function_has_a_text(rule: c.Constraint) -> None:
    from qhpo.constraints.written import read_constraint

    assert read_constraint(repr(rule)) == rule


@pytest.mark.parametrize(
    "text",
    [
        "predicate(is_small)",
        "relation(('a', 'b'), max)",
        "__import__('os').system('true')",
        "forbid(exit())",
        "linear({'a': float('nan')}, '<=', 1)",
        "linear({'a': 1}, '<', 1)",
        "forbid(",
        "(" * 5000,
        "'forbid'",
    ],
)
def test_no_other_text_is_a_rule(text: str) -> None:
    from qhpo.constraints.written import read_constraint

    assert read_constraint(text) is None


def test_a_rule_that_is_a_function_is_said_not_to_be_known(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def is_even(params: Any) -> bool:
        return params["n"] % 2 == 0

    rules = [c.predicate(is_even), c.linear({"n": 1}, "<=", 6)]
    sampler = QUBOSampler({"n": IntDistribution(0, 9)}, constraints=rules, seed=0)
    study = optuna.create_study(storage=STORAGE, study_name="python", sampler=sampler)
    study.optimize(lambda trial: trial.suggest_int("n", 0, 9), n_trials=4)
    problem = task_of(study)

    assert problem is not None
    assert list(problem.constraints) == rules[1:]
    assert unknown_rules(study) == ["predicate(is_even)"]
    assert main(["ask", "--study", "python"]) == 0
    assert main(["show", "python"]) == 0
    said = "qhpo: the rule predicate(is_even) of python is a Python function and is not known here"
    assert capfd.readouterr().err.splitlines() == [said, said]
