"""constraints.txt pins every package that the extras bring, and no other, on every Python."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = [
    entry.rpartition(" ")[2]
    for entry in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    if entry.startswith("Programming Language :: Python :: 3.")
]


def _pins(python: str) -> dict[str, str]:
    """Version by name, of the lines that hold there."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in pins
        if pin.marker is None or pin.marker.evaluate({"python_version": python})
    }


def _requirements(python: str) -> Iterator[Requirement]:
    """All that an environment of `make` needs there, by what the installed releases say."""
    waiting = [Requirement(text) for text in ("qhpo[dev,all]", "hatchling", "editables")]
    met: dict[str, set[str]] = {}
    while waiting:
        requirement = waiting.pop()
        yield requirement
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras} - met.setdefault(name, set()):
            met[name].add(extra)
            environment = {"python_version": python, "extra": extra}
            for needed in map(Requirement, metadata.requires(name) or []):
                # Builds of torch for a GPU bring CUDA's packages, other ones with each build.
                if needed.name.startswith(("cuda-", "nvidia-", "triton")):
                    continue
                if needed.marker is None or needed.marker.evaluate(environment):
                    waiting.append(needed)


@pytest.mark.parametrize("python", PYTHONS)
def test_what_the_extras_bring_is_pinned(python: str) -> None:
    brought = {canonicalize_name(requirement.name) for requirement in _requirements(python)}
    assert brought - {"qhpo"} == set(_pins(python))


@pytest.mark.parametrize("python", PYTHONS)
def test_the_pins_fit_together(python: str) -> None:
    pins = _pins(python) | {"qhpo": metadata.version("qhpo")}
    assert [
        str(requirement)
        for requirement in _requirements(python)
        if not requirement.specifier.contains(pins[canonicalize_name(requirement.name)])
    ] == []
