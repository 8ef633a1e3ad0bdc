"""Recurrent networks for sequences of several lengths; padding changes nothing that they say.

Symbol | meaning                                                         | shape or unit
n      | sequences                                                       | at least 1
T      | steps of the longest sequence                                   | at least 1
d      | features of a step                                              | at least 1
x      | input of the network: whether the step exists, then d features  | (n, T, 1 + d)
h      | units of a layer, times 2 if it reads in both directions        | at least 1
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from qhpo_problems.training.data.sequences import lengths
from qhpo_problems.training.networks.configs import RNNConfig

__all__ = ["RECURRENCES", "RNN"]

RECURRENCES: dict[str, type[nn.GRU | nn.LSTM | nn.RNN]] = {
    "gru": nn.GRU,
    "lstm": nn.LSTM,
    "rnn": nn.RNN,
}
"""By name in `configs.CELLS`."""


class RNN(nn.Module):
    """Sequences as `data.sequences.padded` makes them, to numbers, shape (n, outputs).

    Weights are drawn from torch's global generator, as by every torch layer.

    Args:
        config: The architecture.
        features: d, numbers that a step of a sequence has.
        outputs: Numbers that the network says of a sequence.
    """

    def __init__(self, config: RNNConfig, features: int, outputs: int) -> None:
        super().__init__()
        self.config = config
        self.recurrences = nn.ModuleList()
        self.norms = nn.ModuleList()
        width = features
        for units in config.units:
            cell = RECURRENCES[config.cell]
            self.recurrences.append(cell(width, units, bidirectional=config.bidirectional))
            width = units * config.directions
            self.norms.append(nn.LayerNorm(width) if config.layer_norm else nn.Identity())
        self.dropout = nn.Dropout(config.dropout)
        self.score = nn.Linear(width, 1) if config.pooling == "attention" else None
        self.linear = nn.Linear(width, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Numbers, shape (n, outputs), for inputs of shape (n, T, 1 + d)."""
        counts = lengths(inputs)
        # Packed, the backward direction starts at a sequence's own last step, not in the padding.
        steps = pack_padded_sequence(
            inputs[..., 1:], counts.cpu(), batch_first=True, enforce_sorted=False
        )
        for recurrence, norm in zip(self.recurrences, self.norms, strict=True):
            states: PackedSequence = recurrence(steps)[0]
            steps = states._replace(data=self.dropout(norm(states.data)))
        states_padded, _ = pad_packed_sequence(steps, batch_first=True)
        scores: Tensor = self.linear(self._pool(states_padded, counts))
        return scores

    def _pool(self, states: Tensor, counts: Tensor) -> Tensor:
        """One vector a sequence, shape (n, h), of its states, shape (n, T, h), 0 on padding."""
        places = torch.arange(states.shape[1], device=states.device)
        missing = (places >= counts[:, None])[..., None]
        if self.score is not None:
            scores = self.score(states).masked_fill(missing, -torch.inf)
            attended: Tensor = (scores.softmax(dim=1) * states).sum(dim=1)
            return attended
        if self.config.pooling == "mean":
            return states.sum(dim=1) / counts[:, None]
        if self.config.pooling == "max":
            return states.masked_fill(missing, -torch.inf).amax(dim=1)
        last = states[torch.arange(len(states), device=states.device), counts - 1]
        if not self.config.bidirectional:
            return last
        units = self.config.units[-1]
        # The backward direction has read all at the first step.
        return torch.cat([last[:, :units], states[:, 0, units:]], dim=1)
