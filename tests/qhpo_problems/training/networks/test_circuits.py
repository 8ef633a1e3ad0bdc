import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from qhpo_problems.training.data.shapes import DIGITS
from qhpo_problems.training.networks.circuits import (
    Circuit,
    build_vqc,
    encode,
    fidelity,
    observables,
    product_fidelity,
    variational_state,
)
from qhpo_problems.training.networks.configs import ENCODINGS, ENTANGLEMENTS, READOUTS, VQCConfig
from qhpo_problems.training.networks.statevector import expectations, z_values
from tests.qhpo_problems.training.networks.pennylane_twin import (
    encode_on_pennylane,
    variational_on_pennylane,
)

angles = st.floats(-10, 10)


def draw_angles(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(*shape, generator=generator, dtype=torch.float64)


def circuit(x: Tensor, w: Tensor, encoding: str, entanglement: str, readout: str) -> Tensor:
    state = variational_state(x, w, encoding=encoding, entanglement=entanglement)
    return expectations(state, observables(readout, w.shape[-1])).T


def draw(n: int, depth: int, encoding: str, batch: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    angles = 2 * n if encoding == "dense" else n
    x = 3 * torch.randn(batch, angles, generator=generator, dtype=torch.float64)
    return x, 3 * torch.randn(depth, 2, n, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=5, deadline=None)
@given(
    st.integers(2, 8),
    st.integers(1, 3),
    st.sampled_from(ENTANGLEMENTS),
    st.sampled_from(READOUTS),
    st.integers(0, 2**32 - 1),
)
def test_expectations_are_those_of_pennylane(
    encoding: str, n: int, depth: int, entanglement: str, readout: str, seed: int
) -> None:
    x, w = draw(n, depth, encoding, 1, seed)
    found = circuit(x, w, encoding, entanglement, readout)[0].numpy()
    expected = variational_on_pennylane(
        x[0].numpy(), w.numpy(), encoding=encoding, entanglement=entanglement, readout=readout
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_rows_of_a_batch_do_not_mix(encoding: str) -> None:
    x, w = draw(3, 2, encoding, 4, 0)
    whole = circuit(x, w, encoding, "all", "zz")
    rows = [circuit(row.unsqueeze(0), w, encoding, "all", "zz") for row in x]
    torch.testing.assert_close(whole, torch.cat(rows))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_gradients_agree_with_finite_differences(encoding: str) -> None:
    x, w = draw(3, 2, encoding, 2, 1)
    inputs = (x.requires_grad_(), w.requires_grad_(), encoding, "ring", "zz")
    assert gradcheck(circuit, inputs)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_entanglement_is_what_couples_qubits(encoding: str) -> None:
    x, w = draw(3, 2, encoding, 1, 2)
    other = x.clone()
    other[0, 2] += 0.5
    for entanglement in ENTANGLEMENTS:
        moved = circuit(other, w, encoding, entanglement, "z") - circuit(
            x, w, encoding, entanglement, "z"
        )
        # In the line of three, the last qubit reaches the first after two layers.
        assert (moved[0, 0].abs() > 1e-6) == (entanglement != "none")


def test_observables() -> None:
    z = z_values(3)
    assert torch.equal(observables("z", 3), z)
    assert torch.equal(observables("zz", 3), torch.stack([*z, z[0] * z[1], z[1] * z[2]]))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("entanglement", ENTANGLEMENTS)
@pytest.mark.parametrize("readout", READOUTS)
def test_every_choice_runs_forward_and_backward(
    encoding: str, entanglement: str, readout: str
) -> None:
    torch.manual_seed(0)
    model = build_vqc(VQCConfig(3, 2, encoding, entanglement, readout))
    scores = model(torch.rand(4, 1, DIGITS.length, DIGITS.length))
    assert scores.shape == (4, DIGITS.classes)
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


@settings(max_examples=10, deadline=None)
@given(st.lists(angles, min_size=1, max_size=8))
def test_state_is_that_of_pennylane(x: list[float]) -> None:
    state = encode(torch.tensor(x, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(state, encode_on_pennylane(np.array(x)), atol=1e-6)


@pytest.mark.parametrize("n", range(1, 9))
def test_single_precision_is_close_to_pennylane(n: int) -> None:
    x = draw_angles(n)
    np.testing.assert_allclose(encode(x.float()).numpy(), encode_on_pennylane(x.numpy()), atol=1e-6)


@settings(max_examples=20)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_fidelity_is_the_squared_overlap_of_each_pair(n: int, seed: int) -> None:
    queries, keys = draw_angles(2, 3, n, seed=seed), draw_angles(2, 3, n, seed=seed + 1)
    found = fidelity(queries, keys)
    assert found.shape == (2, 3, 3)
    for b in range(2):
        for i in range(3):
            for j in range(3):
                overlap = encode(queries[b, i]) @ encode(keys[b, j])
                assert found[b, i, j].item() == pytest.approx(overlap.item() ** 2, abs=1e-12)
    assert found.min() >= 0
    assert found.max() <= 1 + 1e-12
    own = fidelity(queries, queries).diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(own, torch.ones_like(own))


def test_gradients_of_similarities_agree_with_finite_differences() -> None:
    for n in (1, 2, 3, 5):
        inputs = (draw_angles(2, n).requires_grad_(), draw_angles(2, n, seed=1).requires_grad_())
        assert gradcheck(fidelity, inputs)
        assert gradcheck(product_fidelity, inputs)


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_product_fidelity_is_that_of_rotated_qubits(n: int, seed: int) -> None:
    queries, keys = draw_angles(3, n, seed=seed), draw_angles(3, n, seed=seed + 1)
    expected = torch.ones(3, 3, dtype=torch.float64)
    for i in range(n):
        expected *= torch.cos((queries[:, None, i] - keys[None, :, i]) / 2) ** 2
    torch.testing.assert_close(product_fidelity(queries, keys), expected)


def test_one_qubit_is_a_cosine_and_more_are_no_product() -> None:
    queries, keys = draw_angles(4, 1), draw_angles(4, 1, seed=1)
    # Two rotations about the same axis are one by the sum of their angles.
    torch.testing.assert_close(fidelity(queries, keys), product_fidelity(2 * queries, 2 * keys))
    # A product over qubits would make this ratio 1: each qubit's factor cancels.
    x, y = draw_angles(2, 2), torch.zeros(1, 2, dtype=torch.float64)
    mixed = torch.stack(
        (x[0], x[1], torch.stack((x[0, 0], x[1, 1])), torch.stack((x[1, 0], x[0, 1])))
    )
    a, b, c, d = fidelity(mixed, y.expand(4, 2))[:, 0].tolist()
    assert abs(a * b / (c * d) - 1) > 0.01
    a, b, c, d = product_fidelity(mixed, y.expand(4, 2))[:, 0].tolist()
    assert a * b / (c * d) == pytest.approx(1)
