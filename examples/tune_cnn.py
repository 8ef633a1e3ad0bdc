"""Tune a convolutional network on real images of digits, with plain Optuna and QUBOSampler.

Run it with: python examples/tune_cnn.py. The environment variable QHPO_EXAMPLE_TRIALS sets the
number of trials, 30 if it is not set.
"""

import os

import optuna

from qhpo import QUBOSampler
from qhpo_problems.training.cnn.model import build_cnn, count_parameters
from qhpo_problems.training.cnn.problem import suggest_cnn
from qhpo_problems.training.data import digits
from qhpo_problems.training.settings import suggest_settings
from qhpo_problems.training.tuning import validation_error

DATA = digits(seed=0)


def objective(trial: optuna.Trial) -> float:
    config = suggest_cnn(trial)
    settings = suggest_settings(trial, epochs=40)
    trial.set_user_attr("parameters", count_parameters(config))
    return validation_error(trial, lambda: build_cnn(config), DATA, settings, seed=0)


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
