from __future__ import annotations

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.distributions import IntDistribution
import optunahub


module = optunahub.load_module(package="samplers/qubo_sampler")
c = module.constraints

search_space = {
    "layers": IntDistribution(1, 3),
    "units_1": IntDistribution(8, 64, step=8),
    "units_2": IntDistribution(8, 64, step=8),
    "units_3": IntDistribution(8, 64, step=8),
    "optimizer": CategoricalDistribution(["sgd", "adam"]),
    "amsgrad": CategoricalDistribution([False, True]),
}


def objective(trial: optuna.Trial) -> float:
    layers = trial.suggest_int("layers", 1, 3)
    units = [trial.suggest_int(f"units_{i + 1}", 8, 64, step=8) for i in range(layers)]
    optimizer = trial.suggest_categorical("optimizer", ["sgd", "adam"])
    amsgrad = trial.suggest_categorical("amsgrad", [False, True])
    # Put the training of a model here.
    return abs(sum(units) - 72) + 10 * (optimizer == "sgd") + 5 * (not amsgrad)


sampler = module.QUBOSampler(
    search_space,
    # Every trial keeps these, the first one too.
    constraints=[
        c.forbid(optimizer="sgd", amsgrad=True),
        c.linear({"units_2": 1, "units_1": -1}, "<=", 0),
    ],
    # These exist only in networks that are deep enough.
    conditions={"units_2": {"layers": [2, 3]}, "units_3": {"layers": 3}},
    seed=0,
)
study = optuna.create_study(sampler=sampler)
study.optimize(objective, n_trials=30)
print(study.best_trial.value, study.best_trial.params)
