"""What is dominated is what the definition says."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qhpo.history import dominators

numbers = st.sampled_from([-np.inf, -1.0, 0.0, 1.0, 2.0, np.inf])
rows = st.integers(1, 3).flatmap(
    lambda m: st.lists(st.lists(numbers, min_size=m, max_size=m), min_size=1, max_size=12)
)


@given(rows)
def test_dominators_are_counted(values: list[list[float]]) -> None:
    for row, found in zip(values, dominators(np.array(values)), strict=True):
        by = [
            other
            for other in values
            if all(o <= r for o, r in zip(other, row, strict=True)) and other != row
        ]
        assert found == len(by)
