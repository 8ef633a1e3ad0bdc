"""The problems, side by side: what trials ask for, which network that is, what it learns from.

Whatever needs torch is imported when a problem's data are loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.problem import Problem
from qhpo_problems.training.cartpole.controller import ACTIVATIONS as CONTROLLER_ACTIVATIONS
from qhpo_problems.training.cartpole.objective import make_objective, train_controller
from qhpo_problems.training.data.shapes import COEFFICIENTS, DIGITS, EXERCISES, SPEAKERS
from qhpo_problems.training.data.systems import LORENZ, MACKEY_GLASS, System
from qhpo_problems.training.fit.checks import check_seed
from qhpo_problems.training.fit.training import Conditions, Params, Training
from qhpo_problems.training.networks import configs

if TYPE_CHECKING:
    from torch import Tensor

    from qhpo_problems.training.fit.tuning import Task

__all__ = [
    "CNN_DIGITS",
    "CNN_PHYSIO",
    "CNN_SPACE",
    "CONTROLLER_CARTPOLE",
    "RNN_DYNAMICS",
    "RNN_MACKEY_GLASS",
    "RNN_STOCKS",
    "RNN_VOWELS",
    "TRANSFORMER_SPACE",
    "TRANSFORMER_TEXT",
    "VQC_HYBRID",
    "cnn_config",
    "forecaster_config",
    "rnn_config",
    "stocks_config",
]

Space = dict[str, BaseDistribution]

_DROPOUT = FloatDistribution(0.0, 0.5, step=0.125)
"""Share of numbers that training drops, the same for all that drop some."""


# cnn-digits: images. The space is static: every trial has the channels of all blocks, and those of
# blocks that it does not have are ignored. Trials that differ in these alone get the same value.

CNN_SPACE: Space = {
    "blocks": IntDistribution(1, 3),
    **{f"channels_{block}": IntDistribution(8, 40, step=8) for block in (1, 2, 3)},
    "kernel_size": CategoricalDistribution((3, 5)),
    "pooling": CategoricalDistribution(configs.HALVINGS),
    "batch_norm": CategoricalDistribution((True, False)),
    "activation": CategoricalDistribution(configs.ACTIVATIONS),
    "dropout": _DROPOUT,
}
"""What a trial of cnn-digits asks for, before its training."""


def _if_blocks(most: int) -> Conditions:
    """Channels have an effect where there is their block."""
    return {
        f"channels_{block}": {"blocks": tuple(range(block, most + 1))}
        for block in range(1, most + 1)
    }


def cnn_config(params: Params) -> configs.CNNConfig:
    """The network that parameters of cnn-digits or cnn-physio describe."""
    return configs.CNNConfig(
        channels=tuple(params[f"channels_{block}"] for block in range(1, params["blocks"] + 1)),
        kernel_size=params["kernel_size"],
        pooling=params["pooling"],
        batch_norm=params["batch_norm"],
        activation=params["activation"],
        dropout=params["dropout"],
        summary=params.get("readout", "all"),
        noise=params.get("noise"),
    )


def _digits_size(params: Params) -> int:
    return configs.count_cnn(cnn_config(params), DIGITS)


def _digits_cnn(seed: int) -> Callable[[Params], Task]:
    from qhpo_problems.training.data.digits import digits
    from qhpo_problems.training.fit.tuning import Task
    from qhpo_problems.training.networks.convolution import build_cnn

    split = digits(seed)
    return lambda params: Task(lambda: build_cnn(cnn_config(params), DIGITS), split)


CNN_DIGITS = Training(
    name="cnn-digits",
    summary="A CNN on real 8x8 images of digits: architecture and training, 13 parameters.",
    space=CNN_SPACE,
    count=_digits_size,
    ignored_unless=_if_blocks(3),
    sized_by=("blocks", "kernel_size", "batch_norm", "channels_1", "channels_2", "channels_3"),
    prepare=_digits_cnn,
    epochs=40,
    packages=("torch", "sklearn"),
    extra="torch",
).problem()


# cnn-physio: signals of a smartwatch, the errors those on persons from whom nothing was learnt.

_PHYSIO_CHANNELS = tuple(f"channels_{block}" for block in (1, 2, 3, 4))


def _physio_size(params: Params) -> int:
    return configs.count_cnn(cnn_config(params), EXERCISES)


def _physio_cnn(seed: int) -> Callable[[Params], Task]:
    from qhpo_problems.training.data.exercises import exercises
    from qhpo_problems.training.fit.tuning import Task
    from qhpo_problems.training.networks.convolution import build_cnn

    split = exercises(seed)
    return lambda params: Task(lambda: build_cnn(cnn_config(params), EXERCISES), split)


CNN_PHYSIO = Training(
    name="cnn-physio",
    summary="A CNN on a smartwatch's signals of shoulder physiotherapy: 16 parameters.",
    space={
        "blocks": IntDistribution(1, len(_PHYSIO_CHANNELS)),
        **{name: IntDistribution(8, 32, step=8) for name in _PHYSIO_CHANNELS},
        "kernel_size": CategoricalDistribution((3, 5, 9)),
        "pooling": CategoricalDistribution(configs.HALVINGS),
        "readout": CategoricalDistribution(("average", "max")),
        "batch_norm": CategoricalDistribution((True, False)),
        "activation": CategoricalDistribution(configs.ACTIVATIONS),
        "noise": FloatDistribution(0.0, 1.0, step=0.25),
        "dropout": _DROPOUT,
    },
    count=_physio_size,
    ignored_unless=_if_blocks(len(_PHYSIO_CHANNELS)),
    sized_by=("blocks", "kernel_size", "batch_norm", *_PHYSIO_CHANNELS),
    prepare=_physio_cnn,
    epochs=20,
    packages=("torch", "sklearn", "seglearn"),
    extra="torch,data",
).problem()


# rnn-vowels: speech. The space is conditional: a trial has the units of the layers that it has.

_LAYERS = IntDistribution(1, configs.MAX_LAYERS)
_UNITS: Space = {
    f"units_{layer}": IntDistribution(8, 48, step=8) for layer in range(1, configs.MAX_LAYERS + 1)
}
_IF_LAYERS: Conditions = {
    name: {"layers": tuple(range(layer, configs.MAX_LAYERS + 1))}
    for layer, name in enumerate(_UNITS, 1)
}


def _units(params: Params) -> tuple[int, ...]:
    return tuple(params[f"units_{layer}"] for layer in range(1, params["layers"] + 1))


def rnn_config(params: Params) -> configs.RNNConfig:
    """The network that parameters of rnn-vowels describe."""
    return configs.RNNConfig(
        cell=params["cell"],
        units=_units(params),
        bidirectional=params["bidirectional"],
        pooling=params["pooling"],
        layer_norm=params["layer_norm"],
        dropout=params["dropout"],
    )


def _vowels_size(params: Params) -> int:
    return configs.count_rnn(rnn_config(params), COEFFICIENTS, SPEAKERS)


def _vowels_rnn(seed: int) -> Callable[[Params], Task]:
    from qhpo_problems.training.data.vowels import vowels
    from qhpo_problems.training.fit.tuning import Task
    from qhpo_problems.training.networks.recurrent import RNN

    split = vowels(seed)
    return lambda params: Task(lambda: RNN(rnn_config(params), COEFFICIENTS, SPEAKERS), split)


RNN_VOWELS = Training(
    name="rnn-vowels",
    summary="An RNN that knows nine speakers by two vowels: architecture and training, "
    "11 to 13 parameters.",
    space={
        "cell": CategoricalDistribution(configs.CELLS),
        "bidirectional": CategoricalDistribution((False, True)),
        "pooling": CategoricalDistribution(configs.SEQUENCE_POOLINGS),
        "layer_norm": CategoricalDistribution((False, True)),
        "dropout": _DROPOUT,
        "layers": _LAYERS,
        **_UNITS,
    },
    conditions=_IF_LAYERS,
    count=_vowels_size,
    prepare=_vowels_rnn,
    epochs=20,
    packages=("torch", "sklearn", "sktime"),
    extra="torch,data",
).problem()


# rnn-dynamics and rnn-mackey-glass: chaos. The network is trained one step ahead on true states.
# Then it forecasts from starts that it has not seen, each forecast its next input. The value is
# minus the mean time for which that is valid, in Lyapunov times: from about -10, where no forecast
# fails within the time that is looked at, to 0.


def forecaster_config(params: Params) -> configs.ForecasterConfig:
    """The network that parameters of rnn-dynamics and rnn-mackey-glass describe."""
    return configs.ForecasterConfig(
        params["cell"], _units(params), params["target"], params["noise"]
    )


def _forecaster_size(system: System, params: Params) -> int:
    return configs.count_forecaster(forecaster_config(params), system.variables)


def _forecaster(system: System, seed: int) -> Callable[[Params], Task]:
    from torch.nn.functional import mse_loss

    from qhpo_problems.training.data.chaos import Series
    from qhpo_problems.training.fit.tuning import Task, Whole
    from qhpo_problems.training.networks.chaos import Forecaster, MinusValidity

    series = Series(system, seed)

    def task(params: Params) -> Task:
        def build() -> Forecaster:
            return Forecaster(forecaster_config(params), system.variables)

        window = params["window"]
        whole = Whole(build, series.whole(window), mse_loss)
        error = MinusValidity(system.step)
        return Task(build, series.split(window), mse_loss, error, whole)

    return task


def _chaos(name: str, system: System) -> Problem:
    return Training(
        name=name,
        summary=f"A recurrent network that forecasts {system.name}: minus its validity time.",
        space={
            "cell": CategoricalDistribution(configs.CELLS),
            "layers": _LAYERS,
            **_UNITS,
            "target": CategoricalDistribution(configs.TARGETS),
            "noise": FloatDistribution(1e-5, 1e-1, log=True),
            # States of a training sequence, over which errors are carried back in time.
            "window": CategoricalDistribution((10, 20, 40, 80)),
        },
        conditions=_IF_LAYERS,
        count=partial(_forecaster_size, system),
        prepare=partial(_forecaster, system),
        epochs=30,
        packages=("torch", "sklearn"),
        extra="torch",
    ).problem()


RNN_DYNAMICS = _chaos("rnn-dynamics", LORENZ)
RNN_MACKEY_GLASS = _chaos("rnn-mackey-glass", MACKEY_GLASS)


# rnn-stocks: finance. The value is the root mean square error of one-month-ahead forecasts of log
# prices over that of the naive forecast, which is the last price: 1 is as good as naive. The
# validation is walk-forward: a year is forecast by a network that was trained on all months before
# it, then the next, for the three years to March 2008. The test error is of the 24 months after
# them, which a fourth network forecasts, trained on all that came before and for as many epochs as
# the validation says. The seed is of the trainings: who learns from which months is given by time.

_INPUTS = {"own": 2, "all": 7}
"""Features of a month: the company's own return and log price, and the returns of all five."""


