import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from torch import nn

from qhpo.problem import suggest
from qhpo_problems.training.fit.settings import SETTINGS_SPACE
from qhpo_problems.training.fit.training import Training
from qhpo_problems.training.fit.tuning import Task

SPACE = {
    "layers": IntDistribution(0, 2),
    "units_1": IntDistribution(4, 8),
    "units_2": IntDistribution(4, 8),
    "kind": CategoricalDistribution(("a", "b")),
    "rate": FloatDistribution(0.5, 1.0),
}
CONDITIONS = {"units_1": {"layers": (1, 2)}, "units_2": {"layers": (2,), "units_1": (4, 5, 6)}}


@pytest.mark.parametrize(
    ("params", "active"),
    [
        ({"layers": 0}, []),
        ({"layers": 1}, ["units_1"]),
        ({"layers": 2, "units_1": 6}, ["units_1", "units_2"]),
        ({"layers": 2, "units_1": 7}, ["units_1"]),
    ],
)
def test_a_trial_has_what_its_conditions_say(params: dict[str, int], active: list[str]) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(params)
    trial = study.ask()
    suggested = suggest(trial, SPACE, CONDITIONS)
    assert list(suggested) == list(trial.params) == ["layers", *active, "kind", "rate"]
    assert suggested == trial.params
    assert trial.distributions == {name: SPACE[name] for name in suggested}


def test_the_size_is_of_the_parameters_that_decide_it() -> None:
    training = Training(
        name="a",
        summary="b",
        space=SPACE,
        count=lambda params: params["layers"] * params["units_2"] + (params["kind"] == "a"),
        prepare=lambda seed: lambda params: Task(nn.Identity, None),  # type: ignore[arg-type]
        epochs=3,
        packages=("torch",),
        extra="torch",
        sized_by=("units_2", "layers"),
    )
    problem = training.problem()
    assert problem.search_space == {**SPACE, **SETTINGS_SPACE}
    assert problem.size is not None
    assert problem.size.of({"layers": 2, "units_2": 7}) == 2 * 7 + 1
