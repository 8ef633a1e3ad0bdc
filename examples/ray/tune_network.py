"""Ray Tune on all cores: networks within a budget of weights, the bad ones stopped early.

It needs `pip install "qhpo[ray,sklearn]"`. Run it with: python examples/ray/tune_network.py. The
environment variable QHPO_EXAMPLE_TRIALS sets the number of trials, 30 if it is not set. Ray writes
what it did into ray_results/ of the working directory. On a cluster, give `ray.init` its address.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import optuna
import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from qhpo import constraints as c
from qhpo_integrations.ray import QUBOSearch

EPOCHS = 12
SPACE = {
    "width_1": tune.qrandint(8, 128, 8),
    "width_2": tune.qrandint(8, 128, 8),
    "solver": tune.choice(["sgd", "adam"]),
    "momentum": tune.uniform(0.0, 0.95),
    "rate": tune.loguniform(1e-4, 1e-1),
    "epochs": EPOCHS,  # not searched
}
# 64 pixels to width_1 to width_2 to 10 digits, in at most 6,000 weights.
BUDGET = c.quadratic({"width_1": 64, ("width_1", "width_2"): 1, "width_2": 10}, "<=", 6_000)


def train(config: dict[str, Any]) -> None:
    images, labels = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(images / 16, labels, train_size=600, random_state=0)
    network = MLPClassifier(
        (config["width_1"], config["width_2"]),
        solver=config["solver"],
        learning_rate_init=config["rate"],
        # Adam has no momentum: the search leaves it out.
        momentum=config["momentum"] or 0.0,
        random_state=0,
    )
    for _ in range(config["epochs"]):
        network.partial_fit(x, y, classes=range(10))
        tune.report({"error": 1 - network.score(x_test, y_test)})


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ray.init(include_dashboard=False, log_to_driver=False)
    search = QUBOSearch(
        constraints=[BUDGET, c.relation(("width_1", "width_2"), lambda one, two: two <= one)],
        conditions={"momentum": {"solver": "sgd"}},
        seed=0,
    )
    tuner = tune.Tuner(
        train,
        param_space=SPACE,
        tune_config=tune.TuneConfig(
            metric="error",
            mode="min",
            search_alg=search,
            scheduler=ASHAScheduler(max_t=EPOCHS, grace_period=2, reduction_factor=3),
            num_samples=int(os.environ.get("QHPO_EXAMPLE_TRIALS", "30")),
            reuse_actors=True,  # a new process for each training would take seconds
        ),
        run_config=tune.RunConfig(
            name="digits", storage_path=str(Path("ray_results").resolve()), verbose=0
        ),
    )
    best = tuner.fit().get_best_result()
    trials = search.study.trials
    stopped = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in trials)
    kept = all(BUDGET.satisfied(trial.params) for trial in trials)
    print(f"{len(trials)} trials, {stopped} of them stopped early, all within the budget: {kept}")
    print(f"error {best.metrics['error']:.4f} with {best.config}")


if __name__ == "__main__":
    main()
