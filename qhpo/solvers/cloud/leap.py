"""The hybrid solvers of D-Wave's Leap, which combine classical heuristics with a QPU.

Four of them take the model, each in its own form: as bits (BQM), as bits with a constraint for
each variable that one of its bits is set (CQM), as discrete variables (DQM), and as integers that
index the tables of biases (NL, the nonlinear solver, which D-Wave calls Stride). Every answer is
repaired where it is no configuration, and polished by categorical coordinate descent.

Nothing here has run on the real service yet: it is tested on fakes of its client.
``qhpo solvers --check leap-nl`` tries it with your token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import dimod
import numpy as np

from qhpo.encoding import DenseDQM, Encoding
from qhpo.encoding.constrained import cases_of_cqm_samples, to_cqm
from qhpo.solvers.base import Sampled, Solver, SolverInfo, SolverTemplate
from qhpo.solvers.binary import BinarySolver
from qhpo.solvers.cloud.service import CLOUD_ENCODINGS, LABEL, Connection, connect
from qhpo.solvers.options import check_number

__all__ = ["LEAP_BQM", "LEAP_CQM", "LEAP_DQM", "LEAP_NL", "HybridSampler", "HybridSolver"]


class HybridSampler(dimod.Sampler):
    """The hybrid solver of binary quadratic models.

    Args:
        connection: To a ``LeapHybridBQMSampler``.
        options: Keyword arguments of every call.
    """

    def __init__(self, connection: Connection, options: Mapping[str, Any]) -> None:
        self._connection, self._options = connection, dict(options)

    @property
    def parameters(self) -> dict[str, Any]:
        """No keyword of `sample`."""
        return {}

    @property
    def properties(self) -> dict[str, Any]:
        """What it is known to be before the service is contacted."""
        return {"category": "hybrid"}

    def sample(self, bqm: dimod.BinaryQuadraticModel) -> dimod.SampleSet:
        """What the service returns: usually one sample."""
        with self._connection.sampler() as sampler:
            reads: dimod.SampleSet = sampler.sample(bqm, **self._options)
            reads.resolve()
            return reads


_Ask = Callable[[Any, DenseDQM, Mapping[str, Any]], Sampled]
"""Samples tables with a sampler of dwave-system and the keyword arguments of its call."""


class HybridSolver(SolverTemplate):
    """A hybrid solver that takes the model without penalties.

    Args:
        name: What reports call it.
        ask: Sends a model in the form that the solver takes, and reads the answer.
        connection: To the sampler that ``ask`` takes.
        options: Keyword arguments of every call.
    """

    is_costly = True

    def __init__(
        self, name: str, ask: _Ask, connection: Connection, options: Mapping[str, Any]
    ) -> None:
        self.name = name
        self._ask, self._connection, self._options = ask, connection, dict(options)

    def sample(self, tables: DenseDQM, seed: int) -> Sampled:
        """Asks the service; the seed is ignored."""
        with self._connection.sampler() as sampler:
            return self._ask(sampler, tables, self._options)


def _ask_cqm(sampler: Any, tables: DenseDQM, options: Mapping[str, Any]) -> Sampled:
    reads = sampler.sample_cqm(to_cqm(tables), **options)
    record = reads.record
    cases = cases_of_cqm_samples(tables, reads)
    return Sampled(cases, record.num_occurrences, record.is_feasible, info=reads.info)


def _ask_dqm(sampler: Any, tables: DenseDQM, options: Mapping[str, Any]) -> Sampled:
    reads = sampler.sample_dqm(tables.to_dqm(), **options)
    cases = np.empty((len(reads), tables.n_variables), dtype=np.intp)
    cases[:, list(reads.variables)] = reads.record.sample
    return Sampled(cases, reads.record.num_occurrences, info=reads.info)


def _ask_nl(sampler: Any, tables: DenseDQM, options: Mapping[str, Any]) -> Sampled:
    model = nonlinear_model(tables)
    answer = sampler.sample(model, **options).result()
    (decision,) = answer.model.iter_decisions()
    n_states = answer.model.states.size()
    cases = np.empty((n_states, tables.n_variables), dtype=np.intp)
    for k in range(n_states):
        cases[k] = np.rint(decision.state(k))  # whole numbers, as floats
    return Sampled(cases, info=answer.info)


def nonlinear_model(tables: DenseDQM) -> Any:
    """The model as a ``dwave.optimization.Model`` of a single decision, one integer per variable.

    The integers index constant tables: h by variable and case, shape (d, L), and J by pair of
    variables and both cases, shape (pairs, L, L), where L is the largest number of cases. Cells
    beyond a variable's cases are never looked up, as each integer has its own upper bound. There
    are 16 nodes whatever the size, and a move of one integer touches d table entries.

    Args:
        tables: The model.

    Returns:
        The model, locked; its objective is the energy.
    """
    from dwave.optimization.model import Model

    starts, sizes = tables.starts, tables.sizes
    d, largest = tables.n_variables, int(sizes.max())
    linear = np.zeros((d, largest))
    linear[np.arange(largest) < sizes[:, None]] = tables.linear
    rows, columns = np.triu_indices(d, 1)
    pairs = np.zeros((len(rows), largest, largest))
    for k, (i, j) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        pairs[k, : sizes[i], : sizes[j]] = tables.quadratic[
            starts[i] : starts[i + 1], starts[j] : starts[j + 1]
        ]
    model = Model()
    x = model.integer(d, lower_bound=0, upper_bound=sizes - 1)
    energy: Any = model.constant(linear)[model.constant(np.arange(d)), x].sum()
    if len(rows):
        pair = model.constant(np.arange(len(rows)))
        one, other = x[model.constant(rows)], x[model.constant(columns)]
        energy = energy + model.constant(pairs)[pair, one, other].sum()
    model.minimize(energy + model.constant(tables.offset))
    model.lock()
    return model


def _options(name: str, time_limit: float | None) -> dict[str, Any]:
    options: dict[str, Any] = {"label": LABEL}
    if time_limit is not None:
        check_number(name, "time_limit", time_limit, 0)
        options["time_limit"] = time_limit
    return options


def _nothing(encoding: Encoding, seed: int) -> dict[str, Any]:
    return {}


def _bqm(
    encoding: str = "domain-wall", time_limit: float | None = None, profile: str | None = None
) -> BinarySolver:
    """The solver leap-bqm.

    Args:
        encoding: Name of the encoding.
        time_limit: Seconds that the service works on a model, and charges for; None for the least
            that it accepts, a few seconds.
        profile: Of D-Wave's configuration; None for the one that it chooses.

    Raises:
        SolverError: If there is no token, or an option is wrong.
    """
    options = _options("leap-bqm", time_limit)
    connection = connect("leap-bqm", "LeapHybridBQMSampler", profile, time_limit)
    return BinarySolver(
        "leap-bqm",
        HybridSampler(connection, options),
        _nothing,
        encoding=encoding,
        is_costly=True,
    )


def _hybrid(
    name: str,
    class_name: str,
    ask: _Ask,
    time_limit: float | None = None,
    profile: str | None = None,
) -> HybridSolver:
    """The other solvers.

    Args:
        name: Of the solver.
        class_name: Class of the sampler in ``dwave.system``.
        ask: Sends a model to it.
        time_limit: Seconds that the service works on a model, and charges for; None for the least
            that it accepts, usually 5.
        profile: Of D-Wave's configuration; None for the one that it chooses.

    Raises:
        SolverError: If there is no token, or an option is wrong.
    """
    options = _options(name, time_limit)
    return HybridSolver(name, ask, connect(name, class_name, profile, time_limit), options)


def _info(
    name: str,
    summary: str,
    make: Callable[..., Solver],
    seconds: int = 5,
    encodings: tuple[str, ...] = (),
) -> SolverInfo:
    """What is the same for all of them, and the seconds that a call usually takes."""
    return SolverInfo(
        name,
        summary,
        make,
        encodings=encodings,
        limits="what the service takes: far beyond the models of a study",
        cost=f"solver time of your Leap plan: usually {seconds} s a call, or the time_limit if "
        "that is more, a few calls for a trial; max_calls limits it, qpu_seconds does not",
        packages=("dwave.system",),
        extra="qpu",
    )


LEAP_BQM = _info("leap-bqm", "D-Wave's hybrid solver of binary models", _bqm, 3, CLOUD_ENCODINGS)

LEAP_CQM = _info(
    "leap-cqm",
    "D-Wave's hybrid solver of constrained models",
    partial(_hybrid, "leap-cqm", "LeapHybridCQMSampler", _ask_cqm),
)

LEAP_DQM = _info(
    "leap-dqm",
    "D-Wave's hybrid solver of discrete models",
    partial(_hybrid, "leap-dqm", "LeapHybridDQMSampler", _ask_dqm),
)

LEAP_NL = _info(
    "leap-nl",
    "D-Wave's hybrid solver of nonlinear models, Stride",
    partial(_hybrid, "leap-nl", "StrideHybridSolver", _ask_nl),
)
