"""A training loop of one's own in PyTorch, tuned: reports, pruning, a rule and a condition.

Bad trials are stopped early. Momentum exists only for SGD, and a second layer is never wider than
the first. Run it with: python examples/pytorch_loop.py. The environment variable
QHPO_EXAMPLE_TRIALS sets the number of trials, 30 if it is not set.
"""

from __future__ import annotations

import os

import optuna
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from qhpo import QUBOSampler
from qhpo import constraints as c

EPOCHS = 15
SEARCH_SPACE = {
    "width_1": IntDistribution(16, 128, step=16),
    "width_2": IntDistribution(16, 128, step=16),
    "dropout": FloatDistribution(0.0, 0.6),
    "optimizer": CategoricalDistribution(["sgd", "adam"]),
    "momentum": FloatDistribution(0.0, 0.95),
    "learning_rate": FloatDistribution(1e-3, 1.0, log=True),
}
RULES = [
    c.relation(("width_1", "width_2"), lambda first, second: second <= first),
    # A rate that suits SGD lets Adam diverge.
    c.relation(("optimizer", "learning_rate"), lambda name, rate: name == "sgd" or rate <= 0.05),
]
CONDITIONS = {"momentum": {"optimizer": "sgd"}}


def load() -> tuple[torch.Tensor, ...]:
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor(images / 16.0, dtype=torch.float32)
    y = torch.tensor(labels)
    return tuple(train_test_split(x, y, train_size=600, random_state=0))


X, X_TEST, Y, Y_TEST = load()


def make_optimizer(trial: optuna.Trial, model: nn.Module) -> torch.optim.Optimizer:
    name = trial.suggest_categorical("optimizer", ["sgd", "adam"])
    rate = trial.suggest_float("learning_rate", 1e-3, 1.0, log=True)
    if name == "adam":
        return torch.optim.Adam(model.parameters(), lr=rate)
    momentum = trial.suggest_float("momentum", 0.0, 0.95)
    return torch.optim.SGD(model.parameters(), lr=rate, momentum=momentum)


def objective(trial: optuna.Trial) -> float:
    torch.manual_seed(0)
    first = trial.suggest_int("width_1", 16, 128, step=16)
    second = trial.suggest_int("width_2", 16, 128, step=16)
    model = nn.Sequential(
        nn.Linear(64, first),
        nn.ReLU(),
        nn.Dropout(trial.suggest_float("dropout", 0.0, 0.6)),
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Linear(second, 10),
    )
    optimizer = make_optimizer(trial, model)
    error = 1.0
    for epoch in range(EPOCHS):
        model.train()
        for batch in torch.randperm(len(X)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X[batch]), Y[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            error = (model(X_TEST).argmax(1) != Y_TEST).float().mean().item()
        trial.report(error, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return error


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=QUBOSampler(SEARCH_SPACE, constraints=RULES, conditions=CONDITIONS, seed=0),
        pruner=optuna.pruners.MedianPruner(n_warmup_steps=3),
    )
    study.optimize(objective, n_trials=int(os.environ.get("QHPO_EXAMPLE_TRIALS", "30")))
    pruned = len(study.get_trials(states=[optuna.trial.TrialState.PRUNED]))
    kept = all(rule.satisfied(trial.params) for trial in study.trials for rule in RULES)
    print(f"{len(study.trials)} trials, {pruned} of them pruned, all rules kept: {kept}")
    print(f"validation error {study.best_value:.2%} with")
    for name, value in study.best_params.items():
        print(f"  {name:14} {value:.3g}" if isinstance(value, float) else f"  {name:14} {value}")


if __name__ == "__main__":
    main()
