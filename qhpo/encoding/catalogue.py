"""The encodings by name, with the penalties that annealers do best with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.base import Encoding
from qhpo.encoding.binary import BinaryEncoding
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.encoding.domain_wall import DomainWallEncoding
from qhpo.encoding.one_hot import OneHotEncoding
from qhpo.encoding.reduction import Reduced, within
from qhpo.errors import QhpoError

__all__ = ["ENCODINGS", "SIZED_ENCODINGS", "count_bits", "encode", "reduced_to"]

CountBits = Callable[[NDArray[np.intp]], int]

_DESCENTS = 16


@dataclass(frozen=True)
class _Kind:
    """An encoding.

    Attributes:
        make: Encodes tables with a penalty; None for one that is proven to keep the ground state.
        penalty: Default penalty in units of the model's local field scale.
        count_bits: Bits for the numbers of cases of all variables; None where that also depends on
            the biases.
    """

    make: Callable[[DenseDQM, float | None], Encoding]
    penalty: float
    count_bits: CountBits | None


_KINDS = {
    # Smaller penalties leave hardly any valid read, larger ones freeze the blocks: the window is
    # narrow, and what falls out is repaired.
    "one-hot": _Kind(OneHotEncoding, 3.0, OneHotEncoding.count_bits),
    # Flat above its threshold: 4 to 10 do the same.
    "domain-wall": _Kind(DomainWallEncoding, 6.0, DomainWallEncoding.count_bits),
    "binary": _Kind(BinaryEncoding, 4.0, None),
}

ENCODINGS = tuple(_KINDS)
"""Names of the encodings."""

SIZED_ENCODINGS = tuple(name for name, kind in _KINDS.items() if kind.count_bits)
"""Names of the encodings that `reduced_to` can bring to a size."""


def encode(tables: DenseDQM, name: str, penalty: float | None = None) -> Encoding:
    """The encoding of that name.

    Args:
        tables: The discrete model.
        name: One of `ENCODINGS`.
        penalty: In units of the model's local field scale; None for the encoding's default.
    """
    kind = _KINDS[name]
    scale = kind.penalty if penalty is None else penalty
    return kind.make(tables, scale * tables.field_scale)


def count_bits(tables: DenseDQM, name: str) -> int:
    """Bits that the encoding of a model will take.

    Args:
        tables: The discrete model.
        name: One of `SIZED_ENCODINGS`.

    Raises:
        QhpoError: If the encoding is not one of them.
    """
    return _counter(name)(tables.sizes)


def reduced_to(tables: DenseDQM, name: str, n_bits: int, seed: int) -> Reduced:
    """The sub-problem of at most so many bits around the best of a few descents.

    Args:
        tables: The discrete model.
        name: One of `SIZED_ENCODINGS`.
        n_bits: Most bits of the encoded model.
        seed: Seed of the descents.

    Raises:
        QhpoError: If the encoding is not one of them.
    """
    starts = np.random.default_rng(seed).integers(tables.sizes, size=(_DESCENTS, len(tables.sizes)))
    found = tables.descend(starts)
    incumbent = found[tables.energies(found).argmin()]
    return within(tables, incumbent, n_bits, _counter(name), seed)


def _counter(name: str) -> CountBits:
    counter = _KINDS[name].count_bits
    if counter is None:
        raise QhpoError(
            f"a limited number of bits needs one of the encodings {', '.join(SIZED_ENCODINGS)}; "
            f"got {name!r}"
        )
    return counter
