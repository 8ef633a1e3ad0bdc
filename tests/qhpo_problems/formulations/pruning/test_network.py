from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from qhpo.errors import QhpoError
from qhpo_problems.formulations.layers import weight_layers
from qhpo_problems.formulations.pruning import (
    Pruning,
    diagonal,
    output_jacobian,
    outputs,
    prune,
    prune_with,
)


def network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(16, 6),
            nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 3),
        )  # fmt: skip


def images(n: int = 40) -> torch.Tensor:
    return torch.randn((n, 1, 4, 4), generator=torch.Generator().manual_seed(1))


def zeros(model: nn.Module) -> int:
    return sum(int((layer.weight == 0).sum()) for layer in weight_layers(model).values())


TOTAL = 4 * 9 + 16 * 6 + 6 * 3


def test_the_derivatives_are_those_of_finite_differences() -> None:
    model = network().double()
    inputs = images(5).double()
    jacobian = output_jacobian(model, inputs)
    assert jacobian.shape == (15, TOTAL)
    place, step = 0, 1e-6
    for layer in weight_layers(model).values():
        flat = layer.weight.detach().view(-1)
        for i in range(0, len(flat), 7):
            before = outputs(model, inputs)
            flat[i] += step
            after = outputs(model, inputs)
            flat[i] -= step
            expected = (after - before) / step
            np.testing.assert_allclose(jacobian[:, place + i], expected, atol=1e-5)
        place += len(flat)


def test_of_a_linear_model_the_objective_is_the_change_of_the_outputs() -> None:
    """In the second step, too, where the outputs have changed already."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        model = nn.Sequential(nn.Linear(8, 5))
    inputs = torch.randn((30, 8), generator=torch.Generator().manual_seed(3))
    seen: list[float] = []

    def choice(problem: Pruning) -> NDArray[np.bool_]:
        removed = diagonal(problem)
        seen.append(problem.objective(removed))
        return removed

    whole = outputs(model, inputs)
    for pruned, cost in zip(prune_with(choice, model, inputs, [0.2, 0.4]), seen, strict=True):
        change = outputs(pruned, inputs) - whole
        assert cost == pytest.approx(0.5 * np.square(change).sum(), rel=1e-3)


def test_the_sparsities_are_exact_and_the_other_weights_stay() -> None:
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    pruned = prune_with(diagonal, model, images(), [0.0, 0.3, 0.9])
    assert [zeros(one) for one in pruned] == [0, round(0.3 * TOTAL), round(0.9 * TOTAL)]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
        for one in pruned:
            after = one.state_dict()[name]
            assert bool(((after == before[name]) | (after == 0)).all())
            if name.endswith("bias"):
                assert torch.equal(after, before[name])


def test_what_is_removed_stays_removed() -> None:
    less, more = prune_with(diagonal, network(), images(), [0.5, 0.8])
    for one, other in zip(weight_layers(less).values(), weight_layers(more).values(), strict=True):
        assert bool((other.weight[one.weight == 0] == 0).all())


def test_cross_terms_change_the_outputs_less_than_the_diagonal() -> None:
    model, inputs = network(), images(80)
    whole = outputs(model, inputs)
    (plain,) = prune_with(diagonal, model, inputs, [0.5])
    change = [
        float(np.square(outputs(one, inputs) - whole).sum())
        for one in (prune(model, inputs, 0.5), plain)
    ]
    assert change[0] < 0.3 * change[1]


def test_channels_go_as_a_whole_and_classes_stay() -> None:
    pruned = prune(network(), images(), 0.4, channels=True)
    first, hidden, classes = weight_layers(pruned).values()
    gone = [(layer.weight.flatten(1) == 0).all(dim=1) for layer in (first, hidden)]
    assert sum(int(mask.sum()) for mask in gone) == round(0.4 * 10)
    for layer, mask in zip((first, hidden), gone, strict=True):
        assert bool((layer.weight.flatten(1)[~mask] != 0).all())
    assert bool((classes.weight != 0).all())


def test_the_seed_decides() -> None:
    one, two = (prune(network(), images(), 0.6, seed=3) for _ in range(2))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("sparsities", [[1.0], [-0.1], [0.5, 0.3]])
def test_sparsities_out_of_range_are_refused(sparsities: list[float]) -> None:
    with pytest.raises(QhpoError, match=r"ascend, each at least 0 and below 1; got \["):
        prune_with(diagonal, network(), images(), sparsities)
