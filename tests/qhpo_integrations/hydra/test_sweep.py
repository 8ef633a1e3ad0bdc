"""`hydra/sweeper=qhpo`, as a user of a program with Hydra meets it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from optuna.trial import TrialState

pytest.importorskip(
    "hydra", reason="hydra-core is not installed: one of its packages must be built"
)

Run = Callable[..., subprocess.CompletedProcess[str]]

SEED = "hydra.sweeper.seed=0"
STORED = ("hydra.sweeper.storage=sqlite:///study.db", "hydra.sweeper.study_name='a study/1'")
SPACE = ("x=interval(0,5)", "model.kind=a,b", "model.width=range(8,65,8)")


def _study(tmp_path: Path) -> optuna.Study:
    return optuna.load_study(study_name="a study/1", storage=f"sqlite:///{tmp_path / 'study.db'}")


def _trials(tmp_path: Path) -> list[optuna.trial.FrozenTrial]:
    return _study(tmp_path).trials


def _task_overrides(tmp_path: Path, number: int) -> list[str]:
    text = (tmp_path / "out" / str(number) / ".hydra" / "overrides.yaml").read_text()
    return [str(line) for line in yaml.safe_load(text)]


def test_a_sweep_searches_and_writes_what_it_found(run: Run, tmp_path: Path) -> None:
    done = run(*SPACE, SEED, "hydra.sweeper.n_trials=6", "hydra.sweeper.n_jobs=2", *STORED)
    assert done.returncode == 0, done.stderr
    trials = _trials(tmp_path)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 6
    results = yaml.safe_load((tmp_path / "out" / "optimization_results.yaml").read_text())
    best = min(trials, key=lambda trial: trial.value or 0.0)
    assert results["name"] == "qhpo"
    assert (results["best_value"], results["best_trial"]) == (best.value, best.number)
    assert results["best_params"] == best.params
    # A folder for each job, named by its trial.
    written = _task_overrides(tmp_path, best.number)
    assert f"model.kind={best.params['model.kind']}" in written


def test_conditions_and_constraints_of_a_configuration_are_kept(run: Run, tmp_path: Path) -> None:
    done = run(
        *SPACE,
        "++momentum=interval(0,0.9)",
        SEED,
        "hydra.sweeper.n_trials=8",
        "hydra.sweeper.conditions={momentum:{model.kind:b}}",
        "hydra.sweeper.constraints=["
        "{_target_:qhpo.constraints.forbid,_args_:[{model.kind:b,model.width:[56,64]}]},"
        "{_target_:qhpo.constraints.linear,coefficients:{x:10,model.width:1},sense:'<=',bound:70}]",
        *STORED,
    )
    assert done.returncode == 0, done.stderr
    trials = _trials(tmp_path)
    for trial in trials:
        params = trial.params
        is_b = params["model.kind"] == "b"
        assert ("momentum" in params) == is_b
        assert not (is_b and params["model.width"] >= 56)
        assert 10 * params["x"] + params["model.width"] <= 70
        named = [line.partition("=")[0] for line in _task_overrides(tmp_path, trial.number)]
        assert ("++momentum" in named) == is_b
    assert {trial.params["model.kind"] for trial in trials} == {"a", "b"}


def test_jobs_that_report_are_pruned(run: Run, tmp_path: Path) -> None:
    done = run(
        "x=range(0,40)",
        SEED,
        "hydra.sweeper.n_trials=14",
        "hydra.sweeper.pruner={_target_:optuna.pruners.MedianPruner,n_startup_trials:3}",
        *STORED,
    )
    assert done.returncode == 0, done.stderr
    states = [trial.state for trial in _trials(tmp_path)]
    assert states.count(TrialState.PRUNED) + states.count(TrialState.COMPLETE) == 14
    assert TrialState.PRUNED in states
    assert "Error executing job" not in done.stderr


def test_a_job_of_another_process_finds_its_trial(run: Run, tmp_path: Path) -> None:
    run("x=range(0,9)", SEED, "hydra.sweeper.n_trials=1", *STORED)
    trial = _study(tmp_path).ask()
    code = (tmp_path / "program.py").read_text()
    (tmp_path / "program.py").write_text(
        "import os\nos.environ['QHPO_HYDRA_TRIAL'] = '1.a%20study%2F1'\n" + code
    )
    done = run(
        "x=2",
        "hydra/sweeper=qhpo",
        *STORED,
        "hydra.sweeper.pruner={_target_:optuna.pruners.NopPruner}",
        multirun=False,
    )
    assert done.returncode == 0, done.stderr
    assert _trials(tmp_path)[trial.number].intermediate_values == {0: 2, 1: 2.01, 2: 2.02, 3: 2.03}
    done = run("x=2", "hydra/sweeper=qhpo", multirun=False)
    assert "give hydra.sweeper.storage" in done.stderr


def test_a_sweep_goes_on_where_it_ended(run: Run, tmp_path: Path) -> None:
    run(*SPACE, SEED, "hydra.sweeper.n_trials=3", *STORED)
    # As a killed sweep leaves it: no process of this number is there any more.
    study = _study(tmp_path)
    left = study.ask()
    left.suggest_float("x", 0, 5)
    first = [trial.params for trial in study.trials]
    process = subprocess.Popen(["true"])
    process.wait()
    import socket

    left.set_user_attr("qhpo:process", f"{socket.gethostname()}:{process.pid}")
    done = run(*SPACE, SEED, "hydra.sweeper.n_trials=5", *STORED)
    assert done.returncode == 0, done.stderr
    states = [trial.state for trial in _trials(tmp_path)]
    assert states == [TrialState.COMPLETE] * 3 + [TrialState.FAIL] + [TrialState.COMPLETE] * 2
    assert [trial.params for trial in _trials(tmp_path)][:3] == first[:3]
    done = run(*SPACE, SEED, "hydra.sweeper.n_trials=5", *STORED)
    assert (done.returncode, len(_trials(tmp_path))) == (0, 6)


def test_failed_jobs_end_the_sweep_or_count_as_failed(run: Run, tmp_path: Path) -> None:
    options = ("x=interval(0,5)", "fail=true,false", SEED, "hydra.sweeper.n_trials=4", *STORED)
    done = run(*options)
    assert done.returncode != 0
    assert "RuntimeError: this one fails" in done.stderr
    done = run(*options, "hydra.sweeper.max_failure_rate=1.0")
    assert done.returncode == 0, done.stderr
    states = [trial.state for trial in _trials(tmp_path)]
    assert set(states) == {TrialState.COMPLETE, TrialState.FAIL}


def test_several_values_are_several_objectives(run: Run, tmp_path: Path) -> None:
    both = "hydra.sweeper.direction=[minimize,maximize]"
    done = run("x=interval(0,5)", "two=true", both, "hydra.sweeper.n_trials=4")
    assert done.returncode == 0, done.stderr
    results = yaml.safe_load((tmp_path / "out" / "optimization_results.yaml").read_text())
    assert all(len(each["values"]) == 2 for each in results["solutions"])


def test_a_program_runs_alone_as_before(run: Run) -> None:
    done = run("x=2", multirun=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["x=1"], "a sweep needs a parameter to search"),
        (["x=interval(2,1)"], "the interval of 'x' cannot be searched"),
        (["x=1,2", "hydra.sweeper.n_trials=0"], "n_trials must be a whole number"),
        (["x=1,2", "hydra.sweeper.direction=down"], "direction must be minimize or maximize"),
        (["x=1,2", "hydra.sweeper.conditions={y:{x:1}}"], "must name parameters of the search"),
        (["x=1,2", "hydra.sweeper.pruner={_target_:builtins.dict}"], "_target_ of a pruner"),
        (["x=1,2", "hydra.sweeper.constraints=[{_target_:builtins.dict}]"], "of a constraint"),
        (["x=1,2", "hydra.sweeper.solver=neall"], "neall"),
    ],
)
def test_mistakes_are_a_line(run: Run, overrides: list[str], message: str) -> None:
    done = run(*overrides)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_job_that_returns_no_number_says_so(run: Run) -> None:
    done = run("x=1,2", "text=words", "hydra.sweeper.n_trials=2")
    assert re.search(r"a job must return a number.*got 'words'", done.stderr)


def test_parameters_may_stand_in_the_configuration(run: Run, tmp_path: Path) -> None:
    params: dict[str, Any] = {"x": "interval(0,5)", "model.width": [8, 16], "model.kind": "a,b"}
    text = "defaults:\n  - override /hydra/sweeper: qhpo\n  - _self_\n"
    text += yaml.safe_dump(
        {"x": 1.0, "fail": False, "two": False, "text": None, "model": {"kind": "a", "width": 8}}
    )
    sweeper = {"n_trials": 3, "seed": 0, "params": params, "storage": "sqlite:///study.db"}
    text += yaml.safe_dump({"hydra": {"sweeper": {**sweeper, "study_name": "a study/1"}}})
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text(text)
    program = (tmp_path / "program.py").read_text().partition("\n\nfrom hydra.core.config")[0]
    program = program.replace("config_path=None", "config_path='conf'") + "\nmain()\n"
    (tmp_path / "program.py").write_text(program)
    done = run("-m", "hydra.sweep.dir=out", "model.kind=b", multirun=False)
    assert done.returncode == 0, done.stderr
    for trial in _trials(tmp_path):
        assert set(trial.params) == {"x", "model.width"}
        assert "model.kind=b" in _task_overrides(tmp_path, trial.number)
