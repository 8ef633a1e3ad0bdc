import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from qhpo_problems.training.quantum.kernel import encode, fidelity, product_fidelity
from qhpo_problems.training.quantum.pennylane_twin import encode_on_pennylane

angles = st.floats(-10, 10)


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(*shape, generator=generator, dtype=torch.float64)


@settings(max_examples=10, deadline=None)
@given(st.lists(angles, min_size=1, max_size=8))
def test_state_is_that_of_pennylane(x: list[float]) -> None:
    state = encode(torch.tensor(x, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(state, encode_on_pennylane(np.array(x)), atol=1e-6)


@pytest.mark.parametrize("n", range(1, 9))
def test_single_precision_is_close_to_pennylane(n: int) -> None:
    x = draw(n)
    np.testing.assert_allclose(encode(x.float()).numpy(), encode_on_pennylane(x.numpy()), atol=1e-6)


@settings(max_examples=20)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_fidelity_is_the_squared_overlap_of_each_pair(n: int, seed: int) -> None:
    queries, keys = draw(2, 3, n, seed=seed), draw(2, 3, n, seed=seed + 1)
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


def test_gradients_agree_with_finite_differences() -> None:
    for n in (1, 2, 3, 5):
        inputs = (draw(2, n).requires_grad_(), draw(2, n, seed=1).requires_grad_())
        assert gradcheck(fidelity, inputs)
        assert gradcheck(product_fidelity, inputs)


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_product_fidelity_is_that_of_rotated_qubits(n: int, seed: int) -> None:
    queries, keys = draw(3, n, seed=seed), draw(3, n, seed=seed + 1)
    expected = torch.ones(3, 3, dtype=torch.float64)
    for i in range(n):
        expected *= torch.cos((queries[:, None, i] - keys[None, :, i]) / 2) ** 2
    torch.testing.assert_close(product_fidelity(queries, keys), expected)


def test_one_qubit_is_a_cosine_and_more_are_no_product() -> None:
    queries, keys = draw(4, 1), draw(4, 1, seed=1)
    # Two rotations about the same axis are one by the sum of their angles.
    torch.testing.assert_close(fidelity(queries, keys), product_fidelity(2 * queries, 2 * keys))
    # A product over qubits would make this ratio 1: each qubit's factor cancels.
    x, y = draw(2, 2), torch.zeros(1, 2, dtype=torch.float64)
    mixed = torch.stack(
        (x[0], x[1], torch.stack((x[0, 0], x[1, 1])), torch.stack((x[1, 0], x[0, 1])))
    )
    a, b, c, d = fidelity(mixed, y.expand(4, 2))[:, 0].tolist()
    assert abs(a * b / (c * d) - 1) > 0.01
    a, b, c, d = product_fidelity(mixed, y.expand(4, 2))[:, 0].tolist()
    assert a * b / (c * d) == pytest.approx(1)
