"""Encodings of a DiscreteQuadraticModel for binary samplers, and samples back to levels."""

from __future__ import annotations

from qhpo.encoding.base import Encoding
from qhpo.encoding.catalogue import ENCODINGS, SIZED_ENCODINGS, count_bits, encode, reduced_to
from qhpo.encoding.reduction import Reduced, eliminate
from qhpo.encoding.tables import PairTables

__all__ = [
    "ENCODINGS",
    "SIZED_ENCODINGS",
    "Encoding",
    "PairTables",
    "Reduced",
    "count_bits",
    "eliminate",
    "encode",
    "reduced_to",
]
