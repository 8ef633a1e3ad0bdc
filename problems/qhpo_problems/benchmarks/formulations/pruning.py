"""Pruning of a CNN: second order with cross terms against the diagonal and magnitudes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from qhpo_problems.benchmarks.comparison import comparison
from qhpo_problems.benchmarks.formulations import digits
from qhpo_problems.benchmarks.results import standard_error
from qhpo_problems.benchmarks.suite import Metric
from qhpo_problems.formulations.layers import weight_layers
from qhpo_problems.formulations.pruning import choose, diagonal, outputs, prune_with
from qhpo_problems.training.fit.loop import error_share, fit
from qhpo_problems.training.fit.settings import TrainingSettings

__all__ = ["SUITE", "measure_pruning"]

_SPARSITIES = (0.5, 0.7, 0.9)
"""Shares of the weights that go: from hardly a loss to where methods differ."""

_TUNING = TrainingSettings("adamw", 1e-3, 0.0, batch_size=32, epochs=5)
"""The same short training of what is left, for all methods."""

Prune = Callable[[nn.Module, Tensor, bool, int], list[nn.Module]]
"""Model, calibration images, whether channels are removed, and seed -> a model per sparsity."""


def measure_pruning(table: str, method: str, seed: int) -> list[dict[str, float]]:
    """Test accuracy before and after tuning, and change of the outputs, for every sparsity.

    Args:
        table: ``"weights"`` or ``"channels"``.
        method: Name of the method.
        seed: Of data, trainings and anneals.
    """
    fitted, split = digits.trained(seed)
    whole = outputs(fitted.model, split.test.inputs)
    pruned = _METHODS[method](fitted.model, split.train.inputs, table == "channels", seed)
    numbers = []
    for model in pruned:
        change = outputs(model, split.test.inputs) - whole
        tuned = fit(partial(_masked, model), split, _TUNING, seed=seed)
        numbers.append(
            {
                "accuracy": 1.0 - error_share(model, split.test),
                "change": float(np.square(change).mean() / np.square(whole).mean()),
                "tuned": 1.0 - tuned.test_error,
            }
        )
    return numbers


def _masked(model: nn.Module) -> nn.Module:
    """A copy whose zero weights stay zero in training."""
    masked = copy.deepcopy(model)
    for layer in weight_layers(masked).values():
        torch_prune.custom_from_mask(layer, "weight", mask=layer.weight.detach() != 0)  # type: ignore[no-untyped-call]
    return masked


def _annealed(model: nn.Module, images: Tensor, channels: bool, seed: int) -> list[nn.Module]:
    return prune_with(partial(choose, seed=seed), model, images, _SPARSITIES, channels=channels)


def _diagonal(model: nn.Module, images: Tensor, channels: bool, seed: int) -> list[nn.Module]:
    return prune_with(diagonal, model, images, _SPARSITIES, channels=channels)


def _magnitude(model: nn.Module, images: Tensor, channels: bool, seed: int) -> list[nn.Module]:
    """All layers together: of channels, by the root mean square of their weights."""
    results = []
    for sparsity in _SPARSITIES:
        pruned = copy.deepcopy(model)
        layers = list(weight_layers(pruned).values())
        if channels:
            sizes = [layer.weight.flatten(1).square().mean(dim=1) for layer in layers[:-1]]
            every = torch.cat(sizes)
            removed = torch.zeros(len(every), dtype=torch.bool)
            removed[every.argsort(stable=True)[: round(sparsity * len(every))]] = True
            rows = torch.split(removed, [len(size) for size in sizes])
            with torch.no_grad():
                for layer, mask in zip(layers[:-1], rows, strict=True):
                    layer.weight[mask] = 0.0
        else:
            parameters = [(layer, "weight") for layer in layers]
            torch_prune.global_unstructured(parameters, torch_prune.L1Unstructured, amount=sparsity)
            for layer in layers:
                torch_prune.remove(layer, "weight")  # type: ignore[no-untyped-call]
        results.append(pruned)
    return results


def _by_layer(model: nn.Module, images: Tensor, channels: bool, seed: int) -> list[nn.Module]:
    """The same share of every layer."""
    results = []
    for sparsity in _SPARSITIES:
        pruned = copy.deepcopy(model)
        layers = list(weight_layers(pruned).values())
        for layer in layers[:-1] if channels else layers:
            if channels:
                torch_prune.ln_structured(layer, "weight", amount=sparsity, n=2, dim=0)  # type: ignore[no-untyped-call]
            else:
                torch_prune.l1_unstructured(layer, "weight", amount=sparsity)  # type: ignore[no-untyped-call]
            torch_prune.remove(layer, "weight")  # type: ignore[no-untyped-call]
        results.append(pruned)
    return results


_METHODS: Mapping[str, Prune] = MappingProxyType(
    {
        "annealed": _annealed,
        "diagonal": _diagonal,
        "magnitude": _magnitude,
        "magnitude-by-layer": _by_layer,
    }
)

SUITE = comparison(
    name="pruning",
    tables={
        "weights": "single weights of a CNN on digits",
        "channels": "output channels of its convolutions",
    },
    methods=tuple(_METHODS),
    settings=tuple(f"{sparsity:.0%}" for sparsity in _SPARSITIES),
    metrics=(
        Metric("accuracy", "{:.4f}".format, max, error=standard_error),
        Metric("change", "{:.3f}".format, min),
        Metric("tuned", "{:.4f}".format, max, error=standard_error),
    ),
    measure=measure_pruning,
    footnote=(
        "Accuracy on the test images with that share of the weights or channels removed and no "
        "other weight changed; mean square change of the class scores of the test images, in units "
        "of their mean square; accuracy after 5 epochs of training of what is left. annealed and "
        "diagonal go step by step, each by the derivatives at what is left, which are those of the "
        "256 training images; diagonal has no cross terms. magnitude ranks all layers together, "
        "magnitude-by-layer removes the same share of each, as torch.nn.utils.prune does; of "
        "channels they take the root mean square, which torch has by layer only."
    ),
)
"""Pruning against other choices."""
