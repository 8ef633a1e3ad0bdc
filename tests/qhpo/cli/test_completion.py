"""What a shell gets from the program when TAB is pressed, by Click's own protocol."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from click.shell_completion import ShellComplete

from qhpo.cli import main
from qhpo.cli.app import cli

Start = Callable[..., "subprocess.Popen[str]"]


def completed(*words: str) -> list[str]:
    """What the last word may become."""
    shell = ShellComplete(cli, {}, "qhpo", "_QHPO_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


def test_commands_are_completed_and_none_is_loaded() -> None:
    # The command "snapped" cannot be loaded.
    assert completed("s") == ["show", "studies", "solvers", "snapped"]
    assert completed("studies", "re") == ["rename"]
    assert "--trials" in completed("run", "--tr")


def test_problems_and_files() -> None:
    for command in ("run", "ask"):
        assert completed(command, "para") == ["parabola"]
        assert {"parabola", "cnn-digits", "absent"} <= set(completed(command, ""))
    shell = ShellComplete(cli, {}, "qhpo", "_QHPO_COMPLETE")
    (item,) = shell.get_completions(["run"], "./sweep.y")
    assert (item.type, item.value) == ("file", "./sweep.y")


def test_solvers() -> None:
    assert completed("run", "parabola", "--solver", "ne") == ["neal"]
    assert completed("solvers", "--check", "tab") == ["tabu"]


def test_studies(tiny: Path) -> None:
    for name in ("first", "fifth", "second"):
        optuna.create_study(storage="sqlite:///qhpo.db", study_name=name)
    optuna.create_study(storage="sqlite:///other.db", study_name="far")

    for command in ("show", "tell", "train", "studies delete", "studies export", "studies rename"):
        assert completed(*command.split(), "fi") == ["fifth", "first"]
    for command in ("run", "ask"):
        assert completed(command, "sized", "--study", "s") == ["second"]
    assert completed("show", "--storage", "sqlite:///other.db", "f") == ["far"]
    assert completed("studies", "--storage", "sqlite:///other.db", "delete", "f") == ["far"]


@pytest.mark.parametrize("url", ["sqlite:///none.db", "nonsense", "sqlite:///letter.db"])
def test_a_storage_that_is_none_completes_nothing(url: str, tiny: Path) -> None:
    (tiny / "letter.db").write_text("no database at all\n" * 99)

    assert completed("show", "--storage", url, "f") == []
    assert not (tiny / "none.db").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_line_for_a_shell(shell: str, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert f"_QHPO_COMPLETE={shell}_source qhpo" in capsys.readouterr().out

    script, err = start(_QHPO_COMPLETE=f"{shell}_source").communicate(timeout=60)
    assert f"_QHPO_COMPLETE={shell}_complete" in script
    assert "Traceback" not in err
    variables = {"_QHPO_COMPLETE": f"{shell}_complete", "COMP_WORDS": "qhpo run para"}
    variables["COMP_CWORD"] = "para" if shell == "fish" else "2"
    out, err = start(**variables).communicate(timeout=60)
    assert "parabola" in out
    assert err == ""


def test_an_unknown_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "'tcsh' is not one of 'bash'" in capsys.readouterr().err
