import pytest
import torch

from qhpo_problems.training.fit.noise import GaussianNoise


def test_training_adds_noise_of_the_given_deviation() -> None:
    torch.manual_seed(0)
    inputs = torch.full((100, 6, 64), 3.0)
    added = GaussianNoise(0.5).train()(inputs) - inputs
    assert added.mean().item() == pytest.approx(0, abs=0.02)
    assert added.std().item() == pytest.approx(0.5, rel=0.02)
    # Every number has noise of its own.
    assert len(added.flatten().unique()) > 0.9 * added.numel()


def test_evaluation_changes_nothing() -> None:
    inputs = torch.rand(3, 6, 64)
    assert torch.equal(GaussianNoise(0.5).eval()(inputs), inputs)


def test_no_noise_draws_no_random_numbers() -> None:
    inputs = torch.rand(3, 6, 64)
    before = torch.get_rng_state()
    assert torch.equal(GaussianNoise(0.0).train()(inputs), inputs)
    assert torch.equal(torch.get_rng_state(), before)
