"""The command line: W&B's macros, each as W&B expands it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from qhpo.errors import QhpoError
from qhpo.sweep import Sweep

Load = Callable[..., Sweep]

PARAMETERS = {
    "lr": {"min": 0.0, "max": 1.0},
    "amp": {"values": [True, False]},
    "opt": {"parameters": {"name": {"values": ["sgd", "adam"]}}},
    "keep": {"subset": ["a", "b"]},
}
PARAMS = {"lr": 1e-05, "amp": True, "opt.name": "sgd", "keep[a]": True, "keep[b]": True}


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        (
            None,
            [
                "/usr/bin/env",
                "python",
                "train.py",
                "--lr=1e-05",
                "--amp=True",
                "--opt={'name': 'sgd'}",
                "--keep=a,b",
            ],
        ),
        (
            ["./run.sh", 3, "${args_no_hyphens}"],
            ["./run.sh", "3", "lr=1e-05", "amp=True", "opt={'name': 'sgd'}", "keep=a,b"],
        ),
        (
            ["python3", "${program}", "${args_no_boolean_flags}"],
            ["python3", "train.py", "--lr=1e-05", "--amp", "--opt={'name': 'sgd'}", "--keep=a,b"],
        ),
        (
            ["r", "${args_no_equals}"],
            ["r", "--lr", "1e-05", "--amp", "True", "--opt", "{'name': 'sgd'}", "--keep", "a,b"],
        ),
        (
            ["r", "${args_json}"],
            ["r", '{"lr": 1e-05, "amp": true, "opt": {"name": "sgd"}, "keep": ["a", "b"]}'],
        ),
        (["r", "--home=${envvar:QHPO_TEST}/x"], ["r", "--home=there/x"]),
    ],
)
def test_macros(
    load: Load,
    command: list[object] | None,
    argv: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("QHPO_TEST", "there")

    assert load(parameters=PARAMETERS, command=command).argv(PARAMS) == argv


def test_false_flags_are_omitted(load: Load) -> None:
    sweep = load(parameters=PARAMETERS, command=["r", "${args_no_boolean_flags}"])

    assert "--amp" not in " ".join(sweep.argv({**PARAMS, "amp": False}))


def test_the_file_of_json_is_written_when_the_program_is_started(
    load: Load, tmp_path: Path
) -> None:
    sweep = load(parameters=PARAMETERS, command=["r", "${args_json_file}"])
    path = Path(sweep.argv(PARAMS)[1])

    assert not path.exists()
    assert sweep.spec().command(PARAMS) == ["r", str(path)]
    assert json.loads(path.read_text())["keep"] == ["a", "b"]
    assert path.is_relative_to(tmp_path / "qhpo-runs")
    assert sweep.argv({**PARAMS, "amp": False})[1] != str(path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["${arg}"], "did you mean '${args}'?"),
        (["python", "--all=${args}"], "an element of its own"),
        ("python train.py", "must be a list"),
        ([], "must be a list"),
        ([["python"]], "command[0] must be text"),
        (["", "x"], "must name what is started"),
    ],
)
def test_what_a_command_cannot_be(load: Load, command: object, told: str) -> None:
    with pytest.raises(QhpoError) as caught:
        load(command=command)

    assert told in str(caught.value)


def test_a_missing_environment_variable_is_named(load: Load) -> None:
    sweep = load(command=["r", "${envvar:QHPO_NO_SUCH}"])

    with pytest.raises(QhpoError, match="QHPO_NO_SUCH, which is not set"):
        sweep.argv({"lr": 0.1})


def test_a_file_says_what_is_run(load: Load) -> None:
    with pytest.raises(QhpoError, match="neither program nor command"):
        load(program=None)
    with pytest.raises(QhpoError, match="got no program"):
        load(program=None, command=["python", "${program}"])
    assert load(program=None, command=["make", "${args_no_hyphens}"]).argv({"lr": 0.5}) == [
        "make",
        "lr=0.5",
    ]
