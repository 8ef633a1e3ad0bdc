"""Small models side by side on one chip: graphs, embeddings and calls as those of a QPU."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import dimod
import dwave.graphs as dg
import networkx as nx
import numpy as np
import optuna
import pytest
from dimod.testing import assert_sampleset_energies
from dwave.embedding import embed_bqm
from dwave.samplers import SimulatedAnnealingSampler
from dwave.system.testing import MockDWaveSampler
from minorminer.busclique import busgraph_cache
from minorminer.utils.diagnostic import is_valid_embedding
from optuna.distributions import IntDistribution

from qhpo import QUBOSampler
from qhpo.constraints import exactly
from qhpo.encoding import DenseDQM, encode
from qhpo.feasible import FeasibleSet, PenaltyWeights, penalized
from qhpo.solvers import (
    Budget,
    MeteredSolver,
    SolverReport,
    make_solver,
    merge,
    reads_of_many,
)
from qhpo.solvers.cloud import qpu as module
from qhpo.solvers.cloud.qpu import CliqueSampler
from qhpo.solvers.cloud.service import connect
from qhpo.solvers.cloud.tiles import find_tiles, tiled_size
from qhpo.space import Space
from tests.qhpo.solvers.checks import assert_reads, lowest

MOCK_SECONDS = 8550.28e-6
"""QPU access time that the mock reports for every call."""


class Annealer(SimulatedAnnealingSampler):
    """Takes the parameters of a QPU, and remembers the models."""

    def __init__(self) -> None:
        super().__init__()
        self.models: list[dimod.BinaryQuadraticModel] = []

    def sample(self, bqm: Any, num_reads: int = 1, **parameters: Any) -> dimod.SampleSet:
        self.models.append(bqm.copy())
        return super().sample(
            bqm, num_reads=num_reads, num_sweeps=100, beta_range=[0.05, 10.0], seed=0
        )


Switch = Callable[..., Annealer]


@pytest.fixture
def switch_on(credentials: str) -> Iterator[Switch]:
    """Makes the mock of a Zephyr graph the QPU that the service offers."""
    with mock.patch("dwave.system.DWaveSampler") as name:

        def switch(rows: int = 6, **mocked: Any) -> Annealer:
            annealer = Annealer()
            name.side_effect = lambda **config: MockDWaveSampler(
                topology_type="zephyr",
                topology_shape=[rows, 4],
                substitute_sampler=annealer,
                parameter_warnings=False,
                **mocked,
            )
            return annealer

        yield switch


def _with_defects(rows: int, share: float) -> Any:
    whole = dg.zephyr_graph(rows, 4)
    rng = random.Random(0)
    nodes = [q for q in whole if rng.random() > share]
    edges = [e for e in whole.subgraph(nodes).edges if rng.random() > share / 10]
    return dg.zephyr_graph(rows, 4, node_list=nodes, edge_list=edges)


GRAPHS = {
    "zephyr": lambda: dg.zephyr_graph(6, 4),
    "zephyr, with defects": lambda: _with_defects(6, 0.04),
    "pegasus": lambda: dg.pegasus_graph(8),
}


class TestFindTiles:
    @pytest.mark.parametrize("size", [4, 8, 12, 16, 24])
    @pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS.keys())
    def test_are_disjoint_embeddings_of_the_clique(self, graph: Any, size: int) -> None:
        target, clique = graph(), nx.complete_graph(size)
        tiles = find_tiles(target, size)
        assert tiles or size == 24
        qubits = [q for chains in tiles for chain in chains.values() for q in chain]
        assert len(set(qubits)) == len(qubits)
        for chains in tiles:
            assert is_valid_embedding(chains, clique, target)

    def test_are_the_same_again(self) -> None:
        assert find_tiles(_with_defects(6, 0.04), 8) == find_tiles(_with_defects(6, 0.04), 8)

    def test_chains_are_no_longer_than_those_of_one_copy(self) -> None:
        graph = dg.zephyr_graph(6, 4)
        alone = busgraph_cache(graph).find_clique_embedding(16)
        for chains in find_tiles(graph, 16):
            assert max(map(len, chains.values())) <= max(map(len, alone.values()))

    def test_other_lines_are_used_where_qubits_are_missing(self) -> None:
        # On a whole graph there are 15 copies; each of 36 qubits is whole with a chance of 0.23.
        found = find_tiles(_with_defects(6, 0.04), 16)
        assert len(found) > 15 * 0.96**36

    def test_there_are_none_where_a_second_one_has_no_place(self) -> None:
        assert find_tiles(dg.zephyr_graph(6, 4), 44) == []
        assert find_tiles(dg.zephyr_graph(1, 4), 4) == []
        assert find_tiles(dg.pegasus_graph(2), 4) == []

    def test_of_other_graphs_there_are_none(self) -> None:
        assert find_tiles(dg.chimera_graph(4), 4) == []
        assert find_tiles(nx.complete_graph(50), 4) == []

    def test_small_ones_are_no_more_than_is_useful(self) -> None:
        assert len(find_tiles(dg.zephyr_graph(6, 4), 4)) == 100

    def test_sizes_are_shared(self) -> None:
        assert [tiled_size(n) for n in (1, 4, 5, 13, 16)] == [4, 4, 8, 16, 16]


def _binary(n: int, seed: int = 0) -> DenseDQM:
    """A dense model of n bits, its linear biases weak, so that elimination leaves all of them."""
    rng = np.random.default_rng(seed)
    starts = np.arange(0, 2 * n + 1, 2)
    pairs = rng.standard_normal((2 * n, 2 * n))
    return DenseDQM.from_upper(starts, 0.1 * rng.standard_normal(2 * n), pairs, 0.0)


def _of_eight(n: int = 16) -> tuple[DenseDQM, FeasibleSet]:
    """A model of n switches, half of which are to be on, and that rule."""
    names = [f"x{i}" for i in range(n)]
    choices = {name: IntDistribution(0, 1) for name in names}
    feasible = FeasibleSet(Space(choices), [exactly(n // 2, dict.fromkeys(names, 1))])
    return _binary(n), feasible


class TestCandidates:
    @pytest.mark.parametrize(
        ("rows", "copies"), [(6, 15), pytest.param(12, 77, marks=pytest.mark.slow)]
    )
    def test_one_call_of_16_variables_gives_at_least_50(
        self, switch_on: Switch, rows: int, copies: int
    ) -> None:
        annealer = switch_on(rows)
        tables = _binary(16)
        reads = make_solver("qpu", num_reads=50).reads(tables, 0)
        assert_reads(reads, tables)
        assert (len(annealer.models), reads.report.calls, reads.report.copies) == (1, 1, copies)
        assert reads.report.reads == 50 * copies
        assert reads.report.qpu_seconds == pytest.approx(MOCK_SECONDS)
        assert len(reads.cases) >= 50

    @pytest.mark.parametrize("rows", [6, pytest.param(12, marks=pytest.mark.slow)])
    def test_and_as_many_under_a_rule(self, switch_on: Switch, rows: int) -> None:
        annealer = switch_on(rows)
        tables, feasible = _of_eight()
        centre, free = np.zeros(16, np.intp), np.zeros(16, bool)
        model = penalized(tables, feasible.levels, centre, free, PenaltyWeights())
        reads = make_solver("qpu", num_reads=50).reads(model, 0)
        assert reads.report.variables == 16
        cases = reads.cases[:, :16]  # what follows are slacks
        kept = np.unique(cases[feasible.levels.violation(cases) == 0.0], axis=0)
        assert len(annealer.models) == 1
        assert len(kept) >= 50
        assert (kept.sum(axis=1) == 8).all()

    def test_the_best_are_polished(self, switch_on: Switch) -> None:
        switch_on()
        tables = _binary(10)
        reads = make_solver("qpu", num_reads=20).reads(tables, 0)
        first = reads.cases[:1]
        np.testing.assert_array_equal(tables.descend(first), first)
        assert reads.energies[0] == pytest.approx(lowest(tables))


class TestChains:
    def test_every_copy_is_made_as_one_alone_is(self, switch_on: Switch) -> None:
        annealer = switch_on()
        tables = _binary(8)
        make_solver("qpu", num_reads=1).reads(tables, 0)
        (sent,) = annealer.models
        qpu = MockDWaveSampler(topology_type="zephyr", topology_shape=[6, 4])
        tiles = find_tiles(qpu.to_networkx_graph(), 8)
        assert sent.num_variables == sum(len(c) for t in tiles for c in t.values())
        spins = encode(tables, "domain-wall").bqm.change_vartype("SPIN", inplace=False)
        for chains in tiles:
            alone = embed_bqm(spins, chains, qpu.adjacency)
            scales = {
                sent.get_quadratic(u, v) / alone.get_quadratic(u, v) for u, v in alone.quadratic
            }
            assert max(scales) == pytest.approx(min(scales))
            assert max(abs(sent.get_quadratic(u, v)) for u, v in alone.quadratic) <= 1.0

    def test_a_weak_model_is_as_strong_as_the_one_beside_it(self, switch_on: Switch) -> None:
        annealer = switch_on()
        strong = dimod.generators.gnp_random_bqm(8, 1.0, "BINARY", random_state=0)
        weak = strong.copy()
        weak.scale(1e-3)
        sampler = CliqueSampler(connect("qpu", "DWaveSampler", None), {"num_reads": 5}, 0)
        found = sampler.sample_many([strong, weak], 0)
        for bqm, reads in zip((strong, weak), found, strict=True):
            assert_sampleset_energies(reads, bqm)
            assert reads.vartype is dimod.BINARY
        (sent,) = annealer.models
        couplers = np.abs(list(sent.quadratic.values()))
        # Equal up to scale, and sent at one scale: no coupler is a thousandth of another's.
        tiles = find_tiles(dg.zephyr_graph(6, 4), 8)
        largest = [
            max(
                abs(sent.get_quadratic(u, v))
                for u, v in sent.quadratic
                if u in inside and v in inside
            )
            for inside in ({q for c in t.values() for q in c} for t in tiles)
        ]
        assert min(largest) == pytest.approx(max(largest)) == pytest.approx(couplers.max())

    def test_broken_ones_are_reported(self, switch_on: Switch) -> None:
        annealer = switch_on()
        hot = {"num_sweeps": 5, "beta_range": [0.01, 0.1]}
        cold = make_solver("qpu").reads(_binary(8), 0).report.chain_breaks
        with mock.patch.object(
            annealer,
            "sample",
            lambda bqm, num_reads=1, **_: SimulatedAnnealingSampler().sample(
                bqm, num_reads=num_reads, seed=0, **hot
            ),
        ):
            warm = make_solver("qpu").reads(_binary(8), 0).report.chain_breaks
        assert cold is not None
        assert warm is not None
        assert cold < 0.1 < warm


class TestSeveralModels:
    def test_share_one_call(self, switch_on: Switch) -> None:
        annealer = switch_on()
        models = [_binary(8, 1), _binary(6, 2)]
        solver = make_solver("qpu", num_reads=10)
        found = reads_of_many(solver, models, 0)
        assert len(annealer.models) == 1
        for reads, tables in zip(found, models, strict=True):
            assert_reads(reads, tables)
            assert reads.energies[0] == pytest.approx(lowest(tables))
            assert reads.report.reads == 10 * (reads.report.copies or 0) > 0
        assert [reads.report.calls for reads in found] == [1, 0]
        seconds = [reads.report.qpu_seconds for reads in found]
        assert seconds == [pytest.approx(MOCK_SECONDS), 0.0]
        assert [reads.report.copies for reads in found] == [31, 30]

    def test_what_is_solved_takes_no_place(self, switch_on: Switch, random_model: Any) -> None:
        annealer = switch_on()
        found = reads_of_many(make_solver("qpu"), [random_model([1, 1]), _binary(8)], 0)
        assert len(annealer.models) == 1
        assert [reads.report.calls for reads in found] == [0, 1]
        assert found[1].report.copies == 61

    def test_large_ones_take_a_call_each(self, switch_on: Switch) -> None:
        annealer = switch_on()
        models = [_binary(44, 1), _binary(8, 2)]
        found = reads_of_many(make_solver("qpu", num_reads=5), models, 0)
        assert len(annealer.models) == 2
        assert [reads.report.calls for reads in found] == [1, 1]
        assert sum(reads.report.qpu_seconds for reads in found) == pytest.approx(2 * MOCK_SECONDS)
        assert all(reads.report.copies == 1 for reads in found)

    def test_under_spin_reversals_too(self, switch_on: Switch) -> None:
        annealer = switch_on()
        models = [_binary(8, 1), _binary(8, 2)]
        solver = make_solver("qpu", num_reads=5, spin_reversal_transforms=2)
        found = reads_of_many(solver, models, 0)
        assert len(annealer.models) == 2
        for reads, tables in zip(found, models, strict=True):
            assert_reads(reads, tables)
            assert reads.report.reads == 10 * (reads.report.copies or 0)
        assert found[0].report.qpu_seconds == pytest.approx(2 * MOCK_SECONDS)
        assert found[1].report.qpu_seconds == 0.0

    def test_the_tiling_is_found_once(self, switch_on: Switch, frustrated: Any) -> None:
        switch_on()
        solver = make_solver("qpu", num_reads=1)
        with mock.patch.object(module, "find_tiles", wraps=find_tiles) as tiles:
            for n in (8, 5, 7, 6):
                solver.reads(frustrated([2] * n), 0)
            assert tiles.call_count == 1
            solver.reads(frustrated([2] * 9), 0)
            assert tiles.call_count == 2

    def test_the_budget_counts_the_call_once(self, switch_on: Switch) -> None:
        annealer = switch_on()
        solver = make_solver("qpu", num_reads=5)
        metered = MeteredSolver(solver, make_solver("neal"), Budget(max_calls=3))
        models = [_binary(8, 1), _binary(8, 2)]
        spent: SolverReport | None = None
        for expected in (1, 2, 3, 3):
            metered.begin(spent)
            found = metered.reads_of_many(models, 0)
            assert len(found) == 2
            taken = metered.take().get("qpu")
            spent = merge(spent, taken)
            assert len(annealer.models) == expected
        assert spent is not None
        assert spent.calls == 3


def test_one_call_serves_a_batch(switch_on: Switch) -> None:
    annealer = switch_on()
    names = [f"x{i}" for i in range(12)]

    def order(trial: optuna.Trial) -> float:
        x = [trial.suggest_int(name, 0, 1) for name in names]
        return float(sum((-1) ** (i * j) * x[i] * x[j] for i in range(12) for j in range(i)))

    sampler = QUBOSampler(solver="qpu", batch_size=5, n_startup_trials=12, seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(order, n_trials=12)
    assert not annealer.models
    study.optimize(order, n_trials=15)
    # Elimination may solve the models of a batch.
    assert 1 <= len(annealer.models) <= 3
    assert len({tuple(t.params.values()) for t in study.trials}) == 27
