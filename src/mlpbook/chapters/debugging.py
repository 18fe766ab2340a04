"""Debugging: a small training set-up, eleven bugs that can be planted in it, and checks.

`Setup` holds all that a training needs: data, loader, network, loss, optimizer, validation. Its
methods contain each planted bug beside the right line. The checks are plain functions of a set-up
that return a `Finding`. `hunt` returns a set-up whose bug is not told; `answer` marks a guess.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from mlpbook.checks.gradient_check import numerical_gradient
from mlpbook.data import load_mnist
from mlpbook.scratch.layers import Dropout, Linear, ReLU
from mlpbook.scratch.losses import CrossEntropyLoss, log_softmax, softmax
from mlpbook.scratch.network import Sequential
from mlpbook.scratch.optimizers import SGD
from mlpbook.shared import Array
from mlpbook.shared.initializers import normal

__all__ = [
    "CASES",
    "CHECKS",
    "NAMED",
    "Finding",
    "Setup",
    "answer",
    "batch_is_mean",
    "every_array_moves",
    "gradient_agrees",
    "hunt",
    "inputs_matter",
    "labels_fit_images",
    "loss_at_start",
    "modes_switch",
    "outputs_spread",
    "overfits_twenty",
    "penalty_raises_objective",
    "range_test",
    "run_repeats",
    "scaler_is_from_training",
    "train",
    "update_ratio",
]

CASES = (
    "healthy",
    "labels shuffled",
    "augmentation turns digits",
    "scaler fitted on validation",
    "loss averaged twice",
    "loss pairs every label",
    "softmax twice",
    "dead signal",
    "frozen layer",
    "gradients accumulate",
    "training mode forgotten",
    "learning rate times 100",
)
"""The set-ups of the laboratory; the first has no bug."""


@cache
def _images() -> tuple[Array, Array, Array, Array]:
    """Return 1,000 images for training and 400 for validation, with their labels."""
    X, y, _, _ = load_mnist().flat()
    images = X[:1400].reshape(-1, 28, 28).astype(np.float64)
    return images[:1000], y[:1000], images[1000:], y[1000:1400]


def _pool(images: Array) -> Array:
    """Return the means of blocks of 4 by 4 pixels, (N, 49)."""
    return np.asarray(images.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49))


@cache
def _pooled() -> tuple[Array, Array]:
    """Return the pooled images for training and validation."""
    images, _, validation, _ = _images()
    return _pool(images), _pool(validation)


class Setup:
    """A complete small training of 49-64-64-10 on digits, perhaps with one planted bug.

    Parameters
    ----------
    case : str
        One of `CASES`.
    seed : int
        Of the weights, the batches, the augmentation and dropout.
    lr : float, optional
        The learning rate of the set-up.

    Raises
    ------
    ValueError
        If there is no such case.

    Examples
    --------
    >>> Setup("healthy", seed=3)
    Setup(seed=3)
    """

    n_classes = 10
    batch_size = 50

    def __init__(self, case: str = "healthy", *, seed: int = 0, lr: float = 0.1) -> None:
        if case not in CASES:
            raise ValueError(f"case must be one of CASES, got {case!r}. Look at CASES.")
        self.seed = seed
        self._arguments = (lr, _digest(case, seed))
        self._build()

    def __repr__(self) -> str:
        """Return the seed only: a hunt must not tell its bug."""
        return f"Setup(seed={self.seed})"

    def _has(self, bug: str) -> bool:
        return _digest(bug, self.seed) == self._arguments[1]

    def _build(self) -> None:
        rng = self.rng = np.random.default_rng(self.seed)
        self.images, self.y, _, self.y_validation = _images()
        train_features, validation_features = _pooled()
        leak = self._has("scaler fitted on validation")
        fitted_on = validation_features if leak else train_features
        self.mean, self.scale = fitted_on.mean(axis=0), fitted_on.std(axis=0) + 0.1
        self.X = (train_features - self.mean) / self.scale
        self.X_validation = (validation_features - self.mean) / self.scale
        self.model = Sequential(
            [
                Linear(49, 64, rng=rng),
                ReLU(),
                Linear(64, 64, rng=rng),
                ReLU(),
                Dropout(0.1, rng=np.random.default_rng(self.seed)),
                Linear(64, 10, rng=rng, initializer=normal(0.01)),  # starts near ln 10
            ]
        )
        if self._has("dead signal"):
            self.model.parameters()[1][...] = -20  # the first layer's biases
        self.lr = self._arguments[0] * (100 if self._has("learning rate times 100") else 1)
        trained = self.model.parameters()
        self._first = 2 if self._has("frozen layer") else 0
        self.optimizer = SGD(trained[self._first :], lr=self.lr)
        self._sums = [np.zeros_like(p) for p in trained]

    def fresh(self, *, lr: float | None = None, seed: int | None = None) -> "Setup":
        """Return the same set-up, untrained; with another learning rate or seed if asked."""
        case = next(name for name in CASES if self._has(name))
        other_lr = self._arguments[0] if lr is None else lr
        return Setup(case, seed=self.seed if seed is None else seed, lr=other_lr)

    def features(self, images: Array) -> Array:
        """Return pooled and scaled images, (N, 49)."""
        return np.asarray((_pool(images) - self.mean) / self.scale)

    def batch(self, n: int | None = None) -> tuple[Array, Array]:
        """Return what the loader delivers: n samples, augmented, (n, 49), and labels (n,)."""
        chosen = self.rng.choice(len(self.y), n or self.batch_size, replace=False)
        images, y = self.images[chosen], self.y[chosen]
        images = np.roll(images, self.rng.integers(-1, 2, size=2), axis=(1, 2))  # by one pixel
        if self._has("augmentation turns digits"):
            images = np.where(self.rng.random((len(y), 1, 1)) < 0.5, images[:, ::-1, ::-1], images)
        if self._has("labels shuffled"):
            y = self.rng.permutation(y)
        return self.features(images), y

    def loss(self, X: Array, y: Array) -> float:
        """Return the data loss of a batch, in the network's present mode."""
        return self._loss_and_adjoint(X, y)[0]

    def objective(self, X: Array, y: Array, penalty: float) -> float:
        """Return the loss plus half the penalty times the sum of squared weights."""
        squares = sum(float(np.sum(W**2)) for W in self.model.parameters()[::2])
        return self.loss(X, y) + 0.5 * penalty * squares

    def gradients(self, X: Array, y: Array) -> list[Array]:
        """Return the gradients of the loss, one per parameter array."""
        self.model.backward(self._loss_and_adjoint(X, y)[1])
        gradients = [g.copy() for g in self.model.gradients()]
        if self._has("gradients accumulate"):
            for total, g in zip(self._sums, gradients, strict=True):
                total += g
            gradients = [total.copy() for total in self._sums]
        return gradients

    def step(self, X: Array, y: Array) -> float:
        """Make one step of gradient descent; return the loss before it."""
        loss = self.loss(X, y)
        self.optimizer.step(self.gradients(X, y)[self._first :])
        return loss

    def validate(self) -> tuple[float, float]:
        """Return loss and error rate on the validation images."""
        self.model.eval()
        loss = self.loss(self.X_validation, self.y_validation)
        wrong = self.model.forward(self.X_validation).argmax(axis=1) != self.y_validation
        if not self._has("training mode forgotten"):
            self.model.train()
        return loss, float(wrong.mean())

    def _loss_and_adjoint(self, X: Array, y: Array) -> tuple[float, Array]:
        Z = self.model.forward(X)
        if self._has("softmax twice"):
            P = softmax(Z)
            loss_fn = CrossEntropyLoss()
            loss, dP = loss_fn.forward(P, y), loss_fn.backward()
            return loss, P * (dP - (P * dP).sum(axis=1, keepdims=True))
        if self._has("loss pairs every label"):
            log_p = log_softmax(Z)
            shares = np.bincount(y, minlength=self.n_classes) / len(y)
            return -float(log_p[:, y].mean()), (np.exp(log_p) - shares) / len(y)  # (N, N)
        loss_fn = CrossEntropyLoss()
        loss, dZ = loss_fn.forward(Z, y), loss_fn.backward()
        n = len(y) if self._has("loss averaged twice") else 1
        return loss / n, dZ / n


