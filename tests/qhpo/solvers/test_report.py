"""Reports of solvers: summed over calls, and kept as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from qhpo.solvers import SolverReport, merge

ONE = SolverReport(
    "qpu",
    calls=1,
    variables=12,
    couplers=40,
    reads=100,
    valid_reads=70,
    energy=-3.5,
    chain_breaks=0.1,
    seconds=0.5,
    qpu_seconds=0.04,
)
THREE = replace(
    ONE,
    calls=3,
    variables=8,
    couplers=60,
    reads=300,
    valid_reads=10,
    energy=-2.0,
    chain_breaks=0.5,
    seconds=1.0,
    qpu_seconds=0.12,
)


def _merged(one: SolverReport, other: SolverReport) -> SolverReport:
    both = merge(one, other)
    assert both is not None
    return both


class TestMerge:
    @pytest.mark.parametrize("pair", [(ONE, THREE), (THREE, ONE)], ids=["one first", "three first"])
    def test_sums_what_adds_up_and_keeps_the_extremes(
        self, pair: tuple[SolverReport, SolverReport]
    ) -> None:
        both = _merged(*pair)
        assert (both.solver, both.calls) == ("qpu", 4)
        assert (both.reads, both.valid_reads) == (400, 80)
        assert (both.variables, both.couplers) == (12, 60)
        assert both.energy == -3.5
        assert both.seconds == pytest.approx(1.5)
        assert both.qpu_seconds == pytest.approx(0.16)

    @pytest.mark.parametrize("pair", [(ONE, THREE), (THREE, ONE)], ids=["one first", "three first"])
    def test_chain_breaks_are_weighted_by_reads(
        self, pair: tuple[SolverReport, SolverReport]
    ) -> None:
        assert _merged(*pair).chain_breaks == pytest.approx((1 * 0.1 + 3 * 0.5) / 4)

    def test_the_order_of_merging_does_not_matter_to_chain_breaks(self) -> None:
        last = replace(ONE, calls=1, reads=200, chain_breaks=0.9)
        left = _merged(_merged(ONE, THREE), last).chain_breaks
        right = _merged(ONE, _merged(THREE, last)).chain_breaks
        assert left == pytest.approx(right)
        assert left == pytest.approx((0.1 + 3 * 0.5 + 2 * 0.9) / 6)

    def test_calls_without_an_embedding_have_no_weight(self) -> None:
        bare = replace(THREE, chain_breaks=None)
        assert _merged(ONE, bare).chain_breaks == _merged(bare, ONE).chain_breaks == 0.1
        assert _merged(bare, bare).chain_breaks is None

    def test_unbroken_chains_count(self) -> None:
        assert _merged(ONE, replace(ONE, chain_breaks=0.0)).chain_breaks == pytest.approx(0.05)

    def test_a_model_that_was_not_sent_has_no_weight(self) -> None:
        unsent = SolverReport("qpu", 0, 0, 0, reads=1, valid_reads=1, energy=-9.0)
        both = _merged(unsent, ONE)
        assert (both.calls, both.variables, both.chain_breaks) == (1, 12, 0.1)
        assert both.energy == -9.0
        assert _merged(unsent, unsent).calls == 0

    def test_the_first_reason_is_kept(self) -> None:
        late, later = replace(ONE, fallback="late"), replace(ONE, fallback="later")
        assert _merged(late, later).fallback == "late"
        assert _merged(ONE, later).fallback == "later"
        assert _merged(ONE, THREE).fallback == ""

    def test_failures_add_up(self) -> None:
        failed = SolverReport("qpu", 0, 0, 0, 0, 0, failed=2)
        both = _merged(failed, replace(ONE, failed=1))
        assert both == replace(ONE, failed=3)
        assert _merged(ONE, failed) == replace(ONE, failed=2)

    def test_copies_are_those_of_the_fullest_call(self) -> None:
        some, most = replace(ONE, copies=4), replace(ONE, copies=77)
        assert _merged(some, most).copies == _merged(most, some).copies == 77
        assert _merged(ONE, some).copies == 4
        assert _merged(ONE, THREE).copies is None

    def test_nothing_leaves_the_other(self) -> None:
        assert merge(None, None) is None
        assert merge(ONE, None) is ONE
        assert merge(None, ONE) is ONE


class TestAttribute:
    @pytest.mark.parametrize(
        "report",
        [
            ONE,
            replace(ONE, fallback="ConnectionError: no route"),
            replace(ONE, chain_breaks=0.0, energy=0.0, qpu_seconds=0.0),
            SolverReport("neal", 0, 0, 0, 0, 0),
            replace(ONE, failed=2),
        ],
        ids=["full", "fallback", "zeros", "nothing", "failures"],
    )
    def test_survives_json(self, report: SolverReport) -> None:
        text = json.dumps(report.as_attribute(), allow_nan=False)
        assert SolverReport.from_attribute(json.loads(text)) == report

    def test_one_of_before_failures_were_counted_has_none(self) -> None:
        attribute = ONE.as_attribute()
        del attribute["failed"]
        assert SolverReport.from_attribute(attribute) == ONE

    def test_leaves_out_what_says_nothing(self) -> None:
        assert SolverReport("neal", 1, 2, 3, 4, 5).as_attribute() == {
            "solver": "neal",
            "calls": 1,
            "variables": 2,
            "couplers": 3,
            "reads": 4,
            "valid_reads": 5,
            "seconds": 0.0,
            "qpu_seconds": 0.0,
            "failed": 0,
        }
        assert {"energy", "chain_breaks"} <= ONE.as_attribute().keys()


def test_the_lowest_energy_is_taken() -> None:
    report = ONE.with_energy(np.array([2.0, -7.0, 1.0]))
    assert report.energy == -7.0
    assert replace(report, energy=ONE.energy) == ONE
    assert ONE.with_energy(np.empty(0)).energy == math.inf
