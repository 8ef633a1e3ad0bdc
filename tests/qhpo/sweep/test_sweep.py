"""A sweep file as a whole: its languages, its keys, and the study that comes of it."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

import qhpo.sweep.sweep
from qhpo import Between, QUBOSampler
from qhpo.errors import QhpoError
from qhpo.program import Bound, ProgramSpec
from qhpo.sweep import Sweep, load_sweep
from qhpo.sweep.bands import BandPruner

Load = Callable[..., Sweep]

YAML = """
# The example of the documentation of W&B.
program: train.py
name: sweepdemo
method: bayes
metric:
  goal: minimize
  name: validation_loss
parameters:
  learning_rate:
    min: 0.0001
    max: 0.1
  batch_size:
    values: [16, 32, 64]
  epochs:
    values: [5, 10, 15]
  optimizer:
    values: ["adam", "sgd"]
"""
TOML = """
program = "train.py"
name = "sweepdemo"
method = "bayes"
metric = {goal = "minimize", name = "validation_loss"}
[parameters]
learning_rate = {min = 0.0001, max = 0.1}
batch_size.values = [16, 32, 64]
epochs.values = [5, 10, 15]
optimizer.values = ["adam", "sgd"]
"""
JSON = """
{"program": "train.py", "name": "sweepdemo", "method": "bayes",
 "metric": {"goal": "minimize", "name": "validation_loss"},
 "parameters": {"learning_rate": {"min": 0.0001, "max": 0.1},
  "batch_size": {"values": [16, 32, 64]}, "epochs": {"values": [5, 10, 15]},
  "optimizer": {"values": ["adam", "sgd"]}}}
