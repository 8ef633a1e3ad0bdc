from __future__ import annotations

import pytest

from qhpo.cli import main


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_problems(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["problems"]) == 0

    printed = lines(capsys)
    assert "parabola Two parameters." in printed
    assert "cnn-digits" in " ".join(printed)
    at = printed.index("hungry Needs what is not there.")
    assert printed[at + 1] == 'missing; pip install "qhpo[torch]"'
    broken = "ModuleNotFoundError: No module named 'no_such_module'"
    assert f"absent cannot be loaded: {broken}" in printed


def test_solvers(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["solvers"]) == 0

    printed = lines(capsys)
    for name in ("neal", "exact"):
        (line,) = [line for line in printed if line.startswith(f"{name} ")]
        assert "missing" not in line


def test_a_solver_whose_packages_are_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from qhpo.solvers import SolverInfo

    def make() -> object:
        raise AssertionError("listed, not made")

    rows = [
        SolverInfo("far", "Somewhere else.", make, ("no_such_package",), "qpu"),
        SolverInfo("bare", "Of another package.", make, ("no_such_package",)),
    ]
    monkeypatch.setattr("qhpo.solvers.describe_solvers", lambda: rows)

    assert main(["solvers"]) == 0

    printed = lines(capsys)
    assert printed[printed.index("far Somewhere else.") + 1] == 'missing; pip install "qhpo[qpu]"'
    assert (
        printed[printed.index("bare Of another package.") + 1]
        == "missing; pip install no_such_package"
    )
