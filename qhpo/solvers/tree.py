"""Exact sampling of sparse models: dynamic programming over a tree decomposition.

The samples follow the Boltzmann distribution at a temperature so low that nearly all of them are
optimal. What it takes grows as two to the treewidth, so the model's graph decides whether it can be
done at all: one-hot and domain-wall bits of one variable are all coupled or in a chain, and those
of two variables are coupled wherever their cases have a bias together.
"""

from __future__ import annotations

from typing import Any

import dimod
import numpy as np
from dwave.samplers import TreeDecompositionSampler
from dwave.samplers.tree.utilities import min_fill_heuristic

from qhpo.encoding import ENCODINGS, Encoding
from qhpo.errors import SolverError
from qhpo.solvers.base import SolverInfo
from qhpo.solvers.binary import BinarySolver

__all__ = ["MAX_TREEWIDTH", "TREE_DECOMPOSITION"]

MAX_TREEWIDTH = 22
"""Largest treewidth; each one more doubles the time, a second here, and the memory."""

_READS = 16

_COLD = 60.0
"""Beta in units of 1 / s: a configuration s / 10 above the optimum has e^-6 of its weight."""

_PENALTY = 1000.0
"""In units of s. Nothing freezes here, so it is far above what keeps any ground state valid."""


class _SparseSampler(dimod.Sampler):
    """The sampler of dwave-samplers, on the couplers that are not zero, for graphs it can do."""

    def __init__(self) -> None:
        self._sampler = TreeDecompositionSampler()

    @property
    def parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = self._sampler.parameters
        return parameters

    @property
    def properties(self) -> dict[str, Any]:
        return {"max_treewidth": MAX_TREEWIDTH}

    def sample(self, bqm: dimod.BinaryQuadraticModel, **parameters: Any) -> dimod.SampleSet:
        """See `dimod.Sampler.sample`.

        Raises:
            SolverError: If the treewidth is above `MAX_TREEWIDTH`.
        """
        sparse = bqm.copy()
        sparse.remove_interactions_from(
            [pair for pair, bias in bqm.quadratic.items() if bias == 0.0]
        )
        # The heuristic takes hours on a large dense graph, which this bound finds at once.
        width = _degeneracy(sparse)
        if width <= MAX_TREEWIDTH:
            width, order = min_fill_heuristic(sparse)
            if width <= MAX_TREEWIDTH:
                samples: dimod.SampleSet = self._sampler.sample(
                    sparse, elimination_order=order, marginals=False, **parameters
                )
                return samples
        raise SolverError(
            f"the solver tree-decomposition samples models of treewidth at most {MAX_TREEWIDTH}; "
            f"got {len(bqm)} bits with a treewidth of about {width}; use another solver, such as "
            "neal"
        )


def _degeneracy(bqm: dimod.BinaryQuadraticModel) -> int:
    """The largest minimum degree of a subgraph, a lower bound of the treewidth."""
    rows, columns = bqm.to_numpy_vectors(range(len(bqm))).quadratic[:2]
    adjacent = np.zeros((len(bqm), len(bqm)), dtype=np.bool_)
    adjacent[rows, columns] = adjacent[columns, rows] = True
    degrees = adjacent.sum(axis=1).astype(np.float64)
    largest = 0.0
    for _ in range(len(bqm)):
        least = int(degrees.argmin())
        largest = max(largest, float(degrees[least]))
        degrees -= adjacent[least]
        degrees[least] = np.inf
    return int(largest)


def _parameters(encoding: Encoding, seed: int) -> dict[str, Any]:
    return {"beta": _COLD / encoding.tables.field_scale, "num_reads": _READS, "seed": seed}


_ENCODINGS = ("domain-wall", *(name for name in ENCODINGS if name != "domain-wall"))
"""Domain walls first: with fewer bits they leave a smaller treewidth."""


def _make(encoding: str = _ENCODINGS[0]) -> BinarySolver:
    return BinarySolver(
        "tree-decomposition", _SparseSampler(), _parameters, encoding=encoding, penalty=_PENALTY
    )


TREE_DECOMPOSITION = SolverInfo(
    "tree-decomposition",
    "exact samples of sparse models",
    _make,
    encodings=_ENCODINGS,
    limits=f"treewidth {MAX_TREEWIDTH}",
)
