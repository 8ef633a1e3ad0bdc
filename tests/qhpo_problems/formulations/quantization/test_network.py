from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from qhpo.errors import QhpoError, SolverError
from qhpo_problems.formulations.layers import input_gram, weight_layers, weights
from qhpo_problems.formulations.quantization import (
    Grid,
    annealed,
    fit_grid,
    greedy,
    output_errors,
    quantize,
    quantize_with,
    sampled,
)


def network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 10), nn.ReLU(),
            nn.Linear(10, 2),
        )  # fmt: skip


def images(seed: int = 0, n: int = 60) -> torch.Tensor:
    return torch.randn((n, 1, 4, 4), generator=torch.Generator().manual_seed(seed))


def test_the_copy_has_few_weights_per_row_and_the_model_keeps_its_own() -> None:
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    quantized = quantize(model, images(), bits=2)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    for name, value in quantized.state_dict().items():
        if name.endswith("bias"):
            assert torch.equal(value, before[name])
    for layer in weight_layers(quantized).values():
        for row in weights(layer):
            assert 2 <= len(np.unique(row)) <= 4


def test_layers_are_calibrated_on_what_the_quantized_ones_before_them_put_out() -> None:
    seen = []

    def rounding(w: np.ndarray, gram: np.ndarray, grid: Grid) -> np.ndarray:
        seen.append(gram)
        return grid.nearest(w)

    model = network()
    quantized, layers = quantize_with(rounding, model, images(), bits=3)
    assert [layer.name for layer in layers] == ["0", "3", "5"]
    for gram, (name, layer), done in zip(
        seen, weight_layers(quantized).items(), layers, strict=True
    ):
        np.testing.assert_allclose(gram, input_gram(quantized, layer, images()), rtol=1e-9)
        original = weights(weight_layers(model)[name])
        np.testing.assert_allclose(weights(layer), done.grid.values(done.codes), rtol=1e-6)
        error = output_errors(gram, weights(layer) - original).sum()
        assert done.error == pytest.approx(error / output_errors(gram, original).sum(), rel=1e-4)


@pytest.mark.parametrize("bits", [2, 4])
def test_each_layer_costs_less_than_by_greedy_and_nearest_rounding(bits: int) -> None:
    rng = np.random.default_rng(bits)
    inputs = np.maximum(rng.normal(size=(90, 4)) @ rng.normal(size=(4, 30)), 0.0)
    inputs += 0.2 * rng.normal(size=inputs.shape)
    w, gram = rng.normal(size=(6, 30)), inputs.T @ inputs / 90
    grid = fit_grid(w, gram, bits)
    quick = [
        output_errors(gram, grid.values(codes) - w)
        for codes in (greedy(w, gram, grid), grid.nearest(w))
    ]
    for rounding in (annealed(0), sampled("potts", 0)):
        cost = output_errors(gram, grid.values(rounding(w, gram, grid)) - w)
        assert (cost <= np.minimum(*quick)).all()
        assert cost.sum() < 0.95 * np.minimum(*quick).sum()


def test_more_bits_change_the_outputs_less() -> None:
    model, inputs = network(), images(1, 40)
    outputs = model(inputs)
    change = [
        float((quantize(model, images(), bits=bits)(inputs) - outputs).square().mean().detach())
        for bits in (2, 4, 8)
    ]
    assert change[0] > 5 * change[1] > 25 * change[2]


def test_the_seed_decides() -> None:
    one, two = (quantize(network(), images(), bits=3, seed=4) for _ in range(2))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)


def test_mistakes_are_errors() -> None:
    with pytest.raises(QhpoError, match="bits must be 2 to 8; got 1"):
        quantize(network(), images(), bits=1)
    with pytest.raises(SolverError, match="got 'neel'"):
        quantize(network(), images(), solver="neel")
