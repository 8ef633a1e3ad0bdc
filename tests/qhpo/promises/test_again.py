"""The same trials again: resumed, in another process, pickled; and many processes at once."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from tests.qhpo.promises.cases import (
    CASES,
    KINDS,
    keeps_resumable_rules,
    keys,
    make_study,
    objective_of,
    resumable,
    resumable_sampler,
    storage_at,
)

ASK = """
import json, sys, optuna
import tests.qhpo.promises.cases as t
optuna.logging.set_verbosity(optuna.logging.ERROR)
found = {}
for kind, url in json.loads(sys.argv[1]).items():
    study = optuna.load_study(
        study_name="study", storage=url, sampler=t.resumable_sampler(kind)
    )
    study.optimize(t.resumable, n_trials=2)
    found[kind] = [trial.params for trial in study.trials]
print(json.dumps(found))
"""

WORK = """
import sys, optuna
import tests.qhpo.promises.cases as t
optuna.logging.set_verbosity(optuna.logging.ERROR)
space, rules, _ = t.CASES[sys.argv[2]]
sampler = t.QUBOSampler(
    space, constraints=rules, seed=int(sys.argv[4]), n_startup_trials=5, _settings=t.LIGHT
)
study = optuna.load_study(study_name="study", storage=t.storage_at(sys.argv[1]), sampler=sampler)
study.optimize(t.objective_of(space), n_trials=int(sys.argv[3]), n_jobs=4)
"""


def _python(code: str, *arguments: str, hash_seed: str = "0") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _output(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out


class TestTheSameAgain:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_resumed_study_equals_an_uninterrupted_one(self, kind: str, tmp_path: Path) -> None:
        whole = optuna.create_study(sampler=resumable_sampler(kind))
        whole.optimize(resumable, n_trials=9)
        for n_trials in (2, 4, 3):
            study = optuna.create_study(
                study_name="study",
                storage=f"sqlite:///{tmp_path / 'study.db'}",
                sampler=resumable_sampler(kind),
                load_if_exists=True,
            )
            study.optimize(resumable, n_trials=n_trials)
        assert keys(study) == keys(whole)
        if kind == "constrained":
            assert all(keeps_resumable_rules(trial.params) for trial in study.trials)

    def test_in_another_process_with_another_hash_seed(self, tmp_path: Path) -> None:
        expected, urls = {}, {}
        for kind in KINDS:
            study = optuna.create_study(sampler=resumable_sampler(kind))
            study.optimize(resumable, n_trials=8)
            expected[kind] = [trial.params for trial in study.trials]
            urls[kind] = f"sqlite:///{tmp_path / kind}.db"
            copy = optuna.create_study(study_name="study", storage=urls[kind])
            for trial in study.trials[:6]:
                copy.add_trial(trial)
        # This process has a hash seed that was drawn.
        output = _output(_python(ASK, json.dumps(urls), hash_seed="1"))
        found = json.loads(output)
        assert found == expected
        assert all(map(keeps_resumable_rules, found["constrained"]))

    def test_a_pickled_sampler_keeps_its_constraints(self) -> None:
        space, rules, truth = CASES["mixed"]
        found = []
        for is_pickled in (False, True):
            study = make_study(space, rules)
            study.optimize(objective_of(space), n_trials=7)
            if is_pickled:
                study.sampler = pickle.loads(pickle.dumps(study.sampler))
            study.optimize(objective_of(space), n_trials=5)
            assert all(truth(t.params) for t in study.trials)
            found.append(keys(study))
        assert found[0] == found[1]


@pytest.mark.slow
class TestProcesses:
    """Twelve workers: four threads in each of three processes."""

    @pytest.mark.parametrize("kind", ["journal", "sqlite"])
    def test_workers_share_one_study(self, kind: str, tmp_path: Path) -> None:
        path = str(tmp_path / f"study.{kind}")
        study = optuna.create_study(study_name="study", storage=storage_at(path))
        for worker in [_python(WORK, path, "mixed", "16", str(s)) for s in (0, 0, 1)]:
            _output(worker)
        _, _, truth = CASES["mixed"]
        assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 48
        assert all(truth(t.params) for t in study.trials)
        assert len(set(keys(study))) == 48

    @pytest.mark.parametrize("kind", ["journal", "sqlite"])
    def test_together_they_finish_a_small_space(self, kind: str, tmp_path: Path) -> None:
        path = str(tmp_path / f"study.{kind}")
        study = optuna.create_study(study_name="study", storage=storage_at(path))
        # Of 24 orders each process takes 8.
        for worker in [_python(WORK, path, "permutation", "8", "0") for _ in range(3)]:
            _output(worker)
        found = {tuple(t.params.values()) for t in study.trials}
        assert len(study.trials) == 24
        assert found == set(itertools.permutations("wxyz"))
