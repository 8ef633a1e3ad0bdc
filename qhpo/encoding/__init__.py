"""Discrete quadratic models as dense arrays, encoded for binary samplers, and samples back."""

from __future__ import annotations

from qhpo.encoding.base import Encoding
from qhpo.encoding.catalogue import ENCODINGS, count_bits, encode, reduced_to
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.encoding.reduction import Reduced, eliminate

__all__ = [
    "ENCODINGS",
    "DenseDQM",
    "Encoding",
    "Reduced",
    "count_bits",
    "eliminate",
    "encode",
    "reduced_to",
]
