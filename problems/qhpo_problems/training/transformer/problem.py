"""The problem transformer-text: the architecture and training of a transformer on real text."""

from __future__ import annotations

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import BaseTrial

from qhpo.problem import Objective, Problem, Size, suggest
from qhpo_problems.training.settings import SETTINGS_SPACE
from qhpo_problems.training.transformer.model import (
    ATTENTIONS,
    POOLINGS,
    POSITIONS,
    TransformerConfig,
    build_transformer,
    count_parameters,
)

__all__ = [
    "EPOCHS",
    "PROBLEM",
    "TRANSFORMER_SPACE",
    "make_objective",
    "network_size",
    "suggest_transformer",
]

EPOCHS = 10
"""Passes over the 1,600 names of the training part in one trial."""

TRANSFORMER_SPACE: dict[str, BaseDistribution] = {
    "layers": IntDistribution(1, 3),
    "width": IntDistribution(16, 64, step=16),
    "heads": IntDistribution(1, 3),
    "head_width": IntDistribution(2, 6, step=2),
    "feed_forward": IntDistribution(16, 64, step=16),
    "positions": CategoricalDistribution(POSITIONS),
    "pooling": CategoricalDistribution(POOLINGS),
    "attention": CategoricalDistribution(ATTENTIONS),
    "dropout": FloatDistribution(0.0, 0.5, step=0.125),
}
"""What `suggest_transformer` asks a trial for.

Heads have a width of their own, from and to which tokens are projected, so that every combination
is a network. With quantum attention, ``head_width`` is the number of qubits.
"""


def suggest_transformer(trial: BaseTrial) -> TransformerConfig:
    """The trial's architecture, by the parameters of `TRANSFORMER_SPACE`."""
    return TransformerConfig(**suggest(trial, TRANSFORMER_SPACE))


def network_size(
    layers: int,
    width: int,
    heads: int,
    head_width: int,
    feed_forward: int,
    positions: str,
    pooling: str,
) -> int:
    """Trainable numbers of the network that a trial describes; parameters as in the space."""
    return count_parameters(
        TransformerConfig(
            layers, width, heads, head_width, feed_forward, positions, pooling, ATTENTIONS[0], 0.0
        )
    )


def make_objective(seed: int) -> Objective:
    """The validation error, 0 to 1, of the transformer that a trial describes.

    What a trial gets besides is that of `tuning.classifier_objective`.

    Args:
        seed: Draws and splits the data and seeds every training, 0 to 2**32 - 1.

    Raises:
        QhpoError: If the seed is out of range, or the installed package has no table of ICD-10-CM.
    """
    from qhpo_problems.training.transformer.text import diseases
    from qhpo_problems.training.tuning import classifier_objective

    return classifier_objective(
        diseases(seed),
        suggest=suggest_transformer,
        build=build_transformer,
        count=count_parameters,
        epochs=EPOCHS,
        seed=seed,
    )


PROBLEM = Problem(
    name="transformer-text",
    summary="A transformer on real text, its attention classical or quantum: 13 parameters.",
    direction="minimize",
    make_objective=make_objective,
    packages=("torch", "sklearn", "simple_icd_10_cm"),
    extra="data,torch",
    search_space={**TRANSFORMER_SPACE, **SETTINGS_SPACE},
    size=Size(
        ("layers", "width", "heads", "head_width", "feed_forward", "positions", "pooling"),
        network_size,
    ),
)
