"""What may be suggested: the machinery behind constraints and conditions."""

from __future__ import annotations

from qhpo.feasible.domain import FeasibleSet
from qhpo.feasible.milp import Found
from qhpo.feasible.moves import Moves
from qhpo.feasible.penalty import PenaltyWeights, penalized

__all__ = ["FeasibleSet", "Found", "Moves", "PenaltyWeights", "penalized"]
