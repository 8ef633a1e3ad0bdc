"""The same numbers on the terminal, in Markdown and in JSON."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks import Record, Results, print_report, write_report
from qhpo_problems.benchmarks.report import check_report_path, to_markdown
from qhpo_problems.benchmarks.sampling.tables import SUITE

MakeRecord = Callable[..., Record]


@pytest.fixture
def records(make_record: MakeRecord) -> list[Record]:
    """Two samplers, two tables, two seeds, 26 trials: qubo ends at 0 or 0.02, tpe at 0.04."""
    ends = {
        ("qubo", "car"): 0.0,
        ("qubo", "cifar10"): 0.02,
        ("tpe", "car"): 0.04,
        ("tpe", "cifar10"): 0.04,
    }
    return [
        make_record(
            [12345.678, *[0.5] * 24, end],
            method=method,
            table=table,
            seed=seed,
            cpu_seconds=[0.01 if method == "qubo" else 0.002] * 26,
            repeated=[False] * 25 + [method == "tpe"],
        )
        for (method, table), end in ends.items()
        for seed in (0, 1)
    ]


def _markdown_tables(text: str) -> dict[str, list[list[str]]]:
    tables: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        if line.startswith("### "):
            rows = tables[line[4:]] = []
        elif line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return tables


def test_markdown_holds_the_numbers(records: list[Record]) -> None:
    tables = _markdown_tables(to_markdown(SUITE, Results.of(records)))
    regrets, ranks, counts, families, by_table = tables.values()
    size = "2 tables, 2 seeds, 26 trials"
    assert list(tables) == [
        f"{size}: mean normalized regret",
        f"{size}: mean rank, mean log10 regret",
        f"{size}: runs that found the optimum, repeated suggestions, CPU seconds per suggestion",
        "Mean regret @26 by family",
        "Mean regret @26 by table",
    ]
    assert regrets == [
        ["method", "regret @25", "regret @26"],
        ["---", "---:", "---:"],
        ["qubo", "**0.5000 ± 0.0000**", "**0.0100 ± 0.0000**"],
        ["tpe", "**0.5000 ± 0.0000**", "0.0400 ± 0.0000"],
    ]
    # log10: (-4 + log10(0.02)) / 2 and log10(0.04).
    assert ranks == [
        ["method", "rank @25", "rank @26", "log10 @25", "log10 @26"],
        ["---", "---:", "---:", "---:", "---:"],
        ["qubo", "**1.50**", "**1.00**", "**-0.30**", "**-2.85**"],
        ["tpe", "**1.50**", "2.00", "**-0.30**", "-1.40"],
    ]
    assert counts == [
        ["method", "optimum found", "repeats", "median CPU s", "mean CPU s"],
        ["---", "---:", "---:", "---:", "---:"],
        ["qubo", "**2 of 4**", "**0**", "0.0100", "0.0100"],
        ["tpe", "0 of 4", "4", "**0.0020**", "**0.0020**"],
    ]
    assert families == [
        ["family", "qubo", "tpe"],
        ["---", "---:", "---:"],
        ["HPOBench", "**0.0000**", "0.0400"],
        ["NASBench201", "**0.0200**", "0.0400"],
    ]
    assert [row[0] for row in by_table] == ["table", "---", "car", "cifar10"]


def test_floor_and_versions_are_said(records: list[Record]) -> None:
    text = to_markdown(SUITE, Results.of(records))
    assert "floored at 0.0001" in text
    assert text.rstrip().endswith("optuna 1.0.")


def test_footnote_names_what_is_compared(records: list[Record]) -> None:
    suite = replace(SUITE, footnote="Numbers of {tables}, {seeds}.")
    assert "Numbers of car, cifar10, 2 seeds. optuna" in to_markdown(suite, Results.of(records))


def test_one_table_and_one_seed_say_no_more_than_there_is(make_record: MakeRecord) -> None:
    text = to_markdown(SUITE, Results.of([make_record([123456.0])]))
    tables = _markdown_tables(text)
    assert len(tables) == 3
    assert "### 1 table, 1 seed, 1 trial: mean normalized regret\n" in text
    assert next(iter(tables.values()))[2] == ["tpe", "**1.23e+05**"]


def test_no_number_is_not_the_best(make_record: MakeRecord) -> None:
    records = [
        make_record([0.5], feasible=[feasible], method=str(feasible)) for feasible in (False, True)
    ]
    for chosen, expected in ((records, {"none", "**0.5000**"}), (records[:1], {"none"})):
        regrets, *_ = _markdown_tables(to_markdown(SUITE, Results.of(chosen))).values()
        assert {row[1] for row in regrets[2:]} == expected


def test_terminal_shows_the_same_cells_in_80_columns(records: list[Record]) -> None:
    results = Results.of(records)
    stream = io.StringIO()
    print_report(SUITE, results, Console(file=stream, width=80))
    lines = stream.getvalue().splitlines()
    assert max(len(line) for line in lines) <= 80
    shown = [
        [cell.strip() for cell in line.replace("┃", "│").strip("│").split("│")]
        for line in lines
        if line.startswith(("│", "┃"))
    ]
    expected = [
        [cell.strip("*") for cell in row]
        for rows in _markdown_tables(to_markdown(SUITE, results)).values()
        for row in rows
        if not row[0].startswith("---")
    ]
    assert shown == expected


def test_best_entries_are_bold_on_the_terminal(records: list[Record]) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, force_terminal=True)
    print_report(SUITE, Results.of(records), console)
    (row,) = (line for line in stream.getvalue().splitlines() if "2 of 4" in line)
    assert re.search(r"\x1b\[1m *2 of 4\x1b\[0m", row)
    assert re.search(r"\x1b\[1m *0\x1b\[0m", row)
    assert not re.search(r"\x1b\[1m *0\.0100", row)


def test_json_holds_everything(records: list[Record], tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.json"
    write_report(SUITE, Results.of(records), path)
    data = json.loads(path.read_text())
    assert (data["suite"], data["versions"]) == ("tables", {"optuna": "1.0"})
    assert data["sheets"][0]["rows"]["qubo"] == {
        "regret @25": 0.5,
        "regret @25 ±": 0.0,
        "regret @26": 0.01,
        "regret @26 ±": 0.0,
    }
    assert [Record.from_json(run) for run in data["runs"]] == records


def test_markdown_file(records: list[Record], tmp_path: Path) -> None:
    write_report(SUITE, Results.of(records), tmp_path / "OUT.MD")
    assert (tmp_path / "OUT.MD").read_text() == to_markdown(SUITE, Results.of(records))


@pytest.mark.parametrize("name", ["out.txt", "out", "out.md.bak"])
def test_unknown_suffix_is_refused_before_anything_is_written(
    records: list[Record], tmp_path: Path, name: str
) -> None:
    results = Results.of(records)
    for refuse in (check_report_path, lambda path: write_report(SUITE, results, path)):
        with pytest.raises(QhpoError, match=rf"ending in \.json or \.md; got .*{name}"):
            refuse(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
