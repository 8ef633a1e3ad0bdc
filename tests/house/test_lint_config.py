"""The globs and names that lint and type checks are configured with still match files."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
PACKAGES = TOOL["hatch"]["build"]["targets"]["wheel"]["packages"]


def test_ruff_sees_every_file() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--show-files", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    seen = {Path(line) for line in run.stdout.splitlines()}
    for folder in ("qhpo", "problems", "integrations", "tests", "examples", "docs", ".ci"):
        files = set((ROOT / folder).rglob("*.py"))
        assert files, f"{folder} has no Python file"
        assert files <= seen


@pytest.mark.parametrize("glob", TOOL["ruff"]["lint"]["per-file-ignores"])
def test_ruff_exceptions_match_files(glob: str) -> None:
    assert any(path.suffix == ".py" for path in ROOT.glob(f"{glob}/*"))


def _parents() -> list[Path]:
    return list(dict.fromkeys(Path(package).parent for package in PACKAGES))


def test_ruff_takes_the_packages_for_ours() -> None:
    # Two of them are side by side.
    assert [Path(entry) for entry in TOOL["ruff"]["src"]] == _parents()


def test_mypy_checks_the_packages_of_the_wheel() -> None:
    assert TOOL["mypy"]["files"] == PACKAGES
    for folder in TOOL["mypy"]["files"]:
        assert list((ROOT / folder).rglob("*.py"))
    roots = [
        entry.replace("$MYPY_CONFIG_FILE_DIR", ".")
        for entry in TOOL["mypy"]["mypy_path"].split(":")
    ]
    assert [Path(entry) for entry in roots] == _parents()


def test_import_contracts_cover_the_packages_of_the_wheel() -> None:
    # Nothing of ours imports the plugin: Hydra finds it by its place.
    names = [Path(package).name for package in PACKAGES]
    assert [*TOOL["importlinter"]["root_packages"], "hydra_plugins"] == names


@pytest.mark.parametrize("entry", TOOL["hatch"]["build"]["targets"]["sdist"]["only-include"])
def test_sdist_entries_exist(entry: str) -> None:
    assert (ROOT / entry).exists()


@pytest.mark.parametrize("folder", TOOL["pytest"]["ini_options"]["testpaths"])
def test_test_folders_hold_tests(folder: str) -> None:
    assert list((ROOT / folder).rglob("test_*.py"))
