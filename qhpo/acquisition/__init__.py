"""Choice of the next configuration: annealed candidates, re-ranked by expected improvement."""

from __future__ import annotations

from qhpo.acquisition.choice import Chooser
from qhpo.acquisition.design import design_coordinate
from qhpo.acquisition.settings import Settings

__all__ = ["Chooser", "Settings", "design_coordinate"]
