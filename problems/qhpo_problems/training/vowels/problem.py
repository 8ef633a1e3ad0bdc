"""The problem rnn-vowels: the architecture and training of an RNN that knows a speaker."""

from __future__ import annotations

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import BaseTrial

from qhpo.problem import Objective, Problem, suggest
from qhpo_problems.training.recurrent.model import (
    CELLS,
    MAX_LAYERS,
    POOLINGS,
    RNNConfig,
    count_parameters,
)

__all__ = ["EPOCHS", "PROBLEM", "RNN_SPACE", "UNITS", "make_objective", "suggest_rnn"]

EPOCHS = 20
"""Passes over the 90 training utterances in one trial."""

RNN_SPACE: dict[str, BaseDistribution] = {
    "cell": CategoricalDistribution(CELLS),
    "bidirectional": CategoricalDistribution((False, True)),
    "pooling": CategoricalDistribution(POOLINGS),
    "layer_norm": CategoricalDistribution((False, True)),
    "dropout": FloatDistribution(0.0, 0.5, step=0.125),
    "layers": IntDistribution(1, MAX_LAYERS),
}
"""What `suggest_rnn` asks every trial for."""

UNITS = IntDistribution(8, 48, step=8)
"""What `suggest_rnn` asks for once a layer: ``units_1`` to the trial's last layer.

So the space is conditional: a trial does not have the units of layers that it does not have.
"""


def suggest_rnn(trial: BaseTrial) -> RNNConfig:
    """The trial's architecture, by the parameters of `RNN_SPACE` and `UNITS` for every layer."""
    params = suggest(trial, RNN_SPACE)
    names = [f"units_{layer}" for layer in range(1, params.pop("layers") + 1)]
    units = suggest(trial, dict.fromkeys(names, UNITS))
    return RNNConfig(units=tuple(units.values()), **params)


def make_objective(seed: int) -> Objective:
    """The validation error, 0 to 1, of the RNN that a trial describes.

    What a trial gets besides is that of `tuning.classifier_objective`.

    Args:
        seed: Splits the data and seeds every training, 0 to 2**32 - 1.

    Raises:
        QhpoError: If the seed is out of range.
    """
    from qhpo_problems.training.recurrent.network import RNN
    from qhpo_problems.training.tuning import classifier_objective
    from qhpo_problems.training.vowels.data import COEFFICIENTS, SPEAKERS, vowels

    return classifier_objective(
        vowels(seed),
        suggest=suggest_rnn,
        build=lambda config: RNN(config, COEFFICIENTS, SPEAKERS),
        count=lambda config: count_parameters(config, COEFFICIENTS, SPEAKERS),
        epochs=EPOCHS,
        seed=seed,
    )


PROBLEM = Problem(
    name="rnn-vowels",
    summary="An RNN that knows nine speakers by two vowels: architecture and training, "
    "11 to 13 parameters.",
    direction="minimize",
    make_objective=make_objective,
    packages=("torch", "sklearn", "sktime"),
    extra="torch,data",
)
