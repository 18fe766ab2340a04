"""The equations of the chapter on the multilayer perceptron, each by a second route."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from mlpbook.scratch.activations import relu, sigmoid
from mlpbook.scratch.layers import Identity, ReLU, Sigmoid, Tanh
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP


def random_mlp(sizes, activation, rng):
    """Return an MLP whose biases are random as well."""
    model = MLP(sizes, activation, rng=rng)
    for parameter in model.parameters():
        parameter[...] = rng.standard_normal(parameter.shape)
    return model


def layers(model):
    """Return the pairs (W, b) of a model."""
    return list(zip(model.parameters()[::2], model.parameters()[1::2], strict=True))


def with_parameters(model, values):
    """Return a network of the same kind whose parameters are the given arrays."""
    sizes = [np.shape(values[0])[1], *[len(b) for b in values[1::2]]]
    twin = MLP(sizes, type(model.layers[1]), rng=np.random.default_rng(0))
    for parameter, value in zip(twin.parameters(), values, strict=True):
        parameter[...] = value
    return twin


@pytest.mark.equation("eq-mlp-xor", tolerance=0)
def test_two_relu_units_compute_xor(agree):
    """The formula against the exclusive or of Python's bits, and against the network's weights."""
    bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    s = bits.sum(axis=1)
    formula = np.maximum(s, 0) - 2 * np.maximum(s - 1, 0)
    agree(formula, [float(p ^ q) for p, q in bits.tolist()])
    model = MLP([2, 2, 1], ReLU, rng=np.random.default_rng(0))
    model.set_parameters([[[1, 1], [1, 1]], [0, -1], [[1, -2]], [0]])
    agree(model(bits)[:, 0], formula)


def test_without_relu_the_network_of_xor_is_affine():
    """Hypothesis of the collapse: the same weights with the identity give 2 - x1 - x2."""
    model = MLP([2, 2, 1], Identity, rng=np.random.default_rng(0))
    model.set_parameters([[[1, 1], [1, 1]], [0, -1], [[1, -2]], [0]])
    X = np.array([[0.0, 0.0], [1.0, 1.0], [0.3, -2.0]])
    np.testing.assert_allclose(model(X)[:, 0], 2 - X.sum(axis=1))


def test_a_square_layer_hides_a_forgotten_transpose(rng):
    A, W = rng.standard_normal((3, 3)), rng.standard_normal((3, 3))
    assert (A @ W).shape == (A @ W.T).shape
    assert not np.allclose(A @ W, A @ W.T)


@pytest.mark.equation("eq-mlp-composition", tolerance=1e-14)
def test_the_network_is_the_nested_formula(agree, rng):
    """The MLP on a batch against the nested formula for L = 3, written out for one column."""
    model = random_mlp([4, 5, 3, 2], Sigmoid, rng)
    (W1, b1), (W2, b2), (W3, b3) = layers(model)
    X = rng.standard_normal((6, 4))
    nested = [W3 @ sigmoid(W2 @ sigmoid(W1 @ x + b1) + b2) + b3 for x in X]
    agree(model(X), nested)


@pytest.mark.equation("eq-mlp-composition", tolerance=1e-14)
def test_the_network_is_pytorchs_sequential(agree, rng):
    """The MLP against `nn.Sequential` of `nn.Linear` and `nn.Tanh`, none at the end."""
    model = random_mlp([4, 5, 3, 2], Tanh, rng)
    peer = torch.nn.Sequential()
    for W, b in layers(model):
        linear = torch.nn.Linear(W.shape[1], W.shape[0], dtype=torch.float64)
        linear.load_state_dict({"weight": torch.from_numpy(W), "bias": torch.from_numpy(b)})
        peer.extend([linear, torch.nn.Tanh()])
    X = rng.standard_normal((6, 4))
    agree(model(X), peer[:-1](torch.from_numpy(X)).detach().numpy())


@pytest.mark.equation("eq-mlp-features", tolerance=1e-13)
def test_the_output_is_the_least_squares_fit_of_an_affine_model_on_the_last_features(agree, rng):
    """W_L and b_L against an affine least-squares fit of the outputs on the features a_{L-1}."""
    model = random_mlp([3, 6, 4, 2], Tanh, rng)
    *_, features, outputs = model.activations(rng.standard_normal((50, 3)))
    design = np.column_stack([features, np.ones(50)])
    fitted, *_ = np.linalg.lstsq(design, outputs, rcond=None)
    W, b = layers(model)[-1]
    agree(np.vstack([W.T, b]), fitted)


def test_relu_networks_are_differentiable_almost_everywhere_but_not_everywhere(rng):
    """One-sided differences in a bias agree at random parameters; with zero bias at x = 0 not."""
    model = random_mlp([2, 3, 1], ReLU, rng)
    b, step = model.parameters()[1], 1e-7

    def one_sided(x, sign):
        before, kept = model(x)[0, 0], b.copy()
        b[0] += sign * step
        after = model(x)[0, 0]
        b[...] = kept
        return sign * (after - before) / step

    x = rng.standard_normal((1, 2))
    assert one_sided(x, 1) == pytest.approx(one_sided(x, -1), abs=1e-6)
    b[...] = 0
    slope = model.parameters()[2][0, 0]
    assert one_sided(np.zeros((1, 2)), 1) == pytest.approx(slope, abs=1e-6)
    assert one_sided(np.zeros((1, 2)), -1) == 0


@pytest.mark.equation("eq-mlp-parameter-count", tolerance=0)
@pytest.mark.parametrize("sizes", [(1, 1), (5, 4, 3), (784, 32, 64, 128, 64, 10)])
def test_parameter_count_is_what_pytorch_counts(agree, sizes):
    """The sum against the entries of PyTorch's parameters, and 44,458 for the last."""
    pairs = list(itertools.pairwise(sizes))
    formula = sum(n_out * (n_in + 1) for n_in, n_out in pairs)
    peers = [torch.nn.Linear(n_in, n_out) for n_in, n_out in pairs]
    agree(formula, sum(p.numel() for peer in peers for p in peer.parameters()))
    agree(formula, MLP(sizes, rng=np.random.default_rng(0)).n_parameters)
    if len(sizes) == 6:
        assert formula == 44458


