"""The chapter on normalization as its page prints it, against the library and complex steps."""

import numpy as np
import pytest

from mlpbook.checks.gradient_check import complex_step_jacobian as by_steps
from mlpbook.scratch.layers import Linear, Residual, Tanh
from mlpbook.scratch.normalization import BatchNorm, LayerNorm
from tools.equations.printed import numbered

N, D, EPS = 7, 5, 0.3  # an epsilon that cannot be overlooked


def standardized(X, axis):
    """Mean, standard deviation and standardized entries along an axis, real or complex."""
    m = X.mean(axis=axis, keepdims=True)
    s = np.sqrt(((X - m) ** 2).mean(axis=axis, keepdims=True) + EPS)
    return m, s, (X - m) / s


def one_sample(rng):
    """One vector with its symbols, standardized by the library's layer normalization."""
    x = rng.standard_normal(D)
    m, s, _ = standardized(x, 0)
    x_hat = LayerNorm(D, eps=EPS).forward(x[np.newaxis])[0]
    symbols = {"m": m.item(), "s": s.item(), r"\hat x": x_hat, "n": D, r"\varepsilon": EPS}
    return x, symbols


def given(symbols, *names):
    """Those of the symbols that an equation prints."""
    return {name: symbols[name] for name in names}


@pytest.mark.equation("def-normalization-standardize", tolerance=1e-13)
def test_printed_standardization(printed, rng):
    """The printed TeX, evaluated, against NumPy's mean and the library's layer normalization."""
    x, symbols = one_sample(rng)
    printed({**symbols, "x": x}, {"j": D})


@pytest.mark.equation("eq-normalization-moments", tolerance=1e-13)
def test_printed_moments(printed, rng):
    """The printed TeX, evaluated with what the library has standardized."""
    x, symbols = one_sample(rng)
    printed({**given(symbols, r"\hat x", "n", r"\varepsilon"), "v": x.var()})


def jacobian(x):
    """The Jacobian of standardization by complex steps."""
    return by_steps(lambda v: standardized(v, 0)[2], x)


@pytest.mark.equation("eq-normalization-jacobian", tolerance=1e-13)
def test_printed_jacobian_of_standardization(printed, rng):
    """The printed TeX, evaluated entry by entry, against complex steps."""
    x, symbols = one_sample(rng)
    symbols = given(symbols, r"\hat x", "s", "n")
    printed({**symbols, r"\partial\hat x/\partial x": jacobian(x)}, {"i": D, "j": D})


@pytest.mark.equation("eq-normalization-spectrum", tolerance=1e-13)
def test_printed_spectrum(printed, rng):
    """The printed TeX, evaluated with a Jacobian by complex steps, for an orthogonal vector."""
    x, symbols = one_sample(rng)
    plane = np.linalg.qr(np.stack([np.ones(D), symbols[r"\hat x"]], axis=1))[0]
    u = rng.standard_normal(D)
    symbols = given(symbols, r"\hat x", "s", r"\varepsilon") | {"u": u - plane @ (plane.T @ u)}
    printed({**symbols, "J": jacobian(x), r"\mathbf 1": np.ones(D)})


@pytest.mark.equation("eq-normalization-vjp", tolerance=1e-13)
def test_printed_adjoint_of_standardization(printed, rng):
    """The printed TeX, evaluated entry by entry, against the library's backward pass."""
    x, symbols = one_sample(rng)
    layer, adjoint = LayerNorm(D, eps=EPS), rng.standard_normal(D)
    layer.forward(x[np.newaxis])
    symbols = given(symbols, r"\hat x", "s", "n") | {r"\bar{\hat x}": adjoint}
    symbols[r"\bar x"] = layer.backward(adjoint[np.newaxis])[0]
    printed.agree(symbols[r"\bar x"], jacobian(x).T @ adjoint)
    printed(symbols, {"i": D})


class Normalized:
    """A batch through a layer with scale and shift; the library's results and adjoints."""

    def __init__(self, layer, axis, rng):
        layer.scale[:], layer.shift[:] = rng.standard_normal((2, D))
        X, dY = rng.standard_normal((2, N, D))
        m, s, X_hat = standardized(X, axis)
        self.forward = {"X": X, "m": m.ravel(), "s": s.ravel(), r"\hat X": X_hat}
        self.forward |= {"Y": layer.forward(X), r"\gamma": layer.scale, "c": layer.shift}
        self.forward |= {r"\varepsilon": EPS}
        self.backward = {r"\bar Y": dY, r"\bar X": layer.backward(dY)}
        self.backward |= {r"\bar\gamma": layer.dscale, r"\bar c": layer.dshift}
        self.by_steps = by_steps(
            lambda X: (dY * (standardized(X, axis)[2] * layer.scale + layer.shift)).sum(), X
        )


@pytest.mark.equation("def-normalization-batch", tolerance=1e-13)
def test_printed_batch_normalization(printed, rng):
    """The printed TeX, evaluated entry by entry, against the library's forward pass."""
    net = Normalized(BatchNorm(D, eps=EPS), 0, rng)
    printed({**net.forward, "N": N}, {"i": N, "k": D})


