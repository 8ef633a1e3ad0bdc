"""Whatever can change a run changes its fingerprint, and nothing else does."""

from __future__ import annotations

import importlib
import linecache
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
from optuna.samplers import RandomSampler, TPESampler

import qhpo
from qhpo_problems.benchmarks import provenance, tabular
from qhpo_problems.benchmarks.provenance import fingerprint, package_versions
from qhpo_problems.benchmarks.samplers import SAMPLERS


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of qhpo that may be edited; fingerprints are taken of it."""
    root = tmp_path / "qhpo"
    shutil.copytree(Path(qhpo.__file__).parent, root)
    monkeypatch.setattr(qhpo, "__file__", str(root / "__init__.py"))
    return root


def _all() -> dict[str, str]:
    return {name: fingerprint(name, factory) for name, factory in SAMPLERS.items()}


def _changed(before: dict[str, str]) -> set[str]:
    after = _all()
    return {name for name in before if before[name] != after[name]}


def test_fingerprints_differ_between_samplers_and_stay() -> None:
    assert len(set(_all().values())) == len(SAMPLERS)
    assert _changed(_all()) == set()


def test_edited_source_concerns_qubo_alone(sources: Path) -> None:
    before = _all()
    with (sources / "timing.py").open("a") as file:
        file.write("# edited\n")
    assert _changed(before) == {"qubo"}


def test_new_and_renamed_files_are_seen(sources: Path) -> None:
    before = _all()
    (sources / "solvers" / "another.py").write_text("")
    assert _changed(before) == {"qubo"}
    middle = _all()
    (sources / "solvers" / "another.py").rename(sources / "solvers" / "another_.py")
    assert _changed(middle) == {"qubo"}


def test_command_line_is_no_part_of_a_sampler(sources: Path) -> None:
    before = _all()
    (sources / "cli" / "another.py").write_text("")
    assert _changed(before) == set()


def test_way_of_reading_the_tables_concerns_everyone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _all()
    edited = tmp_path / "tabular.py"
    edited.write_bytes(Path(tabular.__file__).read_bytes() + b"# edited\n")
    monkeypatch.setattr(tabular, "__file__", str(edited))
    assert _changed(before) == set(SAMPLERS)


@pytest.mark.parametrize(
    ("package", "concerned"), [("optuna", set(SAMPLERS)), ("dwave-samplers", {"qubo"})]
)
def test_other_version_concerns_its_users(
    monkeypatch: pytest.MonkeyPatch, package: str, concerned: set[str]
) -> None:
    before = _all()
    true_version: Callable[[str], str] = provenance.version
    monkeypatch.setattr(
        provenance, "version", lambda name: "0.0" if name == package else true_version(name)
    )
    assert _changed(before) == concerned


def test_arguments_and_name_of_a_variant_count() -> None:
    variants = [
        ("a", partial(TPESampler, n_startup_trials=5)),
        ("a", partial(TPESampler, n_startup_trials=6)),
        ("b", partial(TPESampler, n_startup_trials=5)),
        ("a", partial(RandomSampler)),
    ]
    assert len({fingerprint(name, factory) for name, factory in variants}) == len(variants)


def test_body_of_a_factory_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fingerprinted_factory.py"
    text = "from optuna.samplers import TPESampler as T\ndef make(seed, n=1):\n    return T({})\n"
    monkeypatch.syspath_prepend(tmp_path)

    def printed(module: ModuleType) -> tuple[str, str]:
        return fingerprint("v", module.make), fingerprint("v", partial(module.make, n=2))

    path.write_text(text.format("seed=seed"))
    first = printed(importlib.import_module("fingerprinted_factory"))
    path.write_text(text.format("seed=seed, n_startup_trials=3"))
    linecache.clearcache()
    second = printed(importlib.reload(importlib.import_module("fingerprinted_factory")))
    assert len({*first, *second}) == 4


def test_versions_are_those_installed() -> None:
    versions = package_versions()
    assert {"python", "qhpo", "optuna", "numpy", "dimod", "dwave-samplers"} <= set(versions)
    assert versions["optuna"] == importlib.import_module("optuna").__version__


def test_absent_package_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_EVERYONE", ("optuna", "no-such-distribution"))
    assert "no-such-distribution" not in package_versions()
    assert fingerprint("tpe", SAMPLERS["tpe"])
