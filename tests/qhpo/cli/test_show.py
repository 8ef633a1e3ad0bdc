from __future__ import annotations

import csv
import io
import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from qhpo import QUBOSampler
from qhpo.cli import main
from qhpo.cli.report import active, duration
from qhpo.cli.studies import suggesting_seconds, training_seconds
from qhpo.solvers import SolverReport

Start = Callable[..., "subprocess.Popen[str]"]


def shown(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    capsys.readouterr()
    assert main(["show", *args]) == 0
    return capsys.readouterr().out


@pytest.fixture
def parabola(tiny: Path) -> optuna.Study:
    assert main(["run", "parabola", "--trials", "12", "--sampler", "random", "--seed", "3"]) == 0
    return optuna.load_study(study_name="parabola", storage="sqlite:///qhpo.db")


def test_a_study(parabola: optuna.Study, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys)

    best = parabola.best_trial
    assert "problem  parabola, minimize, seed 3\n" in out
    assert "sampler  random\n" in out
    assert "trials   12 complete\n" in out
    assert f"best value  {best.value:.6g}  (trial {best.number})\n" in out
    assert f"  kind  {best.params['kind']}\n" in out
    recommended = QUBOSampler(seed=0).recommend(parabola)
    expected = f"{recommended.value:.4g} ± {recommended.deviation:.2g}"
    assert f"recommended  trial {recommended.trial.number}, {expected}\n" in out
    rows = [line.split() for line in out.splitlines() if " complete " in f" {line} "]
    assert [int(row[0]) for row in rows if row[0].isdigit()] == list(range(12))
    assert rows[-1][-1] == parabola.trials[-1].params["kind"]


def test_only_a_trial_that_kept_its_constraints_is_the_best(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = optuna.create_study(study_name="measured", storage="sqlite:///qhpo.db")
    x = optuna.distributions.FloatDistribution(0.0, 9.0)
    for value, amount in ((1.0, 0.5), (2.0, math.inf)):
        study.add_trial(
            optuna.create_trial(
                params={"x": value}, distributions={"x": x}, value=value, constraints={"c": amount}
            )
        )
    assert "best value  no trial kept its constraints yet\n" in shown(capsys)
    study.add_trial(
        optuna.create_trial(
            params={"x": 3.0}, distributions={"x": x}, value=3.0, constraints={"c": 0.0}
        )
    )
    assert "best value  3  (trial 2)\n" in shown(capsys)


def test_the_last_trials(parabola: optuna.Study, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "parabola", "--last", "2")

    rows = [line.split() for line in out.splitlines() if line.strip()[:1].isdigit()]
    assert [row[0] for row in rows] == ["10", "11"]
    assert "the last 2 of 12 trials" in out


def test_a_narrow_terminal(
    parabola: optuna.Study, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in range(46, 66, 2):
        monkeypatch.setenv("COLUMNS", str(width))
        out = shown(capsys)

        assert "…" not in out
        assert max(map(len, out.splitlines())) <= width
        header = next(line for line in out.splitlines() if line.startswith("trial "))
        hidden = [name for name in ("x", "kind") if name not in header.split()]
        line = f"more in `qhpo show | less -S`: {', '.join(hidden)}"
        assert (line in " ".join(out.split())) == bool(hidden)
    assert header.split()[-1] == "kind"


def test_training_is_told_apart_from_suggesting(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "slow", "--trials", "3", "--sampler", "random"]) == 0
    trials = optuna.load_study(study_name="slow", storage="sqlite:///qhpo.db").trials

    for trial in trials:
        assert trial.duration is not None
        assert 0.2 <= training_seconds(trial) < trial.duration.total_seconds()
        assert suggesting_seconds(trial) == trial.system_attrs["qhpo:suggest_wall_seconds"] > 0
    training, suggesting = (
        duration(sum(seconds(trial) for trial in trials))
        for seconds in (training_seconds, suggesting_seconds)
    )
    out = shown(capsys)
    assert f"time     {training} training, {suggesting} suggesting\n" in out
    rows = [line.split() for line in out.splitlines() if line.strip()[:1].isdigit()]
    assert [row[3] for row in rows] == [f"{training_seconds(trial):.2f}" for trial in trials]
    assert [row[4] for row in rows] == [f"{suggesting_seconds(trial):.3f}" for trial in trials]


def test_several_studies_are_listed(
    parabola: optuna.Study, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "ascent", "--trials", "2", "--sampler", "tpe"]) == 0

    out = shown(capsys)

    assert [line.split()[:2] for line in out.splitlines()[2:4]] == [
        ["ascent", "ascent"],
        ["parabola", "parabola"],
    ]
    assert "problem  ascent, maximize, seed 0" in shown(capsys, "ascent")


def test_an_unknown_study(parabola: optuna.Study, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "parabol"]) == 2
    assert "did you mean parabola?" in capsys.readouterr().err
    assert main(["show", "zzz"]) == 2
    assert "no study 'zzz' in sqlite:///qhpo.db; see `qhpo show`" in capsys.readouterr().err


