"""One suite for every solver: the registered ones, and samplers that a user may bring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dimod
import numpy as np
import pytest
from dimod.testing import assert_sampler_api, assert_sampleset_energies_dqm
from dwave.samplers import (
    PathIntegralAnnealingSampler,
    RandomSampler,
    SimulatedAnnealingSampler,
    SteepestDescentComposite,
    SteepestDescentSampler,
    TabuSampler,
)

from qhpo.solvers import Solver, describe_solvers, make_solver
from tests.qhpo.solvers.answers import sample_set

# Those that cost something need credentials and a service: their own tests fake it.
REGISTERED = [info.name for info in describe_solvers() if not info.cost]


class Plain(dimod.Sampler):
    """No parameters, and variables in another order than asked."""

    parameters: dict[str, Any] = {}  # noqa: RUF012
    properties: dict[str, Any] = {}  # noqa: RUF012

    def sample(self, bqm: dimod.BinaryQuadraticModel) -> dimod.SampleSet:
        found = dimod.ExactSolver().sample(bqm).truncate(3)
        labels = list(found.variables)[::-1]
        samples = found.record.sample[:, ::-1]
        return dimod.SampleSet.from_samples_bqm((samples, labels), bqm)


class Undocumented(Plain):
    """Declares nothing about its parameters."""

    parameters = None  # type: ignore[assignment]


SAMPLERS: dict[str, Callable[[], dimod.Sampler]] = {
    "ExactSolver": dimod.ExactSolver,
    "IdentitySampler": dimod.IdentitySampler,
    "dimod.RandomSampler": dimod.RandomSampler,
    "PathIntegralAnnealingSampler": PathIntegralAnnealingSampler,
    "Plain": Plain,
    "RandomSampler": RandomSampler,
    "SimulatedAnnealingSampler": SimulatedAnnealingSampler,
    "SteepestDescentSampler": SteepestDescentSampler,
    "TabuSampler": TabuSampler,
    "Undocumented": Undocumented,
    "SteepestDescentComposite": lambda: SteepestDescentComposite(SimulatedAnnealingSampler()),
    "TrackingComposite": lambda: dimod.TrackingComposite(SimulatedAnnealingSampler()),
    "TruncateComposite": lambda: dimod.TruncateComposite(dimod.ExactSolver(), 5),
}

# It declares no parameter of that name.
UNSEEDED = {"dimod.RandomSampler"}

MODELS = (
    "random",
    "binary",
    "large biases",
    "small biases",
    "one variable",
    "one case",
    "variables of one case",
    "labels",
    "flat",
    "frustrated",
    "frustrated, of one case",
)


@pytest.fixture(params=[*REGISTERED, *SAMPLERS], scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def solver(name: str) -> Solver:
    return make_solver(SAMPLERS[name]() if name in SAMPLERS else name)


@pytest.mark.parametrize("model", MODELS)
class TestEverySolver:
    def test_returns_configurations_with_their_energies_lowest_first(
        self, solver: Solver, model: str, small_models: Any
    ) -> None:
        dqm = small_models[model]
        samples = sample_set(solver, dqm, 0)
        assert list(samples.variables) == list(dqm.variables)
        assert len(samples) >= 1
        scale = np.abs(samples.record.energy).max() or 1.0
        assert_sampleset_energies_dqm(samples, dqm, precision=int(7 - np.log10(max(scale, 1.0))))
        configurations = samples.record.sample
        assert (configurations >= 0).all()
        assert (configurations < [dqm.num_cases(v) for v in dqm.variables]).all()
        assert len(np.unique(configurations, axis=0)) == len(configurations)
        assert (np.diff(samples.record.energy) >= 0).all()
        assert (samples.record.num_occurrences >= 1).all()

    def test_finds_the_optimum(self, solver: Solver, model: str, small_models: Any) -> None:
        dqm = small_models[model]
        lowest = dimod.ExactDQMSolver().sample_dqm(dqm).first.energy
        assert sample_set(solver, dqm, 3).first.energy == pytest.approx(lowest)

    def test_leaves_the_model_as_it_was(
        self, solver: Solver, model: str, small_models: Any
    ) -> None:
        dqm = small_models[model]
        before = dqm.copy()
        sample_set(solver, dqm, 0)
        for one, other in zip(
            before.to_numpy_vectors(return_offset=True),
            dqm.to_numpy_vectors(return_offset=True),
            strict=True,
        ):
            assert str(one) == str(other)


@pytest.mark.parametrize("name", sorted({*REGISTERED, *SAMPLERS} - UNSEEDED), scope="module")
def test_a_seed_decides_the_answer(solver: Solver, name: str, random_dqm: Any) -> None:
    dqm = random_dqm([4, 3, 3, 2], seed=8)
    one, other = sample_set(solver, dqm, 11), sample_set(solver, dqm, 11)
    np.testing.assert_array_equal(one.record.sample, other.record.sample)
    np.testing.assert_array_equal(one.record.num_occurrences, other.record.num_occurrences)
    fresh = sample_set(make_solver(SAMPLERS[name]() if name in SAMPLERS else name), dqm, 11)
    np.testing.assert_array_equal(one.record.sample, fresh.record.sample)


@pytest.mark.parametrize("name", sorted(SAMPLERS), scope="module")
def test_the_samplers_here_keep_to_dimods_own_rules(name: str) -> None:
    if name != "Undocumented":
        assert_sampler_api(SAMPLERS[name]())
