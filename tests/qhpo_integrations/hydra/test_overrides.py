"""Sweeps of Hydra's grammar as a search space."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo.errors import QhpoError
from qhpo_integrations.hydra.overrides import Overrides

pytest.importorskip(
    "hydra", reason="hydra-core is not installed: one of its packages must be built"
)


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("x=interval(0,1)", "x", FloatDistribution(0.0, 1.0)),
        ("x=int(interval(1,8))", "x", IntDistribution(1, 8)),
        ("x=tag(log,interval(1e-4,1))", "x", FloatDistribution(1e-4, 1.0, log=True)),
        ("x=tag(log,int(interval(1,64)))", "x", IntDistribution(1, 64, log=True)),
        ("x=range(1,4)", "x", IntDistribution(1, 3)),
        ("x=range(8,0,-2)", "x", IntDistribution(2, 8, step=2)),
        ("x=range(0,1,0.25)", "x", FloatDistribution(0.0, 0.75, step=0.25)),
        ("x=a,b", "x", CategoricalDistribution(("a", "b"))),
        ("x=2,2.5,true,null", "x", CategoricalDistribution((2, 2.5, True, None))),
        ("+model.width=16,32", "model.width", CategoricalDistribution((16, 32))),
        ("++db@main=mysql,sqlite", "db@main", CategoricalDistribution(("mysql", "sqlite"))),
    ],
)
def test_a_sweep_is_a_distribution(line: str, name: str, expected: Any) -> None:
    read = Overrides.read([line], None)
    assert read.search_space == {name: expected}
    assert read.keys == {name: line.partition("=")[0]}
    assert read.fixed == ()


def test_what_is_no_sweep_is_fixed_and_the_last_one_counts() -> None:
    read = Overrides.read(["a=1", "~b", "c=1,2", "c=3", "d=4", "d=5,6"], None)
    assert read.fixed == ("a=1", "~b", "c=3")
    assert list(read.search_space) == ["d"]


@pytest.mark.parametrize(
    "line",
    ["x='a b','c,d'", "x=[1,2],[3]", "x={a:1},{a:2}", "x=null,true,1", "x=1e-05,2.0", r"x=a\\,b,c"],
)
def test_values_reach_the_job_as_they_were_written(line: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create()
    (written,) = parser.parse_overrides([line])
    read = Overrides.read([line], None)
    dist = read.search_space["x"]
    assert isinstance(dist, CategoricalDistribution)
    jobs = [read.of_job({"x": value}) for value in dist.choices]
    values = [parser.parse_overrides(job)[0].value() for job in jobs]
    assert repr(values) == repr([written._convert_value(v) for v in written.value().list])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x=tag(lognormal,interval(1,2))", "may have the tag log; got lognormal of 'x'"),
        ("x=interval(2,1)", "the interval of 'x' cannot be searched"),
        ("x=tag(log,interval(0,1))", "the interval of 'x' cannot be searched"),
        ("x=range(1,1)", r"at least one value; got x=range\(1,1\)"),
    ],
)
def test_what_cannot_be_searched_is_named(line: str, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        Overrides.read([line], None)
