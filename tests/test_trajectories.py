"""One trajectory, several implementations: the same loss at every one of 500 steps.

Each implementation is a function of one `Task` and returns the loss before every step and the
parameters after the last. To compare another one, add it to IMPLEMENTATIONS: the first is the
reference.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from mlpbook.autograd import Tensor, cross_entropy, zero_grad
from mlpbook.data import batches
from mlpbook.scratch import layers, losses, network, normalization, optimizers, training
from mlpbook.scratch.schedules import Schedule, cosine, linear_warmup

N_STEPS = 500
SIZES = [5, 16, 12, 3]
N_SAMPLES, BATCH_SIZE = 90, 16  # six batches an epoch, the last of ten
TOLERANCE = 1e-12


@dataclass
class Task:
    """A training run, in words that all implementations understand."""

    optimizer: str
    options: dict[str, Any]
    schedule: Schedule
    loss: str = "CrossEntropyLoss"
    activation: str = "Tanh"
    X: np.ndarray = field(init=False)
    y: np.ndarray = field(init=False)

    def __post_init__(self):
        rng = np.random.default_rng(7)
        self.X = rng.standard_normal((N_SAMPLES, SIZES[0]))
        self.y = (
            rng.integers(SIZES[-1], size=N_SAMPLES)
            if self.loss == "CrossEntropyLoss"
            else rng.standard_normal((N_SAMPLES, SIZES[-1]))
        )

    def steps(self):
        """Yield the batch and the learning rate of every step."""
        rng, t = np.random.default_rng(11), 0
        while True:
            for batch in batches(N_SAMPLES, BATCH_SIZE, rng=rng):
                if t == N_STEPS:
                    return
                yield self.X[batch], self.y[batch], self.schedule(t)
                t += 1


def by_hand(task):
    model = network.MLP(SIZES, getattr(layers, task.activation), rng=np.random.default_rng(3))
    loss_fn = getattr(losses, task.loss)()
    optimizer = getattr(optimizers, task.optimizer)(model.parameters(), lr=1, **task.options)
    values = []
    for X, y, optimizer.lr in task.steps():
        values.append(loss_fn(model(X), y))
        model.backward(loss_fn.backward(), input_gradient=False)
        optimizer.step(model.gradients())
    return values, list(model.parameters())


def by_pytorch(task):
    torch = pytest.importorskip("torch")
    from mlpbook.pytorch import network as torch_network

    model = torch_network.MLP(
        SIZES,
        getattr(torch.nn, task.activation),
        rng=np.random.default_rng(3),
        dtype=torch.float64,
    )
    loss_fn = getattr(torch.nn, task.loss)()
    optimizer = getattr(torch.optim, task.optimizer)(model.parameters(), lr=1, **task.options)
    values = []
    for X, y, optimizer.param_groups[0]["lr"] in task.steps():
        loss = loss_fn(model(torch.tensor(X)), torch.tensor(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    return values, [p.detach().numpy() for p in model.parameters()]


def by_autograd(task):
    """The book's own tensors, which share the network's arrays, with the book's optimizers."""
    parameters = network.MLP(SIZES, rng=np.random.default_rng(3)).parameters()
    leaves = [Tensor(p, requires_grad=True) for p in parameters]
    optimizer = getattr(optimizers, task.optimizer)(parameters, lr=1, **task.options)
    values = []
    for X, y, optimizer.lr in task.steps():
        A = Tensor(X)
        for W, b in zip(leaves[::2], leaves[1::2], strict=True):
            Z = A @ W.T + b
            A = getattr(Z, task.activation.lower())()  # not used after the last layer
        loss = cross_entropy(Z, y) if task.loss == "CrossEntropyLoss" else ((Z - y) ** 2).mean()
        zero_grad(leaves)
        loss.backward()
        optimizer.step([leaf.grad for leaf in leaves])
        values.append(loss.item())
    return values, list(parameters)


IMPLEMENTATIONS: list[Callable[[Task], Any]] = [by_hand, by_autograd, by_pytorch]

CHANGING = linear_warmup(cosine(1.0, 450), 50, start_factor=0.1)


def scaled(rate, schedule=CHANGING):
    return lambda t: rate * schedule(t)