class Counted:
    """A number that counts the operations done with it and its kind."""

    multiplications = additions = 0

    def __mul__(self, other):
        Counted.multiplications += 1
        return self

    def __add__(self, other):
        Counted.additions += 1
        return self


@pytest.mark.equation("eq-mlp-multiplications", tolerance=0)
def test_a_forward_pass_takes_the_stated_number_of_operations(agree):
    """The sum against the operations of numbers that count themselves, in a forward pass."""
    sizes, n_samples = (5, 4, 3, 2), 6
    Counted.multiplications = Counted.additions = 0
    model = MLP(sizes, Identity, rng=np.random.default_rng(0))
    A = np.full((n_samples, sizes[0]), Counted())
    for W, b in layers(model):
        W, b = np.full(W.shape, Counted()), np.full(b.shape, Counted())
        A = A @ W.T + b
    formula = n_samples * (4 * 5 + 3 * 4 + 2 * 3)
    agree([Counted.multiplications, Counted.additions], [formula, formula])


@pytest.mark.equation("eq-mlp-collapse", tolerance=1e-15)
def test_layers_without_activation_collapse_into_one(agree, rng):
    """The network of identities against the stated products and sum, in exact fractions."""
    model = random_mlp([3, 4, 2, 5, 2], Identity, rng)
    for parameter in model.parameters():
        parameter[...] = rng.integers(-8, 9, size=parameter.shape) / 8
    exact = np.vectorize(Fraction, otypes=[object])
    weights, biases = ([exact(p) for p in model.parameters()[k::2]] for k in (0, 1))

    def product(matrices, n):
        result = exact(np.eye(n))
        for matrix in matrices:  # leftmost factor last in the list
            result = matrix @ result
        return result

    W = product(weights, 3)
    b = sum(product(weights[k + 1 :], len(biases[k])) @ biases[k] for k in range(4))
    X = rng.integers(-4, 5, size=(10, 3)) / 4
    agree(model(X), exact(X) @ W.T + b)


