"""Every vector-Jacobian product against the explicit Jacobian, built by complex steps."""

import numpy as np
import pytest

from mlpbook.chapters import matrix_calculus
from mlpbook.checks.gradient_check import complex_step_jacobian
from mlpbook.scratch import losses

N, C, M = 4, 3, 5


def contract(dY, J):
    """The adjoint times the Jacobian: a sum over all indices of the output."""
    return np.tensordot(dY, J, axes=np.ndim(dY))


def near(left, right):
    assert left.shape == right.shape
    assert left == pytest.approx(right, rel=1e-12, abs=1e-13)


def test_linear_and_matmul(rng):
    A, W, b = rng.standard_normal((N, M)), rng.standard_normal((C, M)), rng.standard_normal(C)
    dZ = rng.standard_normal((N, C))
    dA, dW, db = matrix_calculus.linear(dZ, A, W)
    near(dA, contract(dZ, complex_step_jacobian(lambda v: v @ W.T + b, A)))
    near(dW, contract(dZ, complex_step_jacobian(lambda v: A @ v.T + b, W)))
    near(db, contract(dZ, complex_step_jacobian(lambda v: A @ W.T + v, b)))
    dA, dB = matrix_calculus.matmul(dZ, A, W.T)
    near(dA, contract(dZ, complex_step_jacobian(lambda v: v @ W.T, A)))
    near(dB, contract(dZ, complex_step_jacobian(lambda v: A @ v, W.T.copy())))


def test_elementwise_mean_and_transpose(rng):
    X, dY = rng.standard_normal((2, N, C))
    near(
        matrix_calculus.elementwise(dY, 1 - np.tanh(X) ** 2),
        contract(dY, complex_step_jacobian(np.tanh, X)),
    )
    near(matrix_calculus.mean(np.array(0.7), X.shape), 0.7 * complex_step_jacobian(np.mean, X))
    near(matrix_calculus.transpose(dY.T), contract(dY.T, complex_step_jacobian(lambda v: v.T, X)))


@pytest.mark.parametrize("shape", [(C,), (1, C), (N, 1), (1, 1), (), (2, N, C), (2, 1, C)])
def test_broadcast(rng, shape):
    x, dY = rng.standard_normal(shape), rng.standard_normal((2, N, C))
    J = complex_step_jacobian(lambda v: np.broadcast_to(v, dY.shape), np.asarray(x))
    near(matrix_calculus.broadcast(dY, shape), contract(dY, J))


@pytest.mark.parametrize("index", [[2, 0, 1], [0, 0, 0, 2], [1]])
def test_gather_adds_up_what_repeated_entries_send_back(rng, index):
    x, index = rng.standard_normal(C), np.array(index)
    dY = rng.standard_normal(len(index))
    near(
        matrix_calculus.gather(dY, index, C),
        contract(dY, complex_step_jacobian(lambda v: v[index], x)),
    )
    assert matrix_calculus.gather(dY.astype(np.float32), index, C).dtype == np.float32


def test_the_softmax_family(rng):
    Z, dY, ds = *rng.standard_normal((2, N, C)), rng.standard_normal(N)

    def softmax(v):
        return np.exp(v) / np.exp(v).sum(axis=1, keepdims=True)

    near(
        matrix_calculus.softmax(dY, losses.softmax(Z)),
        contract(dY, complex_step_jacobian(softmax, Z)),
    )
    J = complex_step_jacobian(lambda v: np.log(softmax(v)), Z)
    near(matrix_calculus.log_softmax(dY, losses.log_softmax(Z)), contract(dY, J))
    J = complex_step_jacobian(lambda v: np.log(np.exp(v).sum(axis=1)), Z)
    near(matrix_calculus.logsumexp(ds, Z), contract(ds, J))
