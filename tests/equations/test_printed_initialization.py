"""The chapter on initialization as its page prints it: exact expectations, exact variances."""

import itertools

import numpy as np
import pytest

from mlpbook.chapters import initialization
from mlpbook.scratch import activations
from mlpbook.shared import initializers
from tools.equations.printed import Mean

E = r"\mathbb E"
INPUT = np.array([0.7, -1.9, 1.1])  # n_0 = 3: no sum of these, with signs, is zero
SIGMA, TAU = 0.8, 0.45


class Nodes(np.random.Generator):
    """Draws nothing: gives the nodes of Gauss' quadrature, so that means over it are exact."""

    def __init__(self):
        super().__init__(np.random.PCG64(0))

    def standard_normal(self, size):
        """Nodes for the normal density, the same in each row."""
        nodes, self.weights = np.polynomial.hermite_e.hermegauss(size[-1])
        self.weights /= self.weights.sum()
        return np.broadcast_to(nodes, size)

    def uniform(self, low, high, size):
        """Nodes for the uniform density, the same in each row."""
        nodes, self.weights = np.polynomial.legendre.leggauss(size[-1])
        self.weights /= self.weights.sum()
        return np.broadcast_to((low + high) / 2 + (high - low) / 2 * nodes, size)


def variance(initializer, n_out, n_in):
    """The exact variance of an initializer's weights."""
    nodes = Nodes()
    W = initializer(n_out, n_in, rng=nodes)
    assert abs(W[0] @ nodes.weights) < 1e-15
    return W[0] ** 2 @ nodes.weights


def signs(n):
    """All vectors of n signs."""
    return np.array(list(itertools.product((-1.0, 1.0), repeat=n)))


def unit(a, sigma=SIGMA, tau=TAU):
    """The pre-activation of one unit for every draw of weights and bias from +-sigma, +-tau."""
    return signs(len(a) + 1) @ np.append(sigma * a, tau)


def two_layers():
    """The pre-activations of both units of layer 1, and the one of layer 2, for all draws."""
    first = np.array(list(itertools.product(unit(INPUT), repeat=2)))  # (2^8, 2)
    second = [unit(a) for a in activations.relu(first)]
    return first, np.array(second)


def evenly(name, values):
    """Outcomes of one probability."""
    return [(1 / len(values), {name: value}) for value in values]


@pytest.mark.equation("eq-initialization-layer", tolerance=1e-13)
def test_printed_power_of_one_layer(printed):
    """The printed TeX, evaluated, its expectation over all signs of the weights and the bias."""
    symbols = {E: Mean(evenly("z_j", unit(INPUT))), "a": INPUT, "n": 3}
    printed({**symbols, r"\sigma": SIGMA, r"\tau": TAU})


@pytest.mark.equation("eq-initialization-forward", tolerance=1e-13)
def test_printed_power_of_the_next_layer(printed):
    """The printed TeX, evaluated, against the mean over all draws of two layers."""
    first, second = two_layers()
    for second_layer in (2, 3):  # the name of the second layer, which may be any two in a network
        symbols = {
            E: Mean(evenly(f"z_{second_layer - 1}", first[:, 0])),
            r"\varphi": activations.relu,
        }
        symbols |= {
            f"q_{second_layer}": (second**2).mean(),
            f"c_{second_layer}": 2 * SIGMA**2,
            rf"\tau_{second_layer}": TAU,
        }
        printed({**symbols, "l": second_layer})


@pytest.mark.equation("eq-initialization-half", tolerance=1e-14)
def test_printed_half(printed, rng):
    """Both printed sides, evaluated for a symmetric distribution, with the library's ReLU."""
    values, weights = rng.standard_normal(6), rng.dirichlet(np.ones(6)) / 2
    outcomes = [(w, {"z": s * z}) for w, z in zip(weights, values, strict=True) for s in (-1, 1)]
    printed({E: Mean(outcomes), r"\mathrm{relu}": activations.relu})


@pytest.mark.equation("eq-initialization-leaky", tolerance=1e-14)
def test_printed_power_of_leaky_relu(printed, rng):
    """Both printed sides, evaluated for a symmetric distribution, with the library's function."""
    outcomes = evenly("z", np.multiply.outer([-1, 1], rng.standard_normal(6)).ravel())
    leaky = {r"\mathrm{leaky}_\alpha": lambda z: activations.leaky_relu(z, 0.3)}
    printed({E: Mean(outcomes), r"\alpha": 0.3, **leaky})


