"""QAOA behind the interface of a dimod sampler.

The angles are found on an exact simulation, which computes the energy of every state that the
circuit can reach. The samplers therefore study what gate-model circuits return on models that are
small enough to enumerate; they solve nothing that enumeration would not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.errors import SolverError
from qhpo_integrations.gate.circuit import Circuit, qaoa_circuit
from qhpo_integrations.gate.layout import Layout
from qhpo_integrations.gate.qubit_model import MIXERS, Mixer, QubitModel

if TYPE_CHECKING:
    from dimod.typing import Variable

__all__ = ["DEFAULT_LAYERS", "DEFAULT_READS", "Backend", "QAOASampler"]

FloatArray = NDArray[np.float64]

MAX_STATES = 2**18
"""Most states that the angle search simulates: 18 variables without blocks."""

DEFAULT_LAYERS = 3
"""Each layer from one to five raised the probability of the optimum on random models, and costs as
many two-qubit gates again."""

DEFAULT_READS = 256
"""An optimum of probability 0.02 is missed in less than one call in a hundred."""


class Backend(Protocol):
    """What runs a circuit.

    Attributes:
        name: Name of the framework.
    """

    name: str

    def run(self, circuit: Circuit, shots: int, seed: int) -> NDArray[np.int8]:
        """Measured bits, shape (shots, n), for a circuit of at least one qubit.

        Args:
            circuit: The circuit.
            shots: Number of reads, at least 1.
            seed: In [0, 2^31), for simulators that the backend makes itself.
        """
        ...


class QAOASampler(dimod.Sampler):
    """Samples binary quadratic models with a QAOA circuit, one qubit per variable.

    The usual way to one is `cirq_sampler`, `qiskit_sampler` or `pennylane_sampler`.

    Args:
        backend: Runs the circuits.
        max_qubits: Most variables that a model may have.
    """

    def __init__(self, backend: Backend, *, max_qubits: int = 16) -> None:
        self._backend = backend
        self._max_qubits = max_qubits

    @property
    def properties(self) -> dict[str, Any]:
        """The sampler's limits, and the default number of ``layers``."""
        return {
            "category": "gate",
            "backend": self._backend.name,
            "max_qubits": self._max_qubits,
            "max_states": MAX_STATES,
            "mixers": MIXERS,
            "layers": DEFAULT_LAYERS,
        }

    @property
    def parameters(self) -> dict[str, list[str]]:
        """The keyword arguments of `sample`, each with the properties that bear on it."""
        return {
            "blocks": [],
            "mixer": ["mixers"],
            "layers": ["layers"],
            "num_reads": [],
            "seed": [],
        }

    def sample(
        self,
        bqm: dimod.BinaryQuadraticModel,
        *,
        blocks: Sequence[Sequence[Variable]] | None = None,
        mixer: Mixer | None = None,
        layers: int = DEFAULT_LAYERS,
        num_reads: int = DEFAULT_READS,
        seed: int | None = None,
    ) -> dimod.SampleSet:
        """Reads of the circuit with the best angles found.

        Args:
            bqm: The model; its energy is minimized.
            blocks: Disjoint sequences of variables, of which exactly one is 1 in every valid
                assignment, whatever the vartype. They need no penalty with the mixer "xy".
            mixer: "xy" keeps the blocks valid and flips the variables outside of them; "x" flips
                all variables and takes the blocks only to tell which reads are valid. None is "xy"
                with blocks and "x" without.
            layers: p, the number of phase separators and mixers.
            num_reads: Shots of the circuit.
            seed: The same seed gives the same angles, and the same reads on simulators that the
                backend makes itself. None draws one.

        Returns:
            One row per read. Its ``info`` holds

            - ``probability_of_optimum``: exact probability that a noiseless read is a valid
              assignment of least energy;
            - ``uniform_probability``: the same for a uniform draw among the valid assignments;
            - ``valid_share``: exact probability that a noiseless read is valid;
            - ``expectation``: exact mean energy of noiseless reads;
            - ``reads_optimum_share``, ``reads_valid_share``: what the reads came to;
            - ``angles``: lists ``gamma`` and ``beta`` in radians; gamma multiplies the energy
              divided by ``energy_scale``, the standard deviation over the states reached;
            - ``layers``, ``mixer``, ``backend``, ``shots``;
            - ``qubits``, ``two_qubit_gates``, ``depth`` of the circuit before a backend decomposes
              it.

        Raises:
            SolverError: If the model is too large, or an argument breaks its rule.
        """
        self._check(bqm, layers, num_reads, seed)
        rng = np.random.default_rng(seed)
        model = QubitModel.of(bqm, blocks, mixer)
        layout = model.layout
        if layout.n_states > MAX_STATES:
            raise SolverError(
                f"the angle search simulates at most {MAX_STATES:,} states; got a model with "
                f"{layout.n_states:,}; use fewer variables, or blocks with the mixer 'xy'"
            )
        states = layout.assignments()
        energies = model.energies(states)
        valid = model.is_valid(states)
        least = energies[valid].min() + model.rounding
        optimal = valid & (energies <= least)
        scale = _energy_scale(energies, model.rounding)
        gamma, beta, probabilities = _best_angles(layout, energies / scale, layers, rng)

        linear, quadratic = model.ising(scale)
        circuit = qaoa_circuit(layout, linear, quadratic, gamma.tolist(), beta.tolist())
        if circuit.n_qubits:
            reads = self._backend.run(circuit, num_reads, int(rng.integers(2**31)))
        else:
            reads = np.empty((num_reads, 0), dtype=np.int8)
        read_valid = model.is_valid(reads)
        read_optimal = read_valid & (model.energies(reads) <= least)
        info = {
            "probability_of_optimum": float(probabilities[optimal].sum()),
            "uniform_probability": float(optimal.sum() / valid.sum()),
            "valid_share": float(probabilities[valid].sum()),
            "expectation": float(probabilities @ energies),
            "reads_optimum_share": float(read_optimal.mean()),
            "reads_valid_share": float(read_valid.mean()),
            "angles": {"gamma": gamma.tolist(), "beta": beta.tolist()},
            "energy_scale": scale,
            "layers": layers,
            "mixer": model.mixer,
            "backend": self._backend.name,
            "shots": num_reads,
            "qubits": circuit.n_qubits,
            "two_qubit_gates": circuit.two_qubit_gates,
            "depth": circuit.depth,
        }
        samples = reads if bqm.vartype is dimod.BINARY else 2 * reads - 1
        sample_set: dimod.SampleSet = dimod.SampleSet.from_samples_bqm(
            (samples, list(bqm.variables)), bqm, info=info
        )
        return sample_set

    def _check(
        self, bqm: dimod.BinaryQuadraticModel, layers: int, num_reads: int, seed: int | None
    ) -> None:
        if bqm.num_variables > self._max_qubits:
            raise SolverError(
                f"a QAOA sampler takes at most max_qubits={self._max_qubits} variables, one qubit "
                f"each; got a model with {bqm.num_variables}; use fewer variables, or a "
                "larger max_qubits if the backend can run it"
            )
        for name, value in (("layers", layers), ("num_reads", num_reads)):
            if value < 1:
                raise SolverError(
                    f"{name} must be at least 1; got {value}; leave it out for the default"
                )
        if seed is not None and seed < 0:
            raise SolverError(
                f"seed must be at least 0, or None; got {seed}; use a positive number"
            )


def _energy_scale(energies: FloatArray, rounding: float) -> float:
    """Standard deviation of the energies, or 1 if they are all the same up to rounding."""
    with np.errstate(over="ignore", invalid="ignore"):
        scale = float(energies.std())
    if not np.isfinite(scale):
        raise SolverError(
            f"the energies of a model must have a finite spread; got {scale}; check its biases"
        )
    return scale if scale > rounding else 1.0


def _best_angles(
    layout: Layout, energies: FloatArray, layers: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Angles gamma and beta, each (p,), and the probabilities of the states, (S,)."""
    # torch takes seconds to load and is not needed to list the sampler.
    import torch

    from qhpo_integrations.gate.angles import find_angles
    from qhpo_integrations.gate.statevector import Simulation

    # A constant changes a global phase only, and costs digits of the others.
    centered = energies - energies.mean()
    simulation = Simulation(layout, centered)
    gamma, beta = find_angles(simulation, centered, layers, rng)
    probabilities = simulation.probabilities(torch.from_numpy(gamma), torch.from_numpy(beta))
    return gamma, beta, probabilities.numpy()
