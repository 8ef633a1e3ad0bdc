"""Tune a transformer on real text, classical or quantum attention, with Optuna and QUBOSampler.

Run it with: python examples/tune_transformer.py. The environment variable QHPO_EXAMPLE_TRIALS sets
the number of trials, 25 if it is not set.
"""

import os
from collections import defaultdict
from statistics import mean

import optuna

from qhpo import QUBOSampler
from qhpo.problem import suggest
from qhpo_problems.training.data.text import diseases
from qhpo_problems.training.fit.settings import suggest_settings
from qhpo_problems.training.fit.tuning import Task, validation_error
from qhpo_problems.training.networks.configs import TransformerConfig
from qhpo_problems.training.networks.transformer import Transformer
from qhpo_problems.training.problems import TRANSFORMER_SPACE

DATA = diseases(seed=0)


def objective(trial: optuna.Trial) -> float:
    config = TransformerConfig(**suggest(trial, TRANSFORMER_SPACE))
    settings = suggest_settings(trial, epochs=10)
    task = Task(lambda: Transformer(config), DATA)
    return validation_error(trial, task, settings, seed=0)


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=QUBOSampler(seed=0), pruner=optuna.pruners.MedianPruner(n_warmup_steps=3)
    )
    study.optimize(
        objective,
        n_trials=int(os.environ.get("QHPO_EXAMPLE_TRIALS", "25")),
        show_progress_bar=True,
    )
    best = study.best_trial
    print(f"best of {len(study.trials)} trials: number {best.number}")
    for name, value in best.params.items():
        print(f"  {name:14} {value:.3g}" if isinstance(value, float) else f"  {name:14} {value}")
    print(f"validation error {best.value:.2%}")
    print(f"test error       {best.user_attrs['test_error']:.2%}")
    errors = defaultdict(list)
    for trial in study.get_trials(states=[optuna.trial.TrialState.COMPLETE]):
        errors[trial.params["attention"]].append(trial.value)
    print("mean validation error of finished trials by attention:")
    for kind, values in sorted(errors.items()):
        print(f"  {kind:8} {mean(values):.2%} of {len(values)}")


if __name__ == "__main__":
    main()
