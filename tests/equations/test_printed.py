"""Central equations as the pages print them: their TeX is parsed, evaluated, and meets the code.

`printed` reads the TeX from the page by the marker's label and evaluates every side of every
statement from the symbols that a test gives (see `tools.equations.printed`). The symbols on the
left come from the library, or from complex steps, so a slip in the printed formula fails.
`test_misprints.py` plants slips in all of them.
"""

import functools
import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from mlpbook.autograd import Tensor
from mlpbook.chapters.two_layer import descend, forward, gradients, initialize, objective
from mlpbook.checks.gradient_check import complex_step_jacobian as by_steps
from mlpbook.scratch import activations
from mlpbook.scratch.layers import Linear, Tanh
from mlpbook.scratch.losses import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    MSELoss,
    log_softmax,
    logsumexp,
    one_hot,
    softmax,
)
from mlpbook.scratch.network import MLP
from tools.equations.printed import numbered

STEP = 1e-30


def rowwise(function):
    """Let a function of the rows of a batch take one vector."""
    return lambda z: function(z[np.newaxis])[0]


def relu(z):
    """ReLU that lets complex numbers through."""
    return np.where(np.real(z) > 0, z, 0)


# ---------------------------------------------------------------- the two-layer network

N, D, H, D_OUT, DECAY = 7, 3, 5, 2, 0.3
SIZES = {"N": N, "D": D, "H": H, r"D_\text{out}": D_OUT}


class TwoLayer:
    """A network with random biases, its results from the library, and a batch.

    The batch keeps off the kink, and every sample has units that are on and units that are off.
    """

    def __init__(self, rng):
        self.suits = False
        while not self.suits:
            params = initialize(D, H, D_OUT, rng=rng)
            self.params = params._replace(b1=rng.standard_normal(H), b2=rng.standard_normal(D_OUT))
            self.X, self.Y = rng.standard_normal((N, D)), rng.standard_normal((N, D_OUT))
            self.Y_hat, (self.Z, self.A) = forward(self.params, self.X)
            is_on = self.Z > 0
            self.suits = np.abs(self.Z).min() > 1e-2 and np.all(is_on.any(1) & ~is_on.all(1))
        self.gradients = gradients(self.params, self.X, self.Y, weight_decay=DECAY)
        self.weights = dict(zip(("W_1", "b_1", "W_2", "b_2"), self.params, strict=True))

    def loss(self, Y_hat):
        """The data term of predictions, real or complex."""
        return ((Y_hat - self.Y) ** 2).sum() / (2 * N)

    def after(self, Z):
        """The predictions from pre-activations."""
        return relu(Z) @ self.params.W2.T + self.params.b2

    def sample(self, i):
        """The symbols of one sample."""
        values = (self.X[i], self.Z[i], self.A[i], self.Y_hat[i], self.Y[i])
        return dict(zip(("x", "z", "a", r"\hat y", "y"), values, strict=True))


@pytest.mark.equation("def-twolayer-model", tolerance=1e-14)
def test_printed_model(printed, rng):
    """The printed TeX, evaluated for each sample, against the library's forward pass."""
    net = TwoLayer(rng)
    for i in range(N):
        sample = {name: value for name, value in net.sample(i).items() if name != "y"}
        printed({**net.weights, **sample, r"\mathrm{relu}": relu})


@pytest.mark.equation("def-twolayer-objective", tolerance=1e-14)
def test_printed_objective(printed, rng):
    """The printed TeX, evaluated, against the library's data term and total."""
    net = TwoLayer(rng)
    value = objective(net.params, net.X, net.Y, weight_decay=DECAY)
    symbols = {r"\mathcal L": value.data, r"\mathcal J": value.total, r"\lambda": DECAY, "N": N}
    symbols |= {name: net.weights[name] for name in ("W_1", "W_2")}
    symbols |= numbered(r"\hat y^{(?)}", net.Y_hat) | numbered("y^{(?)}", net.Y)
    losses = [objective(net.params, net.X[[i]], net.Y[[i]]).data for i in range(N)]
    printed({**symbols, **numbered(r"\ell^{(?)}", losses)}, {"i": N})


@pytest.mark.equation("eq-twolayer-forward", tolerance=1e-14)
def test_printed_forward_pass(printed, rng):
    """The printed TeX, evaluated, against the library's forward pass; the printed shapes too."""
    net = TwoLayer(rng)
    batch = {"X": net.X, "Z": net.Z, "A": net.A, r"\hat Y": net.Y_hat, r"\mathbf 1": np.ones(N)}
    sizes = {name: size for name, size in SIZES.items() if name != "D"}
    printed({**net.weights, **batch, **sizes, r"\mathrm{relu}": activations.relu})


