"""The `qhpo` program: tune a problem, look at its studies, list what is installed."""

from qhpo.cli.app import main

__all__ = ["main"]
