"""What is active by the conditions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.space import (
    Activity,
    Condition,
    Enabling,
    Space,
)

SEEDS = st.integers(0, 2**32 - 1)


class TestActivity:
    SPACE: dict[str, BaseDistribution] = {  # noqa: RUF012
        "a": CategoricalDistribution(["x", "y", "z"]),
        "b": IntDistribution(0, 4),
        "c": FloatDistribution(0.0, 1.0),
        "d": IntDistribution(1, 3),
        "e": CategoricalDistribution([True, False]),
        "only": IntDistribution(5, 5),
    }

    @given(st.data(), SEEDS)
    @settings(max_examples=80)
    def test_it_is_what_the_conditions_say(self, data: st.DataObject, seed: int) -> None:
        rng = np.random.default_rng(seed)
        space = Space(self.SPACE)
        # Parents come later in the alphabet or earlier: the order is the rules', not the names'.
        order = data.draw(st.permutations(["a", "b", "c", "d", "e"]))
        conditions = []
        for k, child in enumerate(order[1:], start=1):
            parents = data.draw(st.lists(st.sampled_from(order[:k]), unique=True, max_size=2))
            enabling = []
            for parent in parents:
                if parent == "c":
                    enabling.append(Enabling("c", None, (0.3, math.inf)))
                else:
                    axis = space.axes[list(self.SPACE).index(parent)]
                    values = [axis.value(c) for c in axis.coordinates.tolist()]
                    chosen = data.draw(st.lists(st.sampled_from(values), min_size=1))
                    enabling.append(Enabling(parent, tuple(chosen)))
            if enabling:
                conditions.append(Condition(child, tuple(enabling)))
        rng.shuffle(conditions)  # type: ignore[arg-type]
        coordinates = [axis.coordinates for axis in space.axes]
        # Values between the levels occur too.
        coordinates[2] = np.append(coordinates[2], [0.29, 0.31])
        activity = Activity(space, conditions, coordinates)
        imputed = np.stack([rng.integers(len(known), size=30) for known in coordinates], axis=1)
        before = imputed.copy()
        places = activity.apply(imputed)
        np.testing.assert_array_equal(imputed, before)

        rules = {c.child: c for c in conditions}
        for full, applied in zip(imputed.tolist(), places.tolist(), strict=True):
            values = {
                axis.name: axis.value(float(known[k]))
                for axis, known, k in zip(space.axes, coordinates, full, strict=True)
            }
            expected: dict[str, Any] = {}
            for name in [*order, "only"]:
                if name not in rules or rules[name].is_active(expected):
                    expected[name] = values[name]
            found = {
                axis.name: axis.value(float(known[k]))
                for axis, known, k in zip(space.axes, coordinates, applied, strict=True)
                if k >= 0
            }
            assert found == expected
        names = list(self.SPACE)
        children = {names[i] for i in np.flatnonzero(activity.children)}
        switches = {names[i] for i in np.flatnonzero(activity.switches)}
        assert children == set(rules)
        assert switches == {e.parent for c in conditions for e in c.parents}

    def test_without_conditions_everything_is_active(self) -> None:
        space = Space(self.SPACE)
        activity = Activity(space, (), [axis.coordinates for axis in space.axes])
        imputed = np.zeros((2, len(space)), dtype=np.intp)
        np.testing.assert_array_equal(activity.apply(imputed), imputed)
        assert not activity.switches.any()
        assert not activity.children.any()

    def test_a_parent_outside_of_the_space_enables_always(self) -> None:
        space = Space({"child": IntDistribution(0, 2)})
        condition = Condition("child", (Enabling("absent", (1,)),))
        activity = Activity(space, [condition], [space.axes[0].coordinates])
        assert activity.apply(np.array([[2]])).tolist() == [[2]]
