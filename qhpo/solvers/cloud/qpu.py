"""D-Wave's quantum annealers.

The encoded model is dense, so its bits are embedded as a clique: chains of a bus embedding of the
QPU's graph (T. Boothby, A. D. King, A. Roy, "Fast clique minor generation in Chimera qubit
connectivity graphs", Quantum Information Processing 15, 495 (2016); minorminer.busclique for
Pegasus and Zephyr), which has the shortest chains for each number of bits and is found once per
graph, not once per suggestion.

Nothing here has run on a real QPU yet: it is tested on D-Wave's own mock of one, on graphs of real
size. ``qhpo solvers --check qpu`` tries it with your token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dimod
import numpy as np

from qhpo.encoding import Encoding
from qhpo.errors import SolverError
from qhpo.solvers.base import SolverInfo
from qhpo.solvers.binary import BinarySolver
from qhpo.solvers.cloud.service import CLOUD_ENCODINGS, LABEL, Connection, connect
from qhpo.solvers.options import check_number

__all__ = ["QPU", "CliqueSampler"]

_NAME = "qpu"
"""What the user types, and what messages say."""


class CliqueSampler(dimod.Sampler):
    """A QPU behind clique embeddings of its graph.

    Chains are coupled by the strength of uniform torque compensation, which is what
    ``EmbeddingComposite`` does by default; broken ones are decided by majority vote. No steepest
    descent on the bits follows, as with ``SteepestDescentComposite``: every read is decoded and
    polished by changes of whole variables anyway, the best energies were the same with and without
    it on mocks of both graphs, and reads that the QPU returned broken would count as valid.

    Args:
        connection: To a ``DWaveSampler``.
        parameters: Solver parameters of every call, such as ``num_reads``.
        spin_reversal_transforms: How many random ones to sample the model under; 0 for none.
    """

    def __init__(
        self, connection: Connection, parameters: Mapping[str, Any], spin_reversal_transforms: int
    ) -> None:
        self._connection = connection
        self._parameters = dict(parameters)
        self._transforms = spin_reversal_transforms
        self._forget()

    def _forget(self) -> None:
        self._cliques: Any = None
        # By number of bits, which differs little between the suggestions of a study.
        self._embedded: dict[int, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without what belongs to the connection, which is not copied either."""
        return {**self.__dict__, "_cliques": None, "_embedded": {}}

    @property
    def parameters(self) -> dict[str, Any]:
        """Keywords of `sample`."""
        return {"seed": []}

    @property
    def properties(self) -> dict[str, Any]:
        """What it is known to be before the service is contacted."""
        return {"category": "qpu"}

    def sample(self, bqm: dimod.BinaryQuadraticModel, *, seed: int) -> dimod.SampleSet:
        """Reads of the QPU.

        Args:
            bqm: The model, its variables 0..B-1.
            seed: Of the spin-reversal transforms.

        Returns:
            Reads with their ``chain_break_fraction``; the QPU access time is in ``info``.

        Raises:
            SolverError: If the graph has no clique of that many variables.
        """
        with self._connection.sampler() as qpu:
            embedded = self._embed(qpu, bqm.num_variables)
            if not self._transforms:
                reads: dimod.SampleSet = embedded.sample(bqm, **self._parameters)
                reads.resolve()
                return reads
            n_qubits = sum(map(len, embedded.embedding.values()))
            flips = np.random.default_rng(seed).random((self._transforms, 1, n_qubits)) < 0.5
            # Submitted together, then waited for.
            calls = [embedded.sample(bqm, srts=flip, **self._parameters) for flip in flips]
            return _together(calls)

    def max_bits(self) -> int:
        """Size of the largest clique of the QPU's graph; contacts the service the first time."""
        with self._connection.sampler() as qpu:
            return len(self._busgraph(qpu).largest_clique())

    def _busgraph(self, qpu: Any) -> Any:
        """What knows the cliques of the QPU's graph."""
        from minorminer.busclique import busgraph_cache

        if self._cliques is None:
            self._cliques = busgraph_cache(qpu.to_networkx_graph())
        return self._cliques

    def _embed(self, qpu: Any, n_bits: int) -> Any:
        """The QPU as a sampler of any model with that many variables."""
        if n_bits in self._embedded:
            return self._embedded[n_bits]
        from dwave.preprocessing import SpinReversalTransformComposite
        from dwave.system import FixedEmbeddingComposite

        chains = self._busgraph(qpu).find_clique_embedding(n_bits)
        if not chains:
            raise SolverError(
                f"the QPU must hold the model as a clique, which is at most "
                f"{len(self._busgraph(qpu).largest_clique())} bits on this one; got {n_bits} bits"
            )
        child = SpinReversalTransformComposite(qpu) if self._transforms else qpu
        self._embedded[n_bits] = FixedEmbeddingComposite(child, chains)
        return self._embedded[n_bits]


