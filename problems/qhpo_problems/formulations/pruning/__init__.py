"""Which weights of a network to remove, with the second-order cross terms between them.

`prune` does a whole torch model; `Pruning` is the QUBO of exactly k removals. Importing this
package imports torch.
"""

from __future__ import annotations

from qhpo_problems.formulations.pruning.choice import Pruning, choose, diagonal
from qhpo_problems.formulations.pruning.network import (
    Choice,
    output_jacobian,
    outputs,
    prune,
    prune_with,
)

__all__ = [
    "Choice",
    "Pruning",
    "choose",
    "diagonal",
    "output_jacobian",
    "outputs",
    "prune",
    "prune_with",
]
