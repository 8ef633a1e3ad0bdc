"""`qhpo init`: what it reads of a script, and that what it writes is valid."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.cli import main
from qhpo.sweep import load_sweep

ARGPARSE = '''
import argparse
raise SystemExit("the script was run")
OPTIMIZERS = ["sgd", "adam"]
parser = argparse.ArgumentParser()
parser.add_argument("data", help="a folder")
group = parser.add_argument_group("model")
group.add_argument("--lr", "-l", type=float, default=1e-3, help="""learning rate: of
    the optimizer # and more""")
group.add_argument("-b", "--batch-size", type=int, default=64)
parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adam")
parser.add_argument("--heads", type=int, choices=(2, 4, 8))
parser.add_argument("--amp", action="store_true")
parser.add_argument("--bias", action=argparse.BooleanOptionalAction, default=True)
parser.add_argument("--dropout", default=0.1, type=float)
parser.add_argument("--n_layers", default=3, type=int)
parser.add_argument("--momentum", default=0.9, type=float)
parser.add_argument("--weight-decay", default=0.0, type=float)
parser.add_argument("--scale", default=-2.0, type=float)
parser.add_argument("--yes", default=3.5, type=float)
parser.add_argument("--epochs", default=3, type=int)
parser.add_argument("--seed", default=0, type=int)
parser.add_argument("--sizes", nargs="+", type=int, default=[1])
parser.add_argument("--untyped", default=0.5)
parser.add_argument("--free", type=float)
parser.add_argument("--special", type=int, default=-1)
parser.add_argument("--lr", type=float, default=99.0)
'''
CLICK = """
import click
@click.command()
@click.option("--lr", default=0.01, show_default=True, help="Learning rate.")
@click.option("--width", type=click.IntRange(8, 512), default=64)
@click.option("--alpha", type=click.FloatRange(min=0, max=2))
@click.option("--solver", type=click.Choice(["a", "b"]), default="a")
@click.option("--amp/--no-amp", default=False)
@click.option("--fast", is_flag=True)
@click.option("--tags", multiple=True)
@click.argument("data")
def main(**options): raise SystemExit("the script was run")
"""


@pytest.mark.parametrize(
    ("script", "space"),
    [
        (
            ARGPARSE,
            {
                "lr": FloatDistribution(1e-4, 1e-2, log=True),
                "batch-size": CategoricalDistribution((16, 32, 64, 128, 256)),
                "optimizer": CategoricalDistribution(("sgd", "adam")),
                "heads": CategoricalDistribution((2, 4, 8)),
                "amp": CategoricalDistribution((True, False)),
                "dropout": FloatDistribution(0.0, 0.5),
                "n_layers": IntDistribution(1, 6),
                "momentum": FloatDistribution(0.0, 0.99),
                "weight-decay": FloatDistribution(1e-5, 1e-3, log=True),
                "scale": FloatDistribution(-4.0, 0.0),
                "yes": FloatDistribution(0.35, 35.0, log=True),
            },
        ),
        (
            CLICK,
            {
                "lr": FloatDistribution(0.001, 0.1, log=True),
                "width": IntDistribution(8, 512),
                "alpha": FloatDistribution(0.0, 2.0),
                "solver": CategoricalDistribution(("a", "b")),
                "amp": CategoricalDistribution((True, False)),
                "fast": CategoricalDistribution((True, False)),
            },
        ),
    ],
    ids=["argparse", "click"],
)
def test_options_become_parameters(script: str, space: dict[str, BaseDistribution]) -> None:
    Path("train.py").write_text(script)

    assert main(["init", "train.py"]) == 0
    sweep = load_sweep("sweep.yaml")

    assert sweep.search_space == space
    assert list(sweep.search_space) == list(space)
    assert sweep.notes == ()
    assert main(["validate", "sweep.yaml"]) == 0


def test_a_program_that_cannot_be_started_yet(capsys: pytest.CaptureFixture[str]) -> None:
    script = Path("fit.awk")
    script.write_text("#!/usr/bin/awk -f\n")
    script.chmod(0o644)

    assert main(["init", "fit.awk"]) == 0
    assert "fit.awk is not executable yet: chmod +x fit.awk" in capsys.readouterr().out
    script.chmod(0o755)
    assert main(["init", "fit.awk", "--force"]) == 0
    assert "chmod" not in capsys.readouterr().out


def test_the_file_says_what_was_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    Path("train.py").write_text(ARGPARSE)

    assert main(["init", "train.py", "-o", "mine.yml"]) == 0
    assert capsys.readouterr().out == (
        "wrote mine.yml with 11 parameters of train.py; correct it, then: qhpo validate mine.yml\n"
    )
    written = Path("mine.yml").read_text()
    assert "# learning rate: of the optimizer # and more; default 0.001" in written
    assert "#   epochs: its name says where or how long, not how well" in written
    assert "#   untyped: it takes text" in written
    assert "#   free: it has no default to guess a range from" in written
    assert "--amp" in " ".join(load_sweep("mine.yml").argv({"amp": True}))
    assert "--amp" not in " ".join(load_sweep("mine.yml").argv({"amp": False}))


@pytest.mark.parametrize("arguments", [[], ["empty.py"], ["run.sh"], ["tools/run.R"]])
def test_without_options_there_are_examples(arguments: list[str]) -> None:
    Path("tools").mkdir()
    for name in ("empty.py", "run.sh", "tools/run.R"):
        Path(name).write_text("")

    assert main(["init", *arguments]) == 0
    assert main(["validate", "sweep.yaml"]) == 0
    assert list(load_sweep("sweep.yaml").search_space) == ["lr", "batch_size", "optimizer"]


def test_what_is_no_python_is_started_as_it_is() -> None:
    Path("run.sh").write_text("")

    assert main(["init", "run.sh"]) == 0
    assert load_sweep("sweep.yaml").argv({"lr": 0.5}) == ["./run.sh", "--lr=0.5"]


def test_nothing_is_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    Path("sweep.yaml").write_text("mine")

    assert main(["init"]) == 2
    assert "init writes over no file; got sweep.yaml" in capsys.readouterr().err
    assert Path("sweep.yaml").read_text() == "mine"
    assert main(["init", "--force"]) == 0
    assert main(["validate", "sweep.yaml"]) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no.py"], "got no.py: No such file"),
        (["no.sh"], "got no.sh, which is not there"),
        (["-o", "sweep.json"], "must end in .yaml or .yml"),
        (["-o", "no/sweep.yaml"], "No such file or directory"),
        (["wrong.py"], "wrong in line 2: SyntaxError"),
        (["binary.py"], "must be Python to be read"),
        (["deep.py"], "must be Python to be read"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("wrong.py").write_text("a = 1\nb = (\n")
    Path("binary.py").write_bytes(b"\x00\xff\xfe")
    Path("deep.py").write_text("x = " + "(" * 5000)

    assert main(["init", *arguments]) == 2
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 1
    assert told in printed[0]


NAMES = ["lr", "x", "no", "a b", "a=b", "-x", "3d", "drop", "beta", "Ω", 'q"', "a.b", "decay", "ü"]
VALUES = [
    *["0", "1", "-1", "3", "64", "1e-3", "1e300", "1e-300", "0.0", "0.5", "-0.5", "float('inf')"],
    *["None", "True", "'a'", "'a: b'", "[]", "[1, 2]", "['a', 'a']", "['no', 'x#y', '\\x00']"],
    *["10**9", "9" * 40, "X", "f()", "(1.5, True)", "'\\n'"],
]
KEYWORDS = [
    "type=float",
    "type=int",
    "type=str",
    "type=bool",
    "action='store_true'",
    "is_flag=True",
]
KEYWORDS += ["type=click.IntRange(3, 1)", "type=click.FloatRange(0, None)", "help='a\\n: #'"]


@pytest.mark.parametrize("seed", range(60))
def test_whatever_a_script_says_the_file_is_valid(seed: int) -> None:
    rng = random.Random(seed)
    lines = []
    for _ in range(rng.randint(1, 8)):
        given = rng.sample(KEYWORDS, rng.randint(0, 2))
        given += [
            f"{key}={rng.choice(VALUES)}" for key in ("default", "choices") if rng.random() < 0.6
        ]
        call = rng.choice(["p.add_argument", "click.option"])
        name = rng.choice(NAMES) + rng.choice(["", "", "/--no"])
        unique = {each.partition("=")[0]: each for each in given}
        lines.append(f"{call}({'--' + name!r}, {', '.join(unique.values())})")
    Path("train.py").write_text("\n".join(lines), encoding="utf-8")

    assert main(["init", "train.py"]) == 0
    load_sweep("sweep.yaml")
