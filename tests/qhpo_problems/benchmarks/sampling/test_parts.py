"""Two thirds of a suite are for choosing, one third is for reporting."""

from __future__ import annotations

import pytest

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks import Suite, load_suite
from qhpo_problems.benchmarks.sampling.functions import SUITE as FUNCTIONS
from qhpo_problems.benchmarks.sampling.tables import SUITE as TABLES

assert TABLES.with_noise is not None
SUITES = [TABLES, TABLES.with_noise, *map(load_suite, ("functions", "graph", "noisy"))]


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_parts_are_disjoint_and_cover_all(suite: Suite) -> None:
    choosing, reporting = suite.part("choosing"), suite.part("reporting")
    assert not set(choosing) & set(reporting)
    assert {*choosing, *reporting} == set(suite.tables) == set(suite.part("all"))
    assert set(reporting) == set(suite.reporting)
    # As near to a third as the number of tables allows.
    assert abs(len(reporting) - len(suite.tables) / 3) < 0.5


def test_a_function_is_in_the_same_part_in_every_dimension() -> None:
    numbers = {
        part: {table.rpartition("-")[2] for table in FUNCTIONS.part(part)}
        for part in ("choosing", "reporting")
    }
    assert not numbers["choosing"] & numbers["reporting"]
    assert set(map(FUNCTIONS.tables.get, FUNCTIONS.part("reporting"))) == set(
        FUNCTIONS.tables.values()
    )


def test_suites_without_parts_say_so() -> None:
    suite = load_suite("constrained")
    assert suite.part("all") == tuple(suite.tables)
    with pytest.raises(QhpoError, match="suite constrained must be among all; got 'choosing'"):
        suite.part("choosing")
    with pytest.raises(QhpoError, match="among all, choosing, reporting; got 'other'"):
        TABLES.part("other")
