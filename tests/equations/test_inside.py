"""The equations of the chapter on the inside of a trained MLP, each by an independent route."""

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from scipy.optimize import linprog

from mlpbook.chapters.inside import match_units, permute_units, unit_weights
from mlpbook.checks.gradient_check import complex_step_jacobian as by_steps
from mlpbook.scratch.activations import silu, silu_prime
from mlpbook.scratch.blocks import SplineExpansion, SwiGLU, spline_basis
from mlpbook.scratch.layers import Linear
from mlpbook.scratch.network import MLP

D, H, OUT = 5, 7, 3


@pytest.mark.equation("eq-inside-preferred", tolerance=1e-9)
def test_the_most_exciting_inputs_of_a_unit(agree, rng):
    """Both bounds against a linear program and against the weights, and on random inputs."""
    w = rng.standard_normal(D)
    box = linprog(-w, bounds=(0, 1))
    agree(-box.fun, np.maximum(w, 0).sum())
    agree(box.x, (w > 0).astype(float))
    X, r = rng.standard_normal((200, D)), 2.5
    assert (np.abs(X) % 1 @ w <= np.maximum(w, 0).sum()).all()
    ball = r * X / np.linalg.norm(X, axis=1, keepdims=True)
    assert (ball @ w <= r * np.linalg.norm(w)).all()
    agree(w @ (r * w / np.linalg.norm(w)), r * np.linalg.norm(w))


@pytest.mark.equation("eq-inside-interference", tolerance=1e-13)
def test_interference_in_a_pentagon(agree, rng):
    """The formula against the toy model itself, with its directions on a regular pentagon."""
    s, b = 1.3, rng.uniform(-0.5, 0.1, 5)
    angles = 2 * np.pi * np.arange(5) / 5 + 0.7
    W = np.sqrt(s) * np.stack([np.cos(angles), np.sin(angles)])
    for i in range(5):
        x = np.zeros(5)
        x[i] = 0.8
        formula = [max(s * np.cos(2 * np.pi * (j - i) / 5) * 0.8 + b[j], 0) for j in range(5)]
        agree(np.maximum(W.T @ W @ x + b, 0), np.array(formula))


@pytest.mark.equation("eq-inside-matching", tolerance=1e-12)
def test_only_the_last_sum_depends_on_the_order(agree, rng):
    """Both sides for every order of four units; the best order against the assignment."""
    a, b = (MLP([3, 4, 2], rng=np.random.default_rng(seed)) for seed in (0, 1))
    v, u = unit_weights(a), unit_weights(b)
    distances = {}
    for order in permutations(range(4)):
        left = sum(np.sum((v[j] - u[order[j]]) ** 2) for j in range(4))
        products = sum(v[j] @ u[order[j]] for j in range(4))
        agree(left, np.sum(v**2) + np.sum(u**2) - 2 * products)
        distances[order] = left
    best = min(distances, key=distances.get)
    assert tuple(match_units(a, b)) == best
    twin = permute_units(b, best)
    agree(
        sum(np.sum((p - q) ** 2) for p, q in zip(a.parameters(), twin.parameters(), strict=True)),
        distances[best],  # the output biases are zero at the start
    )


@pytest.mark.equation("eq-inside-share", tolerance=1e-12)
def test_the_feed_forward_blocks_share_is_two_thirds(agree):
    """The fraction against the matrices of PyTorch's Transformer layer."""
    d = 24
    layer = torch.nn.TransformerEncoderLayer(d_model=d, nhead=2, dim_feedforward=4 * d, bias=False)
    sizes = {name: p.numel() for name, p in layer.named_parameters() if p.ndim == 2}
    block = sum(n for name, n in sizes.items() if "linear" in name)
    agree(block / sum(sizes.values()), 2 / 3)


@pytest.mark.equation("eq-inside-share", tolerance=1e-13)
def test_printed_share_of_the_feed_forward_block(printed):
    """The printed TeX, evaluated for one width."""
    printed({"d": 7})