def _together(calls: list[dimod.SampleSet]) -> dimod.SampleSet:
    """Reads of several calls as one sample set, their QPU access times added up.

    `SpinReversalTransformComposite` does the first too, but keeps the time of no call.
    """
    times = [call.info.get("timing", {}).get("qpu_access_time", 0.0) for call in calls]
    reads: dimod.SampleSet = dimod.concatenate(calls)
    reads.info["timing"] = {"qpu_access_time": sum(times)}
    return reads


def _seed_only(encoding: Encoding, seed: int) -> dict[str, Any]:
    return {"seed": seed}


def _qpu(
    encoding: str = "domain-wall",
    num_reads: int = 100,
    annealing_time: float | None = None,
    spin_reversal_transforms: int = 0,
    profile: str | None = None,
) -> BinarySolver:
    """The solver qpu.

    Args:
        encoding: Name of the encoding. Domain walls take a bit less per parameter than one-hot,
            and keep several times as many reads valid on QPU graphs.
        num_reads: Reads of a call, 1 or more. D-Wave's timing model of an Advantage puts a call at
            15 ms of QPU access time for programming and 0.2 to 0.3 ms for each read: 40 ms for the
            default of 100.
        annealing_time: Of a read, in microseconds, which each read costs; None for the QPU's
            default, usually 20.
        spin_reversal_transforms: How many random ones to sample each model under. They average out
            biases of the qubits. Every one is a call of its own, with ``num_reads`` reads and a
            programming: k of them cost k times as much. 0 for none.
        profile: Of D-Wave's configuration, which says where, on which QPU and with which token;
            None for the one that it chooses.

    Raises:
        SolverError: If there is no token, or an option is wrong.
    """
    check_number(_NAME, "num_reads", num_reads, 1, whole=True)
    check_number(_NAME, "spin_reversal_transforms", spin_reversal_transforms, 0, whole=True)
    parameters: dict[str, Any] = {"num_reads": num_reads, "label": LABEL}
    if annealing_time is not None:
        check_number(_NAME, "annealing_time", annealing_time, 0)
        parameters["annealing_time"] = annealing_time
    sampler = CliqueSampler(
        connect(_NAME, "DWaveSampler", profile), parameters, spin_reversal_transforms
    )
    return BinarySolver(
        _NAME,
        sampler,
        _seed_only,
        encoding=encoding,
        max_bits=sampler.max_bits,
        is_costly=True,
    )


QPU = SolverInfo(
    _NAME,
    "a quantum annealer of D-Wave's, over the cloud",
    _qpu,
    encodings=CLOUD_ENCODINGS,
    limits="bits of the largest clique of the QPU's graph: about 180 on a whole Advantage or "
    "Advantage2, fewer where qubits are missing; larger models are cut to what matters most",
    cost="QPU access time of your Leap plan: about 40 ms a call with the default of 100 "
    "reads, a few calls for a trial; qpu_seconds and max_calls limit it",
    packages=("dwave.system",),
    extra="qpu",
)
