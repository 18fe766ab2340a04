"""The workloads that are timed, and the programs that are compared on them.

All get the same data, shapes, optimizer and number of steps. NumPy and PyTorch also get the same
initial weights and batches, so that their losses must agree. A run returns the mean loss of every
epoch.
"""

import math
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "src"))  # the package is read where it lies

from mlpbook.data import moons, teacher_student
from mlpbook.scratch import layers, losses
from mlpbook.scratch.fused import FusedStep
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD
from mlpbook.scratch.training import fit

MOMENTUM, WEIGHT_DECAY = 0.9, 1e-4
WEIGHTS_SEED, BATCHES_SEED = 1, 2

Curve = list[float]


@dataclass(frozen=True)
class Workload:
    """A network, a data set, and how long to train."""

    name: str
    sizes: tuple[int, ...]
    activation: str  # "ReLU" or "Tanh": both halves know the names
    loss: str  # "MSELoss" or "CrossEntropyLoss"
    n_samples: int
    batch_size: int
    epochs: int
    lr: float

    @property
    def steps(self) -> int:
        """Steps of the optimizer in one training run."""
        return self.epochs * math.ceil(self.n_samples / self.batch_size)

    @property
    def is_classification(self) -> bool:
        """Whether the targets are labels."""
        return self.loss == "CrossEntropyLoss"

    def data(self, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs (n_samples, n_in) and targets; drawn, so that nothing is downloaded."""
        rng = np.random.default_rng(0)
        n_in, n_out = self.sizes[0], self.sizes[-1]
        if self.is_classification:  # one cloud a class
            y = rng.integers(n_out, size=self.n_samples)
            centres = 0.15 * rng.standard_normal((n_out, n_in), dtype=np.float32)
            X = centres[y] + rng.standard_normal((self.n_samples, n_in), dtype=np.float32)
            return X.astype(dtype, copy=False), y
        if n_in == 2:  # on which of two moons a point lies, as -1 or 1
            X, y = moons(self.n_samples, noise=0.1, rng=rng)
            return X.astype(dtype), (2 * y - 1)[:, np.newaxis].astype(dtype)
        task = teacher_student(self.n_samples, n_in=n_in, n_hidden=5, noise_std=0.1, rng=rng)
        return task.X.astype(dtype), task.y.astype(dtype)

    def model(self, dtype: type = np.float32) -> MLP:
        """Return the book's network, as it starts."""
        rng = np.random.default_rng(WEIGHTS_SEED)
        return MLP(self.sizes, getattr(layers, self.activation), rng=rng, dtype=dtype)


WORKLOADS = {
    w.name: w
    for w in (
        Workload("a", (10, 100, 1), "ReLU", "MSELoss", 64, 64, 250, lr=0.01),
        Workload("e", (2, 16, 16, 1), "Tanh", "MSELoss", 200, 200, 2000, lr=0.05),
        Workload("b", (784, 32, 32, 32, 10), "ReLU", "CrossEntropyLoss", 5120, 512, 10, lr=0.01),
        Workload("c", (784, 256, 128, 10), "ReLU", "CrossEntropyLoss", 6400, 128, 2, lr=0.01),
        Workload("d", (784, 800, 10), "ReLU", "CrossEntropyLoss", 2560, 256, 2, lr=0.01),
    )
}


def numpy_by_hand(task: Workload) -> Callable[[], Callable[[], Curve]]:
    """The book's plain NumPy network, as the chapters call it."""
    X, y = task.data()

    def start() -> Callable[[], Curve]:
        model = task.model()
        loss_fn = getattr(losses, task.loss)()
        optimizer = SGD(
            model.parameters(), lr=task.lr, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
        )
        rng = np.random.default_rng(BATCHES_SEED)
        options = {"epochs": task.epochs, "batch_size": task.batch_size, "rng": rng}
        return lambda: fit(model, loss_fn, optimizer, X, y, **options).train_loss

    return start


def numpy_fused(task: Workload) -> Callable[[], Callable[[], Curve]]:
    """The book's fused step in a loop of its own, like PyTorch's: prepared, and no checks."""
    X, y = task.data()

    def start() -> Callable[[], Curve]:
        model = task.model()
        optimizer = SGD(
            model.parameters(), lr=task.lr, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
        )
        step = FusedStep(model, getattr(losses, task.loss)(), optimizer, X, y)
        rng = np.random.default_rng(BATCHES_SEED)

        def train() -> Curve:
            curve = []
            for _ in range(task.epochs):
                order, total = rng.permutation(len(X)), 0.0
                for start in range(0, len(X), task.batch_size):
                    batch = order[start : start + task.batch_size]
                    total += step(batch) * len(batch)
                curve.append(total / len(X))
            return curve

        return train

    return start


def pytorch_eager(task: Workload) -> Callable[[], Callable[[], Curve]]:
    """PyTorch as its users write it, on tensors in memory: no DataLoader, no checks."""
    import torch

    torch.set_num_threads(1)
    X, y = map(torch.from_numpy, task.data())

    def start() -> Callable[[], Curve]:
        modules: list[torch.nn.Module] = []
        values = task.model().parameters()
        for W, b in zip(values[::2], values[1::2], strict=True):
            linear = torch.nn.Linear(W.shape[1], len(W))
            linear.weight.data, linear.bias.data = torch.tensor(W), torch.tensor(b)
            modules += [linear, getattr(torch.nn, task.activation)()]
        model = torch.nn.Sequential(*modules[:-1])
        loss_fn = getattr(torch.nn, task.loss)()
        optimizer = torch.optim.SGD(
            model.parameters(), lr=task.lr, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
        )
        rng = np.random.default_rng(BATCHES_SEED)

        def train() -> Curve:
            curve = []
            for _ in range(task.epochs):
                order, total = torch.from_numpy(rng.permutation(len(X))), 0.0
                for batch in order.split(task.batch_size):
                    loss = loss_fn(model(X[batch]), y[batch])
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    total += loss.item() * len(batch)
                curve.append(total / len(X))
            return curve

        return train

    return start


def scikit_learn(task: Workload) -> Callable[[], Callable[[], Curve]]:
    """scikit-learn's multilayer perceptron with the same options (its penalty spares biases)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    warnings.simplefilter("ignore", ConvergenceWarning)  # timing only
    X, y = task.data()
    y = y if task.is_classification else y.ravel()
    kind = MLPClassifier if task.is_classification else MLPRegressor

    def start() -> Callable[[], Curve]:
        estimator = kind(
            hidden_layer_sizes=task.sizes[1:-1],
            activation=task.activation.lower(),
            solver="sgd",
            learning_rate_init=task.lr,
            momentum=MOMENTUM,
            nesterovs_momentum=False,
            alpha=WEIGHT_DECAY,
            batch_size=task.batch_size,
            max_iter=task.epochs,
            n_iter_no_change=task.epochs,
            tol=0.0,
            random_state=0,
        )
        return lambda: list(map(float, estimator.fit(X, y).loss_curve_))

    return start


def matrix_products(task: Workload) -> Callable[[], Callable[[], None]]:
    """Only the matrix products of the steps: a lower bound for programs on this BLAS."""
    pairs = list(pairwise(task.sizes))
    A = [np.ones((task.batch_size, width), np.float32) for width in task.sizes]
    W = [np.ones((n_out, n_in), np.float32) for n_in, n_out in pairs]
    Z, dA, dW = (list(map(np.empty_like, arrays)) for arrays in (A, A, W))
    depth = range(len(W))

    def train() -> None:
        for _ in range(task.steps):
            for k in depth:
                np.dot(A[k], W[k].T, out=Z[k + 1])
            for k in reversed(depth):
                np.dot(A[k + 1].T, A[k], out=dW[k])
                if k:
                    np.dot(A[k + 1], W[k], out=dA[k])

    return lambda: train


CONTESTANTS = {
    "fused": numpy_fused,
    "numpy": numpy_by_hand,
    "pytorch": pytorch_eager,
    "scikit-learn": scikit_learn,
    "products": matrix_products,
}


def check_learning(curves: dict[str, Curve | None]) -> None:
    """Refuse to time a run that does not learn, or whose losses differ from PyTorch's.

    scikit-learn has its own definition of the loss, weights and batches, and must only learn.
    """
    for name, curve in curves.items():
        if curve is not None and not curve[-1] < 0.9 * curve[0] < math.inf:
            raise RuntimeError(
                f"{name} must learn while it is timed, but its loss went from {curve[0]:.4g} to "
                f"{curve[-1]:.4g}."
            )
    theirs = curves.get("pytorch")
    for name in ("numpy", "fused"):
        ours = curves.get(name)
        for number, tolerance in ((0, 1e-4), (-1, 0.1)) if ours and theirs else ():
            if not math.isclose(ours[number], theirs[number], rel_tol=tolerance):
                raise RuntimeError(
                    f"{name} and PyTorch must compute the same losses, got {ours[number]:.6g} and "
                    f"{theirs[number]:.6g} (epoch {number})."
                )
