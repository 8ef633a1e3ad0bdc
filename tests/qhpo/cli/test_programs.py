"""Programs in three languages, each tuned by one file, killed at ten moments and continued."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage, JournalStorage, get_storage
from optuna.storages.journal import JournalFileBackend

from qhpo.cli import main
from qhpo.cli.studies import Status, status

Start = Callable[..., "subprocess.Popen[str]"]

PATIENCE = 240
TOTAL = 24
STOPS = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}

BASH = r"""#!/bin/bash
for word in "$@"; do case $word in
    --a=*) a=${word#*=} ;;
    --b=*) b=${word#*=} ;;
esac; done
sleep 0.2
echo "loss: $(( a * a + b ))"
echo "$a $b" >> ended
"""
AWK = r"""#!/usr/bin/awk -f
BEGIN {
    for (i = 1; i < ARGC; i++) { split(ARGV[i], word, "="); v[word[1]] = word[2] }
    system("sleep 0.2")
    printf "{\"loss\": %d}\n", v["a"] * v["a"] + v["b"]
    print v["a"], v["b"] >> "ended"
}
"""
PYTHON = r"""
import argparse, json, time
parser = argparse.ArgumentParser()
parser.add_argument("--a", type=int, default=10)
parser.add_argument("--b", type=int, default=10)
args = parser.parse_args()
time.sleep(0.2)
print(json.dumps({"loss": args.a ** 2 + args.b}), flush=True)
with open("ended", "a") as file:
    print(args.a, args.b, file=file)
"""
SPACE = """
metric: {name: loss}
parameters: {a: {min: 0, max: 20}, b: {min: 0, max: 20}}
constraints: [a + b <= 30]
"""


@dataclass(frozen=True)
class Program:
    """A program and what the sweep file says of how it is called."""

    name: str
    text: str
    call: str


PROGRAMS = {
    "bash": Program(
        "square.sh",
        BASH,
        'command: ["./square.sh", "${args}"]\n'
        "qhpo: {program: {answer: {regex: 'loss: (?P<loss>\\S+)'}}}",
    ),
    "awk": Program("square.awk", AWK, 'command: ["./square.awk", "${args_no_hyphens}"]'),
    "python": Program("square.py", PYTHON, ""),
}


def opened(url: str) -> BaseStorage:
    """As a program with Optuna alone reads it."""
    if url.startswith("sqlite"):
        return get_storage(url)
    return JournalStorage(JournalFileBackend(url))


def configuration(params: Mapping[str, Any]) -> str:
    return f"{params['a']} {params['b']}"


@pytest.mark.slow
@pytest.mark.parametrize("url", ["sqlite:///qhpo.db", "kept.log"])
@pytest.mark.parametrize("jobs", [1, 4])
@pytest.mark.parametrize("language", PROGRAMS)
def test_ten_random_moments(
    language: str, jobs: int, url: str, tiny: Path, start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    program = PROGRAMS[language]
    (tiny / program.name).write_text(program.text)
    (tiny / program.name).chmod(0o755)
    assert main(["init", program.name, "-o", "made.yaml"]) == 0
    (tiny / "sweep.yaml").write_text(f"program: {program.name}\n{program.call}\n{SPACE}")
    assert main(["validate", "sweep.yaml"]) == 0
    rng = random.Random(f"{language} {jobs} {url}")
    args = ["run", "sweep.yaml", "--storage", url, "--trials", str(TOTAL), "--jobs", str(jobs)]
    for _ in range(10):
        process = start(*args)
        # At the start, in the middle of trials, and of what lies between them.
        time.sleep(rng.uniform(0.3, 4.0 + jobs))
        how = rng.choice(list(STOPS))
        process.send_signal(how)
        _, err = process.communicate(timeout=PATIENCE)
        # A signal may come before qhpo does, while the program of this test imports its packages.
        assert "Traceback" not in err or ("in main\n" not in err and "in thread" not in err), err
    process = start(*args)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err

    found = optuna.load_study(study_name="sweep", storage=opened(url)).trials
    complete = [trial for trial in found if status(trial) is Status.COMPLETE]
    cut_off = [trial for trial in found if status(trial) is Status.INTERRUPTED]
    assert len(complete) == TOTAL
    assert len(complete) + len(cut_off) == len(found)
    for trial in complete:
        assert trial.value == trial.params["a"] ** 2 + trial.params["b"]
        assert trial.params["a"] + trial.params["b"] <= 30
    done = Counter(configuration(trial.params) for trial in complete)
    assert max(done.values()) == 1
    # What was cut off may have come to its end, or the other way round: as often as it was begun.
    begun = Counter(configuration(trial.params) for trial in found if len(trial.params) == 2)
    ended = Counter((tiny / "ended").read_text().splitlines())
    assert done <= ended <= begun
    assert set(begun) == set(done)

    capfd.readouterr()
    for command in (["show"], ["report", "sweep", "-o", "page.html"], ["train", "sweep"]):
        assert main([*command, "--storage", url]) == 0
    assert f"{TOTAL} complete" in capfd.readouterr().out
