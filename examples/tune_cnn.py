"""Tune a convolutional network on real images of digits, with plain Optuna and QUBOSampler.

Run it with: python examples/tune_cnn.py. The environment variable QHPO_EXAMPLE_TRIALS sets the
number of trials, 30 if it is not set.
"""

import os

import optuna

from qhpo import QUBOSampler
from qhpo.problem import suggest
from qhpo_problems.training.data.digits import digits
from qhpo_problems.training.fit.settings import suggest_settings
from qhpo_problems.training.fit.tuning import Task, validation_error
from qhpo_problems.training.networks.configs import count_cnn
from qhpo_problems.training.networks.convolution import build_cnn
from qhpo_problems.training.problems import CNN_SPACE, cnn_config

DATA = digits(seed=0)


def objective(trial: optuna.Trial) -> float:
    config = cnn_config(suggest(trial, CNN_SPACE))
    settings = suggest_settings(trial, epochs=40)
    trial.set_user_attr("parameters", count_cnn(config))
    task = Task(lambda: build_cnn(config), DATA)
    return validation_error(trial, task, settings, seed=0)


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=QUBOSampler(seed=0), pruner=optuna.pruners.MedianPruner(n_warmup_steps=10)
    )
    study.optimize(
        objective,
        n_trials=int(os.environ.get("QHPO_EXAMPLE_TRIALS", "30")),
        show_progress_bar=True,
    )
    best = study.best_trial
    print(f"best of {len(study.trials)} trials: number {best.number}")
    for name, value in best.params.items():
        print(f"  {name:14} {value:.3g}" if isinstance(value, float) else f"  {name:14} {value}")
    print(f"validation error {best.value:.2%}")
    print(f"test error       {best.user_attrs['test_error']:.2%}")
    print(f"parameters       {best.user_attrs['parameters']:,}")


if __name__ == "__main__":
    main()
