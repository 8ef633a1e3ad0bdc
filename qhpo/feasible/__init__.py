"""What may be suggested: constraints, conditions, and moves that keep them."""

from qhpo.acquisition.domain import Domain as FeasibleSet
from qhpo.acquisition.feasible import Feasible as Moves

__all__ = ["FeasibleSet", "Moves"]
