"""Two objectives: a robot that balances a pole, for long and with little force.

No controller is best in both, so the search looks for those that no other one beats. Run it with:
python examples/tune_controller.py. The environment variable QHPO_EXAMPLE_TRIALS sets the number of
trials of each sampler, 60 if it is not set. It draws controllers.png.
"""

import os

import matplotlib

matplotlib.use("Agg")
import optuna
from matplotlib import pyplot

from qhpo import QUBOSampler
from qhpo_problems.training.problems import CONTROLLER_CARTPOLE

WORST_ENERGY = 100.0
"""N^2, of a motor that pushes with 10 N all the time; hypervolumes are measured from there."""


def hypervolume(study: optuna.Study) -> float:
    """Share of the rectangle between no balance at the worst energy and the ideal, 0 to 1."""
    area, floor = 0.0, 0.0
    for balance, energy in sorted((t.values for t in study.best_trials), key=lambda pair: pair[1]):
        if energy < WORST_ENERGY and balance > floor:
            area += (balance - floor) * (1 - energy / WORST_ENERGY)
            floor = balance
    return area


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    n_trials = int(os.environ.get("QHPO_EXAMPLE_TRIALS", "60"))
    samplers = {
        "qubo": QUBOSampler(seed=0),
        "tpe": optuna.samplers.TPESampler(seed=0),
        "random": optuna.samplers.RandomSampler(seed=0),
    }
    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for name, sampler in samplers.items():
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        study.optimize(CONTROLLER_CARTPOLE.objective(0), n_trials=n_trials, show_progress_bar=True)
        front = sorted(trial.values for trial in study.best_trials)
        print(f"{name:6}  hypervolume {hypervolume(study):.3f}, {len(front)} controllers:")
        for balance, energy in front:
            print(f"        balances {balance:4.0%} of the time with {energy:5.1f} N^2")
        axes.plot(
            [e for _, e in front], [b for b, _ in front], "o-", label=name, drawstyle="steps-post"
        )
    axes.set(xlabel="mean squared force (N$^2$)", ylabel="share of the time balanced")
    axes.legend()
    figure.savefig("controllers.png", dpi=150)


if __name__ == "__main__":
    main()
