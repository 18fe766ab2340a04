"""The engine that fits on a page, against PyTorch and finite differences."""

import numpy as np
import pytest
import torch

from mlpbook.chapters.autograd import MiniTensor
from mlpbook.checks.gradient_check import numerical_gradient


def test_gradients_of_a_network_are_pytorchs(rng):
    X, W, b, v = (rng.standard_normal(s) for s in ((6, 3), (5, 3), (5,), (5, 1)))

    def loss(lib, W, b, v):
        hidden = lib(X) @ W.T + b
        hidden = hidden.tanh()
        out = hidden @ v
        return (out * out).sum() + 0.5 * (W * W).sum()

    ours = [MiniTensor(a) for a in (W, b, v)]
    theirs = [torch.tensor(a, requires_grad=True) for a in (W, b, v)]
    loss(np.asarray, *ours).backward()
    loss(torch.tensor, *theirs).backward()
    for a, c in zip(ours, theirs, strict=True):
        assert np.allclose(a.grad, c.grad.numpy(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("operation", "shapes"),
    [
        (lambda a, b: a + b, ((4, 3), (3,))),
        (lambda a, b: a * b, ((4, 3), (4, 1))),
        (lambda a, b: a @ b, ((4, 3), (3, 2))),
        (lambda a: a.T, ((4, 3),)),
        (lambda a: a.sum(), ((4, 3),)),
        (lambda a: a.tanh(), ((4, 3),)),
    ],
)
def test_each_rule_alone_against_differences(rng, operation, shapes):
    arrays = [rng.standard_normal(s) for s in shapes]
    inputs = [MiniTensor(a) for a in arrays]
    result = operation(*inputs)
    G = rng.standard_normal(result.data.shape)
    (result * G).sum().backward()
    for x, a in zip(inputs, arrays, strict=True):

        def value():
            return float((operation(*(MiniTensor(c) for c in arrays)).data * G).sum())

        assert np.allclose(x.grad, numerical_gradient(value, a), atol=1e-8)


def test_a_number_used_twice_receives_both_adjoints():
    w = MiniTensor(2.0)
    u = w * w
    (u + u * u).backward()
    assert w.grad == 36
