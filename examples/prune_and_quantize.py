"""Tune a CNN, give its weights four bits each, and remove most of them.

How to round and what to remove are quadratic models of bits, and annealed, as the search is. Run it
with: python examples/prune_and_quantize.py. The environment variable QHPO_EXAMPLE_TRIALS sets the
number of trials, 20 if it is not set.
"""

import os

import optuna
from torch import nn

from qhpo import QUBOSampler
from qhpo.problem import suggest
from qhpo_problems.formulations.layers import weight_layers
from qhpo_problems.formulations.pruning import prune
from qhpo_problems.formulations.quantization import quantize
from qhpo_problems.training.data.digits import digits
from qhpo_problems.training.fit.loop import Fitted, error_share, fit
from qhpo_problems.training.fit.settings import suggest_settings
from qhpo_problems.training.networks.convolution import build_cnn
from qhpo_problems.training.problems import CNN_SPACE, cnn_config

DATA = digits(seed=0)
BITS, SPARSITY = 4, 0.7


def train(trial: optuna.trial.BaseTrial) -> Fitted:
    config = cnn_config(suggest(trial, CNN_SPACE))
    return fit(lambda: build_cnn(config), DATA, suggest_settings(trial, epochs=40), seed=0)


def report(step: str, network: nn.Module, bits: int) -> None:
    weights = [layer.weight for layer in weight_layers(network).values()]
    places = sum(weight.numel() for weight in weights)
    kept = sum(int(weight.count_nonzero()) for weight in weights)
    # As a list of all, or of those that are not 0 with a bit at each place that says where.
    size = min(places * bits, places + kept * bits)
    accuracy = 1.0 - error_share(network, DATA.test)
    print(f"{step:22} {kept:6,} weights {size:9,} bits  test accuracy {accuracy:.2%}")


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=QUBOSampler(seed=0))
    study.optimize(
        lambda trial: train(trial).best.validation_error,
        n_trials=int(os.environ.get("QHPO_EXAMPLE_TRIALS", "20")),
        show_progress_bar=True,
    )
    network = train(study.best_trial).model  # the same seed makes the same network
    report("tuned", network, bits=32)
    calibration = DATA.train.inputs
    report("pruned alone", prune(network, calibration, SPARSITY), bits=32)
    quantized = quantize(network, calibration, bits=BITS)
    report("quantized", quantized, BITS)
    # Pruning leaves the values of what it keeps, so they still have four bits.
    report("quantized and pruned", prune(quantized, calibration, SPARSITY), BITS)


if __name__ == "__main__":
    main()
