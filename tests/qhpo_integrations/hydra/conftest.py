"""Programs of Hydra, run as a user runs them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = """
import hydra, optuna
from omegaconf import OmegaConf
from qhpo_integrations.hydra import current_trial


@hydra.main(version_base=None, config_path=None, config_name="config")
def main(cfg):
    trial = current_trial()
    if cfg.fail:
        raise RuntimeError("this one fails")
    for step in range(0 if cfg.two else 4):
        trial.report(cfg.x + step / 100, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    if cfg.text is not None:
        return cfg.text
    if cfg.two:
        return cfg.x, -cfg.x
    return (cfg.x - 3) ** 2 + cfg.model.width / 100 + (cfg.model.kind == "b")


from hydra.core.config_store import ConfigStore
ConfigStore.instance().store("config", {
    "x": 1.0, "fail": False, "two": False, "text": None, "momentum": 0.0,
    "model": {"kind": "a", "width": 8},
})
main()
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the program with overrides, in a folder of its own."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def run(*overrides: str, multirun: bool = True) -> subprocess.CompletedProcess[str]:
        options = ["-m", "hydra/sweeper=qhpo", "hydra.sweep.dir=out"] if multirun else []
        return subprocess.run(
            [sys.executable, program, *options, *overrides],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    return run