def _digest(case: str, seed: int) -> str:
    return hashlib.sha256(f"{case}, {seed}, planted".encode()).hexdigest()


def train(setup: Setup, steps: int) -> list[float]:
    """Make some steps with batches of the loader; return the loss before each."""
    with np.errstate(all="ignore"):
        return [setup.step(*setup.batch()) for _ in range(steps)]


@dataclass(frozen=True)
class Finding:
    """What a check measured, and whether it raises the alarm."""

    value: float
    alarm: bool


def labels_fit_images(setup: Setup) -> Finding:
    """Compare labels after the loader with those of the nearest images."""
    setup = setup.fresh()
    X, y = setup.batch(200)
    # squared distances, up to |x|^2
    squares = (setup.X**2).sum(axis=1) - 2 * X @ setup.X.T
    agreement = float((setup.y[squares.argmin(axis=1)] == y).mean())
    return Finding(agreement, agreement < 0.85)


def scaler_is_from_training(setup: Setup) -> Finding:
    """Measure the largest mean of a training feature; it must be 0."""
    largest = float(np.abs(setup.X.mean(axis=0)).max())
    return Finding(largest, largest > 1e-6)


def loss_at_start(setup: Setup) -> Finding:
    """Compare the loss before training with ln C."""
    setup = setup.fresh()
    ratio = setup.loss(*setup.batch()) / np.log(setup.n_classes)
    return Finding(float(ratio), bool(abs(ratio - 1) > 0.1))