@pytest.mark.equation("eq-initialization-relu-forward", tolerance=1e-13)
def test_printed_recursion_of_powers(printed):
    """The printed TeX, evaluated, against the mean over all draws of two layers."""
    first, second = two_layers()
    for second_layer in (2, 3):
        powers = {
            f"q_{second_layer - 1}": (first**2).mean(),
            f"q_{second_layer}": (second**2).mean(),
        }
        printed(
            {
                **powers,
                f"c_{second_layer}": 2 * SIGMA**2,
                rf"\tau_{second_layer}": TAU,
                "l": second_layer,
            }
        )


def adjoints(u):
    """The adjoints of layer 1 for all draws of the weights of both layers; layer 2 is the last."""
    assert (unit(INPUT) > 0).mean() == 0.5  # so both units are on or off, with equal frequency
    masks = signs(2) > 0  # (4, 2)
    pulled = np.array(list(itertools.product(SIGMA * signs(len(u)) @ u, repeat=2)))  # W_2^T u
    return (pulled[:, np.newaxis] * masks).reshape(-1, 2)


@pytest.mark.equation("eq-initialization-backward", tolerance=1e-13)
def test_printed_power_of_the_adjoints(printed, rng):
    """The printed TeX, evaluated, against the mean over all draws of two layers."""
    u = rng.standard_normal(3)
    powers = {"d_1": (adjoints(u) ** 2).mean(), "d_2": (u**2).mean()}
    printed({**powers, "n_2": 3, r"\sigma_2": SIGMA, "l": 1})


@pytest.mark.equation("eq-initialization-norm", tolerance=1e-13)
def test_printed_norm_of_the_adjoints(printed, rng):
    """The printed TeX, evaluated, its expectations over all draws of two layers."""
    u = rng.standard_normal(3)
    outcomes = [
        (weight, {**values, r"\delta_2": u}) for weight, values in evenly(r"\delta_1", adjoints(u))
    ]
    printed({E: Mean(outcomes), "c_2": 2 * SIGMA**2, "l": 1})


@pytest.mark.equation("eq-initialization-he", tolerance=1e-14)
def test_printed_variance_of_he(printed):
    """The printed TeX, evaluated, against the exact variance of the library's initializer."""
    std = np.sqrt(variance(initializers.he_normal, 7, 5))
    printed({r"\sigma_3": std, "n_2": 5, "l": 3})


@pytest.mark.equation("eq-initialization-glorot", tolerance=1e-14)
def test_printed_variance_of_glorot(printed):
    """The printed TeX, evaluated, against the exact variances of both library's initializers."""
    for initializer in (initializers.glorot_normal, initializers.glorot_uniform):
        std = np.sqrt(variance(initializer, 7, 5))
        printed({r"\sigma_3": std, "n_2": 5, "n_3": 7, "l": 3})


@pytest.mark.equation("eq-initialization-default", tolerance=1e-14)
def test_printed_variance_of_the_default(printed):
    """The printed TeX, evaluated, against the exact variance of the library's initializer."""
    nodes = Nodes()
    W = initializers.pytorch_uniform(7, 5, rng=nodes)
    outcomes = [(w, {"W_{jk}": v}) for w, v in zip(nodes.weights, W[0], strict=True)]
    printed({r"\operatorname{Var}": Mean(outcomes, of_squares=True), r"n_\text{in}": 5})


@pytest.mark.equation("eq-initialization-default-recursion", tolerance=1e-14)
def test_printed_recursion_for_the_default(printed):
    """The printed TeX, evaluated, against half of n times the exact variance, plus the bias'."""
    of_weights = variance(initializers.pytorch_uniform, 7, 5)
    powers = {"q_2": 1.3, "q_3": 5 * of_weights * 1.3 / 2 + of_weights}
    printed({**powers, "n_2": 5, "l": 3})


@pytest.mark.equation("eq-initialization-default-floor", tolerance=1e-13)
def test_printed_fixed_point_of_the_default(printed):
    """The printed TeX, evaluated, against the limit of the recursion."""
    for n in (3, 5, 32):
        of_weights, q = variance(initializers.pytorch_uniform, 7, n), 1.0
        for _ in range(60):
            q = n * of_weights * q / 2 + of_weights
        printed({r"q_\infty": q, "n": n})


@pytest.mark.equation("eq-initialization-gain", tolerance=1e-10)
def test_printed_gain(printed):
    """The printed TeX, evaluated by Gauss-Hermite quadrature, against the library's gain."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    outcomes = [(w, {r"\xi": x}) for w, x in zip(weights / weights.sum(), nodes, strict=True)]
    c = initialization.gain(np.tanh) ** 2
    printed({E: Mean(outcomes), r"\varphi": np.tanh, "c": c})
