"""Six of thirty features and the machine that uses them best, under rules between the choices.

Every trial keeps the rules, the first one too, and no trial is repeated. Run it with:
python examples/choose_features.py. The environment variable QHPO_EXAMPLE_TRIALS sets the number of
trials, 60 if it is not set.
"""

from __future__ import annotations

import os

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn import datasets, model_selection, pipeline, preprocessing, svm

from qhpo import QUBOSampler, Subset
from qhpo import constraints as c

data = datasets.load_breast_cancer()
names = [str(name) for name in data.feature_names]
features = Subset("feature", names, k=6)

search_space = {
    **features.search_space,
    "kernel": CategoricalDistribution(["linear", "poly", "rbf"]),
    "degree": IntDistribution(2, 4),
    "C": FloatDistribution(1e-2, 1e2, log=True),
}
rules = [
    *features.constraints,
    c.requires({"kernel": "poly"}, {"degree": [2, 3]}),
    # An error says little without the mean that it is the error of.
    c.requires({"feature[radius error]": True}, {"feature[mean radius]": True}),
    # The area follows from the radius.
    c.forbid({"feature[mean area]": True, "feature[mean radius]": True}),
]


def objective(trial: optuna.Trial) -> float:
    """The cross-validated error, 0 to 1."""
    chosen = features.suggest(trial)
    kernel = trial.suggest_categorical("kernel", ["linear", "poly", "rbf"])
    degree = trial.suggest_int("degree", 2, 4)
    machine = svm.SVC(kernel=kernel, degree=degree, C=trial.suggest_float("C", 1e-2, 1e2, log=True))
    model = pipeline.make_pipeline(preprocessing.StandardScaler(), machine)
    columns = [names.index(name) for name in chosen]
    scores = model_selection.cross_val_score(model, data.data[:, columns], data.target)
    return float(1.0 - scores.mean())


def main() -> None:
    """Searches and prints what was found."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = QUBOSampler(search_space, constraints=rules, seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=int(os.environ.get("QHPO_EXAMPLE_TRIALS", "60")))
    kept = all(rule.satisfied(trial.params) for trial in study.trials for rule in rules)
    print(f"{len(study.trials)} trials, all rules kept: {kept}")
    print(f"error {study.best_value:.4f} with {', '.join(features.read(study.best_trial))}")


if __name__ == "__main__":
    main()
