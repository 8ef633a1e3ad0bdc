"""The errors that qhpo raises for a user's mistake.

All of them are also ``ValueError``, so that code written for other Optuna samplers catches them.
"""

from __future__ import annotations

__all__ = ["MissingExtraError", "QhpoError", "SolverError"]


class QhpoError(ValueError):
    """A rule was broken: the message states the rule, the value that broke it and the fix."""


class MissingExtraError(QhpoError):
    """A feature needs packages that are not installed.

    Args:
        feature: What was asked for, such as ``"the problem cnn-digits"``.
        package: The missing import name, such as ``"torch"``.
        extra: The extra of the qhpo distribution that brings it, such as ``"torch"``.
    """

    def __init__(self, feature: str, package: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the package {package}, which is not installed; "
            f'run: pip install "qhpo[{extra}]"'
        )


class SolverError(QhpoError):
    """A solver is unknown, or cannot sample the model it was given."""
