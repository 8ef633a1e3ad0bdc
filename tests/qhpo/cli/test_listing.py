from __future__ import annotations

import os
from pathlib import Path

import dimod
import numpy as np
import pytest
from dwave.system.testing import MockDWaveSampler

from qhpo.cli import main
from qhpo.cli.listing import _small_model
from qhpo.encoding import eliminate
from qhpo.errors import SolverError
from qhpo.solvers import describe_solvers, find_solver


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

    infos = {
        "far": SolverInfo(
            "far",
            "Somewhere else.",
            make,
            encodings=("one-hot", "domain-wall"),
            limits="12 bits",
            cost="a cent a call",
            packages=("no_such_package",),
            extra="qpu",
        ),
        "bare": SolverInfo("bare", "Of another package.", make, packages=("no_such_package",)),
    }
    monkeypatch.setattr("qhpo.solvers.solver_names", lambda: tuple(infos))
    monkeypatch.setattr("qhpo.solvers.find_solver", infos.__getitem__)

    assert main(["solvers"]) == 0

    printed = lines(capsys)
    first = printed.index("far Somewhere else.")
    assert printed[first + 1 : first + 5] == [
        "limit: 12 bits",
        "cost: a cent a call",
        "encodings: one-hot, domain-wall",
        'missing; pip install "qhpo[qpu]"',
    ]
    assert (
        printed[printed.index("bare Of another package.") + 1]
        == "missing; pip install no_such_package"
    )


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
        assert printed[3].endswith("of 100")
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

    def test_the_model_is_not_trivial(self) -> None:
        # Variables that do not depend on each other would not test a solver.
        tables = _small_model()
        model = tables.to_dqm()
        assert model.num_variables() == 4
        assert model.num_cases() == 12
        assert model.num_variable_interactions() == 6
        # Nor would a model that elimination solves, wholly or in part.
        assert eliminate(tables).tables.sizes.tolist() == [3, 3, 3, 3]
        alone = np.array([[model.get_linear(v).argmin() for v in model.variables]])
        best = dimod.ExactDQMSolver().sample_dqm(model).first.energy
        assert tables.energies(alone)[0] > best + 1.0


def test_a_solver_that_cannot_be_loaded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> object:
        raise SolverError(f"the solver {name} cannot be loaded: it is broken")

    monkeypatch.setattr("qhpo.solvers.solver_names", lambda: ("odd",))
    monkeypatch.setattr("qhpo.solvers.find_solver", find)
    assert main(["solvers"]) == 0
    assert "odd the solver odd cannot be loaded: it is broken" in lines(capsys)