def stocks_config(params: Params) -> configs.RNNConfig:
    """The network that parameters of rnn-stocks describe; every layer has the same units."""
    units = (params["units"],) * params["layers"]
    return configs.RNNConfig(
        params["cell"], units, False, params["pooling"], False, params["dropout"]
    )


def _stocks_size(params: Params) -> int:
    """Of one forecaster; pooling, dropout, window and anchor have none."""
    return configs.count_rnn(stocks_config(params), _INPUTS[params["inputs"]], 1)


def _stocks_rnn(seed: int) -> Callable[[Params], Task]:
    from qhpo_problems.training.data.stocks import log_prices, walk_forward
    from qhpo_problems.training.fit.tuning import Task, Whole
    from qhpo_problems.training.networks.recurrent import RNN
    from qhpo_problems.training.networks.stocks import Forecasters, relative_rmse, squared_loss

    check_seed(seed)
    logs = log_prices()

    def task(params: Params) -> Task:
        forecasts = walk_forward(
            logs,
            window=params["window"],
            anchor=params["anchor"],
            all_returns=params["inputs"] == "all",
        )
        config, features, sigma = stocks_config(params), _INPUTS[params["inputs"]], forecasts.sigma
        everything, its_sigma = forecasts.whole()

        def build(sigma: Tensor) -> Forecasters:
            return Forecasters(lambda: RNN(config, features, 1), sigma)

        return Task(
            lambda: build(sigma),
            forecasts.split,
            squared_loss(sigma),
            relative_rmse,
            Whole(lambda: build(its_sigma), everything, squared_loss(its_sigma)),
        )

    return task


