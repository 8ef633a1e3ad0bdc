"""Conditions that users declare."""

from __future__ import annotations

import math
from typing import Any

import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo import QhpoError
from qhpo.space import (
    declared_conditions,
)

NETWORK: dict[str, BaseDistribution] = {
    "kind": CategoricalDistribution(["mlp", "cnn", None]),
    "n_layers": IntDistribution(1, 4),
    "rate": FloatDistribution(1e-3, 1.0, log=True),
    "units_3": IntDistribution(8, 64, step=8),
    "units_4": IntDistribution(8, 64, step=8),
}


class TestDeclared:
    def test_values_and_collections_of_values(self) -> None:
        conditions = declared_conditions(
            {
                "units_3": {"n_layers": [3, 4]},
                "units_4": {"n_layers": 4, "kind": ("mlp", None)},
                "rate": {"kind": {"mlp"}},
            },
            NETWORK,
        )
        by_child = {c.child: c for c in conditions}
        assert by_child["units_3"].is_active({"n_layers": 3})
        assert not by_child["units_3"].is_active({"n_layers": 2})
        assert by_child["units_4"].is_active({"n_layers": 4, "kind": None})
        assert not by_child["units_4"].is_active({"n_layers": 4, "kind": "cnn"})
        assert not by_child["units_4"].is_active({"n_layers": 3, "kind": None})
        assert by_child["rate"].is_active({"kind": "mlp"})
        assert not by_child["rate"].is_active({"kind": None})

    def test_an_inactive_parent_enables_nothing(self) -> None:
        (condition,) = declared_conditions({"units_3": {"n_layers": range(1, 5)}}, NETWORK)
        assert not condition.is_active({"kind": "mlp"})

    def test_a_float_may_be_a_parent(self) -> None:
        (condition,) = declared_conditions({"kind": {"rate": [0.5, 1.0]}}, NETWORK)
        assert condition.is_active({"rate": 0.5})
        assert not condition.is_active({"rate": 0.25})

    @pytest.mark.parametrize(
        ("conditions", "parts"),
        [
            ([("units_3", {"n_layers": 3})], ("must be a mapping", "[('units_3'", "units_3")),
            ("units_3", ("must be a mapping", "'units_3'")),
            ({"units_3": [3, 4]}, ("parents", "[3, 4]", "'units_3'", "such as")),
            ({"units_3": {}}, ("parents", "{}", "'units_3'", "such as")),
            ({"units_3": {"n_layers": []}}, ("at least one", "[]", "'n_layers'", "'units_3'")),
            ({"units_9": {"n_layers": 3}}, ("search space", "'units_9'", "units_3, units_4")),
            ({"units_3": {"layers": 3}}, ("search space", "'layers'", "kind, n_layers")),
            ({3: {"n_layers": 3}}, ("search space", "got 3")),
            ({"units_3": {"n_layers": 5}}, ("can take", "got 5", "'n_layers'", "high=4")),
            # Optuna reads numbers from strings, but 4 does not equal "4".
            ({"units_3": {"n_layers": [3, "4"]}}, ("can take", "'4'", "'n_layers'")),
            ({"units_3": {"n_layers": [[3], 4]}}, ("can take", "[3]", "'n_layers'")),
            ({"units_3": {"kind": "MLP"}}, ("can take", "'MLP'", "'kind'", "cnn")),
            ({"units_3": {"rate": math.nan}}, ("can take", "nan", "'rate'")),
            ({"units_3": {"n_layers": 2.5}}, ("can take", "2.5", "'n_layers'")),
            ({"units_3": {"units_3": 8}}, ("depend on itself", "'units_3'")),
            (
                {"units_3": {"units_4": 8}, "units_4": {"rate": 1.0}, "rate": {"units_3": 8}},
                ("depend on itself", "cycle"),
            ),
        ],
        ids=str,
    )
    def test_a_mistake_is_named(self, conditions: Any, parts: tuple[str, ...]) -> None:
        with pytest.raises(QhpoError) as error:
            declared_conditions(conditions, NETWORK)
        message = str(error.value)
        assert [part for part in parts if part not in message] == []
        assert "\n" not in message

    def test_an_empty_space_is_named_too(self) -> None:
        with pytest.raises(QhpoError, match="the space has: none"):
            declared_conditions({"a": {"b": 1}}, {})

    def test_nothing_is_fine(self) -> None:
        assert declared_conditions({}, {}) == ()
