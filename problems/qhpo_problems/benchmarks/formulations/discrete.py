"""Linear models of discrete weights: trained directly against rounding, at equal levels."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from qhpo_problems.benchmarks.comparison import comparison
from qhpo_problems.benchmarks.formulations import data
from qhpo_problems.benchmarks.formulations import digits as network
from qhpo_problems.benchmarks.results import standard_error
from qhpo_problems.benchmarks.suite import Metric
from qhpo_problems.formulations.discrete import (
    DiscreteWeights,
    Levels,
    Moments,
    class_targets,
    descended,
    last_layer,
    last_layer_inputs,
    levels_of,
    moments_of,
    train,
)
from qhpo_problems.formulations.quantization import descend

__all__ = ["SUITE", "Sample", "measure_discrete", "nearest", "one_flip"]

FloatArray = NDArray[np.float64]
Linear = tuple[FloatArray, FloatArray]
"""Weights, shape (R, n), and biases, shape (R,)."""

_WEIGHTS: Mapping[str, str | int] = MappingProxyType(
    {"binary": "binary", "ternary": "ternary", "2 bits": 2, "3 bits": 3}
)

_ALPHA = 1.0
"""Ridge of all methods."""

_TEST = 1 / 3
"""Share of the examples that are judged by; the network's data have a split of their own."""

_SHRINKS = np.geomspace(1.2, 0.05, 36)
"""Scales that nearest rounding tries, in units of the one that reaches the largest weight."""

_TURNS = 20
"""A bound on turns of descent and new scales, which settle after a few."""

_ITERATIONS = 5000
"""Of the logistic regression's solver, whose usual hundred may not be enough."""


@dataclass(frozen=True)
class Sample:
    """Examples of one split.

    Attributes:
        train: Features, shape (N, n).
        targets: What is fitted to them, shape (N, R): -1 and +1 of classes, or numbers.
        test: Features of other examples.
        answers: Their classes from 0, or numbers, one an example.
        logistic: Fits weights and biases by cross-entropy; None where the targets are numbers.
    """

    train: FloatArray
    targets: FloatArray
    test: FloatArray
    answers: NDArray[np.generic]
    logistic: Callable[[], Linear] | None

    def score(self, weights: FloatArray, biases: FloatArray) -> float:
        """Accuracy on the test examples, or R2 where the targets are numbers."""
        outputs = self.test @ weights.T + biases
        if self.logistic is None:
            return float(r2_score(self.answers, outputs[:, 0]))
        predicted = outputs.argmax(axis=1) if outputs.shape[1] > 1 else outputs[:, 0] > 0
        return float((predicted == self.answers).mean())


def measure_discrete(table: str, method: str, seed: int) -> list[dict[str, float]]:
    """Test score, training loss and CPU seconds for every kind of weights.

    Args:
        table: Name of the data.
        method: Name of the method.
        seed: Of the split, of the network's training, and of the search.
    """
    sample = _TABLES[table][1](seed)
    numbers = []
    for kind in _WEIGHTS.values():
        begin = time.process_time()
        moments = moments_of(sample.train, sample.targets, _ALPHA)
        if method == "logistic" and sample.logistic is not None:
            weights, biases = sample.logistic()
            seconds = time.process_time() - begin
            # It minimizes another loss: of this one its directions count.
            compared = moments.rescaled(weights, np.ones(len(weights)))[:, None] * weights
        else:
            compared = weights = _METHODS[method](moments, levels_of(kind), seed)
            biases = sample.targets.mean(axis=0) - weights @ sample.train.mean(axis=0)
            seconds = time.process_time() - begin
        loss = float(moments.losses(compared).sum() / moments.squares.sum())
        numbers.append({"score": sample.score(weights, biases), "loss": loss, "CPU s": seconds})
    return numbers


def nearest(moments: Moments, levels: Levels) -> DiscreteWeights:
    """The real weights of least loss rounded to the nearest levels, of 36 scales the best.

    Each scale is fitted again after the rounding.
    """
    reach = np.abs(moments.solution).max(axis=1) / levels.reach
    found = []
    for shrink in _SHRINKS:
        scales = shrink * reach
        codes = levels.grid(scales).nearest(levels.shifted(moments.solution, scales))
        found.append(_fitted(moments, levels, codes, scales))
    best = np.argmin([moments.losses(weights.values) for weights in found], axis=0)
    rows = np.arange(len(best))
    return DiscreteWeights(
        np.array([weights.levels for weights in found])[best, rows],
        np.array([weights.scales for weights in found])[best, rows],
    )


