"""What may be tried: the axes of a search space, and which of them is active when."""

from __future__ import annotations

from qhpo.space.activity import Activity
from qhpo.space.choices import are_same_choices, is_rewritten, restored
from qhpo.space.conditions import (
    Between,
    Condition,
    Enabling,
    can_take,
    declared_conditions,
    is_same,
    parents_first,
)
from qhpo.space.learning import learn_conditions
from qhpo.space.occurring import OccurringValues
from qhpo.space.space import MAX_LEVELS, Axis, Space

__all__ = [
    "MAX_LEVELS",
    "Activity",
    "Axis",
    "Between",
    "Condition",
    "Enabling",
    "OccurringValues",
    "Space",
    "are_same_choices",
    "can_take",
    "declared_conditions",
    "is_rewritten",
    "is_same",
    "learn_conditions",
    "parents_first",
    "restored",
]
