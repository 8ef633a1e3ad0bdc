"""How the score is searched: a design first, then annealed candidates, climbs and polish."""

from __future__ import annotations

from qhpo.suggest.design import design_coordinate
from qhpo.suggest.model import Meaning, QuadraticModel
from qhpo.suggest.policy import Suggestion, SuggestionPolicy
from qhpo.suggest.settings import Settings

__all__ = [
    "Meaning",
    "QuadraticModel",
    "Settings",
    "Suggestion",
    "SuggestionPolicy",
    "design_coordinate",
]
