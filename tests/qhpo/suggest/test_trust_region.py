"""The trust region's radius, a function of the values alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qhpo.suggest.trust_region import trust_radius

values = st.lists(
    st.one_of(st.floats(-10, 10), st.sampled_from([np.inf, -np.inf])), min_size=0, max_size=120
).map(np.array)
many_axes = st.integers(2, 300)
startups = st.integers(0, 20)


def _course(history: np.ndarray, n_axes: int, n_startup: int) -> list[int]:
    """The radius after every trial."""
    return [trust_radius(history[:n], n_axes, n_startup) for n in range(len(history) + 1)]


@given(values, many_axes, startups)
def test_is_a_whole_number_from_2_to_all_axes(
    history: np.ndarray, n_axes: int, n_startup: int
) -> None:
    for radius in _course(history, n_axes, n_startup):
        assert isinstance(radius, int)
        assert 2 <= radius <= n_axes


@given(values, many_axes)
def test_the_first_design_does_not_count(history: np.ndarray, n_axes: int) -> None:
    assert trust_radius(history, n_axes, len(history)) == n_axes
    assert trust_radius(history, n_axes, len(history) + 5) == n_axes


@given(values, many_axes, startups, st.randoms(use_true_random=False))
def test_the_order_of_the_first_design_does_not_matter(
    history: np.ndarray, n_axes: int, n_startup: int, random: np.random.Generator
) -> None:
    first = history[:n_startup].tolist()
    random.shuffle(first)
    shuffled = np.concatenate([first, history[n_startup:]])
    assert trust_radius(shuffled, n_axes, n_startup) == trust_radius(history, n_axes, n_startup)


@given(values, many_axes, startups)
def test_only_the_order_of_the_values_matters(
    history: np.ndarray, n_axes: int, n_startup: int
) -> None:
    ranks = np.unique(history, return_inverse=True)[1].astype(float)
    assert trust_radius(ranks, n_axes, n_startup) == trust_radius(history, n_axes, n_startup)


@pytest.mark.parametrize("n_axes", [16, 25, 100])
def test_failures_shrink_it_until_it_starts_anew(n_axes: int) -> None:
    course = _course(np.concatenate([[0.0], np.ones(30 * n_axes)]), n_axes, 1)
    assert course[0] == course[1] == n_axes
    smallest = min(course)
    assert smallest < n_axes / 2
    falls = [b - a for a, b in itertools.pairwise(course) if b < a]
    rises = [(a, b) for a, b in itertools.pairwise(course) if b > a]
    assert len(falls) > len(rises) > 0
    # Having become as small as it may, it starts anew from everything.
    assert all(b == n_axes for _, b in rises)
    assert all(a < n_axes / 2 for a, _ in rises)


@pytest.mark.parametrize("n_axes", [16, 25, 100])
def test_successes_grow_it_and_stop_at_all_axes(n_axes: int) -> None:
    failures = np.ones(3 * n_axes)
    while trust_radius(np.append(0.0, failures), n_axes, 1) > n_axes / 2:
        failures = np.append(failures, 1.0)
    history = np.concatenate([[0.0], failures, -np.arange(1.0, 60.0)])
    course = _course(history, n_axes, 1)[1 + len(failures) :]
    assert all(b >= a for a, b in itertools.pairwise(course))
    assert course[0] < course[-1] == n_axes


def test_a_success_between_failures_does_not_grow_it() -> None:
    failures = np.ones(60)
    alternating = np.column_stack([np.ones(30), -np.arange(1.0, 31.0)]).ravel()
    course = _course(np.concatenate([[0.0], failures, alternating]), 60, 1)[61:]
    assert course[0] < 60
    assert max(course) == course[0]


def test_only_a_new_best_is_a_success() -> None:
    base = np.concatenate([[0.0], np.ones(50)])
    equal = np.concatenate([[0.0], np.zeros(50)])
    assert _course(base, 30, 1) == _course(equal, 30, 1)
