"""The circuit of `model` as a torch layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qhpo_problems.training.quantum.statevector import expectations
from qhpo_problems.training.quantum.variational import observables, variational_state
from qhpo_problems.training.vqc.model import VQCConfig

__all__ = ["Circuit"]


class Circuit(nn.Module):
    """Numbers of -1 to 1 become angles of -pi to pi, and these the circuit's expectations.

    Args:
        config: The architecture.
    """

    def __init__(self, config: VQCConfig) -> None:
        super().__init__()
        self.encoding, self.entanglement = config.encoding, config.entanglement
        # Small: near the identity the gradient of a deep circuit does not vanish.
        self.weights = nn.Parameter(0.1 * torch.randn(config.depth, 2, config.qubits))
        self.observables = nn.Buffer(observables(config.readout, config.qubits), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Expectations, -1 to 1, shape (n, k), from inputs of shape (n, a)."""
        state = variational_state(
            torch.pi * inputs,
            self.weights,
            encoding=self.encoding,
            entanglement=self.entanglement,
        )
        return expectations(state, self.observables).T
