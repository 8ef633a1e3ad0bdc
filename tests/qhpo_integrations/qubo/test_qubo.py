"""The model of a study for other solvers: its energies, its meaning, and the files it comes in."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from qhpo import QhpoError, QUBOSampler
from qhpo import constraints as c
from qhpo.cli import main
from qhpo.suggest import QuadraticModel

SPACE: dict[str, BaseDistribution] = {
    "a": IntDistribution(1, 3),
    "b": CategoricalDistribution(["x", "y"]),
}


def objective(trial: optuna.Trial) -> float:
    a, b = trial.suggest_int("a", 1, 3), trial.suggest_categorical("b", ["x", "y"])
    return (a - 2) ** 2 + (b == "y") * a


def study_of(sampler: QUBOSampler, n_trials: int = 6, **arguments: Any) -> optuna.Study:
    study = optuna.create_study(sampler=sampler, **arguments)
    study.optimize(objective, n_trials=n_trials)
    return study


@pytest.fixture
def model() -> QuadraticModel:
    sampler = QUBOSampler(seed=0)
    return sampler.quadratic_model(study_of(sampler))


def configurations(model: QuadraticModel) -> Iterator[tuple[dict[str, Any], dict[str, int]]]:
    """Every valid sample, with the parameters that its meanings say."""
    names = sorted({m.parameter for m in model.meanings if m.parameter is not None})
    each = [[m for m in model.meanings if m.parameter == name] for name in names]
    for chosen in itertools.product(*each):
        sample = {m.variable: int(m in chosen) for m in model.meanings}
        yield {m.parameter: m.value for m in chosen if not m.is_absent}, sample


def test_its_least_energy_is_the_best_configuration(model: QuadraticModel) -> None:
    bqm = model.to_bqm()
    best = min(configurations(model), key=lambda pair: bqm.energy(pair[1]))
    assert best[0] == {"a": 2, "b": "x"}
    # And nothing that is no configuration lies below it.
    exact = dimod.ExactSolver().sample(bqm).first
    assert exact.energy == pytest.approx(bqm.energy(best[1]))
    assert {m.variable for m in model.meanings} == set(bqm.variables)
    assert [m.variable for m in model.meanings] == ["a=1", "a=2", "a=3", "b='x'", "b='y'"]


def test_energies_are_those_of_the_tables(model: QuadraticModel) -> None:
    bqm = model.to_bqm()
    for params, sample in configurations(model):
        cases = model.space.nearest_levels(model.space.encode(params))
        assert bqm.energy(sample) == pytest.approx(model.tables.energies(cases[None, :])[0])


def test_what_breaks_a_rule_costs_more() -> None:
    rules = [c.forbid(a=2, b="x")]
    sampler = QUBOSampler(SPACE, constraints=rules, seed=0)
    model = sampler.quadratic_model(study_of(sampler, 4))
    bqm = model.to_bqm()
    energies = {tuple(p.values()): bqm.energy(s) for p, s in configurations(model)}
    plain = QUBOSampler(SPACE, seed=0).quadratic_model(study_of(sampler, 4)).to_bqm()
    for params, sample in configurations(model):
        added = energies[tuple(params.values())] - plain.energy(sample)
        assert (added > 0.1) == (params == {"a": 2, "b": "x"})


def test_a_parameter_may_be_absent() -> None:
    def conditional(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("kind", ["with", "without"]) == "with":
            return trial.suggest_int("size", 1, 3)
        return 2.5

    sampler = QUBOSampler(seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(conditional, n_trials=12)
    model = sampler.quadratic_model(study)
    assert [m.variable for m in model.meanings if m.is_absent] == ["size absent"]
    first = dimod.ExactSolver().sample(model.to_bqm()).first
    on = {m.variable for m in model.meanings if first.sample[m.variable]}
    assert on == {"kind='with'", "size=1"}


def test_choices_that_look_alike_are_told_apart() -> None:
    class Same:
        def __repr__(self) -> str:
            return "same"

    one, other = Same(), Same()
    study = optuna.create_study(sampler=QUBOSampler(seed=0))
    with pytest.warns(UserWarning, match="persistent storage"):
        study.optimize(lambda t: float(t.suggest_categorical("k", [one, other]) is one), n_trials=3)
    model = QUBOSampler(seed=0).quadratic_model(study)
    assert [m.variable for m in model.meanings] == ["k=same", "k=same #2"]


def test_several_objectives_are_weighed_as_the_next_trial_weighs_them() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=QUBOSampler(seed=0))
    study.optimize(lambda t: (t.suggest_int("a", 1, 4), t.suggest_int("a", 1, 4)), n_trials=4)
    sampler = QUBOSampler(seed=0)
    found = sampler.quadratic_model(study)
    assert len(found.meanings) == 4
    assert found.to_bqm() == QUBOSampler(seed=0).quadratic_model(study).to_bqm()


@pytest.mark.parametrize("fails", [False, True])
def test_without_a_value_there_is_no_model(fails: bool) -> None:
    study = optuna.create_study()
    if fails:
        study.tell(study.ask(SPACE), state=optuna.trial.TrialState.FAIL)
    with pytest.raises(QhpoError, match=r"needs a trial with a value.*none among [01] trials"):
        QUBOSampler(seed=0).quadratic_model(study)


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    verbosity = optuna.logging.get_verbosity()
    study_of(QUBOSampler(seed=0), study_name="first", storage="sqlite:///qhpo.db")
    yield tmp_path
    optuna.logging.set_verbosity(verbosity)


def test_every_file_holds_the_model(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = optuna.load_study(study_name="first", storage="sqlite:///qhpo.db")
    expected = QUBOSampler(seed=0).quadratic_model(study).to_bqm()
    for name in ("model.bqm", "model.json", "model.csv", "model.png"):
        assert main(["qubo", "first", "-o", name]) == 0
        assert capsys.readouterr().out == (
            f"wrote {name}: 5 variables for 2 parameters, {expected.num_interactions} couplers\n"
        )
    with Path("model.bqm").open("rb") as file:
        assert dimod.BinaryQuadraticModel.from_file(file) == expected
    content = json.loads(Path("model.json").read_text("utf-8"))
    assert dimod.BinaryQuadraticModel.from_serializable(content) == expected
    assert content["meanings"][0] == {"variable": "a=1", "parameter": "a", "value": 1}
    with Path("model.csv").open(newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    read = dimod.BinaryQuadraticModel("BINARY")
    for one, other, bias in rows:
        if not one:
            read.offset += float(bias)
        elif one == other:
            read.add_linear(one, float(bias))
        else:
            read.add_quadratic(one, other, float(bias))
    assert read == expected
    assert Path("model.png").read_bytes().startswith(b"\x89PNG")
    assert len(study.trials) == 6


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-o", "model.txt"], "a file ending in one of: .bqm, .json, .csv, .png; got model.txt"),
        (["second"], "there is no study 'second'"),
        (["-o", "no/model.bqm"], "no/model.bqm cannot be written"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    stored: Path, capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    assert main(["qubo", *args]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert [path.name for path in stored.iterdir()] == ["qhpo.db"]


def test_the_picture_has_a_block_for_every_parameter(model: QuadraticModel) -> None:
    from qhpo_integrations.qubo.picture import draw_model

    axes = draw_model(model).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]
    (image,) = axes.get_images()
    shown = np.ma.asarray(image.get_array())
    assert shown.shape == (5, 5)
    assert bool(shown.mask[0, 1])
    assert not bool(shown.mask[0, 3])