RNN_STOCKS = Training(
    name="rnn-stocks",
    summary="An RNN that forecasts next month's prices of shares: architecture, inputs and "
    "training, 12 parameters.",
    space={
        "cell": CategoricalDistribution(configs.CELLS),
        "layers": IntDistribution(1, 2),
        "units": IntDistribution(4, 24, step=4),
        "pooling": CategoricalDistribution(("last", "mean")),
        "dropout": _DROPOUT,
        # What a forecast sees: the most months, and the words of `walk_forward`.
        "window": CategoricalDistribution((3, 6, 12)),
        "inputs": CategoricalDistribution(tuple(_INPUTS)),
        "anchor": CategoricalDistribution(("last", "mean")),
    },
    count=_stocks_size,
    sized_by=("cell", "layers", "units", "inputs"),
    prepare=_stocks_rnn,
    epochs=10,
    packages=("torch", "sklearn", "vega_datasets"),
    extra="torch,data",
).problem()


# transformer-text: language. Heads have a width of their own, from and to which tokens are
# projected, so that every combination is a network; with quantum attention it is the qubits.

TRANSFORMER_SPACE: Space = {
    "layers": IntDistribution(1, 3),
    "width": IntDistribution(16, 64, step=16),
    "heads": IntDistribution(1, 3),
    "head_width": IntDistribution(2, 6, step=2),
    "feed_forward": IntDistribution(16, 64, step=16),
    "positions": CategoricalDistribution(configs.POSITIONS),
    "pooling": CategoricalDistribution(configs.TEXT_POOLINGS),
    "attention": CategoricalDistribution(configs.ATTENTIONS),
    "dropout": _DROPOUT,
}
"""What a trial of transformer-text asks for, before its training: a `TransformerConfig`."""


