"""The wheel holds the code of the three packages and nothing else, however it is built."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("qhpo", "problems/qhpo_problems", "integrations/qhpo_integrations")
PLUGIN = "integrations/hydra_plugins/qhpo_sweeper"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
INFO = f"{PROJECT['name']}-{PROJECT['version']}.dist-info"


@dataclass(frozen=True, repr=False)
class Built:
    """File contents by name."""

    tree: dict[str, bytes]
    """What the wheel should hold of the work tree."""
    wheel: dict[str, bytes]
    """The wheel made from the work tree."""
    sdist: dict[str, bytes]
    """The source distribution."""
    wheel_of_sdist: dict[str, bytes]
    """The wheel made from the source distribution."""


def _read_tree() -> Iterator[tuple[str, bytes]]:
    for package in (*PACKAGES, PLUGIN):
        folder = ROOT / package
        tree = folder.parents[1] if package == PLUGIN else folder.parent
        for path in folder.rglob("*"):
            if path.suffix == ".py" or path.name in ("py.typed", "schema.json"):
                yield path.relative_to(tree).as_posix(), path.read_bytes()


def _read_wheel(folder: Path) -> dict[str, bytes]:
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


def _read_sdist(folder: Path) -> dict[str, bytes]:
    (path,) = folder.glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        files = [(member.name, sdist.extractfile(member)) for member in sdist]
        return {name.partition("/")[2]: file.read() for name, file in files if file}


def _build(folder: Path, *options: str) -> None:
    # Without isolation the backend is the one already installed, so this works offline.
    run = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", folder, ROOT],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    direct = tmp_path_factory.mktemp("direct")
    through_sdist = tmp_path_factory.mktemp("through_sdist")
    _build(direct, "--wheel")
    _build(through_sdist)
    return Built(
        tree=dict(_read_tree()),
        wheel=_read_wheel(direct),
        sdist=_read_sdist(through_sdist),
        wheel_of_sdist=_read_wheel(through_sdist),
    )


def test_wheel_holds_the_code_of_the_tree_and_nothing_else(built: Built) -> None:
    code = {name: data for name, data in built.wheel.items() if not name.startswith(f"{INFO}/")}
    assert sorted(code) == sorted(built.tree)
    assert code == built.tree


def test_nothing_generic_lands_in_site_packages(built: Built) -> None:
    top_level = {name.partition("/")[0] for name in built.wheel}
    # Hydra's namespace is shared by all of its plugins; ours is the only thing that we put there.
    assert top_level == {Path(package).name for package in PACKAGES} | {"hydra_plugins", INFO}
    shared = {name for name in built.wheel if name.startswith("hydra_plugins/")}
    assert shared
    assert all(name.startswith("hydra_plugins/qhpo_sweeper/") for name in shared)


def test_every_package_is_typed(built: Built) -> None:
    typed = {name for name in built.wheel if name.endswith("py.typed")}
    assert typed == {f"{Path(package).name}/py.typed" for package in PACKAGES}


def test_metadata_is_complete(built: Built) -> None:
    metadata = {
        name.removeprefix(f"{INFO}/") for name in built.wheel if name.startswith(f"{INFO}/")
    }
    assert metadata == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}


def test_entry_points_name_modules_of_the_wheel(built: Built) -> None:
    parser = configparser.ConfigParser(delimiters="=")
    parser.read_string(built.wheel[f"{INFO}/entry_points.txt"].decode())
    paths = {
        target.partition(":")[0].replace(".", "/")
        for group in parser.sections()
        for target in parser[group].values()
    }
    assert paths
    assert paths <= {name.removesuffix(".py").removesuffix("/__init__") for name in built.wheel}


def test_sdist_makes_the_same_wheel(built: Built) -> None:
    assert sorted(built.wheel_of_sdist) == sorted(built.wheel)
    assert built.wheel_of_sdist == built.wheel


def test_sdist_brings_what_its_readers_run(built: Built) -> None:
    names = ("Makefile", "constraints.txt", "CHANGELOG.md", "README.md", "LICENSE", "CITATION.cff")
    for name in (*names, "CONTRIBUTING.md", ".ci/run", ".github/workflows/ci.yml", "docs/conf.py"):
        assert built.sdist[name] == (ROOT / name).read_bytes()
    assert "tests/house/test_wheel.py" in built.sdist
    assert not [name for name in built.sdist if name.endswith((".pyc", ".db"))]


@pytest.mark.slow
def test_sdist_tests_itself(built: Built, tmp_path: Path) -> None:
    for name, data in built.sdist.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    roots = [str(tmp_path / Path(package).parent) for package in PACKAGES]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    for chosen in (["--collect-only"], ["tests/house/test_lint_config.py", "tests/qhpo/space"]):
        run = subprocess.run(
            [*command, *chosen],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(roots)},
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stdout + run.stderr