@pytest.mark.equation("eq-twolayer-chain", tolerance=1e-13)
def test_printed_sum_over_paths(printed, rng):
    """The printed TeX, evaluated entry by entry, against the library's gradient for one sample."""
    net = TwoLayer(rng)
    for i in range(N):
        slope = gradients(net.params, net.X[[i]], net.Y[[i]]).W1
        sample = {name: value for name, value in net.sample(i).items() if name != "a"}
        symbols = {r"\partial\ell/\partial W_1": slope, "W_2": net.params.W2, **sample}
        printed(symbols, {"p": D_OUT, "k": H, "j": D})


@pytest.mark.equation("eq-twolayer-vjp", tolerance=1e-13)
def test_printed_gradients_of_one_sample(printed, rng):
    """The printed TeX, evaluated for each sample, against the library's gradients for it alone."""
    net = TwoLayer(rng)
    sizes = {name: size for name, size in SIZES.items() if name != "N"}
    for i in range(N):

        def loss(y_hat, y=net.Y[i]):
            return ((y_hat - y) ** 2).sum() / 2

        of_sample = gradients(net.params, net.X[[i]], net.Y[[i]])
        names = (rf"\nabla_{{{name}}}\ell" for name in net.weights)
        symbols = dict(zip(names, of_sample, strict=True))
        symbols[r"\delta_2"] = by_steps(loss, net.Y_hat[i])
        symbols[r"\delta_1"] = by_steps(lambda z, loss=loss: loss(net.after(z)), net.Z[i])
        printed({**symbols, **net.sample(i), "W_2": net.params.W2, **sizes})


@pytest.mark.equation("eq-twolayer-outer-sum", tolerance=1e-13)
def test_printed_sum_of_outer_products(printed, rng):
    """The printed TeX, evaluated entry by entry, against the library's gradient without penalty."""
    net = TwoLayer(rng)
    Delta = by_steps(lambda Z: net.loss(net.after(Z)), net.Z)
    symbols = {r"\Delta_1": Delta, "X": net.X, "N": N}
    symbols |= numbered(r"\delta_1^{(?)}", N * Delta) | numbered("x^{(?)}", net.X)
    ((entries, *_),) = printed(symbols, {"k": H, "j": D}).values()
    printed.agree(entries, gradients(net.params, net.X, net.Y).W1)


@pytest.mark.equation("eq-twolayer-penalty", tolerance=1e-14)
def test_printed_gradient_of_the_penalty(printed, rng):
    """Both printed sides, the left one differentiated by complex steps, and the library's."""
    net = TwoLayer(rng)
    ((slope, _),) = printed({"W": net.params.W1, r"\lambda": DECAY}).values()
    without = gradients(net.params, net.X, net.Y)
    printed.agree(slope, net.gradients.W1 - without.W1)


@pytest.mark.equation("eq-twolayer-backward", tolerance=1e-13)
def test_printed_gradients_of_the_batch(printed, rng):
    """The printed TeX, evaluated, against the library's gradients and complex steps."""
    net = TwoLayer(rng)
    W2, b2 = net.params.W2, net.params.b2
    symbols = {rf"\bar {name}": g for name, g in zip(net.weights, net.gradients, strict=True)}
    symbols |= {
        r"\Delta_2": by_steps(net.loss, net.Y_hat),
        r"\bar A": by_steps(lambda A: net.loss(A @ W2.T + b2), net.A),
        r"\Delta_1": by_steps(lambda Z: net.loss(net.after(Z)), net.Z),
        **{"X": net.X, "Y": net.Y, "Z": net.Z, "A": net.A, r"\hat Y": net.Y_hat},
        **{"W_1": net.params.W1, "W_2": W2, r"\lambda": DECAY, r"\mathbf 1": np.ones(N)},
    }
    printed({**symbols, **SIZES})


@pytest.mark.equation("eq-twolayer-metric", tolerance=1e-14)
def test_printed_factor_between_metric_and_loss(printed, rng):
    """The printed TeX, evaluated, against the library's mean squared error and data term."""
    net = TwoLayer(rng)
    data = objective(net.params, net.X, net.Y).data
    symbols = {r"\mathcal L": data, r"\hat Y": net.Y_hat, "Y": net.Y}
    sizes = {"N": N, r"D_\text{out}": D_OUT}
    ((metric, _),) = printed({**symbols, **sizes}, {"i": N, "p": D_OUT}).values()
    printed.agree(metric, MSELoss()(net.Y_hat, net.Y))


@pytest.mark.equation("def-twolayer-descent", tolerance=1e-14)
def test_printed_step_of_descent(printed, rng):
    """The printed TeX, evaluated for each parameter, against the library's descent."""
    net = TwoLayer(rng)
    run = descend(net.params, net.X, net.Y, lr=0.1, n_steps=1, weight_decay=DECAY)
    for old, slope, new in zip(net.params, net.gradients, run.params, strict=True):
        symbols = {r"\theta_0": old, r"\bar\theta_0": slope, r"\theta_1": new, r"\eta": 0.1}
        printed({**symbols, "t": 0}, skip=(r"\theta\in\{W_1,b_1,W_2,b_2\}",))


# ---------------------------------------------------------------- any depth

