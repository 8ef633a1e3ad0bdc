"""Learning curves: what trials that are stopped early, or still run, will come to."""

from __future__ import annotations

from qhpo.curves.model import Curve, CurveModel, EndBelief

__all__ = ["Curve", "CurveModel", "EndBelief"]
