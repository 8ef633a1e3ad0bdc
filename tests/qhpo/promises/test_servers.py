"""Processes of plain Optuna on a PostgreSQL server: no repeats, every rule kept, nothing lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from qhpo import QUBOSampler
from qhpo import constraints as c
from tests.servers import PostgresServer, wait_until

PATIENCE = 300

WORKERS = 8
TOTAL = 64

# An argument: the URL of the database.
WORKER = f"""
import os, sys, time, warnings
import optuna
from optuna.distributions import IntDistribution
from optuna.storages import RDBStorage
from qhpo import QUBOSampler, constraints as c

warnings.simplefilter("ignore")
space = {{"x": IntDistribution(0, 30), "y": IntDistribution(0, 30)}}
rule = c.linear({{"x": 1, "y": 1}}, "<=", 30)
sampler = QUBOSampler(space, constraints=[rule], seed=0, batch_size=8)
ping = {{"pool_pre_ping": True}}
storage = RDBStorage(sys.argv[1], engine_kwargs=ping, heartbeat_interval=2, grace_period=20)
study = optuna.load_study(study_name="shared", storage=storage, sampler=sampler)

def objective(trial):
    value = -trial.suggest_int("x", 0, 30) * trial.suggest_int("y", 0, 30)
    trial.set_user_attr("pid", os.getpid())
    time.sleep(0.3)
    return value

done = optuna.study.MaxTrialsCallback({TOTAL}, states=(optuna.trial.TrialState.COMPLETE,))
study.optimize(objective, callbacks=[done])
"""


def _complete(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_eight_processes_one_of_which_is_killed(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.new_database()
    storage = RDBStorage(url, heartbeat_interval=2, grace_period=20)
    study = optuna.create_study(study_name="shared", storage=storage)
    command = [sys.executable, "-c", WORKER, url]
    workers = [
        subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        for _ in range(WORKERS)
    ]
    try:
        wait_until(lambda: len(_complete(study)) >= 8, "the eighth trial")
        running: list[FrozenTrial] = []

        def runs() -> bool:
            running[:] = [
                trial
                for trial in study.get_trials(states=(TrialState.RUNNING,))
                if "pid" in trial.user_attrs
            ]
            return bool(running)

        wait_until(runs, "a trial")
        victim = running[0]
        for worker in workers:
            if worker.pid == victim.user_attrs["pid"]:
                worker.kill()
        for worker in workers:
            _, err = worker.communicate(timeout=PATIENCE)
            if worker.pid == victim.user_attrs["pid"]:
                assert worker.returncode == -signal.SIGKILL
            else:
                assert worker.returncode == 0, err
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()

    space: dict[str, BaseDistribution] = {
        "x": IntDistribution(0, 30),
        "y": IntDistribution(0, 30),
    }
    rule = c.linear({"x": 1, "y": 1}, "<=", 30)
    study.sampler = QUBOSampler(space, constraints=[rule], seed=0)

    def is_over() -> bool:
        state = study.trials[victim.number].state
        return state.is_finished() or victim._trial_id in storage._get_stale_trial_ids(
            study._study_id
        )

    # The last to work may have ended before the killed one fell silent.
    wait_until(is_over, "silence")
    study.optimize(lambda t: t.suggest_int("x", 0, 30) + t.suggest_int("y", 0, 30), n_trials=1)
    complete = _complete(study)
    assert len(complete) >= TOTAL + 1
    assert study.trials[victim.number].state in (TrialState.FAIL, TrialState.COMPLETE)
    assert sum(victim.params.items() <= trial.params.items() for trial in complete) == 1
    assert len({tuple(sorted(trial.params.items())) for trial in complete}) == len(complete)
    assert all(rule.satisfied(trial.params) for trial in complete)
