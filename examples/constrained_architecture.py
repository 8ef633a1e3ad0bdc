"""The best CNN of at most 6,000 weights: a budget that every trial keeps, the first one too.

Plots size against error to constrained_architecture.png. Run it with:
python examples/constrained_architecture.py. The environment variable QHPO_EXAMPLE_TRIALS sets the
number of trials, 30 if it is not set.
"""

import os

import optuna
from matplotlib.figure import Figure

from qhpo import QUBOSampler
from qhpo import constraints as c
from qhpo.problem import suggest
from qhpo_problems.training.data.digits import digits
from qhpo_problems.training.fit.settings import SETTINGS_SPACE, suggest_settings
from qhpo_problems.training.fit.tuning import Task, validation_error
from qhpo_problems.training.networks.configs import CNNConfig, count_cnn
from qhpo_problems.training.networks.convolution import build_cnn
from qhpo_problems.training.problems import CNN_SPACE, cnn_config

BUDGET = 6_000
SIZED_BY = ("blocks", "kernel_size", "batch_norm", "channels_1", "channels_2", "channels_3")


def size(blocks: int, kernel_size: int, batch_norm: bool, *channels: int) -> int:
    """Trainable weights; pooling, activation and dropout have none."""
    return count_cnn(CNNConfig(channels[:blocks], kernel_size, "max", batch_norm, "relu", 0.0))


RULES = [
    # Any Python function of a few parameters can be a rule ...
    c.relation(SIZED_BY, lambda *chosen: size(*chosen) <= BUDGET),
    # ... here with the custom that later blocks are no narrower than earlier ones.
    c.relation(("channels_1", "channels_2"), lambda first, second: first <= second),
    c.relation(("channels_2", "channels_3"), lambda second, third: second <= third),
]
DATA = digits(seed=0)


def objective(trial: optuna.Trial) -> float:
    config = cnn_config(suggest(trial, CNN_SPACE))
    settings = suggest_settings(trial, epochs=40)
    trial.set_user_attr("size", count_cnn(config))
    task = Task(lambda: build_cnn(config), DATA)
    return validation_error(trial, task, settings, seed=0)


def draw(study: optuna.Study) -> None:
    figure = Figure(figsize=(6, 4), dpi=150, layout="constrained")
    axes = figure.subplots()
    sizes = [trial.user_attrs["size"] for trial in study.trials]
    errors = [100 * trial.value for trial in study.trials]
    axes.scatter(sizes, errors, color="#0072B2", alpha=0.7, label="a trial each")
    best = study.best_trial.number
    axes.scatter(sizes[best], errors[best], s=140, fc="none", ec="#D55E00", label="best")
    axes.axvline(BUDGET, color="#555555", linestyle="--", label="budget")
    axes.set_xlim(0, 1.05 * BUDGET)
    axes.set_yscale("log")
    axes.minorticks_off()
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100) if tick < 2.5 * max(errors)]
    axes.set_yticks(ticks, [f"{tick} %" for tick in ticks])
    axes.set_xlabel("trainable weights")
    axes.set_ylabel("validation error")
    axes.legend()
    figure.savefig("constrained_architecture.png")


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = QUBOSampler({**CNN_SPACE, **SETTINGS_SPACE}, constraints=RULES, seed=0)
    study = optuna.create_study(sampler=sampler)
    n_trials = int(os.environ.get("QHPO_EXAMPLE_TRIALS", "30"))
    study.optimize(objective, n_trials=n_trials, show_progress_bar=True)
    kept = all(rule.satisfied(trial.params) for trial in study.trials for rule in RULES)
    largest = max(trial.user_attrs["size"] for trial in study.trials)
    print(f"{len(study.trials)} trials, largest {largest:,} of {BUDGET:,} weights, kept: {kept}")
    best = study.best_trial
    print(f"best: trial {best.number}, {best.user_attrs['size']:,} weights, {best.params}")
    print(f"validation error {best.value:.2%}, test error {best.user_attrs['test_error']:.2%}")
    draw(study)


if __name__ == "__main__":
    main()
