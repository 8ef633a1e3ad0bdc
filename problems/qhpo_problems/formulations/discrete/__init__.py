"""Linear models whose weights are binary, ternary or of a few bits, trained as QUBOs.

`DiscreteLinearClassifier` and `DiscreteLinearRegressor` are scikit-learn estimators,
`train_last_layer` does the last layer of a torch network, and `DiscreteRow` is the QUBO of one
output. Importing this package imports torch and scikit-learn.
"""

from __future__ import annotations

from qhpo_problems.formulations.discrete.estimators import (
    DiscreteLinearClassifier,
    DiscreteLinearRegressor,
)
from qhpo_problems.formulations.discrete.levels import Levels, levels_of
from qhpo_problems.formulations.discrete.network import (
    last_layer,
    last_layer_inputs,
    train_last_layer,
)
from qhpo_problems.formulations.discrete.row import DiscreteRow, Moments, class_targets, moments_of
from qhpo_problems.formulations.discrete.training import DiscreteWeights, descended, train

__all__ = [
    "DiscreteLinearClassifier",
    "DiscreteLinearRegressor",
    "DiscreteRow",
    "DiscreteWeights",
    "Levels",
    "Moments",
    "class_targets",
    "descended",
    "last_layer",
    "last_layer_inputs",
    "levels_of",
    "moments_of",
    "train",
    "train_last_layer",
]
