"""`qhpo run --max-params`: no model is trained that is larger."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from qhpo.cli import main
from qhpo.cli.studies import Status, count

URL = "sqlite:///qhpo.db"

# Of the 24 sizes of the tiny problem 14 are at most 8, and the larger the model, the better.
BUDGET = 8


def run(*args: object, sampler: str = "random") -> int:
    return main(["run", "sized", *map(str, args), "--sampler", sampler])


def trials(name: str = "sized") -> list[FrozenTrial]:
    return optuna.load_study(study_name=name, storage=URL).trials


def size(trial: FrozenTrial) -> int:
    return int(trial.params["layers"] * trial.params["width"])


def trained(found: list[FrozenTrial]) -> list[int]:
    """Sizes of the models that were trained, as the objective saw them."""
    return [trial.user_attrs["trained"] for trial in found if "trained" in trial.user_attrs]


def test_qubo_suggests_nothing_over_the_budget(tiny: Path) -> None:
    assert run("--max-params", BUDGET, "--trials", 12, sampler="qubo") == 0
    assert run("--study", "free", "--trials", 4, sampler="qubo") == 0

    found = trials()
    assert count(found) == {Status.COMPLETE: 12}
    assert trained(found) == [size(trial) for trial in found]
    assert max(trained(found)) == BUDGET
    assert max(trained(trials("free"))) > BUDGET


@pytest.mark.parametrize("sampler", ["random", "tpe", "gp"])
def test_other_samplers_are_rejected(
    sampler: str, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--max-params", BUDGET, "--trials", 14, sampler=sampler) == 0

    found = trials()
    over = [trial for trial in found if size(trial) > BUDGET]
    assert len(found) == 14
    assert 0 < len(over) < 14
    assert trained(found) == [size(trial) for trial in found if trial not in over]
    for trial in over:
        assert trial.state == TrialState.PRUNED
        assert trial.user_attrs == {"qhpo:sampler": sampler, "over_budget": size(trial)}
        assert trial.intermediate_values == {}
    counts = f"{14 - len(over)} complete, {len(over)} over budget\n"
    assert f"trials      {counts}" in capsys.readouterr().out

    assert main(["show"]) == 0
    out = capsys.readouterr().out
    assert f"problem  sized, minimize, seed 0, at most {BUDGET} trainable parameters\n" in out
    assert f"trials   {counts}" in out
    assert sum(" over budget " in line for line in out.splitlines()[6:]) == len(over)


def test_the_budget_does_not_change_what_is_drawn(tiny: Path) -> None:
    assert run("--max-params", BUDGET, "--trials", 8) == 0
    assert run("--study", "free", "--trials", 8) == 0

    assert [trial.params for trial in trials()] == [trial.params for trial in trials("free")]


def test_a_pruned_trial_within_the_budget_is_only_pruned(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--max-params", BUDGET, "--trials", 6) == 0
    study = optuna.load_study(study_name="sized", storage=URL)
    study.tell(study.ask(), state=TrialState.PRUNED)

    assert count(study.trials)[Status.PRUNED] == 1


def test_a_study_keeps_its_budget(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--max-params", BUDGET, "--trials", 3) == 0
    assert run("--trials", 10) == 0
    assert run("--max-params", BUDGET, "--trials", 12, sampler="qubo") == 0

    found = trials()
    over = [trial.number for trial in found if size(trial) > BUDGET]
    assert len(found) == 12
    assert any(3 <= number < 10 for number in over)
    assert not any(number >= 10 for number in over)
    assert max(trained(found)) <= BUDGET

    capsys.readouterr()
    assert run("--max-params", 9) == 2
    err = capsys.readouterr().err
    assert "sized was started with --max-params 8, got 9; leave --max-params out" in err
    assert err.count("\n") == 1
    assert len(trials()) == 12


def test_a_study_without_a_budget_gets_none(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--trials", 2) == 0
    assert run("--max-params", BUDGET) == 2

    assert "sized was started with no --max-params, got 8" in capsys.readouterr().err
    assert main(["show"]) == 0
    assert "problem  sized, minimize, seed 0\n" in capsys.readouterr().out


def test_a_study_without_trials_takes_another_budget(tiny: Path) -> None:
    for given in (["--max-params", 2], ["--max-params", 3], []):
        assert run(*given, "--timeout", 1e-9) == 0
        assert trials() == []

    for total in (3, 8):  # the second run goes by what the first one stored
        assert run("--trials", total) == 0

    assert count(trials()) == {Status.COMPLETE: 8}
    assert max(trained(trials()[3:])) > 3


def test_the_help_says_what_happens_to_other_samplers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run", "--help"]) == 0

    text = " ".join(capsys.readouterr().out.split())
    assert "ends at once as pruned, untrained, and counts as a trial" in text
