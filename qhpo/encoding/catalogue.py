"""The encodings by name, with the penalties that annealers do best with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qhpo.encoding.base import Encoding
from qhpo.encoding.one_hot import OneHotEncoding
from qhpo.encoding.tables import PairTables

__all__ = ["ENCODINGS", "encode"]


@dataclass(frozen=True)
class _Kind:
    """An encoding.

    Attributes:
        make: Encodes tables with a penalty; None for one that is proven to keep the ground state.
        penalty: Default penalty in units of the model's local field scale; None for the proven one.
    """

    make: Callable[[PairTables, float | None], Encoding]
    penalty: float | None


_KINDS = {
    # Smaller penalties leave hardly any valid read, larger ones freeze the blocks: the window is
    # narrow, and what falls out is repaired.
    "one-hot": _Kind(OneHotEncoding, 3.0),
}

ENCODINGS = tuple(_KINDS)
"""Names of the encodings."""


def encode(tables: PairTables, name: str, penalty: float | None = None) -> Encoding:
    """The encoding of that name.

    Args:
        tables: The discrete model.
        name: One of `ENCODINGS`.
        penalty: In units of the model's local field scale; None for the encoding's default.
    """
    kind = _KINDS[name]
    if penalty is None:
        penalty = kind.penalty
    return kind.make(tables, None if penalty is None else penalty * tables.field_scale)