@pytest.mark.equation("eq-normalization-batch-parameters", tolerance=1e-13)
def test_printed_adjoints_of_scale_and_shift(printed, rng):
    """The printed TeX, evaluated entry by entry, against the library's backward pass."""
    net = Normalized(BatchNorm(D, eps=EPS), 0, rng)
    adjoints = given(net.backward, r"\bar Y", r"\bar\gamma", r"\bar c")
    printed({**adjoints, r"\hat X": net.forward[r"\hat X"], "N": N}, {"k": D})


@pytest.mark.equation("eq-normalization-batch-backward", tolerance=1e-13)
def test_printed_adjoint_of_batch_normalization(printed, rng):
    """The printed TeX, evaluated entry by entry, against the library and complex steps."""
    net = Normalized(BatchNorm(D, eps=EPS), 0, rng)
    symbols = given(net.forward, r"\hat X", r"\gamma", "s")
    printed.agree(net.backward[r"\bar X"], net.by_steps)
    printed({**symbols, **net.backward, "N": N}, {"i": N, "k": D})


@pytest.mark.equation("def-normalization-layer", tolerance=1e-13)
def test_printed_layer_normalization(printed, rng):
    """The printed TeX, evaluated entry by entry, against the library's forward pass."""
    net = Normalized(LayerNorm(D, eps=EPS), 1, rng)
    printed({**net.forward, "n": D}, {"i": N, "k": D})


@pytest.mark.equation("eq-normalization-layer-backward", tolerance=1e-13)
def test_printed_adjoint_of_layer_normalization(printed, rng):
    """The printed TeX, evaluated entry by entry, against the library and complex steps."""
    net = Normalized(LayerNorm(D, eps=EPS), 1, rng)
    symbols = given(net.forward, r"\hat X", "s") | given(net.backward, r"\bar X")
    printed.agree(net.backward[r"\bar X"], net.by_steps)
    G = net.backward[r"\bar Y"] * net.forward[r"\gamma"]
    printed({**symbols, "G": G, "n": D}, {"i": N, "k": D})


@pytest.mark.equation("eq-normalization-running", tolerance=1e-13)
def test_printed_running_mean(printed, rng):
    """The printed TeX, evaluated after each batch, against the library's running mean."""
    layer = BatchNorm(D, momentum=0.3)
    layer.running_mean[:] = start = rng.standard_normal(D)
    batches = rng.standard_normal((4, N, D))
    for t, batch in enumerate(batches, 1):
        layer.forward(batch)
        symbols = {f"r_{t}": layer.running_mean, "r_0": start, r"\alpha": 0.3, "t": t}
        printed(symbols | numbered("b_?", batches[:t].mean(axis=1)))


def invariant(w):
    """A function of a vector's direction alone; real or complex."""
    u = w / np.sqrt((w**2).sum())
    return np.sin(3 * u[0]) + u[1] * u[2] ** 2


def slope(w):
    return by_steps(invariant, w)


@pytest.mark.equation("eq-normalization-scale", tolerance=1e-13)
def test_printed_gradient_of_a_scale_invariant_function(printed, rng):
    """Both printed statements, evaluated with a gradient by complex steps."""
    printed({r"\nabla f": slope, "w": rng.standard_normal(D), "c": 2.7})


@pytest.mark.equation("eq-normalization-growth", tolerance=1e-13)
def test_printed_growth_of_the_weights(printed, rng):
    """The printed TeX, evaluated, for a step of gradient descent with complex steps."""
    w = rng.standard_normal(D)
    symbols = {"w_0": w, "w_1": w - 0.4 * slope(w), r"\eta": 0.4, "t": 0, r"\nabla f": slope}
    printed(symbols)


@pytest.mark.equation("eq-normalization-effective", tolerance=1e-13)
def test_printed_effective_rate(printed, rng):
    """The printed TeX, evaluated, for a step of gradient descent with complex steps."""
    w = rng.standard_normal(D)
    symbols = {"w_0": w, "w_1": w - 0.4 * slope(w), r"\eta": 0.4, "t": 0, r"\nabla f": slope}
    printed({**symbols, "u_0": w / np.sqrt(w @ w)})


@pytest.mark.equation("eq-normalization-residual", tolerance=1e-13)
def test_printed_adjoint_around_layers(printed, rng):
    """The printed TeX, evaluated, against the library's residual layer."""
    inner, x, adjoint = Linear(D, D, rng=rng), rng.standard_normal(D), rng.standard_normal(D)
    layer = Residual([inner, Tanh()])
    layer.forward(x[np.newaxis])
    J = by_steps(lambda v: np.tanh(inner.W @ v), x)
    symbols = {r"\bar x": layer.backward(adjoint[np.newaxis])[0], r"\bar y": adjoint, "J_F": J}
    printed(symbols)
