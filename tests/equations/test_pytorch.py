"""The equations of the chapter on PyTorch, by routes that do not share code with them."""

import itertools
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from mlpbook.pytorch.tutorial import TripledLinear, TutorialMLP  # noqa: E402


@pytest.mark.equation("eq-pytorch-linear", tolerance=1e-12)
def test_nn_linear_multiplies_rows_by_the_transposed_weight(agree, rng):
    """nn.Linear against the double sum over inputs and units, entry by entry."""
    layer = nn.Linear(3, 5, dtype=torch.float64)
    X = rng.standard_normal((4, 3))
    W, b = layer.weight.tolist(), layer.bias.tolist()
    Z = [[sum(X[i, k] * W[j][k] for k in range(3)) + b[j] for j in range(5)] for i in range(4)]
    agree(layer(torch.tensor(X)).detach().numpy(), Z)


@pytest.mark.equation("eq-pytorch-tripled", tolerance=1e-8)
def test_the_factor_three_stands_in_the_gradients(agree, rng):
    """The gradients with the factor three against central differences of the layer's output."""
    layer = TripledLinear(3, 2).double()
    X, dZ = torch.tensor(rng.standard_normal((4, 3))), torch.tensor(rng.standard_normal((4, 2)))

    def slope(parameter, index, h=1e-4):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter[index] += sign * h
                values.append((dZ * layer(X)).sum().item())
                parameter[index] -= sign * h
        return (values[0] - values[1]) / (2 * h)

    dW = [[slope(layer.W, (j, k)) for k in range(3)] for j in range(2)]
    db = [slope(layer.b, (j,)) for j in range(2)]
    agree((3 * dZ.T @ X).numpy(), dW)
    agree((3 * dZ.sum(dim=0)).numpy(), db)


@pytest.mark.equation("eq-pytorch-parameter-count", tolerance=0)
@pytest.mark.parametrize("sizes", [[784, 32, 64, 128, 64, 10], [784, 32, 32, 32, 10], [2, 1, 3]])
def test_the_parameters_are_weights_between_neighbours_and_one_bias_per_unit(agree, sizes):
    """The sum over layers against counting every number in the parameters of the network."""
    model = TutorialMLP(sizes[0], sizes[1:-1], sizes[-1])
    counted = sum(len(p.flatten().tolist()) for p in model.parameters())
    agree(counted, sum(n * (m + 1) for m, n in itertools.pairwise(sizes)))
    if sizes == [784, 32, 64, 128, 64, 10]:
        assert counted == 44_458  # the tutorial's printed number


@pytest.mark.equation("eq-pytorch-initial-loss", tolerance=1e-12)
@pytest.mark.parametrize("n_classes", [2, 10, 1000])
def test_equal_logits_cost_the_logarithm_of_the_number_of_classes(agree, rng, n_classes):
    """PyTorch's cross-entropy of equal logits against ln C, whatever labels and height."""
    Z = torch.full((7, n_classes), 3.5, dtype=torch.float64)
    y = torch.tensor(rng.integers(n_classes, size=7))
    agree(F.cross_entropy(Z, y).item(), math.log(n_classes))


@pytest.mark.equation("eq-pytorch-log-softmax", tolerance=1e-12)
def test_log_softmax_subtracts_the_log_of_the_sum_of_exponentials(agree, rng):
    """The formula, with the standard library's exp and log, against PyTorch's log-softmax."""
    Z = rng.standard_normal((5, 4))
    rows = [[z - math.log(math.fsum(math.exp(w) for w in row)) for z in row] for row in Z.tolist()]
    agree(rows, F.log_softmax(torch.tensor(Z), dim=1).numpy())


@pytest.mark.equation("eq-pytorch-nll", tolerance=1e-12)
def test_nll_picks_an_entry_per_row_and_takes_no_logarithm(agree, rng):
    """nn.NLLLoss of an arbitrary matrix against a loop that picks entries and averages."""
    Q, y = rng.standard_normal((6, 4)), rng.integers(4, size=6)
    agree(
        nn.NLLLoss()(torch.tensor(Q), torch.tensor(y)).item(),
        -math.fsum(Q[i, y[i]] for i in range(6)) / 6,
    )


@pytest.mark.equation("eq-pytorch-nll-ce", tolerance=1e-12)
def test_cross_entropy_is_nll_after_log_softmax(agree, rng):
    """Cross-entropy against NLL of log-softmax, and against minus the log of the softmax entry."""
    Z, y = rng.standard_normal((6, 4)), rng.integers(4, size=6)
    ce = nn.CrossEntropyLoss()(torch.tensor(Z), torch.tensor(y)).item()
    agree(ce, nn.NLLLoss()(F.log_softmax(torch.tensor(Z), dim=1), torch.tensor(y)).item())
    agree(ce, np.mean(np.log(np.exp(Z).sum(axis=1)) - Z[np.arange(6), y]))
    p = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    agree(ce, -np.mean([math.log(p[i, y[i]]) for i in range(6)]))


@pytest.mark.equation("eq-pytorch-log-softmax-twice", tolerance=1e-12)
def test_log_softmax_changes_nothing_the_second_time(agree, rng):
    """Log-softmax of the logarithms of normalised probabilities against those logarithms."""
    shares = rng.dirichlet(np.ones(6), size=5)
    logs = np.log(shares / shares.sum(axis=1, keepdims=True))
    agree(F.log_softmax(torch.tensor(logs), dim=1).numpy(), logs)
    Z = torch.tensor(10 * rng.standard_normal((5, 6)))
    once = F.log_softmax(Z, dim=1)
    agree(F.log_softmax(once, dim=1).numpy(), once.numpy())


