"""Cliques side by side on the graph of a QPU, so that one call reads a small model many times.

An embedding of the clique is found on the smallest square piece of a whole graph that holds it,
relieved of qubits that it can do without, and laid on every place of the QPU's graph where all its
qubits are left, as by minorminer's ``find_sublattice_embeddings``. That tries one form of the
embedding; here a place that lacks a qubit is tried with all forms that other lines of the same kind
give. On a Zephyr 12 without 4.3 % of its qubits, as an Advantage2 is, a clique of 16 then lies 39
times instead of 12 times, and 77 instead of 57 times on a whole one.

Glossary
--------
tile
    The piece of a whole graph that holds one copy.
line
    Parallel qubits of one row or column are numbered; in the coordinates of both families the first
    entry is the orientation, the third this number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

__all__ = ["Chains", "find_tiles", "tiled_size"]

Chains = dict[int, tuple[int, ...]]
"""Qubits of every bit."""

_STEP = 4
"""Sizes are rounded up to multiples of this: what elimination leaves differs by a bit or two from
one suggestion to the next, and a tiling then serves most of them. It costs few copies: cliques of
12 lie as often on a Zephyr 12 as cliques of 16."""

_LINES = 4
"""Parallel qubits that are of one kind: all of a Zephyr graph's, and each third of a Pegasus
graph's, where the couplers of odd and even ones are kept by the changes below."""


_MOST = 100
"""Copies of one call. Making and reading one takes some milliseconds of this machine, and models of
up to 8 bits, of which more would fit, have at most 256 states."""


class _Family(NamedTuple):
    """What differs between the graphs.

    Attributes:
        make: Makes a whole graph of so many rows.
        mappings: All places of a graph in a larger one.
        to_coordinates: From the number of a qubit, for a number of rows.
        to_qubit: And back.
    """

    make: Callable[[int], Any]
    mappings: Callable[[Any, Any], Iterator[Callable[[int], int]]]
    to_coordinates: Callable[[int], Callable[[int], tuple[int, ...]]]
    to_qubit: Callable[[int], Callable[[tuple[int, ...]], int]]


def tiled_size(n_bits: int) -> int:
    """Size of the clique that a model of so many bits is laid on where there are copies of it."""
    return -(-n_bits // _STEP) * _STEP


def find_tiles(graph: Any, n_bits: int) -> list[Chains]:
    """Disjoint embeddings of a clique; always the same for the same graph.

    Args:
        graph: Of a QPU, made by dwave-graphs, its qubits numbered.
        n_bits: Size of the clique, a `tiled_size`.

    Returns:
        As many as are found, but no more than models of few bits are worth; none if one takes more
        than half of the rows, or the graph is neither Pegasus nor Zephyr.
    """
    import networkx as nx
    from minorminer.busclique import busgraph_cache
    from minorminer.utils.diagnostic import is_valid_embedding

    family = _family(graph)
    if family is None:
        return []
    for rows in range(1, graph.graph["rows"] // 2 + 1):
        tile = family.make(rows)
        found = busgraph_cache(tile).find_clique_embedding(n_bits) if len(tile) else {}
        if found:
            break
    else:
        return []
    clique, left = nx.complete_graph(n_bits), set(graph)
    tiles: list[Chains] = []
    forms = _forms(_trimmed(found, tile), tile, family)
    for place in family.mappings(tile, graph):
        moved = {qubit: place(qubit) for qubit in tile}
        for form in forms:
            chains = {bit: tuple(moved[qubit] for qubit in form[bit]) for bit in form}
            qubits = {qubit for chain in chains.values() for qubit in chain}
            # The second asks for the couplers, some of which may be missing too.
            is_place = qubits <= left and is_valid_embedding(chains, clique, graph)
            if is_place and len(tiles) < _MOST:
                tiles.append(chains)
                left -= qubits
    return tiles


def _family(graph: Any) -> _Family | None:
    import dwave.graphs as dg

    if graph.graph.get("family") == "zephyr" and graph.graph["tile"] == _LINES:
        return _Family(
            lambda rows: dg.zephyr_graph(rows, _LINES),
            dg.zephyr_sublattice_mappings,
            lambda rows: dg.zephyr_coordinates(rows, _LINES).linear_to_zephyr,
            lambda rows: dg.zephyr_coordinates(rows, _LINES).zephyr_to_linear,
        )
    if graph.graph.get("family") == "pegasus":
        return _Family(
            # The graph of one row has no qubits.
            lambda rows: dg.pegasus_graph(rows),
            dg.pegasus_sublattice_mappings,
            lambda rows: dg.pegasus_coordinates(rows).linear_to_pegasus,
            lambda rows: dg.pegasus_coordinates(rows).pegasus_to_linear,
        )
    return None


def _trimmed(chains: Chains, tile: Any) -> Chains:
    """Without the qubits that neither hold a chain together nor are its only way to another."""
    import networkx as nx

    left = {bit: set(chain) for bit, chain in chains.items()}
    for bit, chain in left.items():
        for qubit in sorted(chain):
            rest = left[bit] - {qubit}
            if not rest or not nx.is_connected(tile.subgraph(rest)):
                continue
            near = {neighbour for other in rest for neighbour in tile.adj[other]}
            if all(near & left[other] for other in left if other != bit):
                left[bit] = rest
    return {bit: tuple(sorted(chain)) for bit, chain in left.items()}


def _forms(chains: Chains, tile: Any, family: _Family) -> list[Chains]:
    """The same embedding on other lines of the tile, itself first.

    Exclusive or with 0 to 3 permutes four lines and keeps pairs of odd and even ones together.
    """
    rows = tile.graph["rows"]
    coordinates, qubit_of = family.to_coordinates(rows), family.to_qubit(rows)

    def changed(qubit: int, by: tuple[int, int]) -> int:
        orientation, across, line, *along = coordinates(qubit)
        return qubit_of((orientation, across, line ^ by[orientation], *along))

    forms = [
        {bit: tuple(changed(q, (i, j)) for q in chain) for bit, chain in chains.items()}
        for i in range(_LINES)
        for j in range(_LINES)
    ]
    # Some lines of a Pegasus tile are shorter, and lack the qubits at the ends.
    return [form for form in forms if all(q in tile for chain in form.values() for q in chain)]
