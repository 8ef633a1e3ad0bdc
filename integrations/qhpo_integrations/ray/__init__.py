"""Ray Tune: `QUBOSearch`, a search algorithm whose suggestions are those of `qhpo.QUBOSampler`.

Ray's own ``OptunaSearch(sampler=QUBOSampler(...))`` runs as well (Ray 2.60, Optuna 5.0), but not
all that is promised here passes through it. What a scheduler has stopped it tells the study as
complete, without the last report. It asks for parameters that do not exist under the others. And a
space of Ray's does not reach the sampler, which needs it for constraints.

Example:
    >>> from ray import tune
    >>> from qhpo import constraints as c
    >>> from qhpo_integrations.ray import QUBOSearch
    >>> space = {"width": tune.lograndint(8, 257), "layers": tune.randint(1, 5)}
    >>> weights = c.quadratic({("width", "width"): 1}, "<=", 10_000)
    >>> search = QUBOSearch(space, "loss", "min", constraints=[weights], seed=0)
    >>> search.suggest("a trial")["width"] <= 100
    True

With ``tune.TuneConfig(search_alg=search, num_samples=50)`` Ray runs it.
"""

from __future__ import annotations

from qhpo.errors import MissingExtraError

try:
    import ray.tune  # noqa: F401 (Ray without its extra has no such module)
except ImportError as error:
    raise MissingExtraError("QUBOSearch", "ray[tune]", "ray") from error

from qhpo_integrations.ray.search import QUBOSearch

__all__ = ["QUBOSearch"]
