import numpy as np
import torch

from qhpo_problems.training.data.sequences import lengths, padded


def test_padded_says_which_steps_exist() -> None:
    sequences = [np.random.default_rng(n).normal(size=(n, 3)) for n in (5, 1, 9, 2)]
    inputs = padded(sequences)
    assert inputs.shape == (4, 9, 4)
    assert inputs.dtype == torch.float32
    assert lengths(inputs).tolist() == [5, 1, 9, 2]
    for row, sequence in zip(inputs, sequences, strict=True):
        steps = len(sequence)
        assert row[:, 0].tolist() == [1.0] * steps + [0.0] * (9 - steps)
        assert np.allclose(row[:steps, 1:], sequence)
        assert not row[steps:].any()