def outputs_spread(setup: Setup) -> Finding:
    """Measure how much untrained outputs differ between inputs."""
    setup = setup.fresh()
    setup.model.eval()
    spread = float(setup.model.forward(setup.X).std(axis=0).mean())
    return Finding(spread, spread < 1e-6)


def batch_is_mean(setup: Setup) -> Finding:
    """Compare the loss of a batch with the mean of its samples' losses."""
    setup = setup.fresh()
    train(setup, 20)
    setup.model.eval()
    X, y = setup.batch()
    each = [setup.loss(X[[i]], y[[i]]) for i in range(len(y))]
    deviation = abs(setup.loss(X, y) / float(np.mean(each)) - 1)
    return Finding(deviation, not deviation < 1e-9)


def gradient_agrees(setup: Setup) -> Finding:
    """Compute a gradient twice; compare with finite differences."""
    setup = setup.fresh()
    setup.model.eval()
    X, y = setup.batch()
    setup.gradients(X, y)
    by_hand = setup.gradients(X, y)[-1]
    b = setup.model.parameters()[-1]
    numerical = numerical_gradient(lambda: setup.loss(X, y), b)
    difference = np.abs(by_hand - numerical).max()
    deviation = float(difference / np.abs(numerical).max())
    return Finding(deviation, not deviation < 1e-5)


def every_array_moves(setup: Setup) -> Finding:
    """Count the parameter arrays that one step leaves unchanged."""
    setup = setup.fresh()
    before = [p.copy() for p in setup.model.parameters()]
    train(setup, 1)
    after = setup.model.parameters()
    pairs = zip(before, after, strict=True)
    still = sum(bool((p == q).all()) for p, q in pairs)
    return Finding(still, still > 0)


def update_ratio(setup: Setup) -> Finding:
    """Measure the sixth step relative to the second layer's weights."""
    setup = setup.fresh()
    train(setup, 5)
    before = setup.model.parameters()[2].copy()  # W of layer 2
    train(setup, 1)
    with np.errstate(all="ignore"):
        change = np.linalg.norm(setup.model.parameters()[2] - before)
        ratio = float(change / np.linalg.norm(before))
    return Finding(ratio, not 1e-4 < ratio < 3e-2)


def modes_switch(setup: Setup) -> Finding:
    """Validate twice; then test that dropout is active again."""
    setup = setup.fresh()
    repeatable = setup.validate() == setup.validate()
    first = setup.model.forward(setup.X)
    noise = float(np.abs(first - setup.model.forward(setup.X)).max())
    return Finding(noise, not repeatable or noise == 0)


