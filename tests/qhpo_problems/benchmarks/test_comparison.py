"""Suites of methods on data sets: run once, kept, summed over seeds, told apart by their code."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes

from qhpo.cli import main
from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.benchmarks import (
    Metric,
    Record,
    Results,
    Suite,
    draw,
    load_suite,
    run_suite,
    suite_names,
)
from qhpo_problems.benchmarks.comparison import comparison
from qhpo_problems.benchmarks.report import to_markdown
from qhpo_problems.benchmarks.results import standard_error

pytestmark = pytest.mark.usefixtures("made")


def measure(table: str, method: str, seed: int) -> list[dict[str, float]]:
    base = {"new": 0.5, "old": 0.25}[method] + seed / 10
    return [{"score": base, "size": 4.0}, {"score": -base, "size": 3.0 if method == "old" else 2.0}]


def _suite(settings: Sequence[str] = ("small", "large")) -> Suite:
    return comparison(
        name="made",
        tables={"one": "a table", "two": "another table"},
        methods=("new", "old"),
        settings=settings,
        metrics=(
            Metric("score", "{:.2f}".format, max, error=standard_error),
            Metric("size", "{:.0f}".format, min),
        ),
        measure=measure,
        footnote="Scores.",
    )


SUITE = _suite()


def _run(cache: Path, seeds: list[int], suite: Suite = SUITE) -> list[Record]:
    return run_suite(suite, ("new", "old"), ("one", "two"), seeds=seeds, cache=cache)


def test_runs_come_in_order_and_are_kept(tmp_path: Path, made: list[Any]) -> None:
    records = _run(tmp_path, [3])
    assert [(r.method, r.table, r.seed) for r in records] == made
    assert len(made) == 4
    assert records[1].rows[0] == {"score": pytest.approx(0.55), "size": 4.0}
    again = _run(tmp_path, [3, 4])
    assert again[:4] == records
    assert len(made) == 8


def test_other_settings_or_sources_are_run_anew(tmp_path: Path, made: list[Any]) -> None:
    _run(tmp_path, [0])
    _run(tmp_path, [0], _suite(settings=("small", "huge")))
    _run(tmp_path, [0], replace(SUITE, sources=lambda method, table: [to_markdown]))
    assert len(made) == 12


def test_tables_show_means_and_mark_the_best(tmp_path: Path) -> None:
    text = to_markdown(SUITE, Results.of(_run(tmp_path, [0, 1])))
    lines = text.splitlines()
    assert lines[0] == "### one: a table; 2 seeds"
    assert lines[2] == "| method | score, small | score, large | size, small | size, large |"
    assert lines[4] == "| new | **0.55 ± 0.05** | -0.55 ± 0.05 | **4** | **2** |"
    assert lines[5] == "| old | 0.30 ± 0.05 | **-0.30 ± 0.05** | **4** | 3 |"
    assert text.count("### ") == 2
    assert "Scores. Means over seeds" in text


def test_an_error_has_no_sign(tmp_path: Path) -> None:
    signed = Metric("score", "{:+.2f}".format, max, error=standard_error)
    text = to_markdown(replace(SUITE, metrics=(signed,)), Results.of(_run(tmp_path, [0, 1])))
    assert "| new | **+0.55 ± 0.05** | -0.55 ± 0.05 |" in text


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    assert "| new | **0.50** |" in to_markdown(SUITE, Results.of(_run(tmp_path, [0])))


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """Means and lengths of the error bars of every setting on every table that is drawn."""
    drawn: list[tuple[Any, Any]] = []
    plain = Axes.errorbar

    def spy(axes: Axes, x: Any, y: Any, **options: Any) -> Any:
        drawn.append((x.tolist(), options["xerr"].tolist()))
        return plain(axes, x, y, **options)

    monkeypatch.setattr(Axes, "errorbar", spy)
    return drawn


def test_the_picture_shows_means_and_standard_errors(
    tmp_path: Path, bars: list[tuple[Any, Any]]
) -> None:
    draw(SUITE, Results.of(_run(tmp_path, [0, 1])), tmp_path / "out.png")
    # Two tables with two settings each.
    assert len(bars) == 4
    means, errors = bars[1]
    assert means == pytest.approx([-0.55, -0.3])
    assert errors == pytest.approx([0.05, 0.05])


def test_unknown_suite() -> None:
    with pytest.raises(QhpoError, match=r"must be one of: tables, .*features.*got 'naught'"):
        load_suite("naught")


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "qhpo_problems.benchmarks.formulations.features", False)
    # All of it: what a module shares with others may have been imported by them.
    for name in ["sklearn", *(name for name in sys.modules if name.startswith("sklearn."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"the suite features needs .* sklearn.*\[torch\]"):
        load_suite("features")


@pytest.mark.parametrize("name", suite_names())
def test_every_suite_names_itself_and_what_it_compares(name: str) -> None:
    suite = load_suite(name)
    assert suite.name == name
    assert {*suite.default, *suite.always} <= set(suite.methods)
    table = next(iter(suite.tables))
    for method in suite.methods.values():
        assert suite.sources(method, table)


def test_features_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        *("bench", "--suite", "features", "--samplers", "k-best", "--tables", "breast-cancer"),
        *("--seeds", "2", "--cache", str(tmp_path), "--out", str(tmp_path / "out.md")),
        *("--plot", str(tmp_path / "out.png")),
    ]
    assert main(arguments) == 0
    assert "breast-cancer: 569 examples" in capsys.readouterr().out
    assert "| k-best | **0.9" in (tmp_path / "out.md").read_text()
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--samplers", "qubo"], "--samplers must be among annealing, .*got 'qubo'"),
        (["--tables", "car"], "--tables must be among breast-cancer, .*got 'car'"),
        (["--trials", "3"], "--trials is of suites with trials; got --suite features"),
        (["--plot", "bench.pdf"], r"ending in \.png or \.svg; got bench\.pdf"),
    ],
)
def test_mistakes_are_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["bench", "--suite", "features", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
