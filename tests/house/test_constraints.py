"""constraints.txt pins every package that the extras bring, and no other."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def _pinned() -> set[str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {
        canonicalize_name(line.partition("==")[0]) for line in lines if line[:1] not in ("", "#")
    }


def _brought(*requirements: str) -> set[str]:
    """The packages that the requirements bring, by what the installed releases say they need."""
    waiting = [Requirement(requirement) for requirement in requirements]
    met: dict[str, set[str]] = {}
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras} - met.setdefault(name, set()):
            met[name].add(extra)
            needed = map(Requirement, metadata.requires(name) or [])
            waiting += [entry for entry in needed if _holds(entry, extra)]
    return set(met)


def _holds(requirement: Requirement, extra: str) -> bool:
    # Builds of torch for a GPU bring CUDA's packages, other ones with each build.
    if requirement.name.startswith(("cuda-", "nvidia-", "triton")):
        return False
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def test_the_extras_and_the_build_bring_what_is_pinned() -> None:
    brought = _brought("qhpo[dev,all]", "hatchling", "editables") - {"qhpo"}
    assert brought == _pinned()