@pytest.mark.equation("eq-mlp-collapse", tolerance=1e-15)
def test_the_collapse_holds_to_rounding_for_weights_of_any_value(agree, rng):
    """The network of identities in floats against exact fractions, weights of Glorot's size."""
    model = MLP([4, 5, 3, 2], Identity, rng=rng)
    for parameter in model.parameters():
        parameter[...] = rng.uniform(-0.5, 0.5, size=parameter.shape)
    exact = np.vectorize(Fraction, otypes=[object])
    (W1, b1), (W2, b2), (W3, b3) = [(exact(W), exact(b)) for W, b in layers(model)]
    X = rng.standard_normal((20, 4))
    agree(model(X), exact(X) @ (W3 @ W2 @ W1).T + (W3 @ W2 @ b1 + W3 @ b2 + b3))


def test_a_relu_network_does_not_collapse(rng):
    """The hypothesis is needed: with ReLU the outputs on a line are not affine."""
    model = random_mlp([1, 8, 1], ReLU, rng)
    t = np.linspace(-3, 3, 61)[:, None]
    second_differences = np.diff(model(t)[:, 0], n=2)
    assert np.abs(second_differences).max() > 0.01


@pytest.mark.equation("eq-mlp-rank", tolerance=0)
@pytest.mark.parametrize("sizes", [(6, 2, 6), (5, 4, 3, 5), (7, 7, 1, 7, 7)])
def test_the_narrowest_layer_bounds_the_rank(agree, rng, sizes):
    """The rank of the map, from singular values of outputs on a basis, against the least width."""
    model = random_mlp(sizes, Identity, rng)
    outputs = model(np.vstack([np.zeros(sizes[0]), np.eye(sizes[0])]))
    agree(np.linalg.matrix_rank(outputs[1:] - outputs[0]), min(sizes))  # generic: with equality
    model.parameters()[0][1:] = model.parameters()[0][0]  # equal rows: the bound is not reached
    outputs = model(np.vstack([np.zeros(sizes[0]), np.eye(sizes[0])]))
    assert np.linalg.matrix_rank(outputs[1:] - outputs[0]) == 1 <= min(sizes)


@pytest.mark.equation("eq-mlp-affine-piece", tolerance=1e-12)
def test_a_relu_network_is_its_affine_piece(agree, rng):
    """The stated products against the network nearby and the Jacobian of PyTorch's autograd."""
    model = random_mlp([3, 6, 5, 4, 2], ReLU, rng)
    (W1, b1), (W2, b2), (W3, b3), (W4, b4) = layers(model)
    for _ in range(20):
        x = rng.standard_normal(3)
        z1 = W1 @ x + b1
        z2 = W2 @ relu(z1) + b2
        z3 = W3 @ relu(z2) + b3
        D1, D2, D3 = (np.diag((z > 0).astype(float)) for z in (z1, z2, z3))
        J = W4 @ D3 @ W3 @ D2 @ W2 @ D1 @ W1
        c = b4 + W4 @ D3 @ b3 + W4 @ D3 @ W3 @ D2 @ b2 + W4 @ D3 @ W3 @ D2 @ W2 @ D1 @ b1
        closeness = min(np.abs(z).min() for z in (z1, z2, z3))
        nearby = x + 1e-4 * min(closeness, 1) * rng.uniform(-1, 1, size=(10, 3))
        agree(model(nearby), nearby @ J.T + c)
        parameters = [torch.from_numpy(p) for p in model.parameters()]

        def forward(v, parameters=parameters):
            for W, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
                v = torch.relu(W @ v + b)
            return parameters[-2] @ v + parameters[-1]

        agree(J, torch.autograd.functional.jacobian(forward, torch.from_numpy(x)).numpy())


