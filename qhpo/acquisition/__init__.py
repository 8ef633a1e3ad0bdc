"""Choice of the next configuration: annealed candidates, re-ranked by expected improvement."""

from __future__ import annotations

from qhpo.acquisition.design import (
    design_coordinate,
    design_row,
    free_configurations,
    random_coordinate,
)
from qhpo.acquisition.proposal import Proposer
from qhpo.acquisition.settings import Settings

__all__ = [
    "Proposer",
    "Settings",
    "design_coordinate",
    "design_row",
    "free_configurations",
    "random_coordinate",
]
