"""QUBOSearch in studies that Ray runs, on a cluster of this machine: a minute or two each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

pytest.importorskip("ray", reason="ray is not installed: `make test-ray` brings it")

pytestmark = pytest.mark.slow

PROGRAM = """
import sys, time
from pathlib import Path
import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from qhpo import constraints as c
from qhpo_integrations.ray import QUBOSearch

N_TRIALS, EPOCHS = 16, 9


def train(config):
    slow = Path("slow").exists()
    for epoch in range(1, EPOCHS + 1):
        time.sleep(0.1 * slow)
        loss = (config["x"] - 5) ** 2 + config["y"] + (config["momentum"] or 0.5) + 10 / epoch
        tune.report({"loss": loss})


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    folder = Path("results").resolve()
    if sys.argv[1] == "restore":
        tuner = tune.Tuner.restore(str(folder / "search"), train)
    else:
        search = QUBOSearch(
            constraints=[c.linear({"x": 1, "y": 1}, "<=", 20)],
            conditions={"momentum": {"optimizer": "sgd"}},
            seed=0,
            storage="sqlite:///study.db",
            study_name="search",
        )
        tuner = tune.Tuner(
            train,
            param_space={
                "x": tune.randint(0, 21),
                "y": tune.randint(0, 21),
                "optimizer": tune.choice(["sgd", "adam"]),
                "momentum": tune.uniform(0, 0.9),
            },
            tune_config=tune.TuneConfig(
                metric="loss",
                mode="min",
                search_alg=search,
                num_samples=N_TRIALS,
                reuse_actors=True,
                scheduler=ASHAScheduler(max_t=EPOCHS, reduction_factor=2),
            ),
            run_config=tune.RunConfig(name="search", storage_path=str(folder), verbose=0),
        )
    results = tuner.fit()
    print("best", results.get_best_result().metrics["loss"], "errors", results.num_errors)
"""


def start(folder: Path, mode: str) -> subprocess.Popen[str]:
    (folder / "program.py").write_text(PROGRAM)
    return subprocess.Popen(
        [sys.executable, "program.py", mode],
        cwd=folder,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "TUNE_GLOBAL_CHECKPOINT_S": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    storage = f"sqlite:///{folder / 'study.db'}"
    return optuna.load_study(study_name="search", storage=storage).trials


def n_done(folder: Path) -> int:
    return sum(trial.value is not None for trial in trials(folder))


def check(folder: Path, output: str) -> None:
    """What is promised of all trials that ran to an end."""
    ended = [trial for trial in trials(folder) if trial.state != TrialState.FAIL]
    assert {trial.state for trial in ended} == {TrialState.COMPLETE, TrialState.PRUNED}, output
    assert len({str(sorted(trial.params.items())) for trial in ended}) == len(ended)
    for trial in ended:
        assert trial.params["x"] + trial.params["y"] <= 20
        assert ("momentum" in trial.params) == (trial.params["optimizer"] == "sgd")
        assert trial.value == trial.intermediate_values[max(trial.intermediate_values)]
        assert (trial.state == TrialState.COMPLETE) == (9 in trial.intermediate_values)
    best = min(trial.value for trial in ended if trial.value is not None)
    assert f"best {best} errors 0" in output


def test_a_search_with_a_scheduler(tmp_path: Path) -> None:
    output = start(tmp_path, "fit").communicate(timeout=300)[0]
    check(tmp_path, output)
    assert len(trials(tmp_path)) == 16


def test_a_search_whose_program_was_killed_is_restored(tmp_path: Path) -> None:
    # Made here: two programs that make the tables of a database are in each other's way.
    optuna.create_study(study_name="search", storage=f"sqlite:///{tmp_path / 'study.db'}")
    (tmp_path / "slow").touch()
    program = start(tmp_path, "fit")
    while program.poll() is None and n_done(tmp_path) < 5:
        time.sleep(0.2)
    program.kill()
    output = program.communicate()[0]
    assert program.returncode == -signal.SIGKILL, output
    n_before = n_done(tmp_path)
    (tmp_path / "slow").unlink()
    output = start(tmp_path, "restore").communicate(timeout=300)[0]
    check(tmp_path, output)
    assert 5 <= n_before < 16 <= n_done(tmp_path), output
