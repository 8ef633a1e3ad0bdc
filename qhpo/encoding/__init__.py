"""Encodings of a DiscreteQuadraticModel for binary samplers, and samples back to levels."""

from __future__ import annotations

from qhpo.encoding.base import Encoding
from qhpo.encoding.catalogue import ENCODINGS, encode
from qhpo.encoding.tables import PairTables

__all__ = ["ENCODINGS", "Encoding", "PairTables", "encode"]
