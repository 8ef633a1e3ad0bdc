"""Quantization of a whole network: layer by layer, each on what the layers before it put out."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import dimod
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from qhpo.solvers import Solver
from qhpo_problems.formulations.base import solve
from qhpo_problems.formulations.layers import input_gram, set_weights, weight_layers, weights
from qhpo_problems.formulations.quantization.grid import (
    Grid,
    cheaper,
    damped,
    fit_grid,
    greedy,
    output_errors,
)
from qhpo_problems.formulations.quantization.row import RowRounding, lower_codes
from qhpo_problems.formulations.quantization.search import anneal, descend

__all__ = ["QuantizedLayer", "Rounding", "annealed", "quantize", "quantize_with", "sampled"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

Rounding = Callable[[FloatArray, FloatArray, Grid], IntArray]
"""Codes, shape (rows, in), from weights w, shape (rows, in), H, shape (in, in), and a grid."""


@dataclass(frozen=True)
class QuantizedLayer:
    """What became of a layer.

    Attributes:
        name: Its name in the model.
        codes: c, shape (rows, in): the new weights are ``grid.values(codes)``.
        grid: Bits and scales.
        error: Mean square change of the layer's outputs on the calibration examples, as they come
            from the quantized layers before it, in units of the outputs' mean square without bias.
    """

    name: str
    codes: IntArray
    grid: Grid
    error: float


def quantize(
    model: nn.Module,
    calibration: Tensor,
    *,
    bits: int = 4,
    solver: str | dimod.Sampler | Solver | None = None,
    seed: int = 0,
) -> nn.Module:
    """A copy of a model whose convolutions and linear layers have weights of a few bits.

    The new weights are floats on a grid per output channel, symmetric around 0, whose scale is the
    one of least error for nearest rounding; the codes minimize the error of the layer's outputs,
    see `RowRounding`. Biases and all other layers stay.

    Args:
        model: Left as it is, but for evaluation mode.
        calibration: Inputs of the model, shape (n, ...), unlabelled; some hundred are enough.
        bits: Of each weight, 2 to 8.
        solver: None for the anneal of all rows of a layer at once, see `annealed`; a name or an
            object as in `qhpo.solvers.make_solver` samples the QUBO of each row.
        seed: Of all random numbers, in [0, 2^31).

    Raises:
        QhpoError: If ``bits`` is out of range, or the model has no layer to quantize or one of an
            unknown kind.
        SolverError: If there is no such solver.
    """
    rounding = annealed(seed) if solver is None else sampled(solver, seed)
    return quantize_with(rounding, model, calibration, bits=bits)[0]


def quantize_with(
    rounding: Rounding, model: nn.Module, calibration: Tensor, *, bits: int
) -> tuple[nn.Module, list[QuantizedLayer]]:
    """`quantize` by any rounding, and what became of each layer.

    Args:
        rounding: Such as `greedy`, or ``annealed(seed)``.
        model: See `quantize`.
        calibration: See `quantize`.
        bits: See `quantize`.

    Raises:
        QhpoError: See `quantize`.
    """
    quantized = copy.deepcopy(model)
    layers = []
    for name, layer in weight_layers(quantized).items():
        before = weights(layer)
        gram = input_gram(quantized, layer, calibration)
        grid = fit_grid(before, gram, bits)
        codes = rounding(before, gram, grid)
        after = grid.values(codes)
        set_weights(layer, after)
        signal = float(output_errors(gram, before).sum())
        noise = float(output_errors(gram, after - before).sum())
        layers.append(QuantizedLayer(name, codes, grid, noise / signal if signal else 0.0))
    return quantized, layers


def annealed(seed: int) -> Rounding:
    """Greedy rounding, annealed, with one-flip and two-flip descent at the end.

    No row costs more than by greedy or nearest rounding, which it starts from. H is damped as in
    `greedy`: calibrated on 256 images, the last layer of a CNN then had a smaller error on others.

    Args:
        seed: Of the anneal.
    """

    def rounding(weights: FloatArray, gram: FloatArray, grid: Grid) -> IntArray:
        start = cheaper(weights, gram, grid, greedy(weights, gram, grid), grid.nearest(weights))
        regular = damped(gram)
        found = anneal(weights, regular, grid, start, np.random.default_rng(seed))
        found = descend(weights, regular, grid, found, pairs=True)
        return cheaper(weights, gram, grid, found, start)

    return rounding


def sampled(solver: str | dimod.Sampler | Solver, seed: int) -> Rounding:
    """Any solver on the QUBO of each row, with one-flip and two-flip descent at the end.

    The two codes of a weight are that of greedy rounding and the next one towards the weight, and
    the solver's result is never worse than greedy rounding.

    Args:
        solver: A name or an object, as in `qhpo.solvers.make_solver`.
        seed: Of the solver.
    """

    def rounding(weights: FloatArray, gram: FloatArray, grid: Grid) -> IntArray:
        start = cheaper(weights, gram, grid, greedy(weights, gram, grid), grid.nearest(weights))
        lower = lower_codes(weights, grid, start)
        regular = damped(gram)
        rows = zip(weights, grid.scales, lower, start, strict=True)
        found = [
            solve(
                RowRounding(row, regular, float(scale), low),
                solver,
                seed=seed,
                start=(code - low).astype(np.intp),
            )
            for row, scale, low, code in rows
        ]
        polished = descend(weights, regular, grid, np.array(found), pairs=True)
        return cheaper(weights, gram, grid, polished, start)

    return rounding
