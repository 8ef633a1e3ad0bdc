"""scikit-learn's handwritten digits, split once and for all by a seed."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from qhpo.errors import QhpoError
from qhpo_problems.training.fit.checks import check_seed
from qhpo_problems.training.fit.split import Part, Split

__all__ = ["digits"]


def digits(seed: int, *, train: int = 256, validation: int = 770) -> Split:
    """scikit-learn's handwritten digits: 1,797 grey images of 8x8 pixels, inputs (n, 1, 8, 8).

    The parts are stratified by class; pixels are scaled to mean 0 and standard deviation 1 over
    the training part. By default the training part is small, so that architectures differ in
    what they make of few examples, and the other two are large, so that one image is 0.13 % of
    the error.

    Args:
        seed: Which images go where, 0 to 2**32 - 1.
        train: Images in the training part.
        validation: Images in the validation part; the rest are the test part.

    Raises:
        QhpoError: If the seed is out of range or a part would get fewer than one image a class.
    """
    check_seed(seed)
    images, labels = load_digits(return_X_y=True)
    classes = len(np.unique(labels))
    if min(train, validation, len(labels) - train - validation) < classes:
        raise QhpoError(
            f"train, validation and the rest of the {len(labels)} images must each be at least "
            f"{classes}, one a class; got train={train}, validation={validation}"
        )
    learn, rest = train_test_split(
        np.arange(len(labels)), train_size=train, stratify=labels, random_state=seed
    )
    choose, judge = train_test_split(
        rest, train_size=validation, stratify=labels[rest], random_state=seed
    )
    mean, deviation = images[learn].mean(), images[learn].std()
    scaled = torch.tensor((images - mean) / deviation, dtype=torch.float32).view(-1, 1, 8, 8)
    targets = torch.tensor(labels)
    return Split(*(Part(scaled[rows], targets[rows]) for rows in (learn, choose, judge)))