def test_a_storage_without_studies(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    optuna.storages.RDBStorage("sqlite:///qhpo.db")

    assert "holds no study; start one with: qhpo run PROBLEM" in shown(capsys)
    assert main(["show", "parabola"]) == 2
    assert "holds no study" in capsys.readouterr().err


def test_showing_creates_nothing(tiny: Path) -> None:
    assert main(["show"]) == 2

    assert list(tiny.iterdir()) == []


def test_a_study_of_another_program(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = optuna.create_study(
        storage="sqlite:///qhpo.db", study_name="plain", direction="maximize"
    )
    study.enqueue_trial({"odd [red]": "[bold]yes"})
    study.enqueue_trial({"odd [red]": None})
    for number in range(3):
        trial = study.ask()
        trial.suggest_int("n", 0, 5)
        if number < 2:
            trial.suggest_categorical("odd [red]", ["[bold]yes", None])
        study.tell(trial, state=optuna.trial.TrialState.FAIL) if number else study.tell(trial, 1.5)
    study.ask()
    study.enqueue_trial({"n": 1})

    out = shown(capsys)

    assert "problem  maximize, started by another program\n" in out
    assert "sampler  unknown\n" in out
    assert "trials   1 complete, 2 failed, 1 running, 1 waiting\n" in out
    rows = [line.split() for line in out.splitlines() if line.strip()[:1].isdigit()]
    assert [row[-1] for row in rows] == ["[bold]yes", "None", "-", "-", "-"]
    assert "odd [red]" in out


def test_several_objectives_without_trials_or_names(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = optuna.create_study(
        storage="sqlite:///qhpo.db", study_name="pair", directions=["minimize", "maximize"]
    )
    assert "best value  no trial has a value yet" in shown(capsys)
    study.add_trial(optuna.create_trial(values=[1.0, 2.0]))
    out = shown(capsys)
    assert "problem  minimize value 1, maximize value 2, started by another program\n" in out
    assert "best trials  1 that no other beats in value 1 and value 2\n" in out


def test_several_objectives(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "pair", "--trials", "12", "--sampler", "random"]) == 0
    study = optuna.load_study(study_name="pair", storage="sqlite:///qhpo.db")
    front = sorted(study.best_trials, key=lambda trial: (trial.values[0], trial.number))
    assert 1 < len(front) < 12
    captured = capsys.readouterr()
    assert "on the front" in captured.err

    out = shown(capsys)

    assert "problem  pair, minimize cost, maximize gain, seed 0\n" in out
    assert f"best trials  {len(front)} that no other beats in cost and gain\n" in out
    rows = [line.split() for line in out.splitlines() if line.strip()[:1].isdigit()]
    recommended = QUBOSampler(seed=0).recommend_front(study)
    said = f"recommended  {len(recommended)} that no other is expected to beat without noise\n"
    assert said in out
    expected = [rows.pop(len(front)) for _ in recommended]
    assert [int(row[0]) for row in expected] == [one.trial.number for one in recommended]
    for row, one in zip(expected, recommended, strict=True):
        said = [f"{v:.4g} ± {d:.2g}" for v, d in zip(one.values, one.deviations, strict=True)]
        assert " ".join(row[1:7]) == " ".join(said)
    assert len(rows) == len(front) + 12
    for row, trial in zip(rows, front, strict=False):
        expected = [trial.number, *trial.values, trial.params["width"], trial.params["height"]]
        assert [float(cell) for cell in row] == pytest.approx(expected, abs=6e-4)
    assert [row[0] for row in rows[len(front) :]] == [str(i) for i in range(12)]

    assert main(["run", "parabola", "--trials", "1", "--sampler", "random"]) == 0
    capsys.readouterr()
    assert main(["show"]) == 0
    assert f"front of {len(front)}" in capsys.readouterr().out


def test_a_study_without_values(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "nan", "--trials", "2", "--sampler", "random"]) == 1

    out = shown(capsys)

    assert "best value  no trial has a value yet\n" in out
    assert "trials   10 failed\n" in out


def test_failed_calls_are_told_apart_from_models(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = optuna.create_study(storage="sqlite:///qhpo.db", study_name="s")
    failed = SolverReport("cloud", 0, 0, 0, 0, 0, failed=1)
    answered = SolverReport("cloud", 2, 7, 9, 10, 5, failed=1)
    lines = []
    for report in (failed, answered):
        attribute = {"cloud": report.as_attribute()}
        study.add_trial(optuna.create_trial(value=0.0, user_attrs={"qhpo:anneals": attribute}))
        lines += [line for line in shown(capsys).splitlines() if line.startswith("anneals")]

    assert lines[0].startswith("anneals  cloud: 0 models, 1 failed call, ")
    said = "anneals  cloud: 2 models, 2 failed calls, up to 7 variables and 9 couplers, 50%"
    assert lines[1].startswith(said)
    assert len(lines) == 2


@pytest.fixture
def odd(tiny: Path) -> optuna.Study:
    """A study of another program, with all that a trial may have."""
    study = optuna.create_study(storage="sqlite:///qhpo.db", study_name="odd")
    kinds = CategoricalDistribution(("größe", None, True, 3, 0.5))
    for number, kind in enumerate(kinds.choices):
        trial = study.ask({"kind": kinds, "x": FloatDistribution(0.0, 1.0)})
        trial.set_user_attr("test_error", 0.125 * number)
        trial.set_user_attr("classes", ["a", "b"])
        trial.set_user_attr("bound", math.inf)
        trial.set_constraint("size", float(number - 1))
        trial.report(math.inf if number else 0.75, 2)
        trial.report(0.5, 10)
        assert kind is None or trial.params["kind"] in kinds.choices
        study.tell(trial, [0.5, math.inf, -math.inf, 1e12, 1e-12][number])
    failed = study.ask()
    failed.set_user_attr("qhpo:error", "RuntimeError: no memory")
    study.tell(failed, state=optuna.trial.TrialState.FAIL)
    study.ask()
    return study


def test_everything_of_one_trial(odd: optuna.Study, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "odd", "--trial", "0")

    (trial, *_) = odd.trials
    squeezed = [" ".join(line.split()) for line in out.splitlines()]
    assert squeezed[:3] == ["trial 0 of odd", "state complete", "value 0.5"]
    assert f"started {trial.datetime_start:%Y-%m-%d %H:%M:%S}" in squeezed
    at = squeezed.index("parameters")
    assert squeezed[at + 1 : at + 3] == [
        f"kind {trial.params['kind']}",
        f"x {trial.params['x']:.6g}",
    ]
    at = squeezed.index("constraints, kept where at most 0")
    assert squeezed[at + 1] == "size -1"
    at = squeezed.index("attributes")
    assert set(squeezed[at + 1 : at + 4]) == {"test_error 0", "classes ['a', 'b']", "bound inf"}
    at = squeezed.index("reports")
    assert squeezed[at + 1 : at + 3] == ["step 2 0.75", "step 10 0.5"]
    assert "RuntimeError: no memory\n" in shown(capsys, "odd", "--trial", "5")
    assert "state     running\n" in shown(capsys, "odd", "--trial", "6")
    assert main(["show", "odd", "--trial", "7"]) == 2
    assert "odd has 7 trials, counted from 0; got 7" in capsys.readouterr().err


def test_json(odd: optuna.Study, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    record = json.loads(shown(capsys, "--json"), parse_constant=refuse)

    assert (record["study"], record["directions"], record["best"]) == ("odd", ["minimize"], [0])
    trials = record["trials"]
    assert [trial["trial"] for trial in trials] == list(range(7))
    assert [trial["state"] for trial in trials] == ["complete"] * 5 + ["failed", "running"]
    assert [trial["values"] for trial in trials] == [
        [0.5],
        ["inf"],
        ["-inf"],
        [1e12],
        [1e-12],
        None,
        None,
    ]
    assert [trial["params"] for trial in trials] == [trial.params for trial in odd.trials]
    assert trials[1]["reports"] == {"2": "inf", "10": 0.5}
    assert trials[1]["attributes"]["classes"] == ["a", "b"]
    assert trials[5]["error"] == "RuntimeError: no memory"
    assert json.loads(shown(capsys, "odd", "--json", "--trial", "1")) == trials[1]


def test_csv(odd: optuna.Study, capsys: pytest.CaptureFixture[str]) -> None:
    frame = odd.trials_dataframe()

    rows = list(csv.DictReader(io.StringIO(shown(capsys, "--csv"))))

    assert len(rows) == 7
    assert set(rows[0]) == {
        *(set(frame.columns) - {"duration", "user_attrs_qhpo:error"}),
        "seconds",
        "suggest_seconds",
        "constraints_size",
    } - {name for name in frame.columns if name.startswith("system_attrs")}
    values = [trial.value for trial in odd.trials[:5]]
    assert [float(row["value"]) for row in rows[:5]] == values
    assert [float(row["params_x"]) for row in rows[:5]] == [t.params["x"] for t in odd.trials[:5]]
    kinds = [str(trial.params["kind"]) for trial in odd.trials[:5]]
    assert [row["params_kind"] for row in rows] == [*kinds, "", ""]
    assert [row["user_attrs_classes"] for row in rows[:5]] == ['["a", "b"]'] * 5
    (row,) = csv.DictReader(io.StringIO(shown(capsys, "odd", "--csv", "--trial", "3")))
    assert (row["number"], row["value"]) == ("3", "1000000000000.0")


def test_several_objectives_for_other_programs(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "pair", "--trials", "3", "--sampler", "random"]) == 0
    study = optuna.load_study(study_name="pair", storage="sqlite:///qhpo.db")

    record = json.loads(shown(capsys, "--json"))
    rows = list(csv.DictReader(io.StringIO(shown(capsys, "--csv"))))

    assert record["metrics"] == ["cost", "gain"]
    assert record["recommended"] == [
        {
            "trial": one.trial.number,
            "values": list(one.values),
            "deviations": list(one.deviations),
        }
        for one in QUBOSampler(seed=0).recommend_front(study)
    ]
    assert sorted(record["best"]) == [trial.number for trial in study.best_trials]
    assert [[float(r["values_cost"]), float(r["values_gain"])] for r in rows] == [
        trial.values for trial in study.trials
    ]


def test_a_study_must_be_named(parabola: optuna.Study, capsys: pytest.CaptureFixture[str]) -> None:
    optuna.create_study(study_name="second", storage="sqlite:///qhpo.db")
    for args in (["--json"], ["--csv"], ["--trial", "0"], ["--watch"]):
        capsys.readouterr()
        assert main(["show", *args]) == 2
        assert "has parabola, second" in capsys.readouterr().err
    assert main(["show", "second", "--watch", "--json"]) == 2
    assert "leave out --trial, --json and --csv" in capsys.readouterr().err
    assert json.loads(shown(capsys, "second", "--json"))["trials"] == []
    assert len(shown(capsys, "second", "--csv").splitlines()) == 1


@pytest.mark.parametrize("width", [40, 80, 120])
def test_what_is_shown_fits(
    width: int,
    odd: optuna.Study,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main(["run", "pair", "--trials", "3", "--sampler", "random"]) == 0
    monkeypatch.setenv("COLUMNS", str(width))
    for args in (["odd"], ["pair"], ["odd", "--trial", "0"], []):
        out = shown(capsys, *args)
        assert max(map(len, out.splitlines())) <= width
        assert "…" not in out


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_console_of_another_code_page(encoding: str, odd: optuna.Study, start: Start) -> None:
    done = [
        start("show", *args, PYTHONIOENCODING=encoding)
        for args in (["odd"], ["odd", "--trial", "0"], ["odd", "--csv"])
    ]
    for process in done:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        assert out


def test_attributes_of_the_best_trial(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "sized", "--trials", "4", "--sampler", "random"]) == 0
    best = optuna.load_study(study_name="sized", storage="sqlite:///qhpo.db").best_trial

    out = shown(capsys)

    assert f"attributes\n  trained  {best.user_attrs['trained']}\n" in out
    header = next(line for line in out.splitlines() if line.startswith("trial "))
    assert header.split()[-1] == "trained"
    assert "qhpo:" not in out


def test_parameters_that_do_not_exist_are_left_out() -> None:
    conditions = {"b": {"a": (2, 3)}, "c": {"b": (1,)}, "d": {"a": (1,), "e": ("x",)}}
    assert active({"a": 2, "b": 1, "c": 5, "e": "x"}, conditions) == {
        "a": 2,
        "b": 1,
        "c": 5,
        "e": "x",
    }
    # What hangs on a parameter that does not exist does not exist either.
    assert active({"a": 1, "b": 1, "c": 5, "d": 6, "e": "x"}, conditions) == {
        "a": 1,
        "d": 6,
        "e": "x",
    }
    assert active({"b": 1, "d": 2, "e": "x"}, conditions) == {"e": "x"}
    assert active({"p": 1, "q": 1}, {"p": {"q": (1,)}, "q": {"p": (1,)}}) == {}


def test_what_has_no_effect_is_left_out(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "idle", "--trials", "3", "--sampler", "random"]) == 0

    best = shown(capsys).split("attributes")[0]
    one = shown(capsys, "idle", "--trial", "0")

    assert "  layers  " in best
    assert "  width  " not in best
    assert "without effect\n  width  " in one


def test_the_traceback_of_a_trial_is_shown(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "flaky", "--trials", "2", "--sampler", "random"])

    out = shown(capsys, "flaky", "--trial", "1")

    assert "Traceback (most recent call last):\n" in out
    assert "RuntimeError: number 1\nis odd\n" in out
    record = json.loads(shown(capsys, "flaky", "--trial", "1", "--json"))
    assert record["traceback"].endswith("is odd\n")
    assert record["state"] == "failed"


def test_watching_ends_with_the_study(
    tiny: Path, start: Start, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = optuna.create_study(study_name="seen", storage="sqlite:///qhpo.db")
    told = []

    def pass_time(seconds: float) -> None:
        assert 1 <= seconds <= 10
        told.append(seconds)
        if len(told) == 1:
            study.ask({"x": FloatDistribution(0.0, 1.0)})
        elif len(told) == 5:
            study.tell(0, 0.25)

    monkeypatch.setattr("qhpo.cli.show.time.sleep", pass_time)

    out = shown(capsys, "--watch")

    # Without trials, with one that runs, and at the end: nothing is shown twice.
    assert out.count("study    seen in") == 3
    assert "best value  0.25" in out
    assert len(told) == 7