"""


@pytest.mark.parametrize(
    ("name", "written"),
    [("s.yaml", YAML), ("s.yml", YAML), ("s.toml", TOML), ("s.json", JSON), ("S.YAML", JSON)],
)
def test_three_languages_say_the_same(load: Load, name: str, written: str) -> None:
    sweep = load(written, name)

    assert sweep.name == "sweepdemo"
    assert sweep.method == "qubo"
    assert sweep.metric.name == "validation_loss"
    assert list(sweep.search_space) == ["learning_rate", "batch_size", "epochs", "optimizer"]
    assert sweep.search_space == load(YAML).search_space
    assert sweep.notes == ()


@pytest.mark.parametrize(
    ("name", "written", "told"),
    [
        ("s.yaml", "", "got an empty file"),
        ("s.yaml", "# nothing\n", "must hold a mapping"),
        ("s.yaml", "- 1\n", "must hold a mapping"),
        ("s.yaml", "a: 1\na: 2\n", "'a' again in line 2"),
        ("s.yaml", "parameters:\n  x: {min: 1, min: 2}\n", "'min' again in line 2"),
        ("s.yaml", "a: [1\n", "an error in line"),
        ("s.yaml", "a: !!python/object:os.system 3\n", "an error in line 1"),
        ("s.yaml", "a: 2020-01-01\n", "a must be plain text, not a date"),
        ("s.yaml", "a: 2020-13-01\n", "put it in quotes"),
        ("s.yaml", "a: !!binary aGk=\n", "not a bytes"),
        ("s.yaml", "a: !!set {x, y}\n", "not a set"),
        ("s.yaml", "1: 2\n", "must have keys that are text"),
        ("s.yaml", "? [1, 2]\n: 3\n", "an error in line"),
        ("s.yaml", "a: &x [*x]\n", "at most 32 levels"),
        ("s.yaml", "a: " + "[" * 3000, "flatten them"),
        ("s.yaml", "a: " + "[" * 60 + "]" * 60, "at most 32 levels"),
        ("s.yaml", "a: " + "9" * 5000, "cannot be read"),
        ("s.yaml", "a: '\x01'\n", "the file must be YAML"),
        ("s.yaml", "---\na: 1\n---\nb: 1\n", "the file must be YAML"),
        ("s.yaml", "a: 1\n\tb: 2\n", "an error in line 2"),
        ("s.json", '{"a": 1, "a": 2}', "'a' again"),
        ("s.json", '{"a": NaN}', "must be finite; got NaN"),
        ("s.json", '{"a": 1,}', "an error in line 1"),
        ("s.json", "[" * 100_000, "flatten them"),
        ("s.toml", "a = 1\na = 2\n", "the file must be TOML"),
        ("s.toml", "a = 2020-01-01\n", "not a date"),
        ("s.txt", YAML, "named by its language"),
    ],
)
def test_files_that_cannot_be_read(load: Load, name: str, written: str, told: str) -> None:
    with pytest.raises(QhpoError) as caught:
        load(written, name)

    assert told in str(caught.value)
    assert len(str(caught.value)) < 600


def test_aliases_do_not_multiply(load: Load) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]"
        for old, new in zip("abcdefg", "bcdefgh", strict=True)
    ]

    with pytest.raises(QhpoError, match="20,000 values"):
        load("\n".join(lines))


def test_anchors_and_merge_keys_are_read(load: Load) -> None:
    sweep = load(
        "program: t.py\nmetric: {name: l}\nparameters:\n  a: &r {min: 1, max: 9}\n  b: *r\n"
        "  c: {<<: *r, max: 5}\n"
    )

    assert sweep.search_space["b"] == sweep.search_space["a"]
    assert sweep.search_space["c"] != sweep.search_space["a"]


def test_numbers_with_an_exponent_are_numbers(load: Load) -> None:
    sweep = load(YAML.replace("0.0001", "1e-4"))

    assert sweep.search_space == load(YAML).search_space


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00a", b"\x89PNG\r\n", b"a: \x00", b"x" * 1_000_001])
def test_files_that_are_no_text(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "s.yaml").write_bytes(raw)

    with pytest.raises(QhpoError, match=r"s\.yaml: "):
        load_sweep(tmp_path / "s.yaml")


@pytest.mark.parametrize("name", ["no.yaml", ".", "a\0.yaml", "folder.yaml"])
def test_files_that_are_not_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.yaml").mkdir()

    with pytest.raises(QhpoError):
        load_sweep(tmp_path / name)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_bytes(b"\xef\xbb\xbf" + YAML.encode())

    assert load_sweep(tmp_path / "s.yaml").name == "sweepdemo"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"metod": "bayes"}, "metod is no key that a sweep file has; did you mean 'method'?"),
        ({"method": "baeys"}, "did you mean 'bayes'?"),
        ({"method": "custom"}, "method must be one of bayes, random, grid"),
        ({"method": ["bayes"]}, "method must be one of"),
        ({"metric": None}, "metric must say what is optimized"),
        ({"metric": "loss"}, "metric must be a mapping"),
        ({"metric": {"goal": "minimize"}}, "metric must have a name"),
        ({"metric": {"name": "l", "goal": "minimise"}}, "did you mean 'minimize'?"),
        ({"metric": {"name": "l", "goals": "min"}}, "metric.goals is no key"),
        ({"metric": {"name": ""}}, "metric.name must be text"),
        ({"metric": {"name": "l", "target": "low"}}, "metric.target must be a number"),
        ({"job": "x"}, "job starts a W&B Launch job"),
        ({"image_uri": "x"}, "image_uri starts a container"),
        ({"scheduler": {"engine": "ax"}}, "scheduler names a scheduler"),
        ({"metrics": [{"name": "a"}]}, "metrics asks for several objectives"),
        ({"run_cap": 0}, "run_cap must be at least 1"),
        ({"run_cap": 2.5}, "run_cap must be a whole number"),
        ({"program": 3}, "program must be text"),
        ({"kind": "swep"}, "did you mean 'sweep'?"),
        ({"early_terminate": {"type": "hyperband"}}, "got neither"),
        ({"early_terminate": {"min_iter": 3}}, "must have a type"),
        ({"early_terminate": {"type": "median"}}, "must be one of hyperband"),
        ({"early_terminate": {"type": "hyperband", "max_iter": 9}}, "must have s"),
        ({"early_terminate": {"type": "hyperband", "max_iter": 2, "s": 2}}, "at least eta"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 3, "max_iter": 9}}, "must have s"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 3, "eta": 1}}, "larger than 1"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 3, "stric": True}}, "'strict'?"),
        ({"qhpo": {"solvr": "neal"}}, "qhpo.solvr is no key that qhpo has; did you mean 'solver'"),
        ({"qhpo": {"solver": "neel"}}, "did you mean 'neal'?"),
        ({"qhpo": {"encoding": "onehot"}}, "did you mean 'one-hot'?"),
        ({"qhpo": {"surrogate": "gp"}}, "qhpo.surrogate: a surrogate must be one of"),
        ({"qhpo": {"prior_studies": []}}, "qhpo.prior_studies must be a list of names"),
        ({"qhpo": {"prior_studies": ["a", 3]}}, "qhpo.prior_studies[1] must be text"),
        ({"qhpo": {"believed_good": "adam"}}, "qhpo.believed_good must be values by parameter"),
        ({"qhpo": {"believed_good": [{}]}}, "qhpo.believed_good must name a parameter"),
        ({"qhpo": {"believed_good": {"optimiser": 1}}}, "search space, lr; got optimiser"),
        ({"qhpo": {"believed_good": {"lr": 4000}}}, "got 4000 for 'lr', which is in"),
        ({"qhpo": {"seed": -1}}, "qhpo.seed must be at least 0"),
        ({"qhpo": {"seed": 2**32}}, "must be at most"),
        ({"qhpo": {"noisy": "yes"}}, "must be true or false"),
        ({"qhpo": {"trials": 10**9}}, "must be at most"),
        ({"qhpo": {"timeout": 0}}, "must be larger than 0"),
        ({"qhpo": {"qpu_seconds": -1}}, "must be 0 or more"),
        ({"qhpo": {"pruner": "medium"}}, "did you mean 'median'?"),
        ({"qhpo": {"trials": 9}, "run_cap": 3}, "must be at most run_cap, 3"),
        ({"qhpo": {"program": {"answer": "jsn"}}}, "must be json, {regex: ...}"),
        ({"qhpo": {"program": {"answer": {"regex": "("}}}}, "must be a regular expression"),
        ({"qhpo": {"program": {"answer": {"regex": "x"}}}}, "must have a group named loss"),
        ({"qhpo": {"program": {"answer": {"file": "/etc/x"}}}}, "must lie in the trial's folder"),
        ({"qhpo": {"program": {"answer": {"file": "../x"}}}}, "must lie in the trial's folder"),
        ({"qhpo": {"program": {"env": {"A": [1]}}}}, "qhpo.program.env.A must be text"),
        ({"qhpo": {"program": {"env": {"A=B": "1"}}}}, "names that an environment can have"),
        ({"qhpo": {"program": {"retry": 1}}}, "did you mean 'retries'?"),
        ({"constraints": "lr < 1"}, "constraints must be a list"),
        ({"constraints": ["lr < 1", 3]}, "constraints[1] must be an expression"),
        ({"constraints": [{"metric": "mem"}]}, "with min or max"),
        ({"constraints": [{"metric": "mem", "most": 3}]}, "constraints[0].most is no key"),
        ({"constraints": [{"metric": "m", "max": 3}, {"metric": "m", "min": 1}]}, "once"),
        ({"constraints": [{"metric": "m", "max": 1, "min": 3}]}, "swap them"),
        ({"constraints": ["lrr < 1"]}, "did you mean 'lr'?"),
        ({"conditions": ["lr"]}, "conditions must be a mapping"),
        ({"conditions": {"lr": "kind == 'a'"}}, "every name must be a parameter"),
    ],
)  # fmt: skip
def test_mistakes_name_the_key_the_rule_and_the_fix(
    load: Load, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(QhpoError) as caught:
        load(**changes)

    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


CHOICES = {
    "kind": {"values": ["sgd", "adam"]},
    "layers": {"min": 1, "max": 4},
    "wide": {"min": 1, "max": 4000},
    "momentum": {"min": 0.0, "max": 1.0},
    "rate": {"min": 0.0, "max": 1.0},
    "kept": {"subset": ["a", "b"]},
    "fixed": {"value": 3},
}


@pytest.mark.parametrize(
    ("expression", "enabling"),
    [
        ('kind == "sgd"', {"kind": ["sgd"]}),
        ('kind != "sgd"', {"kind": ["adam"]}),
        ("layers >= 3", {"layers": [3, 4]}),
        ("2 <= layers < 4", {"layers": [2, 3]}),
        ("layers in (1, 4)", {"layers": [1, 4]}),
        ("layers * 2 == 4 or layers == 1", {"layers": [1, 2]}),
        ('layers > 1 and not kind == "sgd" and layers != 3', {"layers": [2, 4], "kind": ["adam"]}),
        ("layers > fixed", {"layers": [4]}),
        ("'a' in kept", {"kept[a]": [True]}),
        ("wide >= 7", {"wide": Between(low=7)}),
        ("7 <= wide <= 90", {"wide": Between(7, 90)}),
        ("rate <= 0.5", {"rate": Between(high=0.5)}),
        ("rate < 0.5", {"rate": Between(high=math.nextafter(0.5, 0.0))}),
        ("not rate <= 0.25", {"rate": Between(low=math.nextafter(0.25, 1.0))}),
        ("1 - 2 * rate >= 0.5", {"rate": Between(high=0.25)}),
        ("0.1 <= rate <= 0.5 and rate >= 0.2", {"rate": Between(0.2, 0.5)}),
        ("0.1 <= rate and layers > 3", {"rate": Between(0.1), "layers": [4]}),
    ],
)
def test_conditions(load: Load, expression: str, enabling: dict[str, Any]) -> None:
    sweep = load(parameters=CHOICES, conditions={"momentum": expression})

    assert sweep.conditions == {"momentum": enabling}


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ({"momentum": "wide == 3"}, "must compare wide with a number, by <, <=, > or >="),
        ({"kind": "momentum != 0.5"}, "must compare momentum with a number"),
        ({"kind": "abs(momentum - 0.5) > 0.1"}, "must compare momentum with a number"),
        ({"kind": "momentum ** 2 > 0.5"}, "must compare momentum with a number"),
        ({"kind": "momentum in [0.1, 0.2]"}, "must compare momentum with a number"),
        ({"kind": "momentum > 0.1 or momentum < 0.05"}, "must compare momentum with a number"),
        ({"kind": "momentum > 0.5 and momentum < 0.5"}, "a condition that never does"),
        ({"kind": "momentum > 1"}, "choose limits inside of its range"),
        ({"momentum": 'kind == "sgd" or layers == 2'}, "tests of one parameter each"),
        ({"momentum": "layers > 1 and layers < 1"}, "a condition that never does"),
        ({"momentum": "1 < 2"}, "one of none"),
        ({"momentum": "momentum < 0.5"}, "names momentum itself"),
        ({"kind": "layers > 1", "layers": 'kind == "sgd"'}, "a cycle through"),
        ({"momentun": "layers > 1"}, "did you mean 'momentum'?"),
        ({"fixed": "layers > 1"}, "got a constant"),
        ({"kept": "layers > 1"}, "a subset or a permutation"),
        ({"kept[a]": "layers > 1"}, "a subset or a permutation"),
    ],
)
def test_what_conditions_cannot_be(load: Load, conditions: dict[str, str], told: str) -> None:
    with pytest.raises(QhpoError) as caught:
        load(parameters=CHOICES, conditions=conditions)

    assert told in str(caught.value)


def test_what_has_no_effect_here_is_said_once(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "qhpo"):
        sweep = load(
            project="p",
            entity="e",
            description="What it is.",
            controller={"type": "local"},
            metric={"name": "loss", "impute": "worst"},
            apiVersion="1",
            kind="sweep",
        )

    assert [note.split()[0] for note in sweep.notes] == [
        "project",
        "entity",
        "controller",
        "metric.impute",
    ]
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == list(
        sweep.notes
    )
    assert sweep.description == "What it is."


def test_what_random_makes_of_rules_is_said(load: Load) -> None:
    parameters = {"a": {"values": [1, 2]}, "b": {"values": [1, 2]}}

    assert load(method="random", parameters=parameters).notes == ()
    assert load(method="grid", parameters=parameters, constraints=["a <= b"]).notes == ()
    sweep = load(method="random", parameters=parameters, constraints=["a <= b"])
    assert sweep.method == "random"
    assert "knows no rules" in sweep.notes[0]


def test_a_grid_needs_finitely_many_values(load: Load) -> None:
    with pytest.raises(QhpoError, match="got lr with FloatDistribution"):
        load(method="grid")


def test_what_a_file_brings_for_run(load: Load) -> None:
    pruner = {"type": "hyperband", "max_iter": 9, "s": 2}
    problem = load(
        method="random",
        early_terminate=pruner,
        metric={"name": "loss", "target": 0.5},
        run_cap=7,
        qhpo={"seed": 3, "noisy": False, "solver": "tabu"},
    ).problem()

    assert problem.defaults == {
        "sampler": "random",
        "solver": "tabu",
        "noisy": False,
        "seed": 3,
        "pruner": BandPruner((1, 3), 3.0),
        "trials": 7,
        "target": 0.5,
    }
    assert load().problem().defaults == {"sampler": "qubo"}


def test_a_grid_has_as_many_trials_as_configurations(load: Load) -> None:
    pair = {"a": {"values": [1, 2, 3]}, "b": {"min": 1, "max": 5}}

    assert load(method="grid", parameters=pair).trials == 15
    assert load(method="grid", parameters=pair, run_cap=4).trials == 4
    assert load(method="grid", parameters={"a": {"min": 1, "max": 10**9}}).trials == 10_000


def test_settings(load: Load) -> None:
    sweep = load(
        run_cap=9,
        constraints=[{"metric": "memory", "max": 4000}, {"metric": "acc", "min": 0.5, "max": 1}],
        qhpo={
            "solver": "tabu",
            "encoding": "domain-wall",
            "seed": 3,
            "timeout": 60,
            "noisy": True,
            "program": {
                "answer": {"file": "out.json"},
                "timeout": 5,
                "retries": 2,
                "folder": "runs",
                "env": {"THREADS": 1},
            },
        },
    )
    spec = sweep.spec()

    assert (sweep.settings.solver, sweep.settings.encoding, sweep.settings.seed) == (
        "tabu",
        "domain-wall",
        3,
    )
    assert sweep.trials == 9
    assert sweep.measured == {"memory": Bound(None, 4000.0), "acc": Bound(0.5, 1.0)}
    assert (spec.metric, spec.answer, spec.timeout, sweep.defaults["retries"]) == (
        "loss",
        Path("out.json"),
        5.0,
        2,
    )
    assert (spec.folder, spec.environment) == (Path("runs"), {"THREADS": "1"})
    assert spec.measured == sweep.measured


def test_a_problem_runs_the_program(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ProgramSpec] = []

    def objective(spec: ProgramSpec, space: Any, conditions: Any) -> Any:
        seen.append(spec)
        return lambda trial: trial.suggest_float("lr", 0.001, 0.1)

    monkeypatch.setattr(qhpo.sweep.sweep, "objective", objective)
    problem = load(metric={"name": "acc", "goal": "maximize"}).problem()

    assert (problem.name, problem.direction) == ("sweep", "maximize")
    assert problem.objective(0)(optuna.trial.FixedTrial({"lr": 0.05})) == 0.05
    assert list(seen[0].command({"lr": 0.05})) == [
        "/usr/bin/env",
        "python",
        "train.py",
        "--lr=0.05",
    ]


RULED: dict[str, Any] = {
    "program": "tiny_model:train",
    "parameters": {
        "optimizer": {"values": ["sgd", "adam"]},
        "momentum": {"min": 0.0, "max": 0.9},
        "width_1": {"values": [8, 16, 32, 64]},
        "width_2": {"values": [8, 16, 32, 64]},
        "heads": {"min": 1, "max": 16},
        "head_dim": {"min": 8, "max": 128},
        "columns": {"subset": ["a", "b", "c", "d"], "size": 2},
    },
    "conditions": {"momentum": "optimizer == 'sgd'"},
    "constraints": [
        "width_2 <= width_1",
        "heads * head_dim <= 512",
        "'a' in columns or optimizer == 'adam'",
        {"metric": "memory", "max": 10},
    ],
}


def test_every_trial_of_a_function_keeps_every_rule(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []

    def train(**params: Any) -> dict[str, float]:
        calls.append(params)
        return {"loss": params["heads"] / params["width_1"], "memory": params["width_2"]}

    module = ModuleType("tiny_model")
    module.train = train  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tiny_model", module)
    problem = load(**RULED).problem()
    study = optuna.create_study(
        sampler=QUBOSampler(
            problem.search_space,
            constraints=problem.constraints,
            conditions=problem.conditions,
            seed=0,
            n_startup_trials=4,
        )
    )
    study.optimize(problem.objective(0), n_trials=8)

    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 8
    for params in calls:
        assert params["width_2"] <= params["width_1"]
        assert params["heads"] * params["head_dim"] <= 512
        assert ("momentum" in params) == (params["optimizer"] == "sgd")
        assert len(params["columns"]) == 2
        assert "a" in params["columns"] or params["optimizer"] == "adam"
    excess = study.trials[0].system_attrs["constraints:memory <= 10"]
    assert excess == calls[0]["width_2"] - 10


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("no_such_module:train", "ModuleNotFoundError"),
        ("json:nothing", "AttributeError"),
        ("sys:path", "a list"),
    ],
)
def test_a_function_must_be_there(load: Load, program: str, told: str) -> None:
    problem = load(program=program).problem()

    with pytest.raises(QhpoError, match=told):
        problem.objective(0)


def test_a_function_has_no_command_line(load: Load) -> None:
    sweep = load(program="json:dumps")

    with pytest.raises(QhpoError, match="calls the function json:dumps"):
        sweep.argv({"lr": 0.1})
    with pytest.raises(QhpoError, match="calls the function"):
        sweep.spec()


@pytest.mark.parametrize(
    ("spec", "bands"),
    [
        ({"min_iter": 3, "eta": 10}, (3, 30, 300)),
        ({"max_iter": 27, "s": 2}, (3, 9)),
        ({"max_iter": 27, "s": 9}, (1, 3, 9)),
        ({"max_iter": 27, "s": 2, "min_iter": 5}, (3, 9)),
        ({"min_iter": 5, "s": 2}, (5, 15, 45)),
        ({"max_iter": 5, "s": 2, "eta": 2}, (1, 2)),
    ],
)
def test_bands_are_those_of_wandb(load: Load, spec: dict[str, Any], bands: tuple[int, ...]) -> None:
    sweep = load(early_terminate={"type": "hyperband", **spec})
    pruner = sweep.bands

    assert pruner is not None
    assert len(sweep.notes) == ("min_iter" in spec and "s" in spec)
    assert pruner.bands[: len(bands)] == bands


@pytest.mark.parametrize(("strict", "pruned"), [(False, False), (True, True)])
def test_hyperband_of_wandb(strict: bool, pruned: bool) -> None:
    # The example of W&B's own code: a run that is worse than the best half at the band stops.
    study = optuna.create_study(pruner=BandPruner((1, 2), 2.0, strict=strict))
    for history in ([10, 9], [10, 8, 8], [10, 7, 7], [10, 6, 6]):
        trial = study.ask()
        for step, value in enumerate(history):
            trial.report(value, 10 * step)
        study.tell(trial, history[-1])

    bad, dipped = study.ask(), study.ask()
    bad.report(10, 0)
    assert not bad.should_prune()
    bad.report(10, 1)
    assert bad.should_prune()
    for step, value in enumerate([5.0, 30.0]):
        dipped.report(value, step)
    assert dipped.should_prune() is pruned


def test_early_terminate_is_the_only_pruner(load: Load) -> None:
    bands = {"type": "hyperband", "min_iter": 3}

    with pytest.raises(QhpoError, match="must be the only pruner"):
        load(early_terminate=bands, qhpo={"pruner": "median"})


def test_json_of_a_file_is_yaml_too(load: Load) -> None:
    spec = json.loads(JSON)

    assert load(json.dumps(spec), "a.yaml").search_space == load(JSON, "a.json").search_space
