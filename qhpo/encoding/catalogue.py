"""The encodings by name, with the penalties that annealers do best with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.base import Encoding
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.encoding.domain_wall import DomainWallEncoding
from qhpo.encoding.one_hot import OneHotEncoding
from qhpo.encoding.reduction import Reduced, within

__all__ = ["ENCODINGS", "count_bits", "encode", "reduced_to"]

_INCUMBENT_STARTS = 16
"""Random descents whose best is the incumbent of a sub-problem. It is only where the search for the
cases that matter begins, which makes 128 descents of its own: a few are enough."""


@dataclass(frozen=True)
class _Kind:
    """An encoding.

    Attributes:
        make: Encodes tables with a penalty.
        penalty: In units of the model's local field scale.
        count_bits: Bits for the numbers of cases of all variables.
    """

    make: Callable[[DenseDQM, float], Encoding]
    penalty: float
    count_bits: Callable[[NDArray[np.intp]], int]


_KINDS = {
    # Smaller penalties leave hardly any valid read, larger ones freeze the blocks: the window is
    # narrow, and what falls out is repaired.
    "one-hot": _Kind(OneHotEncoding, 3.0, OneHotEncoding.count_bits),
    # Flat above its threshold: 4 to 10 do the same.
    "domain-wall": _Kind(DomainWallEncoding, 6.0, DomainWallEncoding.count_bits),
}

ENCODINGS = tuple(_KINDS)
"""Names of the encodings."""


def encode(tables: DenseDQM, name: str) -> Encoding:
    """The encoding of that name, with the penalty that suits it.

    Args:
        tables: The discrete model.
        name: One of `ENCODINGS`.
    """
    kind = _KINDS[name]
    return kind.make(tables, kind.penalty * tables.field_scale)


def count_bits(tables: DenseDQM, name: str) -> int:
    """Bits that the encoding of a model will take.

    Args:
        tables: The discrete model.
        name: One of `ENCODINGS`.
    """
    return _KINDS[name].count_bits(tables.sizes)


def reduced_to(tables: DenseDQM, name: str, n_bits: int, seed: int) -> Reduced:
    """The sub-problem of at most so many bits around the best of a few descents.

    Args:
        tables: The discrete model.
        name: One of `ENCODINGS`.
        n_bits: Most bits of the encoded model.
        seed: Seed of the descents.
    """
    rng = np.random.default_rng(seed)
    starts = rng.integers(tables.sizes, size=(_INCUMBENT_STARTS, tables.n_variables))
    found = tables.descend(starts)
    incumbent = found[tables.energies(found).argmin()]
    return within(tables, incumbent, n_bits, _KINDS[name].count_bits, seed)
