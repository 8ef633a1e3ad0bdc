"""What a study was last searched with, kept in the study itself: its ranges and its rules.

It is text in system attributes of the study. Whoever reads it has what was written as a whole:
every version has attributes of its own, and the last thing written says which one counts.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import Study

from qhpo.constraints import Constraint
from qhpo.constraints.written import read_call, read_constraint
from qhpo.errors import QhpoError
from qhpo.space import Between, Enabling
from qhpo.study.attributes import chunks
from qhpo.study.declaration import Declaration

__all__ = ["Searched", "declared_as_text", "remember", "remembered", "searched_of"]

_SEARCH = "qhpo:search"
"""System attribute of a study: which version counts. With its digest and a number: its text."""

_DIGEST = 16
"""Characters of a digest: by 64 bits no two versions of a study meet."""

_DISTRIBUTIONS = MappingProxyType(
    {kind.__name__: kind for kind in (CategoricalDistribution, FloatDistribution, IntDistribution)}
)


def remember(study: Study, what: Mapping[str, Any] | None) -> None:
    """Keep in a study what it is searched with from now on.

    Args:
        study: The study.
        what: Anything that JSON can write; None for nothing.
    """
    known = study._storage.get_study_system_attrs(study._study_id)
    text = "" if what is None else json.dumps(what)
    digest = sha256(text.encode()).hexdigest()[:_DIGEST] if text else ""
    parts = chunks(text)
    header: dict[str, Any] = {"digest": digest, "chunks": len(parts)}
    if known.get(_SEARCH) == header or (not text and _SEARCH not in known):
        return
    for i, part in enumerate(parts):
        study._storage.set_study_system_attr(study._study_id, f"{_SEARCH}:{digest}:{i}", part)
    study._storage.set_study_system_attr(study._study_id, _SEARCH, header)


def remembered(study: Study) -> dict[str, Any] | None:
    """What was last remembered; None if there is nothing."""
    known = study._storage.get_study_system_attrs(study._study_id)
    header = known.get(_SEARCH)
    if not header or not header["chunks"]:
        return None
    names = (f"{_SEARCH}:{header['digest']}:{i}" for i in range(header["chunks"]))
    found: dict[str, Any] = json.loads("".join(known[name] for name in names))
    return found


@dataclass(frozen=True)
class Searched:
    """What a Python program has declared, as far as text can say it.

    Attributes:
        search_space: Optuna distributions by parameter name.
        constraints: Those that have a text.
        conditions: As `QUBOSampler` takes them.
        unknown: The other constraints, as they are shown.
    """

    search_space: dict[str, BaseDistribution]
    constraints: tuple[Constraint, ...]
    conditions: dict[str, dict[str, Any]]
    unknown: tuple[str, ...]


def declared_as_text(declaration: Declaration) -> dict[str, Any] | None:
    """What a user has declared, for `remember`; None if that is nothing, or no text can say it."""
    space = declaration.search_space or {}
    written = {name: repr(distribution) for name, distribution in space.items()}
    if not space or any(_distribution(text) != space[name] for name, text in written.items()):
        return None
    texts = {repr(constraint): constraint for constraint in declaration.constraints}
    known = [text for text, constraint in texts.items() if read_constraint(text) == constraint]
    return {
        "search_space": written,
        "constraints": known,
        "conditions": {
            condition.child: {e.parent: _enabling(e, space[e.parent]) for e in condition.parents}
            for condition in declaration.conditions
        },
        "unknown": [text for text in texts if text not in known],
    }


def searched_of(what: Mapping[str, Any]) -> Searched:
    """What `declared_as_text` has written.

    Raises:
        QhpoError: If this version cannot read it.
    """
    space = {name: _distribution(text) for name, text in what["search_space"].items()}
    rules = {text: read_constraint(text) for text in what["constraints"]}
    unread = [name for name, distribution in space.items() if distribution is None]
    unread += [text for text, rule in rules.items() if rule is None]
    if unread:
        raise QhpoError(
            f"what a study remembers must be readable; got {', '.join(unread)}, written by another "
            "version of qhpo; use that version"
        )
    return Searched(
        {name: distribution for name, distribution in space.items() if distribution is not None},
        tuple(rule for rule in rules.values() if rule is not None),
        {
            child: {parent: _values(text) for parent, text in parents.items()}
            for child, parents in what["conditions"].items()
        },
        tuple(what["unknown"]),
    )


def _distribution(text: str) -> BaseDistribution | None:
    made = read_call(text, _DISTRIBUTIONS)
    return made if isinstance(made, BaseDistribution) else None


def _enabling(enabling: Enabling, parent: BaseDistribution) -> str:
    """What enables a child, as text."""
    if enabling.values is None:
        return repr(Between(*enabling.limits))
    # As the parent has them: a number of NumPy is shown otherwise than Python's.
    values = [parent.to_external_repr(parent.to_internal_repr(v)) for v in enabling.values]
    return repr(values)


def _values(text: str) -> Any:
    limits = read_call(text, {"Between": Between})
    return ast.literal_eval(text) if limits is None else limits