def _text_size(params: Params) -> int:
    return configs.count_transformer(configs.TransformerConfig(**params))


def _text_transformer(seed: int) -> Callable[[Params], Task]:
    from qhpo_problems.training.data.text import diseases
    from qhpo_problems.training.fit.tuning import Task
    from qhpo_problems.training.networks.transformer import Transformer

    split = diseases(seed)
    return lambda params: Task(lambda: Transformer(configs.TransformerConfig(**params)), split)


TRANSFORMER_TEXT = Training(
    name="transformer-text",
    summary="A transformer on real text, its attention classical or quantum: 13 parameters.",
    space=TRANSFORMER_SPACE,
    count=_text_size,
    sized_by=("layers", "width", "heads", "head_width", "feed_forward", "positions", "pooling"),
    prepare=_text_transformer,
    epochs=10,
    packages=("torch", "sklearn", "simple_icd_10_cm"),
    extra="data,torch",
).problem()


# vqc-hybrid: a simulated quantum circuit between classical layers, on images.


def _vqc_size(params: Params) -> int:
    return configs.count_vqc(configs.VQCConfig(**params))


def _digits_vqc(seed: int) -> Callable[[Params], Task]:
    from qhpo_problems.training.data.digits import digits
    from qhpo_problems.training.fit.tuning import Task
    from qhpo_problems.training.networks.circuits import build_vqc

    split = digits(seed)
    return lambda params: Task(lambda: build_vqc(configs.VQCConfig(**params)), split)


VQC_HYBRID = Training(
    name="vqc-hybrid",
    summary="A quantum circuit between classical layers, on real images of digits: 9 parameters.",
    space={
        "qubits": IntDistribution(2, configs.MAX_QUBITS),
        "depth": IntDistribution(1, 4),
        "encoding": CategoricalDistribution(configs.ENCODINGS),
        "entanglement": CategoricalDistribution(configs.ENTANGLEMENTS),
        "readout": CategoricalDistribution(configs.READOUTS),
    },
    count=_vqc_size,
    sized_by=("qubits", "depth", "encoding", "readout"),
    prepare=_digits_vqc,
    epochs=30,
    packages=("torch", "sklearn"),
    extra="torch",
).problem()


# controller-cartpole: control, two objectives. A controller that has hidden layers has their units
# and an activation; the rest after the interval is its training.

_CONTROLLER_SPACE: Space = {
    "layers": IntDistribution(0, 2),
    "max_force": IntDistribution(4, 16, step=2),
    "levels": CategoricalDistribution((2, 3, 5)),
    "units_1": IntDistribution(4, 16, step=4),
    "units_2": IntDistribution(4, 16, step=4),
    "activation": CategoricalDistribution(tuple(CONTROLLER_ACTIVATIONS)),
    # Steps of 20 ms between two decisions.
    "interval": IntDistribution(1, 4),
    "population": CategoricalDistribution((8, 16, 32, 64)),
    "seconds": CategoricalDistribution((1.0, 2.0, 4.0)),
    "deviation": FloatDistribution(0.05, 0.8, log=True),
    "learning_rate": FloatDistribution(0.02, 0.5, log=True),
    "push": FloatDistribution(0.0, 20.0, step=5.0),
    "noise": FloatDistribution(0.0, 2.0, step=0.5),
    "force_weight": FloatDistribution(0.01, 3.0, log=True),
    "angle_weight": FloatDistribution(0.0, 2.0, step=0.5),
    "position_weight": FloatDistribution(0.0, 2.0, step=0.5),
}
_IF_HIDDEN: Conditions = {
    "units_1": {"layers": (1, 2)},
    "units_2": {"layers": (2,)},
    "activation": {"layers": (1, 2)},
}

CONTROLLER_CARTPOLE = Problem(
    name="controller-cartpole",
    summary="A neural controller that balances a pole with little force: up to 16 parameters.",
    direction={"balance": "maximize", "energy": "minimize"},
    make_objective=partial(make_objective, _CONTROLLER_SPACE, _IF_HIDDEN),
    train=partial(train_controller, _CONTROLLER_SPACE, _IF_HIDDEN),
)
