"""Rules that the choices of several problems have to keep, each with one message for all of them.

Light: imports neither torch nor a package of data.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from qhpo.errors import QhpoError

__all__ = [
    "check_choices",
    "check_dropout",
    "check_noise",
    "check_positive",
    "check_seed",
    "check_widths",
]


def check_seed(seed: int) -> None:
    """Every problem takes the seeds that scikit-learn and the samplers take, 0 to 2**32 - 1.

    Raises:
        QhpoError: If the seed is out of range.
    """
    if not 0 <= seed < 2**32:
        raise QhpoError(f"seed must be 0 to 2**32 - 1; got {seed}; give such a whole number")


def check_choices(config: object, **allowed: Iterable[object]) -> None:
    """Attributes that name one of several choices.

    Args:
        config: What has the attributes.
        **allowed: Their names, each with the values that it may have.

    Raises:
        QhpoError: If an attribute has another value.
    """
    for name, choices in allowed.items():
        value = getattr(config, name)
        if value not in choices:
            raise QhpoError(f"{name} must be one of {', '.join(map(str, choices))}; got {value!r}")


def check_positive(config: object, *names: str) -> None:
    """Attributes that count something of which there must be one at least.

    Raises:
        QhpoError: If an attribute is below 1.
    """
    for name in names:
        value = getattr(config, name)
        if value < 1:
            raise QhpoError(f"{name} must be at least 1; got {value}; give a positive whole number")


def check_widths(name: str, widths: tuple[int, ...], most: int, part: str) -> None:
    """Widths of the parts of a network, first to last.

    Args:
        name: What the widths are called, such as ``"channels"``.
        widths: One a part.
        most: Most parts that the network can have; it has one at least.
        part: What a part is called, such as ``"block"``.

    Raises:
        QhpoError: If there are too few or too many, or one is below 1.
    """
    if not 1 <= len(widths) <= most:
        raise QhpoError(
            f"{name} must have 1 to {most} entries, one a {part}; "
            f"got {len(widths)}: {widths}; give one for every {part}"
        )
    if min(widths) < 1:
        raise QhpoError(
            f"{name} must all be at least 1; got {widths}; "
            f"leave a {part} out by giving fewer entries"
        )


def check_dropout(dropout: float) -> None:
    """Share of numbers that training drops.

    Raises:
        QhpoError: If it is negative, 1 or more, or NaN.
    """
    if not 0 <= dropout < 1:
        raise QhpoError(f"dropout must be at least 0 and below 1; got {dropout}; 0 turns it off")


def check_noise(noise: float) -> None:
    """Standard deviation of the noise that training adds.

    Raises:
        QhpoError: If it is negative or not finite.
    """
    if not 0 <= noise < math.inf:
        raise QhpoError(f"noise must be finite and at least 0; got {noise}; 0 turns it off")
