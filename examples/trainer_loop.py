"""A trainer with arguments and callbacks, in the style of Hugging Face's, tuned.

The trainer here stands for yours. What connects it to a search is two things: `model_init` and
`arguments` are made from a trial, and one callback reports each evaluation to it. The number of
heads must divide the width, which is a rule. Run it with: python examples/trainer_loop.py. The
environment variable QHPO_EXAMPLE_TRIALS sets the number of trials, 20 if it is not set.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import optuna
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from qhpo import QUBOSampler
from qhpo import constraints as c

SEARCH_SPACE = {
    "width": IntDistribution(16, 64, step=8),
    "heads": IntDistribution(1, 8),
    "layers": IntDistribution(1, 3),
    "learning_rate": FloatDistribution(1e-4, 3e-2, log=True),
    "weight_decay": FloatDistribution(1e-6, 1e-1, log=True),
    "warmup_ratio": FloatDistribution(0.0, 0.4),
    "scheduler": CategoricalDistribution(["constant", "linear"]),
}
RULES = [
    c.relation(("width", "heads"), lambda width, heads: width % heads == 0),
    # About how many weights the layers have.
    c.relation(("width", "layers"), lambda width, layers: 12 * layers * width**2 <= 60_000),
]


@dataclass(frozen=True)
class TrainingArguments:
    """What a trainer is told; the part of yours that a search may change."""

    learning_rate: float
    weight_decay: float
    warmup_ratio: float
    scheduler: str
    epochs: int = 12
    batch_size: int = 32


class Classifier(nn.Module):
    """An image read row by row: eight tokens of eight pixels."""

    def __init__(self, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.positions = nn.Parameter(torch.zeros(8, width))
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(self.embed(rows) + self.positions).mean(1))


class Trainer:
    """Trains, evaluates after every epoch, and tells its callbacks."""

    def __init__(
        self,
        model: nn.Module,
        arguments: TrainingArguments,
        data: Sequence[torch.Tensor],
        callbacks: Sequence[Callable[[int, dict[str, float]], None]] = (),
    ) -> None:
        self.model, self.arguments, self.callbacks = model, arguments, callbacks
        self.x, self.x_test, self.y, self.y_test = data

    def train(self) -> dict[str, float]:
        options = self.arguments
        optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
        )
        total = options.epochs * -(-len(self.x) // options.batch_size)
        warmup = max(1, int(options.warmup_ratio * total))

        def rate(step: int) -> float:
            falling = (total - step) / total if options.scheduler == "linear" else 1.0
            return min((step + 1) / warmup, falling)

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        metrics: dict[str, float] = {}
        for epoch in range(options.epochs):
            self.model.train()
            for batch in torch.randperm(len(self.x)).split(options.batch_size):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(self.model(self.x[batch]), self.y[batch])
                loss.backward()
                optimizer.step()
                scheduler.step()
            metrics = self.evaluate()
            for callback in self.callbacks:
                callback(epoch, metrics)
        return metrics

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        self.model.eval()
        scores = self.model(self.x_test)
        loss = nn.functional.cross_entropy(scores, self.y_test)
        error = (scores.argmax(1) != self.y_test).float().mean()
        return {"eval_loss": loss.item(), "eval_error": error.item()}


def model_init(trial: optuna.Trial) -> nn.Module:
    torch.manual_seed(0)
    return Classifier(
        trial.suggest_int("width", 16, 64, step=8),
        trial.suggest_int("heads", 1, 8),
        trial.suggest_int("layers", 1, 3),
    )


def arguments(trial: optuna.Trial) -> TrainingArguments:
    return TrainingArguments(
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 3e-2, log=True),
        weight_decay=trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
        warmup_ratio=trial.suggest_float("warmup_ratio", 0.0, 0.4),
        scheduler=trial.suggest_categorical("scheduler", ["constant", "linear"]),
    )


def reporting(trial: optuna.Trial) -> Callable[[int, dict[str, float]], None]:
    """The callback that connects a trainer to a trial."""

    def on_evaluate(epoch: int, metrics: dict[str, float]) -> None:
        trial.report(metrics["eval_loss"], epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    return on_evaluate


def main() -> None:
    images, labels = load_digits(return_X_y=True)
    rows = torch.tensor(images / 16.0, dtype=torch.float32).reshape(-1, 8, 8)
    data = train_test_split(rows, torch.tensor(labels), train_size=500, random_state=0)

    def objective(trial: optuna.Trial) -> float:
        trainer = Trainer(model_init(trial), arguments(trial), data, [reporting(trial)])
        metrics = trainer.train()
        trial.set_user_attr("eval_error", metrics["eval_error"])
        return metrics["eval_loss"]

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=QUBOSampler(SEARCH_SPACE, constraints=RULES, seed=0),
        pruner=optuna.pruners.HyperbandPruner(min_resource=2, max_resource=12),
    )
    study.optimize(objective, n_trials=int(os.environ.get("QHPO_EXAMPLE_TRIALS", "20")))
    best = study.best_trial
    divides = all(trial.params["width"] % trial.params["heads"] == 0 for trial in study.trials)
    print(f"{len(study.trials)} trials, heads divide the width in all of them: {divides}")
    print(f"loss {best.value:.3f}, error {best.user_attrs['eval_error']:.2%} with {best.params}")


if __name__ == "__main__":
    main()
