"""The QPU solver on D-Wave's mock of a QPU: real graphs, real embeddings, simulated annealing."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import dimod
import numpy as np
import optuna
import pytest
from dimod.testing import assert_sampler_api, assert_sampleset_energies
from dwave.embedding.chain_strength import uniform_torque_compensation
from dwave.samplers import SimulatedAnnealingSampler
from dwave.system import FixedEmbeddingComposite
from dwave.system.testing import MockDWaveSampler
from minorminer.busclique import busgraph_cache

from qhpo import QUBOSampler
from qhpo.encoding import encode
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.errors import SolverError
from qhpo.solvers import find_solver, make_solver
from qhpo.solvers.cloud.qpu import CliqueSampler
from qhpo.solvers.cloud.service import connect
from tests.qhpo.solvers.checks import assert_reads, lowest

PEGASUS, ZEPHYR = ("pegasus", [4]), ("zephyr", [3, 4])

SOLVED = {"one variable", "variables of one case"}
"""Models that elimination solves."""

MOCK_SECONDS = 8550.28e-6
"""QPU access time that the mock reports for every call."""


class Annealer(SimulatedAnnealingSampler):
    """Takes the parameters of a QPU and ignores them; remembers what it was asked.

    Args:
        hot: Whether it hardly anneals, so that chains break.
    """

    def __init__(self, hot: bool = False) -> None:
        super().__init__()
        self.asked: list[dict[str, Any]] = []
        self.models: list[dimod.BinaryQuadraticModel] = []
        self._hot = hot

    def sample(self, bqm: Any, num_reads: int = 1, **parameters: Any) -> dimod.SampleSet:
        self.asked.append({"num_reads": num_reads, **parameters})
        self.models.append(bqm.copy())
        largest = max(abs(np.asarray(list(bqm.quadratic.values()))).max(), 1e-9)
        beta_range = [0.05 / largest, (0.3 if self._hot else 10.0) / largest]
        return super().sample(
            bqm, num_reads=num_reads, num_sweeps=200, beta_range=beta_range, seed=len(self.asked)
        )


class Machine:
    """Stands for ``dwave.system.DWaveSampler``."""

    def __init__(self, family: str, shape: list[int], **mocked: Any) -> None:
        self.annealer = Annealer(mocked.pop("hot", False))
        self.made: list[dict[str, Any]] = []
        self._make = lambda: MockDWaveSampler(
            topology_type=family,
            topology_shape=shape,
            substitute_sampler=self.annealer,
            parameter_warnings=False,
            **mocked,
        )

    def __call__(self, **config: Any) -> MockDWaveSampler:
        self.made.append(config)
        return self._make()


Switch = Callable[..., Machine]


@pytest.fixture
def switch_on(credentials: str) -> Iterator[Switch]:
    """Makes a mock the QPU that the service offers."""
    with mock.patch("dwave.system.DWaveSampler") as name:

        def switch(graph: tuple[str, list[int]] = PEGASUS, **mocked: Any) -> Machine:
            machine = Machine(*graph, **mocked)
            name.side_effect = machine
            return machine

        yield switch


@pytest.mark.parametrize("encoding", ["domain-wall", "one-hot"])
@pytest.mark.parametrize("graph", [PEGASUS, ZEPHYR], ids=lambda graph: graph[0])
class TestSamples:
    @pytest.mark.parametrize(
        "model",
        [
            "random",
            "binary",
            "large biases",
            "small biases",
            "one variable",
            "variables of one case",
            "sparse",
            "flat",
            "frustrated",
            "frustrated, of one case",
        ],
    )
    def test_are_configurations_with_their_energies(
        self, switch_on: Switch, graph: Any, encoding: str, model: str, small_models: Any
    ) -> None:
        machine = switch_on(graph)
        tables = small_models[model]
        reads = make_solver("qpu", encoding=encoding, num_reads=20).reads(tables, 0)
        is_sent = model not in SOLVED
        assert len(machine.annealer.asked) == reads.report.calls == int(is_sent)
        assert reads.counts.sum() == (20 * (reads.report.copies or 0) if is_sent else 1)
        assert_reads(reads, tables)
        assert reads.energies[0] == pytest.approx(lowest(tables))

    def test_come_with_a_report(
        self, switch_on: Switch, graph: Any, encoding: str, frustrated: Any
    ) -> None:
        switch_on(graph)
        solver = make_solver("qpu", encoding=encoding, num_reads=30)
        report = solver.reads(frustrated([3, 4, 2]), 0).report
        assert report.copies is not None
        assert report.copies > 1 or report.variables > 8
        assert (report.solver, report.calls, report.reads) == ("qpu", 1, 30 * report.copies)
        assert report.variables == {"domain-wall": 6, "one-hot": 9}[encoding]
        assert 1 <= report.valid_reads <= report.reads
        assert report.chain_breaks is not None
        assert 0.0 <= report.chain_breaks < 0.5
        assert report.qpu_seconds == pytest.approx(MOCK_SECONDS)


def test_the_sampler_keeps_to_dimods_own_rules(switch_on: Switch) -> None:
    switch_on()
    sampler = CliqueSampler(connect("qpu", "DWaveSampler", None), {"num_reads": 20}, 0)
    assert_sampler_api(sampler)
    for vartype in (dimod.BINARY, dimod.SPIN):
        bqm = dimod.BinaryQuadraticModel(
            [0.5, -1.0, 0.0], {(0, 1): 1.0, (1, 2): -2.0}, 3.0, vartype
        )
        reads = sampler.sample(bqm, seed=0)
        assert_sampleset_energies(reads, bqm)
        assert reads.vartype is vartype
        assert reads.first.energy == dimod.ExactSolver().sample(bqm).first.energy


def test_a_model_without_a_choice_is_not_sent(switch_on: Switch, random_model: Any) -> None:
    machine = switch_on()
    reads = make_solver("qpu").reads(random_model([1, 1]), 0)
    assert reads.cases.tolist() == [[0, 0]]
    assert not machine.annealer.asked
    report = reads.report
    assert (report.calls, report.variables, report.qpu_seconds) == (0, 0, 0.0)


def test_a_model_without_a_choice_contacts_nobody(switch_on: Switch, random_model: Any) -> None:
    machine = switch_on()
    make_solver("qpu").reads(random_model([1, 1]), 0)
    assert not machine.made


def test_domain_walls_keep_more_reads_valid(switch_on: Switch, frustrated: Any) -> None:
    switch_on(ZEPHYR)
    model = frustrated([4] * 6, seed=3)
    walls, ones = (
        make_solver("qpu", encoding=name).reads(model, 0).report.valid_reads
        for name in ("domain-wall", "one-hot")
    )
    assert walls > ones
    assert find_solver("qpu").encodings[0] == "domain-wall"


def test_broken_chains_are_reported(switch_on: Switch, frustrated: Any) -> None:
    model = frustrated([4] * 8, seed=4)
    shares = []
    for hot in (False, True):
        switch_on(hot=hot)
        reads = make_solver("qpu").reads(model, 0)
        assert_reads(reads, model)
        shares.append(reads.report.chain_breaks)
    assert shares[0] < 0.1 < shares[1]


class TestWhatIsSent:
    def test_defaults(self, switch_on: Switch, frustrated: Any) -> None:
        machine = switch_on()
        make_solver("qpu").reads(frustrated([3, 3]), 0)
        assert machine.annealer.asked == [{"num_reads": 100, "label": "qhpo"}]
        (config,) = machine.made
        assert config == {"profile": None, "defaults": {"polling_timeout": 300.0}}

    def test_options(self, switch_on: Switch, no_credentials: Any, frustrated: Any) -> None:
        no_credentials.write_text("[here]\ntoken = A\n[there]\ntoken = B\n")
        machine = switch_on()
        solver = make_solver("qpu", num_reads=7, annealing_time=0.5, profile="there")
        solver.reads(frustrated([3, 3]), 0)
        assert machine.annealer.asked == [{"num_reads": 7, "label": "qhpo", "annealing_time": 0.5}]
        assert machine.made[0]["profile"] == "there"

    def test_chains_are_as_strong_as_dwaves_own_composite_makes_them(
        self, switch_on: Switch, frustrated: Any
    ) -> None:
        machine = switch_on()
        model = frustrated([3] * 8, seed=5)
        make_solver("qpu").reads(model, 0)
        graph = MockDWaveSampler(topology_type="pegasus", topology_shape=[4]).to_networkx_graph()
        chains = busgraph_cache(graph).find_clique_embedding(16)
        qubits = {qubit for chain in chains.values() for qubit in chain}
        assert qubits == set(machine.annealer.models[0].variables)
        bqm = encode(model, "domain-wall").bqm
        strength = uniform_torque_compensation(bqm.change_vartype("SPIN", inplace=False))
        sent = machine.annealer.models[0].change_vartype("SPIN", inplace=False)
        long = next(chain for chain in chains.values() if len(chain) > 1)
        inside = [sent.get_quadratic(u, v, 0.0) for u in long for v in long if u < v]
        assert min(inside) == pytest.approx(-strength)


class TestEmbedding:
    def test_is_found_once(self, switch_on: Switch, frustrated: Any) -> None:
        machine = switch_on()
        solver = make_solver("qpu", num_reads=2)
        with (
            mock.patch("minorminer.busclique.busgraph_cache", wraps=busgraph_cache) as cliques,
            mock.patch(
                "dwave.system.FixedEmbeddingComposite", wraps=FixedEmbeddingComposite
            ) as embedded,
        ):
            for seed in range(4):
                solver.reads(frustrated([3] * 8, seed), seed)
            once = cliques.call_count
            assert embedded.call_count == 1
            solver.reads(frustrated([3] * 6 + [4]), 0)
            solver.reads(frustrated([3] * 8), 0)
            assert (cliques.call_count, embedded.call_count) == (once, 2)
        assert len(machine.made) == 1

    def test_chains_are_as_short_as_the_model_allows(
        self, switch_on: Switch, frustrated: Any
    ) -> None:
        machine = switch_on()
        solver = make_solver("qpu", num_reads=1)
        solver.reads(frustrated([3] * 15), 0)
        copies = solver.reads(frustrated([2] * 4), 0).report.copies
        large, small = (len(model.variables) for model in machine.annealer.models)
        assert large / 30 > 2 * small / (4 * (copies or 1))

    @pytest.mark.parametrize("graph", [PEGASUS, ZEPHYR], ids=lambda graph: graph[0])
    def test_missing_qubits_are_avoided(
        self, switch_on: Switch, graph: Any, frustrated: Any
    ) -> None:
        broken = list(range(4, 200, 17))
        machine = switch_on(graph, broken_nodes=broken)
        model = frustrated([3] * 6, seed=6)
        reads = make_solver("qpu").reads(model, 0)
        assert_reads(reads, model)
        assert not set(broken) & set(machine.annealer.models[0].variables)

    def test_the_largest_clique_is_the_limit(self, switch_on: Switch) -> None:
        machine = switch_on()
        graph = MockDWaveSampler(topology_type="pegasus", topology_shape=[4]).to_networkx_graph()
        largest = len(busgraph_cache(graph).largest_clique())
        solver = make_solver("qpu", num_reads=1)

        def binary(n: int) -> DenseDQM:
            starts = np.arange(0, 2 * n + 1, 2)
            return DenseDQM(starts, np.zeros(2 * n), np.zeros((2 * n, 2 * n)), 0.0)

        for n in (largest, largest + 1):
            reads = solver.reads(binary(n), 0)
            assert reads.cases.shape[1] == n
            assert reads.report.variables == largest
        assert len(machine.annealer.asked) == 2
        sampler = CliqueSampler(connect("qpu", "DWaveSampler", None), {}, 0)
        assert sampler.max_bits() == largest
        with pytest.raises(SolverError) as error:
            sampler.sample(dimod.BinaryQuadraticModel(largest + 1, "BINARY"), seed=0)
        assert f"at most {largest} bits" in str(error.value)
        assert f"got {largest + 1} bits" in str(error.value)

    @pytest.mark.parametrize("encoding", ["domain-wall", "one-hot"])
    @pytest.mark.parametrize("graph", [PEGASUS, ZEPHYR], ids=lambda graph: graph[0])
    def test_what_does_not_fit_is_cut_to_the_largest_clique(
        self, switch_on: Switch, graph: Any, encoding: str, frustrated: Any
    ) -> None:
        machine = switch_on(graph)
        largest = {"pegasus": 36, "zephyr": 40}[graph[0]]
        model = frustrated([5] * 14, seed=11)
        reads = make_solver("qpu", encoding=encoding).reads(model, 0)
        # A second case of a variable is two bits of one-hot, which may be one too many.
        unused = largest - reads.report.variables
        assert 0 <= unused <= {"domain-wall": 0, "one-hot": 1}[encoding]
        (sent,) = machine.annealer.models
        whole = machine().to_networkx_graph()
        chains = busgraph_cache(whole).find_clique_embedding(largest - unused)
        assert len(sent.variables) == sum(map(len, chains.values()))

        assert_reads(reads, model)
        assert reads.counts.sum() == 100
        np.testing.assert_array_equal(model.descend(reads.cases), reads.cases)
        # Nothing is lost to as many descents of the whole model.
        starts = np.random.default_rng(0).integers(5, size=(100, 14))
        descents = model.energies(model.descend(starts))
        assert reads.energies[0] <= descents.min() + 1e-9


class TestSpinReversal:
    def test_every_transform_is_a_call(self, switch_on: Switch, frustrated: Any) -> None:
        machine = switch_on()
        model = frustrated([3, 4, 2], seed=7)
        solver = make_solver("qpu", spin_reversal_transforms=3, num_reads=10)
        reads = solver.reads(model, 0)
        assert [asked["num_reads"] for asked in machine.annealer.asked] == [10, 10, 10]
        report = reads.report
        assert report.copies is not None
        assert (report.calls, report.reads) == (1, 30 * report.copies)
        assert report.qpu_seconds == pytest.approx(3 * MOCK_SECONDS)
        assert report.chain_breaks is not None
        assert_reads(reads, model)

    def test_reads_are_transformed_back(self, switch_on: Switch, frustrated: Any) -> None:
        # Reads that were not would be uniformly random bits, of which hardly any is valid.
        switch_on()
        model = frustrated([4] * 5, seed=8)
        plain = make_solver("qpu").reads(model, 0).report
        flipped = make_solver("qpu", spin_reversal_transforms=2).reads(model, 0).report
        assert flipped.valid_reads / flipped.reads > 0.6 * plain.valid_reads / plain.reads > 0.3

    def test_transforms_differ_and_follow_the_seed(
        self, switch_on: Switch, frustrated: Any
    ) -> None:
        model = frustrated([3, 4, 2], seed=9)

        def sent(seed: int) -> list[dict[Any, float]]:
            machine = switch_on()
            make_solver("qpu", spin_reversal_transforms=2, num_reads=1).reads(model, seed)
            models = [m.change_vartype("SPIN", inplace=False) for m in machine.annealer.models]
            return [{v: round(bias, 9) for v, bias in model.linear.items()} for model in models]

        one, other, again = sent(0), sent(1), sent(0)
        assert one == again
        assert one[0] != one[1]
        assert one != other
        assert {v: abs(b) for v, b in one[0].items()} == {v: abs(b) for v, b in one[1].items()}


class TestCredentials:
    def test_without_them_it_cannot_be_made(self, no_credentials: Any) -> None:
        with pytest.raises(SolverError) as error:
            make_solver("qpu")
        message = str(error.value)
        assert "dwave config create" in message
        assert "DWAVE_API_TOKEN" in message
        assert "without a token" in message

    def test_a_profile_that_is_not_there(self, credentials: str) -> None:
        with pytest.raises(SolverError, match="the profile 'nowhere'") as error:
            make_solver("qpu", profile="nowhere")
        assert credentials not in str(error.value)

    def test_a_file_that_cannot_be_parsed_is_not_quoted(self, no_credentials: Any) -> None:
        no_credentials.write_text("[here]\ntoken TEST-0123456789\n")
        with pytest.raises(SolverError, match="cannot be read") as error:
            make_solver("qpu")
        assert "0123456789" not in str(error.value)
        assert error.value.__context__ is None

    def test_the_file_is_enough(self, no_credentials: Any) -> None:
        no_credentials.write_text("[here]\ntoken = TEST-0123456789\n")
        assert make_solver("qpu").name == "qpu"

    def test_making_one_contacts_nobody(self, switch_on: Switch) -> None:
        machine = switch_on()
        solver = make_solver("qpu")
        assert solver.is_costly
        assert not machine.made

    def test_an_error_that_shows_the_token_is_cleaned(
        self, credentials: str, frustrated: Any
    ) -> None:
        cause = ConnectionError(f"GET /solvers with X-Auth-Token: {credentials}")
        with (
            mock.patch("dwave.system.DWaveSampler", side_effect=cause),
            pytest.raises(SolverError, match=r"ConnectionError: GET .*\*\*\*") as error,
        ):
            make_solver("qpu").reads(frustrated([2, 2]), 0)
        assert credentials not in str(error.value)
        assert error.value.__context__ is None

    def test_a_cause_that_shows_the_token_is_dropped(
        self, credentials: str, frustrated: Any
    ) -> None:
        def fail(**config: Any) -> Any:
            try:
                raise ValueError(credentials)
            except ValueError as cause:
                raise ConnectionError("no answer") from cause

        with (
            mock.patch("dwave.system.DWaveSampler", fail),
            pytest.raises(SolverError, match="ConnectionError: no answer") as error,
        ):
            make_solver("qpu").reads(frustrated([2, 2]), 0)
        assert error.value.__cause__ is None
        assert error.value.__context__ is None

    def test_a_copy_has_neither_the_connection_nor_the_token(
        self, switch_on: Switch, credentials: str, frustrated: Any
    ) -> None:
        machine = switch_on()
        solver = make_solver("qpu", num_reads=5)
        solver.reads(frustrated([2, 3]), 0)
        pickled = pickle.dumps(solver)
        assert credentials.encode() not in pickled
        pickle.loads(pickled).reads(frustrated([2, 3]), 0)
        assert len(machine.made) == 2


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("num_reads", 0),
        ("num_reads", 2.5),
        ("num_reads", True),
        ("num_reads", "100"),
        ("annealing_time", 0),
        ("annealing_time", -1.0),
        ("annealing_time", float("inf")),
        ("annealing_time", float("nan")),
        ("spin_reversal_transforms", -1),
        ("spin_reversal_transforms", None),
    ],
)
def test_a_wrong_option_is_named(credentials: str, option: str, wrong: Any) -> None:
    with pytest.raises(SolverError, match=f"{option} of the solver qpu must be") as error:
        make_solver("qpu", **{option: wrong})
    assert repr(wrong) in str(error.value)


def test_it_says_what_it_costs() -> None:
    info = find_solver("qpu")
    assert "QPU access time" in info.cost
    assert "clique" in info.limits
    assert (info.packages, info.extra) == (("dwave.system",), "qpu")


def test_a_study_on_a_mock(switch_on: Switch) -> None:
    machine = switch_on(ZEPHYR)
    sampler = QUBOSampler(seed=0, solver=make_solver("qpu", num_reads=20), n_startup_trials=6)
    study = optuna.create_study(sampler=sampler)

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_int("x", 0, 6)
        y = trial.suggest_categorical("y", ["a", "b", "c"])
        z = trial.suggest_float("z", 0.0, 1.0)
        return (x - 4) ** 2 + {"a": 3.0, "b": 0.0, "c": 5.0}[y] + abs(z - 0.5) * x

    study.optimize(objective, n_trials=30)
    assert len(study.trials) == 30
    assert len({tuple(trial.params.items()) for trial in study.trials}) == 30
    assert study.best_params["x"] == 4
    assert study.best_params["y"] == "b"
    assert study.best_value < 0.5
    anneals = [trial.user_attrs.get("qhpo:anneals", {}) for trial in study.trials]
    assert any(anneals[:6]) is False
    assert all(set(anneal) == {"qpu"} for anneal in anneals[6:])
    calls = sum(anneal["qpu"]["calls"] for anneal in anneals[6:])
    assert calls == len(machine.annealer.asked)
    seconds = sum(anneal["qpu"]["qpu_seconds"] for anneal in anneals[6:])
    assert seconds == pytest.approx(calls * MOCK_SECONDS)
    assert len(machine.made) == 1


@pytest.mark.slow
@pytest.mark.parametrize("graph", [("pegasus", [16]), ("zephyr", [12, 4])], ids=lambda g: g[0])
def test_graphs_of_real_size(switch_on: Switch, graph: Any, random_model: Any) -> None:
    switch_on(graph)
    model = random_model([5] * 12, seed=10)
    reads = make_solver("qpu").reads(model, 0)
    assert_reads(reads, model)
    neal = make_solver("neal").reads(model, 0)
    assert reads.energies[0] <= neal.energies[0] + 0.05 * abs(neal.energies[0])
