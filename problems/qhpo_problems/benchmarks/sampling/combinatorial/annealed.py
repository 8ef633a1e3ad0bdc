"""Search by a quadratic model of the trials and an annealer: what FMQA and BOCS have in common.

Fit a model of single variables and pairs to the trials, anneal it, try what has the lowest energy.
Nothing else chooses, which is what sets these methods apart from QUBOSampler.

Glossary
--------
d, n
    Variables; trials that have a value.
bits, b
    A variable of two levels is one bit, 1 at the second level, as the papers have it. One of more
    levels has a bit for each of them, one of which is 1. b of them together.
h, Q
    Biases of the bits, shape (b,), and of pairs of bits, shape (b, b), of which those above the
    diagonal count: the model of a configuration z is h'z + sum_(i<j) Q_ij z_i z_j.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import intersection_search_space
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from qhpo.encoding import DenseDQM
from qhpo.errors import QhpoError
from qhpo.solvers import make_solver

__all__ = ["AnnealedSampler", "Bits", "Quadratic", "QuadraticFitter"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

_STARTUP = 10
"""Random trials before the first model, as many as the other samplers have by default."""

_SOLVER = "potts"
"""Of the solvers of qhpo, the one that finds the lowest energies in the least time."""


class Quadratic(NamedTuple):
    """h and Q of a model."""

    linear: FloatArray
    pairs: FloatArray


class QuadraticFitter(Protocol):
    """Makes models of the trials of one study; it may go on from the last one."""

    def fit(self, bits: Bits, z: FloatArray, y: FloatArray, rng: np.random.Generator) -> Quadratic:
        """The model to anneal.

        Args:
            bits: Which variable each bit belongs to.
            z: Trials, shape (n, b).
            y: Their values, of mean 0 and deviation 1, shape (n,), smaller is better.
            rng: Draws whatever is left to chance.
        """
        ...


@dataclass(frozen=True)
class Bits:
    """The bits of variables.

    Attributes:
        sizes: Levels of each variable, shape (d,).
    """

    sizes: tuple[int, ...]

    @cached_property
    def starts(self) -> IntArray:
        """First level of every variable among all levels, and their number, shape (d + 1,)."""
        return np.append(0, np.cumsum(self.sizes)).astype(np.intp)

    @cached_property
    def levels(self) -> IntArray:
        """Number of each bit's level among all levels, shape (b,)."""
        return np.array(
            [
                first + level
                for first, size in zip(self.starts[:-1], self.sizes, strict=True)
                for level in (range(size) if size != 2 else (1,))
            ],
            dtype=np.intp,
        )

    @cached_property
    def variables(self) -> IntArray:
        """Number of the variable of each bit, shape (b,)."""
        found: IntArray = np.searchsorted(self.starts, self.levels, side="right") - 1
        return found

    def encode(self, cases: IntArray) -> FloatArray:
        """Configurations, shape (n, d) of level numbers within each variable, to (n, b)."""
        chosen = (cases + self.starts[:-1])[:, self.variables]
        z: FloatArray = (chosen == self.levels).astype(float)
        return z

    def tables(self, model: Quadratic) -> DenseDQM:
        """The model as energies of levels and of pairs of levels."""
        n_levels = int(self.starts[-1])
        linear, pairs = np.zeros(n_levels), np.zeros((n_levels, n_levels))
        linear[self.levels] = model.linear
        pairs[np.ix_(self.levels, self.levels)] = model.pairs
        return DenseDQM.from_upper(self.starts, linear, pairs, 0.0)


class AnnealedSampler(BaseSampler):
    """Tries the configuration of lowest energy that is new.

    All parameters must be categorical, and every trial must have all of them.

    Args:
        fitter: Fits the models of the study that the sampler is made for.
        seed: Of everything left to chance.
    """

    def __init__(self, fitter: QuadraticFitter, seed: int) -> None:
        self._fitter = fitter
        self._seed = seed
        self._random = RandomSampler(seed)
        self._solver = make_solver(_SOLVER)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return intersection_search_space(finished) if len(finished) >= _STARTUP else {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        choices = {name: _choices(name, space) for name, space in search_space.items()}
        bits = Bits(tuple(map(len, choices.values())))
        cases = np.array(
            [[choices[name].index(finish.params[name]) for name in choices] for finish in finished]
        )
        values = np.array([finish.value for finish in finished])
        spread = float(values.std())
        y = (values - values.mean()) / (spread if spread > 0.0 else 1.0)
        rng = np.random.default_rng([self._seed, trial.number])
        model = self._fitter.fit(bits, bits.encode(cases), y, rng)
        seen = set(map(tuple, cases.tolist()))
        found = self._by_energy(bits.tables(model), int(rng.integers(2**31)))
        # Where all of these were tried, a random configuration is all that is left.
        chosen = next((c for c in found if tuple(c) not in seen), rng.integers(bits.sizes).tolist())
        return {name: c[case] for (name, c), case in zip(choices.items(), chosen, strict=True)}

    def _by_energy(self, tables: DenseDQM, seed: int) -> list[list[int]]:
        """What an anneal read, and all single changes of the best of it, lowest energy first.

        Reads are local minima. Once these have been tried, the next best is beside them.
        """
        reads = self._solver.reads(tables, seed).cases
        changed = np.repeat(reads[:1], len(tables.linear), axis=0)
        levels = np.arange(len(tables.linear))
        changed[levels, tables.block] = levels - tables.starts[tables.block]
        found = np.concatenate([reads, changed])
        ordered: list[list[int]] = found[np.argsort(tables.energies(found), kind="stable")].tolist()
        return ordered

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)


def _choices(name: str, distribution: BaseDistribution) -> tuple[Any, ...]:
    if not isinstance(distribution, CategoricalDistribution):
        raise QhpoError(
            f"FMQA and BOCS take categorical parameters only; got {distribution} for {name!r}; "
            "use suggest_categorical"
        )
    return distribution.choices
