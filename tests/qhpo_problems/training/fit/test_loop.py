import math
import operator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from qhpo_problems.training.data.digits import digits
from qhpo_problems.training.fit.loop import Epoch, Fitted, error_share, fit, training_device
from qhpo_problems.training.fit.settings import OPTIMIZERS, TrainingSettings
from qhpo_problems.training.fit.split import Part, Split
from qhpo_problems.training.networks.configs import CNNConfig
from qhpo_problems.training.networks.convolution import build_cnn

# With dropout and batch norm, so that every source of randomness and state takes part.
CONFIG = CNNConfig((8,), 3, "max", True, "relu", 0.5)
SETTINGS = TrainingSettings("adam", 1e-2, 1e-4, batch_size=32, epochs=4)


def build() -> nn.Module:
    return build_cnn(CONFIG)


@pytest.fixture(scope="module")
def split() -> Split:
    return digits(0, train=128, validation=200)


@pytest.fixture(scope="module")
def fitted(split: Split) -> Fitted:
    return fit(build, split, SETTINGS, seed=0)


def same(first: Fitted, second: Fitted) -> bool:
    """Whether two trainings went alike, bit by bit."""
    measured = (
        [(epoch.training_loss, epoch.validation_error) for epoch in fitted.history]
        for fitted in (first, second)
    )
    weights = (fitted.model.state_dict().values() for fitted in (first, second))
    return operator.eq(*measured) and all(map(torch.equal, *weights))


def test_learns(split: Split, fitted: Fitted) -> None:
    assert fitted.best.validation_error < 0.3  # chance is 0.9
    assert fitted.test_error < 0.3
    assert fitted.history[-1].training_loss < fitted.history[0].training_loss < math.log(10) * 2


def test_history_has_every_epoch(fitted: Fitted) -> None:
    assert [epoch.number for epoch in fitted.history] == [1, 2, 3, 4]
    seconds = [epoch.seconds for epoch in fitted.history]
    assert seconds == sorted(seconds)
    assert 0 < seconds[0] < seconds[-1] <= fitted.seconds


def test_same_seed_same_model_whatever_ran_before(split: Split, fitted: Fitted) -> None:
    fit(build, split, replace(SETTINGS, optimizer="sgd", epochs=1), seed=5)
    torch.rand(7)
    assert same(fit(build, split, SETTINGS, seed=0), fitted)


def test_another_seed_another_model(split: Split, fitted: Fitted) -> None:
    assert not same(fit(build, split, SETTINGS, seed=1), fitted)


def test_same_model_from_several_threads(split: Split, fitted: Fitted) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda seed: fit(build, split, SETTINGS, seed=seed), (0, 1, 0)))
    assert same(runs[0], fitted)
    assert same(runs[2], fitted)


def test_global_state_is_left_alone(split: Split) -> None:
    def stop(epoch: Epoch) -> None:
        assert torch.get_num_threads() == 1
        raise RuntimeError("stop")

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        state = torch.get_rng_state()
        fit(build, split, replace(SETTINGS, epochs=1), seed=0)
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.get_num_threads() == 2
        with pytest.raises(RuntimeError, match="stop"):
            fit(build, split, SETTINGS, seed=0, on_epoch=stop)
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_best_weights_are_kept(split: Split) -> None:
    # Steps so large that the error jumps up and down.
    jumpy = TrainingSettings("sgd", 0.3, 0.0, batch_size=16, epochs=8)
    fitted = fit(build, split, jumpy, seed=0)
    errors = [epoch.validation_error for epoch in fitted.history]
    assert fitted.best.validation_error == min(errors)
    assert fitted.best.number == errors.index(min(errors)) + 1
    assert errors[-1] > min(errors), "pick another seed: the last epoch must not be the best"
    assert error_share(fitted.model, split.validation) == min(errors)
    assert error_share(fitted.model, split.test) == fitted.test_error


def test_first_of_several_best_epochs_is_kept(split: Split) -> None:
    nothing_is_right = Part(split.validation.inputs, torch.full((200,), -1))
    tied = replace(split, validation=nothing_is_right)
    fitted = fit(build, tied, SETTINGS, seed=0)
    assert [epoch.validation_error for epoch in fitted.history] == [1.0] * 4
    assert fitted.best.number == 1
    first = fit(build, tied, replace(SETTINGS, epochs=1), seed=0)
    assert all(
        map(torch.equal, fitted.model.state_dict().values(), first.model.state_dict().values())
    )


