"""Quantization of a CNN: annealed rounding against nearest and greedy rounding, at equal grids."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from qhpo_problems.benchmarks.comparison import comparison
from qhpo_problems.benchmarks.formulations import digits
from qhpo_problems.benchmarks.results import standard_error
from qhpo_problems.benchmarks.suite import Metric
from qhpo_problems.formulations.layers import input_gram, weight_layers, weights
from qhpo_problems.formulations.quantization import (
    Grid,
    Rounding,
    annealed,
    damped,
    descend,
    greedy,
    output_errors,
    quantize_with,
)
from qhpo_problems.training.fit.loop import error_share

__all__ = ["SUITE", "measure_quantization"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_BITS: Mapping[str, int] = MappingProxyType({f"{bits}-bits": bits for bits in (2, 3, 4, 8)})

_LAYERS = len(digits.ARCHITECTURE.channels) + 1


def measure_quantization(table: str, method: str, seed: int) -> list[dict[str, float]]:
    """Output errors of each layer, test accuracy and CPU seconds.

    Args:
        table: Name of the number of bits.
        method: Name of the method.
        seed: Of data, training and anneal.
    """
    fitted, split = digits.trained(seed)
    begin = time.process_time()
    model, layers = quantize_with(
        _METHODS[method](seed), fitted.model, split.train.inputs, bits=_BITS[table]
    )
    seconds = time.process_time() - begin
    numbers = {}
    originals = weight_layers(fitted.model)
    for i, (done, layer) in enumerate(zip(layers, weight_layers(model).values(), strict=True), 1):
        gram, before = input_gram(model, layer, split.test.inputs), weights(originals[done.name])
        change = output_errors(gram, weights(layer) - before).sum()
        numbers[f"layer {i}"] = done.error
        numbers[f"test {i}"] = float(change / output_errors(gram, before).sum())
    accuracy = 1.0 - error_share(model, split.test)
    gain = 100.0 * (accuracy - (1.0 - fitted.test_error))
    return [{**numbers, "accuracy": accuracy, "points": gain, "CPU s": seconds}]


def _nearest(weights: FloatArray, gram: FloatArray, grid: Grid) -> IntArray:
    return grid.nearest(weights)


def _polished(weights: FloatArray, gram: FloatArray, grid: Grid) -> IntArray:
    """What annealed rounding is without the anneal."""
    return descend(weights, damped(gram), grid, greedy(weights, gram, grid), pairs=True)


_METHODS: Mapping[str, Callable[[int], Rounding]] = MappingProxyType(
    {
        "annealed": annealed,
        "greedy-descent": lambda _: _polished,
        "greedy": lambda _: greedy,
        "nearest": lambda _: _nearest,
    }
)
"""Name -> what makes the rounding of a seed."""

SUITE = comparison(
    name="quantization",
    tables={name: f"a CNN on digits, {bits} bits a weight" for name, bits in _BITS.items()},
    methods=tuple(_METHODS),
    settings=("",),
    metrics=(
        *(
            Metric(f"layer {i}", "{:.3g}".format, min, label=f"change of the outputs of layer {i}")
            for i in range(1, _LAYERS + 1)
        ),
        *(Metric(f"test {i}", "{:.3g}".format, min) for i in range(1, _LAYERS + 1)),
        Metric("accuracy", "{:.4f}".format, max),
        Metric("points", "{:+.2f}".format, max, error=standard_error),
        Metric("CPU s", "{:.2f}".format, min),
    ),
    measure=measure_quantization,
    footnote=(
        "Mean square change of the outputs of layer 1 (first convolution) to 3 (linear), in units "
        "of their mean square, on the 256 training images that the rounding is calibrated on and "
        "on the test images; the inputs of a layer come from the quantized layers before it. "
        "Accuracy on the test images, and how many points it is above that of the network in "
        "floats. All methods have the same rule for scales, one per output "
        "channel. greedy is rounding with error feedback as in GPTQ, greedy-descent the same with "
        "the one-flip and two-flip descent that annealed rounding ends with."
    ),
)
"""Quantization against other roundings."""