DEPTH, WIDTHS = 4, [3, 5, 4, 6, 2]  # all different, so that no transposition can hide


class Deep:
    """A network of four layers with tanh, a batch, and its derivatives by complex steps."""

    def __init__(self):
        rng = np.random.default_rng(1)
        self.model = MLP(WIDTHS, Tanh, rng=rng)
        self.linear = [module for module in self.model.layers if isinstance(module, Linear)]
        for module in self.linear:
            module.b[:] = rng.standard_normal(module.n_out)
        self.W, self.b = [module.W for module in self.linear], [module.b for module in self.linear]
        self.X = rng.standard_normal((N, WIDTHS[0]))
        self.y = rng.integers(0, WIDTHS[-1], N)
        self.Z, self.A = [], [self.X]
        for W, b in zip(self.W, self.b, strict=True):
            self.Z.append(self.A[-1] @ W.T + b)
            self.A.append(np.tanh(self.Z[-1]))
        assert np.allclose(self.Z[-1], self.model(self.X))
        self.A.pop()  # the output is not activated

    def tail(self, layer, Z):
        """The output, from the pre-activations of layer l = 1, ..., L; real or complex."""
        for W, b in zip(self.W[layer:], self.b[layer:], strict=True):
            Z = np.tanh(Z) @ W.T + b
        return Z

    def loss(self, Z):
        """The mean cross-entropy of logits, real or complex."""
        return (lse(Z) - Z[np.arange(N), self.y]).mean()

    @functools.cached_property
    def deltas(self):
        """The derivatives of the data term in the pre-activations of each layer."""
        return [
            by_steps(lambda Z, layer=layer: self.loss(self.tail(layer, Z)), self.Z[layer - 1])
            for layer in range(1, DEPTH + 1)
        ]

    def adjoints(self):
        """The library's adjoints of weights and biases, without a penalty."""
        loss_fn = CrossEntropyLoss()
        loss_fn(self.model(self.X), self.y)
        self.model.backward(loss_fn.backward())
        return [module.dW for module in self.linear], [module.db for module in self.linear]

    def symbols(self):
        """Weights, sizes, activation."""
        return {
            **numbered("W_?", self.W),
            **numbered("n_?", WIDTHS, start=0),
            "L": DEPTH,
            "N": N,
            r"\varphi'": activations.tanh_prime,
        }


deep = functools.cache(Deep)  # the same for all tests, and for their misprints


def lse(Z):
    """Log-sum-exp of each row, real or complex."""
    return np.log(np.exp(Z).sum(axis=-1))


@pytest.mark.equation("def-backprop-forward", tolerance=1e-14)
def test_printed_layers(printed):
    """The printed TeX, evaluated for each layer and sample, against the library's batch."""
    net = deep()
    for i, layer in itertools.product(range(N), range(1, DEPTH + 1)):
        symbols = numbered("W_?", net.W) | numbered("b_?", net.b) | {"l": layer}
        symbols |= numbered("a_?", [A[i] for A in net.A], 0) | numbered(
            "z_?", [Z[i] for Z in net.Z]
        )
        printed(
            {**symbols, r"\varphi": activations.tanh},
            only=("z_l", "a_l") if layer < DEPTH else "z_l",
            skip=(r"(l=1,\dots,L)", r"(l=1,\dots,L-1)"),
        )


@pytest.mark.equation("def-backprop-objective", tolerance=1e-14)
def test_printed_objective_at_any_depth(printed):
    """The printed TeX, evaluated, against the library's mean loss and a sum over all weights."""
    net = deep()
    loss = CrossEntropyLoss()(net.Z[-1], net.y)
    total = loss + DECAY / 2 * np.sum(np.concatenate([W.ravel() for W in net.W]) ** 2)
    symbols = {r"\mathcal L": loss, r"\mathcal J": total, r"\lambda": DECAY, "N": N, "L": DEPTH}
    symbols |= {r"\ell": lambda z, y: CrossEntropyLoss()(z[np.newaxis], np.array([y]))}
    symbols |= numbered("W_?", net.W) | numbered("y^{(?)}", net.y)
    printed(symbols | numbered(f"z_{DEPTH}^{{(?)}}", net.Z[-1]))


