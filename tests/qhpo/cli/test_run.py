from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.samplers import RandomSampler
from optuna.trial import TrialState
from rich.console import Console

from qhpo import QUBOSampler
from qhpo.cli import main, storage
from qhpo.cli.progress import SearchProgress
from qhpo.cli.search import FAILURES_IN_A_ROW, Plan, Search
from qhpo.cli.studies import Choices, Status, note_traceback, status, traceback_of
from qhpo.constraints import predicate
from qhpo.problem import PROBLEMS, Problem, suggest
from qhpo.wrappers import CPU_SECONDS, WALL_SECONDS

URL = "sqlite:///qhpo.db"


def run(*args: object, sampler: str | None = "random") -> int:
    chosen = [] if sampler is None else ["--sampler", sampler]
    return main(["run", *map(str, args), *chosen])


def load(name: str, url: str = URL) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=url)


def test_a_run_is_a_plain_optuna_study(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("parabola", "--trials", 5, "--seed", 2) == 0

    study = load("parabola")
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 5
    assert study.user_attrs == {
        "qhpo:problem": "parabola",
        "qhpo:direction": "minimize",
        "qhpo:seed": 2,
        "qhpo:sampler": "random",
    }
    for trial in study.trials:
        assert trial.user_attrs == {"qhpo:sampler": "random"}
        assert trial.system_attrs[WALL_SECONDS] >= trial.system_attrs[CPU_SECONDS] * 0.5 > 0
    out = capsys.readouterr().out
    assert f"best value  {study.best_value:.6g}  (trial {study.best_trial.number})\n" in out
    assert f"  x     {study.best_params['x']:.6g}\n" in out
    assert "trials      5 complete\n" in out
    assert " training, " in out
    assert "stored      study parabola in sqlite:///qhpo.db\n" in out
    assert "look at it  qhpo show parabola\n" in out


def test_the_news_of_a_run(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("parabola", "--trials", 8) == 0

    values = [trial.value for trial in load("parabola").trials]
    records = [i for i in range(8) if values[i] == min(values[: i + 1])]
    news = [f"trial {i}  {values[i]:.4g}" + "  best so far" * (i in records) for i in range(8)]
    assert capsys.readouterr().err.splitlines() == news
    # Optuna's own lines go to a stream of their own, through the bar.
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR


def test_a_second_run_continues_to_the_total(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("parabola", "--trials", 3) == 0
    capsys.readouterr()
    assert run("parabola", "--trials", 7) == 0

    assert "continuing parabola: 3 of 7 trials are done\n" in capsys.readouterr().err
    drawn = [trial.params["x"] for trial in load("parabola").trials]
    assert len(set(drawn)) == len(drawn) == 7

    assert run("parabola", "--trials", 7) == 0
    assert "parabola already has 7 finished trials" in capsys.readouterr().err
    assert len(load("parabola").trials) == 7


def test_a_stopped_qubo_study_goes_on_as_if_it_had_not_been(tiny: Path) -> None:
    assert run("parabola", "--trials", 12, "--study", "whole", sampler=None) == 0
    for trials in (3, 11, 12):
        assert run("parabola", "--trials", trials, "--study", "parts", sampler=None) == 0

    whole, parts = ([trial.params for trial in load(n).trials] for n in ("whole", "parts"))
    assert whole == parts


def test_the_seed_gives_the_trials(tiny: Path) -> None:
    for study, seed in [("a", 1), ("b", 1), ("c", 2)]:
        assert run("parabola", "--trials", 4, "--study", study, "--seed", seed) == 0

    a, b, c = ([trial.params for trial in load(name).trials] for name in "abc")
    assert a == b != c


def test_the_seed_reaches_the_training(tiny: Path) -> None:
    assert run("seeded", "--trials", 1, "--seed", 41) == 0
    assert run("seeded", "--trials", 2) == 0

    assert [trial.value for trial in load("seeded").trials] == [41, 41]


def test_another_storage_and_study(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tiny / "my folder").mkdir()
    url = "sqlite:///my folder/b.db"

    assert run("ascent", "--trials", 2, "--study", "up hill", "--storage", url) == 0

    study = load("up hill", url)
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.best_value == max(trial.value for trial in study.trials)
    shown = "look at it  qhpo show 'up hill' --storage 'sqlite:///my folder/b.db'\n"
    assert shown in capsys.readouterr().out
    assert not (tiny / "qhpo.db").exists()


@pytest.mark.parametrize("sampler", ["qubo", "tpe", "random"])
def test_several_objectives(sampler: str, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pair", "--trials", 12, sampler=sampler) == 0
    study = load("pair")
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert study.metric_names == ["cost", "gain"]
    captured = capsys.readouterr()
    news = captured.err.splitlines()
    assert news[0].startswith("trial 0  ")
    assert all(trial.startswith(f"trial {i}  ") for i, trial in enumerate(news))
    assert any(line.endswith("  on the front") for line in news)
    assert f"best trials  {len(study.best_trials)} that no other beats in cost" in captured.out
    assert run("pair", "--trials", 14, sampler=sampler) == 0
    assert len(load("pair").trials) == 14


def test_one_value_where_there_are_two_objectives(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("half", "--trials", 1) == 1
    assert "the objective must return 2 numbers, got 0" in capsys.readouterr().err


def test_the_folder_of_checkpoints_is_the_studys(tiny: Path) -> None:
    assert run("parabola", "--trials", 1, "--checkpoints", "kept/here") == 0
    assert run("parabola", "--trials", 2) == 0

    assert (tiny / "kept" / "here").is_dir()
    assert load("parabola").user_attrs["qhpo:checkpoints"] == str(tiny / "kept" / "here")


@pytest.mark.parametrize("folder", ["taken", "taken/below"])
def test_a_folder_of_checkpoints_that_cannot_be(
    folder: str, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny / "taken").touch()
    assert run("parabola", "--trials", 1, "--checkpoints", folder) == 2
    err = capsys.readouterr().err
    assert folder in err
    assert "Traceback" not in err


def test_another_sampler_continues_and_is_recorded(tiny: Path) -> None:
    assert run("parabola", "--trials", 2) == 0
    assert run("parabola", "--trials", 4, sampler="tpe") == 0
    assert run("parabola", "--trials", 5, sampler=None) == 0  # the study's own

    used = [trial.user_attrs["qhpo:sampler"] for trial in load("parabola").trials]
    assert used == ["random", "random", "tpe", "tpe", "random"]


def test_the_default_is_qubo_with_neal(tiny: Path) -> None:
    assert run("parabola", "--trials", 2, sampler=None) == 0

    study = load("parabola")
    assert (study.user_attrs["qhpo:sampler"], study.user_attrs["qhpo:solver"]) == ("qubo", "neal")
    for trial in study.trials:
        assert trial.user_attrs == {"qhpo:sampler": "qubo", "qhpo:solver": "neal"}


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["slow", "--study", "parabola"], "parabola tunes parabola, not slow"),
        (["parabola", "--seed", "9"], "parabola has seed 0, got 9"),
        (["sized", "--study", "chosen"], "a study keeps the kind and the choices of a param"),
        (["parabola", "--study", "upward"], "upward has maximize, parabola has minimize"),
        (["parabola", "--study", "pair"], "pair has minimize and minimize"),
        (["pair", "--study", "upward"], "upward has maximize, pair has minimize and maximize"),
    ],
)
def test_a_study_that_does_not_fit(
    args: list[str], expected: str, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("parabola", "--trials", 1) == 0
    chosen = optuna.create_study(storage=URL, study_name="chosen")
    chosen.optimize(lambda trial: trial.suggest_categorical("x", [0.5]), n_trials=1)
    optuna.create_study(storage=URL, study_name="upward", direction="maximize")
    optuna.create_study(storage=URL, study_name="pair", directions=["minimize", "minimize"])
    capsys.readouterr()

    assert run(*args) == 2

    err = capsys.readouterr().err
    assert expected in err
    assert "another name with --study" in err
    assert err.count("\n") == 1


def test_a_study_without_trials_takes_new_choices(tiny: Path) -> None:
    assert run("parabola", "--study", "s", "--timeout", 1e-9) == 0
    assert load("s").trials == []

    assert run("slow", "--study", "s", "--seed", 4, "--trials", 1) == 0

    assert load("s").user_attrs["qhpo:problem"] == "slow"
    assert load("s").user_attrs["qhpo:seed"] == 4


def test_failures_are_shown_counted_and_survived(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("flaky", "--trials", 4) == 0

    trials = load("flaky").trials
    found = [Status.COMPLETE, Status.FAILED] * 3 + [Status.COMPLETE]
    assert [status(trial) for trial in trials] == found
    printed = capsys.readouterr()
    assert "trials      4 complete, 3 failed\n" in printed.out
    error = trials[1].user_attrs["qhpo:error"]
    assert error.startswith("RuntimeError: number 1 is odd (tiny_problems.py:")
    assert f"trial 1  failed  {error}\n" in printed.err
    last = printed.err.splitlines()[-1]
    look = "more of it: qhpo show flaky --trial 1"
    assert last == f"qhpo: 3 trials failed; the first was trial 1: {error}; {look}"
    text = traceback_of(trials[1])
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("RuntimeError: number 1\nis odd\n")
    assert traceback_of(trials[0]) == ""
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    ("problem", "error"),
    [
        ("nan", "ValueError: the objective returned nan"),
        ("text", "TypeError: the objective must return a number, got 'high'"),
    ],
)
def test_an_objective_without_a_value(
    problem: str, error: str, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run_number in (1, 2):  # the second does not end with nothing done either
        assert run(problem, "--trials", 2) == 1

        n = FAILURES_IN_A_ROW
        assert [t.state for t in load(problem).trials] == [TrialState.FAIL] * n * run_number
        printed = capsys.readouterr()
        said = f"{n} trials failed; {n} did so in a row, which ended the run; the first was trial "
        assert f"{said}{n * (run_number - 1)}: {error}; more of it: " in printed.err
        assert "no trial has a value yet" in printed.out


@pytest.mark.parametrize("retries", [0, 1])
def test_a_trial_that_fails_is_tried_again(retries: int, tiny: Path) -> None:
    assert run("moody", "--trials", 3, "--retries", retries) == 0

    found = [Status.COMPLETE] * 3 if retries else [Status.FAILED, Status.COMPLETE] * 3
    assert [status(trial) for trial in load("moody").trials] == found
    values = [trial.value for trial in load("moody").trials if trial.value is not None]
    assert values == [trial.params["x"] for trial in load("moody").trials if trial.value]


def test_pruned_trials_count(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pruning", "--trials", 3) == 0

    assert [trial.state for trial in load("pruning").trials] == [TrialState.PRUNED] * 3
    assert "trials      3 pruned\n" in capsys.readouterr().out


def test_nothing_is_pruned_unasked(tiny: Path) -> None:
    assert run("reporting", "--trials", 8) == 0

    assert [trial.state for trial in load("reporting").trials] == [TrialState.COMPLETE] * 8


def test_a_refusal_ends_the_search(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("refusing", "--trials", 9) == 2

    assert capsys.readouterr().err == "qhpo: x must be positive; got -1; give another x\n"
    assert len(load("refusing").trials) == 1


def test_the_timeout_starts_no_further_trial(tiny: Path) -> None:
    assert run("slow", "--trials", 1000, "--timeout", 0.5) == 0

    trials = load("slow").trials
    assert 1 <= len(trials) < 10
    assert all(trial.state == TrialState.COMPLETE for trial in trials)


def test_an_interrupted_trial_is_done_again(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)

    assert run("stopping", "--trials", 6) == 130

    err = capsys.readouterr().err
    again = "qhpo run stopping --trials 6 --sampler random"
    assert err.splitlines()[-1] == f"qhpo: stopped; continue with: {again}"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert main(again.split()[1:]) == 0
    assert [status(trial) for trial in load("stopping").trials] == [
        *[Status.COMPLETE] * 3,
        Status.INTERRUPTED,
        *[Status.COMPLETE] * 3,
    ]


def test_an_interrupted_configuration_is_done_again(tiny: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert run("stopping", "--trials", 6, sampler="qubo") == 130
    assert run("stopping", "--trials", 6, sampler="qubo") == 0
    trials = load("stopping").trials
    assert status(trials[3]) is Status.INTERRUPTED
    assert trials[4].params == trials[3].params
    assert len({trial.params["x"] for trial in trials}) == 6


def test_ctrl_c_between_trials_leaves_none_running(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: object, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if trial.number == 1:
            signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(RandomSampler, "before_trial", interrupt)

    assert run("parabola", "--trials", 3) == 130
    assert [status(t) for t in load("parabola").trials] == [
        Status.COMPLETE,
        Status.INTERRUPTED,
    ]


def test_a_trial_left_behind_is_waited_for_and_done_again(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(storage, "_GRACE_SECONDS", 2)
    assert run("parabola", "--trials", 2) == 0
    study = load("parabola")
    killed = study.ask()
    killed.set_user_attr("qhpo:sampler", "random")
    optuna.storages.RDBStorage(URL).record_heartbeat(killed._trial_id)

    assert run("parabola", "--trials", 3) == 0

    assert "waiting for 1 trial of another process" in capsys.readouterr().err
    found = [Status.COMPLETE, Status.COMPLETE, Status.INTERRUPTED, Status.COMPLETE]
    assert [status(trial) for trial in load("parabola").trials] == found


def test_a_trial_of_a_program_without_heartbeat_is_left_alone(tiny: Path) -> None:
    assert run("parabola", "--trials", 1) == 0
    load("parabola").ask()

    assert run("parabola", "--trials", 2) == 0

    found = [Status.COMPLETE, Status.RUNNING, Status.COMPLETE]
    assert [status(trial) for trial in load("parabola").trials] == found


def test_a_storage_that_breaks_during_a_trial(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = optuna.Trial.suggest_categorical

    def suggest(self: optuna.Trial, *args: Any, **kwargs: Any) -> Any:
        value = original(self, *args, **kwargs)
        if self.number == 1:
            (tiny / "qhpo.db").write_bytes(bytes(range(256)) * 100)
        return value

    monkeypatch.setattr(optuna.Trial, "suggest_categorical", suggest)

    assert run("parabola", "--trials", 3) == 2

    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("qhpo: the storage sqlite:///qhpo.db failed: ")


def test_a_heartbeat_that_fails_is_quiet(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = []

    def beat(self: object, trial_id: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            failed.append(trial_id)
            raise optuna.exceptions.StorageInternalError("no contact")

    printed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", printed.append)
    monkeypatch.setattr(optuna.storages.RDBStorage, "record_heartbeat", beat)

    assert run("parabola", "--trials", 2) == 0
    assert len(failed) == 2
    assert printed == []


def test_the_command_to_continue_is_the_one_given_without_a_password(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("qhpo.cli.run.open_storage", interrupted)

    url = "postgresql://me:pw@host/db"
    assert run("sized", "--max-params", 8, "--storage", url, "--study", "a b") == 130
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .endswith(
            "qhpo run sized --study 'a b' --storage 'postgresql://me:***@host/db' "
            "--sampler random --max-params 8"
        )
    )


def test_a_sampler_that_breaks_is_not_hidden(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise ValueError("a bug in the sampler")

    monkeypatch.setattr(RandomSampler, "after_trial", broken)

    with pytest.raises(ValueError, match="a bug in the sampler"):
        run("parabola", "--trials", 2)


@pytest.mark.parametrize(
    ("state", "attributes", "found"),
    [
        (TrialState.FAIL, {}, Status.INTERRUPTED),
        (TrialState.FAIL, {"qhpo:error": "told as failed"}, Status.FAILED),
        (TrialState.PRUNED, {}, Status.PRUNED),
    ],
)
def test_a_result_that_comes_too_late_is_dropped(
    state: TrialState,
    attributes: dict[str, str],
    found: Status,
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Another worker took this one's trial for left behind, or somebody has told its end."""

    other = optuna.storages.RDBStorage(URL)
    original = optuna.Trial.suggest_categorical

    def suggest(self: optuna.Trial, *args: Any, **kwargs: Any) -> Any:
        value = original(self, *args, **kwargs)
        if self.number == 1:
            for name, text in attributes.items():
                other.set_trial_user_attr(self._trial_id, name, text)
            other.set_trial_state_values(self._trial_id, state)
        return value

    monkeypatch.setattr(optuna.Trial, "suggest_categorical", suggest)

    assert run("parabola", "--trials", 3) == 0

    assert "trial 1  its result came too late" in capsys.readouterr().err
    every = [status(trial) for trial in load("parabola").trials]
    assert every[:3] == [Status.COMPLETE, found, Status.COMPLETE]
    assert sum(each.finished for each in every) == 3


def test_an_objective_that_leaves_the_program_fails(tiny: Path) -> None:
    def objective(trial: optuna.Trial) -> float:
        if trial.number == 1:
            raise SystemExit(2)
        return trial.suggest_float("x", 0.0, 1.0)

    study = optuna.create_study()
    search = Search(study, objective, Choices("random", "neal", 0), Plan(3))
    search.run(SearchProgress(Console(quiet=True), "s", 3))
    found = [status(trial) for trial in study.trials]
    assert found == [Status.COMPLETE, Status.FAILED, *[Status.COMPLETE] * 2]
    assert "called sys.exit(2)" in search.failures[1]


def test_what_was_cut_off_and_is_ruled_out_by_now_is_left(tiny: Path) -> None:
    """The task has another rule than before the interrupt."""
    space = {"x": IntDistribution(0, 3), "y": IntDistribution(0, 3)}
    kept: list[object] = []

    def objective(trial: optuna.Trial) -> float:
        params = suggest(trial, space)
        kept.append(params)
        if len(kept) == 1:
            raise KeyboardInterrupt
        return float(params["x"])

    study = optuna.create_study()
    for rules in ([], [predicate(lambda p: p != kept[0])]):
        study.sampler = QUBOSampler(space, constraints=rules, seed=0)
        search = Search(study, objective, Choices("qubo", "neal", 0), Plan(4))
        with contextlib.suppress(KeyboardInterrupt):
            search.run(SearchProgress(Console(quiet=True), "s", 4))
    found = [status(trial) for trial in study.trials]
    assert found == [Status.INTERRUPTED, Status.GIVEN_UP, *[Status.COMPLETE] * 4]
    assert kept[0] not in kept[1:]


@pytest.mark.parametrize("text", ["e" * 5000, "ошибка" * 500, "🎛" * 500, '"\\' * 500])
def test_an_error_fits_into_an_old_database(text: str) -> None:
    def objective(trial: optuna.Trial) -> float:
        raise RuntimeError(text)

    study = optuna.create_study()
    search = Search(study, objective, Choices("random", "neal", 0), Plan(1))
    with SearchProgress(Console(quiet=True), "study", 1) as progress:
        search.run(progress)
    assert len(set(search.failures.values())) == 1
    error = search.failures[0]
    assert study.trials[0].user_attrs["qhpo:error"] == error
    assert len(json.dumps(error)) <= 2046
    assert error.startswith(f"RuntimeError: {text[:100]}")
    assert "(test_run.py:" in error


@pytest.mark.parametrize("text", ["e" * 5000, "ошибка" * 500, '"\\' * 3000, "x\n" * 400_000])
def test_a_traceback_fits_into_an_old_database(text: str) -> None:
    study = optuna.create_study()
    trial = study.ask()
    note_traceback(trial, text)
    found = study.trials[0]
    assert all(len(json.dumps(chunk)) <= 2046 for chunk in found.user_attrs.values())
    kept = traceback_of(found)
    assert kept == text or (len(text) > 2046 * 100 and "[...]" in kept)


def test_a_study_of_another_program_goes_on(tiny: Path) -> None:
    plain = optuna.create_study(storage=URL, study_name="plain")
    plain.optimize(lambda trial: trial.suggest_float("x", -1, 1), n_trials=3)
    plain.enqueue_trial({"x": 0.25, "kind": "plain"})

    assert run("parabola", "--study", "plain", "--trials", 6, sampler=None) == 0

    trials = load("plain").trials
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 6
    assert trials[3].params == {"x": 0.25, "kind": "plain"}
    assert load("plain").user_attrs["qhpo:problem"] == "parabola"


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp"])
def test_every_sampler_does_first_what_was_cut_off(sampler: str, tiny: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert run("stopping", "--trials", 6, sampler=sampler) == 130
    assert run("stopping", "--trials", 6, sampler=sampler) == 0

    trials = load("stopping").trials
    assert [t.number for t in trials if status(t) is Status.INTERRUPTED] == [3]
    assert trials[4].params == trials[3].params
    assert len(trials) == 7


def test_the_pruner_is_the_studys(tiny: Path) -> None:
    assert run("reporting", "--trials", 8, "--pruner", "median") == 0
    pruned = sum(t.state == TrialState.PRUNED for t in load("reporting").trials)
    assert pruned == 3  # from the sixth trial on, by Optuna's default
    assert run("reporting", "--trials", 12) == 0
    assert sum(t.state == TrialState.PRUNED for t in load("reporting").trials) == 7
    assert run("reporting", "--trials", 14, "--pruner", "none") == 0
    assert sum(t.state == TrialState.PRUNED for t in load("reporting").trials) == 7


@pytest.mark.parametrize("pruner", ["hyperband", "halving", "percentile", "model"])
@pytest.mark.parametrize("sampler", ["random", "tpe", None])
def test_every_pruner_works_with_samplers(pruner: str, sampler: str | None, tiny: Path) -> None:
    assert run("reporting", "--trials", 8, "--pruner", pruner, sampler=sampler) == 0
    assert len(load("reporting").trials) == 8


def test_a_pruner_of_several_objectives(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pair", "--pruner", "median") == 2
    assert "a pruner needs one objective; got 2" in capsys.readouterr().err


@pytest.mark.parametrize("sampler", ["qubo", "random", "tpe", "grid"])
def test_the_rules_of_a_problem(
    sampler: str, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("ruled", "--trials", 20, sampler=sampler) == 0

    trials = load("ruled").trials
    done = [trial for trial in trials if status(trial) is Status.COMPLETE]
    for trial in done:
        assert trial.params["a"] <= trial.params["b"]
        assert ("c" in trial.params) == (trial.params["a"] >= 2)
    ruled_out = [trial for trial in trials if status(trial) is Status.RULED_OUT]
    assert len(done) + len(ruled_out) == 20
    if sampler in ("qubo", "grid"):
        assert ruled_out == []
        assert len({tuple(sorted(trial.params.items())) for trial in done}) == 20
    else:
        assert all(trial.params["a"] > trial.params["b"] for trial in ruled_out)
        assert f"trial {ruled_out[0].number}  ruled out: " in capsys.readouterr().err


def test_a_grid_ends_where_nothing_is_left(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # a <= b <= 4 are 15 pairs; where a >= 2, 6 of them, there are two c.
    for _ in range(2):
        assert run("ruled", "--trials", 99, sampler="grid") == 0
        assert len(load("ruled").trials) == 21
    assert "the grid has 21 configurations, fewer than --trials" in capsys.readouterr().err
    assert len({tuple(sorted(t.params.items())) for t in load("ruled").trials}) == 21


def test_a_grid_of_floats(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sized", sampler="grid") == 2
    assert "x of sized is FloatDistribution" in capsys.readouterr().err
    assert run("parabola", sampler="grid") == 2
    assert "declares its search space; parabola does not" in capsys.readouterr().err


def test_a_verbose_run(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("seeded", "--trials", 1, "--verbose") == 0
    line = capsys.readouterr().err
    assert line.startswith("trial 0  0  best so far  x=0.")


def test_a_quiet_run(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("parabola", "--trials", 2, "--quiet") == 0
    assert run("parabola", "--trials", 2, "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert run("parabola", "--quiet", "--verbose") == 2


def test_what_a_problem_brings_is_its_default(tiny: Path) -> None:
    assert run("brought", sampler=None) == 0
    study = load("brought")
    assert len(study.trials) == 4
    assert study.user_attrs["qhpo:sampler"] == "tpe"
    assert study.user_attrs["qhpo:seed"] == 7

    assert run("brought", "--trials", 5, sampler="random") == 0
    used = [trial.user_attrs["qhpo:sampler"] for trial in load("brought").trials]
    assert used == ["tpe"] * 4 + ["random"]


def test_sigterm_hands_the_trial_back(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("terminated", "--trials", 3) == 143
    last = capsys.readouterr().err.splitlines()[-1]
    again = "qhpo run terminated --trials 3 --sampler random"
    assert last == f"qhpo: stopped by SIGTERM; continue with: {again}"
    assert run("terminated", "--trials", 3) == 0
    assert [status(t) for t in load("terminated").trials] == [
        Status.COMPLETE,
        Status.INTERRUPTED,
        Status.COMPLETE,
        Status.COMPLETE,
    ]


def test_a_file_is_a_task(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Sweep:
        def __init__(self, path: Path) -> None:
            self.path = path

        def problem(self) -> Problem:
            return replace(PROBLEMS.load("parabola"), name=self.path.stem)

    monkeypatch.setitem(
        sys.modules,
        "qhpo.sweep",
        SimpleNamespace(load_sweep=Sweep),  # type: ignore[arg-type]
    )
    assert run("sweep.yaml", "--trials", 1) == 0
    assert len(load("sweep").trials) == 1
    (tiny / "parabola").touch()  # the name of a problem
    (tiny / "other").touch()
    assert run("parabola", "--trials", 1) == 0
    assert run("other", "--trials", 1) == 0
    assert len(load("other").trials) == 1


def test_a_target_ends_the_search(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run("reached", "--trials", 9) == 0
        assert [trial.value for trial in load("reached").trials] == [0, 1, 2]
    assert "reached has reached its target of 2\n" in capsys.readouterr().err


def test_trials_that_are_not_run_do_not_hide_that_all_others_fail(tiny: Path) -> None:
    assert run("hopeless", "--trials", 99) == 1

    found = [status(trial) for trial in load("hopeless").trials]
    assert found.count(Status.FAILED) == FAILURES_IN_A_ROW
    assert Status.RULED_OUT in found
