"""What a sweep file asks for in numbers: its space, its QUBO, and what a QPU would need for it.

Glossary
--------
share
    Of random configurations, every value of every active parameter as likely, those that keep all
    rules.
bits, couplers
    Variables of the QUBO of one suggestion, and pairs of them that have a bias.
"""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding import ENCODINGS, DenseDQM, count_bits, encode
from qhpo.errors import QhpoError
from qhpo.feasible import FeasibleSet, PenaltyWeights, penalized
from qhpo.program.execution import variables_of
from qhpo.space import Activity, Space, declared_conditions
from qhpo.sweep.sweep import Sweep

__all__ = ["Feasible", "Model", "QpuCall", "Summary", "summarize"]

_MOST_COUNTED = 20_000
"""Most configurations that are all looked at: about a second where there are many rules."""

_SAMPLES = 4_000
"""Random configurations where there are more: a share of a half is then known to 0.8 points."""

_SAMPLED_VALUES = 40_000
"""Most values of all of them together: of thousands of parameters fewer are drawn."""

_SEED = 0
"""Of everything left to chance: the same file gives the same summary."""

_MOST_CASES = 1_500
"""Largest model whose couplers are counted by making it: 18 MB. Of a larger one all pairs of bits
are counted, which is what a surrogate that sees interactions everywhere gives."""

_EXAMPLES, _EXAMPLE_ROUNDS = 10, 4
"""Different command lines that are shown, and how often as many are drawn for them at most."""

# Physical properties of Advantage2_system1.7 in "Per-QPU Solver Properties and Schedules" of
# D-Wave's documentation, in microseconds where they are times.
_QUBITS = 4_592
_PROGRAMMING, _DELAY = 33_600.0, 60.6
_READOUT = (17.0, 101.0)

_CLIQUE = 184
"""Bits of the largest clique of a whole Advantage2: 16 m - 8 of a Zephyr graph with m = 12 (Boothby
et al. 2021, "Zephyr Topology of D-Wave Quantum Processors"). Missing qubits take some away."""

_READS, _ANNEALING = 100, 20.0
"""Reads of a call of `qhpo.solvers.cloud.qpu`, and the usual annealing time of one, in
microseconds."""

