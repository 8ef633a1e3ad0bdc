"""The configurations to fall back on: random ones, then all."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo.feasible.enumeration import free_configurations
from qhpo.space import Space

seeds = st.integers(0, 2**32 - 1)


class TestFreeConfigurations:
    SPACE = Space(
        {
            "a": IntDistribution(0, 19),
            "b": CategoricalDistribution(["x", "y", None]),
            "c": FloatDistribution(0, 0.3, step=0.15),
        }
    )

    def test_list_everything_that_can_be_counted(self) -> None:
        nothing = np.full(3, np.nan)
        found = free_configurations(self.SPACE, nothing, np.random.default_rng(0))
        keys = {self.SPACE.key(configuration) for configuration in found}
        assert len(keys) == 20 * 3 * 3

    @given(seeds, st.integers(0, 179))
    @settings(max_examples=15)
    def test_hold_the_last_free_one(self, seed: int, last: int) -> None:
        a, b, c = np.unravel_index(last, (20, 3, 3))
        wanted = self.SPACE.key(np.array([a / 19, b, c / 2]))
        nothing = np.full(3, np.nan)
        found = free_configurations(self.SPACE, nothing, np.random.default_rng(seed))
        assert any(self.SPACE.key(configuration) == wanted for configuration in found)

    @given(seeds)
    @settings(max_examples=10)
    def test_respect_what_is_frozen(self, seed: int) -> None:
        fixed = np.array([5 / 19, np.nan, 0.5])
        found = list(free_configurations(self.SPACE, fixed, np.random.default_rng(seed)))
        values = [self.SPACE.decode(configuration) for configuration in found]
        assert {value["a"] for value in values} == {5}
        assert {value["c"] for value in values} == {0.15}
        assert {value["b"] for value in values} == {"x", "y", None}

    def test_begin_at_random(self) -> None:
        nothing = np.full(3, np.nan)
        first = [
            self.SPACE.key(next(free_configurations(self.SPACE, nothing, np.random.default_rng(s))))
            for s in range(30)
        ]
        assert len(set(first)) > 15

    def test_of_an_uncountable_space_are_random_legal_and_finitely_many(self) -> None:
        space = Space({"x": FloatDistribution(0, 1), "y": IntDistribution(0, 9)})
        found = list(free_configurations(space, np.full(2, np.nan), np.random.default_rng(0)))
        assert 100 <= len(found) < 100_000
        for configuration in itertools.islice(found, 50):
            assert space.axes[1].coordinate(space.decode(configuration)["y"]) == configuration[1]

    def test_of_a_space_too_large_to_count_end(self) -> None:
        space = Space({f"x{i:02}": IntDistribution(0, 9) for i in range(60)})
        found = free_configurations(space, np.full(60, np.nan), np.random.default_rng(0))
        assert sum(1 for _ in found) < 100_000