def test_inputs_of_one_activation_pattern_are_convex(rng):
    """Points between two points of one pattern have that pattern."""
    model = random_mlp([2, 4, 4, 1], ReLU, rng)
    X = rng.uniform(-2, 2, size=(400, 2))

    def patterns(X):
        return np.hstack([A > 0 for A in model.activations(X)[1:-1]])

    words = patterns(X)
    pairs = [(i, j) for i in range(400) for j in range(i) if (words[i] == words[j]).all()]
    assert len(pairs) > 1000
    for i, j in pairs[:1000]:
        t = rng.uniform()
        assert (patterns((t * X[i] + (1 - t) * X[j])[None]) == words[i]).all()


def n_regions(W, b):
    """Count the regions of lines w @ x + b = 0: sign patterns that a linear programme can reach."""
    count = 0
    for signs in itertools.product([-1, 1], repeat=len(b)):
        S = np.array(signs)
        # largest margin m <= 1 with S (W x + b) >= m; positive if the region has an inside
        A = np.column_stack([-S[:, None] * W, np.ones(len(b))])
        result = linprog(
            [0, 0, -1], A_ub=A, b_ub=S * b, bounds=[(None, None), (None, None), (None, 1)]
        )
        count += result.x[2] > 1e-9
    return count


@pytest.mark.equation("eq-mlp-regions", tolerance=0)
@pytest.mark.parametrize("n_hidden", [0, 1, 2, 3, 4, 5])
def test_lines_in_general_position_cut_the_plane_as_stated(agree, rng, n_hidden):
    """The formula against all sign patterns for which a linear programme finds a point."""
    if n_hidden == 0:
        counted = 1  # no line, one region
    else:
        counted = n_regions(rng.standard_normal((n_hidden, 2)), rng.standard_normal(n_hidden))
    agree(1 + n_hidden + n_hidden * (n_hidden - 1) / 2, float(counted))


@pytest.mark.equation("eq-mlp-regions")
def test_special_position_gives_fewer_regions():
    """Three parallel lines make 4 regions, three through one point 6, less than the stated 7."""
    assert n_regions(np.array([[1.0, 0.0]] * 3), np.array([0.0, 1.0, 2.0])) == 4
    assert n_regions(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.zeros(3)) == 6


@pytest.mark.equation("eq-mlp-two-logits", tolerance=1e-12)
def test_two_logits_are_one_score(agree, rng):
    """The stated affine score against the log-odds of PyTorch's softmax of both logits."""
    model = random_mlp([2, 3, 3, 2], Tanh, rng)
    X = rng.standard_normal((20, 2))
    W, b = layers(model)[-1]
    psi = model.activations(X)[-2]
    log_p = torch.log_softmax(torch.from_numpy(model(X)), dim=1).numpy()
    agree(psi @ (W[1] - W[0]) + (b[1] - b[0]), log_p[:, 1] - log_p[:, 0])


@pytest.mark.equation("eq-mlp-copy", tolerance=0)
def test_an_identity_layer_copies_what_relu_has_put_out(agree, rng):
    """A network against the one with an identity layer more: bit by bit the same outputs."""
    model = random_mlp([3, 4, 2], ReLU, rng)
    W1, b1, W2, b2 = model.parameters()
    deeper = with_parameters(model, [W1, b1, np.eye(4), np.zeros(4), W2, b2])
    X = rng.standard_normal((50, 3))
    agree(model(X), deeper(X))


@pytest.mark.equation("eq-mlp-copy")
def test_tanh_does_not_copy(rng):
    """The proposition needs ReLU: an identity layer with tanh changes the output."""
    model = random_mlp([3, 4, 2], Tanh, rng)
    W1, b1, W2, b2 = model.parameters()
    deeper = with_parameters(model, [W1, b1, np.eye(4), np.zeros(4), W2, b2])
    X = rng.standard_normal((50, 3))
    assert np.abs(model(X) - deeper(X)).max() > 0.01


@pytest.mark.equation("eq-mlp-permutation", tolerance=1e-14)
@pytest.mark.parametrize("activation", [ReLU, Tanh, Sigmoid])
def test_permuting_hidden_units_keeps_the_function(agree, rng, activation):
    """The network against one whose hidden layer 2 is renumbered by a permutation matrix."""
    model = random_mlp([3, 4, 5, 2], activation, rng)
    (W1, b1), (W2, b2), (W3, b3) = layers(model)
    P = np.eye(5)[rng.permutation(5)]
    twin = with_parameters(model, [W1, b1, P @ W2, P @ b2, W3 @ P.T, b3])
    X = rng.standard_normal((20, 3))
    agree(model(X), twin(X))