@pytest.mark.equation("eq-backprop-sample", tolerance=1e-12)
def test_printed_recursion_for_one_sample(printed):
    """The printed TeX, evaluated for each layer, against complex steps and the library."""
    net = deep()

    def slope(z, label):
        loss_fn = CrossEntropyLoss()
        loss_fn(z[np.newaxis], np.array([label]))
        return loss_fn.backward()[0]

    deltas = net.deltas
    for i in range(2):
        net.model(net.X[[i]])
        dX = net.model.backward(slope(net.Z[-1][i], net.y[i])[np.newaxis])
        symbols = net.symbols() | {"y": int(net.y[i]), r"\nabla_z\ell": slope}
        symbols |= numbered("a_?", [A[i] for A in net.A], 0) | numbered(
            "z_?", [Z[i] for Z in net.Z]
        )
        symbols |= numbered(r"\delta_?", [N * Delta[i] for Delta in deltas])
        symbols |= numbered(r"\nabla_{W_?}\ell", [module.dW for module in net.linear])
        symbols |= numbered(r"\nabla_{b_?}\ell", [module.db for module in net.linear])
        del symbols["N"]
        printed({**symbols, r"\nabla_x\ell": dX[0]}, only=(r"\delta_L", r"\nabla_x\ell"))
        for layer in range(1, DEPTH + 1):
            hidden = (r"\delta_l",) if layer < DEPTH else ()
            printed(
                {**symbols, "l": layer}, only=(*hidden, r"\nabla_{W_l}\ell", r"\nabla_{b_l}\ell")
            )


@pytest.mark.equation("def-backprop-delta", tolerance=1e-13)
def test_printed_rows_of_the_batch(printed):
    """The printed TeX, evaluated entry by entry, against derivatives of one sample's loss."""
    net = deep()
    for layer, Delta in enumerate(net.deltas, 1):
        of_samples = []
        for i in range(N):
            row = by_steps(
                lambda z, i=i, layer=layer: lse(net.tail(layer, z)) - net.tail(layer, z)[net.y[i]],
                net.Z[layer - 1][i],
            )
            of_samples.append(row)
        symbols = {rf"\Delta_{layer}": Delta, "l": layer, "N": N, rf"n_{layer}": WIDTHS[layer]}
        symbols |= numbered(rf"\delta_{layer}^{{(?)}}", of_samples)
        printed(symbols, {"i": N, "k": WIDTHS[layer]})


@pytest.mark.equation("eq-backprop-batch", tolerance=1e-12)
def test_printed_recursion_for_a_batch(printed):
    """The printed TeX, evaluated for each layer, against complex steps and the library."""
    net = deep()
    deltas, (dW, db) = net.deltas, net.adjoints()
    symbols = net.symbols() | {r"\lambda": DECAY, r"\mathbf 1": np.ones(N)}
    symbols |= numbered("A_?", net.A, 0) | numbered("Z_?", net.Z[:-1])
    symbols |= numbered(r"\Delta_?", deltas) | numbered(r"\bar b_?", db)
    symbols |= numbered(r"\bar W_?", [d + DECAY * W for d, W in zip(dW, net.W, strict=True)])
    top = by_steps(net.loss, net.Z[-1])
    printed({**symbols, rf"\partial\mathcal L/\partial Z_{DEPTH}": top}, only=r"\Delta_L")
    for layer in range(1, DEPTH + 1):
        hidden = (r"\Delta_l",) if layer < DEPTH else ()
        printed({**symbols, "l": layer}, only=(*hidden, r"\bar W_l", r"\bar b_l"))


@pytest.mark.equation("eq-backprop-index", tolerance=1e-12)
def test_printed_recursion_in_indices(printed):
    """The printed TeX, evaluated entry by entry, against complex steps and the library."""
    net = deep()
    deltas, (dW, db) = net.deltas, net.adjoints()
    symbols = {r"\lambda": DECAY, "N": N, r"\varphi'": activations.tanh_prime}
    symbols |= numbered("W_?", net.W) | numbered("n_?", WIDTHS[2:], 2)
    symbols |= numbered("A_?", net.A, 0) | numbered("Z_?", net.Z[:-1])
    symbols |= numbered(r"\Delta_?", deltas) | numbered(r"\bar b_?", db)
    symbols |= numbered(r"\bar W_?", [d + DECAY * W for d, W in zip(dW, net.W, strict=True)])
    for layer in range(1, DEPTH + 1):
        sizes = {"j": WIDTHS[layer], "k": WIDTHS[layer - 1]}
        printed({**symbols, "l": layer}, sizes, only=(r"(\bar W_l)_{jk}", r"(\bar b_l)_j"))
        if layer < DEPTH:
            sizes = {"i": N, "k": WIDTHS[layer]}
            printed({**symbols, "l": layer}, sizes, only=r"(\Delta_l)_{ik}")


@pytest.mark.equation("eq-backprop-top", tolerance=1e-14)
def test_printed_gradients_of_both_losses(printed, rng):
    """The printed TeX, evaluated, against the library's losses."""
    net = deep()
    Z, Y = net.Z[-1], rng.standard_normal(net.Z[-1].shape)
    losses = {"MSE": (MSELoss(), Y), "CE": (CrossEntropyLoss(), net.y)}
    symbols = {}
    for name, (loss_fn, target) in losses.items():
        loss_fn(Z, target)
        symbols[rf"\Delta_L^{{\text{{{name}}}}}"] = loss_fn.backward()
    symbols |= {"Z_L": Z, "Y": Y, "P": softmax(Z), "E": one_hot(net.y, WIDTHS[-1])}
    printed({**symbols, "N": N, "n_L": WIDTHS[-1]})


# ---------------------------------------------------------------- losses

