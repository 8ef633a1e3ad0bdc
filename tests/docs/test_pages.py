"""Every code block of the README and of docs/ does what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from tests.docs.pages import (
    ROOT,
    Block,
    blocks,
    check_commands,
    compiled,
    differences,
    pages,
    run_console,
)


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_code_block_works(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()):
        compiled(block)
        if block.file is not None:
            Path(block.file).write_text(block.code, encoding="utf-8")
        elif block.is_run and block.language == "python":
            run_python(block, names, capsys)
        elif block.is_run and block.language == "console":
            run_console(block, tmp_path)
        else:
            assert not block.is_run or block.language not in ("bash", "r", "awk"), (
                f"{block}: mark it not-run with the reason, or make it a console block"
            )


def run_python(block: Block, names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    # Line numbers of a traceback are those of the page.
    exec(compile("\n" * (block.line - 1) + block.code, block.page, "exec"), names)
    printed = capsys.readouterr().out
    if block.printed is not None:
        assert is_same_print(printed, block.printed), f"{block} prints\n{printed}"


def is_same_print(printed: str, shown: str) -> bool:
    """Whether two texts have the same words, and numbers that differ by a twentieth at most.

    Other processors round otherwise, which a training makes larger.
    """
    number = r"-?\d+\.?\d*(?:e[+-]?\d+)?"
    words = [re.sub(number, "#", text).split() for text in (printed, shown)]
    numbers = [[float(n) for n in re.findall(number, text)] for text in (printed, shown)]
    return words[0] == words[1] and numbers[0] == pytest.approx(numbers[1], rel=0.05)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=str)
def test_links_to_files_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.slow
def test_pages_are_built_without_warnings(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-E", "-b", "html"]
    run = subprocess.run([*command, ROOT / "docs", tmp_path], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    html = (tmp_path / "mathematics.html").read_text()
    assert "<math" in html
    # Pages are read offline: nothing comes from elsewhere.
    for path in tmp_path.rglob("*.html"):
        text = path.read_text()
        assert 'src="http' not in text, path
        assert not [line for line in text.splitlines() if "stylesheet" in line and "http" in line]


PAGE = """\
```python
print("one 2")
```

```text
one 2
```

Words.

```bash not-run: takes an hour
qhpo bench --seeds 3 \\
    --jobs 2
```

```yaml file=a.yaml
a: 1
```
"""


def test_blocks_of_a_page() -> None:
    run, printed, command, file = blocks(PAGE, "page")
    assert (run.language, run.line, run.printed) == ("python", 2, "one 2\n")
    assert (printed.language, printed.printed) == ("text", None)
    assert (command.is_run, command.language) == (False, "bash")
    assert (file.file, file.is_run) == ("a.yaml", True)


@pytest.mark.parametrize(
    ("code", "language", "error"),
    [
        ("print(", "python", SyntaxError),
        ("for x in; do", "bash", subprocess.CalledProcessError),
        ("qhpo run x --trails 3", "bash", click.UsageError),
        ("echo 1 && qhpo benhc", "bash", click.UsageError),
        ("$ qhpo show \\\n  --wrong\n", "console", click.UsageError),
    ],
)
def test_what_is_wrong_is_found(code: str, language: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        compiled(Block("page", 1, language, "", code))


def test_command_lines_in_loops_are_parsed() -> None:
    check_commands("for s in 0 1; do qhpo run x --seed $s --study a-$s; done  # qhpo wrong")


@pytest.mark.parametrize(
    ("printed", "is_same"),
    [
        ("error 0.0340 a", True),
        ("error 0.0334  a\n", True),
        ("error 0.05 a", False),
        ("error a", False),
    ],
)
def test_what_a_block_prints_is_compared(printed: str, is_same: bool) -> None:
    assert is_same_print(printed, "error 0.0334 a") == is_same


def test_a_mark_must_be_known() -> None:
    with pytest.raises(AssertionError, match="unknown mark"):
        _ = Block("page", 1, "bash", "skip", "").is_run


def test_what_a_command_prints_may_differ_in_numbers_only(tmp_path: Path) -> None:
    assert differences("time 1 min 3 s\n...\nbest 0.5", "best 0.25\ntime 4.6 s") == []
    assert differences("best 0.5 mm", "best 0.5") == ["best 0.5 mm"]
    run_console(Block("page", 1, "console", "", "$ echo a 1\na 2\n$ true\n"), tmp_path)
    with pytest.raises(AssertionError, match="does not print"):
        run_console(Block("page", 1, "console", "", "$ echo b\na\n"), tmp_path)
    with pytest.raises(AssertionError, match="false"):
        run_console(Block("page", 1, "console", "", "$ false\n"), tmp_path)
