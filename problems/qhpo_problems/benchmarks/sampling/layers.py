"""A network of one to four layers, each with choices of its own: a conditional search space."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise, product

import numpy as np
import numpy.typing as npt
from optuna.trial import BaseTrial

from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, Declaration

__all__ = ["Layers"]

Layer = tuple[str, int, str]
"""Kind, width, activation."""

FloatArray = npt.NDArray[np.float64]

_KINDS = ("convolution", "attention", "recurrent", "dense")
_WIDTHS = (16, 32, 48, 64)
_ACTIVATIONS = ("relu", "gelu", "tanh")
_RANDOM_CONFIGURATIONS = 10_000
"""So many give the median to a hundredth of the spread."""


class Layers(Benchmark[tuple[Layer, ...]]):
    """How many layers, and of which kind, width and activation each of them is.

    The value is a sum over layers of a cost and of main effects of the three choices, and over
    neighbouring layers of an interaction of their kinds and one of their widths. All are hidden.
    They are normal draws, with deviation 100 for a main effect in the first layer, half of that for
    an interaction, and ``decay`` times as much with every further layer, rounded; so a layer more
    pays in the beginning and does not in the end. All solutions are feasible: what is hard here is
    that most of the parameters exist in only some of the trials.

    Args:
        depth: Layers at most.
        kinds: Kinds to choose from, at most four.
        widths: Widths to choose from, at most four.
        activations: Activations to choose from, at most three.
        cost: Of a layer.
        decay: Of effects from layer to layer.
        instance: Seed of the effects.
    """

    name = "layers"
    trials = 100
    checkpoints = (50, 100)
    reference_name = "the median of random configurations"

    def __init__(
        self,
        depth: int = 4,
        kinds: int = 4,
        widths: int = 4,
        activations: int = 3,
        cost: int = 100,
        decay: float = 0.7,
        instance: int = 0,
    ) -> None:
        self.depth = depth
        self._choices = (_KINDS[:kinds], _WIDTHS[:widths], _ACTIVATIONS[:activations])
        self._cost = cost
        self._instance = instance
        streams = np.random.SeedSequence(instance).spawn(5)

        def effects(stream: int, deviation: float, *shape: int) -> FloatArray:
            # A stream for each kind of effect: a layer more changes nothing about those before it.
            normal = np.random.default_rng(streams[stream]).normal(size=(depth, *shape))
            scale = deviation * decay ** np.arange(depth).reshape(-1, *[1] * len(shape))
            return np.rint(scale * normal)

        # First axis: the layer, the second of the two for interactions (row 0 is unused there).
        self._main = [effects(i, 100, len(choices)) for i, choices in enumerate(self._choices)]
        self._kinds_of_two = effects(3, 50, kinds, kinds)
        self._widths_of_two = effects(4, 50, widths, widths)

    @property
    def description(self) -> str:
        n_parameters = 1 + len(self._choices) * self.depth
        return f"1 to {self.depth} layers, up to {n_parameters} parameters, conditional"

    @cached_property
    def optimum(self) -> float:
        """By dynamic programming, from the last layer to the first."""
        levels = [range(len(choices)) for choices in self._choices]
        kind, width, activation = np.array(list(product(*levels))).T  # of every state of a layer

        def own(i: int) -> FloatArray:
            effects = self._main[0][i, kind] + self._main[1][i, width]
            total: FloatArray = effects + self._main[2][i, activation] + self._cost
            return total

        # Lowest value of all that may follow a layer, by its state.
        after = np.zeros(len(kind))
        for i in range(self.depth - 1, 0, -1):
            between = self._kinds_of_two[i][kind][:, kind] + self._widths_of_two[i][width][:, width]
            after = np.minimum(0.0, (between + own(i) + after).min(axis=1))
        return float((own(0) + after).min())

    @cached_property
    def reference(self) -> float:
        rng = np.random.default_rng([self._instance, 1])
        values = [self.value(self._random(rng)) for _ in range(_RANDOM_CONFIGURATIONS)]
        return float(np.median(values))

    def declaration(self) -> Declaration:
        return Declaration()

    def suggest(self, trial: BaseTrial) -> tuple[Layer, ...]:
        kinds, widths, activations = self._choices
        return tuple(
            (
                trial.suggest_categorical(f"kind_{i}", kinds),
                trial.suggest_int(f"width_{i}", widths[0], widths[-1], step=16),
                trial.suggest_categorical(f"activation_{i}", activations),
            )
            for i in range(trial.suggest_int("n_layers", 1, self.depth))
        )

    def value(self, solution: tuple[Layer, ...]) -> float:
        levels = [
            tuple(
                choices.index(choice) for choices, choice in zip(self._choices, layer, strict=True)
            )
            for layer in solution
        ]
        total = float(self._cost * len(levels))
        for i, layer in enumerate(levels):
            total += sum(
                effects[i, level] for effects, level in zip(self._main, layer, strict=True)
            )
        for i, (before, layer) in enumerate(pairwise(levels), start=1):
            total += self._kinds_of_two[i, before[0], layer[0]]
            total += self._widths_of_two[i, before[1], layer[1]]
        return float(total)

    def _random(self, rng: np.random.Generator) -> tuple[Layer, ...]:
        """A configuration as a random sampler draws it, each parameter uniform."""
        kinds, widths, activations = self._choices
        return tuple(
            (
                kinds[rng.integers(len(kinds))],
                widths[rng.integers(len(widths))],
                activations[rng.integers(len(activations))],
            )
            for _ in range(rng.integers(1, self.depth + 1))
        )