CLASSES = 5


@pytest.mark.equation("def-losses-nll", tolerance=1e-14)
def test_printed_negative_log_likelihood_of_a_model(printed, rng):
    """The printed TeX, evaluated for all samples, against the library's cross-entropy."""
    X, W, y = rng.standard_normal((N, D)), rng.standard_normal((CLASSES, D)), rng.integers(0, 5, N)
    losses = [CrossEntropyLoss()(X[[i]] @ W.T, y[[i]]) for i in range(N)]
    symbols = {
        r"\mathcal L": lambda W: CrossEntropyLoss()(X @ W.T, y),
        "p": lambda y, x, W: rowwise(softmax)(W @ x)[y],
        **numbered(r"\ell^{(?)}", losses),
    }
    symbols |= numbered("x^{(?)}", X) | numbered("y^{(?)}", y) | {r"\theta": W, "N": N}
    printed(symbols, {"i": N})


@pytest.mark.equation("eq-losses-categorical", tolerance=1e-13)
def test_printed_cross_entropy_of_one_sample(printed, rng):
    """All printed sides, evaluated for each label, against the library's cross-entropy."""
    x, W = rng.standard_normal(D), rng.standard_normal((CLASSES, D))

    def p(y, x, W):
        return np.exp(-CrossEntropyLoss()((W @ x)[np.newaxis], np.array([y])))

    for label in range(CLASSES):
        symbols = {r"p(\cdot)": p, "p": rowwise(softmax)(W @ x), "x": x, r"\theta": W, "y": label}
        printed({**symbols, f"e_{label}": np.eye(CLASSES)[label], "C": CLASSES}, origin=0)


@pytest.mark.equation("def-losses-entropy", tolerance=1e-13)
def test_printed_entropies(printed, rng):
    """The printed TeX, evaluated, against SciPy's entropies and the library's cross-entropy."""
    q, p = rng.dirichlet(np.ones(CLASSES), 2)

    def entropy(q, p=None):
        if p is None:
            return stats.entropy(q)
        losses = [CrossEntropyLoss()(np.log(p)[np.newaxis], np.array([k])) for k in range(CLASSES)]
        return q @ losses

    symbols = {"H": entropy, r"\mathrm{KL}": stats.entropy, "q": q, "p": p}
    printed(symbols, {"k": CLASSES})


@pytest.mark.equation("eq-losses-decomposition", tolerance=1e-13)
def test_printed_decomposition_of_cross_entropy(printed, rng):
    """Both printed sides, evaluated with sums over classes and SciPy's divergence."""
    q, p = rng.dirichlet(np.ones(CLASSES), 2)

    def entropy(q, p=None):
        return -(q @ np.log(q if p is None else p))

    printed({"H": entropy, r"\mathrm{KL}": stats.entropy, "q": q, "p": p})


@pytest.mark.equation("def-losses-softmax", tolerance=1e-14)
def test_printed_softmax(printed, rng):
    """The printed TeX, evaluated entry by entry, against the library's softmax and log-sum-exp."""
    z = 2 * rng.standard_normal(CLASSES)
    functions = {r"\mathrm{softmax}": rowwise(softmax), r"\mathrm{LSE}": rowwise(logsumexp)}
    printed({"p": rowwise(softmax)(z), "z": z, **functions}, {"j": CLASSES, "k": CLASSES})


@pytest.mark.equation("eq-losses-softmax", tolerance=1e-14)
def test_printed_invariance_of_softmax(printed, rng):
    """Both printed sides, evaluated with the library's softmax."""
    symbols = {"z": rng.standard_normal(CLASSES), "p": rng.dirichlet(np.ones(CLASSES)), "c": 3.7}
    ones = {r"\mathbf 1": np.ones(CLASSES)}
    printed({**symbols, **ones, r"\mathrm{softmax}": rowwise(softmax)})


@pytest.mark.equation("eq-losses-lse-shift", tolerance=1e-14)
def test_printed_shift_of_log_sum_exp(printed, rng):
    """Both printed sides, evaluated with the naive formula on the left's behalf and the library."""
    z = rng.standard_normal(CLASSES)
    printed({"z": z, "c": 3.7, r"\mathbf 1": np.ones(CLASSES), r"\mathrm{LSE}": lse})
    printed.agree(lse(z), rowwise(logsumexp)(z))


@pytest.mark.equation("eq-losses-lse-bounds", tolerance=1e-14)
def test_printed_bounds_of_log_sum_exp(printed, rng):
    """The printed inequalities, evaluated with the library; equal logits attain the upper one."""
    symbols = {r"\mathrm{LSE}": rowwise(logsumexp), "C": CLASSES}
    for z in (*rng.standard_normal((20, CLASSES)), np.array([0.0, 700.0, 0.0, 1.0, 2.0])):
        printed({**symbols, "z": z}, {"j": CLASSES})
    ((_, value, upper),) = printed({**symbols, "z": np.ones(CLASSES)}, {"j": CLASSES}).values()
    printed.agree(value, upper)


