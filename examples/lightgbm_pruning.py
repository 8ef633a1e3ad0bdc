"""LightGBM with a callback that stops bad trials, and rules that its documentation only advises.

The rules: a tree of depth d has at most 2^d leaves, and bagging needs both its share and its
frequency. Run it with: python examples/lightgbm_pruning.py. The environment variable
QHPO_EXAMPLE_TRIALS sets the number of trials, 40 if it is not set.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import lightgbm as lgb
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from qhpo import QUBOSampler
from qhpo import constraints as c
from qhpo.problem import suggest

METRIC = "binary_logloss"
SEARCH_SPACE = {
    "boosting": CategoricalDistribution(["gbdt", "rf"]),
    "max_depth": IntDistribution(2, 8),
    "num_leaves": IntDistribution(4, 128, log=True),
    "learning_rate": FloatDistribution(1e-2, 0.5, log=True),
    "bagging_fraction": FloatDistribution(0.3, 1.0),
    "bagging_freq": IntDistribution(0, 5),
    "feature_fraction": FloatDistribution(0.3, 1.0),
    "lambda_l2": FloatDistribution(1e-6, 10.0, log=True),
    "min_data_in_leaf": IntDistribution(2, 40),
}
RULES = [
    c.relation(("max_depth", "num_leaves"), lambda depth, leaves: leaves <= 2**depth),
    # A random forest draws rows anew for every tree.
    c.forbid(boosting="rf", bagging_freq=0),
    c.relation(("boosting", "bagging_fraction"), lambda kind, f: kind == "gbdt" or f <= 0.9),
]


def reporting(trial: optuna.Trial) -> Callable[[lgb.callback.CallbackEnv], None]:
    """A callback of LightGBM that reports every tenth round to a trial."""

    def callback(env: lgb.callback.CallbackEnv) -> None:
        loss = env.evaluation_result_list[0][2]
        if env.iteration % 10 == 9:
            trial.report(loss, env.iteration)
            if trial.should_prune():
                raise optuna.TrialPruned

    return callback


def main() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.4, random_state=0)

    def objective(trial: optuna.Trial) -> float:
        fixed = {"objective": "binary", "metric": METRIC, "verbosity": -1, "seed": 0}
        params = {**fixed, "num_threads": 1, **suggest(trial, SEARCH_SPACE)}
        train = lgb.Dataset(x_train, y_train)
        valid = lgb.Dataset(x_test, y_test, reference=train)
        model = lgb.train(params, train, 150, valid_sets=[valid], callbacks=[reporting(trial)])
        return model.best_score["valid_0"][METRIC]

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=QUBOSampler(SEARCH_SPACE, constraints=RULES, seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
    )
    study.optimize(objective, n_trials=int(os.environ.get("QHPO_EXAMPLE_TRIALS", "40")))
    pruned = len(study.get_trials(states=[optuna.trial.TrialState.PRUNED]))
    kept = all(rule.satisfied(trial.params) for trial in study.trials for rule in RULES)
    print(f"{len(study.trials)} trials, {pruned} of them pruned, all rules kept: {kept}")
    print(f"{METRIC} {study.best_value:.4f} with {study.best_params}")


if __name__ == "__main__":
    main()
