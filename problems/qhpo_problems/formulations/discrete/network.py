"""The last layer of a torch classifier, trained anew with weights of a few bits."""

from __future__ import annotations

import copy

import dimod
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qhpo.errors import QhpoError
from qhpo.solvers import Solver
from qhpo_problems.formulations.discrete.levels import levels_of
from qhpo_problems.formulations.discrete.row import moments_of
from qhpo_problems.formulations.discrete.training import train
from qhpo_problems.formulations.layers import layer_inputs, set_weights

__all__ = ["last_layer", "last_layer_inputs", "train_last_layer"]

FloatArray = NDArray[np.float64]


def train_last_layer(
    network: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    bits: str | int = 4,
    alpha: float = 1.0,
    solver: str | dimod.Sampler | Solver | None = None,
    seed: int = 0,
) -> nn.Module:
    """A copy of a classifier whose last layer has discrete weights, trained by least squares.

    Its features, what the layers before it make of the inputs, stay as they are. The outputs are
    fitted to -1 and +1, so they are no longer scores for a softmax; the largest one is the class.

    Args:
        network: Ends with an ``nn.Linear`` of as many outputs as there are classes. Left as it is,
            but for evaluation mode.
        inputs: Examples, shape (N, ...).
        targets: Their classes, whole numbers from 0, shape (N,).
        bits: Of a weight, 1 to 8, ``"binary"`` or ``"ternary"``, see
            `qhpo_problems.formulations.discrete.levels`.
        alpha: Ridge, at least 0, as of ``sklearn.linear_model.Ridge``.
        solver: None for the anneal of all outputs at once, by blocks of weights, which finds lower
            losses where features are many and alike, as those of networks are; a name or an object
            as in `qhpo.solvers.make_solver` samples QUBOs of each output.
        seed: Of the search, in [0, 2^31).

    Raises:
        QhpoError: If a parameter is out of its range, a class has no output, or the network does
            not end with a linear layer.
        SolverError: If there is no such solver.
    """
    trained = copy.deepcopy(network)
    layer = last_layer(trained)
    features = last_layer_inputs(trained, inputs)
    classes = np.arange(layer.out_features)
    numbers = targets.numpy()
    if numbers.shape != (len(features),) or not np.isin(numbers, classes).all():
        raise QhpoError(
            f"targets must be the classes of {len(features)} inputs, 0 to {len(classes) - 1}, one "
            f"an output of the last layer; got shape {numbers.shape} of {np.unique(numbers)}"
        )
    signs = np.where(numbers[:, None] == classes, 1.0, -1.0)
    found = train(moments_of(features, signs, alpha), levels_of(bits), solver, seed)
    set_weights(layer, found.values)
    biases = signs.mean(axis=0) - found.values @ features.mean(axis=0)
    layer.bias = nn.Parameter(torch.from_numpy(biases).to(layer.weight))
    return trained


def last_layer(network: nn.Module) -> nn.Linear:
    """The linear layer that a network holds last.

    Raises:
        QhpoError: If it holds none.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise QhpoError(
            f"a network must end with an nn.Linear layer; got {type(network).__name__} without one"
        )
    return layers[-1]


def last_layer_inputs(network: nn.Module, inputs: Tensor) -> FloatArray:
    """What `last_layer` gets, shape (N, features), in evaluation mode.

    Raises:
        QhpoError: If the layer is not what the network ends with.
    """
    layer = last_layer(network)
    rows = layer_inputs(network, layer, inputs)
    with torch.no_grad():
        ends = network(inputs[:1])
        last = layer(rows[:1].to(layer.weight))
    if ends.shape != last.shape or not torch.allclose(ends, last, rtol=1e-4, atol=1e-5):
        raise QhpoError(
            f"a network must end with its last linear layer; got {type(network).__name__}, which "
            f"does more after {layer}; give the part up to that layer"
        )
    features: FloatArray = rows.numpy()
    return features
