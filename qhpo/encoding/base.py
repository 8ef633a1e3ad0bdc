"""What an encoding is: a discrete quadratic model over bits, and bits back to configurations."""

from __future__ import annotations

from typing import Protocol

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.dense_dqm import DenseDQM

__all__ = ["Encoding"]


class Encoding(Protocol):
    """A DQM of d variables as a BQM of B bits.

    Attributes:
        tables: The DQM as dense arrays.
        penalty: The least energy that an invalid assignment costs, as far as the encoding has any.
        bqm: The encoded model over binary variables 0..B-1, in this order. The energy of a valid
            assignment equals the DQM's.
    """

    tables: DenseDQM
    penalty: float
    bqm: dimod.BinaryQuadraticModel

    def is_valid(self, samples: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Which samples stand for a configuration as they are, (q, B) to (q,)."""
        ...

    def decode(self, samples: NDArray[np.int8]) -> NDArray[np.intp]:
        """Configurations of samples, (q, B) to (q, d); invalid samples are repaired."""
        ...
