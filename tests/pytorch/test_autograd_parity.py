"""The tensor engine against PyTorch: values, adjoints, ties, and a whole training run."""

import numpy as np
import pytest
import torch

from mlpbook.autograd import Tensor, cross_entropy, maximum, zero_grad
from mlpbook.scratch.layers import ReLU, Tanh
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD, Adam

draw = np.random.default_rng(7)
A, B = draw.standard_normal((2, 3, 4))
T3, M = draw.standard_normal((2, 3, 4)), draw.standard_normal((4, 5))
POSITIVE = draw.uniform(0.2, 3, (3, 4))
TIES = np.array([[1.0, 2.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0], [-1.0, 3.0, 1.0, 3.0]])
LABELS = [3, 0, 1]

# The same code on both sides.
SAME = {
    "add": (lambda a, b: a + b, A, B[0]),
    "subtract": (lambda a, b: a - b, A[:, :1], B),
    "multiply": (lambda a, b: a * b, T3, B),
    "divide": (lambda a, b: a / b, A, B),
    "number divide": (lambda a: 2 / a, A),
    "number subtract": (lambda a: 2 - a, A),
    "negate": (lambda a: -a, A),
    "power": (lambda a: a**3, A),
    "root": (lambda a: a**0.5, POSITIVE),
    "zeroth power": (lambda a: a**0, TIES),
    "matrix matrix": (lambda a, b: a @ b, A, M),
    "matrix vector": (lambda a, b: a @ b, A, M[:, 0]),
    "vector matrix": (lambda a, b: a @ b, A[0], M),
    "vector vector": (lambda a, b: a @ b, A[0], B[0]),
    "stack matrix": (lambda a, b: a @ b, T3, M),
    "vector stack": (lambda a, b: a @ b, A[:, 0], T3),
    "exp": (lambda a: a.exp(), A),
    "log": (lambda a: a.log(), POSITIVE),
    "tanh": (lambda a: a.tanh(), A),
    "sigmoid": (lambda a: a.sigmoid(), A),
    "relu": (lambda a: a.relu(), TIES),
    "relu by mask": (lambda a: a * (a > 0), TIES),
    "sum": (lambda a: a.sum(), T3),
    "sum of rows": (lambda a: a.sum(1), T3),
    "sum, axes kept": (lambda a: a.sum((0, 2), keepdims=True), T3),
    "mean": (lambda a: a.mean(), T3),
    "mean of columns": (lambda a: a.mean(0), T3),
    "log_softmax": (lambda a: a.log_softmax(1), A),
    "logsumexp": (lambda a: a.logsumexp(1), A),
    "reshape": (lambda a: a.reshape(4, -1), T3),
    "transpose": (lambda a: a.T, A),
    "slice": (lambda a: a[:, 1:, -1], T3),
    "repeated indices": (lambda a: a[[0, 2, 0]], A),
    "gather": (lambda a: a[[0, 1, 2], LABELS], A),
}
# PyTorch's name differs.
OTHER = {
    "maximum": (maximum, torch.maximum, A, B),
    "maximum with ties": (maximum, torch.maximum, TIES, np.zeros_like(TIES)),
    "max": (lambda a: a.max(1), lambda a: a.amax(1), TIES),
    "max of all": (lambda a: a.max(), lambda a: a.amax(), TIES),
    "transpose by axes": (
        lambda a: a.transpose(2, 0, 1),
        lambda a: a.permute(2, 0, 1),
        T3,
    ),
    "cross-entropy": (
        lambda a: cross_entropy(a, LABELS),
        lambda a: torch.nn.functional.cross_entropy(a, torch.tensor(LABELS)),
        A,
    ),
}
CASES = {name: (case[0], *case) for name, case in SAME.items()} | OTHER


@pytest.mark.parametrize("name", CASES)
def test_values_and_adjoints_are_pytorchs(name):
    ours, theirs, *arrays = CASES[name]
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    twins = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = ours(*tensors), theirs(*twins)
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-12, atol=1e-12)
    seed = np.random.default_rng(0).standard_normal(y.shape)
    y.backward(seed)
    z.backward(torch.tensor(seed))
    for tensor, twin in zip(tensors, twins, strict=True):
        np.testing.assert_allclose(tensor.grad, twin.grad.numpy(), rtol=1e-12, atol=1e-12)


def test_vector_stack_matmul_follows_numpy():
    np.testing.assert_array_equal((A[:, 0] @ Tensor(T3)).data, A[:, 0] @ T3)


def forward(X, parameters, activation):
    *hidden, (W, b) = zip(parameters[::2], parameters[1::2], strict=True)
    for V, c in hidden:
        X = activation(X @ V.T + c)
    return X @ W.T + b


@pytest.mark.parametrize(
    ("layer", "ours", "theirs"), [(Tanh, Tensor.tanh, torch.tanh), (ReLU, Tensor.relu, torch.relu)]
)
@pytest.mark.parametrize(
    ("optimizer", "torch_optimizer", "options"),
    [
        (SGD, torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-3}),
        (Adam, torch.optim.Adam, {"lr": 0.003, "weight_decay": 1e-3}),
    ],
    ids=["SGD", "Adam"],
)
def test_three_implementations_share_one_trajectory(
    layer, ours, theirs, optimizer, torch_optimizer, options
):
    """500 steps with mini-batches, weight decay, changing rate: losses to a relative 1e-12."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((96, 2)), rng.integers(0, 3, 96)
    model = MLP([2, 16, 16, 3], layer, rng=rng)
    loss_fn = CrossEntropyLoss()
    tensors = [Tensor(p.copy(), requires_grad=True) for p in model.parameters()]
    twins = [torch.tensor(p, requires_grad=True) for p in model.parameters()]
    by_hand = optimizer(model.parameters(), **options)
    by_tensors = optimizer([p.data for p in tensors], **options)
    by_torch = torch_optimizer(twins, **options)
    for step in range(500):
        batch = rng.permutation(96)[:32]
        lr = options["lr"] * (1.01 + np.cos(np.pi * step / 500)) / 2
        by_hand.lr = by_tensors.lr = by_torch.param_groups[0]["lr"] = lr

        hand = loss_fn(model(X[batch]), y[batch])
        model.backward(loss_fn.backward())
        by_hand.step(model.gradients())

        zero_grad(tensors)
        loss = cross_entropy(forward(X[batch], tensors, ours), y[batch])
        loss.backward()
        by_tensors.step([p.grad for p in tensors])

        by_torch.zero_grad()
        output = forward(torch.tensor(X[batch]), twins, theirs)
        twin = torch.nn.functional.cross_entropy(output, torch.tensor(y[batch]))
        twin.backward()
        by_torch.step()

        assert hand == pytest.approx(twin.item(), rel=1e-12)
        assert loss.item() == pytest.approx(twin.item(), rel=1e-12)
