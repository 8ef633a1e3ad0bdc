"""What installed packages bring is found by name, and a broken one is named and hides no other."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from qhpo.errors import QhpoError, SolverError
from qhpo.plugins import Plugins, missing_packages

MODULE = """
class Herb: pass
BASIL = Herb()
THYME = Herb()
STONE = "stone"
"""
ENTRY_POINTS = """
[garden.herbs]
thyme = garden_{n}:THYME
basil = garden_{n}:BASIL
weed = garden_{n}:WEED
stone = garden_{n}:STONE
storm = storm_{n}:HERB
"""


def install(folder: Path, n: int, entry_points: str = ENTRY_POINTS) -> None:
    (folder / f"garden_{n}.py").write_text(MODULE)
    (folder / f"storm_{n}.py").write_text("raise OSError('no\\nlight')")
    info = folder / f"garden_{n}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: garden-{n}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points.format(n=n))


@pytest.fixture
def herbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugins[object]:
    """Those of a package that has just been installed."""
    install(tmp_path, 1)
    monkeypatch.syspath_prepend(str(tmp_path))
    return Plugins("garden.herbs", "herb", importlib.import_module("garden_1").Herb)


def test_names_are_sorted_and_nothing_is_imported_for_them(herbs: Plugins[object]) -> None:
    assert herbs.names() == ("basil", "stone", "storm", "thyme", "weed")
    assert herbs.package("storm") == "garden-1"
    assert Plugins("garden.trees", "tree", object).names() == ()


def test_a_name_gives_what_the_entry_point_names(herbs: Plugins[object]) -> None:
    module = importlib.import_module("garden_1")
    assert herbs.load("basil") is module.BASIL
    assert herbs.load("thyme") is module.THYME


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("basel", "a herb must be one of: basil, stone, .* got 'basel'; did you mean 'basil'"),
        ("", "got ''; see `qhpo herbs`"),
        ("weed", r"the herb weed of the package garden-1 cannot be loaded: AttributeError: .*WEED"),
        ("storm", r"garden-1 cannot be loaded: OSError: no light; update or uninstall that pack"),
        ("stone", r"must be a garden_1.Herb; stone of the package garden-1 is a str; update or"),
    ],
)
def test_a_mistake_is_one_line(herbs: Plugins[object], name: str, message: str) -> None:
    with pytest.raises(QhpoError, match=message) as error:
        herbs.load(name)
    assert "\n" not in str(error.value)


def test_an_empty_group_says_so() -> None:
    with pytest.raises(QhpoError, match="a tree must be one of: none; got 'oak'"):
        Plugins("garden.trees", "tree", object).load("oak")


def test_the_error_is_of_the_kind_that_the_group_has(herbs: Plugins[object]) -> None:
    for name in ("none", "weed", "stone"):
        with pytest.raises(SolverError):
            Plugins("garden.herbs", "herb", int, SolverError).load(name)


def test_what_is_broken_is_listed_beside_what_is_not(herbs: Plugins[object]) -> None:
    found = herbs.load_all()

    assert tuple(found) == herbs.names()
    assert {name for name, herb in found.items() if isinstance(herb, QhpoError)} == {
        "stone",
        "storm",
        "weed",
    }
    for name in ("stone", "storm", "weed"):
        with pytest.raises(QhpoError) as error:
            herbs.load(name)
        assert str(found[name]) == str(error.value)


def test_of_two_packages_with_one_name_that_found_first_counts(
    herbs: Plugins[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("later", "earlier"):
        (tmp_path / place).mkdir()
    install(tmp_path / "later", 2, "[garden.herbs]\nbasil = garden_{n}:BASIL\nmint = none:MINT\n")
    install(tmp_path / "earlier", 3, "[garden.herbs]\nbasil = garden_{n}:BASIL\n")
    monkeypatch.syspath_prepend(str(tmp_path / "later"))
    monkeypatch.syspath_prepend(str(tmp_path / "earlier"))

    # Also seen: what has been installed since the group was last read.
    assert {name: herbs.package(name) for name in ("basil", "mint", "thyme")} == {
        "basil": "garden-3",
        "mint": "garden-2",
        "thyme": "garden-1",
    }


def test_missing_packages() -> None:
    names = ("json", "no_such_package", "json.decoder", "no_such_package.part", "json.no_such_part")
    assert missing_packages(names) == (
        "no_such_package",
        "no_such_package.part",
        "json.no_such_part",
    )


def test_a_loaded_package_without_a_spec_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    # As packages do that put an object in their place which loads their parts when they are used.
    monkeypatch.setitem(sys.modules, "lazy_package", ModuleType("lazy_package"))
    monkeypatch.setitem(sys.modules, "blocked_package", None)
    assert missing_packages(["lazy_package", "blocked_package"]) == ("blocked_package",)


def test_a_summary_is_read_and_nothing_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "orchard_9"
    (package / "trees").mkdir(parents=True)
    for folder in (package, package / "trees"):
        (folder / "__init__.py").write_text("raise OSError('imported')")
    oak = "def oak():\n    '''Grows\n    slowly.\n\n    And long.\n    '''\n"
    (package / "trees" / "wood.py").write_text(f"{oak}def elm(): pass\nASH = 1\n")
    (package / "trees" / "torn.py").write_text("def oak(:")
    points = "".join(
        f"{name} = orchard_{{n}}.{place}\n"
        for name, place in {
            "oak": "trees.wood:oak",
            "elm": "trees.wood:elm",
            "ash": "trees.wood:ASH",
            "torn": "trees.torn:oak",
            "gone": "no.such:oak",
        }.items()
    )
    install(tmp_path, 9, f"[orchard.trees]\n{points}nowhere = no_such_orchard:oak\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    trees = Plugins("orchard.trees", "tree", object)
    summaries = {name: trees.summary(name) for name in trees.names()}
    assert summaries.pop("oak") == "Grows slowly."
    assert set(summaries.values()) == {""}
