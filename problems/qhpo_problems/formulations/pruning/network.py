"""Pruning of a whole network: step by step, each from where the one before it left off.

Glossary
--------
w
    Weights of all convolutions and linear layers, flat, in the order of
    `qhpo_problems.formulations.layers.weight_layers`, shape (n,).
z
    Outputs of the network for all calibration examples, less their mean over the classes, which a
    softmax does not see, flat, shape (m,).
J
    Derivatives of z by w, shape (m, n).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from functools import partial

import dimod
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from qhpo.errors import QhpoError
from qhpo.solvers import Solver
from qhpo_problems.formulations.layers import weight_layers
from qhpo_problems.formulations.pruning.choice import Pruning, choose

__all__ = ["Choice", "output_jacobian", "outputs", "prune", "prune_with"]

Array = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

Choice = Callable[[Pruning], BoolArray]
"""Which candidates to remove: a mask of exactly ``problem.count``."""

_LEAST_KEPT = 0.75
"""Share of the candidates that a step keeps, at least: J holds for small changes only."""

_EXAMPLES = 64
"""Examples whose derivatives are computed at a time."""


def prune(
    model: nn.Module,
    calibration: Tensor,
    sparsity: float,
    *,
    channels: bool = False,
    solver: str | dimod.Sampler | Solver = "potts",
    seed: int = 0,
) -> nn.Module:
    """A copy of a classifier with a share of its weights zero: those that change its outputs least.

    The weights of all convolutions and linear layers compete, or all their output channels but the
    classes. Biases and all other layers stay, and so do the values of the weights that are kept.

    Args:
        model: From examples to class scores, shape (n, classes). Left as it is, but for evaluation
            mode.
        calibration: Examples, shape (n, ...), unlabelled; some hundred are enough.
        sparsity: Share of weights, or channels, to remove, at least 0 and below 1.
        channels: Whether all weights that make an output channel are removed together. The channel
            then is constant, as its bias and normalization stay.
        solver: A name or an object, as in `qhpo.solvers.make_solver`.
        seed: Of all random numbers, in [0, 2^31).

    Raises:
        QhpoError: If the sparsity is out of range, or the model has no layer to prune or one of an
            unknown kind.
        SolverError: If there is no such solver.
    """
    choice = partial(choose, solver=solver, seed=seed)
    return prune_with(choice, model, calibration, [sparsity], channels=channels)[0]


def prune_with(
    choice: Choice,
    model: nn.Module,
    calibration: Tensor,
    sparsities: Sequence[float],
    *,
    channels: bool = False,
) -> list[nn.Module]:
    """`prune` by any choice, to one sparsity after the other.

    Each step removes at most a quarter of what is left, and minimizes, by J at the weights that are
    left, the mean square by which the outputs differ from those of the whole model: Gauss and
    Newton's quadratic form, and the gradient that earlier steps brought.

    Args:
        choice: Such as `choose` or `diagonal`.
        model: See `prune`.
        calibration: See `prune`.
        sparsities: Ascending, each at least 0 and below 1.
        channels: See `prune`.

    Returns:
        A copy for every sparsity.

    Raises:
        QhpoError: If the sparsities are out of range or do not ascend, or see `prune`.
    """
    if not all(0 <= s < 1 for s in sparsities) or list(sparsities) != sorted(sparsities):
        raise QhpoError(
            f"sparsities must ascend, each at least 0 and below 1; got {list(sparsities)}"
        )
    pruned = copy.deepcopy(model)
    wanted = outputs(pruned, calibration)
    sizes = _sizes(pruned, channels)
    starts, end = np.cumsum(sizes) - sizes, int(sizes.sum())
    n = len(sizes)
    kept = np.ones(n, dtype=np.bool_)
    results = []
    for sparsity in sparsities:
        goal = n - round(sparsity * n)
        while kept.sum() > goal:
            left = int(kept.sum())
            count = left - max(goal, math.ceil(_LEAST_KEPT * left))
            places = np.flatnonzero(kept)
            weights = _flat(pruned)
            changes = output_jacobian(pruned, calibration)[:, :end] * weights[:end]
            if channels:
                changes = np.add.reduceat(changes, starts, axis=1)
            residual = outputs(pruned, calibration) - wanted
            removed = choice(Pruning(changes[:, places], residual, count))
            kept[places[removed]] = False
            weights[:end][~np.repeat(kept, sizes)] = 0.0
            _set_flat(pruned, weights)
        results.append(copy.deepcopy(pruned))
    return results


def outputs(model: nn.Module, examples: Tensor) -> Array:
    """The outputs z in evaluation mode, shape (n * classes,)."""
    model.eval()
    with torch.no_grad():
        scores = model(examples)
    centred: Array = (scores - scores.mean(dim=1, keepdim=True)).flatten().numpy()
    return centred


def output_jacobian(model: nn.Module, examples: Tensor) -> Array:
    """The derivatives J in evaluation mode, shape (n * classes, weights)."""
    model.eval()
    current = {f"{name}.weight": layer.weight.detach() for name, layer in _layers(model)}

    def scores(weights: dict[str, Tensor], example: Tensor) -> Tensor:
        out: Tensor = functional_call(model, weights, (example[None],))[0]
        return out - out.mean()

    parts = []
    for some in torch.split(examples, _EXAMPLES):
        derivatives = vmap(jacrev(scores), (None, 0))(current, some)
        parts.append(torch.cat([d.flatten(2) for d in derivatives.values()], dim=2).flatten(0, 1))
    jacobian: Array = torch.cat(parts).detach().numpy()
    return jacobian


def _layers(model: nn.Module) -> list[tuple[str, nn.Conv2d | nn.Linear]]:
    return list(weight_layers(model).items())


def _sizes(model: nn.Module, channels: bool) -> NDArray[np.intp]:
    """Weights of every candidate, shape (candidates,); they lie one after the other in w."""
    shapes = [layer.weight.flatten(1).shape for _, layer in _layers(model)]
    if not channels:
        return np.ones(sum(rows * width for rows, width in shapes), dtype=np.intp)
    # The last layer's rows are the classes.
    return np.array([width for rows, width in shapes[:-1] for _ in range(rows)], dtype=np.intp)


def _flat(model: nn.Module) -> Array:
    """w, a copy."""
    flat: Array = torch.cat(
        [layer.weight.detach().flatten() for _, layer in _layers(model)]
    ).numpy()
    return flat


def _set_flat(model: nn.Module, weights: Array) -> None:
    sizes = [layer.weight.numel() for _, layer in _layers(model)]
    with torch.no_grad():
        parts = torch.split(torch.from_numpy(weights), sizes)
        for (_, layer), part in zip(_layers(model), parts, strict=True):
            layer.weight.copy_(part.view_as(layer.weight))
