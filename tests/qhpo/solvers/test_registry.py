"""Names of solvers, and what is said about wrong ones."""

from __future__ import annotations

from typing import Any

import dimod
import pytest

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