@pytest.mark.equation("eq-losses-hessian", tolerance=1e-13)
def test_printed_gradient_and_hessian_of_log_sum_exp(printed, rng):
    """The printed TeX, evaluated, against complex steps of log-sum-exp and of its gradient."""
    z = rng.standard_normal(CLASSES)
    symbols = {
        r"\nabla\mathrm{LSE}": lambda z: by_steps(lse, z),
        r"\nabla^2\mathrm{LSE}": lambda z: by_steps(lambda v: np.exp(v) / np.exp(v).sum(), z),
    }
    printed({**symbols, "z": z, "p": rowwise(softmax)(z)})


@pytest.mark.equation("eq-losses-variance", tolerance=1e-13)
def test_printed_variance(printed, rng):
    """The printed TeX, evaluated, against a variance with given probabilities; a sharp case."""

    def sides(p, v):
        variance = {r"\mathrm{Var}": lambda values: p @ (values - p @ values) ** 2}
        return printed({"p": p, "v": v, "V": v, **variance})

    sides(rng.dirichlet(np.ones(CLASSES)), rng.standard_normal(CLASSES))
    of_two = sides(np.array([0.5, 0.5, 0, 0, 0]), np.array([1.0, -1.0, 0, 0, 0]))
    printed.agree(*of_two["0"][1:])  # the upper bound is attained


@pytest.mark.equation("eq-losses-gradient", tolerance=1e-13)
def test_printed_gradient_of_cross_entropy(printed, rng):
    """The printed TeX, evaluated for each label, against the library and complex steps."""
    z, loss_fn = rng.standard_normal(CLASSES), CrossEntropyLoss()
    for label in range(CLASSES):
        loss_fn(z[np.newaxis], np.array([label]))
        symbols = {
            r"\partial\ell/\partial z": by_steps(lambda v, y=label: lse(v) - v[y], z),
            r"\nabla_z\ell": loss_fn.backward()[0],
            f"e_{label}": np.eye(CLASSES)[label],
        }
        symbols |= {"p": rowwise(softmax)(z), "y": label}
        printed(symbols, {"j": range(CLASSES)}, origin=0)


@pytest.mark.equation("eq-losses-batch-gradient", tolerance=1e-14)
def test_printed_gradient_of_cross_entropy_for_a_batch(printed, rng):
    """The printed TeX, evaluated, against the library and complex steps."""
    Z, y = rng.standard_normal((N, CLASSES)), rng.integers(0, CLASSES, N)
    loss_fn = CrossEntropyLoss()
    loss_fn(Z, y)
    slope = by_steps(lambda Z: (lse(Z) - Z[np.arange(N), y]).mean(), Z)
    symbols = {r"\bar Z": loss_fn.backward(), r"\partial\mathcal L/\partial Z": slope}
    printed({**symbols, "P": softmax(Z), "E": one_hot(y, CLASSES), "N": N, "C": CLASSES})


@pytest.mark.equation("eq-losses-bce", tolerance=1e-14)
def test_printed_binary_cross_entropy(printed, rng):
    """The printed TeX, evaluated for both labels, against the library's loss and gradient."""
    loss_fn = BCEWithLogitsLoss()
    functions = {r"\mathrm{softplus}": activations.softplus, r"\sigma": activations.sigmoid}
    for z, y in itertools.product(rng.standard_normal(5), (0.0, 1.0, 0.3)):
        value = loss_fn(np.array([[z]]), np.array([[y]]))
        slope = loss_fn.backward().item()
        printed({r"\ell": value, r"\partial\ell/\partial z": slope, "z": z, "y": y, **functions})


@pytest.mark.equation("eq-pytorch-log-softmax", tolerance=1e-14)
def test_printed_log_softmax(printed, rng):
    """The printed TeX, evaluated for all samples and classes, against the library's."""
    Z = rng.standard_normal((N, CLASSES))
    symbols = numbered("p^{(?)}", np.exp(log_softmax(Z))) | numbered("z^{(?)}", Z)
    printed(symbols, {"i": N, "j": CLASSES, "k": CLASSES})


@pytest.mark.equation("eq-pytorch-nll", tolerance=1e-14)
def test_printed_negative_log_likelihood(printed, rng):
    """The printed TeX, evaluated with classes counted from 1, against PyTorch's nll_loss."""
    Q, y = rng.standard_normal((N, CLASSES)), rng.integers(0, CLASSES, N)

    def nll(Q, y):
        return torch.nn.functional.nll_loss(torch.tensor(Q), torch.tensor(y)).item()

    printed({r"\mathrm{NLL}": nll, "Q": Q, "y": y, "N": N, **numbered("y^{(?)}", y + 1)})


