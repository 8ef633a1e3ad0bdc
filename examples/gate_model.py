"""Anneal, or run a quantum circuit: the same search with four solvers, by changing one word.

Run it with: python examples/gate_model.py. The environment variable QHPO_EXAMPLE_TRIALS sets the
number of trials, 25 if it is not set. The circuits run on Cirq's simulator, on at most 9 qubits.
"""

import logging
import os

import optuna
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from qhpo import QUBOSampler
from qhpo.solvers import make_solver
from qhpo.study import spent

DATA = load_digits(return_X_y=True)
SCALERS = {"none": "passthrough", "range": MinMaxScaler(), "deviation": StandardScaler()}


def objective(trial: optuna.Trial) -> float:
    scaler = trial.suggest_categorical("scaler", list(SCALERS))
    model = KNeighborsClassifier(
        n_neighbors=trial.suggest_int("neighbors", 1, 12),
        weights=trial.suggest_categorical("weights", ["uniform", "distance"]),
        metric=trial.suggest_categorical("metric", ["euclidean", "manhattan", "chebyshev"]),
    )
    return 1.0 - cross_val_score(make_pipeline(SCALERS[scaler], model), *DATA).mean()


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    n_trials = int(os.environ.get("QHPO_EXAMPLE_TRIALS", "25"))
    for name in ("neal", "potts", "descent", "qaoa-cirq"):
        solver = make_solver(name, max_qubits=9) if name.startswith("qaoa") else name
        sampler = QUBOSampler(seed=0, solver=solver, n_startup_trials=min(10, n_trials - 2))
        study = optuna.create_study(sampler=sampler)
        study.optimize(objective, n_trials=n_trials)
        print(f"{name:9}  error {study.best_value:.4f} with {study.best_params}")
        for report in spent(study.trials).values():
            print(
                f"           {report.calls} models of up to {report.variables} variables, "
                f"{report.valid_reads} of {report.reads} reads valid, {report.seconds:.1f} s"
            )


if __name__ == "__main__":
    main()
