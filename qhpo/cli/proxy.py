"""A server of ``optuna.storages.run_grpc_proxy_server`` as storage, which may restart meanwhile.

Optuna's client gives up at once where nothing listens, and its errors are of gRPC, which a search
would take for those of an objective. What is used of its private API for this stands here.
"""

from __future__ import annotations

import copy
import uuid
import warnings
from collections.abc import Callable
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.storages import GrpcStorageProxy
from optuna.trial import FrozenTrial

from qhpo.cli.patience import ConnectionLost, ends_once, pause, repeats

__all__ = ["open_proxy"]

_FIRST_SECONDS = 10
"""How long a server may take to answer the first time."""

_SECONDS = 40
"""How long a call may take, a restart of the server included: less than claims may be silent."""

_ANSWERS = frozenset({"ALREADY_EXISTS", "FAILED_PRECONDITION", "INVALID_ARGUMENT", "NOT_FOUND"})
"""Codes that Optuna knows the meaning of. By others a server, or the way to it, fails."""

_CREATED = "qhpo:created"
"""System attribute by which a trial is found whose creation was not answered."""


def open_proxy(host: str, port: int) -> GrpcStorageProxy:
    """The storage behind a server.

    Its calls wait for a server that restarts, and raise `StorageInternalError` where it fails.

    Raises:
        ImportError: If grpcio or protobuf is not installed.
        ConnectionError: If no server answers.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        proxy = _Proxy(host=host, port=port)
    proxy.wait_server_ready(timeout=_FIRST_SECONDS)
    return proxy


class _Proxy(GrpcStorageProxy):
    def _setup(self) -> None:
        super()._setup()
        stub: Any = _Stub(self._stub)
        self._stub = stub
        self._cache = type(self._cache)(stub)

    set_trial_state_values = ends_once(GrpcStorageProxy.set_trial_state_values)

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        try:
            super().set_trial_param(trial_id, param_name, param_value_internal, distribution)
        except KeyError:
            # A server that has restarted knows no trial that it has not read since.
            for study_id in list(self._cache.studies):
                self.get_all_trials(study_id, deepcopy=False)
            super().set_trial_param(trial_id, param_name, param_value_internal, distribution)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        if template_trial is None:
            return super().create_new_trial(study_id)
        template = copy.deepcopy(template_trial)
        token = uuid.uuid4().hex
        template._system_attrs = {**template.system_attrs, _CREATED: token}
        try:
            return super().create_new_trial(study_id, template)
        except ConnectionLost:
            pause()
        for trial in self.get_all_trials(study_id, deepcopy=False):
            if trial.system_attrs.get(_CREATED) == token:
                return trial._trial_id
        return super().create_new_trial(study_id, template)


class _Stub:
    """The calls of a server.

    A call is not sent before there is a connection, so waiting for one repeats nothing.
    """

    def __init__(self, stub: object) -> None:
        self._stub = stub

    def __getattr__(self, name: str) -> Callable[[object], Any]:
        method = getattr(self._stub, name)

        def call(request: object) -> Any:
            try:
                return method(request, wait_for_ready=True, timeout=_SECONDS)
            except Exception as error:
                # The package may be missing, and its errors with it.
                code = getattr(error, "code", None)
                if not callable(code) or code().name in _ANSWERS:
                    raise
                details = getattr(error, "details", lambda: None)()
            raise ConnectionLost(details or "the server does not answer")

        is_safe = name.startswith(("Get", "Set")) and name != "SetTrialStateValues"
        return repeats(call) if is_safe else call
