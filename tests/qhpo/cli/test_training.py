from __future__ import annotations

import json
import shlex
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution

from qhpo import QUBOSampler
from qhpo.cli import main

URL = "sqlite:///qhpo.db"


def printed(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    capsys.readouterr()
    assert main(["train", *args]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    capsys.readouterr()
    assert main(["train", *args]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def searched(name: str) -> optuna.Study:
    assert main(["run", name, "--trials", "4", "--sampler", "random", "--seed", "5"]) == 0
    return optuna.load_study(study_name=name, storage=URL)


def test_the_recommended_trial_is_trained(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = searched("kept")
    recommended = QUBOSampler(seed=0).recommend(study).trial

    out = printed(capsys, "kept")

    folder = tiny / f"kept-{recommended.number}"
    model = json.loads((folder / "model.json").read_text())
    assert model == {"x": recommended.params["x"], "seed": 5}
    assert f"trial {recommended.number} of kept, recommended" in out
    assert "epochs  3\n" in out
    assert "goes into a new or empty folder" in refused(capsys, "kept")
    other = next(t.number for t in study.trials if t.number != recommended.number)
    printed(capsys, "kept", "--trial", str(other), "-o", "deep/model")
    model = json.loads((tiny / "deep" / "model" / "model.json").read_text())
    assert model["x"] == study.trials[other].params["x"]


def test_a_dry_run_trains_nothing(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = searched("kept")

    out = printed(capsys, "kept", "--trial", "2", "--dry-run")

    assert "trial 2 of kept, as asked for" in out
    assert f"  x  {study.trials[2].params['x']:.6g}\n" in out
    assert not (tiny / "kept-2").exists()


def test_a_program_gives_its_command_line(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = searched("commanded")
    x = study.trials[1].params["x"]

    out = printed(capsys, "commanded", "--trial", "1", "--dry-run")
    assert shlex.split(out) == ["python", "my train.py", f"--x={x}"]
    assert out.count("\n") == 1
    assert not (tiny / "ran").exists()

    out = printed(capsys, "commanded", "--trial", "1")
    assert (tiny / "ran").read_text() == repr(x)
    assert shlex.split(out.splitlines()[0]) == ["python", "my train.py", f"--x={x}"]
    assert f"value  {x:.6g}\n" in out
    assert "log_folder  here\n" in out
    assert "leave it out" in refused(capsys, "commanded", "-o", "model")


def test_an_objective_is_run_once_more(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = searched("parabola")

    out = printed(capsys, "parabola", "--trial", "3")

    assert f"value  {study.trials[3].value:.6g}\n" in out
    assert len(optuna.load_study(study_name="parabola", storage=URL).trials) == 4


def test_several_objectives(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = searched("pair")
    front = sorted(study.best_trials, key=lambda t: (t.values[0], t.number))

    error = refused(capsys, "pair")

    assert f"in cost and gain: {', '.join(str(t.number) for t in front)}" in error
    out = printed(capsys, "pair", "--trial", "0")
    assert f"cost  {study.trials[0].values[0]:.6g}\n" in out


def test_a_study_of_another_program(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = optuna.create_study(storage=URL, study_name="plain")
    assert "plain has none" in refused(capsys, "plain")
    study.tell(study.ask({"x": FloatDistribution(0.0, 1.0)}), 0.5)
    study.tell(study.ask({"y": FloatDistribution(0.0, 1.0)}), 0.5)
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)

    assert "give --task" in refused(capsys, "plain", "--trial", "0")
    assert "did you mean 'kept'?" in refused(capsys, "plain", "--task", "kepf")
    assert "trial 2 of plain is fail" in refused(capsys, "plain", "--trial", "2")
    assert "has 3 trials" in refused(capsys, "plain", "--trial", "3")
    error = refused(capsys, "plain", "--task", "kept", "--trial", "1", "-o", "m")
    assert "cannot be trained: ValueError" in error or "cannot be trained: KeyError" in error
    printed(capsys, "plain", "--task", "kept", "--trial", "0", "-o", "model")
    assert (tiny / "model" / "model.json").exists()


def test_the_folder_is_tried_first(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    searched("kept")
    (tiny / "file").write_text("")

    assert "must be a folder that can be written to" in refused(capsys, "kept", "-o", "file")
    assert "did you mean kept?" in refused(capsys, "kep")
