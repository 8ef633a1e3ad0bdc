from __future__ import annotations

import itertools

import numpy as np
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.formulations.discrete import levels_of


@pytest.mark.parametrize(
    ("weights", "values"),
    [
        ("binary", [-1, 1]),
        (1, [-1, 1]),
        ("ternary", [-1, 0, 1]),
        (2, [-2, -1, 0, 1]),
        (np.int64(3), list(range(-4, 4))),
    ],
)
def test_bits_reach_every_level(weights: str | int, values: list[int]) -> None:
    levels = levels_of(weights)
    every = itertools.product((0, 1), repeat=levels.bits)
    found = {int(levels.values(levels.codes(np.array(bits)))[0]) for bits in every}
    assert sorted(found) == values
    assert levels.reach == max(map(abs, values))


@pytest.mark.parametrize("weights", ["binary", "ternary", 2, 4, 8])
def test_codes_become_bits_and_levels_and_come_back(weights: str | int) -> None:
    levels = levels_of(weights)
    codes = np.arange(levels.top + 1)
    np.testing.assert_array_equal(levels.codes(levels.bits_of(codes)), codes)
    np.testing.assert_array_equal(levels.codes_of(levels.values(codes)), codes)


@pytest.mark.parametrize("weights", ["binary", "ternary", 3])
def test_the_grid_has_the_errors_of_the_levels(weights: str | int) -> None:
    levels, rng = levels_of(weights), np.random.default_rng(0)
    wanted, scales = rng.normal(size=(3, 5)), rng.uniform(0.1, 1.0, size=3)
    codes = rng.integers(levels.top + 1, size=(3, 5))
    errors = levels.grid(scales).values(codes) - levels.shifted(wanted, scales)
    np.testing.assert_allclose(errors, scales[:, None] * levels.values(codes) - wanted)
    assert levels.grid(scales).holds(np.array([-1, 0, levels.top, levels.top + 1])).tolist() == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("weights", ["ternery", 0, 9, 2.0, True, None])
def test_other_weights_are_refused(weights: object) -> None:
    with pytest.raises(QhpoError, match=rf"1 to 8; got {weights!r}"):
        levels_of(weights)  # type: ignore[arg-type]
