"""Which parameters matter, and which of them together: effects in closed form from the surrogate.

The surrogate is a sum of main effects, of pairs and of all that more parameters do together. The
variance of each, with every parameter uniform over its levels, is its effect; its share of the
variance of all is a Sobol' index.

Two scales are learnt: the values as they are, and normal scores of their ranks. Where a few trials
are worse than the others by orders of magnitude, their few values are most of the variance, no
model predicts them, and what is said of them says nothing of the rest: there the ranks are used.
Elsewhere values are explained, by both models: that of the ranks says what it expects in the unit
of the values, and each counts the more, the better it predicts trials from the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from optuna.importance import BaseImportanceEvaluator
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from qhpo.encoding import DenseDQM
from qhpo.errors import QhpoError
from qhpo.space import Activity, Space, learn_conditions
from qhpo.study.ranges import AskedRanges
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.effects import Effects
from qhpo.surrogate.ensemble import EnsembleFitter
from qhpo.surrogate.hyperparameters import Prior
from qhpo.surrogate.sampled import sampled_effects
from qhpo.surrogate.transform import Transform, rank_gaussian, standardized
from qhpo.threads import single_threaded

__all__ = ["AnovaImportanceEvaluator", "Curve", "Interactions", "Share", "interactions"]

FloatArray = NDArray[np.float64]

_Name = TypeVar("_Name", str, tuple[str, str])

Target = Callable[[FrozenTrial], float]
"""What of a trial is to be explained, in place of its value."""

_DRAWS = 12
"""Functions that are drawn of every member: the spread of all of them is known to a tenth."""

_MOST_DRAWN = 1024
"""Levels of all axes together beyond which none is drawn, as a draw has a square of them: then the
members of the ensemble alone tell how sure an effect is."""

_CONFIGURATIONS = 4096
"""Random ones that tell how often a conditional parameter is there, to one part in a hundred."""

_PREDICTED = 512
"""Of these, so many tell what random trials bring: their best quarter is known to 4 per cent."""

_PRIORS = (
    Prior(lengthscale=0.5, pair=1.0, rest=1.0, nugget=0.1),
    Prior(lengthscale=1.0, pair=2.0, rest=2.0, nugget=0.3),
    Prior(lengthscale=2.0, pair=4.0, rest=4.0, nugget=0.3),
)
"""Longer length scales and stronger interactions than a search expects, which has to be ready for
surprises. Chosen on the choosing part of the suite "importance", 8 tables, 5 seeds from 100: from
random trials effects come out alike, with standard errors of 0.004 for the share of main effects
that goes to the wrong parameters; from those of TPE that share falls by 0.014 +- 0.005, that of
pairs by 0.020 +- 0.007."""

_MOST_SAMPLED = 256
"""Levels of all axes together up to which the ranks' model is asked for values: cells of two levels
grow with their square, and few configurations in each tell little."""

_ROOTS = np.polynomial.hermite_e.hermegauss(9)
"""Of Gauss and Hermite: exact for transforms that are polynomials of degree 17 between values."""

_NODES, _WEIGHTS = _ROOTS[0], _ROOTS[1] / _ROOTS[1].sum()

_BETTER = 0.1
"""Share of the variance that ranks must be predicted better by to be used. In 15 tables, after 100
random trials, values with a tail of diverged ones are predicted worse than ranks by up to 0.9, and
all others by no more than 0.05."""


class Share(NamedTuple):
    """A share of the variance of all values, and its standard deviation."""

    value: float
    deviation: float


class Curve(NamedTuple):
    """What a parameter does, the others averaged over all their values.

    Attributes:
        values: Values of the parameter, in order.
        expected: The value of the study that each brings, shape (L,).
        low: One standard deviation below, shape (L,).
        high: One standard deviation above, shape (L,).
    """

    values: tuple[Any, ...]
    expected: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class Interactions:
    """What a study has learnt of its parameters. Mappings have the strongest first.

    Attributes:
        main: What each parameter does alone.
        pair: What two parameters, named in the order of the alphabet, do together beyond that.
        total: What each parameter does alone and with any others.
        curves: What each value of a parameter brings.
        random: What random configurations are taken to bring, increasing, shape (q,); no better and
            no worse than any trial was.
        explained: Share of the variance that the trials predict of each other, at most 1: with
            little of it, little is known.
        is_by_rank: Whether shares are those of the ranks of the values.
        n_trials: Number of trials that it was learnt from.
    """

    main: dict[str, Share]
    pair: dict[tuple[str, str], Share]
    total: dict[str, Share]
    curves: dict[str, Curve]
    random: FloatArray
    explained: float
    is_by_rank: bool
    n_trials: int


class AnovaImportanceEvaluator(BaseImportanceEvaluator):
    """Importances from the pairwise Gaussian process of `QUBOSampler`, for any study.

    A parameter's importance is its main effect: the share of the variance of all values that it
    explains alone, as in Optuna's fANOVA. See `interactions` for pairs and for total effects.
    A conditional parameter counts as often as it is there.

    Importances are those over the whole space, however trials lie in it. Of a study that has gone
    to its best region the model guesses the rest: of a parameter that hardly varied, little is
    known, and its importance is between nothing and what is usual. From 100 trials of TPE, more
    than twice as much of the importances is at the wrong parameters as from 100 random ones (suite
    "importance" of `qhpo bench`). fANOVA averages over leaves that few trials fell into, and
    PED-ANOVA compares good trials with all trials, which in such a study are alike: they lose more.
    A parameter that matters only far from the best trials is important here.

    Example:
        >>> import optuna
        >>> from qhpo import AnovaImportanceEvaluator
        >>> study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        >>> study.optimize(lambda t: 2 * t.suggest_int("x", 0, 9) + t.suggest_int("y", 0, 9), 50)
        >>> found = optuna.importance.get_param_importances(
        ...     study, evaluator=AnovaImportanceEvaluator()
        ... )
        >>> {name: round(share, 1) for name, share in found.items()}
        {'x': 0.8, 'y': 0.2}
    """

    def evaluate(
        self, study: Study, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """See `optuna.importance.BaseImportanceEvaluator.evaluate`.

        Raises:
            QhpoError: If the study has several objectives and there is no target, or a parameter is
                in no complete trial.
            TypeError: If ``params`` is not a list of names.
        """
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        _check_params(params, complete)
        found = interactions(study, target=target).main
        if params is None:
            return {name: share.value for name, share in found.items()}
        # One that only trials without a finite value have had explains nothing.
        shares = {name: found[name].value if name in found else 0.0 for name in params}
        return dict(sorted(shares.items(), key=lambda item: -item[1]))


def interactions(study: Study, *, target: Target | None = None) -> Interactions:
    """Main, pair and total effects of a study's parameters.

    Complete trials with a finite value count. Parameters are uniform over their ranges, on the
    scale of their distributions.

    Args:
        study: Any study.
        target: What of a trial is to be explained; its value if None.

    Raises:
        QhpoError: If the study has several objectives and there is no target.
    """
    trials, values = _known(study, target)
    ranges = AskedRanges(trials).space()
    # A parameter of one value has no effect.
    fixed = {n: Share(0.0, 0.0) for trial in trials for n in trial.params if n not in ranges}
    space = Space(ranges)
    # Where nothing differs, nothing has an effect.
    if not len(space) or not standardized(values).any():
        every = dict(sorted((fixed | dict.fromkeys(ranges, Share(0.0, 0.0))).items()))
        return Interactions(every, {}, dict(every), {}, np.sort(values), 0.0, False, len(trials))
    x = np.array([space.encode(trial.params) for trial in trials])
    with single_threaded():
        model = _Model.of(space, x, values)
        functions = model.functions()
        beliefs = model.with_ranks(functions)
        drawn = _drawn(space, x)
        random = model.random(drawn)
    is_active = (~np.isnan(drawn)).astype(float)
    shares = _shares(beliefs, is_active.T @ is_active / len(drawn))
    names = [axis.name for axis in space.axes]
    rows, columns = (each.tolist() for each in np.triu_indices(len(names), 1))
    return Interactions(
        _sorted({name: shares.main[i] for i, name in enumerate(names)} | fixed),
        _sorted(
            {(names[i], names[j]): shares.pair[i, j] for i, j in zip(rows, columns, strict=True)}
        ),
        _sorted({name: shares.total[i] for i, name in enumerate(names)} | fixed),
        model.curves(functions),
        random,
        model.explained,
        model.is_by_rank,
        len(trials),
    )


class _Function(NamedTuple):
    """One belief about the values: what a model expects, or a draw.

    Attributes:
        weight: How much it counts for what is expected; a draw does not.
        levels: Expected value of every level, shape (D,), in the surrogate's scale.
        main: Variance of every main effect, shape (d,).
        pair: Variance of every pair, shape (d, d), symmetric.
        rest: Variance of all higher orders.
        higher: Of that, what every axis takes part in, shape (d,).
    """

    weight: float
    levels: FloatArray
    main: FloatArray
    pair: FloatArray
    rest: float
    higher: FloatArray


@dataclass(frozen=True)
class _Model:
    """The surrogate of the scale that predicts the trials.

    Attributes:
        surrogate: The surrogate.
        values: What it was fitted to, shape (n,).
        scores: The same in its scale, shape (n,).
        ranked: The model of the ranks, where both explain the values.
        explained: See `Interactions`.
        is_by_rank: See `Interactions`.
    """

    surrogate: AnovaGP
    values: FloatArray
    scores: FloatArray
    explained: float
    is_by_rank: bool
    ranked: _Model | None = None

    @classmethod
    def of(cls, space: Space, x: FloatArray, values: FloatArray) -> _Model:
        """Fitted to configurations, shape (n, d), and their values, shape (n,)."""

        def made(transform: Transform) -> _Model:
            surrogate = EnsembleFitter(_PRIORS, (transform,)).fit(space, x, values)
            scores, explained = transform(values), surrogate.explained()
            return cls(surrogate, values, scores, explained, transform is rank_gaussian)

        by_value = made(standardized)
        if by_value.explained + _BETTER >= 1.0:
            return by_value
        by_rank = made(rank_gaussian)
        if by_rank.explained > by_value.explained + _BETTER:
            return by_rank
        is_sampled = space.starts[-1] <= _MOST_SAMPLED
        return replace(by_value, ranked=by_rank) if is_sampled else by_value

    def functions(self) -> list[_Function]:
        """What every member expects, and draws."""
        surrogate, space = self.surrogate, self.surrogate.space
        is_drawn = space.starts[-1] <= _MOST_DRAWN
        rng = np.random.default_rng(0)
        found = []
        for member, effects in enumerate(surrogate.effects()):
            mean = _expected(effects, 1.0 / surrogate.n_members)
            found.append(mean)
            if not is_drawn:
                continue
            rough = surrogate.nugget_orders(member)
            for _ in range(_DRAWS):
                smooth = surrogate.quadratic("draw", member, rng)
                found.append(_of_draw(space, smooth, rough, mean))
        return found

    def with_ranks(self, functions: list[_Function]) -> list[_Function]:
        """The same, and what the model of the ranks expects of standardized values."""
        if self.ranked is None:
            return functions
        known, first = np.unique(self.ranked.scores, return_index=True)
        of_known = self.scores[first]

        def in_units(scores: FloatArray) -> FloatArray:
            return np.interp(scores, known, of_known)

        error = 1.0 - self.ranked.surrogate.explained(in_units)
        weight = (1.0 - self.explained) / (1.0 - self.explained + error)
        space = self.surrogate.space
        places = np.random.default_rng(0).integers(
            space.n_levels, size=(_CONFIGURATIONS, len(space))
        )
        moments = self.ranked.surrogate.predict(space.at_levels(places))
        at = moments.mean[..., None] + np.sqrt(moments.variance)[..., None] * _NODES
        sampled = sampled_effects(space, places, (in_units(at) @ _WEIGHTS).mean(axis=0))
        # Of more than two axes together, it is taken to have what the values' model has.
        rest = max(sampled.variance - sampled.main.sum() - 0.5 * sampled.pairs.sum(), 0.0)
        whole = sum(f.weight * f.rest for f in functions)
        higher = np.sum([f.weight * f.higher for f in functions], axis=0)
        function = _Function(
            weight,
            sampled.mean + sampled.levels,
            sampled.main,
            sampled.pairs,
            rest,
            higher * (rest / whole if whole > 0.0 else 0.0),
        )
        return [f._replace(weight=(1.0 - weight) * f.weight) for f in functions] + [function]

    def random(self, x: FloatArray) -> FloatArray:
        """Expected values of configurations, shape (q, d); increasing.

        What is not known of each is left out: of a search that stayed near its best trials it would
        make random ones as good. In four searches of one function it said that 60 random trials
        reach 0.058 to 0.072, where they reached 0.065; with it, 0.050 to 0.062.

        Args:
            x: Random ones; some of them are asked about.
        """
        mean = self.surrogate.predict(x[:_PREDICTED]).mean.mean(axis=0)
        return np.sort(self._in_units(mean))

    def _in_units(self, scores: FloatArray) -> FloatArray:
        """Values of scores, any shape, between the least and the greatest that was seen."""
        known, first = np.unique(self.scores, return_index=True)
        units: FloatArray = np.interp(scores, known, self.values[first])
        return units

    def curves(self, functions: Sequence[_Function]) -> dict[str, Curve]:
        """What every value of every parameter brings, in the unit of the values."""
        space = self.surrogate.space
        every = np.array([function.levels for function in functions])
        expected = np.sum([f.weight * f.levels for f in functions], axis=0)
        deviation = np.sqrt(((every - expected) ** 2).mean(axis=0))
        low, middle, high = (self._in_units(expected + k * deviation) for k in (-1.0, 0.0, 1.0))
        found = {}
        for axis, rows in zip(space.axes, _rows(space), strict=True):
            levels = tuple(axis.value(c) for c in axis.coordinates.tolist())
            found[axis.name] = Curve(levels, middle[rows], low[rows], high[rows])
        return found


def _expected(effects: Effects, weight: float) -> _Function:
    rest = effects.variance - effects.main.sum() - 0.5 * effects.pairs.sum()
    higher = effects.total - effects.main - effects.pairs.sum(axis=1)
    return _Function(
        weight,
        effects.mean + effects.levels,
        effects.main,
        effects.pairs,
        max(float(rest), 0.0),
        np.maximum(higher, 0.0),
    )


def _of_draw(space: Space, smooth: DenseDQM, rough: DenseDQM, mean: _Function) -> _Function:
    """A draw has the first two orders only: the rest is taken to be that of the mean."""
    linear, sizes = smooth.linear + rough.linear, space.n_levels
    squares = (smooth.quadratic + rough.quadratic) ** 2
    for axis in (0, 1):
        squares = np.add.reduceat(squares, space.starts[:-1], axis=axis)
    return _Function(
        0.0,
        smooth.offset + rough.offset + linear,
        _mean_squares(space, linear),
        squares / np.outer(sizes, sizes),
        mean.rest,
        mean.higher,
    )


def _mean_squares(space: Space, main: FloatArray) -> FloatArray:
    squares: FloatArray = np.add.reduceat(main * main, space.starts[:-1]) / space.n_levels
    return squares


class _Shares(NamedTuple):
    """Shares of the variance by axis, and by pair of axes."""

    main: list[Share]
    pair: dict[tuple[int, int], Share]
    total: list[Share]


def _shares(functions: Sequence[_Function], active: FloatArray) -> _Shares:
    """Shares of effects, which count as often as their axes are active.

    Args:
        functions: Expected ones and draws.
        active: How often two axes are active together, shape (d, d); one alone on the diagonal.
    """
    alone = active.diagonal()
    parts = []
    for f in functions:
        main, pair = alone * f.main, active * f.pair
        total = main + pair.sum(axis=1) + alone * f.higher
        whole = main.sum() + 0.5 * pair.sum() + f.rest
        parts.append((main, pair, total, whole))
    main, pair, total, whole = (np.array(part) for part in zip(*parts, strict=True))
    weight = np.array([f.weight for f in functions])
    everything = float(weight @ whole)

    def share(of: FloatArray) -> tuple[FloatArray, FloatArray]:
        middle = np.tensordot(weight, of, axes=1) / everything
        every = of / whole.reshape(-1, *(1,) * (of.ndim - 1))
        return middle, np.sqrt(((every - middle) ** 2).mean(axis=0))

    def listed(of: FloatArray) -> list[Share]:
        return [Share(v, d) for v, d in zip(*(e.tolist() for e in share(of)), strict=True)]

    middle, deviation = share(pair)
    every = np.ndindex(middle.shape)
    pairs = {(i, j): Share(float(middle[i, j]), float(deviation[i, j])) for i, j in every if i < j}
    return _Shares(listed(main), pairs, listed(total))


def _rows(space: Space) -> list[slice]:
    """Which levels are those of every axis."""
    return [slice(*ends) for ends in pairwise(space.starts.tolist())]


def _drawn(space: Space, x: FloatArray) -> FloatArray:
    """Random configurations of levels, under the conditions that trials have shown, shape (q, d).

    Args:
        space: The search space.
        x: What trials had, shape (n, d), NaN where inactive.
    """
    conditions, _ = learn_conditions(space, x)
    rng = np.random.default_rng(0)
    places = rng.integers(space.n_levels, size=(_CONFIGURATIONS, len(space)))
    activity = Activity(space, conditions, [axis.coordinates for axis in space.axes])
    inactive = activity.apply(places) < 0
    return np.where(inactive, np.nan, space.at_levels(places))


def _known(study: Study, target: Target | None) -> tuple[list[FrozenTrial], FloatArray]:
    """Complete trials with a finite value, and these values."""
    if target is None and len(study.directions) > 1:
        raise QhpoError(
            "effects on one number can be told; got a study of "
            f"{len(study.directions)} objectives; name one, such as "
            "target=lambda trial: trial.values[0]"
        )
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    values = [float(trial.values[0] if target is None else target(trial)) for trial in complete]
    known = [(t, v) for t, v in zip(complete, values, strict=True) if math.isfinite(v)]
    return [t for t, _ in known], np.array([v for _, v in known])


def _check_params(params: object, complete: Iterable[FrozenTrial]) -> None:
    if params is None:
        return
    if not isinstance(params, (list, tuple)) or not all(isinstance(p, str) for p in params):
        raise TypeError(f"params must be a list of names of parameters; got {params!r}")
    asked = {name for trial in complete for name in trial.params}
    unknown = [name for name in params if name not in asked]
    if unknown:
        raise QhpoError(
            "params must be parameters of complete trials, "
            f"{', '.join(sorted(asked)) or 'of which there are none'}; got "
            f"{', '.join(unknown)}"
        )


def _sorted(shares: Mapping[_Name, Share]) -> dict[_Name, Share]:
    """The strongest first; of equal ones by name."""
    return dict(sorted(shares.items(), key=lambda item: (-item[1].value, item[0])))