TASKS = {
    "SGD": Task("SGD", {"weight_decay": 1e-3}, scaled(0.2)),
    "SGD, momentum": Task("SGD", {"momentum": 0.9, "weight_decay": 1e-3}, scaled(0.05)),
    "SGD, Nesterov, staircase": Task(
        "SGD",
        {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
        lambda t: 0.05 * 0.3 ** (t // 150),
    ),
    "SGD, regression": Task(
        "SGD", {"momentum": 0.9, "weight_decay": 1e-3}, scaled(0.05), loss="MSELoss"
    ),
    "SGD, sigmoid": Task("SGD", {"momentum": 0.9}, scaled(0.5), activation="Sigmoid"),
    "Adam": Task("Adam", {"weight_decay": 1e-3}, scaled(0.01)),
    "Adam, regression": Task("Adam", {"weight_decay": 1e-3}, scaled(0.01), loss="MSELoss"),
    "Adam, ReLU": Task("Adam", {"betas": (0.8, 0.95)}, scaled(0.01), activation="ReLU"),
    "AdamW": Task("AdamW", {"weight_decay": 1e-2}, scaled(0.01)),
}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_all_implementations_agree_to_1e_12_at_each_of_500_steps(task):
    reference, parameters = IMPLEMENTATIONS[0](task)
    assert len(reference) == N_STEPS
    assert reference[-1] < 0.7 * reference[0]  # it was worth comparing
    for other in IMPLEMENTATIONS[1:]:
        values, theirs = other(task)
        assert values == pytest.approx(reference, rel=TOLERANCE, abs=0)
        for p, q in zip(parameters, theirs, strict=True):
            # relative to the size of an array: single entries may pass through 0
            assert np.abs(p - q).max() <= TOLERANCE * np.abs(p).max()


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        ("SGD", {"momentum": 0.5}),
        # The bias before a batch normalization has gradient 0, and what rounding leaves of it,
        # 1e-17, Adam would divide by its own size: a step of lr in a random direction.
        ("Adam", {"eps": 1e-3}),
    ],
)
def test_whole_runs_with_every_option_of_fit_agree_to_1e_12(optimizer, options):
    torch = pytest.importorskip("torch")
    from mlpbook.pytorch import layers as torch_layers
    from mlpbook.pytorch import network as torch_network
    from mlpbook.pytorch import training as torch_training

    def row(linear, norm, tanh, residual, layer_norm, **options):
        rng = np.random.default_rng(3)
        return [
            linear(5, 8, rng=rng, **options),
            norm(8, **options),
            tanh(),
            residual([linear(8, 8, rng=rng, **options), tanh()]),
            layer_norm(8, **options),
            linear(8, 3, rng=rng, **options),
        ]

    hand = network.Sequential(
        row(
            layers.Linear,
            normalization.BatchNorm,
            layers.Tanh,
            layers.Residual,
            normalization.LayerNorm,
        )
    )
    torches = torch_network.Sequential(
        row(
            torch_layers.Linear,
            torch.nn.BatchNorm1d,
            torch.nn.Tanh,
            torch_layers.Residual,
            torch.nn.LayerNorm,
            dtype=torch.float64,
        )
    )
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((120, 5)), rng.integers(3, size=120)  # nothing to learn: overfits
    histories = []
    for half, model, loss_fn, optim in (
        (training, hand, losses.CrossEntropyLoss(), optimizers),
        (torch_training, torches, torch.nn.CrossEntropyLoss(), torch.optim),
    ):
        histories.append(
            half.fit(
                model,
                loss_fn,
                getattr(optim, optimizer)(model.parameters(), lr=1, weight_decay=1e-3, **options),
                X[:90],
                y[:90],
                epochs=80,
                batch_size=16,
                rng=np.random.default_rng(1),
                schedule=scaled(0.05 if optimizer == "SGD" else 0.01),
                validation=(X[90:], y[90:]),
                patience=10,
            )
        )
    one, two = histories
    assert 10 < one.n_epochs < 80  # stopped early
    assert one.n_epochs == two.n_epochs
    assert one.batch_loss == pytest.approx(two.batch_loss, rel=TOLERANCE, abs=0)
    assert one.train_loss == pytest.approx(two.train_loss, rel=TOLERANCE, abs=0)
    assert one.validation_loss == pytest.approx(two.validation_loss, rel=TOLERANCE, abs=0)
    assert one.validation_error == two.validation_error
    # the best epoch is back in both, running statistics and all
    logits = hand(X[90:])
    assert logits == pytest.approx(torches(torch.tensor(X[90:])).detach().numpy(), rel=1e-10)
    loss = losses.CrossEntropyLoss()(logits, y[90:])
    assert loss == pytest.approx(min(one.validation_loss), rel=1e-14)
