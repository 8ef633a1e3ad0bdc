from __future__ import annotations

import csv
import json
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from qhpo.cli import main

URL = "sqlite:///qhpo.db"


def printed(capsys: pytest.CaptureFixture[str], *args: str) -> list[str]:
    capsys.readouterr()
    assert main(["studies", *args]) == 0
    return capsys.readouterr().out.splitlines()


def refused(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    capsys.readouterr()
    assert main(["studies", *args]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def names(url: str = URL) -> set[str]:
    return set(optuna.get_all_study_names(url))


@pytest.fixture
def study(tiny: Path) -> optuna.Study:
    made = optuna.create_study(storage=URL, study_name="first", direction="maximize")
    made.set_user_attr("note", "of mine")
    for value in (1.0, 3.0, 2.0):
        trial = made.ask({"x": FloatDistribution(0.0, 1.0)})
        trial.set_user_attr("loss", value)
        made.tell(trial, value)
    return made


def test_the_list(study: optuna.Study, capsys: pytest.CaptureFixture[str]) -> None:
    optuna.create_study(storage=URL, study_name="two", directions=["minimize", "maximize"])

    lines = printed(capsys)

    assert lines == printed(capsys, "list") == printed(capsys, "list", "--storage", URL)
    assert [line.split()[0] for line in lines[2:]] == ["first", "two"]
    assert lines[2].split()[1:5] == ["maximize", "3", "complete", "3"]
    assert f"{study.trials[-1].datetime_complete:%Y-%m-%d %H:%M}" in lines[2]
    assert "minimize, maximize" in lines[3]
    assert "front of 0 in value 1 and value 2" in lines[3]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_list_fits(
    width: int,
    study: optuna.Study,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    optuna.create_study(storage=URL, study_name="a-study-of-a-name-that-is-long" * 2)
    monkeypatch.setenv("COLUMNS", str(width))

    lines = printed(capsys)

    # One study below another, where there is no room beside each other: words stay whole, and a
    # name can be copied.
    is_list = width < 60
    assert max(len(line) for line in lines if not is_list or "a-study" not in line) <= width
    assert "…" not in "".join(lines)
    words = "\n".join(lines).split()
    assert {"maximize", "complete"} <= set(words)
    assert words.count("study") == (2 if is_list else 1)


def test_renaming_keeps_everything(study: optuna.Study, capsys: pytest.CaptureFixture[str]) -> None:
    trials = study.trials

    assert printed(capsys, "rename", "first", "second") == ["first is now second"]

    assert names() == {"second"}
    renamed = optuna.load_study(study_name="second", storage=URL)
    assert renamed.directions == study.directions
    assert renamed.user_attrs == {"note": "of mine"}
    for old, new in zip(trials, renamed.trials, strict=True):
        assert (old.number, old.values, old.params) == (new.number, new.values, new.params)
        assert (old.user_attrs, old.datetime_start) == (new.user_attrs, new.datetime_start)


def test_a_study_that_runs_is_not_renamed(
    study: optuna.Study, capsys: pytest.CaptureFixture[str]
) -> None:
    study.ask()
    assert "`qhpo tell first 3 --failed`" in refused(capsys, "rename", "first", "second")
    assert main(["tell", "first", "3", "--failed"]) == 0
    printed(capsys, "rename", "first", "second")
    assert names() == {"second"}


def test_deleting(study: optuna.Study, capsys: pytest.CaptureFixture[str]) -> None:
    assert "give --yes" in refused(capsys, "delete", "first")
    assert printed(capsys, "delete", "first", "--yes") == ["first with 3 trials is deleted"]
    assert names() == set()
    assert "holds no study" in printed(capsys)[0]


@pytest.mark.parametrize(("answer", "left"), [("n\n", {"first"}), ("y\n", set())])
def test_deleting_asks(
    answer: str, left: set[str], study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("click.confirm", lambda *args, **kwargs: answer == "y\n")

    assert main(["studies", "delete", "first"]) == 0
    assert names() == left


def test_export(study: optuna.Study, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "export", "first") == ["first is in first.csv: 3 trials"]
    rows = list(csv.DictReader((tiny / "first.csv").open()))
    assert [float(row["value"]) for row in rows] == [1.0, 3.0, 2.0]
    assert [float(row["params_x"]) for row in rows] == [t.params["x"] for t in study.trials]

    printed(capsys, "export", "first", "-o", "out.json")
    record = json.loads((tiny / "out.json").read_text())
    assert [trial["attributes"] for trial in record["trials"]] == [
        {"loss": 1.0},
        {"loss": 3.0},
        {"loss": 2.0},
    ]
    assert record["best"] == [1]

    printed(capsys, "export", "first", "-o", "out.db")
    copied = optuna.load_study(study_name="first", storage="sqlite:///out.db")
    assert [trial.values for trial in copied.trials] == [[1.0], [3.0], [2.0]]
    printed(capsys, "export", "first", "-o", "out.journal")
    storage = JournalStorage(JournalFileBackend("out.journal"))
    copied = optuna.load_study(study_name="first", storage=storage)
    assert [trial.values for trial in copied.trials] == [[1.0], [3.0], [2.0]]
    # Nothing that is there is written over.
    for name in ("first.csv", "out.json", "out.db", "out.journal"):
        before = (tiny / name).read_bytes()
        error = refused(capsys, "export", "first", "-o", name)
        assert "choose another name" in error
        assert (tiny / name).read_bytes() == before


def test_the_storage_may_stand_before_or_behind(
    study: optuna.Study, capsys: pytest.CaptureFixture[str]
) -> None:
    printed(capsys, "export", "first", "-o", "sqlite:///other.db")
    other = "sqlite:///other.db"

    printed(capsys, "--storage", other, "rename", "first", "before")
    assert names(other) == {"before"}
    printed(capsys, "rename", "before", "behind", "--storage", other)
    assert names(other) == {"behind"}
    assert names() == {"first"}


MISTAKES = {
    "unknown subcommand": (["renam"], "Did you mean 'rename'?"),
    "unknown study": (["rename", "frist", "x"], "did you mean first?"),
    "unknown study to delete": (["delete", "zzz", "--yes"], "there is no study 'zzz' in sqlite"),
    "unknown study to export": (["export", "frist"], "did you mean first?"),
    "name taken": (["rename", "first", "first"], "a name belongs to one study"),
    "no name": (["rename", "first", ""], "a study must have a name"),
    "unknown ending": (
        ["export", "first", "-o", "out.xls"],
        "ends in .csv, .json, .db or .journal",
    ),
    "no folder": (["export", "first", "-o", "no/out.csv"], "No such file or directory"),
    "no folder for a database": (["export", "first", "-o", "no/out.db"], "no directory no"),
    "no storage": (["list", "--storage", "sqlite:///zzz.db"], "does not exist"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake(mistake: str, study: optuna.Study, capsys: pytest.CaptureFixture[str]) -> None:
    args, expected = MISTAKES[mistake]

    assert expected in " ".join(refused(capsys, *args).split())
    assert names() == {"first"}
    assert len(study.get_trials()) == 3
