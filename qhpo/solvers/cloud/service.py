"""What the solvers of D-Wave's cloud share: credentials, patience, and errors without secrets.

Credentials come from D-Wave's own configuration only: its environment variables and its file, see
https://docs.dwavequantum.com/en/latest/ocean/sapi_access_basic.html. A region and a solver are
chosen there too. Nothing here keeps a token: it is read, compared and dropped.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from qhpo.encoding import ENCODINGS
from qhpo.errors import SolverError

__all__ = ["CLOUD_ENCODINGS", "LABEL", "Connection", "connect"]

CLOUD_ENCODINGS = tuple(sorted(ENCODINGS, key=lambda name: name != "domain-wall"))
"""Domain walls are the default: they keep more reads of a QPU valid, and their penalty needs no
tuning, which a hybrid solver leaves no time for."""

LABEL = "qhpo"
"""Label of every problem, for the dashboard of the service."""

_PATIENCE = 300.0
"""Seconds to wait for an answer, beyond the time limit, where D-Wave's configuration says nothing
else (``polling_timeout``). Five minutes outlast a busy queue; without a limit, a problem that is
stuck in one stops the study."""

_SECRETS = ("token", "proxy", "headers")
"""Settings of D-Wave's configuration that no message may show."""


class Connection:
    """One of the samplers of dwave-system, made when it is first used.

    Copies and pickles of it are not connected: an open one holds threads and the token.

    Args:
        make: Makes the sampler, which contacts the service.
        profile: Of D-Wave's configuration; None for the one that it chooses.
    """

    def __init__(self, make: Callable[[], Any], profile: str | None) -> None:
        self._make, self._profile = make, profile
        self._sampler: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_sampler": None}

    @contextmanager
    def sampler(self) -> Iterator[Any]:
        """The sampler; what is raised within shows no secret.

        Raises:
            SolverError: If an error of the service shows one, or says nothing.
        """
        try:
            if self._sampler is None:
                self._sampler = self._make()
            yield self._sampler
        except Exception as error:
            replacement = self._without_secrets(error)
            if replacement is None:
                raise
        else:
            return
        # Raised here, it has no context that a traceback would show.
        raise replacement

    def _without_secrets(self, error: Exception) -> SolverError | None:
        """An error to raise instead; None if the error may be seen as it is."""
        from dwave.cloud.exceptions import PollingTimeout

        if isinstance(error, PollingTimeout):
            return SolverError(
                "the service must answer within the polling_timeout of D-Wave's configuration, "
                f"{_PATIENCE:g} s by default; it did not"
            )
        text = f"{type(error).__name__}: {error}"
        shown = "".join(traceback.format_exception(error))
        secrets = [secret for secret in _secrets(self._profile) if secret in shown]
        if not secrets:
            return None
        for secret in secrets:
            text = text.replace(secret, "***")
        return SolverError(text)


def connect(
    solver: str, class_name: str, profile: str | None, seconds: float | None = None
) -> Connection:
    """A connection to be, checked as far as possible without contacting the service.

    Args:
        solver: Name of the solver, for the message.
        class_name: Class of the sampler in ``dwave.system``.
        profile: Of D-Wave's configuration; None for the one that it chooses.
        seconds: Time limit of a call; None for what the service takes.

    Raises:
        SolverError: If D-Wave's configuration holds no token, or cannot be read.
    """
    _check_credentials(solver, profile)
    return Connection(partial(_open, class_name, profile, _PATIENCE + (seconds or 0.0)), profile)


def _open(class_name: str, profile: str | None, patience: float) -> Any:
    import dwave.system

    # As defaults, the file and the environment stand above them.
    return getattr(dwave.system, class_name)(
        profile=profile, defaults={"polling_timeout": patience}
    )


def _check_credentials(solver: str, profile: str | None) -> None:
    from dwave.cloud.config import load_config

    where = "D-Wave's configuration" if profile is None else f"the profile {profile!r}"
    try:
        token = load_config(profile=profile).get("token")
    except Exception as error:
        # Its text is not shown: that of a parser quotes the line, which may hold the token.
        got = f"{where} that cannot be read ({type(error).__name__})"
    else:
        if token:
            return
        got = f"{where} without a token"
    raise SolverError(
        f"the solver {solver} needs an API token of D-Wave's Leap; got {got}; run `dwave config "
        "create`, or set DWAVE_API_TOKEN"
    )


def _secrets(profile: str | None) -> list[str]:
    """What D-Wave's configuration holds that no message may show."""
    from dwave.cloud.config import load_config

    try:
        settings = load_config(profile=profile)
    except Exception:  # it cannot be read, so nothing in it was used
        return []
    return [str(settings[name]) for name in _SECRETS if settings.get(name)]
