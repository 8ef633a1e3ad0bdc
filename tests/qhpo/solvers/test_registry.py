"""Names of solvers, and what is said about wrong ones."""

from __future__ import annotations

from typing import Any

import dimod
import pytest

from qhpo.encoding import ENCODINGS
from qhpo.errors import MissingExtraError, QhpoError, SolverError
from qhpo.solvers import SolverInfo, describe_solvers, make_solver, registry, solver_names
from qhpo.solvers.exact import ExactSolver


def test_the_default_and_the_exact_solver_are_registered() -> None:
    assert {"neal", "exact"} <= set(solver_names())


def test_names_are_distinct_and_described() -> None:
    infos = describe_solvers()
    assert tuple(info.name for info in infos) == solver_names()
    assert len(set(solver_names())) == len(solver_names())
    for info in infos:
        assert info.summary
        assert "\n" not in info.summary
        assert bool(info.packages) == bool(info.extra)


def test_the_description_cannot_be_spoilt() -> None:
    describe_solvers().clear()
    assert describe_solvers()


@pytest.mark.parametrize("wrong", ["qpuu", "", "NEAL", "simulated annealing"])
def test_an_unknown_name_lists_the_known_ones(wrong: str) -> None:
    with pytest.raises(SolverError) as error:
        make_solver(wrong)
    message = str(error.value)
    assert repr(wrong) in message
    assert all(name in message for name in solver_names())
    assert "\n" not in message


@pytest.mark.parametrize(("wrong", "meant"), [("neel", "neal"), ("exat", "exact")])
def test_a_typing_error_is_recognized(wrong: str, meant: str) -> None:
    with pytest.raises(SolverError, match=f"did you mean '{meant}'"):
        make_solver(wrong)


@pytest.mark.parametrize("wrong", [3, None, dimod.ExactSolver, dimod.ExactDQMSolver(), ["neal"]])
def test_what_is_no_sampler_is_named(wrong: Any) -> None:
    with pytest.raises(SolverError, match=r"dimod\.Sampler") as error:
        make_solver(wrong)
    assert repr(wrong) in str(error.value)
    assert isinstance(error.value, QhpoError)


def test_a_missing_package_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = SolverInfo("far", "far away", ExactSolver, packages=("json", "no_such"), extra="qpu")
    monkeypatch.setattr(registry, "find_solver", lambda name: absent)
    assert absent.missing_packages() == ("no_such",)
    with pytest.raises(MissingExtraError, match=r'no_such.*pip install "qhpo\[qpu\]"'):
        make_solver("far")


@pytest.mark.parametrize("encoding", ["unary", "", "One-Hot"])
def test_an_unknown_encoding_lists_the_known_ones(encoding: str) -> None:
    for solver, name in (("neal", "neal"), (dimod.ExactSolver(), "ExactSolver")):
        with pytest.raises(SolverError, match=f"the encoding of the solver {name} must") as error:
            make_solver(solver, encoding=encoding)
        message = str(error.value)
        assert repr(encoding) in message
        assert all(known in message for known in ENCODINGS)


@pytest.mark.parametrize("name", ["exact", "potts", "descent"])
def test_an_encoding_for_a_solver_without_one(name: str) -> None:
    with pytest.raises(SolverError, match=f"the solver {name} takes the discrete model") as error:
        make_solver(name, encoding="one-hot")
    assert "'one-hot'" in str(error.value)
    assert "leave it out" in str(error.value)


def test_a_qpu_takes_every_encoding(credentials: str) -> None:
    for encoding in ENCODINGS:
        assert make_solver("qpu", encoding=encoding).name == "qpu"


@pytest.mark.parametrize(
    ("name", "takes"), [("neal", "encoding"), ("exact", "none"), ("qpu", "annealing_time")]
)
def test_an_unknown_option_lists_what_is_taken(name: str, takes: str, credentials: str) -> None:
    with pytest.raises(SolverError, match=f"one that the solver {name} takes") as error:
        make_solver(name, num_sweps=3)
    message = str(error.value)
    assert "'num_sweps'" in message
    assert takes in message.rpartition("it takes: ")[2]


@pytest.mark.parametrize("solver", [dimod.ExactSolver(), ExactSolver()])
def test_options_belong_to_names(solver: Any) -> None:
    with pytest.raises(SolverError, match="options belong to the name of a solver") as error:
        make_solver(solver, num_reads=3)
    assert "num_reads" in str(error.value)
    assert repr(solver) in str(error.value)


def test_a_solver_object_is_returned_as_it_is() -> None:
    solver = ExactSolver()
    assert make_solver(solver) is solver


def test_the_encoding_of_a_solver_object_is_its_own() -> None:
    solver = make_solver("neal", encoding="domain-wall")
    with pytest.raises(SolverError, match="the encoding of a solver object is its own") as error:
        make_solver(solver, encoding="one-hot")
    assert "'one-hot'" in str(error.value)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_encoding_decides_what_a_sampler_is_given(encoding: str, frustrated: Any) -> None:
    class Sampler(dimod.ExactSolver):
        bits = 0

        def sample(self, bqm: dimod.BinaryQuadraticModel, **parameters: Any) -> dimod.SampleSet:
            self.bits = bqm.num_variables
            return super().sample(bqm, **parameters)

    sampler = Sampler()
    make_solver(sampler, encoding=encoding).reads(frustrated([3, 4]), 0)
    assert sampler.bits == {"one-hot": 7, "domain-wall": 5}[encoding]
