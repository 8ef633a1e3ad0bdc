"""Training a model: the same seed gives the same model, and the best epoch's weights stay."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from qhpo.errors import QhpoError
from qhpo_problems.training.fit.settings import TrainingSettings
from qhpo_problems.training.fit.split import Part, Split

__all__ = ["Epoch", "Error", "Fitted", "Loss", "error_share", "fit", "fit_all", "training_device"]

Loss = Callable[[Tensor, Tensor], Tensor]
"""Outputs of a model and targets, rows in the same order, to the number that training lowers."""

Error = Callable[[nn.Module, Part], float]
"""What an epoch is judged by: the lower, the better. Puts the model into evaluation mode.

Model and part are on the same device.
"""

# Initial weights and dropout come from torch's global generator, of which a process has one:
# trainings in threads take turns. To train in parallel, run several processes.
_global_state = threading.RLock()


@dataclass(frozen=True)
class Epoch:
    """What is known when an epoch has ended.

    Attributes:
        number: Epochs finished, from 1.
        training_loss: Mean loss over the epoch's steps (of cross-entropy in nats); NaN or infinite
            if the training diverged.
        validation_error: Error on the validation part; with `error_share` the share that is
            misclassified, 0 to 1. NaN if the outputs of a model that diverged give none.
        seconds: Wall-clock seconds since the training began.
    """

    number: int
    training_loss: float
    validation_error: float
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """A trained model.

    Attributes:
        model: On the CPU, in evaluation mode, with the weights of the best epoch.
        history: Every epoch that ran, in order.
        test_error: Error of ``model`` on the test part.
        seconds: Wall-clock seconds of all of it.
    """

    model: nn.Module
    history: tuple[Epoch, ...]
    test_error: float
    seconds: float

    @property
    def best(self) -> Epoch:
        """The epoch with the lowest validation error; the first of several."""
        return min(self.history, key=lambda epoch: _or_infinite(epoch.validation_error))


def error_share(model: nn.Module, part: Part) -> float:
    """Share of the part that the model misclassifies, 0 to 1. Puts it into evaluation mode."""
    model.eval()
    with torch.inference_mode():
        wrong = model(part.inputs).argmax(dim=1) != part.targets
    return float(wrong.double().mean())


def training_device() -> torch.device:
    """Where models are trained: on a GPU if torch can use one (CUDA or ROCm), else on the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fit(
    build: Callable[[], nn.Module],
    split: Split,
    settings: TrainingSettings,
    *,
    seed: int,
    on_epoch: Callable[[Epoch], None] | None = None,
    loss: Loss = functional.cross_entropy,
    error: Error = error_share,
) -> Fitted:
    """Build a model and train it; a classifier, unless loss and error say otherwise.

    It is trained on `training_device`, to which it is moved with the data.

    On the CPU the result depends on the arguments alone: initial weights, order of examples and
    dropout follow from the seed, and one thread computes. On a GPU initial weights and order are
    the same, and sums are as exact as its kernels. torch's global generators and number of threads
    are left as they were found. A training whose loss is no longer finite ends with that epoch.

    Args:
        build: Makes the untrained model: inputs of a `Part` to outputs, one a row; of a classifier
            scores, shape (n, classes).
        split: Trains on ``train``, chooses the epoch by ``validation``, and looks at ``test``
            once, at the end.
        settings: Optimizer and epochs.
        seed: Any whole number of 64 bits.
        on_epoch: Called after every epoch; what it raises ends the training.
        loss: What the steps lower.
        error: What chooses the epoch, and judges it on the test part.
    """
    device = training_device()
    with _seeded(seed, device):
        start = time.perf_counter()
        # Drawn on the CPU, so that the initial weights are the same on every device.
        model, split = build().to(device), split.to(device)
        optimizer = _optimizer(model, settings)
        history: list[Epoch] = []
        lowest, weights = math.inf, model.state_dict()
        for number in range(1, settings.epochs + 1):
            average = _train_epoch(model, optimizer, split.train, settings.batch_size, loss)
            now = error(model, split.validation)
            if now < lowest:
                lowest = now
                weights = {name: value.clone() for name, value in model.state_dict().items()}
            history.append(Epoch(number, average, now, time.perf_counter() - start))
            if on_epoch is not None:
                on_epoch(history[-1])
            if not math.isfinite(average):
                break
        model.load_state_dict(weights)
        test_error = error(model, split.test)
        return Fitted(model.cpu(), tuple(history), test_error, time.perf_counter() - start)


def fit_all(
    build: Callable[[], nn.Module],
    part: Part,
    settings: TrainingSettings,
    *,
    seed: int,
    loss: Loss = functional.cross_entropy,
) -> nn.Module:
    """Build a model and train it on everything there is, for as many epochs as the settings say.

    Nothing is left to judge the epochs by. Otherwise as `fit`: the model is on the CPU, in
    evaluation mode.

    Raises:
        QhpoError: If the training diverges.
    """
    device = training_device()
    with _seeded(seed, device):
        model, part = build().to(device), part.to(device)
        optimizer = _optimizer(model, settings)
        for number in range(1, settings.epochs + 1):
            average = _train_epoch(model, optimizer, part, settings.batch_size, loss)
            if not math.isfinite(average):
                raise QhpoError(
                    f"a training must not diverge; the loss of this one is {average} in epoch "
                    f"{number}; choose another trial with --trial"
                )
        return model.cpu().eval()


def _or_infinite(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    part: Part,
    batch_size: int,
    loss: Loss,
) -> float:
    """One pass in random order; the mean loss of its steps."""
    model.train()
    # Batches of nearly equal size: a leftover batch of one example would break batch norm.
    batches = torch.randperm(len(part)).tensor_split(math.ceil(len(part) / batch_size))
    total = 0.0
    for rows in batches:
        optimizer.zero_grad()
        value = loss(model(part.inputs[rows]), part.targets[rows])
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += value.item()
    return total / len(batches)


def _optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    weights = model.parameters()
    match settings.optimizer:
        case "sgd":
            return torch.optim.SGD(
                weights, lr=rate, weight_decay=decay, momentum=0.9, nesterov=True
            )
        case "adam":
            return torch.optim.Adam(weights, lr=rate, weight_decay=decay)
        case "adamw":
            return torch.optim.AdamW(weights, lr=rate, weight_decay=decay)
        case _:
            return torch.optim.RMSprop(weights, lr=rate, weight_decay=decay)


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Global generators seeded and one thread inside, everything as before outside."""
    gpus = [torch.cuda.current_device()] if device.type == "cuda" else []
    with _global_state, torch.random.fork_rng(devices=gpus):
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        # torch.manual_seed would seed every accelerator of the machine too.
        torch.default_generator.manual_seed(seed)
        if gpus:
            torch.cuda.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
