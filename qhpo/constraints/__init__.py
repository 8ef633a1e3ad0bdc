"""Hard constraints between parameters, and how each becomes quadratic.

Example:
    >>> from qhpo import constraints as c
    >>> c.forbid(optimizer="sgd", amsgrad=True).satisfied({"optimizer": "sgd", "amsgrad": False})
    True
"""

from __future__ import annotations

from qhpo.constraints.arithmetic import linear, quadratic
from qhpo.constraints.base import Constraint
from qhpo.constraints.counting import all_different, at_least, at_most, exactly
from qhpo.constraints.logic import forbid, predicate, relation, requires

__all__ = [
    "Constraint",
    "all_different",
    "at_least",
    "at_most",
    "exactly",
    "forbid",
    "linear",
    "predicate",
    "quadratic",
    "relation",
    "requires",
]
