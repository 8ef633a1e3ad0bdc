"""Choice of the next configuration: annealed candidates, re-ranked by expected improvement."""

from __future__ import annotations

from qhpo.acquisition.choice import Chooser
from qhpo.acquisition.design import design_coordinate, random_coordinate
from qhpo.acquisition.domain import Domain
from qhpo.acquisition.settings import Settings

__all__ = ["Chooser", "Domain", "Settings", "design_coordinate", "random_coordinate"]
