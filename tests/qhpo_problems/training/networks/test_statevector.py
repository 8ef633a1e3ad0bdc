from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from qhpo_problems.training.networks.statevector import (
    controlled_z,
    diagonal,
    expectations,
    pairs,
    product_of_ry,
    rx,
    ry,
    z_values,
)

X = np.array([[0, 1], [1, 0]])
Y = np.array([[0, -1j], [1j, 0]])
Z = np.diag([1, -1])

qubits = st.integers(1, 4)


def on(matrix: np.ndarray, qubit: int, n: int) -> np.ndarray:
    """A matrix of one qubit, on that one of n; the first is the left factor."""
    return np.kron(np.kron(np.eye(2**qubit), matrix), np.eye(2 ** (n - 1 - qubit)))


def rotation(pauli: np.ndarray, angle: float) -> np.ndarray:
    return np.cos(angle / 2) * np.eye(2) - 1j * np.sin(angle / 2) * pauli


def random_states(n: int, batch: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(2**n, batch, generator=generator, dtype=torch.complex128)
    return states / states.abs().square().sum(dim=0).sqrt()


@given(qubits, st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_rotations_are_their_matrices(n: int, qubit: int, seed: int) -> None:
    qubit %= n
    states = random_states(n, 3, seed)
    angles = torch.linspace(-7, 9, 3, dtype=torch.float64)
    for gate, pauli in ((rx, X), (ry, Y)):
        turned = gate(states, angles, qubit)
        for column, angle in enumerate(angles.tolist()):
            expected = on(rotation(pauli, angle), qubit, n) @ states[:, column].numpy()
            np.testing.assert_allclose(turned[:, column].numpy(), expected, atol=1e-12)
    turned = diagonal(states, z_values(n)[qubit, :, None] * angles)
    for column, angle in enumerate(angles.tolist()):
        expected = on(rotation(Z, angle), qubit, n) @ states[:, column].numpy()
        np.testing.assert_allclose(turned[:, column].numpy(), expected, atol=1e-12)


@given(qubits, st.integers(0, 2**32 - 1))
def test_one_angle_turns_the_whole_batch(n: int, seed: int) -> None:
    states = random_states(n, 2, seed)
    angle = torch.tensor(0.7, dtype=torch.float64)
    torch.testing.assert_close(ry(states, angle, n - 1), ry(states, angle.expand(2), n - 1))


@given(qubits, st.integers(0, 2**32 - 1))
def test_product_is_one_rotation_after_another(n: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    angles = torch.randn(n, 2, 3, generator=generator, dtype=torch.float64)
    state = torch.zeros(2**n, 2, 3, dtype=torch.float64)
    state[0] = 1.0
    for qubit in range(n):
        state = ry(state, angles[qubit], qubit)
    torch.testing.assert_close(product_of_ry(angles), state)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_controlled_z_is_its_matrix(n: int) -> None:
    for coupled in ([], pairs("ring", n), pairs("all", n)):
        expected = np.eye(2**n)
        for i, j in coupled:
            one_i, one_j = (np.eye(2**n) - on(Z, k, n) for k in (i, j))
            expected = expected @ (np.eye(2**n) - one_i @ one_j / 2)
        np.testing.assert_array_equal(np.diag(controlled_z(coupled, n).numpy()), expected)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_pairs(n: int) -> None:
    neighbours = {(i, i + 1) for i in range(n - 1)}
    assert pairs("none", n) == []
    assert set(pairs("line", n)) == neighbours
    assert set(pairs("all", n)) == set(combinations(range(n), 2))
    ring = pairs("ring", n)
    assert len(ring) == len({frozenset(pair) for pair in ring}) == (n if n > 2 else n - 1)
    assert neighbours <= set(ring)
    degree = [sum(i in pair for pair in ring) for i in range(n)]
    assert len(set(degree)) == 1


@given(qubits, st.integers(0, 2**32 - 1))
def test_expectations_are_those_of_the_matrices(n: int, seed: int) -> None:
    states = random_states(n, 3, seed)
    found = expectations(states, z_values(n))
    assert found.shape == (n, 3)
    for qubit in range(n):
        for column in range(3):
            psi = states[:, column].numpy()
            expected = (psi.conj() @ on(Z, qubit, n) @ psi).real
            assert found[qubit, column].item() == pytest.approx(expected, abs=1e-12)
    real = states.real / states.real.square().sum(dim=0).sqrt()
    torch.testing.assert_close(
        expectations(real, z_values(n)), expectations(real + 0j, z_values(n))
    )
