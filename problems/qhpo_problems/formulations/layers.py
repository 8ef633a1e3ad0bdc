"""The weights of a torch model layer by layer, and what its layers get as inputs.

Glossary
--------
W
    Weights of a layer, shape (rows, in): one row per output channel; of a convolution, ``in`` runs
    over input channels and kernel positions.
X
    Inputs of a layer on some examples, shape (N, in); of a convolution unfolded, one row per
    example and output position, so that its outputs are X W' + bias, too.
H
    X'X / N, shape (in, in): an error dW of the weights changes an output by dw'Hdw in mean square.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from qhpo.errors import QhpoError

__all__ = ["Layer", "input_gram", "layer_inputs", "set_weights", "weight_layers", "weights"]

Layer = nn.Conv2d | nn.Linear
"""Layers whose outputs are linear in one weight matrix."""


def weight_layers(model: nn.Module) -> dict[str, Layer]:
    """The convolutions and linear layers of a model by name, in the order it holds them.

    Raises:
        QhpoError: If there are none, or a convolution is grouped or pads with anything but zeros.
    """
    layers = {name: m for name, m in model.named_modules() if isinstance(m, Layer)}
    if not layers:
        raise QhpoError(
            "a model must have at least one nn.Conv2d or nn.Linear layer; "
            f"got {type(model).__name__} without one"
        )
    for name, layer in layers.items():
        if isinstance(layer, nn.Conv2d) and (
            layer.groups != 1 or layer.padding_mode != "zeros" or isinstance(layer.padding, str)
        ):
            raise QhpoError(
                "a convolution must have groups=1, padding_mode='zeros' and padding in numbers; "
                f"got {name}: {layer}; leave this model as it is"
            )
    return layers


def weights(layer: Layer) -> NDArray[np.float64]:
    """W, a copy, shape (rows, in)."""
    copy: NDArray[np.float64] = layer.weight.detach().flatten(1).double().numpy().copy()
    return copy


def set_weights(layer: Layer, values: NDArray[np.float64]) -> None:
    """Replace W by other weights, shape (rows, in)."""
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(values).view_as(layer.weight))


def input_gram(model: nn.Module, layer: Layer, inputs: Tensor) -> NDArray[np.float64]:
    """H of a layer, from its inputs when the model, in evaluation mode, sees some examples.

    Args:
        model: Left in evaluation mode.
        layer: One of its layers.
        inputs: Examples, shape (n, ...).

    Returns:
        Shape (in, in), in the squared unit of the layer's inputs.

    Raises:
        QhpoError: If the model does not use the layer.
    """
    rows = layer_inputs(model, layer, inputs)
    gram: NDArray[np.float64] = (rows.T @ rows / len(rows)).numpy()
    return gram


def layer_inputs(model: nn.Module, layer: Layer, inputs: Tensor) -> Tensor:
    """X of a layer when the model, in evaluation mode, sees some examples, shape (N, in), float64.

    Args:
        model: Left in evaluation mode.
        layer: One of its layers.
        inputs: Examples, shape (n, ...).

    Raises:
        QhpoError: If the model does not use the layer.
    """
    seen: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, args: seen.append(_unfolded(layer, args[0])))
    model.eval()
    try:
        with torch.no_grad():
            model(inputs)
    finally:
        handle.remove()
    if not seen:
        raise QhpoError(f"a layer must be used by its model; got {layer}, which is not")
    return torch.cat(seen)


def _unfolded(layer: Layer, inputs: Tensor) -> Tensor:
    """X of a layer."""
    if isinstance(layer, nn.Linear):
        return inputs.detach().flatten(0, -2).double()
    columns = functional.unfold(
        inputs.detach(),
        layer.kernel_size,
        dilation=layer.dilation,
        # It may be a string, too, but weight_layers refuses those.
        padding=cast("tuple[int, ...]", layer.padding),
        stride=layer.stride,
    )
    return columns.transpose(1, 2).flatten(0, 1).double()
