"""Candidates that cannot be fitted: a result like any other, also where a batch has no other.

scikit-learn evaluates the candidates of a search in batches. If every fit of a batch fails, it
takes the model for misconfigured and ends the search. That is right for a batch of all candidates,
and wrong where they come one by one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection._search import BaseSearchCV

__all__ = ["FailureKeepingSearchCV"]

_ALL_FAILED = "fits failed.\nIt is very likely that your model is misconfigured"
"""What scikit-learn says where every fit of a batch fails."""


class FailureKeepingSearchCV(BaseSearchCV):  # type: ignore[misc]
    """Keeps in its results what could not be fitted, behind the rest, with ``error_score``."""

    def _begin(self) -> None:
        """Before the first batch."""
        self._failed: list[dict[str, Any]] = []
        self._error: ValueError | None = None
        self._evaluated: tuple[list[dict[str, Any]], int, list[dict[str, Any]]] | None = None
        self._held: dict[str, Any] | None = None

    def _results_of(
        self,
        evaluate: Callable[[list[dict[str, Any]]], dict[str, Any]],
        candidates: list[dict[str, Any]],
    ) -> list[dict[str, float] | None]:
        """Mean test scores by metric of each candidate of a batch; None if no fit of it succeeded.

        Args:
            evaluate: Takes the candidates, returns the results so far.
            candidates: The batch.
        """
        try:
            results = evaluate(candidates)
        except ValueError as error:
            if _ALL_FAILED not in str(error):
                raise
            warnings.warn(str(error).strip(), FitFailedWarning, stacklevel=2)
            self._error = error
            self._failed.extend(candidates)
            return [None for _ in candidates]
        self._held = results
        end = len(results["params"]) - len(self._failed)
        prefix = "mean_test_"
        return [
            {k.removeprefix(prefix): float(results[k][i]) for k in results if k.startswith(prefix)}
            for i in range(end - len(candidates), end)
        ]

    def _end(self) -> None:
        """After the last batch: adds what has failed since to the results that scikit-learn holds.

        Raises:
            ValueError: scikit-learn's, if no candidate could be fitted.
        """
        if self._evaluated is None:
            if self._error is not None:
                raise self._error
        elif self._held is not None:
            self._held.update(self._format_results(*self._evaluated))
        del self._failed, self._error, self._evaluated, self._held

    def _format_results(
        self,
        candidate_params: list[dict[str, Any]],
        n_splits: int,
        out: list[dict[str, Any]],
        more_results: Any = None,
    ) -> dict[str, Any]:
        self._evaluated = (candidate_params, n_splits, out)
        lost = {
            key: _scored(value, self.error_score) if key.endswith("_scores") else value
            for key, value in out[0].items()
        }
        lost.update(fit_time=math.nan, score_time=math.nan)
        candidates = [*candidate_params, *self._failed]
        out = [*out, *[lost] * (n_splits * len(self._failed))]
        formatted: dict[str, Any] = super()._format_results(candidates, n_splits, out, more_results)
        return formatted


def _scored(scores: Any, error_score: float) -> Any:
    """The score, or scores by metric, of what could not be fitted."""
    return dict.fromkeys(scores, error_score) if isinstance(scores, dict) else error_score
