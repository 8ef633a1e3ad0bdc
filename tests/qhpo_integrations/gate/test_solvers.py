"""The QAOA samplers as solvers of qhpo; the suite of every solver runs them too."""

from __future__ import annotations

from typing import Any

import cirq
import numpy as np
import pytest

from qhpo.encoding import DenseDQM, eliminate
from qhpo.errors import SolverError
from qhpo.solvers import make_solver
from tests.qhpo.solvers.checks import assert_reads, lowest


def frustrated(sizes: list[int]) -> DenseDQM:
    """A model that elimination leaves whole: no level is better everywhere."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        block = np.repeat(np.arange(len(sizes)), sizes)
        biases = np.triu(rng.standard_normal((starts[-1], starts[-1])), 1)
        biases[block[:, None] == block[None, :]] = 0.0
        tables = DenseDQM(starts, np.zeros(starts[-1]), biases + biases.T, 0.0)
        if eliminate(tables).tables.sizes.tolist() == sizes:
            return tables
    raise AssertionError("no such model was drawn")


class Counting(cirq.Simulator):
    """Remembers the circuits it was asked for."""

    def __init__(self) -> None:
        super().__init__(seed=0)
        self.qubits: list[int] = []

    def run(self, program: Any, *args: Any, **options: Any) -> Any:
        self.qubits.append(len(program.all_qubits()))
        return super().run(program, *args, **options)


@pytest.mark.parametrize("framework", ["cirq", "qiskit", "pennylane"])
def test_every_read_is_valid_and_the_optimum_is_among_them(framework: str) -> None:
    model = frustrated([3, 3, 2])
    reads = make_solver(f"qaoa-{framework}", layers=2).reads(model, 0)
    assert_reads(reads, model)
    assert reads.energies[0] == pytest.approx(lowest(model))
    report = reads.report
    assert (report.variables, report.reads, report.valid_reads) == (8, 256, 256)


@pytest.mark.parametrize(("max_qubits", "used"), [(4, 4), (7, 7), (12, 9)])
def test_a_larger_model_is_cut_to_the_qubits(max_qubits: int, used: int) -> None:
    model = frustrated([3, 3, 3])
    device = Counting()
    solver = make_solver("qaoa-cirq", max_qubits=max_qubits, layers=1, sampler=device)
    reads = solver.reads(model, 0)
    assert set(device.qubits) == {used}
    assert_reads(reads, model)


@pytest.mark.parametrize("framework", ["cirq", "qiskit", "pennylane"])
def test_the_mixer_can_be_chosen(framework: str) -> None:
    model = frustrated([3, 3, 2])
    report = make_solver(f"qaoa-{framework}", mixer="x").reads(model, 0).report
    assert 0 < report.valid_reads < report.reads == 256
    with pytest.raises(SolverError, match="mixer must be one of: xy, x; got 'ring'"):
        make_solver(f"qaoa-{framework}", mixer="ring")


def test_few_models_are_sampled_for_a_suggestion() -> None:
    assert make_solver("qaoa-cirq").is_costly


@pytest.mark.parametrize("framework", ["cirq", "qiskit", "pennylane"])
def test_the_encoding_is_one_hot(framework: str) -> None:
    name = f"qaoa-{framework}"
    assert make_solver(name, encoding="one-hot").name == name
    with pytest.raises(SolverError, match=f"encoding of the solver {name} must be one of: one-hot"):
        make_solver(name, encoding="domain-wall")


@pytest.mark.parametrize("framework", ["cirq", "qiskit", "pennylane"])
@pytest.mark.parametrize("option", ["max_qubits", "layers", "num_reads"])
@pytest.mark.parametrize("wrong", ["many", 0, 2.5, None, True])
def test_a_wrong_number_is_refused_when_the_solver_is_made(
    framework: str, option: str, wrong: Any
) -> None:
    with pytest.raises(SolverError, match=f"{option} of the solver qaoa-{framework}") as error:
        make_solver(f"qaoa-{framework}", **{option: wrong})
    assert f"a whole number, 1 or more; got {wrong!r}; leave it out" in str(error.value)


@pytest.mark.parametrize(
    ("framework", "takes"),
    [("cirq", "sampler"), ("qiskit", "sampler, pass_manager"), ("pennylane", "device")],
)
def test_an_unknown_option_lists_what_is_taken(framework: str, takes: str) -> None:
    with pytest.raises(SolverError, match="'shots'") as error:
        make_solver(f"qaoa-{framework}", shots=3)
    known = f"encoding, max_qubits, layers, num_reads, mixer, {takes}"
    assert str(error.value).endswith(f"it takes: {known}")
