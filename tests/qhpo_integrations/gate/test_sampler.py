from __future__ import annotations

import itertools
import json
import unittest
from collections.abc import Callable

import dimod
import numpy as np
import pytest
from dimod.testing import assert_sampler_api, assert_sampleset_energies, load_sampler_bqm_tests

from qhpo.errors import MissingExtraError, QhpoError, SolverError
from qhpo_integrations.gate import (
    QAOASampler,
    cirq_sampler,
    factories,
    pennylane_sampler,
    qiskit_sampler,
)

Model = tuple[dimod.BinaryQuadraticModel, list[list[str]]]
MakeModel = Callable[..., Model]

FACTORIES = {"cirq": cirq_sampler, "qiskit": qiskit_sampler, "pennylane": pennylane_sampler}


@load_sampler_bqm_tests(cirq_sampler)
class TestDimodSuite(unittest.TestCase):
    """dimod's own tests on models of every kind, which reach no backend; hence on one of them."""


@pytest.fixture(params=list(FACTORIES))
def sampler(request: pytest.FixtureRequest) -> QAOASampler:
    return FACTORIES[request.param]()


def _valid(bqm: dimod.BinaryQuadraticModel, blocks: list[list[str]]) -> list[dict[str, int]]:
    """Every valid assignment of a model whose variables are all in blocks."""
    low = 0 if bqm.vartype is dimod.BINARY else -1
    return [
        {label: 1 if label in chosen else low for block in blocks for label in block}
        for chosen in itertools.product(*blocks)
    ]


def test_dimod_api(sampler: QAOASampler) -> None:
    assert_sampler_api(sampler)
    assert sampler.properties["category"] == "gate"
    assert sampler.properties["max_qubits"] == 16
    assert sampler.properties["mixers"] == ("xy", "x")


def test_blocks_stay_valid(sampler: QAOASampler, one_hot_model: MakeModel) -> None:
    bqm, blocks = one_hot_model()
    reads = sampler.sample(bqm, blocks=blocks, seed=1, num_reads=50)
    assert len(reads) == 50
    assert_sampleset_energies(reads, bqm)
    for sample in reads.samples(sorted_by=None):
        assert [sum(sample[label] for label in block) for block in blocks] == [1, 1, 1]
    info = reads.info
    assert info["mixer"] == "xy"
    assert info["valid_share"] == pytest.approx(1.0, abs=1e-12)
    assert info["reads_valid_share"] == 1.0
    assert (info["shots"], info["layers"], info["qubits"]) == (50, 3, 8)


@pytest.mark.parametrize("vartype", ["BINARY", "SPIN"])
def test_info_against_brute_force(one_hot_model: MakeModel, vartype: str) -> None:
    bqm, blocks = one_hot_model(seed=2)
    bqm.change_vartype(vartype, inplace=True)
    reads = cirq_sampler().sample(bqm, blocks=blocks, seed=0, num_reads=2000)
    energies = sorted(bqm.energy(sample) for sample in _valid(bqm, blocks))
    info = reads.info
    assert reads.vartype is bqm.vartype
    assert reads.first.energy == pytest.approx(energies[0], abs=1e-9)
    assert info["uniform_probability"] == pytest.approx(1 / len(energies))
    assert info["energy_scale"] == pytest.approx(np.std(energies))
    best = np.mean(reads.record.energy < energies[0] + 1e-9)
    assert info["reads_optimum_share"] == best
    # Four standard deviations of the reads.
    p = info["probability_of_optimum"]
    assert best == pytest.approx(p, abs=4.0 * np.sqrt(p * (1.0 - p) / 2000))
    error = 4.0 * reads.record.energy.std() / np.sqrt(2000)
    assert reads.record.energy.mean() == pytest.approx(info["expectation"], abs=error)


def test_ties_count_as_the_optimum() -> None:
    bqm = dimod.BinaryQuadraticModel({"a": 1.0, "b": 0.1 + 0.2, "c": 0.3}, {}, 0.0, "BINARY")
    info = cirq_sampler().sample(bqm, blocks=["abc"], seed=0).info
    assert info["uniform_probability"] == pytest.approx(2 / 3)


def test_optimum_is_likelier_than_by_uniform_draws(one_hot_model: MakeModel) -> None:
    sampler = cirq_sampler()
    infos = []
    for seed in range(4):
        bqm, blocks = one_hot_model((3, 3, 3), seed=seed)
        infos.append(sampler.sample(bqm, blocks=blocks, layers=2, seed=0, num_reads=1).info)
    mean = np.mean([info["probability_of_optimum"] for info in infos])
    assert mean > 3.0 * infos[0]["uniform_probability"]
    assert all(info["uniform_probability"] == pytest.approx(1 / 27) for info in infos)


