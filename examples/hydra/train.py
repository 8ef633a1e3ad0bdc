"""A program with Hydra, whose sweep is in conf/config.yaml: conditions, a constraint, a pruner.

It needs `pip install "qhpo[hydra]"` besides torch and scikit-learn. Run one training with
python examples/hydra/train.py, and the sweep with python examples/hydra/train.py --multirun. With
hydra.sweeper.storage=sqlite:///study.db hydra.sweeper.study_name=digits behind it, a sweep that was
stopped goes on where it ended.
"""

from __future__ import annotations

import hydra
import optuna
import torch
from omegaconf import DictConfig
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from qhpo_integrations.hydra import current_trial


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor(images / 16.0, dtype=torch.float32)
    x, x_test, y, y_test = train_test_split(x, torch.tensor(labels), train_size=600, random_state=0)
    model = nn.Sequential(nn.Linear(64, config.width), nn.ReLU(), nn.Linear(config.width, 10))
    if config.optimizer == "adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    else:
        optimizer = torch.optim.SGD(
            model.parameters(), lr=config.learning_rate, momentum=config.momentum
        )
    # Outside a sweep, a trial that is never pruned.
    trial = current_trial()
    error = 1.0
    for epoch in range(config.epochs):
        for batch in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
        error = (model(x_test).argmax(1) != y_test).float().mean().item()
        trial.report(error, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return error


if __name__ == "__main__":
    main()
