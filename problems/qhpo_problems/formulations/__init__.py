"""Training steps of machine learning as quadratic models of bits, which every solver takes.

Importing this package imports neither torch nor scikit-learn.
"""

from __future__ import annotations

from qhpo_problems.formulations.base import Formulation, minimize, solve
from qhpo_problems.formulations.model import BinaryModel

__all__ = ["BinaryModel", "Formulation", "minimize", "solve"]
