"""The quadratic model of a study's next suggestion as a file, and as a picture."""

from __future__ import annotations

from qhpo_integrations.qubo.files import write_model

__all__ = ["write_model"]
