"""Exact simulation of QAOA on the basis states that its mixers can reach, in torch.

The quantum alternating operator ansatz of Hadfield et al., "From the Quantum Approximate
Optimization Algorithm to a Quantum Alternating Operator Ansatz" (2019), section 3:

    |psi> = U_M(beta_p) U_P(gamma_p) ... U_M(beta_1) U_P(gamma_1) |s>

With no block it is the state |gamma, beta> of Farhi, Goldstone, Gutmann, "A Quantum Approximate
Optimization Algorithm" (2014), where U_P is called U(C, gamma) and U_M is U(B, beta). A mixer that
keeps blocks valid leaves all other amplitudes at zero, so that only the S states of the layout are
stored.

Glossary
--------
p
    Layers.
gamma, beta
    Angles of the phase separators and of the mixers, each of shape (p,), in radians. Energy is
    minimized: annealing-like angles have gamma > 0 growing and beta < 0 shrinking in size, since
    |s> is the state of highest energy of the mixer's Hamiltonian.
E
    Energies of the S states in units of the energy scale, shape (S,).
U_P(gamma)
    exp(-i gamma E).
U_M(beta)
    Per block the product over the ring's edges of exp(-i beta (XX + YY) / 2), which is
    [[cos beta, -i sin beta], [-i sin beta, cos beta]] on the two levels of an edge. Per free qubit
    exp(-i beta X).
|s>
    The uniform superposition of the S states: W states of the blocks, |+> of the free qubits.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qhpo_integrations.gate.layout import Axis, Layout, ring_matchings

__all__ = ["Simulation"]


class Simulation:
    """The state of a QAOA circuit as a differentiable function of its angles.

    Args:
        layout: Blocks and free qubits.
        energies: E, shape (S,), in the order of `Layout.assignments`.
    """

    def __init__(self, layout: Layout, energies: NDArray[np.float64]) -> None:
        self._kinds = [(axis.n_levels, axis.is_block) for axis in layout.axes]
        self._mixers = {
            kind: _RingMixer(axis) if axis.is_block else _FlipMixer(axis)
            for kind, axis in zip(self._kinds, layout.axes, strict=True)
        }
        self._energies = torch.from_numpy(np.ascontiguousarray(energies, dtype=np.float64))
        self._start = torch.full((layout.n_states,), layout.n_states**-0.5, dtype=torch.complex128)

    def amplitudes(self, gamma: Tensor, beta: Tensor) -> Tensor:
        """The state after all layers.

        Args:
            gamma: Shape (p,), float64.
            beta: Shape (p,), float64.

        Returns:
            Complex amplitudes, shape (S,), in the order of `Layout.assignments`.
        """
        unitaries = {kind: mixer.unitaries(beta) for kind, mixer in self._mixers.items()}
        phases = torch.outer(gamma, self._energies)
        phase_factors = torch.complex(torch.cos(phases), -torch.sin(phases))
        state = self._start
        for layer in range(len(gamma)):
            state = state * phase_factors[layer]
            for kind in self._kinds:
                # The first dimension is contracted and comes out last: after one turn over all
                # axes the dimensions are back in their order.
                first = state.reshape(kind[0], -1)
                state = (first.T @ unitaries[kind][layer].T).reshape(-1)
        return state

    def probabilities(self, gamma: Tensor, beta: Tensor) -> Tensor:
        """Probabilities of the states after all layers, (p,) and (p,) to (S,)."""
        state = self.amplitudes(gamma, beta)
        return state.real**2 + state.imag**2


class _RingMixer:
    """The XY ring mixer in the subspace of one excitation, where it is an L x L matrix."""

    def __init__(self, axis: Axis) -> None:
        n_levels = axis.n_levels
        self._identity = torch.eye(n_levels, dtype=torch.complex128)
        self._hops = []
        self._touched = []
        for matching in ring_matchings(n_levels):
            hop = torch.zeros((n_levels, n_levels), dtype=torch.complex128)
            for first, second in matching:
                hop[first, second] = hop[second, first] = 1.0
            self._hops.append(hop)
            self._touched.append(torch.diag(hop.sum(dim=1)))

    def unitaries(self, beta: Tensor) -> Tensor:
        """Matrices of all layers, (p,) to (p, L, L)."""
        cosine = torch.cos(beta).to(torch.complex128)[:, None, None]
        sine = torch.sin(beta).to(torch.complex128)[:, None, None]
        product = self._identity.expand(len(beta), -1, -1)
        for hop, touched in zip(self._hops, self._touched, strict=True):
            rotation = self._identity + (cosine - 1.0) * touched - 1j * sine * hop
            product = rotation @ product
        return product


class _FlipMixer:
    """The X mixer of k free qubits, diagonal in the Hadamard basis."""

    def __init__(self, axis: Axis) -> None:
        k = len(axis.qubits)
        bits = torch.from_numpy(axis.bits().astype(np.float64))
        self._walsh = ((1.0 - 2.0 * (bits @ bits.T % 2.0)) * 2.0 ** (-0.5 * k)).to(torch.complex128)
        # The eigenvalues of the sum of the X: +1 per |+>, -1 per |->.
        self._eigenvalues = k - 2.0 * bits.sum(dim=1)

    def unitaries(self, beta: Tensor) -> Tensor:
        """Matrices of all layers, (p,) to (p, 2^k, 2^k)."""
        phases = torch.outer(beta, self._eigenvalues)
        factors = torch.complex(torch.cos(phases), -torch.sin(phases))
        unitaries: Tensor = (self._walsh * factors[:, None, :]) @ self._walsh
        return unitaries