@pytest.mark.equation("eq-mlp-rescaling", tolerance=1e-13)
def test_rescaling_relu_units_keeps_the_function(agree, rng):
    """The network against one whose hidden units are scaled by positive numbers, 1e-3 to 1e3."""
    model = random_mlp([3, 4, 5, 2], ReLU, rng)
    (W1, b1), (W2, b2), (W3, b3) = layers(model)
    s = 10 ** rng.uniform(-3, 3, size=5)
    twin = with_parameters(model, [W1, b1, s[:, None] * W2, s * b2, W3 / s, b3])
    X = rng.standard_normal((20, 3))
    agree(model(X), twin(X))


@pytest.mark.equation("eq-mlp-rescaling")
@pytest.mark.parametrize(("activation", "s"), [(Tanh, 2.0), (ReLU, -1.0)])
def test_rescaling_needs_relu_and_positive_factors(rng, activation, s):
    """Both hypotheses are needed: tanh with a factor 2, and ReLU with -1, change the function."""
    model = random_mlp([3, 4, 2], activation, rng)
    W1, b1, W2, b2 = model.parameters()
    twin = with_parameters(model, [s * W1, s * b1, W2 / s, b2])
    X = rng.standard_normal((20, 3))
    assert np.abs(model(X) - twin(X)).max() > 0.1


@pytest.mark.equation("eq-mlp-balance", tolerance=1e-12)
def test_a_hidden_unit_pulls_equally_on_what_comes_in_and_goes_out(agree, rng):
    """Both sides for every hidden unit of two layers, adjoints by PyTorch's autograd."""
    model = random_mlp([3, 5, 4, 2], ReLU, rng)
    X, y = rng.standard_normal((10, 3)), rng.integers(2, size=10)
    parameters = [torch.from_numpy(p).clone().requires_grad_() for p in model.parameters()]
    W1, b1, W2, b2, W3, b3 = parameters
    hidden = torch.relu(torch.relu(torch.from_numpy(X) @ W1.T + b1) @ W2.T + b2)
    torch.nn.functional.cross_entropy(hidden @ W3.T + b3, torch.from_numpy(y)).backward()
    for W, b, W_next in [(W1, b1, W2), (W2, b2, W3)]:
        incoming = (W * W.grad).sum(dim=1) + b * b.grad
        outgoing = (W_next * W_next.grad).sum(dim=0)
        agree(incoming.detach().numpy(), outgoing.detach().numpy())


def test_the_balance_is_one_of_relu_not_of_tanh(rng):
    model = random_mlp([3, 5, 2], Tanh, rng)
    X, y = rng.standard_normal((10, 3)), rng.integers(2, size=10)
    loss = CrossEntropyLoss()
    loss(model(X), y)
    model.backward(loss.backward())
    (W1, b1, W2, _), (dW1, db1, dW2, _) = model.parameters(), model.gradients()
    assert np.abs((W1 * dW1).sum(axis=1) + b1 * db1 - (W2 * dW2).sum(axis=0)).max() > 1e-3


@pytest.mark.parametrize("activation", [ReLU, Tanh, Sigmoid])
def test_with_two_units_neither_side_of_a_boundary_in_the_plane_is_bounded(rng, activation):
    """From each point of either side a ray stays there: the proof of the exercise, run."""
    for _ in range(50):
        model = random_mlp([2, 2, 1], activation, rng)
        W = model.parameters()[0]
        p = rng.standard_normal(2)
        direction = np.linalg.solve(W, [1.0, 0.0])
        start = model(p[None])[0, 0]
        t = np.linspace(0, 100, 200)[:, None]
        rays = [model(p + sign * t * direction)[:, 0] * np.sign(start) for sign in (1, -1)]
        assert max(ray.min() for ray in rays) >= abs(start) - 1e-9