@pytest.mark.equation("eq-pytorch-nll-ce", tolerance=1e-13)
def test_printed_cross_entropy(printed, rng):
    """All printed sides, evaluated, with the library's cross-entropy and PyTorch's nll_loss."""
    Z, y = rng.standard_normal((N, CLASSES)), rng.integers(0, CLASSES, N)

    def nll(Q, y):
        return torch.nn.functional.nll_loss(torch.tensor(Q), torch.tensor(y)).item()

    functions = {
        r"\mathrm{CE}": CrossEntropyLoss(),
        r"\mathrm{NLL}": nll,
        r"\mathrm{softmax}": softmax,
    }
    symbols = {"Z": Z, "y": y, "N": N, **numbered("z^{(?)}", Z), **numbered("y^{(?)}", y + 1)}
    printed({**functions, **symbols}, {"k": CLASSES})


# ---------------------------------------------------------------- activations


def scalars(rng):
    """Numbers on both sides of zero, for functions of one number."""
    return [float(x) for x in (*rng.uniform(-4, 4, 6), -0.3, 0.7)]


def slope_of(function):
    """The derivative of a function of one number by complex steps."""
    return lambda x: np.imag(function(x + 1j * STEP)) / STEP


def logistic(x):
    """The textbook formula; real or complex."""
    return 1 / (1 + np.exp(-x))


@pytest.mark.equation("eq-activations-diagonal", tolerance=1e-13)
def test_printed_diagonal_jacobian(printed, rng):
    """The printed TeX, evaluated, against complex steps and the library's activation layer."""
    z, adjoint, layer = rng.standard_normal(H), rng.standard_normal(H), Tanh()
    layer.forward(z[np.newaxis])
    symbols = {"J_{a,z}": by_steps(np.tanh, z), r"\varphi'": activations.tanh_prime, "n": H}
    symbols |= {r"\bar z": layer.backward(adjoint[np.newaxis])[0], r"\bar a": adjoint, "z": z}
    printed(symbols)


@pytest.mark.equation("eq-activations-softmax-jacobian", tolerance=1e-13)
def test_printed_jacobian_of_softmax(printed, rng):
    """The printed TeX, evaluated entry by entry, against complex steps."""
    z = rng.standard_normal(CLASSES)
    jacobian = by_steps(lambda v: np.exp(v) / np.exp(v).sum(), z)
    symbols = {r"\partial p/\partial z": jacobian, "p": rowwise(softmax)(z)}
    printed(symbols, {"i": CLASSES, "j": CLASSES})


@pytest.mark.equation("def-activations-sigmoid", tolerance=1e-14)
def test_printed_logistic_function(printed, rng):
    """The printed TeX, evaluated, against the library's function."""
    for x in scalars(rng):
        printed({r"\sigma": activations.sigmoid, "x": x}, skip=(r"\sigma:\mathbb R\to(0,1)",))


@pytest.mark.equation("eq-activations-sigmoid-prime", tolerance=1e-13)
def test_printed_slope_of_the_logistic_function(printed, rng):
    """All printed sides, evaluated with the library's function, and complex steps."""
    for x in scalars(rng):
        printed({r"\sigma": activations.sigmoid, r"\sigma'": slope_of(logistic), "x": x})


@pytest.mark.equation("eq-activations-stable-sigmoid", tolerance=1e-13)
def test_printed_stable_logistic_function(printed, rng):
    """The printed TeX, evaluated, against the textbook formula and complex steps."""
    for x in scalars(rng):
        functions = {r"\sigma": logistic, r"\sigma'": slope_of(logistic)}
        printed({**functions, "x": x, "t": float(np.exp(-abs(x)))})


@pytest.mark.equation("eq-activations-relu", tolerance=1e-15)
def test_printed_relu(printed, rng):
    """All printed sides, evaluated, against the library's function."""
    for x in (*scalars(rng), 0.0):
        symbols = {r"\mathrm{relu}": activations.relu, "x": x}
        printed(symbols, skip=(r"\mathrm{relu}:\mathbb R\to[0,\infty)",))


@pytest.mark.equation("eq-activations-relu-prime", tolerance=1e-15)
def test_printed_slope_of_relu(printed, rng):
    """All printed sides, evaluated, against the library's derivative; at the kink too."""
    for x in (*scalars(rng), 0.0):
        printed({r"\mathrm{relu}'": activations.relu_prime, "x": x})


@pytest.mark.equation("eq-activations-softplus", tolerance=1e-14)
def test_printed_softplus(printed, rng):
    """The printed TeX, evaluated, against the logarithm of 1 + e^x."""
    for x in scalars(rng):
        printed({r"\mathrm{softplus}": lambda x: np.log(1 + np.exp(x)), "x": x})


@pytest.mark.equation("eq-activations-silu-prime", tolerance=1e-13)
def test_printed_slope_of_silu(printed, rng):
    """All printed sides, evaluated with the library's functions, and complex steps."""
    for x in scalars(rng):
        functions = {r"\sigma": activations.sigmoid, r"\sigma'": activations.sigmoid_prime}
        functions[r"\mathrm{silu}'"] = slope_of(lambda x: x * logistic(x))
        printed({**functions, "x": x})