def gated(rng):
    """A layer, one input, the adjoint of its output, and the complex-step Jacobian."""
    layer, x, adjoint = SwiGLU(D, H, OUT, rng=rng), *rng.standard_normal((2, D))
    adjoint = adjoint[:OUT]

    def f(x):
        g = layer.G @ x
        return layer.W @ (g / (1 + np.exp(-g)) * (layer.V @ x))

    return layer, x, adjoint, by_steps(f, x)


@pytest.mark.equation("eq-inside-swiglu-vjp", tolerance=1e-12)
def test_backward_pass_of_swiglu_against_complex_steps(agree, rng):
    """The layer's adjoint of the input against the complex-step Jacobian of the definition."""
    layer, x, adjoint, J = gated(rng)
    layer.forward(x[np.newaxis])
    agree(layer.backward(adjoint[np.newaxis])[0], J.T @ adjoint)


@pytest.mark.equation("eq-inside-swiglu-vjp", tolerance=1e-13)
def test_printed_backward_pass_of_swiglu(printed, rng):
    """The printed TeX, evaluated, against the library and complex steps."""
    layer, x, adjoint, J = gated(rng)
    layer.forward(x[np.newaxis])
    x_bar = layer.backward(adjoint[np.newaxis])[0]
    printed.agree(x_bar, J.T @ adjoint)
    h_bar, g, v = layer.W.T @ adjoint, layer.G @ x, layer.V @ x
    symbols = {"G": layer.G, "V": layer.V, "W": layer.W, "g": g, "v": v}
    symbols |= {r"\bar y": adjoint, r"\bar x": x_bar, r"\bar h": h_bar}
    symbols |= {r"\bar v": h_bar * silu(g), r"\bar g": h_bar * v * silu_prime(g)}
    printed({**symbols, r"\mathrm{silu}": silu, r"\mathrm{silu}'": silu_prime})


@pytest.mark.equation("eq-inside-kan", tolerance=1e-12)
def test_a_kan_layer_is_a_linear_layer_on_splines(agree, rng):
    """Expansion and linear layer against SciPy's splines, edge by edge."""
    expand = SplineExpansion(D, n_intervals=6, low=-2, high=1)
    linear, X = Linear(expand.n_out, OUT, rng=rng), rng.uniform(-2, 1, (8, D))
    c = linear.W.reshape(OUT, D, -1)
    edges = [[BSpline(expand.knots, c[j, i], 3) for i in range(D)] for j in range(OUT)]
    slow = [[sum(edges[j][i](x[i]) for i in range(D)) for j in range(OUT)] for x in X]
    agree(linear.forward(expand.forward(X)), np.array(slow))


@pytest.mark.equation("eq-inside-spline", tolerance=1e-12)
def test_spline_recursion_against_scipy(agree, rng):
    """The recursion on unequal knots against SciPy's B-splines, for degrees 0 to 4."""
    knots = np.cumsum(rng.uniform(0.2, 1, 9))
    x = rng.uniform(knots[0], knots[-1], 30)
    for degree in range(5):
        n = len(knots) - degree - 1
        inside = [BSpline.basis_element(knots[k : k + degree + 2], False)(x) for k in range(n)]
        agree(spline_basis(x, knots, degree), np.nan_to_num(np.array(inside)).T)


@pytest.mark.equation("eq-inside-spline", tolerance=1e-12)
def test_spline_recursion_entry_by_entry(agree, rng):
    """The formula for single k, with lower splines from SciPy, against the library."""
    t, d = np.cumsum(rng.uniform(0.2, 1, 9)), 3

    def lower(k, x):
        return np.nan_to_num(BSpline.basis_element(t[k : k + d + 1], False)(x))

    x = rng.uniform(t[0], t[-1], 20)
    for k in range(len(t) - d - 1):
        formula = (x - t[k]) / (t[k + d] - t[k]) * lower(k, x)
        formula += (t[k + d + 1] - x) / (t[k + d + 1] - t[k + 1]) * lower(k + 1, x)
        agree(spline_basis(x, t, d)[:, k], formula)
