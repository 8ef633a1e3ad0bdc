from __future__ import annotations

import importlib
import json
import os
from pathlib import Path

import pytest
from dwave.system.testing import MockDWaveSampler

from qhpo.cli import main
from qhpo.solvers import describe_solvers, find_solver

BROKEN = (
    "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'; update or uninstall "
    "that package"
)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_problems(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["problems"]) == 0

    printed = lines(capsys)
    assert "parabola Two parameters." in printed
    assert "cnn-digits" in " ".join(printed)
    at = printed.index("hungry Needs what is not there.")
    assert printed[at + 1] == 'missing; pip install "qhpo[torch]"'
    # A package that is broken hides none of the others.
    assert f"absent the problem absent of the package tiny {BROKEN}" in printed
    assert "must be a qhpo.problem.Problem; wrong of the package tiny is a str" in str(printed)


def test_problems_for_other_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["problems", "--json"]) == 0

    out, err = capsys.readouterr()
    found = {record["problem"]: record for record in json.loads(out)}
    assert err == ""
    assert found["parabola"] == {
        "problem": "parabola",
        "summary": "Two parameters.",
        "metrics": ["value"],
        "directions": ["minimize"],
        "missing": [],
        "install": "",
    }
    assert found["pair"]["metrics"] == ["cost", "gain"]
    assert found["hungry"]["missing"] == ["no_such_package"]
    assert found["hungry"]["install"] == 'pip install "qhpo[torch]"'
    assert found["absent"].keys() == {"problem", "error"}
    assert BROKEN in found["absent"]["error"]
    assert "sys.exit" in found["leaving"]["error"] or "SystemExit" in found["leaving"]["error"]


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("command", ["problems", "solvers"])
def test_the_lists_fit(
    command: str,
    width: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))

    assert main([command]) == 0

    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width
    assert "…" not in out


def test_solvers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solvers"]) == 0

    printed = lines(capsys)
    for name in ("neal", "exact"):
        (line,) = [line for line in printed if line.startswith(f"{name} ")]
        assert "missing" not in line


def test_a_solver_whose_packages_are_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solvers"]) == 0

    printed = lines(capsys)
    first = printed.index("far Somewhere else.")
    assert printed[first + 1 : first + 5] == [
        "limit: 12 bits",
        "cost: a cent a call",
        "encodings: one-hot, domain-wall",
        'missing; pip install "qhpo[qpu]"',
    ]
    bare = printed.index("bare Of another package.")
    assert printed[bare + 1] == "missing; pip install no_such_package"
    assert f"odd the solver odd of the package tiny {BROKEN}" in printed


@pytest.fixture
def no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DWAVE_"):
            monkeypatch.delenv(name)
    (tmp_path / "dwave.conf").write_text("")
    monkeypatch.setenv("DWAVE_CONFIG_FILE", str(tmp_path / "dwave.conf"))


@pytest.fixture
def token(no_token: None, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DWAVE_API_TOKEN", "TEST-0123456789")
    return "TEST-0123456789"


class TestCheck:
    @pytest.mark.parametrize("name", [s.name for s in describe_solvers() if not s.cost])
    def test_every_solver_of_this_machine(
        self, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["solvers", "--check", name]) == 0

        facts = dict(line.rsplit(" ", 1) for line in lines(capsys) if " of " not in line)
        assert facts["energy"] == facts["exact optimum"]
        assert float(facts["seconds"]) >= 0
        assert facts["QPU seconds"] == "0.000"

    def test_a_mock_of_a_qpu(
        self, token: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def mocked(**config: object) -> MockDWaveSampler:
            return MockDWaveSampler(topology_type="zephyr", topology_shape=[3, 4])

        monkeypatch.setattr("dwave.system.DWaveSampler", mocked)

        assert main(["solvers", "--check", "qpu"]) == 0

        printed = lines(capsys)
        assert printed[0] == f"this is one call of qpu: {find_solver('qpu').cost}"
        names = ("energy", "exact optimum", "valid reads", "chain breaks", "seconds", "QPU seconds")
        assert len(printed) == 1 + len(names)
        for line, fact in zip(printed[1:], names, strict=True):
            assert line.startswith(fact)
        # The model lies 13 times on the chip, with 100 reads each.
        assert printed[3].endswith("of 1300")
        assert printed[4].endswith("%")
        assert printed[6] == "QPU seconds 0.009"

    @pytest.mark.parametrize("name", ["leap-bqm", "leap-cqm", "leap-dqm", "leap-nl", "qpu"])
    def test_without_a_token(
        self, name: str, no_token: None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["solvers", "--check", name]) == 2

        out, err = capsys.readouterr()
        assert not out
        assert err.startswith(f"qhpo: the solver {name} needs an API token")
        assert "dwave config create" in err
        assert err.count("\n") == 1

    def test_a_failure_is_one_line(
        self, token: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(**config: object) -> object:
            raise ConnectionError(f"no way\nto the service with {token}")

        monkeypatch.setattr("dwave.system.DWaveSampler", fail)

        assert main(["solvers", "--check", "qpu"]) == 2

        out, err = capsys.readouterr()
        assert out.startswith("this is one call of qpu: ")
        assert err == (
            "qhpo: the solver qpu cannot be used: ConnectionError: no way to the service with ***\n"
        )

    def test_an_unknown_name(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["solvers", "--check", "neel"]) == 2

        out, err = capsys.readouterr()
        assert not out
        assert "did you mean 'neal'?" in err

    def test_the_model_is_not_trivial(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["solvers", "--check", "spy"]) == 0

        # Four variables of three values: elimination has solved no part of the model, as it does
        # where variables do not depend on each other, and the solver gets all of it.
        assert importlib.import_module("tiny_problems").SEEN_BITS == [12]
