"""Models of a study: taken at the right time, kept without loss, their optima right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest
from optuna.trial import FixedTrial

from qhpo.encoding.reduction import eliminate
from qhpo.errors import QhpoError
from qhpo.solvers.exact import MAX_CONFIGURATIONS
from qhpo_problems.benchmarks.sampling.tabular import TABLES
from qhpo_problems.benchmarks.solving import models
from qhpo_problems.benchmarks.solving.models import (
    checkpoints_of,
    load_models,
    lowest_energy,
    store_models,
    take_models,
)
from qhpo_problems.benchmarks.solving.studies import load_study, study_names


@pytest.mark.parametrize("name", study_names())
def test_every_study_has_an_objective_over_its_declared_space(name: str) -> None:
    study = load_study(name)
    space = study.declaration.search_space
    assert space is not None
    params = {n: d.to_external_repr(d._contains(0) * 0.0) for n, d in space.items()}
    assert np.isfinite(study.objective(FixedTrial(params)))
    assert list(study.checkpoints) == sorted(set(study.checkpoints))


def test_all_tables_are_among_the_studies() -> None:
    assert study_names()[: len(TABLES)] == tuple(TABLES)


def test_an_unknown_study_lists_the_known_ones() -> None:
    with pytest.raises(QhpoError, match=r"car, phoneme, .*pest-control-80; got 'pest'"):
        load_study("pest")


def test_models_are_those_of_the_sampler_at_the_checkpoints(tiny: Any) -> None:
    taken = take_models(tiny, (11, 13), seed=3)
    assert [model.trials for model in taken] == [11, 11, 13, 13]
    for model in taken:
        assert model.tables.n_variables == 6
        assert len(model.tables.linear) == 18
        lowest = dimod.ExactDQMSolver().sample_dqm(model.tables.to_dqm()).first.energy
        assert model.lowest == pytest.approx(lowest)
        assert model.is_proven
    assert not np.array_equal(taken[0].tables.linear, taken[1].tables.linear)
    again = take_models(tiny, (11, 13), seed=3)
    for one, other in zip(taken, again, strict=True):
        np.testing.assert_array_equal(one.tables.quadratic, other.tables.quadratic)
    # Later checkpoints do not change what came before them.
    alone = take_models(tiny, (11,), seed=3)
    np.testing.assert_array_equal(alone[1].tables.quadratic, taken[1].tables.quadratic)


def test_a_checkpoint_among_the_first_trials_is_refused(tiny: Any) -> None:
    with pytest.raises(QhpoError, match=r"after the first trials.*got 4 finished trials"):
        take_models(tiny, (4,), seed=0)


@pytest.mark.parametrize(
    ("trials", "expected"), [(None, (11, 13)), (13, (11, 13)), (12, (11, 12)), (40, (11, 13, 40))]
)
def test_the_last_checkpoint_can_be_chosen(
    tiny: Any, trials: int | None, expected: tuple[int, ...]
) -> None:
    assert checkpoints_of(tiny, trials) == expected


def test_the_lowest_energy_of_large_models_is_a_local_minimum_below_all_luck(
    make_tables: Any,
) -> None:
    tables = make_tables([5] * 20)
    lowest, is_proven = lowest_energy(tables, 0)
    assert not is_proven
    drawn = np.random.default_rng(1).integers(5, size=(5_000, 20))
    assert lowest <= tables.energies(tables.descend(drawn)).min() + 1e-9


def test_a_search_and_the_proof_agree(make_tables: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = make_tables([4] * 8, seed=1)
    proven, is_proven = lowest_energy(tables, 0)
    assert is_proven
    assert len(eliminate(tables).tables.starts) - 1 > 0
    assert MAX_CONFIGURATIONS >= 4**8
    monkeypatch.setattr(models, "MAX_CONFIGURATIONS", 1)
    found, is_proven = lowest_energy(tables, 0)
    assert not is_proven
    assert found == pytest.approx(proven)


def test_what_elimination_solves_is_proven(make_tables: Any) -> None:
    assert lowest_energy(make_tables([1, 1, 1]), 0)[1]


def test_a_file_gives_back_what_it_was_given(tiny: Any, tmp_path: Path) -> None:
    taken = take_models(tiny, (11,), seed=0)
    path = tmp_path / "new" / "models.npz"
    store_models(taken, path)
    assert [p.name for p in path.parent.iterdir()] == ["models.npz"]
    for one, other in zip(taken, load_models(path), strict=True):
        for name in ("starts", "linear", "quadratic", "offset"):
            np.testing.assert_array_equal(getattr(one.tables, name), getattr(other.tables, name))
        assert (one.trials, one.lowest) == (other.trials, other.lowest)
        assert one.is_proven is other.is_proven


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "models.npz"
    path.write_bytes(b"PK\x03\x04 and nothing else")
    with pytest.raises(QhpoError, match=r"models\.npz.*delete it"):
        load_models(path)
