"""The transform of what has a boundary at 0: constraints that trials measure, and failures.

Ranks and standardized values forget where 0 is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["signed"]

FloatArray = NDArray[np.float64]


def signed(values: FloatArray) -> FloatArray:
    """Values in units of their typical distance from 0, the large ones compressed.

    A violation may be a hundred times as far from 0 as what the boundary is found from. A value of
    median distance becomes 1 or -1, so that labels of 1 and -1 stay as they are.

    Args:
        values: Shape (n,), not NaN; infinite ones count as the farthest finite.

    Returns:
        Shape (n,), increasing in ``values``, and 0 where they are 0.
    """
    size = np.abs(values)
    away = size[np.isfinite(size) & (size > 0.0)]
    if not len(away):
        return np.sign(values)
    # log2(1 + size / median), in logarithms: the ratio may be beyond floats.
    logs = np.log(np.clip(size, away.min(), away.max())) - np.log(np.median(away))
    scaled: FloatArray = np.sign(values) * np.logaddexp(0.0, logs) / np.log(2.0)
    return scaled
