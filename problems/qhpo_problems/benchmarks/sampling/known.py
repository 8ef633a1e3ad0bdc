"""Functions whose parameters' effects are known from the literature, listed on grids.

Ranges are cut into equal parts, and a level is the middle of one.

| name | parameters | of |
|---|---|---|
| borehole | 8 | flow of water through a borehole: Morris, Mitchell, Ylvisaker 1993 |
| friedman | 7, of which 2 do nothing | Friedman 1991, "Multivariate adaptive regression splines" |
| g-function | 6 | product of |4 x - 2|: Saltelli, Sobol' 1995 |
| ishigami | 3 | Ishigami, Homma 1990 |
| otl-circuit | 6 | voltage of a push-pull circuit: Ben-Ari, Steinberg 2007 |
| piston | 7 | cycle time of a piston: Kenett, Zacks 1998 |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from optuna.distributions import IntDistribution

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.sampling.tabular import TabularBenchmark

__all__ = ["FUNCTIONS", "load_function"]

FloatArray = npt.NDArray[np.float64]


class _Known(NamedTuple):
    """A function and its grid.

    Attributes:
        value: Of coordinates that broadcast.
        ranges: Of every parameter.
        n_levels: Levels of every parameter.
    """

    value: Callable[..., FloatArray]
    ranges: Mapping[str, tuple[float, float]]
    n_levels: int


def _ishigami(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    return np.sin(a) + 7.0 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)


def _friedman(a: FloatArray, *others: FloatArray) -> FloatArray:
    b, c, d, e, *idle = others
    value = 10.0 * np.sin(np.pi * a * b) + 20.0 * (c - 0.5) ** 2 + 10.0 * d + 5.0 * e
    return value + 0.0 * sum(idle)


def _g_function(*x: FloatArray) -> FloatArray:
    weights = (0.0, 0.5, 1.0, 3.0, 9.0, 99.0)
    factors = [(np.abs(4.0 * x - 2.0) + a) / (1.0 + a) for x, a in zip(x, weights, strict=True)]
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor
    return product


def _borehole(
    rw: FloatArray, r: FloatArray, tu: FloatArray, hu: FloatArray, *others: FloatArray
) -> FloatArray:
    tl, hl, length, kw = others
    log = np.log(r / rw)
    below = log * (1.0 + 2.0 * length * tu / (log * rw**2 * kw) + tu / tl)
    return 2.0 * np.pi * tu * (hu - hl) / below


def _otl_circuit(
    b1: FloatArray, b2: FloatArray, f: FloatArray, c1: FloatArray, c2: FloatArray, beta: FloatArray
) -> FloatArray:
    gain = beta * (c2 + 9.0)
    base = 12.0 * b2 / (b1 + b2)
    below = gain + f
    return (base + 0.74) * gain / below + 11.35 * f / below + 0.74 * f * gain / (below * c1)


def _piston(
    m: FloatArray, s: FloatArray, v0: FloatArray, k: FloatArray, *others: FloatArray
) -> FloatArray:
    p0, ta, t0 = others
    a = p0 * s + 19.62 * m - k * v0 / s
    v = s / (2.0 * k) * (np.sqrt(a**2 + 4.0 * k * p0 * v0 / t0 * ta) - a)
    return 2.0 * np.pi * np.sqrt(m / (k + s**2 * p0 * v0 / t0 * ta / v**2))


def _even(names: str, low: float, high: float) -> dict[str, tuple[float, float]]:
    return dict.fromkeys(names, (low, high))


_BOREHOLE = {
    "rw": (0.05, 0.15),
    "r": (100.0, 50_000.0),
    "Tu": (63_070.0, 115_600.0),
    "Hu": (990.0, 1110.0),
    "Tl": (63.1, 116.0),
    "Hl": (700.0, 820.0),
    "L": (1120.0, 1680.0),
    "Kw": (9855.0, 12_045.0),
}

_OTL = {
    "Rb1": (50.0, 150.0),
    "Rb2": (25.0, 70.0),
    "Rf": (0.5, 3.0),
    "Rc1": (1.2, 2.5),
    "Rc2": (0.25, 1.2),
    "beta": (50.0, 300.0),
}

_PISTON = {
    "M": (30.0, 60.0),
    "S": (0.005, 0.020),
    "V0": (0.002, 0.010),
    "k": (1000.0, 5000.0),
    "P0": (90_000.0, 110_000.0),
    "Ta": (290.0, 296.0),
    "T0": (340.0, 360.0),
}

_KNOWN: Mapping[str, _Known] = MappingProxyType(
    {
        "borehole": _Known(_borehole, _BOREHOLE, 5),
        "friedman": _Known(_friedman, _even("abcdefg", 0.0, 1.0), 6),
        "g-function": _Known(_g_function, _even("abcdef", 0.0, 1.0), 8),
        "ishigami": _Known(_ishigami, _even("abc", -np.pi, np.pi), 16),
        "otl-circuit": _Known(_otl_circuit, _OTL, 8),
        "piston": _Known(_piston, _PISTON, 6),
    }
)

FUNCTIONS: Mapping[str, str] = MappingProxyType(dict.fromkeys(_KNOWN, "functions"))
"""Name of a function -> its family, as `TABLES` has it."""


@cache
def load_function(name: str) -> TabularBenchmark:
    """The table of a function.

    Raises:
        QhpoError: If there is no such function.
    """
    if name not in _KNOWN:
        raise QhpoError(f"a known function must be one of: {', '.join(_KNOWN)}; got {name!r}")
    known = _KNOWN[name]
    middles = (np.arange(known.n_levels) + 0.5) / known.n_levels
    points = [low + middles * (high - low) for low, high in known.ranges.values()]
    values = known.value(*np.meshgrid(*points, indexing="ij", sparse=True))
    space = {parameter: IntDistribution(0, known.n_levels - 1) for parameter in known.ranges}
    return TabularBenchmark(name, "functions", space, values)
