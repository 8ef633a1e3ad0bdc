"""The same numbers on the terminal, in Markdown and in JSON."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.records import RunRecord
from qhpo_problems.benchmarks.report import print_report, to_markdown, write_report
from qhpo_problems.benchmarks.sheets import check_report_path
from qhpo_problems.benchmarks.summary import summarize

MakeRecord = Callable[..., RunRecord]


@pytest.fixture
def records(make_record: MakeRecord) -> list[RunRecord]:
    """Two samplers, two tables, two seeds, 26 trials: qubo ends at 0 or 0.02, tpe at 0.04."""
    ends = {("qubo", "t1"): 0.0, ("qubo", "t2"): 0.02, ("tpe", "t1"): 0.04, ("tpe", "t2"): 0.04}
    return [
        make_record(
            [12345.678, *[0.5] * 24, end],
            sampler=sampler,
            table=table,
            family=f"family of {table}",
            seed=seed,
            cpu_seconds=[0.01 if sampler == "qubo" else 0.002] * 26,
            repeated=[False] * 25 + [sampler == "tpe"],
        )
        for (sampler, table), end in ends.items()
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


def test_markdown_holds_the_numbers(records: list[RunRecord]) -> None:
    tables = _markdown_tables(to_markdown(summarize(records)))
    regrets, ranks, counts, families, by_table = tables.values()
    assert next(iter(tables)).startswith("2 tables, 2 seeds, 26 trials: mean normalized regret")
    assert regrets == [
        ["sampler", "regret @25", "regret @26"],
        ["---", "---:", "---:"],
        ["qubo", "**0.5000 ± 0.0000**", "**0.0100 ± 0.0000**"],
        ["tpe", "**0.5000 ± 0.0000**", "0.0400 ± 0.0000"],
    ]
    # log10: (-4 + log10(0.02)) / 2 and log10(0.04).
    assert ranks == [
        ["sampler", "rank @25", "rank @26", "log10 @25", "log10 @26"],
        ["---", "---:", "---:", "---:", "---:"],
        ["qubo", "**1.50**", "**1.00**", "**-0.30**", "**-2.85**"],
        ["tpe", "**1.50**", "2.00", "**-0.30**", "-1.40"],
    ]
    assert counts == [
        ["sampler", "optimum found", "repeats", "median CPU s", "mean CPU s"],
        ["---", "---:", "---:", "---:", "---:"],
        ["qubo", "**2 of 4**", "**0**", "0.0100", "0.0100"],
        ["tpe", "0 of 4", "4", "**0.0020**", "**0.0020**"],
    ]
    assert families == [
        ["family", "qubo", "tpe"],
        ["---", "---:", "---:"],
        ["family of t1", "**0.0000**", "0.0400"],
        ["family of t2", "**0.0200**", "0.0400"],
    ]
    assert [row[0] for row in by_table] == ["table", "---", "t1", "t2"]


def test_floor_and_versions_are_said(records: list[RunRecord]) -> None:
    text = to_markdown(summarize(records))
    assert "floored at 0.0001" in text
    assert text.rstrip().endswith("optuna 1.0.")


def test_one_table_and_one_seed_say_no_more_than_there_is(make_record: MakeRecord) -> None:
    text = to_markdown(summarize([make_record([123456.0])]))
    tables = _markdown_tables(text)
    assert len(tables) == 3
    assert "### 1 table, 1 seed, 1 trial: mean normalized regret\n" in text
    assert next(iter(tables.values()))[2] == ["tpe", "**1.23e+05**"]


def test_terminal_shows_the_same_cells_in_80_columns(records: list[RunRecord]) -> None:
    summary = summarize(records)
    stream = io.StringIO()
    print_report(summary, Console(file=stream, width=80))
    lines = stream.getvalue().splitlines()
    assert max(len(line) for line in lines) <= 80
    shown = [
        [cell.strip() for cell in line.replace("┃", "│").strip("│").split("│")]
        for line in lines
        if line.startswith(("│", "┃"))
    ]
    expected = [
        [cell.strip("*") for cell in row]
        for rows in _markdown_tables(to_markdown(summary)).values()
        for row in rows
        if not row[0].startswith("---")
    ]
    assert shown == expected


def test_best_entries_are_bold_on_the_terminal(records: list[RunRecord]) -> None:
    stream = io.StringIO()
    print_report(summarize(records), Console(file=stream, width=80, force_terminal=True))
    (row,) = (line for line in stream.getvalue().splitlines() if "2 of 4" in line)
    assert re.search(r"\x1b\[1m *2 of 4\x1b\[0m", row)
    assert re.search(r"\x1b\[1m *0\x1b\[0m", row)
    assert not re.search(r"\x1b\[1m *0\.0100", row)


def test_json_holds_everything(records: list[RunRecord], tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.json"
    write_report(records, path)
    data = json.loads(path.read_text())
    assert data["checkpoints"] == [25, 26]
    assert data["log_floor"] == 1e-4
    assert data["samplers"][0]["regret"] == {"25": 0.5, "26": 0.01}
    assert data["samplers"][0]["hits"] == 2
    assert data["tables"]["t2"] == {"qubo": 0.02, "tpe": 0.04}
    assert len(data["runs"]) == 8
    best = [run.pop("best_so_far") for run in data["runs"]]
    assert best == [record.best_so_far.tolist() for record in records]
    assert [RunRecord.from_json(run) for run in data["runs"]] == records


def test_markdown_file(records: list[RunRecord], tmp_path: Path) -> None:
    write_report(records, tmp_path / "OUT.MD")
    assert (tmp_path / "OUT.MD").read_text() == to_markdown(summarize(records))


@pytest.mark.parametrize("name", ["out.txt", "out", "out.md.bak"])
def test_unknown_suffix_is_refused_before_anything_is_written(
    records: list[RunRecord], tmp_path: Path, name: str
) -> None:
    for refuse in (check_report_path, lambda path: write_report(records, path)):
        with pytest.raises(QhpoError, match=rf"ending in \.json or \.md; got .*{name}"):
            refuse(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
