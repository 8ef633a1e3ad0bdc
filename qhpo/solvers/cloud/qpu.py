"""D-Wave's quantum annealers.

The encoded model is dense, so its bits are embedded as a clique: chains of a bus embedding of the
QPU's graph (T. Boothby, A. D. King, A. Roy, "Fast clique minor generation in Chimera qubit
connectivity graphs", Quantum Information Processing 15, 495 (2016); minorminer.busclique for
Pegasus and Zephyr), which has the shortest chains for each number of bits and is found once per
graph, not once per suggestion. A small model is laid side by side on as many places as the graph
has, see `qhpo.solvers.cloud.tiles`, and a call reads all of them; so may several models share one.

Nothing here has run on a real QPU yet: it is tested on D-Wave's own mock of one, on graphs of real
size. ``qhpo solvers --check qpu`` tries it with your token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dimod
import numpy as np

from qhpo.encoding import Encoding
from qhpo.errors import SolverError
from qhpo.solvers.base import SolverInfo
from qhpo.solvers.binary import CALLS, COPIES, BinarySolver
from qhpo.solvers.cloud.service import CLOUD_ENCODINGS, LABEL, Connection, connect
from qhpo.solvers.cloud.tiles import Chains, find_tiles, tiled_size
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

    Of a small model there are many copies, each of which gives ``num_reads`` reads of its own. They
    are coupled and decided as one would be. ``ParallelEmbeddingComposite`` does the same, but says
    nothing of broken chains, and scales binary models before they are made models of spins, which
    would make one model weaker than another beside it.

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
        self._tiled: dict[int, list[Chains]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without what belongs to the connection, which is not copied either."""
        return {**self.__dict__, "_cliques": None, "_embedded": {}, "_tiled": {}}

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
        return self.sample_many([bqm], seed)[0]

    def sample_many(
        self, bqms: Sequence[dimod.BinaryQuadraticModel], seed: int
    ) -> list[dimod.SampleSet]:
        """Reads of several models, in one call where the QPU holds all of them side by side.

        Args:
            bqms: The models, variables 0..B-1 in each.
            seed: See `sample`.

        Returns:
            What `sample` returns, of each model. The call, and its QPU access time, stand with the
            first one that shares it.

        Raises:
            SolverError: See `sample`.
        """
        with self._connection.sampler() as qpu:
            tiles = self._tiles(qpu, max(bqm.num_variables for bqm in bqms))
            # A single copy has shorter chains where the graph is asked for just its size.
            if len(tiles) >= max(2, len(bqms)):
                return self._side_by_side(qpu, bqms, tiles, seed)
            return [self._alone(qpu, bqm, seed) for bqm in bqms]

    def _alone(self, qpu: Any, bqm: dimod.BinaryQuadraticModel, seed: int) -> dimod.SampleSet:
        """Reads of a call of its own."""
        embedded = self._embed(qpu, bqm.num_variables)
        n_qubits = sum(map(len, embedded.embedding.values()))
        reads = _together(self._calls(embedded, bqm, n_qubits, seed))
        reads.info[COPIES] = 1
        return reads

    def _side_by_side(
        self,
        qpu: Any,
        bqms: Sequence[dimod.BinaryQuadraticModel],
        tiles: list[Chains],
        seed: int,
    ) -> list[dimod.SampleSet]:
        """Reads of a call that the models share, in turn on one tile after the other."""
        from dwave.embedding import embed_bqm, unembed_sampleset
        from dwave.preprocessing import SpinReversalTransformComposite

        spins = [bqm.change_vartype(dimod.SPIN, inplace=False) for bqm in bqms]
        whole = dimod.BinaryQuadraticModel(dimod.SPIN)
        for k, chains in enumerate(tiles):
            copy = embed_bqm(spins[k % len(spins)], chains, qpu.adjacency)
            # The QPU scales all of them as one: each uses its range as it would alone.
            properties = qpu.properties
            copy.normalize(properties["h_range"], properties["j_range"])
            whole.update(copy)
        child = SpinReversalTransformComposite(qpu) if self._transforms else qpu
        calls = self._calls(child, whole, whole.num_variables, seed)
        found = []
        for i, (bqm, spin) in enumerate(zip(bqms, spins, strict=True)):
            mine = tiles[i :: len(spins)]
            reads = dimod.concatenate(
                [
                    unembed_sampleset(answer, chains, spin, chain_break_fraction=True)
                    for answer in calls
                    for chains in mine
                ]
            ).change_vartype(bqm.vartype, inplace=False)
            reads.info.update({COPIES: len(mine), CALLS: int(i == 0)})
            if i == 0:
                reads.info["timing"] = _timing(calls)
            found.append(reads)
        return found

    def _calls(
        self, child: Any, bqm: dimod.BinaryQuadraticModel, n_qubits: int, seed: int
    ) -> list[dimod.SampleSet]:
        """What the QPU answers: once, or under every spin-reversal transform."""
        if not self._transforms:
            return [child.sample(bqm, **self._parameters)]
        flips = np.random.default_rng(seed).random((self._transforms, 1, n_qubits)) < 0.5
        # Submitted together, then waited for.
        return [child.sample(bqm, srts=flip, **self._parameters) for flip in flips]

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

    def _tiles(self, qpu: Any, n_bits: int) -> list[Chains]:
        """Disjoint places for models of up to so many bits; found once for each size."""
        size = tiled_size(n_bits)
        if size not in self._tiled:
            self._tiled[size] = find_tiles(qpu.to_networkx_graph(), size)
        return self._tiled[size]

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
    reads: dimod.SampleSet = dimod.concatenate(calls)
    reads.info["timing"] = _timing(calls)
    return reads


def _timing(calls: list[dimod.SampleSet]) -> dict[str, float]:
    """The QPU access times of several calls, added up."""
    times = [call.info.get("timing", {}).get("qpu_access_time", 0.0) for call in calls]
    return {"qpu_access_time": sum(times)}


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
        num_reads: Reads of a call, 1 or more, of every copy of a small model. D-Wave's figures of
            an Advantage2 put a call at 34 ms of QPU access time for programming and 0.1 to 0.2 ms
            for each read: 43 to 52 ms for the default of 100, however many copies there are.
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
        sample_many=sampler.sample_many,
    )


QPU = SolverInfo(
    _NAME,
    "a quantum annealer of D-Wave's, over the cloud",
    _qpu,
    encodings=CLOUD_ENCODINGS,
    limits="bits of the largest clique of the QPU's graph: about 180 on a whole Advantage or "
    "Advantage2, fewer where qubits are missing; larger models are cut to what matters most",
    cost="QPU access time of your Leap plan: about 50 ms a call with the default of 100 "
    "reads, a few calls for a trial; qpu_seconds and max_calls limit it",
    packages=("dwave.system",),
    extra="qpu",
)
