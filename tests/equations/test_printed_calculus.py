"""The rules of matrix calculus as their page prints them, against complex steps."""

import numpy as np
import pytest

from mlpbook.checks.gradient_check import complex_step_jacobian as by_steps
from mlpbook.scratch.layers import Linear

N, N_IN, N_OUT, C = 4, 3, 5, 6  # fewer samples than outputs, so that no index fits by chance


def softmax(z):
    """The textbook formula; real or complex."""
    return np.exp(z) / np.exp(z).sum()


def matrices(rng, **shapes):
    """Random matrices, and increments of those whose name is doubled: AA gives A and its own."""
    symbols = {}
    for name, shape in shapes.items():
        symbols[name[0]] = rng.standard_normal(shape)
        if len(name) == 2:
            symbols[rf"\mathrm d{name[0]}"] = rng.standard_normal(shape)
    return symbols


@pytest.mark.equation("eq-calculus-chain", tolerance=1e-13)
def test_printed_chain_rule(printed, rng):
    """The printed TeX, as matrices and entry by entry, against complex steps of the composition."""
    n, m, p = 3, 5, 4
    F, G, u = rng.standard_normal((m, n)), rng.standard_normal((p, m)), rng.standard_normal(n)
    inner, outer = (lambda u: np.tanh(F @ u)), (lambda v: np.sin(G @ v))
    jacobians = {
        ("v", "u"): by_steps(inner, u),
        ("w", "v"): by_steps(outer, inner(u)),
        ("w", "u"): by_steps(lambda u: outer(inner(u)), u),
    }
    symbols = {f"J_{{{top},{below}}}": J for (top, below), J in jacobians.items()}
    symbols |= {rf"\partial {top}/\partial {below}": J for (top, below), J in jacobians.items()}
    printed({**symbols, "n": n, "m": m, "p": p}, {"k": p, "j": n})


class LinearLayer:
    """The library's linear layer with a batch and its adjoints, and explicit tensors."""

    def __init__(self, rng):
        layer = Linear(N_IN, N_OUT, rng=rng)
        layer.b[:] = rng.standard_normal(N_OUT)
        A, dZ = rng.standard_normal((N, N_IN)), rng.standard_normal((N, N_OUT))
        layer.forward(A)
        self.symbols = {"A": A, "W": layer.W, r"\bar Z": dZ, r"\bar A": layer.backward(dZ)}
        self.symbols |= {r"\bar W": layer.dW, r"\bar b": layer.db}
        self.tensors = {
            r"\partial Z/\partial W": by_steps(lambda W: A @ W.T + layer.b, layer.W),
            r"\partial Z/\partial A": by_steps(lambda A: A @ layer.W.T + layer.b, A),
            r"\partial Z/\partial b": by_steps(lambda b: A @ layer.W.T + b, layer.b),
        }


@pytest.mark.equation("eq-calculus-tensor", tolerance=1e-14)
def test_printed_tensor_of_a_linear_layer(printed, rng):
    """The printed TeX, evaluated entry by entry, against complex steps in single weights."""
    net = LinearLayer(rng)
    name = r"\partial Z/\partial W"
    symbols = {name: net.tensors[name], "A": net.symbols["A"], "N": N}
    sizes = {r"n_\text{in}": N_IN, r"n_\text{out}": N_OUT}
    printed({**symbols, **sizes}, {"i": N, "k": N_OUT, "p": N_OUT, "q": N_IN})


@pytest.mark.equation("eq-calculus-linear-index", tolerance=1e-13)
def test_printed_adjoints_of_a_linear_layer_in_indices(printed, rng):
    """All printed sides, evaluated entry by entry, against the library's backward pass."""
    net = LinearLayer(rng)
    symbols = {**net.symbols, **net.tensors}
    for left, (p, q) in {
        r"\bar W_{pq}": (N_OUT, N_IN),
        r"\bar A_{pq}": (N, N_IN),
        r"\bar b_p": (N_OUT, N_IN),
    }.items():
        printed(symbols, {"p": p, "q": q, "i": N, "k": N_OUT}, only=left)


@pytest.mark.equation("eq-calculus-linear", tolerance=1e-13)
def test_printed_adjoints_of_a_linear_layer(printed, rng):
    """The printed TeX, evaluated, against the library's backward pass."""
    symbols = LinearLayer(rng).symbols | {r"\mathbf 1": np.ones(N), "N": N}
    printed({**symbols, r"n_\text{in}": N_IN, r"n_\text{out}": N_OUT})


