"""A binary quadratic model over qubits: its blocks, its energies and its Ising form."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.errors import SolverError
from qhpo_integrations.gate.layout import Layout

__all__ = ["MIXERS", "Mixer", "QubitModel", "check_mixer"]

FloatArray = NDArray[np.float64]
Mixer = Literal["xy", "x"]

MIXERS: tuple[Mixer, ...] = ("xy", "x")
"""The mixers: "xy" keeps blocks valid, "x" flips every variable."""


@dataclass(frozen=True)
class QubitModel:
    """A model over qubits 0 to n - 1.

    Attributes:
        binary: The model with vartype BINARY and the qubits as labels.
        blocks: Blocks of qubits, whether or not the mixer keeps them valid.
        mixer: "xy" or "x".
    """

    binary: dimod.BinaryQuadraticModel
    blocks: tuple[tuple[int, ...], ...]
    mixer: Mixer

    @classmethod
    def of(
        cls,
        bqm: dimod.BinaryQuadraticModel,
        blocks: Sequence[Sequence[Hashable]] | None,
        mixer: Mixer | None,
    ) -> QubitModel:
        """The model with its blocks and mixer, see `QAOASampler.sample`.

        Raises:
            SolverError: If the blocks or the mixer break their rule.
        """
        binary = dimod.as_bqm(bqm, dimod.BINARY, dtype=np.float64, copy=True)
        binary, _ = binary.relabel_variables_as_integers(inplace=False)
        qubits = _qubit_blocks(list(bqm.variables), blocks or ())
        if mixer is None:
            mixer = "xy" if qubits else "x"
        check_mixer(mixer)
        if mixer == "xy" and not qubits:
            raise SolverError(
                "the mixer 'xy' needs blocks of variables; got none; pass blocks=..., or mixer='x'"
            )
        return cls(binary, qubits, mixer)

    @cached_property
    def layout(self) -> Layout:
        """Which qubits the mixer treats as blocks."""
        return Layout(self.binary.num_variables, self.blocks if self.mixer == "xy" else ())

    def energies(self, bits: NDArray[np.int8]) -> FloatArray:
        """Energies of assignments, (q, n) to (q,)."""
        energies: FloatArray = self.binary.energies((bits, range(bits.shape[1])))
        return energies

    def is_valid(self, bits: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Which assignments have a single 1 in every block, (q, n) to (q,)."""
        valid = np.ones(len(bits), dtype=np.bool_)
        for block in self.blocks:
            valid &= bits[:, list(block)].sum(axis=1) == 1
        return valid

    @cached_property
    def rounding(self) -> float:
        """A bound on the rounding errors of the energies."""
        biases = (*self.binary.linear.values(), *self.binary.quadratic.values())
        return 1e-13 * float(np.abs((self.binary.offset, *biases)).sum())

    def ising(self, scale: float) -> tuple[dict[int, float], dict[tuple[int, int], float]]:
        """Biases h and J of the phase separator, in units of the energy scale.

        Two variables of a block are never both 1 where the mixer keeps it valid, so that their
        product, which a penalty is made of, needs no gate.
        """
        block_of = {
            qubit: number for number, block in enumerate(self.layout.blocks) for qubit in block
        }
        needed = {
            (first, second): bias
            for (first, second), bias in self.binary.quadratic.items()
            if first not in block_of or block_of[first] != block_of.get(second)
        }
        model = dimod.BinaryQuadraticModel(self.binary.linear, needed, dimod.BINARY)
        linear, quadratic, _ = model.to_ising()
        return (
            {qubit: bias / scale for qubit, bias in linear.items()},
            {(min(pair), max(pair)): bias / scale for pair, bias in quadratic.items()},
        )


def check_mixer(mixer: object) -> None:
    """Checks the name of a mixer.

    Raises:
        SolverError: If there is none of that name.
    """
    if mixer not in MIXERS:
        raise SolverError(f"mixer must be one of: {', '.join(MIXERS)}; got {mixer!r}")


def _qubit_blocks(
    labels: list[Hashable], blocks: Sequence[Sequence[Hashable]]
) -> tuple[tuple[int, ...], ...]:
    """Blocks of variables as blocks of qubits."""
    number = {label: qubit for qubit, label in enumerate(labels)}
    seen: set[Hashable] = set()
    for block in blocks:
        if not len(block):
            raise SolverError(
                "a block must hold at least one variable; got an empty one; leave it out"
            )
        for label in block:
            if label not in number:
                raise SolverError(
                    f"blocks must hold variables of the model; got {label!r}, which is none; "
                    "use the labels of bqm.variables"
                )
            if label in seen:
                raise SolverError(
                    f"a variable must stand in one block only, once; got {label!r} twice; "
                    "make the blocks disjoint"
                )
            seen.add(label)
    return tuple(tuple(number[label] for label in block) for block in blocks)
