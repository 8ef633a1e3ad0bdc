"""Ising sparsification against sums over all states, and its optimum against all choices."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from qhpo_problems.benchmarks.sampling.combinatorial.ising import IsingSparsification
from qhpo_problems.benchmarks.sampling.combinatorial.relabelled import KNOWN


def _divergence(side: int, p: dict[tuple[int, int], float], q: dict[tuple[int, int], float]):
    """KL of two distributions, exp(z'Jz) with J symmetric, term by term."""
    states = list(product((-1, 1), repeat=side * side))

    def probabilities(couplings: dict[tuple[int, int], float]) -> list[float]:
        weights = [
            math.exp(sum(2 * j * z[a] * z[b] for (a, b), j in couplings.items())) for z in states
        ]
        return [weight / sum(weights) for weight in weights]

    return sum(a * math.log(a / b) for a, b in zip(probabilities(p), probabilities(q), strict=True))


@pytest.mark.parametrize("side", [2, 3])
def test_the_value_is_the_divergence_of_the_two_models(side: int) -> None:
    problem = IsingSparsification(side, instance=side)
    # A milder model, so that no probability of the plain sums is 0.
    problem.couplings = problem.couplings / 5
    edges = [(int(a), int(b)) for a, b in problem.edges]
    p = dict(zip(edges, problem.couplings.tolist(), strict=True))
    for kept in np.random.default_rng(0).integers(2, size=(6, len(edges))).tolist():
        q = {edge: j for (edge, j), keep in zip(p.items(), kept, strict=True) if keep}
        expected = _divergence(side, p, q) + 0.01 * sum(kept)
        assert problem.value(kept) == pytest.approx(expected, abs=1e-9)


def test_edges_join_all_neighbours_of_the_grid() -> None:
    edges = IsingSparsification().edges
    places = [(int(a) // 4, int(a) % 4, int(b) // 4, int(b) % 4) for a, b in edges]
    assert len({*places}) == len(edges) == 24
    assert {abs(i - k) + abs(j - m) for i, j, k, m in places} == {1}


def test_all_couplings_cost_their_number_alone() -> None:
    assert IsingSparsification().value([1] * 24) == pytest.approx(0.24)
    assert np.abs(IsingSparsification().couplings).min() >= 0.05
    assert {*np.sign(IsingSparsification().couplings)} == {-1.0, 1.0}


def _values_of_all(problem: IsingSparsification) -> np.ndarray:
    """Values of all choices of couplings, row by row of the grid: shape (2,) * edges.

    Z of a choice is a product of matrices over the states of a row; the axes of the result are the
    edges along the first row, across to the second, along the second, and so on.
    """
    side = math.isqrt(int(problem.edges.max()) + 1)
    states = np.array(list(product((-1.0, 1.0), repeat=side)))
    couplings = 2 * problem.couplings
    lost = couplings * problem._correlations
    along, across = np.split(np.arange(len(couplings)), [side * (side - 1)])

    def choices(edges: np.ndarray, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights of the states for every choice of these edges, and what each adds."""
        kept = np.array(list(product((0.0, 1.0), repeat=len(edges))))
        weights = np.exp(np.tensordot(kept * couplings[edges], products, axes=(1, -1)))
        return weights, ((1 - kept) * lost[edges]).sum(axis=1) + 0.01 * kept.sum(axis=1)

    of_row = states[:, :-1] * states[:, 1:]
    of_rows = states[:, None, :] * states[None, :, :]
    reached, cost = choices(along[: side - 1], of_row)
    for row in range(1, side):
        step, more = choices(across[(row - 1) * side : row * side], of_rows)
        reached = np.einsum("na,vab->nvb", reached, step).reshape(-1, len(states))
        cost = (cost[:, None] + more).ravel()
        own, more = choices(along[row * (side - 1) : (row + 1) * (side - 1)], of_row)
        if row < side - 1:
            reached = (reached[:, None] * own).reshape(-1, len(states))
        else:
            reached = reached @ own.T
        cost = (cost[:, None] + more).ravel()
    return cost + np.log(reached.ravel()) - math.log(2) - problem._log_p


def _in_order(problem: IsingSparsification, number: int) -> list[int]:
    """The levels of a choice, by its place among all."""
    side = math.isqrt(int(problem.edges.max()) + 1)
    n = len(problem.edges)
    order: list[int] = []
    for row in range(side):
        if row:
            order += range(side * (side - 1) + (row - 1) * side, side * (side - 1) + row * side)
        order += range(row * (side - 1), (row + 1) * (side - 1))
    levels = [0] * n
    for edge, bit in zip(order, f"{number:0{n}b}", strict=True):
        levels[edge] = int(bit)
    return levels


def test_the_values_of_all_choices_are_right() -> None:
    problem = IsingSparsification(3, instance=1)
    values = _values_of_all(problem)
    for number in (0, 1, 77, 1234, 4095):
        assert problem.value(_in_order(problem, number)) == pytest.approx(values[number], abs=1e-9)


@pytest.mark.slow
def test_the_known_choice_is_an_optimum() -> None:
    known = KNOWN["ising"]
    assert isinstance(known.problem, IsingSparsification)
    values = _values_of_all(known.problem)
    levels = _in_order(known.problem, int(values.argmin()))
    assert "".join(map(str, levels)) == known.best
    assert known.problem.value(levels) == pytest.approx(values.min(), abs=1e-9)
