"""The searches that are compared, each made as its users make it.

qhpo's own is found by its public name, as users of the installed package find it: this package does
not stand on that of the integrations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any

from optuna.distributions import CategoricalDistribution
from sklearn.base import BaseEstimator, clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (HalvingRandomSearchCV)
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline

from qhpo.errors import MissingExtraError
from qhpo.plugins import missing_packages
from qhpo_problems.benchmarks.sampling.searchcv.pipelines import TunedPipeline, alternatives

__all__ = ["RIVALS", "LenientPipeline", "Rival", "rungs"]

_FACTOR = 3
"""Of HalvingRandomSearchCV: its own default."""

_OWN = "qhpo_integrations.sklearn:QUBOSearchCV"


@dataclass(frozen=True)
class Rival:
    """A search.

    Attributes:
        make: Takes the pipeline, the number of candidates, which is that of fits to all examples of
            a split, and the options ``cv`` and ``random_state``. Returns the search. Picklable.
        found: What it finds by a name, as ``"package:name"``.
        packages: What it needs, of the extra ``bench``.
    """

    make: Callable[[TunedPipeline, int, dict[str, Any]], Any]
    found: Sequence[str] = ()
    packages: Sequence[str] = ()

    def check(self) -> None:
        """Refuse to go on without what it needs.

        Raises:
            MissingExtraError: If a package is not installed.
        """
        for package in missing_packages(self.packages):
            raise MissingExtraError("OptunaSearchCV", package, "bench")

    def sources(self) -> list[Any]:
        """Objects whose code decides what it finds."""
        return [self.make, *map(resolve_name, self.found)]


class LenientPipeline(Pipeline):  # type: ignore[misc]
    """A pipeline whose steps are set by name, with parameters of whatever a step may be.

    OptunaSearchCV knows no conditions, so it sets the parameters of all choices of a step: what the
    chosen one does not have is left out here. And its choices must be plain values.

    Args:
        steps: As of any pipeline.
        choices: Step -> name -> what the step may be.
    """

    def __init__(
        self, steps: list[tuple[str, Any]], choices: Mapping[str, Mapping[str, Any]]
    ) -> None:
        super().__init__(steps)
        self.choices = choices

    def set_params(self, **params: Any) -> LenientPipeline:
        chosen = {
            name: clone(of[params[name]]) for name, of in self.choices.items() if name in params
        }
        super().set_params(**chosen)
        known = self.get_params().keys() - chosen.keys()
        super().set_params(**{name: value for name, value in params.items() if name in known})
        return self


def rungs(candidates: int) -> tuple[int, int]:
    """Candidates of the two rungs of halving that cost as much as so many on all examples.

    The first is on a third of the examples, the second on all. By the least number of examples
    that scikit-learn chooses itself, twice folds times classes, two of the three pipelines could
    have no third rung.

    Args:
        candidates: Fits to all examples, of other searches.
    """
    first = max(_FACTOR, candidates * _FACTOR // 2)
    return first, -(-first // _FACTOR)


def _qubo(tuned: TunedPipeline, candidates: int, options: dict[str, Any]) -> Any:
    return resolve_name(_OWN)(
        tuned.estimator(),
        tuned.space(),
        constraints=tuned.constraints(),
        conditions=tuned.conditions,
        n_iter=candidates,
        **options,
    )


def _optuna(tuned: TunedPipeline, candidates: int, options: dict[str, Any]) -> Any:
    from optuna_integration import OptunaSearchCV

    estimator, space = tuned.estimator(), tuned.space()
    steps = {
        name: {type(step).__name__: step for step in given}
        for name, given in space.items()
        if isinstance(given, list) and isinstance(given[0], BaseEstimator)
    }
    if steps:
        estimator = LenientPipeline(estimator.steps, steps)
    flat = {
        name: CategoricalDistribution(tuple(steps.get(name, given)))
        if isinstance(given, list)
        else given
        for name, given in space.items()
    }
    return OptunaSearchCV(estimator, flat, n_trials=candidates, **options)


def _halving(tuned: TunedPipeline, candidates: int, options: dict[str, Any]) -> Any:
    first, _ = rungs(candidates)
    return HalvingRandomSearchCV(
        tuned.estimator(),
        alternatives(tuned),
        n_candidates=first,
        factor=_FACTOR,
        min_resources=tuned.train // _FACTOR,
        **options,
    )


def _random(tuned: TunedPipeline, candidates: int, options: dict[str, Any]) -> Any:
    return RandomizedSearchCV(tuned.estimator(), alternatives(tuned), n_iter=candidates, **options)


RIVALS: Mapping[str, Rival] = MappingProxyType(
    {
        "qubo": Rival(_qubo, found=(_OWN,)),
        "optuna": Rival(_optuna, packages=("optuna_integration",)),
        "halving": Rival(_halving),
        "random": Rival(_random),
    }
)
"""Name -> search."""
