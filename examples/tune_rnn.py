"""Tune a recurrent network that knows speakers by their vowels: layers, and units of each.

Plain Optuna and QUBOSampler. A trial only has the units of the layers that it has, and the sampler
learns that from the trials. Run it with: python examples/tune_rnn.py. The environment variable
QHPO_EXAMPLE_TRIALS sets the number of trials, 30 if it is not set.
"""

import os

import optuna

from qhpo import QUBOSampler
from qhpo_problems.training.data.shapes import COEFFICIENTS, SPEAKERS
from qhpo_problems.training.data.vowels import vowels
from qhpo_problems.training.fit.settings import suggest_settings
from qhpo_problems.training.fit.tuning import Task, validation_error
from qhpo_problems.training.networks.configs import CELLS, SEQUENCE_POOLINGS, RNNConfig, count_rnn
from qhpo_problems.training.networks.recurrent import RNN

DATA = vowels(seed=0)


def architecture(trial: optuna.Trial) -> RNNConfig:
    return RNNConfig(
        cell=trial.suggest_categorical("cell", CELLS),
        bidirectional=trial.suggest_categorical("bidirectional", (False, True)),
        pooling=trial.suggest_categorical("pooling", SEQUENCE_POOLINGS),
        layer_norm=trial.suggest_categorical("layer_norm", (False, True)),
        dropout=trial.suggest_float("dropout", 0.0, 0.5, step=0.125),
        units=tuple(
            trial.suggest_int(f"units_{layer}", 8, 48, step=8)
            for layer in range(1, trial.suggest_int("layers", 1, 3) + 1)
        ),
    )


def objective(trial: optuna.Trial) -> float:
    config = architecture(trial)
    settings = suggest_settings(trial, epochs=20)
    trial.set_user_attr("parameters", count_rnn(config, COEFFICIENTS, SPEAKERS))
    task = Task(lambda: RNN(config, COEFFICIENTS, SPEAKERS), DATA)
    return validation_error(trial, task, settings, seed=0)


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=QUBOSampler(seed=0), pruner=optuna.pruners.MedianPruner(n_warmup_steps=5)
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
