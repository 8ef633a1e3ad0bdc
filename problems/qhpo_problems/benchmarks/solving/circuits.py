"""QAOA circuits of 12 qubits: how likely the optimum and a valid read are, by mixer and layers.

The models are too small to need a circuit: every configuration is enumerated beside it, so that the
probabilities are exact, and so is what a uniform draw of a valid configuration would reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import cirq
import numpy as np

from qhpo.encoding import DenseDQM, eliminate
from qhpo.solvers import make_solver
from qhpo_problems.benchmarks.comparison import comparison
from qhpo_problems.benchmarks.results import standard_error
from qhpo_problems.benchmarks.solving.encodings import dense_tables
from qhpo_problems.benchmarks.solving.measure import Tapped
from qhpo_problems.benchmarks.suite import Metric

__all__ = ["SUITE", "frustrated_tables", "measure_circuits"]

_SIZES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"3-3-3-3": (3, 3, 3, 3), "4-4-4": (4, 4, 4)}
)
"""Name of the table -> values of each parameter, 12 together."""

_LINEAR = 0.2
"""Spread of the linear biases against that of the pairs: larger ones decide most parameters."""

_SHOTS = 1_024
"""Reads that probabilities of some per cent show up in."""

_SAME = 1e-9
"""Two energies that differ by less are one, but for rounding."""

_CIRCUITS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {f"{mixer}-{layers}": (mixer, layers) for mixer in ("xy", "x") for layers in (1, 2, 3)}
)
"""Name of the method -> mixer and layers."""

_UNIFORM = "uniform"


def frustrated_tables(sizes: tuple[int, ...], seed: int) -> DenseDQM:
    """A random model of which elimination leaves every case, so that the circuit gets all of it.

    Args:
        sizes: Cases of each variable.
        seed: Of the biases.
    """
    rng = np.random.default_rng(seed)
    while True:
        tables = dense_tables(sizes, rng, linear=_LINEAR)
        if len(eliminate(tables).tables.linear) == sum(sizes):
            return tables


def measure_circuits(table: str, method: str, seed: int) -> list[dict[str, float]]:
    """Probabilities of the optimum and of valid reads, and the size of the circuit.

    Args:
        table: Name of the sizes.
        method: Name of mixer and layers, or of the uniform draw.
        seed: Of the model, the angles and the reads.
    """
    tables = frustrated_tables(_SIZES[table], seed)
    if method == _UNIFORM:
        return [_uniform(tables, seed)]
    mixer, layers = _CIRCUITS[method]
    solver = make_solver(
        "qaoa-cirq",
        max_qubits=len(tables.linear),
        mixer=mixer,
        layers=layers,
        num_reads=_SHOTS,
        sampler=cirq.Simulator(seed=seed),
    )
    tapped = Tapped(solver)
    tapped.reads(tables, seed)
    info = {} if tapped.sampled is None else tapped.sampled.info
    return [
        {
            "optimum": info["probability_of_optimum"],
            "valid": info["valid_share"],
            "reads at optimum": info["reads_optimum_share"],
            "valid reads": info["reads_valid_share"],
            "two-qubit gates": float(info["two_qubit_gates"]),
        }
    ]


def _uniform(tables: DenseDQM, seed: int) -> dict[str, float]:
    """The same of configurations that are drawn without a circuit."""
    sizes = tables.sizes.tolist()
    every = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=1)
    energies = tables.energies(every)
    is_optimal = energies <= energies.min() + _SAME
    reads = np.random.default_rng(seed).integers(len(every), size=_SHOTS)
    return {
        "optimum": float(is_optimal.mean()),
        "valid": 1.0,
        "reads at optimum": float(is_optimal[reads].mean()),
        "valid reads": 1.0,
        "two-qubit gates": 0.0,
    }


SUITE = comparison(
    name="circuits",
    tables={
        name: f"12 qubits, {len(sizes)} parameters of {sizes[0]} values, "
        f"{np.prod(sizes)} configurations"
        for name, sizes in _SIZES.items()
    },
    methods=(*_CIRCUITS, _UNIFORM),
    settings=("",),
    metrics=(
        Metric(
            *("optimum", "{:.3f}".format, max),
            error=standard_error,
            label="probability of the optimum",
        ),
        Metric("valid", "{:.1%}".format, max),
        Metric("reads at optimum", "{:.3f}".format, max),
        Metric("valid reads", "{:.1%}".format, max),
        Metric("two-qubit gates", "{:.0f}".format, min),
    ),
    measure=measure_circuits,
    footnote=(
        "Mixer and layers of a QAOA circuit, its angles found on an exact simulation: probability "
        f"that a noiseless read is the optimum, and that it is valid; the same of {_SHOTS:,} reads "
        "of the circuit on Cirq's simulator; uniform draws one of the configurations. The models "
        "are random, and dead-end elimination leaves all of them. Two-qubit gates before a device "
        "decomposes them."
    ),
)
"""QAOA circuits against a uniform draw."""
