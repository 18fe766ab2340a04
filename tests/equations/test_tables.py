"""The chapter on tables: embeddings, encodings, rotations, and members that share weights."""

import numpy as np
import pytest

from mlpbook.chapters.tables import (
    EnsembleLinear,
    Periodic,
    one_hot,
    piecewise_linear,
    rotation,
)
from mlpbook.checks.gradient_check import complex_step_jacobian as by_steps
from mlpbook.scratch.losses import MSELoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD


@pytest.mark.equation("eq-tables-embedding", tolerance=1e-13)
def test_one_hot_before_a_linear_layer_is_a_lookup(agree, rng):
    """The product with the block matrix against adding a column of E."""
    V, E, x, codes = (
        rng.standard_normal((4, 3)),
        rng.standard_normal((4, 5)),
        rng.standard_normal((6, 3)),
        rng.integers(5, size=6),
    )
    inputs = np.hstack([x, one_hot(codes, 5)])
    agree(
        inputs @ np.hstack([V, E]).T,
        np.array([V @ a + E[:, c] for a, c in zip(x, codes, strict=True)]),
    )


@pytest.mark.equation("eq-tables-interpolation", tolerance=1e-13)
def test_a_linear_unit_on_the_encoding_interpolates(agree, rng):
    """The weighted sum of the encoding against NumPy's linear interpolation."""
    edges = np.cumsum(rng.uniform(0.1, 2, size=9))
    heights = rng.standard_normal(9)
    x = rng.uniform(edges[0], edges[-1], size=50)
    agree(heights[0] + piecewise_linear(x, edges) @ np.diff(heights), np.interp(x, edges, heights))


@pytest.mark.equation("eq-tables-interpolation", tolerance=1e-13)
def test_a_kink_inside_a_bin_is_out_of_reach(agree):
    """At the edges the sum gives the function; inside a bin with a kink it does not."""
    edges = np.array([0.0, 1.0, 2.0])
    f = lambda x: np.abs(x - 0.5)  # noqa: E731
    sum_ = lambda x: f(0.0) + piecewise_linear(x, edges) @ np.diff(f(edges))  # noqa: E731
    agree(sum_(edges), f(edges))
    assert abs(sum_([0.5])[0] - f(0.5)) > 0.4


@pytest.mark.equation("eq-tables-periodic-backward", tolerance=1e-12)
def test_the_adjoint_of_the_frequencies(agree, rng):
    """The printed sum, by indices, and the layer's adjoint, against complex steps."""
    layer = Periodic(1, 3, sigma=0.4, rng=rng)
    x, dZ = rng.standard_normal(5), rng.standard_normal((5, 6))
    c = layer.c[:, 0].copy()

    def objective(c):
        angle = 2 * np.pi * np.outer(x, c)
        return np.sum(dZ * np.hstack([np.sin(angle), np.cos(angle)]), keepdims=True).ravel()

    steps = by_steps(objective, c)[0]
    formula = [
        2
        * np.pi
        * sum(
            x[i] * (dZ[i, m] * np.cos(2 * np.pi * c[m] * x[i]))
            - x[i] * (dZ[i, 3 + m] * np.sin(2 * np.pi * c[m] * x[i]))
            for i in range(5)
        )
        for m in range(3)
    ]
    agree(np.array(formula), steps)
    layer.forward(x[:, None])
    layer.backward(dZ)
    agree(layer.dc[:, 0], steps)


@pytest.mark.equation("eq-tables-rotation", tolerance=1e-9)
@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.0, 0.0), (0.9, 0.0), (0.9, 0.01)])
def test_training_on_rotated_rows_gives_the_same_network(agree, rng, momentum, weight_decay):
    """Weights and outputs after 50 steps on rotated rows against those on the rows."""
    X, Y, Q = rng.standard_normal((30, 4)), rng.standard_normal((30, 2)), rotation(4, rng=rng)
    nets = [MLP([4, 6, 5, 2], rng=np.random.default_rng(3)) for _ in range(2)]
    nets[1].parameters()[0][...] = nets[0].parameters()[0] @ Q.T
    for net, inputs in zip(nets, (X, X @ Q.T), strict=True):
        loss_fn = MSELoss()
        sgd = SGD(net.parameters(), 0.05, momentum=momentum, weight_decay=weight_decay)
        for _ in range(50):
            loss_fn(net(inputs), Y)
            net.backward(loss_fn.backward())
            sgd.step(net.gradients())
    agree(nets[1](X @ Q.T), nets[0](X))
    agree(nets[1].parameters()[0], nets[0].parameters()[0] @ Q.T)
    agree(nets[1].gradients()[0], nets[0].gradients()[0] @ Q.T)


@pytest.mark.equation("eq-tables-rotation", tolerance=1e-12)
def test_a_map_that_is_not_orthogonal_changes_the_training(agree, rng):
    """The outputs agree at the start; the gradients are no longer related."""
    W, X = rng.standard_normal((3, 4)), rng.standard_normal((9, 4))
    A = rng.standard_normal((4, 4))  # invertible, not orthogonal
    dZ = rng.standard_normal((9, 3))
    agree((X @ A.T) @ (W @ np.linalg.inv(A)).T, X @ W.T)
    stretched, plain = dZ.T @ (X @ A.T), dZ.T @ X
    assert not np.allclose(stretched, plain @ np.linalg.inv(A))


@pytest.mark.equation("eq-tables-ambiguity", tolerance=1e-12)
def test_the_mean_beats_the_average_member_by_the_disagreement(agree, rng):
    """Error of the mean against mean error minus variance, for random members."""
    members, y = rng.standard_normal(7), 0.3
    agree((members.mean() - y) ** 2, np.mean((members - y) ** 2) - members.var())


@pytest.mark.equation("eq-tables-member", tolerance=1e-13)
def test_a_member_is_an_ordinary_layer(agree, rng):
    """The shared layer against k separate matrices, the shared one times rank one."""
    layer = EnsembleLinear(3, 4, k=5, rng=rng, first=True)
    for name in ("R", "S", "B"):
        getattr(layer, name)[...] = rng.standard_normal(getattr(layer, name).shape)
    X = rng.standard_normal((6, 5, 3))
    separate = [
        X[:, j] @ (layer.W * np.outer(layer.S[j], layer.R[j])).T + layer.B[j] for j in range(5)
    ]
    agree(layer.forward(X), np.stack(separate, axis=1))