@pytest.mark.equation("eq-calculus-matmul", tolerance=1e-13)
def test_printed_adjoints_of_a_matrix_product(printed, rng):
    """The printed TeX, evaluated, against complex steps."""
    m, k, n = 4, 3, 5
    A, B, C_bar = (rng.standard_normal(shape) for shape in ((m, k), (k, n), (m, n)))
    symbols = {
        r"\bar A": by_steps(lambda A: (C_bar * (A @ B)).sum(), A),
        r"\bar B": by_steps(lambda B: (C_bar * (A @ B)).sum(), B),
    }
    printed({**symbols, r"\bar C": C_bar, "A": A, "B": B, "m": m, "k": k, "n": n})


@pytest.mark.equation("eq-calculus-trace", tolerance=1e-13)
def test_printed_inner_product(printed, rng):
    """All printed sides, evaluated."""
    printed(matrices(rng, A=(3, 5), B=(3, 5)), {"i": 3, "j": 5})


@pytest.mark.equation("eq-calculus-move", tolerance=1e-13)
def test_printed_ways_to_move_a_factor(printed, rng):
    """All printed sides, evaluated."""
    first = r"\langle A,BC\rangle"
    printed(matrices(rng, A=(3, 5), B=(3, 4), C=(4, 5)), only=first)
    printed(matrices(rng, A=(3, 5), B=(5, 3)), only=r"\langle A,B^\top\rangle")
    printed(matrices(rng, A=(3, 5), B=(3, 5), C=(3, 5)), only=r"\langle A,B\odot C\rangle")


@pytest.mark.equation("eq-calculus-rules", tolerance=1e-13)
def test_printed_rules_for_differentials(printed, rng):
    """Both sides of each printed rule, the differentials by complex steps."""
    printed(matrices(rng, AA=(3, 4), BB=(4, 5)), only=r"\mathrm d(AB)")
    printed(matrices(rng, AA=(3, 4), BB=(3, 4)), only=r"\mathrm d(A\odot B)")
    tanh = {r"\varphi": np.tanh, r"\varphi'": lambda A: 1 - np.tanh(A) ** 2}
    one = matrices(rng, AA=(3, 4))
    printed({**one, **tanh}, only=(r"\mathrm d(A^\top)", r"\mathrm d\varphi(A)"))
    printed(matrices(rng, AA=(4, 4)), only=r"\mathrm d\operatorname{tr}A")


@pytest.mark.equation("eq-calculus-trace-gradients", tolerance=1e-13)
def test_printed_gradients_of_traces_and_norms(printed, rng):
    """All printed sides, the differentials by complex steps."""
    printed(matrices(rng, A=(3, 4), UU=(3, 4)), only=r"\mathrm d\operatorname{tr}(A^\top U)")
    printed(matrices(rng, A=(3, 3), UU=(3, 4)), only=r"\mathrm d\operatorname{tr}(U^\top AU)")
    printed(matrices(rng, UU=(3, 4)), only=r"\mathrm d\,\tfrac12\lVert U\rVert_F^2")
    symbols = matrices(rng, X=(N, 3), WW=(5, 3), Y=(N, 5)) | {"N": N}
    symbols["R"] = symbols["X"] @ symbols["W"].T - symbols["Y"]
    printed(symbols, only=r"\mathrm d\,\tfrac1{2N}\lVert XW^\top-Y\rVert_F^2")


@pytest.mark.equation("eq-calculus-vjp", tolerance=1e-13)
def test_printed_vector_jacobian_product(printed, rng):
    """The printed TeX for vectors, evaluated, against complex steps of the chained function."""
    F, u, adjoint = rng.standard_normal((5, 3)), rng.standard_normal(3), rng.standard_normal(5)
    symbols = {
        r"\bar u": by_steps(lambda u: adjoint @ np.tanh(F @ u), u),
        "J_{v,u}": by_steps(lambda u: np.tanh(F @ u), u),
        r"\bar v": adjoint,
    }
    skip = (r"\bar U=DF(U)^*[\bar V]", r"\text{for vectors}")
    printed({**symbols, "n": 3, "m": 5}, skip=skip)


@pytest.mark.equation("eq-calculus-softmax-jacobian", tolerance=1e-13)
def test_printed_differentials_of_softmax(printed, rng):
    """All printed sides, the differentials by complex steps."""
    z, dz = rng.standard_normal((2, C))
    J = by_steps(softmax, z)
    symbols = {"p": softmax(z), "z": z, r"\mathrm dz": dz, r"\mathrm dp": J @ dz, "J_{p,z}": J}
    printed({**symbols, r"\mathbf 1": np.ones(C), "C": C})