@pytest.mark.equation("eq-pytorch-softmax-twice", tolerance=1e-9)
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_a_second_softmax_keeps_the_loss_above_its_floor(agree, rng, n_classes):
    """Random logits of all sizes stay above the floor; a certain, right answer reaches it."""
    floor = math.log(math.e + n_classes - 1) - 1
    for scale in (0.1, 1, 10):
        Z = torch.tensor(scale * rng.standard_normal((500, n_classes)))
        y = torch.tensor(rng.integers(n_classes, size=500))
        twice = F.cross_entropy(F.softmax(Z, dim=1), y, reduction="none")
        assert twice.min() >= floor
    certain = torch.zeros(1, n_classes, dtype=torch.float64)
    certain[0, 0] = 60.0
    zero = torch.tensor([0])
    agree(F.cross_entropy(F.softmax(certain, dim=1), zero).item(), floor)
    assert F.cross_entropy(certain, zero) < 1e-9  # no floor without the second softmax


@pytest.mark.equation("eq-pytorch-sgd", tolerance=1e-12)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_the_recurrence_is_pytorchs_sgd(agree, rng, momentum, weight_decay):
    """Three lines of NumPy against torch.optim.SGD, 300 steps, a new learning rate in each."""
    theta, v = rng.standard_normal(5), np.zeros(5)
    theirs = torch.tensor(theta, requires_grad=True)
    optimizer = torch.optim.SGD([theirs], lr=0.1, momentum=momentum, weight_decay=weight_decay)
    for t in range(300):
        eta = 0.1 * (1 + math.sin(t)) + 0.01
        gradient = rng.standard_normal(5)
        g = gradient + weight_decay * theta
        v = momentum * v + g
        theta = theta - eta * v
        optimizer.param_groups[0]["lr"] = eta
        theirs.grad = torch.tensor(gradient)
        optimizer.step()
        agree(theta, theirs.detach().numpy())


def test_a_learning_rate_inside_the_velocity_is_another_method(rng):
    """Equal at a constant rate, different at a changing one: why the rate must change in tests."""
    for rates, same in (([0.1] * 20, True), ([0.1] * 10 + [0.01] * 10, False)):
        a = b = v = u = 0.0
        for eta, g in zip(rates, rng.standard_normal(20), strict=True):
            v = 0.9 * v + g
            a -= eta * v
            u = 0.9 * u + eta * g
            b -= u
        assert math.isclose(a, b, rel_tol=1e-12) == same


@pytest.mark.equation("eq-pytorch-velocity", tolerance=1e-12)
def test_the_velocity_is_a_fading_sum_of_gradients(agree, rng):
    """The sum against the buffer in torch.optim.SGD, and its limit at a constant gradient."""
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.8)
    gradients = rng.standard_normal((25, 3))
    for t, gradient in enumerate(gradients, start=1):
        w.grad = torch.tensor(gradient)
        optimizer.step()
        buffer = optimizer.state[w]["momentum_buffer"].numpy()
        agree(buffer, sum(0.8 ** (t - s) * gradients[s - 1] for s in range(1, t + 1)))
    for _ in range(300):
        w.grad = torch.ones(3, dtype=torch.float64)
        optimizer.step()
    agree(optimizer.state[w]["momentum_buffer"].numpy(), np.full(3, 1 / (1 - 0.8)))


@pytest.mark.equation("eq-pytorch-decay", tolerance=1e-12)
def test_decay_alone_shrinks_by_a_constant_factor(agree):
    """The power against torch.optim.SGD with gradients of zero, for a weight and a bias."""
    layer = nn.Linear(2, 2, dtype=torch.float64)
    start = [p.detach().clone().numpy() for p in layer.parameters()]
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, weight_decay=0.3)
    for _ in range(40):
        for p in layer.parameters():
            p.grad = torch.zeros_like(p)
        optimizer.step()
    for p, q in zip(layer.parameters(), start, strict=True):
        agree(p.detach().numpy(), (1 - 0.1 * 0.3) ** 40 * q)


@pytest.mark.equation("eq-pytorch-accumulation", tolerance=1e-12)
def test_backward_adds_to_what_is_there(agree, rng):
    """.grad after three backward passes against the sum of three separate gradients."""
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    inputs = [torch.tensor(rng.standard_normal((5, 4))) for _ in range(3)]
    labels = [torch.tensor(rng.integers(3, size=5)) for _ in range(3)]
    for X, y in zip(inputs, labels, strict=True):
        F.cross_entropy(model(X), y).backward()
    alone = [
        torch.autograd.grad(F.cross_entropy(model(X), y), list(model.parameters()))
        for X, y in zip(inputs, labels, strict=True)
    ]
    for p, *gradients in zip(model.parameters(), *alone, strict=True):
        agree(p.grad.numpy(), sum(g.numpy() for g in gradients))


@pytest.mark.equation("eq-pytorch-epoch-loss", tolerance=1e-12)
def test_batch_means_count_by_their_sizes(agree, rng):
    """Batch means weighted by size against the mean over samples; the plain mean is off."""
    sample_losses = rng.exponential(size=300)
    parts = [sample_losses[:128], sample_losses[128:256], sample_losses[256:]]
    weighted = sum(len(part) / 300 * part.mean() for part in parts)
    agree(weighted, math.fsum(sample_losses) / 300)
    assert abs(np.mean([part.mean() for part in parts]) - sample_losses.mean()) > 1e-3
