"""How long it takes to write dense models as binary quadratic models, by encoding."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from qhpo.encoding import ENCODINGS, DenseDQM, encode
from qhpo_problems.benchmarks.comparison import comparison
from qhpo_problems.benchmarks.results import standard_error
from qhpo_problems.benchmarks.suite import Metric

__all__ = ["SUITE", "dense_tables", "measure_encodings"]

_CASES = 10
"""Levels of a parameter: as many as a typical range has."""

_PARAMETERS: Mapping[str, int] = MappingProxyType({"200-levels": 20, "1000-levels": 100})
"""Name of the table -> d."""

_REPEATS = 9
"""Odd, so that the median is one of the times."""


def dense_tables(
    sizes: Sequence[int], rng: np.random.Generator, *, linear: float = 1.0
) -> DenseDQM:
    """A model whose biases are independent standard normal numbers.

    Args:
        sizes: Cases of each variable.
        rng: Draws the biases.
        linear: Standard deviation of the linear biases.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
    block = np.repeat(np.arange(len(sizes)), sizes)
    biases = np.triu(rng.standard_normal((len(block), len(block))))
    biases[block[:, None] == block] = 0.0
    return DenseDQM(starts, linear * rng.standard_normal(len(block)), biases + biases.T, 0.0)


def measure_encodings(table: str, method: str, seed: int) -> list[dict[str, float]]:
    """Size of the encoded model, and the median of the milliseconds that it takes.

    Args:
        table: Name of the size.
        method: Name of the encoding.
        seed: Of the biases.
    """
    tables = dense_tables([_CASES] * _PARAMETERS[table], np.random.default_rng(seed))
    bqm = encode(tables, method).bqm
    seconds = []
    for _ in range(_REPEATS):
        # A copy does not know yet what tables compute only once.
        fresh = replace(tables)
        begin = time.thread_time()
        encode(fresh, method)
        seconds.append(time.thread_time() - begin)
    return [
        {
            "bits": float(bqm.num_variables),
            "couplers": float(bqm.num_interactions),
            "CPU ms": 1e3 * float(np.median(seconds)),
        }
    ]


SUITE = comparison(
    name="encodings",
    tables={
        name: f"{d} parameters of {_CASES} values, all pairs interact"
        for name, d in _PARAMETERS.items()
    },
    methods=ENCODINGS,
    settings=("",),
    metrics=(
        Metric("bits", "{:,.0f}".format, min),
        Metric("couplers", "{:,.0f}".format, min),
        Metric("CPU ms", "{:.2f}".format, min, error=standard_error),
    ),
    measure=measure_encodings,
    footnote=(
        "CPU milliseconds from dense arrays of biases to a dimod.BinaryQuadraticModel, with "
        f"the choice of the penalty: median of {_REPEATS} for each seed."
    ),
)
"""Encodings against each other."""
