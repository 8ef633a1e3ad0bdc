from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qhpo.cli import main
from qhpo.cli.app import cli

Start = Callable[..., "subprocess.Popen[str]"]

COMMANDS = [
    "run",
    "show",
    "ask",
    "tell",
    "studies",
    "train",
    "problems",
    "solvers",
    "init",
    "validate",
    "completion",
]

MISTAKES = {
    "unknown command": (["rnu"], "there is no command 'rnu'; did you mean run?"),
    "strange command": (
        ["xyzzy"],
        f"the commands are {', '.join(COMMANDS)}",
    ),
    "unknown option": (
        ["run", "parabola", "--trails", "3"],
        "no such option '--trails'. (Did you mean one of: '--retries', '--trials'?)",
    ),
    "unknown option of the program": (["--nonsense"], "no such option '--nonsense'"),
    "no problem": (["run"], "missing argument 'TASK'; see `qhpo run --help`"),
    "too many arguments": (["problems", "cnn"], "unexpected extra argument"),
    "unknown problem": (["run", "no-such"], "got 'no-such'; see `qhpo problems`"),
    "misspelt problem": (["run", "parabla"], "got 'parabla'; did you mean 'parabola'?"),
    "unloadable problem": (
        ["run", "absent"],
        "the problem absent of the package tiny cannot be loaded: ModuleNotFoundError: ",
    ),
    "textual problem": (
        ["run", "wrong"],
        "must be a qhpo.problem.Problem; wrong of the package tiny is a str; update or uninstall",
    ),
    "unprepared problem": (["run", "unprepared"], "the data is not there"),
    "missing extra": (["run", "hungry"], "no_such_package, which is not installed; run: pip"),
    "unknown sampler": (["run", "parabola", "--sampler", "tpa"], "'tpa' is not one of 'qubo'"),
    "unknown solver": (["run", "parabola", "--solver", "nael"], "did you mean 'neal'?"),
    "unloadable solver": (["run", "parabola", "--solver", "odd"], "the solver odd of the package"),
    "solver of another sampler": (
        ["run", "parabola", "--sampler", "tpe", "--solver", "neal"],
        "--solver belongs to --sampler qubo, not tpe",
    ),
    "negative trials": (["run", "parabola", "--trials", "-3"], "-3 is not in the range x>=1"),
    "trials in words": (
        ["run", "parabola", "--trials", "ten"],
        "'ten' is not a valid whole number",
    ),
    "negative seed": (["run", "parabola", "--seed", "-1"], "-1 is not in the range"),
    "budget of a problem without sizes": (
        ["run", "parabola", "--max-params", "100"],
        "says how large its models are; parabola does not; leave the budget out",
    ),
    "impossible budget": (
        ["run", "cnn-digits", "--max-params", "100"],
        "smallest model of cnn-digits, which has 994 trainable parameters; got 100; give 994",
    ),
    "no budget": (["run", "sized", "--max-params", "0"], "0 is not in the range x>=1"),
    "budget in words": (
        ["run", "sized", "--max-params", "20k"],
        "'20k' is not a valid whole number",
    ),
    "negative timeout": (["run", "parabola", "--timeout", "-1"], "-1.0 is not in the range x>0"),
    "no number": (["run", "parabola", "--timeout", "nan"], "'nan' is not a valid number"),
    "path for URL": (["run", "parabola", "--storage", "a.db"], "such as sqlite:///qhpo.db"),
    "unknown database": (["run", "parabola", "--storage", "foo://x"], "got 'foo://x'"),
    "bad port": (["run", "parabola", "--storage", "postgresql://me:pw@host:x/y"], "me:***@host"),
    "format string": (
        ["run", "parabola", "--storage", "sqlite:///{a}.db"],
        "must not contain braces",
    ),
    "in memory": (["run", "parabola", "--storage", "sqlite://"], "must outlive the program"),
    "no directory": (
        ["run", "parabola", "--storage", "sqlite:///no/where.db"],
        "there is no directory no; create it",
    ),
    "no driver": (
        ["run", "parabola", "--storage", "mysql+oursql://me:pw@localhost/x"],
        "mysql+oursql://me:***@localhost/x",
    ),
    "not a database": (["run", "parabola", "--storage", "sqlite:///no.db"], "is not a database"),
    "show what is no database": (["show", "--storage", "sqlite:///no.db"], "is not a database"),
    "show what is empty": (["show", "--storage", "sqlite:///empty.db"], "without studies"),
    "show nothing": (["show"], "there is no file qhpo.db; start a study with `qhpo run PROBLEM`"),
    "show no trials": (["show", "--last", "0"], "0 is not in the range x>=1"),
    "broken command": (["snapped"], "the command snapped of the package tiny cannot be loaded"),
    "textual command": (["textual"], "must be a click.core.Command; textual of the package tiny"),
    "added command, used wrongly": (["greet"], "missing option '--name'; see `qhpo greet --help`"),
    "added command, that refuses": (["greet", "--name", "nobody"], "must be of somebody"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gives_one_line_and_code_2_and_leaves_no_study(
    mistake: str, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args, expected = MISTAKES[mistake]
    (tiny / "no.db").write_text("this is a letter, and no database at all\n" * 30)
    (tiny / "empty.db").touch()

    code = main(args)

    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert expected in printed.err
    assert printed.err.startswith("qhpo: ")
    assert printed.err.count("\n") == 1
    assert "pw" not in printed.err
    # The study remembers the choices with which the data is prepared.
    assert (tiny / "qhpo.db").exists() == (mistake == "unprepared problem")


def test_a_mistake_in_a_process(start: Start) -> None:
    process = start("run", "parabola", "--trials", "-3")

    _, err = process.communicate(timeout=60)

    assert process.returncode == 2
    assert err.startswith("qhpo: ")
    assert "Traceback" not in err


def test_the_program_alone_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    alone = capsys.readouterr().out
    assert main(["--help"]) == 0

    assert capsys.readouterr().out == alone
    for command in [*COMMANDS, "greet", "snapped"]:
        assert f"\n  {command} " in alone


@pytest.mark.parametrize("command", [*COMMANDS, "greet"])
def test_every_command_has_a_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0

    assert f"Usage: qhpo {command}" in capsys.readouterr().out


def test_an_installed_package_adds_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["greet", "--name", "you"]) == 0

    assert capsys.readouterr().out == "hello you\n"


def test_no_package_replaces_a_command_of_qhpo() -> None:
    with cli.make_context("qhpo", ["problems"]) as ctx:
        command = cli.get_command(ctx, "run")

    assert command is not None
    assert "--trials" in [option for param in command.params for option in param.opts]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0

    name, number = capsys.readouterr().out.split()
    assert name == "qhpo"
    assert number[0].isdigit()


def test_ctrl_c_outside_a_search(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["greet", "--name", "ctrl-c"]) == 130
    assert capsys.readouterr().err.strip() == "qhpo: interrupted"


def test_the_help_loads_neither_heavy_packages_nor_added_commands(site: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "from qhpo.cli import main; main(['--help'])\n"
        "print('loaded', *sorted(m for m in sys.modules if '.' not in m))"
    )

    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert re.search(r"greet +Say hello\.", out)
    loaded = set(out.splitlines()[-1].split())
    assert "click" in loaded
    heavy = {"torch", "sklearn", "matplotlib", "pandas", "optuna", "dimod", "rich", "sqlalchemy"}
    assert not loaded & (heavy | {"tiny_problems", "qhpo_problems"})
