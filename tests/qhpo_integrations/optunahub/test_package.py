"""The package for OptunaHub loads as the registry loads it, and keeps the registry's rules."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import optuna
import pytest
import yaml

import optunahub
import qhpo

REGISTRY = Path(__file__).resolve().parents[3] / "integrations" / "optunahub" / "package"
PACKAGE = REGISTRY / "samplers" / "qubo_sampler"


@pytest.fixture
def module() -> ModuleType:
    return optunahub.load_local_module("samplers/qubo_sampler", registry_root=str(REGISTRY))


def test_it_is_loaded_and_brings_the_sampler(module: ModuleType) -> None:
    assert module.QUBOSampler is qhpo.QUBOSampler
    assert all(hasattr(module, name) for name in module.__all__)


def test_without_qhpo_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qhpo", None)
    with pytest.raises(ModuleNotFoundError, match="pip install qhpo"):
        optunahub.load_local_module("samplers/qubo_sampler", registry_root=str(REGISTRY))


def _locally(package: str) -> ModuleType:
    return optunahub.load_local_module(package, registry_root=str(REGISTRY))


def test_its_example_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The registry is on the network; the folder here is what it would hold.
    monkeypatch.setattr(optunahub, "load_module", _locally)
    runpy.run_path(str(PACKAGE / "example.py"), run_name="__main__")
    assert re.match(r"[\d.]+ \{'layers'", capsys.readouterr().out)


def test_the_example_of_its_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optunahub, "load_module", _locally)
    (code,) = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    params = [trial.params for trial in names["study"].trials]
    assert len(params) == 30
    assert not any(each["optimizer"] == "sgd" and each["amsgrad"] for each in params)


def test_the_header_is_what_the_registry_checks() -> None:
    text = (PACKAGE / "README.md").read_text()
    header = yaml.safe_load(text.split("---\n")[1])
    for name in ("author", "title", "description", "tags", "optuna_versions", "license"):
        assert header[name], name
    assert "sampler" in header["tags"]
    assert header["license"] == "MIT License"
    assert optuna.__version__ in header["optuna_versions"]
    # HTML tags are removed from pages.
    assert not re.search(r"<[a-z/!]", text)


def test_it_has_the_files_of_the_template() -> None:
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files == {"README.md", "LICENSE", "__init__.py", "example.py", "requirements.txt"}
    assert "<" not in (PACKAGE / "LICENSE").read_text()