def test_penalty_inside_blocks_changes_nothing_with_the_xy_mixer(one_hot_model: MakeModel) -> None:
    bqm, blocks = one_hot_model()
    penalized = bqm.copy()
    for block in blocks:
        penalized.add_linear_equality_constraint([(label, 1.0) for label in block], 20.0, -1.0)
    plain = cirq_sampler().sample(bqm, blocks=blocks, seed=3)
    other = cirq_sampler().sample(penalized, blocks=blocks, seed=3)
    assert other.info["two_qubit_gates"] == plain.info["two_qubit_gates"]
    assert other.info["probability_of_optimum"] == pytest.approx(
        plain.info["probability_of_optimum"], abs=1e-3
    )
    assert_sampleset_energies(other, penalized)


def test_x_mixer_with_blocks_tells_valid_reads(
    sampler: QAOASampler, one_hot_model: MakeModel
) -> None:
    bqm, blocks = one_hot_model((3, 2))
    reads = sampler.sample(bqm, blocks=blocks, mixer="x", seed=1, num_reads=400)
    counts = np.array(
        [
            [sum(sample[label] for label in block) for block in blocks]
            for sample in reads.samples(sorted_by=None)
        ]
    )
    valid = (counts == 1).all(axis=1)
    energies = reads.record.energy
    least = min(bqm.energy(sample) for sample in _valid(bqm, blocks))
    # Invalid reads of lower energy must not count as the optimum.
    assert energies[~valid].min() < least
    assert reads.info["mixer"] == "x"
    assert reads.info["reads_valid_share"] == np.mean(valid)
    assert reads.info["reads_optimum_share"] == np.mean(valid & (energies < least + 1e-9))
    assert 0.0 < reads.info["valid_share"] < 1.0
    assert reads.info["uniform_probability"] == pytest.approx(1 / 6)
    assert reads.info["probability_of_optimum"] <= reads.info["valid_share"]


def test_no_blocks_mean_the_x_mixer(sampler: QAOASampler) -> None:
    bqm = dimod.BinaryQuadraticModel({0: 1.0, "b": -0.5}, {(0, "b"): 2.0}, 0.5, "SPIN")
    reads = sampler.sample(bqm, seed=1, num_reads=30)
    assert reads.info["mixer"] == "x"
    assert reads.info["valid_share"] == pytest.approx(1.0, abs=1e-12)
    assert reads.info["uniform_probability"] == 0.25
    assert reads.info["probability_of_optimum"] > 0.9
    assert reads.first.energy == dimod.ExactSolver().sample(bqm).first.energy


def test_variables_outside_the_blocks_are_flipped() -> None:
    bqm = dimod.BinaryQuadraticModel("BINARY")
    bqm.add_linear_from({"free": -1.0, "a": 0.5, "b": 1.0, "c": 0.0})
    bqm.add_quadratic("free", "c", 0.7)
    reads = cirq_sampler().sample(bqm, blocks=[("b", "a")], seed=0, num_reads=300)
    seen = {tuple(sample[label] for label in "ab") for sample in reads.samples()}
    assert seen <= {(0, 1), (1, 0)}
    assert reads.info["uniform_probability"] == 1 / 8
    assert reads.first.sample == {"free": 1, "a": 1, "b": 0, "c": 0}