def test_on_epoch_sees_every_epoch(split: Split, fitted: Fitted) -> None:
    seen: list[Epoch] = []
    again = fit(build, split, SETTINGS, seed=0, on_epoch=seen.append)
    assert tuple(seen) == again.history
    assert same(again, fitted)


def test_divergence_ends_the_training(split: Split) -> None:
    fitted = fit(build, split, replace(SETTINGS, optimizer="sgd", learning_rate=1e30), seed=0)
    assert len(fitted.history) == 1
    assert not math.isfinite(fitted.history[0].training_loss)
    assert 0.5 < fitted.best.validation_error <= 1.0


def test_every_optimizer_learns_in_its_own_way(split: Split) -> None:
    # adam and adamw differ only in what weight decay does.
    settings = replace(SETTINGS, weight_decay=0.1)
    runs = [fit(build, split, replace(settings, optimizer=o), seed=0) for o in OPTIMIZERS]
    assert all(fitted.best.validation_error < 0.5 for fitted in runs)
    assert len({fitted.history[-1].training_loss for fitted in runs}) == len(OPTIMIZERS)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_weight_decay_shrinks_weights(split: Split, optimizer: str) -> None:
    def norm(decay: float) -> float:
        chosen = replace(SETTINGS, optimizer=optimizer, weight_decay=decay, learning_rate=1e-3)
        model = fit(build, split, chosen, seed=0).model
        return sum(float(weight.detach().square().sum()) for weight in model.parameters())

    assert norm(1.0) < norm(0.0)


def test_batches_are_even_and_cover_the_part() -> None:
    sizes: list[int] = []
    rows: list[float] = []

    class Spy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(1, 2)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            if self.training:
                sizes.append(len(inputs))
                rows.extend(inputs.flatten().tolist())
            scores: torch.Tensor = self.linear(inputs)
            return scores

    part = Part(torch.arange(33.0).view(-1, 1), torch.zeros(33, dtype=torch.int64))
    fit(Spy, Split(part, part, part), replace(SETTINGS, epochs=1), seed=0)
    assert sizes == [17, 16]  # not 32 and 1
    assert rows != sorted(rows)
    assert sorted(rows) == list(range(33))


def test_error_share_counts_what_is_wrong() -> None:
    part = Part(torch.eye(4), torch.tensor([0, 1, 2, 0]))
    model = nn.Identity().train()
    assert error_share(model, part) == 0.25
    assert not model.training


@pytest.mark.parametrize(("available", "kind"), [(True, "cuda"), (False, "cpu")])
def test_a_gpu_is_used_where_there_is_one(
    available: bool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert training_device() == torch.device(kind)


class FakeGPU:
    """Pretends that there is one: notes what is moved to it and leaves that on the CPU."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moved: list[tuple[type, str]] = []
        self.seeds: list[int] = []
        self.state = torch.zeros(3)
        for moved in (nn.Module, Split):
            monkeypatch.setattr(moved, "to", lambda *args: self.note(*args))
        monkeypatch.setattr(nn.Module, "cpu", lambda model: self.note(model, torch.device("cpu")))
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch.cuda, "manual_seed", self.seeds.append)
        monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: self.state)
        monkeypatch.setattr(torch.cuda, "set_rng_state", self.restore)

    def note(self, moved: Any, device: torch.device) -> Any:
        self.moved.append((type(moved), device.type))
        return moved

    def restore(self, state: torch.Tensor, device: int) -> None:
        assert state is self.state
        self.moved.append((torch.Generator, "restored"))


def test_model_and_data_go_to_the_gpu_and_the_model_comes_back(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = FakeGPU(monkeypatch)
    again = fit(build, split, SETTINGS, seed=7)
    assert gpu.moved == [
        (nn.Sequential, "cuda"),
        (Split, "cuda"),
        (nn.Sequential, "cpu"),
        (torch.Generator, "restored"),
    ]
    assert gpu.seeds == [7]
    monkeypatch.undo()
    assert same(again, fit(build, split, SETTINGS, seed=7))


def test_a_split_moves_with_all_of_its_parts() -> None:
    parts = [Part(torch.rand(n, 2), torch.zeros(n)) for n in (3, 4, 5)]
    moved = Split(*parts).to(torch.device("meta"))
    for part, size in zip((moved.train, moved.validation, moved.test), (3, 4, 5), strict=True):
        assert len(part) == size
        assert part.inputs.device == part.targets.device == torch.device("meta")