# ---------------------------------------------------------------- layers and one neuron


@pytest.mark.equation("def-mlp-layer-batch", tolerance=1e-14)
def test_printed_layers_of_a_batch(printed):
    """The printed TeX, evaluated for each layer, against the library's layers."""
    net = deep()
    A = net.X
    for k, module in enumerate(net.linear, 1):
        Z = module.forward(A)
        symbols = {f"A_{k - 1}": A, f"Z_{k}": Z, f"W_{k}": module.W, f"b_{k}": module.b}
        A = Tanh().forward(Z)
        symbols |= {f"A_{k}": A, r"\varphi": np.tanh, r"\mathbf 1": np.ones(N), "l": k, "N": N}
        printed(symbols | numbered("n_?", WIDTHS[k - 1 : k + 1], k - 1), skip=("Z_l",))


@pytest.mark.equation("eq-mlp-xor", tolerance=1e-15)
def test_printed_network_of_xor(printed, rng):
    """The printed TeX, evaluated, against the network with the chapter's weights."""
    model = MLP([2, 2, 1], rng=rng)
    model.set_parameters([[[1, 1], [1, 1]], [0, -1], [[1, -2]], [0]])
    for x in ([0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], rng.standard_normal(2)):
        symbols = {r"\mathrm{relu}": activations.relu, "x": np.array(x)}
        printed(symbols | {"f": lambda x: model([np.ravel(x)])[0, 0]})


@pytest.mark.equation("eq-pytorch-linear", tolerance=1e-13)
def test_printed_linear_layer(printed, rng):
    """The printed TeX, evaluated as matrices and entry by entry, against PyTorch's layer."""
    X, W, b = rng.standard_normal((N, D)), rng.standard_normal((H, D)), rng.standard_normal(H)
    Z = torch.nn.functional.linear(*map(torch.tensor, (X, W, b))).numpy()
    symbols = {"X": X, "W": W, "b": b, "Z": Z, r"\mathbf 1": np.ones(N)}
    printed(symbols, {"i": N, "j": H, "k": D})


@pytest.mark.equation("eq-neuron-logistic-loss", tolerance=1e-13)
def test_printed_logistic_loss(printed, rng):
    """Both printed forms, evaluated, against the library's binary cross-entropy."""
    X, w, b, y = rng.standard_normal((N, D)), rng.standard_normal(D), 0.4, rng.integers(0, 2, N)
    s = X @ w + b
    symbols = {r"\mathcal L": lambda w, b: BCEWithLogitsLoss()((X @ w + b)[:, None], y[:, None])}
    symbols |= {"w": w, "b": b, "N": N, r"\mathrm{softplus}": activations.softplus}
    symbols |= numbered("y^{(?)}", y) | numbered(r"\tilde y^{(?)}", 2 * y - 1)
    printed(symbols | numbered("p^{(?)}", logistic(s)) | numbered("s^{(?)}", s))


@pytest.mark.equation("eq-neuron-logistic-gradient", tolerance=1e-13)
def test_printed_gradient_of_the_logistic_loss(printed, rng):
    """The printed TeX, evaluated, against complex steps of the loss."""
    X, w, b, y = rng.standard_normal((N, D)), rng.standard_normal(D), 0.4, rng.integers(0, 2, N)

    def loss(w, b):
        s = X @ w + b
        return (np.log(1 + np.exp(s)) - y * s).mean()

    symbols = {
        r"\partial\mathcal L/\partial w": by_steps(lambda v: loss(v, b), w),
        r"\partial\mathcal L/\partial b": by_steps(lambda v: loss(w, v), np.array(b)),
        r"\mathbf 1": np.ones(N),
    }
    printed({**symbols, "X": X, "p": logistic(X @ w + b), "y": y, "N": N, "D": D})


@pytest.mark.equation("eq-autograd-matmul", tolerance=1e-13)
def test_printed_adjoints_of_a_product(printed, rng):
    """The printed TeX, evaluated, against the library's automatic differentiation."""
    A, B, C_bar = (rng.standard_normal(shape) for shape in ((N, D), (D, H), (N, H)))
    left, right = Tensor(A, requires_grad=True), Tensor(B, requires_grad=True)
    ((left @ right) * C_bar).sum().backward()
    symbols = {r"\bar A": left.grad, r"\bar B": right.grad, r"\bar C": C_bar, "A": A, "B": B}
    printed(symbols)


@pytest.mark.equation("eq-autograd-log-softmax", tolerance=1e-13)
def test_printed_adjoint_of_log_softmax(printed, rng):
    """The printed TeX, evaluated, against complex steps."""
    z, adjoint = rng.standard_normal((2, CLASSES))
    slope = by_steps(lambda v: adjoint @ (v - lse(v)), z)
    symbols = {r"\bar z": slope, r"\bar y": adjoint, "z": z, r"\mathrm{softmax}": rowwise(softmax)}
    printed(symbols, {"j": CLASSES})