def one_flip(moments: Moments, levels: Levels) -> DiscreteWeights:
    """Coordinate descent from `nearest`, one weight after the other, and new scales, in turns."""
    best = nearest(moments, levels)
    for _ in range(_TURNS):
        codes = levels.codes_of(best.levels)
        targets = levels.shifted(moments.solution, best.scales)
        moved = descend(targets, moments.gram, levels.grid(best.scales), codes, pairs=False)
        if np.array_equal(moved, codes):
            break
        best = _fitted(moments, levels, moved, best.scales)
    return best


def _fitted(
    moments: Moments, levels: Levels, codes: NDArray[np.int64], scales: FloatArray
) -> DiscreteWeights:
    values = levels.values(codes)
    return DiscreteWeights(values, moments.rescaled(values.astype(float), scales))


def _ridge(moments: Moments, levels: Levels, seed: int) -> FloatArray:
    return moments.solution


_METHODS: Mapping[str, Callable[[Moments, Levels, int], FloatArray]] = MappingProxyType(
    {
        "neal": lambda moments, levels, seed: train(moments, levels, "neal", seed).values,
        "blocks": lambda moments, levels, seed: train(moments, levels, None, seed).values,
        "two-flip": lambda moments, levels, _: descended(moments, levels).values,
        "one-flip": lambda moments, levels, _: one_flip(moments, levels).values,
        "nearest": lambda moments, levels, _: nearest(moments, levels).values,
        "ridge": _ridge,
        "logistic": _ridge,  # where there are no classes
    }
)
"""Name -> weights, shape (R, n), of data and levels, with a seed."""


def _scaled(
    features: FloatArray, answers: NDArray[np.generic], seed: int, *, classes: bool
) -> Sample:
    learn, judge = train_test_split(
        np.arange(len(answers)),
        test_size=_TEST,
        stratify=answers if classes else None,
        random_state=seed,
    )
    scaler = StandardScaler().fit(features[learn])
    inputs = scaler.transform(features[learn])
    if not classes:
        targets = answers[learn].astype(float)[:, None]
        return Sample(inputs, targets, scaler.transform(features[judge]), answers[judge], None)
    targets = class_targets(answers[learn].astype(np.intp), len(np.unique(answers)))

    def logistic() -> Linear:
        model = LogisticRegression(max_iter=_ITERATIONS).fit(inputs, answers[learn])
        return model.coef_, model.intercept_

    return Sample(inputs, targets, scaler.transform(features[judge]), answers[judge], logistic)


def _last_layer(seed: int) -> Sample:
    """What the last layer of a trained CNN gets and should put out; it is a logistic regression."""
    fitted, split = network.trained(seed)
    layer = last_layer(fitted.model)

    def logistic() -> Linear:
        weights, biases = (p.detach().double().numpy() for p in (layer.weight, layer.bias))
        return weights, biases

    return Sample(
        last_layer_inputs(fitted.model, split.train.inputs),
        class_targets(split.train.targets.numpy(), layer.out_features),
        last_layer_inputs(fitted.model, split.test.inputs),
        split.test.targets.numpy(),
        logistic,
    )


_TABLES: Mapping[str, tuple[str, Callable[[int], Sample]]] = MappingProxyType(
    {
        "breast-cancer": (
            "30 features, 2 classes, 379 examples",
            lambda seed: _scaled(*data.breast_cancer(), seed, classes=True),
        ),
        "digits": (
            "64 pixels, 10 classes, 1,198 images",
            lambda seed: _scaled(*data.digits(), seed, classes=True),
        ),
        "diabetes": (
            "regression, 10 features, 294 examples, score R2",
            lambda seed: _scaled(*data.diabetes(), seed, classes=False),
        ),
        "last-layer": (
            "last layer of a CNN, 160 features, 10 classes, 256 images",
            _last_layer,
        ),
    }
)

SUITE = comparison(
    name="discrete",
    tables={name: about for name, (about, _) in _TABLES.items()},
    methods=tuple(_METHODS),
    settings=tuple(_WEIGHTS),
    metrics=(
        Metric("score", "{:.4f}".format, max, error=standard_error),
        Metric("loss", "{:.4f}".format, min),
        Metric("CPU s", "{:.2f}".format, min),
    ),
    measure=measure_discrete,
    footnote=(
        "Accuracy on test examples, or R2; squared loss with ridge on the training examples, in "
        "units of the targets' variance; CPU seconds. A weight has 1 bit if binary, log2(3) = 1.58 "
        "if ternary, and 32 with ridge and logistic, which round nothing and serve as references. "
        "nearest rounds ridge, with the best of 36 scales for each output; one-flip goes on by "
        "coordinate descent; two-flip is greedy rounding with error feedback and descent by one "
        "and two weights, from 12 scales; neal and blocks go on from there, by QUBOs for each "
        "output, or by an anneal of all outputs. The loss of logistic is that of its weights at "
        "the best scales; in the last layer of the CNN it is the layer as it was trained, and on "
        "diabetes ridge."
    ),
)
"""Discrete training against rounding."""
