from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from qhpo.threads import single_threaded


def blas_threads() -> set[int]:
    """Threads of the libraries of NumPy and SciPy; other packages bring some that have only one."""
    own = ("numpy.libs", "scipy.libs")
    pools = [pool for pool in threadpool_info() if any(name in pool["filepath"] for name in own)]
    return {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}


def test_linear_algebra_has_one_thread_within_and_as_many_as_before_after() -> None:
    np.linalg.inv(np.eye(3))  # the library is there
    with threadpool_limits(2):
        assert blas_threads() == {2}
        with single_threaded():
            assert blas_threads() == {1}
        assert blas_threads() == {2}
