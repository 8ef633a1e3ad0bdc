import optuna
import pytest
from torch import nn

from qhpo_problems.training.data.digits import digits
from qhpo_problems.training.fit.loop import fit
from qhpo_problems.training.fit.settings import TrainingSettings
from qhpo_problems.training.fit.split import Split
from qhpo_problems.training.fit.tuning import Task, validation_error
from qhpo_problems.training.networks.configs import CNNConfig
from qhpo_problems.training.networks.convolution import build_cnn

GOOD = TrainingSettings("adam", 1e-2, 0.0, batch_size=32, epochs=3)
HOPELESS = TrainingSettings("sgd", 1e-9, 0.0, batch_size=64, epochs=3)


def build() -> nn.Module:
    return build_cnn(CNNConfig((8,), 3, "max", True, "relu", 0.0))


@pytest.fixture(scope="module")
def split() -> Split:
    return digits(0, train=128, validation=200)


def run(
    split: Split, trainings: list[TrainingSettings], pruner: optuna.pruners.BasePruner
) -> list[optuna.trial.FrozenTrial]:
    study = optuna.create_study(pruner=pruner)
    study.optimize(
        lambda trial: validation_error(trial, Task(build, split), trainings[trial.number], seed=0),
        n_trials=len(trainings),
    )
    return study.trials


def test_trial_holds_value_reports_and_attributes(split: Split) -> None:
    (trial,) = run(split, [GOOD], optuna.pruners.NopPruner())
    fitted = fit(build, split, GOOD, seed=0)
    assert trial.value == fitted.best.validation_error
    assert trial.intermediate_values == {
        epoch.number: epoch.validation_error for epoch in fitted.history
    }
    assert trial.user_attrs["test_error"] == fitted.test_error
    assert trial.user_attrs["epochs"] == 3
    assert trial.user_attrs["train_seconds"] > 0


def test_median_pruner_stops_a_hopeless_trial(split: Split) -> None:
    pruner = optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=1)
    good, hopeless, again = run(split, [GOOD, HOPELESS, GOOD], pruner)
    assert good.state == optuna.trial.TrialState.COMPLETE
    assert hopeless.state == optuna.trial.TrialState.PRUNED
    assert list(hopeless.intermediate_values) == [1]
    assert hopeless.user_attrs["epochs"] == 1
    assert hopeless.user_attrs["train_seconds"] > 0
    assert "test_error" not in hopeless.user_attrs
    assert again.state == optuna.trial.TrialState.COMPLETE
    assert again.value == good.value
