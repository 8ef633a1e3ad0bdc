from __future__ import annotations

import numpy as np
import pytest

from qhpo_integrations.gate.layout import Layout, ring_matchings


def test_assignments_are_the_valid_ones_each_once() -> None:
    layout = Layout(6, ((4, 1, 0), (3, 5)))
    bits = layout.assignments()
    every = (np.arange(64)[:, None] >> np.arange(6) & 1).astype(np.int8)
    valid = (every[:, [4, 1, 0]].sum(axis=1) == 1) & (every[:, [3, 5]].sum(axis=1) == 1)
    assert layout.free == (2,)
    assert layout.shape == (3, 2, 2)
    assert sorted(map(tuple, bits.tolist())) == sorted(map(tuple, every[valid].tolist()))


def test_assignments_follow_the_levels_in_c_order() -> None:
    layout = Layout(4, ((2, 0),))
    assert layout.assignments().reshape(2, 2, 2, 4)[1, 0, 1].tolist() == [1, 0, 0, 1]
    assert layout.assignments().reshape(2, 2, 2, 4)[0, 1, 0].tolist() == [0, 1, 1, 0]


def test_many_free_qubits_are_split_into_axes() -> None:
    layout = Layout(9)
    assert layout.shape == (16, 16, 2)
    numbers = layout.assignments().astype(int) @ 2 ** np.arange(9)[::-1]
    assert numbers.tolist() == list(range(512))


def test_no_qubits_have_one_state() -> None:
    assert Layout(0).assignments().shape == (1, 0)


@pytest.mark.parametrize("n_levels", range(3, 9))
def test_ring_edges_are_all_there_and_disjoint_in_a_matching(n_levels: int) -> None:
    matchings = ring_matchings(n_levels)
    edges = [frozenset(edge) for matching in matchings for edge in matching]
    assert len(edges) == n_levels
    assert set(edges) == {frozenset((k, (k + 1) % n_levels)) for k in range(n_levels)}
    for matching in matchings:
        ends = [level for edge in matching for level in edge]
        assert len(ends) == len(set(ends))
    assert len(matchings) == 2 + n_levels % 2


def test_rings_of_one_and_two_levels() -> None:
    assert ring_matchings(1) == []
    assert ring_matchings(2) == [[(0, 1)]]
