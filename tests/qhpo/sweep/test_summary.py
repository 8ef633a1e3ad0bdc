"""What a file asks for in numbers: exact where it can be counted."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations, product
from types import SimpleNamespace
from typing import Any

import pytest
from dwave.cloud.solver import StructuredSolver
from dwave.system.testing import MockDWaveSampler
from minorminer.busclique import busgraph_cache

from qhpo.errors import QhpoError
from qhpo.sweep import Sweep
from qhpo.sweep.summary import summarize

Load = Callable[..., Sweep]

PAIR = {"a": {"min": 1, "max": 4}, "b": {"min": 1, "max": 4}}


def test_the_feasible_share_is_exact_where_it_can_be_counted(load: Load) -> None:
    summary = summarize(load(parameters=PAIR, constraints=["a < b", "a + b != 5"]))
    kept = [(a, b) for a, b in product(range(1, 5), repeat=2) if a < b and a + b != 5]

    assert summary.combinations == 16
    assert summary.feasible.share == len(kept) / 16
    assert summary.feasible.standard_error is None
    assert summary.feasible.configurations == summary.feasible.kept == len(kept)
    assert {tuple(line.split()[-2:]) for line in summary.examples} == {
        (f"--a={a}", f"--b={b}") for a, b in kept
    }


def test_inactive_parameters_make_configurations_equal(load: Load) -> None:
    summary = summarize(load(parameters=PAIR, conditions={"b": "a >= 3"}))

    assert summary.combinations == 16
    assert summary.feasible.configurations == 2 + 2 * 4


def test_structures_are_counted(load: Load) -> None:
    summary = summarize(
        load(
            parameters={
                "kept": {"subset": list("abcde"), "size": 2},
                "order": {"permutation": ["x", "y", "z"]},
            }
        )
    )

    assert summary.combinations == 2**5 * 3**3
    assert summary.feasible.configurations == math.comb(5, 2) * len(list(permutations("xyz")))


def test_elsewhere_it_is_estimated_with_a_standard_error(load: Load) -> None:
    unit = {"min": 0.0, "max": 1.0}
    summary = summarize(load(parameters={"a": unit, "b": unit}, constraints=["a + b <= 0.5"]))
    found = summary.feasible

    assert summary.combinations is None
    assert summary.continuous == ("a", "b")
    assert found.standard_error is not None
    # A triangle of an eighth of the square; five deviations are off once in two million.
    assert abs(found.share - 1 / 8) < 5 * math.sqrt(1 / 8 * 7 / 8 / found.looked_at)
    assert found.standard_error == pytest.approx(
        math.sqrt(found.share * (1 - found.share) / found.looked_at)
    )


def test_the_qubo_of_a_plain_space(load: Load) -> None:
    one_hot, domain_wall = summarize(
        load(
            parameters={
                "a": {"values": list("abc")},
                "b": {"values": list("abcd")},
                "c": {"min": 0.0, "max": 1.0},
                "d": {"values": ["only"]},
            }
        )
    ).models

    # A case for every choice, 16 for a range, and every pair has a bias.
    assert (one_hot.encoding, one_hot.bits, one_hot.couplers) == ("one-hot", 23, 23 * 22 // 2)
    assert (domain_wall.encoding, domain_wall.bits) == ("domain-wall", 2 + 3 + 15)
    assert domain_wall.couplers < 20 * 19 // 2


def test_rules_take_bits_too(load: Load) -> None:
    plain = {f"x{i}": {"values": [0, 1]} for i in range(6)}
    ruled = load(parameters=plain, constraints=[f"{' + '.join(plain)} <= 3"])

    assert summarize(load(parameters=plain)).models[0].bits == 12
    assert summarize(ruled).models[0].bits > 12


@pytest.mark.parametrize("bits", [17, 60, 150])
def test_qubits_of_a_clique_are_those_that_are_found(load: Load, bits: int) -> None:
    qpu = MockDWaveSampler(topology_type="zephyr", topology_shape=[12, 4])
    chains = busgraph_cache(qpu.to_networkx_graph()).find_clique_embedding(bits)
    call = summarize(load(parameters={"x": {"values": list(range(bits + 1))}})).qpu

    assert call.bits == call.sampled == bits
    assert call.chain == max(map(len, chains.values()))
    assert call.qubits >= sum(map(len, chains.values()))


def test_what_does_not_fit_on_a_qpu_is_cut(load: Load) -> None:
    call = summarize(load(parameters={"x": {"values": list(range(300))}})).qpu

    assert (call.bits, call.sampled) == (299, 184)
    assert call.share_of_qubits < 1


def test_the_access_time_is_that_of_the_timing_model(load: Load) -> None:
    call = summarize(load()).qpu
    seconds = []
    for readout in (17.0, 101.0):
        timing = {
            "version": "1.0.0",
            "typical_programming_time": 33_600.0,
            "reverse_annealing_with_reinit_prog_time_delta": 0.0,
            "reverse_annealing_without_reinit_prog_time_delta": 0.0,
            "default_programming_thermalization": 0.0,
            "default_annealing_time": 20.0,
            "readout_time_model": "pwl_linear",
            "readout_time_model_parameters": [0.0, 5000.0, readout, readout],
            "qpu_delay_time_per_sample": 60.6,
            "reverse_annealing_with_reinit_delay_time_delta": 0.0,
            "reverse_annealing_without_reinit_delay_time_delta": 0.0,
            "decorrelation_max_nominal_anneal_time": 2000.0,
            "decorrelation_time_range": [500.0, 10000.0],
            "default_readout_thermalization": 0.0,
        }
        solver: Any = SimpleNamespace(properties={"problem_timing_data": timing})
        estimate = StructuredSolver.estimate_qpu_access_time
        seconds.append(1e-6 * estimate(solver, call.qubits, num_reads=call.reads))

    assert call.seconds == pytest.approx(seconds)
    assert call.calls == (2, 2)
    assert summarize(load(parameters=PAIR, constraints=["a <= b"])).qpu.calls == (2, 6)


def test_rules_that_leave_nothing_are_named(load: Load) -> None:
    with pytest.raises(QhpoError, match="no configuration keeps"):
        summarize(load(parameters=PAIR, constraints=["a < b", "b < a"]))


def test_large_spaces_are_summarized_too(load: Load) -> None:
    summary = summarize(load(parameters={f"x{i}": {"min": 0.0, "max": 1.0} for i in range(200)}))

    assert summary.models[0].bits == 3200
    assert summary.models[0].couplers == 3200 * 3199 // 2
    assert len(summary.examples) == 10


def test_a_command_without_macros_is_shown_with_its_variables(load: Load) -> None:
    summary = summarize(load(program=None, command=["./train.sh"], parameters=PAIR))
    assert {line.split()[-1] for line in summary.examples} == {"./train.sh"}
    for line in summary.examples:
        first, second, _ = line.split()
        assert first.startswith("QHPO_PARAM_a=")
        assert second.startswith("QHPO_PARAM_b=")