def test_same_seed_same_reads(sampler: QAOASampler, one_hot_model: MakeModel) -> None:
    bqm, blocks = one_hot_model()
    first, again, other = (
        sampler.sample(bqm, blocks=blocks, layers=1, num_reads=40, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.record.sample, again.record.sample)
    assert first.info == again.info
    assert not np.array_equal(first.record.sample, other.record.sample)


def test_info_is_plain_data(one_hot_model: MakeModel) -> None:
    bqm, blocks = one_hot_model()
    info = cirq_sampler().sample(bqm, blocks=blocks, seed=1, layers=2).info
    assert json.loads(json.dumps(info)) == info
    assert list(map(len, info["angles"].values())) == [2, 2]


def test_two_qubit_gates_grow_with_the_layers(one_hot_model: MakeModel) -> None:
    bqm, blocks = one_hot_model((3, 2))
    for layers in (1, 2):
        info = cirq_sampler().sample(bqm, blocks=blocks, seed=0, layers=layers, num_reads=1).info
        # Two W states, then per layer 6 couplings, a ring of three and one of two.
        assert info["two_qubit_gates"] == 3 + layers * (6 + 3 + 1)


@pytest.mark.parametrize("vartype", ["BINARY", "SPIN"])
def test_small_models(sampler: QAOASampler, vartype: str) -> None:
    empty = sampler.sample(dimod.BinaryQuadraticModel({}, {}, 1.5, vartype), num_reads=3)
    assert empty.record.sample.shape == (3, 0)
    assert empty.record.energy.tolist() == [1.5] * 3
    assert empty.info["probability_of_optimum"] == 1.0

    constant = dimod.BinaryQuadraticModel(dict.fromkeys("abc", 0.0), {}, 2.0, vartype)
    reads = sampler.sample(constant, blocks=["abc"], num_reads=20)
    assert reads.info["uniform_probability"] == 1.0
    assert reads.record.energy.tolist() == [2.0] * 20
    assert reads.info["probability_of_optimum"] == pytest.approx(1.0, abs=1e-12)

    fixed = dimod.BinaryQuadraticModel({"a": 3.0, "b": 1.0}, {("a", "b"): 1.0}, 0.0, vartype)
    reads = sampler.sample(fixed, blocks=["a", "b"], num_reads=5)
    assert reads.record.sample.tolist() == [[1, 1]] * 5


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_scale_of_the_model_does_not_matter(
    one_hot_model: MakeModel, factor: float, offset: float
) -> None:
    bqm, blocks = one_hot_model((3, 3))
    reference = cirq_sampler().sample(bqm, blocks=blocks, seed=0).info
    bqm.scale(factor)
    bqm.offset += offset * factor
    scaled = cirq_sampler().sample(bqm, blocks=blocks, seed=0).info
    assert scaled["uniform_probability"] == reference["uniform_probability"]
    assert scaled["probability_of_optimum"] == pytest.approx(
        reference["probability_of_optimum"], abs=1e-2
    )
    assert scaled["energy_scale"] == pytest.approx(factor * reference["energy_scale"])


def test_noise_breaks_blocks_but_not_what_the_simulation_says(one_hot_model: MakeModel) -> None:
    import cirq

    bqm, blocks = one_hot_model((3, 2))
    noisy = cirq.DensityMatrixSimulator(noise=cirq.depolarize(0.2), seed=0)
    info = cirq_sampler(noisy).sample(bqm, blocks=blocks, layers=1, seed=0).info
    assert info["valid_share"] == pytest.approx(1.0, abs=1e-12)
    assert info["reads_valid_share"] < 0.9


MODEL = dimod.BinaryQuadraticModel({"a": 1.0, "b": 0.0, "c": 0.0}, {}, 0.0, "BINARY")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"blocks": ["ab", "bc"]}, r"one block only, once; got 'b' twice; make"),
        ({"blocks": ["aa"]}, r"one block only, once; got 'a' twice; make"),
        ({"blocks": ["ab", ""]}, r"at least one variable; got an empty one; leave"),
        ({"blocks": ["az"]}, r"variables of the model; got 'z', which is none; use the labels"),
        ({"mixer": "xy"}, r"'xy' needs blocks of variables; got none; pass blocks"),
        ({"mixer": "grover"}, r"mixer must be one of: xy, x; got 'grover'"),
        ({"layers": 0}, r"layers must be at least 1; got 0; "),
        ({"num_reads": 0}, r"num_reads must be at least 1; got 0; "),
        ({"seed": -1}, r"seed must be at least 0, or None; got -1; "),
    ],
)
def test_mistakes(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(SolverError, match=message):
        cirq_sampler().sample(MODEL, **arguments)


def test_too_many_qubits() -> None:
    bqm = dimod.BinaryQuadraticModel(17, "SPIN")
    with pytest.raises(SolverError, match=r"at most max_qubits=16 variables.*got a model with 17"):
        cirq_sampler().sample(bqm)
    small = cirq_sampler(max_qubits=2)
    assert small.properties["max_qubits"] == 2
    with pytest.raises(SolverError, match=r"max_qubits=2 .*got a model with 3; use fewer"):
        small.sample(MODEL)


def test_too_many_states() -> None:
    bqm = dimod.BinaryQuadraticModel(19, "SPIN")
    with pytest.raises(SolverError, match=r"at most 262,144 states; got a model with 524,288; use"):
        cirq_sampler(max_qubits=19).sample(bqm)


@pytest.mark.parametrize("bias", [np.inf, np.nan, 1e300])
def test_energies_without_a_finite_spread(bias: float) -> None:
    bqm = dimod.BinaryQuadraticModel({"a": bias, "b": 0.0}, {}, 0.0, "BINARY")
    with pytest.raises(SolverError, match=r"finite spread; got .*; check its biases"):
        cirq_sampler().sample(bqm)


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize("missing", ["framework", "torch"])
def test_missing_package(monkeypatch: pytest.MonkeyPatch, name: str, missing: str) -> None:
    package = name if missing == "framework" else missing
    monkeypatch.setattr(factories, "find_spec", lambda asked: None if asked == package else asked)
    with pytest.raises(MissingExtraError, match=rf'needs the package {package}.*"qhpo\[{name}\]"'):
        FACTORIES[name]()
    assert issubclass(MissingExtraError, QhpoError)
