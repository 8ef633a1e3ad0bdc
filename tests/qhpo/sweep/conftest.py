"""Sweep files as tests write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from qhpo.sweep import Sweep, load_sweep

Load = Callable[..., Sweep]

PLAIN: dict[str, Any] = {
    "program": "train.py",
    "method": "bayes",
    "metric": {"name": "loss"},
    "parameters": {"lr": {"min": 0.001, "max": 0.1}},
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads text as it is, or the plain file with other values at the top level; None: without."""

    def loaded(written: str | None = None, name: str = "sweep.yaml", **changes: Any) -> Sweep:
        path = tmp_path / name
        spec = {k: v for k, v in {**PLAIN, **changes}.items() if v is not None}
        path.write_text(yaml.safe_dump(spec, sort_keys=False) if written is None else written)
        return load_sweep(path)

    return loaded
