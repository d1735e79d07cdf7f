"""Gradient descent by hand: its slopes, its path, and the same numbers from PyTorch's SGD and fastai's Learner."""

from copy import deepcopy
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from atelier.descent import descend, finite_difference, fit, mse, quadratic, row_light

x = torch.linspace(-1, 1, 64)
targets = quadratic(x, (-0.12, 0.11, 0.51))


def loss_of(params):
    return mse(quadratic(x, params), targets)


def test_slope_of_a_small_step_is_the_gradient():
    params = torch.tensor([0.3, 0.1, 0.2])
    slopes = [finite_difference(lambda p, i=i: loss_of([*params[:i], p, *params[i + 1:]]), params[i])
              for i in range(3)]
    params.requires_grad_()
    loss_of(params).backward()
    assert torch.allclose(torch.stack(slopes), params.grad, atol=2e-3)


def test_path_equals_the_formula():
    """For a mean squared error to one number the path is known: each step shrinks the distance by 1 - 2 lr."""
    goal, start, lr = targets.mean(), 0.2, 0.3
    path = descend(lambda grey: mse(grey, targets), start, lr, 10)
    expected = goal + (start - goal) * (1 - 2*lr)**torch.arange(11)
    assert torch.allclose(path, expected, atol=1e-6)


def test_path_equals_sgd():
    start = torch.tensor([0.3, 0.1, 0.2])
    path = descend(loss_of, start, lr=0.5, steps=50)
    params = start.clone().requires_grad_()
    optimiser = torch.optim.SGD([params], lr=0.5)
    for step in range(51):
        assert torch.allclose(path[step], params.detach(), atol=1e-6)
        loss_of(params).backward()
        optimiser.step()
        optimiser.zero_grad()


def test_path_arrives_and_leaves_the_start_alone():
    start = torch.tensor([0.3, 0.1, 0.2])
    path = descend(loss_of, start, lr=0.5, steps=300)
    assert path.shape == (301, 3)
    assert torch.equal(path[0], start) and torch.equal(start, torch.tensor([0.3, 0.1, 0.2]))
    assert torch.allclose(path[-1], torch.tensor([-0.12, 0.11, 0.51]), atol=1e-4)
    assert torch.equal(descend(loss_of, start, lr=0.5, steps=0), start[None])


def test_too_large_a_learning_rate_flies_apart():
    path = descend(loss_of, [0.3, 0.1, 0.2], lr=1., steps=30)
    assert loss_of(path[-1]) > 100 * loss_of(path[0])


def test_by_hand_sgd_and_learner_give_the_same_numbers():
    from fastai.learner import DataLoaders, Learner
    from fastai.optimizer import OptimWrapper

    rng = torch.Generator().manual_seed(1)
    X = torch.randn(100, 8, generator=rng)
    y = (X[:, :1] * X[:, 1:2] > 0).float()
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 1))
    loss = nn.BCEWithLogitsLoss()

    def batches():
        return DataLoader(TensorDataset(X, y), batch_size=16, shuffle=True,
                          generator=torch.Generator().manual_seed(3))

    def net(xb, params):
        w1, b1, w2, b2 = params
        return (xb @ w1 + b1).clamp(min=0) @ w2 + b2

    params = [p.detach().clone().T if p.ndim == 2 else p.detach().clone() for p in model.parameters()]
    for p in params:
        p.requires_grad_()
    start = net(X, params).detach()
    fit(net, params, loss, batches(), lr=0.1, epochs=5)

    sgd, dl = deepcopy(model), batches()
    optimiser = torch.optim.SGD(sgd.parameters(), lr=0.1)
    for _ in range(5):
        for xb, yb in dl:
            loss(sgd(xb), yb).backward()
            optimiser.step()
            optimiser.zero_grad()

    learn = Learner(DataLoaders(batches(), DataLoader(TensorDataset(X, y), batch_size=100)), deepcopy(model),
                    loss_func=loss, opt_func=partial(OptimWrapper, opt=torch.optim.SGD))
    with learn.no_logging():
        learn.fit(5, lr=0.1)

    hand = net(X, params)
    assert (hand - start).abs().max() > 0.1, "nothing was learned"
    assert torch.allclose(hand, sgd(X), atol=1e-5)
    assert torch.allclose(hand, learn.model(X), atol=1e-5)


def test_row_light():
    image = np.zeros((8, 6, 3), np.uint8)
    image[4:] = 255
    assert row_light(image, bands=4).tolist() == [0, 0, 1, 1]
    assert row_light(image[::-1].copy(), bands=2).tolist() == [1, 0]


@pytest.mark.parametrize("image, bands", [(np.zeros((8, 8), np.uint8), 4), (np.zeros((8, 8, 3)), 4),
                                          (np.zeros((9, 8, 3), np.uint8), 4), (np.zeros((8, 8, 3), np.uint8), 0)])
def test_row_light_refuses(image, bands):
    with pytest.raises(ValueError, match="image must be .height, width, 3. uint8|bands must be"):
        row_light(image, bands)


def test_mse_refuses_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match=r"\(4, 1\).*\(4,\)"):
        mse(torch.zeros(4, 1), torch.zeros(4))
    assert mse(torch.tensor(1.), torch.zeros(4)) == 1


def test_bad_steps_and_rates():
    with pytest.raises(ValueError, match="two points"):
        finite_difference(abs, 1., 0)
    for lr in (0, -0.1, float("nan")):
        with pytest.raises(ValueError, match="lr must be positive"):
            descend(loss_of, [0., 0., 0.], lr, 1)


def test_fit_refuses_parameters_without_gradients():
    with pytest.raises(ValueError, match="requires_grad_"):
        fit(None, [torch.zeros(3)], mse, [], lr=0.1, epochs=1)
