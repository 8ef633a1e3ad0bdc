"""Sizes by arithmetic are those that torch counts; architectures that do not exist are refused."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from qhpo.errors import QhpoError
from qhpo_problems.training.data.shapes import DIGITS, EXERCISES, Grid, Texts
from qhpo_problems.training.networks.chaos import Forecaster
from qhpo_problems.training.networks.circuits import build_vqc
from qhpo_problems.training.networks.configs import (
    ACTIVATIONS,
    ATTENTIONS,
    CELLS,
    ENCODINGS,
    ENTANGLEMENTS,
    HALVINGS,
    MAX_LAYERS,
    POSITIONS,
    READOUTS,
    SEQUENCE_POOLINGS,
    SUMMARIES,
    TEXT_POOLINGS,
    CNNConfig,
    ForecasterConfig,
    RNNConfig,
    TransformerConfig,
    VQCConfig,
    count_cnn,
    count_forecaster,
    count_rnn,
    count_transformer,
    count_vqc,
)
from qhpo_problems.training.networks.convolution import build_cnn
from qhpo_problems.training.networks.recurrent import RNN
from qhpo_problems.training.networks.transformer import Transformer

CNN = CNNConfig((4, 6), 3, "max", True, "relu", 0.25)
CNN_1D = replace(CNN, summary="max", noise=0.5)
RECURRENT = RNNConfig("gru", (4, 6), True, "attention", True, 0.25)
FORECASTER = ForecasterConfig("gru", (4,), "state", 0.0)
TRANSFORMER = TransformerConfig(2, 10, 2, 4, 16, "learned", "attention", "softmax", 0.25)
VQC = VQCConfig(3, 2, "ry", "ring", "z")

units = st.lists(st.integers(1, 20), min_size=1, max_size=MAX_LAYERS).map(tuple)
few = st.integers(1, 5)


def counted(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@settings(max_examples=60)
@given(
    st.builds(
        CNNConfig,
        channels=st.lists(st.integers(1, 48), min_size=1, max_size=4).map(tuple),
        kernel_size=st.sampled_from((1, 3, 5, 9)),
        pooling=st.sampled_from(HALVINGS),
        batch_norm=st.booleans(),
        activation=st.sampled_from(ACTIVATIONS),
        dropout=st.just(0.0),
        summary=st.sampled_from(SUMMARIES),
    ),
    st.builds(Grid, few, st.sampled_from((16, 24)), st.sampled_from((1, 2)), few),
)
def test_size_of_a_cnn(config: CNNConfig, grid: Grid) -> None:
    with torch.device("meta"):
        model = build_cnn(config, grid)
    assert count_cnn(config, grid) == counted(model)


@settings(max_examples=60)
@given(
    st.builds(
        RNNConfig,
        cell=st.sampled_from(CELLS),
        units=units,
        bidirectional=st.booleans(),
        pooling=st.sampled_from(SEQUENCE_POOLINGS),
        layer_norm=st.booleans(),
        dropout=st.just(0.0),
    ),
    few,
    few,
)
def test_size_of_a_recurrent_network(config: RNNConfig, features: int, outputs: int) -> None:
    with torch.device("meta"):
        model = RNN(config, features, outputs)
    assert count_rnn(config, features, outputs) == counted(model)


@settings(max_examples=20)
@given(st.sampled_from(CELLS), units, few)
def test_size_of_a_forecaster(cell: str, units: tuple[int, ...], variables: int) -> None:
    config = ForecasterConfig(cell, units, "state", 0.0)
    with torch.device("meta"):
        model = Forecaster(config, variables)
    assert count_forecaster(config, variables) == counted(model)


@settings(max_examples=40)
@given(
    st.builds(
        TransformerConfig,
        layers=st.integers(1, 3),
        width=st.integers(1, 16).map(lambda half: 2 * half),
        heads=st.integers(1, 4),
        head_width=st.sampled_from((2, 4, 6, 8)),
        feed_forward=st.integers(1, 64),
        positions=st.sampled_from(POSITIONS),
        pooling=st.sampled_from(TEXT_POOLINGS),
        attention=st.sampled_from(ATTENTIONS),
        dropout=st.just(0.0),
    ),
    st.builds(Texts, few, few, few),
)
def test_size_of_a_transformer(config: TransformerConfig, texts: Texts) -> None:
    with torch.device("meta"):
        model = Transformer(config, texts)
    assert count_transformer(config, texts) == counted(model)


def test_size_of_a_network_with_a_circuit() -> None:
    for choice in product((2, 5, 8), (1, 3), ENCODINGS, ENTANGLEMENTS, READOUTS):
        config = VQCConfig(*choice)
        assert count_vqc(config) == counted(build_vqc(config))


def test_sizes_by_hand() -> None:
    # (9 + 1) * 2 = 20, (2 * 9 + 1) * 3 = 57, (3 * 2 * 2 + 1) * 10 = 130
    assert count_cnn(CNNConfig((2, 3), 3, "max", False, "relu", 0.0)) == 207
    # (6 * 3 + 1) * 2 = 38, (2 * 3 + 1) * 3 = 21, (3 + 1) * 7 = 28
    signals = CNNConfig((2, 3), 3, "max", False, "relu", 0.0, "average")
    assert count_cnn(signals, EXERCISES) == 87
    # 2 * 4 * 3 * (2 + 3 + 2) = 168, norm 2 * 6, attention 6 + 1, linear (6 + 1) * 5
    config = RNNConfig("lstm", (3,), True, "attention", True, 0.0)
    assert count_rnn(config, 2, 5) == 168 + 12 + 7 + 35
    assert count_forecaster(ForecasterConfig("gru", (16,), "state", 0.0), 3) == 3 * 16 * 21 + 51
    # Embeddings 1003 * 2 and 13 * 2; projections (2 + 1) * 36 and (12 + 1) * 2; norms 3 * 4;
    # feed-forward (2 + 1) * 5 and (5 + 1) * 2; pooling 2; output (2 + 1) * 10.
    text = TransformerConfig(1, 2, 3, 4, 5, "learned", "attention", "quantum", 0.0)
    assert count_transformer(text) == 2006 + 26 + 108 + 26 + 12 + 15 + 12 + 2 + 30
    # (64 + 1) * 6 = 390, circuit 2 * 2 * 3 = 12, (5 + 1) * 10 = 60
    assert count_vqc(VQCConfig(3, 2, "dense", "all", "zz")) == 462


@pytest.mark.parametrize(
    ("valid", "field", "value", "message"),
    [
        (CNN, "kernel_size", 4, "kernel_size must be odd; got 4"),
        (CNN, "kernel_size", -1, "kernel_size must be at least 1; got -1"),
        (CNN, "pooling", "median", "pooling must be one of max, .*got 'median'"),
        (CNN, "activation", "sign", "activation must be one of relu, .*got 'sign'"),
        (CNN, "dropout", 1.0, "dropout must be .*got 1.0"),
        (CNN_1D, "summary", "last", "summary must be one of all, average, max; got 'last'"),
        (CNN_1D, "noise", -0.5, "noise must be finite and at least 0; got -0.5"),
        (RECURRENT, "cell", "qrnn", "cell must be one of gru, lstm, rnn; got 'qrnn'"),
        (RECURRENT, "units", (), r"units must have 1 to 3 entries.*got 0"),
        (RECURRENT, "units", (1, 2, 3, 4), r"1 to 3 entries.*got 4: \(1, 2, 3, 4\)"),
        (RECURRENT, "units", (8, 0), r"at least 1.*got \(8, 0\)"),
        (RECURRENT, "pooling", "min", "pooling must be one of last, .*got 'min'"),
        (RECURRENT, "dropout", -0.1, "dropout must be .*got -0.1"),
        (FORECASTER, "cell", "cnn", "cell must be one of gru, lstm, rnn; got 'cnn'"),
        (FORECASTER, "target", "value", "target must be one of increment, state; got 'value'"),
        (FORECASTER, "units", (4, 4, 4, 4), "1 to 3 entries.*got 4"),
        (FORECASTER, "noise", float("nan"), "noise must be .*got nan"),
        (TRANSFORMER, "layers", 0, "layers must be at least 1; got 0"),
        (TRANSFORMER, "width", 0, "width must be even and at least 2.*got 0"),
        (TRANSFORMER, "width", 7, "width must be even and at least 2.*got 7"),
        (TRANSFORMER, "heads", 0, "heads must be at least 1; got 0"),
        (TRANSFORMER, "feed_forward", -1, "feed_forward must be at least 1; got -1"),
        (TRANSFORMER, "head_width", 3, "head_width must be 2, 4, 6 or 8.*got 3"),
        (TRANSFORMER, "head_width", 10, "head_width must be 2, 4, 6 or 8.*got 10"),
        (TRANSFORMER, "positions", "wave", "positions must be one of none, .*got 'wave'"),
        (TRANSFORMER, "pooling", "sum", "pooling must be one of mean, .*got 'sum'"),
        (TRANSFORMER, "attention", "hard", "attention must be one of softmax, .*got 'hard'"),
        (TRANSFORMER, "dropout", float("nan"), "dropout must be .*got nan"),
        (VQC, "qubits", 1, "qubits must be 2 to 8.*got 1"),
        (VQC, "qubits", 9, "qubits must be 2 to 8.*got 9"),
        (VQC, "depth", 0, "depth must be at least 1; got 0"),
        (VQC, "encoding", "amplitude", "encoding must be one of rx, .*got 'amplitude'"),
        (VQC, "entanglement", "star", "entanglement must be one of none, .*got 'star'"),
        (VQC, "readout", "x", "readout must be one of z, zz; got 'x'"),
    ],
)
def test_invalid_value_is_named(valid: Any, field: str, value: Any, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        replace(valid, **{field: value})


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ((), r"channels must have 1 to 3 entries.*got 0"),
        ((8, 8, 8, 8), r"channels must have 1 to 3 entries.*got 4"),
        ((8, 0), r"channels must all be at least 1; got \(8, 0\)"),
    ],
)
def test_blocks_that_images_have_no_room_for(channels: tuple[int, ...], message: str) -> None:
    for make in (count_cnn, build_cnn):
        with pytest.raises(QhpoError, match=message):
            make(replace(CNN, channels=channels), DIGITS)  # type: ignore[operator]
