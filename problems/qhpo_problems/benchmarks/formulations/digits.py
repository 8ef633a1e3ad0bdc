"""The network that pruning and quantization are compared on: a tuned CNN of cnn-digits."""

from __future__ import annotations

from functools import lru_cache

from qhpo_problems.training.data.digits import digits
from qhpo_problems.training.fit.loop import Fitted, fit
from qhpo_problems.training.fit.settings import TrainingSettings
from qhpo_problems.training.fit.split import Split
from qhpo_problems.training.networks.configs import CNNConfig
from qhpo_problems.training.networks.convolution import build_cnn

__all__ = ["ARCHITECTURE", "SETTINGS", "trained"]

ARCHITECTURE = CNNConfig((32, 40), 3, "max", batch_norm=True, activation="relu", dropout=0.25)
"""Of low validation error on the seeds 100 to 102; the comparisons have others."""

SETTINGS = TrainingSettings("adamw", 3e-3, 1e-3, batch_size=32, epochs=40)


@lru_cache(maxsize=1)
def trained(seed: int) -> tuple[Fitted, Split]:
    """The network, trained with a seed, and the split of the data that the same seed makes.

    The last one is kept, as the methods of a comparison run one after the other on each seed.

    Args:
        seed: 0 to 2**32 - 1.
    """
    split = digits(seed)
    return fit(lambda: build_cnn(ARCHITECTURE), split, SETTINGS, seed=seed), split
