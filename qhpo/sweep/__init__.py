"""Sweep files: a search over a program, written down in the form of Weights & Biases.

Example:
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from qhpo.sweep import load_sweep
    >>> path = Path(tempfile.mkdtemp()) / "sweep.json"
    >>> written = {
    ...     "program": "train.py",
    ...     "metric": {"name": "loss"},
    ...     "parameters": {"lr": {"min": 0.001, "max": 0.1}, "width": {"values": [16, 32]}},
    ... }
    >>> _ = path.write_text(json.dumps(written))
    >>> load_sweep(path).argv({"lr": 0.01, "width": 16})
    ['/usr/bin/env', 'python', 'train.py', '--lr=0.01', '--width=16']
"""

from __future__ import annotations

from importlib.resources import files

from qhpo.sweep.load import load_sweep, sweep_of
from qhpo.sweep.sweep import Metric, Sweep
from qhpo.sweep.text import SUFFIXES

__all__ = ["SUFFIXES", "Metric", "Sweep", "load_sweep", "read_schema", "sweep_of"]


def read_schema() -> str:
    """The JSON Schema of sweep files, for editors."""
    return files("qhpo.sweep").joinpath("schema.json").read_text(encoding="utf-8")
