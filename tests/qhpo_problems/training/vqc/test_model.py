from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch

from qhpo.errors import QhpoError
from qhpo_problems.training.cnn.model import CLASSES, SIDE
from qhpo_problems.training.quantum.pennylane_twin import variational_on_pennylane
from qhpo_problems.training.vqc.layer import Circuit
from qhpo_problems.training.vqc.model import (
    ENCODINGS,
    ENTANGLEMENTS,
    READOUTS,
    VQCConfig,
    build_vqc,
    count_parameters,
)

VALID = VQCConfig(3, 2, "ry", "ring", "z")


def test_parameters_are_counted_as_torch_counts_them() -> None:
    for choice in product((2, 5, 8), (1, 3), ENCODINGS, ENTANGLEMENTS, READOUTS):
        config = VQCConfig(*choice)
        counted = sum(p.numel() for p in build_vqc(config).parameters())
        assert count_parameters(config) == counted


def test_parameters_of_one_network_by_hand() -> None:
    # (64 + 1) * 6 = 390, circuit 2 * 2 * 3 = 12, (5 + 1) * 10 = 60
    assert count_parameters(VQCConfig(3, 2, "dense", "all", "zz")) == 462


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("entanglement", ENTANGLEMENTS)
@pytest.mark.parametrize("readout", READOUTS)
def test_every_choice_runs_forward_and_backward(
    encoding: str, entanglement: str, readout: str
) -> None:
    torch.manual_seed(0)
    model = build_vqc(VQCConfig(3, 2, encoding, entanglement, readout))
    scores = model(torch.rand(4, 1, SIDE, SIDE))
    assert scores.shape == (4, CLASSES)
    assert scores.dtype == torch.float32
    scores.square().sum().backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().max() > 0


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_layer_is_the_circuit_on_pennylane(encoding: str) -> None:
    torch.manual_seed(0)
    config = VQCConfig(4, 2, encoding, "ring", "zz")
    circuit = Circuit(config)
    inputs = 2 * torch.rand(2, config.angles) - 1
    expected = [
        variational_on_pennylane(
            torch.pi * row.double().numpy(),
            circuit.weights.detach().double().numpy(),
            encoding=encoding,
            entanglement="ring",
            readout="zz",
        )
        for row in inputs
    ]
    found = circuit(inputs).double().tolist()
    for row, numbers in zip(found, expected, strict=True):
        assert row == pytest.approx(numbers.tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("qubits", 1, "qubits must be 2 to 8.*got 1"),
        ("qubits", 9, "qubits must be 2 to 8.*got 9"),
        ("depth", 0, "depth must be at least 1; got 0"),
        ("encoding", "amplitude", "encoding must be one of rx, .*got 'amplitude'"),
        ("entanglement", "star", "entanglement must be one of none, .*got 'star'"),
        ("readout", "x", "readout must be one of z, zz; got 'x'"),
    ],
)
def test_invalid_config(field: str, value: Any, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        replace(VALID, **{field: value})
