"""Weights of a few bits: each is rounded up or down so that layers put out what they did before.

`quantize` does a whole torch model; `RowRounding` is the QUBO of one row of a layer. Importing this
package imports torch.
"""

from __future__ import annotations

from qhpo_problems.formulations.quantization.grid import (
    Grid,
    damped,
    fit_grid,
    greedy,
    output_errors,
)
from qhpo_problems.formulations.quantization.network import (
    QuantizedLayer,
    Rounding,
    annealed,
    quantize,
    quantize_with,
    sampled,
)
from qhpo_problems.formulations.quantization.row import RowRounding, lower_codes
from qhpo_problems.formulations.quantization.search import anneal, descend

__all__ = [
    "Grid",
    "QuantizedLayer",
    "Rounding",
    "RowRounding",
    "anneal",
    "annealed",
    "damped",
    "descend",
    "fit_grid",
    "greedy",
    "lower_codes",
    "output_errors",
    "quantize",
    "quantize_with",
    "sampled",
]