def penalty_raises_objective(setup: Setup) -> Finding:
    """Measure by how much a larger penalty raises the objective."""
    setup = setup.fresh()
    setup.model.eval()
    X, y = setup.batch()
    rise = setup.objective(X, y, 0.1) - setup.objective(X, y, 0.0)
    return Finding(rise, not rise > 0)


def inputs_matter(setup: Setup) -> Finding:
    """Train with and without inputs and compare the losses."""
    real, blind = setup.fresh(), setup.fresh()
    with np.errstate(all="ignore"):
        for _ in range(150):
            real.step(*real.batch())
            X, y = blind.batch()
            blind.step(np.zeros_like(X), y)
        X, y = real.batch(400)
        ratio = real.loss(X, y) / blind.loss(np.zeros_like(X), y)
    return Finding(float(ratio), not ratio < 0.7)


def overfits_twenty(setup: Setup) -> Finding:
    """Train on twenty samples until the loss is nearly zero."""
    setup = setup.fresh()
    X, y = setup.batch(20)
    with np.errstate(all="ignore"):
        for _ in range(300):
            loss = setup.step(X, y)
    right = setup.model.forward(X).argmax(axis=1) == y
    return Finding(loss, not (loss < 0.1 and right.all()))


def run_repeats(setup: Setup) -> Finding:
    """Test that one seed gives one run, and another seed another."""
    first, again = train(setup.fresh(), 5), train(setup.fresh(), 5)
    other = train(setup.fresh(seed=setup.seed + 1000), 5)
    return Finding(float(first == again), first != again or first == other)


CHECKS: dict[str, Callable[[Setup], Finding]] = {
    "labels": labels_fit_images,
    "scaler": scaler_is_from_training,
    "ln C": loss_at_start,
    "spread": outputs_spread,
    "mean": batch_is_mean,
    "penalty": penalty_raises_objective,
    "gradient": gradient_agrees,
    "moves": every_array_moves,
    "ratio": update_ratio,
    "modes": modes_switch,
    "seed": run_repeats,
    "twenty": overfits_twenty,
    "blind": inputs_matter,
}
"""The checks under their short names, roughly in order of cost."""

NAMED = {
    "labels shuffled": "labels",
    "augmentation turns digits": "labels",
    "scaler fitted on validation": "scaler",
    "loss averaged twice": "mean",
    "loss pairs every label": "mean",
    "softmax twice": "twenty",
    "dead signal": "spread",
    "frozen layer": "moves",
    "gradients accumulate": "gradient",
    "training mode forgotten": "modes",
    "learning rate times 100": "ratio",
}
"""The check that must raise the alarm, for each planted bug."""


def range_test(setup: Setup, *, low: float = 1e-3, high: float = 30.0, steps: int = 100) -> Array:
    """Raise the learning rate in every step; return rates and smoothed losses, (2, steps)."""
    setup = setup.fresh()
    rates, losses = np.geomspace(low, high, steps), []
    with np.errstate(all="ignore"):
        for rate in rates:
            setup.optimizer.lr = float(rate)
            losses.append(setup.step(*setup.batch()))
    smooth = [float(np.mean(losses[max(0, k - 4) : k + 1])) for k in range(steps)]
    return np.array([rates, smooth])


def hunt(seed: int) -> Setup:
    """Return a set-up whose case was drawn with the seed; printing it does not tell the case.

    >>> hunt(7)
    Setup(seed=7)
    """
    return Setup(CASES[int(np.random.default_rng([seed, 18]).integers(len(CASES)))], seed=seed)


def answer(setup: Setup, case: str) -> bool:
    """Return whether a set-up is the named one of `CASES`.

    Raises
    ------
    ValueError
        If there is no such case.

    Examples
    --------
    >>> answer(Setup("dead signal"), "healthy")
    False
    """
    if case not in CASES:
        raise ValueError(f"case must be one of CASES, got {case!r}. Look at CASES.")
    return setup._has(case)