_CALLS, _ROUNDS = 2, 3
"""Models that a costly solver gets for one suggestion, and how often at most each where no read
keeps the rules, see `qhpo.suggest.anneal`."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Feasible:
    """How much of the space keeps the rules.

    Attributes:
        share: Of random configurations.
        standard_error: Of the share; None where it is exact.
        looked_at: Configurations that the share was counted on; none where there are no rules.
        kept: How many of these keep all rules.
        configurations: Different configurations that keep all rules; None if they were not counted.
    """

    share: float
    standard_error: float | None
    looked_at: int
    kept: int
    configurations: int | None


@dataclass(frozen=True)
class Model:
    """The QUBO of one suggestion.

    Attributes:
        encoding: How it becomes binary.
        bits: Its variables, those of the rules too.
        couplers: Pairs of them that have a bias.
    """

    encoding: str
    bits: int
    couplers: int


@dataclass(frozen=True)
class QpuCall:
    """What one call of an Advantage2 would need; estimates, nothing is asked over the network.

    Attributes:
        bits: Of the QUBO.
        sampled: Bits that go to the QPU: of more than its largest clique, what matters most.
        chain: Qubits that stand for one bit.
        qubits: Qubits of all chains.
        share_of_qubits: Of those of the chip.
        reads: Reads of the call.
        seconds: Least and largest expected QPU access time of the call.
        calls: Least and largest number of calls for one trial after the first ones.
    """

    bits: int
    sampled: int
    chain: int
    qubits: int
    share_of_qubits: float
    reads: int
    seconds: tuple[float, float]
    calls: tuple[int, int]


@dataclass(frozen=True)
class Summary:
    """What a sweep file asks for.

    Attributes:
        parameters: Parameters that are searched.
        combinations: Combinations of all their values; None if they are infinitely many.
        continuous: Parameters of infinitely many values.
        feasible: How much of the space keeps the rules.
        models: The QUBO by encoding.
        qpu: What a QPU would need for it.
        examples: Command lines of random configurations that keep the rules.
    """

    parameters: int
    combinations: int | None
    continuous: tuple[str, ...]
    feasible: Feasible
    models: tuple[Model, ...]
    qpu: QpuCall
    examples: tuple[str, ...]


def summarize(sweep: Sweep) -> Summary:
    """What a sweep file asks for in numbers; always the same for the same file.

    Raises:
        QhpoError: If it is proven that no configuration keeps all rules, or a command line names
            an environment variable that is not set.
    """
    space = Space(sweep.search_space)
    conditions = declared_conditions(sweep.conditions, sweep.search_space)
    feasible = FeasibleSet(space, sweep.constraints, conditions)
    nothing = np.full(len(space), np.nan)
    found = feasible.find(nothing, np.random.default_rng(_SEED))
    if found.coordinates is None and found.is_proof:
        raise QhpoError(f"{sweep.path}: {feasible.conflict(nothing, is_proof=True)}")
    sizes = [axis.n_values for axis in space.axes]
    product = math.prod(sizes)
    models = _models(feasible, found.coordinates)
    domain_walls = next(model for model in models if model.encoding == "domain-wall")
    return Summary(
        len(space),
        int(product) if math.isfinite(product) else None,
        tuple(axis.name for axis in space.axes if math.isinf(axis.n_values)),
        _share(feasible, product),
        models,
        _qpu_call(domain_walls.bits, feasible.is_plain),
        _examples(sweep, feasible, nothing),
    )


def _share(feasible: FeasibleSet, combinations: float) -> Feasible:
    space = feasible.space
    if not feasible.constraints and combinations > _MOST_COUNTED:
        return Feasible(1.0, None, 0, 0, None)
    if combinations <= _MOST_COUNTED:
        columns = [axis.every_coordinate().tolist() for axis in space.axes]
        rows = np.array(list(itertools.product(*columns)))
    else:
        rng = np.random.default_rng(_SEED)
        n = max(min(_SAMPLES, _SAMPLED_VALUES // len(space)), _EXAMPLES)
        rows = np.array([[axis.draw(rng) for axis in space.axes] for _ in range(n)])
    kept = 0
    different = set()
    for row in rows:
        x = _active(feasible, row)
        if feasible.satisfied(x):
            kept += 1
            different.add(space.key(x))
    n, share = len(rows), kept / len(rows)
    if combinations <= _MOST_COUNTED:
        return Feasible(share, None, n, kept, len(different))
    return Feasible(share, math.sqrt(share * (1.0 - share) / n), n, kept, None)


def _active(feasible: FeasibleSet, row: FloatArray) -> FloatArray:
    """A row with a coordinate on every axis, NaN where the axis is inactive then."""
    if not feasible.conditions:
        return row
    known = [np.array([c]) for c in row.tolist()]
    activity = Activity(feasible.space, feasible.conditions, known)
    places = activity.apply(np.zeros((1, len(row)), dtype=np.intp))
    return np.where(places[0] < 0, np.nan, row)


def _models(feasible: FeasibleSet, found: FloatArray | None) -> tuple[Model, ...]:
    """Made as a suggestion makes them, of a surrogate that has an effect everywhere."""
    space = feasible.space
    sizes = space.n_levels[space.n_levels > 1]
    n_cases = int(sizes.sum())
    if n_cases > _MOST_CASES or found is None:
        bits = {"one-hot": n_cases, "domain-wall": n_cases - len(sizes)}
        return tuple(Model(name, b, b * (b - 1) // 2) for name, b in bits.items())
    rng = np.random.default_rng(_SEED)
    n = int(space.starts[-1])
    drawn = rng.standard_normal((n, n))
    tables = DenseDQM.from_upper(space.starts, rng.standard_normal(n), drawn, 0.0)
    if not feasible.is_plain:
        centre = space.nearest_levels(np.where(np.isnan(found), 0.0, found))
        fixed = space.n_levels == 1
        tables = penalized(tables, feasible.levels, centre, fixed, PenaltyWeights())
    elif len(sizes) < len(space):
        keep = np.repeat(space.n_levels > 1, space.n_levels)
        starts = np.append(0, np.cumsum(sizes)).astype(np.intp)
        pairs = tables.quadratic[np.ix_(keep, keep)]
        tables = DenseDQM(starts, tables.linear[keep], pairs, 0.0)
    result = []
    for name in ENCODINGS:
        bqm = encode(tables, name).bqm
        result.append(Model(name, count_bits(tables, name), bqm.num_interactions))
    return tuple(result)


def _qpu_call(bits: int, is_plain: bool) -> QpuCall:
    """By D-Wave's formula: programming + reads x (anneal + readout + delay)."""
    sampled = min(bits, _CLIQUE)
    # Of the cliques that minorminer's busclique finds in the whole graph.
    chain = math.ceil(max(sampled - 8, 0) / 16) + 2
    seconds = [
        1e-6 * (_PROGRAMMING + _READS * (_ANNEALING + readout + _DELAY)) for readout in _READOUT
    ]
    return QpuCall(
        bits,
        sampled,
        chain,
        sampled * chain,
        sampled * chain / _QUBITS,
        _READS,
        (seconds[0], seconds[1]),
        (_CALLS, _CALLS if is_plain else _CALLS * _ROUNDS),
    )


def _examples(sweep: Sweep, feasible: FeasibleSet, nothing: FloatArray) -> tuple[str, ...]:
    rng = np.random.default_rng(_SEED)
    different: dict[object, FloatArray] = {}
    # Draws may be fewer than are asked for, and some of them equal.
    for _ in range(_EXAMPLE_ROUNDS):
        for x in feasible.draws(2 * _EXAMPLES, nothing, rng):
            different.setdefault(feasible.space.key(x), x)
        if len(different) >= _EXAMPLES or not different:
            break
    drawn = list(different.values())[:_EXAMPLES]
    return tuple(_shown(sweep, feasible.space.decode(x)) for x in drawn)


def _shown(sweep: Sweep, params: dict[str, Any]) -> str:
    if sweep.command is not None:
        line = shlex.join(sweep.argv(params))
        if sweep.command.has_parameters:
            return line
        variables = variables_of(sweep.handed(params))
        return " ".join([*(f"{n}={shlex.quote(v)}" for n, v in variables.items()), line])
    handed: Sequence[str] = [f"{name}={value!r}" for name, value in sweep.handed(params).items()]
    return f"{sweep.program}({', '.join(handed)})"
