"""`qhpo validate`: what a person sees of a sweep file before it is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from qhpo.cli import main
from qhpo.sweep import load_sweep, read_schema

SWEEP = """
program: train.py
metric: {name: loss}
parameters:
  optimizer: {values: [sgd, adam]}
  momentum: {values: [0.0, 0.9]}
  width: {min: 1, max: 5}
conditions: {momentum: optimizer == "sgd"}
constraints: ["width <= 2 or optimizer == 'adam'"]
"""

CORPUS: list[dict[str, Any]] = [
    {},
    {"name": "a", "description": "b", "project": "p", "entity": "e", "kind": "sweep"},
    {"program": None, "command": ["python", "${args}", 3, 0.5]},
    {"method": "random", "run_cap": 3},
    {"metric": {"name": "acc", "goal": "maximize", "target": 0.9, "impute": "worst"}},
    {"early_terminate": {"type": "hyperband", "min_iter": 3, "eta": 2, "strict": True}},
    {"early_terminate": {"type": "hyperband", "max_iter": 27, "s": 2}},
    {"constraints": ["a <= b.c", {"metric": "mem", "max": 3}], "conditions": {"b.c": "a < 3"}},
    {"qhpo": {"solver": "neal", "encoding": "one-hot", "seed": 3, "noisy": False, "trials": 5}},
    {"qhpo": {"qpu_seconds": 1.5, "max_calls": 3, "surrogate": "horseshoe", "pruner": "none"}},
    {
        "qhpo": {
            "timeout": 5,
            "n_startup_trials": 0,
            "batch_size": 4,
            "program": {"answer": "json", "retries": 1},
        }
    },
    {"qhpo": {"program": {"answer": {"regex": "(?P<loss>.)"}, "env": {"A": 1, "B": "c"}}}},
    {"qhpo": {"program": {"answer": {"file": "a.json"}, "timeout": 1, "folder": "x"}}},
    {"parameters": {"x": {"subset": ["a", "b", 3], "size": {"min": 1, "max": 2}}}},
    {"parameters": {"x": {"subset": ["a", "b"], "size": 1}, "y": {"permutation": ["a", "b"]}}},
    *(
        {"parameters": {"x": {"distribution": kind, "min": 1, "max": 3}}}
        for kind in (
            "uniform",
            "int_uniform",
            "log_uniform",
            "log_uniform_values",
            "inv_log_uniform",
            "inv_log_uniform_values",
            "q_uniform",
            "q_log_uniform",
            "q_log_uniform_values",
        )
    ),
    {"parameters": {"x": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.1}}},
    {"parameters": {"x": {"distribution": "categorical", "values": [1, "a", None, [1], {"b": 2}]}}},
    {"parameters": {"x": {"values": [1, 2]}, "y": {"distribution": "constant", "value": None}}},
]

WRONG: list[dict[str, Any]] = [
    {"metod": "bayes"},
    {"method": "tpe"},
    {"metric": {"goal": "minimize"}},
    {"parameters": {}},
    {"parameters": {"a b": {"values": [1, 2]}}},
    {"parameters": {"x": {"min": 1}}},
    {"parameters": {"x": {"distribution": "normal"}}},
    {"parameters": {"x": {"values": [1, 2], "probabilities": [0.5, 0.5]}}},
    {"early_terminate": {"type": "hyperband"}},
    {"qhpo": {"solvr": "neal"}},
    {"constraints": [{"metric": "x"}]},
    {"program": None},
]


def spec(changes: dict[str, Any]) -> dict[str, Any]:
    plain = {
        "program": "train.py",
        "metric": {"name": "loss"},
        "parameters": {
            "a": {"min": 1, "max": 4},
            "b": {"parameters": {"c": {"values": [1, 2]}}},
        },
    }
    return {key: value for key, value in {**plain, **changes}.items() if value is not None}


@pytest.mark.parametrize("changes", CORPUS)
def test_the_schema_accepts_what_is_accepted(changes: dict[str, Any], tmp_path: Path) -> None:
    written = spec(changes)
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(written))

    load_sweep(tmp_path / "s.yaml")
    assert [error.message for error in SCHEMA.iter_errors(written)] == []


@pytest.mark.parametrize("changes", WRONG)
def test_the_schema_refuses_what_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    written = spec(changes)
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(written))

    assert not SCHEMA.is_valid(written)
    assert main(["validate", str(tmp_path / "s.yaml")]) == 2


SCHEMA = Draft7Validator(json.loads(read_schema()))


def test_the_schema_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    Draft7Validator.check_schema(json.loads(read_schema()))

    assert main(["validate", "--schema"]) == 0
    assert capsys.readouterr().out == read_schema()


def test_no_rules(capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.yaml").write_text(
        "program: t.py\nmetric: {name: loss}\nparameters: {x: {min: 1, max: 9}}\n"
    )

    assert main(["validate", "s.yaml"]) == 0
    printed = capsys.readouterr().out
    assert "rules              none" in printed
    assert "keep all rules" not in printed


def test_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.yaml").write_text(SWEEP)

    assert main(["validate", "s.yaml"]) == 0
    printed = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]

    assert printed[:8] == [
        "study s",
        "program train.py (there is no such file here)",
        "goal minimize loss by qubo",
        "rules 1 constraint; 1 conditional parameter",
        "space 3 parameters, 20 combinations",
        "keep all rules 70 % (exact): 9 different configurations",
        "QUBO, one-hot 10 bits, 45 couplers",
        "QUBO, domain-wall 7 bits, 18 couplers",
    ]
    assert printed[8].startswith("on a QPU 7 bits as a clique: about 14 qubits in chains of 2")
    assert printed[9].startswith("QPU time 43 to 52 ms for 100 reads, 2 to 6 calls a trial")
    assert printed[11] == "9 samples of what is run"
    assert len(set(printed[12:])) == 9
    for line in printed[12:]:
        assert line.startswith("/usr/bin/env python train.py --optimizer=")
        assert ("--momentum" in line) == ("--optimizer=sgd" in line)


def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.yaml").write_text(SWEEP)

    assert main(["validate", "s.yaml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)

    assert found["combinations"] == 20
    assert found["feasible"]["share"] == 0.7
    assert found["conditions"] == {"momentum": {"optimizer": ["sgd"]}}
    assert [model["encoding"] for model in found["models"]] == ["one-hot", "domain-wall"]
    assert len(set(found["examples"])) == 9


def test_a_function_is_shown_as_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.yaml").write_text(SWEEP.replace("train.py", "package.train:main"))

    assert main(["validate", "s.yaml"]) == 0
    assert "package.train:main(optimizer='" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (SWEEP.replace("width:", "widht:"), "did you mean 'widht'?"),
        (SWEEP.replace("metric:", "metrik:"), "metrik is no key"),
        ("", "got an empty file"),
        (
            SWEEP.replace("width <= 2 or", "width > 5 and"),
            "no configuration keeps relation(('width',)",
        ),
        (SWEEP.replace("program: train.py", 'command: ["${envvar:NO_SUCH}"]'), "is not set"),
    ],
)
def test_mistakes_are_one_line(written: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.yaml").write_text(written)

    assert main(["validate", "s.yaml"]) == 2
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 1
    assert printed[0].startswith("qhpo: ")
    assert told in printed[0]


def test_a_file_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate"]) == 2
    assert "missing argument 'FILE'; see `qhpo validate --help`" in capsys.readouterr().err


def test_what_is_said_goes_on_below_where_the_console_is_narrow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("sweep.yaml").write_text(
        "program: a\nmetric: {name: loss}\n"
        "parameters: {a: {values: [1, 2]}, b: {min: 0, max: 1.0}}\n"
    )
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["validate", "sweep.yaml"]) == 0
    said = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert max(map(len, said)) <= 40
    assert any(line.startswith("QPU time") for line in said)
