import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from qhpo_problems.training.quantum.pennylane_twin import variational_on_pennylane
from qhpo_problems.training.quantum.statevector import expectations, z_values
from qhpo_problems.training.quantum.variational import observables, variational_state
from qhpo_problems.training.vqc.model import ENCODINGS, ENTANGLEMENTS, READOUTS


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
