"""What a sampler says about a study in the log, each thing once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from optuna.trial import TrialState

from qhpo.study.declaration import Declaration
from qhpo.study.domain import StudyDomain
from qhpo.study.trials import Trials

__all__ = ["News"]

_logger = logging.getLogger("qhpo")


class News:
    """Warnings about one study.

    Args:
        declaration: What its user has declared.
        n_startup: Trials of the first design.
    """

    def __init__(self, declaration: Declaration, n_startup: int) -> None:
        self._declaration = declaration
        self._n_startup = n_startup
        self._told: set[str] = set()
        self._repeating: dict[int, bool] = {}

    def forget(self) -> None:
        """Before the news of another study."""
        self._told.clear()
        self._repeating.clear()

    def note_repeated(self, trial_id: int, is_proof: bool) -> None:
        """Notes that nothing new was left for a trial, as far as its space is known."""
        self._repeating[trial_id] = is_proof

    def note_new(self, trial_id: int) -> None:
        """Notes that the objective of a trial has asked for more, and something new was left."""
        self._repeating.pop(trial_id, None)

    def tell_repeated(self, trial_id: int) -> None:
        """Warns, once a trial is over, that all has been tried, or that nothing else was found."""
        is_proof = self._repeating.pop(trial_id, None)
        if is_proof is None:
            return
        keeping = " that keeps the constraints" if self._declaration.constraints else ""
        self._warn(
            f"every configuration of the search space{keeping} has been tried; "
            "from here on the best ones are suggested again"
            if is_proof
            else f"no configuration of the search space{keeping} was found that has not been "
            "tried, within the budget of the search; one of the best is suggested again"
        )

    def tell_unread(self, unread: Mapping[str, str]) -> None:
        """Warns of parameters that keep trials from being learnt from."""
        for name, reason in unread.items():
            self._warn(
                f"trials whose parameter {name!r} is not in the search space are left out: "
                f"{reason}; declare what trials ask for",
                name,
            )

    def tell_silent(self, sources: Iterable[str]) -> None:
        """Warns of what was known before that tells no configurations of the space apart."""
        for name in sources:
            self._warn(
                f"{name} says nothing about any parameter of this study, and is not used; its "
                "parameters must have the same names, and its values must differ",
                f"silent: {name}",
            )

    def tell_never_asked(self, domain: StudyDomain, trials: Trials) -> None:
        """Warns of declared parameters that no trial of the first design has asked for."""
        complete = [t for t in trials.finished if t.state == TrialState.COMPLETE]
        if self._declaration.search_space is None or len(complete) < max(self._n_startup, 1):
            return
        # What trials have had is modelled jointly, unless nothing explains when they have it.
        children = {condition.child for condition in self._declaration.conditions}
        alone = set(domain.search_space).difference(domain.feasible.space.search_space, children)
        for name in sorted(alone):
            if not any(name in trial.params for trial in complete):
                self._warn(
                    f"none of {len(complete)} trials has asked for the declared parameter "
                    f"{name!r}; if the objective never does, leave it out of search_space",
                    f"never asked: {name}",
                )

    def _warn(self, text: str, subject: str = "") -> None:
        """Logs a warning, once a subject."""
        if (subject or text) not in self._told:
            self._told.add(subject or text)
            _logger.warning(text)
