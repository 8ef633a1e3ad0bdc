from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState

from qhpo.cli import main
from qhpo.cli.studies import Status, status

URL = "sqlite:///qhpo.db"


def asked(capsys: pytest.CaptureFixture[str], *args: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["ask", *args]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return [json.loads(line) for line in printed.out.splitlines()]


def refused(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    capsys.readouterr()
    assert main(list(args)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("qhpo: ")
    assert printed.err.count("\n") == 1
    return printed.err


def typed(monkeypatch: pytest.MonkeyPatch, *lines: object) -> None:
    """What stands on standard input; what is no text is written as JSON."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(texts)))


def loaded(name: str) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=URL)


def test_a_trial_is_asked_for_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = asked(capsys, "sized")

    (trial,) = loaded("sized").trials
    assert line == {"trial": 0, "params": trial.params}
    assert trial.state == TrialState.RUNNING
    assert main(["tell", "sized", "0", "--value", "-3.5"]) == 0
    (trial,) = loaded("sized").trials
    assert (trial.state, trial.value) == (TrialState.COMPLETE, -3.5)
    assert main(["show", "sized"]) == 0
    out = capsys.readouterr().out
    assert "sampler  qubo with neal\n" in out
    assert "problem  sized, minimize, seed 0\n" in out


@pytest.mark.parametrize("sampler", ["qubo", "random", "grid"])
def test_the_rules_are_kept(sampler: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = asked(capsys, "ruled", "--sampler", sampler, "-n", "8")

    assert len({line["trial"] for line in lines}) == 8
    for line in lines:
        assert line["params"]["a"] <= line["params"]["b"]
        # A trial that breaks them is not given out.
        assert loaded("ruled").trials[line["trial"]].state == TrialState.RUNNING


def test_a_task_brings_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    asked(capsys, "sized", "--pruner", "median", "--seed", "3")

    assert loaded("sized").user_attrs["qhpo:pruner"] == "median"
    assert loaded("sized").user_attrs["qhpo:seed"] == 3


def test_a_batch_has_no_repetition(capsys: pytest.CaptureFixture[str]) -> None:
    lines = asked(capsys, "sized", "--study", "batch", "-n", "4")
    lines += asked(capsys, "sized", "--study", "batch", "-n", "2")

    assert [line["trial"] for line in lines] == list(range(6))
    assert len({json.dumps(line["params"]) for line in lines}) == 6


@pytest.mark.parametrize("sampler", ["qubo", "tpe", "random"])
def test_only_parameters_that_exist_are_asked_for(
    sampler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = asked(capsys, "tree", "--sampler", sampler, "-n", "12")

    having = [line["params"]["layers"] == 2 for line in lines]
    assert {True, False} == set(having)
    for line, has in zip(lines, having, strict=True):
        names = ["units_2", "layers", "kind", "rate"]
        assert list(line["params"]) == (names if has else names[1:])
    assert {line["params"]["kind"] for line in lines} <= {"plain", None, True}


@pytest.mark.parametrize("sampler", ["tpe", "random", "qubo"])
def test_a_continued_search_repeats_nothing(
    sampler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = set()
    for number in range(4):
        (line,) = asked(capsys, "sized", "--sampler", sampler, "--seed", "5")
        seen.add(line["params"]["x"])
        assert main(["tell", "sized", str(number), "--value", "1"]) == 0
    assert len(seen) == 4


@pytest.mark.parametrize("task", ["sized", None])
def test_a_study_of_another_program_goes_on(
    task: str | None, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = optuna.create_study(storage=URL, study_name="plain")
    space = {"x": FloatDistribution(-1.0, 1.0)}
    study.tell(study.ask(space), 0.5)

    (line,) = asked(capsys, *([task] if task else []), "--study", "plain")

    assert line["trial"] == 1
    assert list(line["params"]) == (["x", "width", "layers"] if task else ["x"])
    assert main(["tell", "plain", "1", "--value", "0.25"]) == 0
    assert loaded("plain").best_trial.number == 1


def test_a_waiting_trial_comes_first(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = optuna.create_study(storage=URL, study_name="sized")
    study.enqueue_trial({"x": 0.125, "width": 2, "layers": 3})

    (line,) = asked(capsys, "sized")

    assert line == {"trial": 0, "params": {"x": 0.125, "width": 2, "layers": 3}}


def test_a_trial_that_nobody_tells_of_is_open(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is listed with its age, no run counts it or waits for it, and nobody repeats it."""
    lines = asked(capsys, "ruled", "-n", "2")
    given = [line["params"] for line in lines]
    late = datetime.now() + timedelta(hours=3, minutes=4)
    with monkeypatch.context() as patched:
        patched.setattr("qhpo.cli.report.datetime", SimpleNamespace(now=lambda: late))
        assert main(["show", "ruled"]) == 0
        out = capsys.readouterr().out
        assert "trials   2 asked (3 h 04 min ago)" in out
        assert "asked    trial 0 3 h 04 min ago, trial 1 3 h 04 min ago; give one up" in out
        assert "with qhpo tell ruled 0 --failed" in out
        assert main(["studies"]) == 0
        assert "2 asked (3 h 04 min ago)" in capsys.readouterr().out

    # The 21 configurations are run, but for the two that are open.
    assert main(["run", "ruled", "--trials", "19"]) == 0
    assert "waiting" not in capsys.readouterr().err
    trials = loaded("ruled").trials
    assert [status(trial) for trial in trials[:2]] == [Status.ASKED] * 2
    assert len(trials) == 21
    assert all(trial.params not in given for trial in trials[2:])

    assert main(["tell", "ruled", "0", "--failed"]) == 0
    assert main(["tell", "ruled", "1", "--value", "-1"]) == 0
    found = [status(trial) for trial in loaded("ruled").trials[:2]]
    assert found == [Status.FAILED, Status.COMPLETE]
    assert main(["show", "ruled"]) == 0
    assert "asked" not in capsys.readouterr().out


def test_a_trial_is_known_as_asked_from_the_first_moment(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the process is killed before it has said what was asked for."""

    class Killed(BaseException):
        pass

    def killed(*args: object, **kwargs: object) -> None:
        raise Killed

    monkeypatch.setattr("qhpo.cli.asking.suggest", killed)
    monkeypatch.setattr(optuna.Study, "tell", killed)
    with pytest.raises(Killed):
        main(["ask", "sized"])
    assert [status(trial) for trial in loaded("sized").trials] == [Status.ASKED]


def test_failed_and_pruned(capsys: pytest.CaptureFixture[str]) -> None:
    asked(capsys, "sized", "-n", "3")

    assert main(["tell", "sized", "0", "--failed"]) == 0
    assert main(["tell", "sized", "1", "--step", "0", "--value", "7"]) == 0
    assert main(["tell", "sized", "1", "--pruned"]) == 0
    assert main(["tell", "sized", "2", "--step", "4", "--value", "8", "--pruned"]) == 0

    trials = loaded("sized").trials
    assert [trial.state.name for trial in trials] == ["FAIL", "PRUNED", "PRUNED"]
    assert [trial.value for trial in trials] == [None, 7.0, 8.0]
    capsys.readouterr()
    assert main(["show", "sized"]) == 0
    assert "trials   2 pruned, 1 failed\n" in capsys.readouterr().out
    # It failed by itself, so it is not done again as one that was cut off.
    (line,) = asked(capsys, "sized")
    assert line["params"] != trials[0].params


def test_constraints_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    asked(capsys, "sized", "-n", "2")
    told = ["--constraint", "a=b=-2.5", "--constraint", "size=1e3"]

    assert main(["tell", "sized", "0", "--value", "1", *told]) == 0
    assert main(["tell", "sized", "1", "--value", "2", "--constraint", "size=0"]) == 0

    assert loaded("sized").trials[0].constraints == {"a=b": -2.5, "size": 1000.0}
    assert loaded("sized").best_trial.number == 1


def test_a_report_is_answered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(capsys, "sized", "-n", "7", "--sampler", "random", "--pruner", "median")
    for number in range(5):
        assert main(["tell", "sized", str(number), "--step", "1", "--value", str(number)]) == 0
        assert main(["tell", "sized", str(number), "--value", str(number)]) == 0
    capsys.readouterr()
    typed(
        monkeypatch,
        {"trial": 5, "step": 1, "value": 5.0},
        {"trial": 6, "step": 1, "value": -1.0},
    )

    assert main(["tell", "sized"]) == 0

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"trial": 5, "step": 1, "prune": True},
        {"trial": 6, "step": 1, "prune": False},
    ]
    assert loaded("sized").trials[5].intermediate_values == {1: 5.0}


def test_lines_of_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked(capsys, "sized", "-n", "5")
    typed(
        monkeypatch,
        {"trial": 0, "value": 1},
        "",
        {"trial": 1, "values": [2.5], "constraints": {"c": "inf"}},
        {"trial": 2, "failed": True},
        {"trial": 3, "step": 1, "value": "-inf", "pruned": True},
    )
    assert main(["tell", "sized"]) == 0
    typed(monkeypatch, {"value": "inf"})
    assert main(["tell", "sized", "4"]) == 0

    trials = loaded("sized").trials
    assert [trial.value for trial in trials] == [1.0, 2.5, None, -math.inf, math.inf]
    assert [t.state.name for t in trials] == ["COMPLETE", "COMPLETE", "FAIL", "PRUNED", "COMPLETE"]
    assert trials[1].constraints == {"c": math.inf}


def test_several_objectives(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = optuna.create_study(storage=URL, study_name="pair", directions=["minimize", "maximize"])
    with pytest.warns(ExperimentalWarning):
        study.set_metric_names(["cost", "gain"])
    study.tell(study.ask({"x": FloatDistribution(0.0, 1.0)}), [1.0, 2.0])
    asked(capsys, "--study", "pair")

    error = refused(capsys, "tell", "pair", "1", "--value", "1")
    assert "pair has 2 (cost, gain), got 1 for trial 1" in error
    assert "needs a study of one objective" in refused(
        capsys, "tell", "pair", "1", "--value", "1", "--step", "0"
    )
    assert main(["tell", "pair", "1", "--value", "3", "--value", "-4"]) == 0
    assert loaded("pair").trials[1].values == [3.0, -4.0]


ASKING = {
    "nothing": ([], "a TASK or --study must say what to ask for"),
    "unknown task": (["sizde"], "did you mean 'sized'?"),
    "space unknown": (["parabola"], "parabola has no search_space"),
    "no study": (["--study", "s"], "the storage sqlite:///qhpo.db does not exist"),
    "solver of another sampler": (["sized", "--sampler", "tpe", "--solver", "neal"], "--solver"),
    "unknown solver": (["sized", "--solver", "nael"], "did you mean 'neal'?"),
    "no trials": (["sized", "-n", "0"], "0 is not in the range x>=1"),
    "seed too large": (["sized", "--seed", str(2**32)], "is not in the range"),
}


@pytest.mark.parametrize("mistake", ASKING)
def test_a_mistake_in_asking(mistake: str, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args, expected = ASKING[mistake]

    assert expected in refused(capsys, "ask", *args)
    assert not (tiny / "qhpo.db").exists()


def test_a_study_that_does_not_fit(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = optuna.create_study(storage=URL, study_name="other", direction="maximize")
    assert "without a TASK a finished trial" in refused(capsys, "ask", "--study", "other")
    study.tell(study.ask({"kind": FloatDistribution(0.0, 1.0)}), 0.0)
    study.tell(study.ask({"x": FloatDistribution(0.0, 1.0)}), 0.0)

    assert "differ in kind, x; give the TASK" in refused(capsys, "ask", "--study", "other")
    assert "a study keeps its direction" in refused(capsys, "ask", "sized", "--study", "other")
    error = refused(capsys, "ask", "tree", "--study", "other", "--sampler", "random")
    assert "a study keeps the kind and the choices of a parameter: kind was" in error
    assert len(loaded("other").trials) == 2
    assert "did you mean other?" in refused(capsys, "ask", "--study", "othr")


TELLING = {
    "no study": (["unsized", "0", "--value", "1"], "did you mean sized?"),
    "no such trial": (["sized", "9", "--value", "1"], "has 2 trials, counted from 0; got 9"),
    "nobody's value": (["sized", "--value", "1"], "a TRIAL must say whose value this is"),
    "no number": (["sized", "0", "--value", "high"], "'high' is not a valid float"),
    "nan": (["sized", "0", "--value", "nan"], "tell that it failed instead"),
    "too many": (["sized", "0", "--value", "1", "--value", "2"], "sized has 1, got 2"),
    "failed with a value": (["sized", "0", "--failed", "--value", "1"], "a failed trial has no"),
    "pruned with a value": (["sized", "0", "--pruned", "--value", "1"], "its last report"),
    "told twice": (["sized", "1", "--value", "1"], "trial 1 of sized is complete already"),
    "step alone": (["sized", "0", "--step", "1"], "belong to a --value"),
    "negative step": (["sized", "0", "--value", "1", "--step", "-1"], "not in the range"),
    "huge step": (["sized", "0", "--value", "1", "--step", str(2**40)], "not in the range"),
    "constraint": (["sized", "0", "--value", "1", "--constraint", "c"], "NAME=X"),
    "constraint without name": (["sized", "0", "--value", "1", "--constraint", "=1"], "NAME=X"),
    "constraint nan": (["sized", "0", "--value", "1", "--constraint", "c=nan"], "got nan for c"),
}

LINES: dict[str, tuple[object, str]] = {
    "no JSON": ("loss 3", "a line must be JSON"),
    "a list": ([1], "a line must be a JSON object"),
    "unknown field": ({"trial": 0, "valu": 1}, "did you mean 'value'?"),
    "strange field": ({"trial": 0, "qqq": 1}, "the fields are trial, value"),
    "no trial": ({"value": 1}, "a trial must be a whole number, 0 or more; got null"),
    "part of a trial": ({"trial": 0.5, "value": 1}, "got 0.5"),
    "true trial": ({"trial": True, "value": 1}, "got true"),
    "huge trial": ({"trial": 10**40, "value": 1}, "a trial must be a whole number"),
    "no value": ({"trial": 0}, "or that it failed or was pruned"),
    "null value": ({"trial": 0, "value": None}, "a value must be a number; got null"),
    "a text": ({"trial": 0, "value": "high"}, 'a value must be a number; got "high"'),
    "huge value": ('{"trial": 0, "value": 1' + "0" * 400 + "}", "a value must be a number"),
    "nan": ('{"trial": 0, "value": NaN}', "tell that it failed instead"),
    "values no list": ({"trial": 0, "values": 3}, "'values' must be a list"),
    "both": ({"trial": 0, "values": [3], "value": 3}, "got both"),
    "failed in words": ({"trial": 0, "failed": "yes"}, "'failed' must be true or false"),
    "constraints no object": ({"trial": 0, "value": 1, "constraints": [1]}, "numbers by name"),
    "constraint in words": (
        {"trial": 0, "value": 1, "constraints": {"c": "x"}},
        "a constraint c must be a number",
    ),
    "report of two": ({"trial": 0, "values": [1, 2], "step": 0}, "a report is one value"),
}


@pytest.fixture
def two(capsys: pytest.CaptureFixture[str]) -> None:
    asked(capsys, "sized", "-n", "2", "--sampler", "random")
    assert main(["tell", "sized", "1", "--value", "1"]) == 0


@pytest.mark.parametrize("mistake", TELLING)
def test_a_mistake_in_telling(mistake: str, two: None, capsys: pytest.CaptureFixture[str]) -> None:
    args, expected = TELLING[mistake]

    assert expected in refused(capsys, "tell", *args)
    (trial, _) = loaded("sized").trials
    assert trial.state == TrialState.RUNNING
    assert not trial.constraints


@pytest.mark.parametrize("mistake", LINES)
def test_a_mistake_in_a_line(
    mistake: str,
    two: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line, expected = LINES[mistake]
    typed(monkeypatch, "", line)

    error = refused(capsys, "tell", "sized")

    assert error.startswith("qhpo: line 2 of standard input: ")
    assert expected in error
    assert loaded("sized").trials[0].state == TrialState.RUNNING


def test_a_step_and_a_constraint_are_told_once(
    two: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = ["tell", "sized", "0", "--value", "1", "--step", "3", "--constraint", "c=0"]
    assert main(report) == 0

    assert "step 3 of trial 0 of sized is known already" in refused(capsys, *report)
    report[6] = "4"
    assert "c of trial 0 of sized is known already" in refused(capsys, *report)
    typed(monkeypatch)
    assert "got nothing" in refused(capsys, "tell", "sized", "0")


SHELL = """
for i in 1 2; do
  asked=$(qhpo ask sized --sampler random)
  trial=$(echo "$asked" | sed 's/.*"trial": \\([0-9]*\\).*/\\1/')
  x=$(echo "$asked" | sed 's/.*"x": \\([^,}]*\\).*/\\1/')
  qhpo tell sized "$trial" --value "$(awk -v x="$x" 'BEGIN {print (x - 0.5)^2}')"
done
"""

AWK = """
qhpo ask sized -n 3 | awk '
{ match($0, /"trial": [0-9]+/); trial = substr($0, RSTART + 9, RLENGTH - 9)
  match($0, /"x": [^,}]+/); x = substr($0, RSTART + 5, RLENGTH - 5)
  printf "{\\"trial\\": %d, \\"value\\": %.17g}\\n", trial, (x - 0.5)^2 }' | qhpo tell sized
"""


@pytest.mark.parametrize(("script", "n"), [(SHELL, 2), (AWK, 3)])
def test_a_loop_of_a_shell(script: str, n: int, tiny: Path, site: Path) -> None:
    program = tiny / "bin" / "qhpo"
    program.parent.mkdir()
    code = "import sys; from qhpo.cli import main; sys.exit(main())"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n')
    program.chmod(0o755)
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    modules = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))

    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=tiny,
        env={**os.environ, "PATH": path, "PYTHONPATH": modules},
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    trials = loaded("sized").trials
    assert len(trials) == n
    for trial in trials:
        assert trial.value == pytest.approx((trial.params["x"] - 0.5) ** 2, rel=1e-4, abs=1e-9)
