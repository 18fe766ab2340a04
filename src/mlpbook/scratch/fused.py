r"""The same training step, made fast: NumPy calls that are prepared once and repeated.

`mlpbook.scratch.training.step` asks each layer for its formula. Here a network and its loss become
a list of calls with all their arguments:

- Every call writes into an array that exists already (``out=``).
- A batch has one column per sample, and a row of ones below. So :math:`[W\; b]` is one matrix, one
  product gives :math:`WA + b\mathbf 1^\top`, and one product gives the gradients of both.
- All parameters are one vector, and so are their gradients and each state of the optimizer, which
  works on pieces of them that fit into the processor's cache.
- A step of SGD is linear in parameters, velocity and gradient: a small matrix times these three.
"""

import copy
from collections.abc import Callable
from functools import cache, lru_cache, partial
from itertools import pairwise
from typing import Any

import numpy as np

from mlpbook.data import batches
from mlpbook.scratch.layers import Linear, ReLU, Sigmoid, Tanh
from mlpbook.scratch.losses import BCEWithLogitsLoss, CrossEntropyLoss, Loss, MSELoss
from mlpbook.scratch.network import Sequential
from mlpbook.scratch.optimizers import SGD, Adam, AdamW, Optimizer
from mlpbook.scratch.training import check_data, check_optimizer, evaluate
from mlpbook.shared import Array
from mlpbook.shared.history import History
from mlpbook.shared.training_loop import TrainingRun

__all__ = ["FusedStep", "fit"]

Program = list[Callable[[], Any]]
PIECE = 16_384  # numbers of a vector that are updated at a time: 64 kB in float32


class FusedStep:
    """A training step for one network, loss, optimizer and data set, as `fit` has checked them.

    ``step(batch)`` takes the indices of a batch and returns its loss; ``step.store()`` copies the
    results to the network and the optimizer, which are not changed before. What it does not know
    raises TypeError.
    """

    def __init__(
        self, model: Sequential, loss_fn: Loss, optimizer: Optimizer, X: Array, y: Array
    ) -> None:
        kinds = [type(part) for part in (*model.layers, loss_fn, optimizer)]  # no subclasses
        layers, between, is_sgd = kinds[:-2], kinds[1:-2:2], kinds[-1] is SGD
        fits = {*layers[::2], layers[-1]} == {Linear} and _ACTIVATIONS.keys() >= set(between)
        if not fits or kinds[-2] not in _LOSSES or kinds[-1] not in _OPTIMIZERS:
            raise TypeError(
                "a fused step needs Linear layers with ReLU, Tanh or Sigmoid between them, "
                "MSELoss, CrossEntropyLoss or BCEWithLogitsLoss, and SGD, Adam or AdamW, got "
                f"{', '.join(kind.__name__ for kind in kinds)}. Use mlpbook.scratch.training.fit."
            )
        self.loss_fn, self.compiled = loss_fn, cache(self._compile)
        self.activations = [_ACTIVATIONS[kind] for kind in between]
        self.sizes = [X.shape[1], *(len(b) for b in model.parameters()[1::2])]
        self.X, self.y = np.hstack([X, np.ones((len(X), 1), X.dtype)]), y
        shapes = [(n_out, n_in + 1) for n_in, n_out in pairwise(self.sizes)]
        ends = np.cumsum([m * n for m, n in shapes])
        names = ("parameters", *(("velocities",) if is_sgd else ("means", "squares")))
        rows = np.zeros((len(names) + 1, ends[-1]), X.dtype)  # parameters, state, gradients
        blocks = [  # [W b] of each layer, and what belongs to it in the other rows
            [v.reshape(s) for v, s in zip(np.split(row, ends[:-1]), shapes, strict=True)]
            for row in rows
        ]
        self.W, self.dW, self.pairs = blocks[0], blocks[-1], list[tuple[Array, Array]]()
        for name, row in zip(names, blocks, strict=False):
            places = (place for block in row for place in (block[:, :-1], block[:, -1]))
            self.pairs += zip(getattr(optimizer, name), places, strict=True)
        for array, place in self.pairs:
            place[...] = array
        pieces = [rows[:, start : start + PIECE] for start in range(0, ends[-1], PIECE)]
        self.update = _sgd(optimizer, pieces) if is_sgd else _adam(optimizer, pieces)

    def __call__(self, batch: Array) -> float:
        """Make one step on the samples with these indices; return the loss before it."""
        inputs, forward, loss, backward = self.compiled(len(batch))
        self.X.take(batch, 0, inputs, "clip")  # "raise" would take twice the time
        for call in forward:
            call()
        value: float = loss(self.y.take(batch, 0))
        for call in backward:
            call()
        self.update()
        return value

    def store(self) -> None:
        """Copy parameters and state into the arrays of the network and the optimizer."""
        for array, place in self.pairs:
            array[...] = place

    def _compile(self, n: int) -> tuple[Array, Program, Callable[[Array], float], Program]:
        """Return inputs (n, n_0 + 1) to fill, and the calls for a batch of n samples."""
        inputs = np.empty((n, self.X.shape[1]), self.X.dtype)
        A = [inputs.T, *(np.ones((width + 1, n), inputs.dtype) for width in self.sizes[1:])]
        Z = [a[:-1] for a in A]  # without the ones; the activations overwrite them
        dZ = [np.empty_like(z) for z in Z]
        forward = _product(self.W[0], A[0], Z[1])
        backward = [partial(np.dot, dZ[1], A[0].T, self.dW[0])]
        for k, activation in enumerate(self.activations, start=1):
            function, slope = activation(Z[k], dZ[k])
            forward += [*function, *_product(self.W[k], A[k], Z[k + 1])]
            dW = partial(np.dot, dZ[k + 1], A[k].T, self.dW[k])
            dA = partial(np.dot, self.W[k][:, :-1].T, dZ[k + 1], dZ[k])
            backward = [dW, dA, *slope, *backward]
        return inputs, forward, self._loss(Z[-1], dZ[-1]), backward

    def _loss(self, Z: Array, dZ: Array) -> Callable[[Array], float]:
        """Return a function of the targets that computes the loss and sets dZ."""
        n, r, columns = Z.shape[1], dZ.reshape(-1), np.arange(Z.shape[1])
        factor = np.array(2 / r.size, r.dtype)

        def mse(y: Array) -> float:
            np.subtract(Z, y.T, dZ)
            value = float(np.dot(r, r)) / r.size
            np.multiply(r, factor, r)
            return value

        def cross_entropy(y: Array) -> float:
            np.subtract(Z, np.maximum.reduce(Z), Z)
            total = np.add.reduce(np.exp(Z, dZ))
            labels = y * n + columns
            value = float((np.log(total) - Z.reshape(-1).take(labels)).sum()) / n
            np.divide(dZ, total * n, dZ)
            r[labels] -= 1 / n
            return value

        def other(y: Array) -> float:
            value = self.loss_fn.forward(Z.T, y)
            dZ[...] = self.loss_fn.backward().T
            return value

        return {MSELoss: mse, CrossEntropyLoss: cross_entropy}.get(type(self.loss_fn), other)


@np.errstate(all="ignore")  # a run that diverges ends with an error of its own
def fit(
    model: Sequential, loss_fn: Loss, optimizer: Optimizer, X: Any, y: Any, *, epochs: int,
    batch_size: int, rng: np.random.Generator, schedule: Any = None, validation: Any = None,
    **options: Any,
) -> History:  # fmt: skip
    """Train as `mlpbook.scratch.training.fit` does, with the same arguments, but faster."""
    X, y = check_data(model, loss_fn, X, y)
    validation = validation and check_data(model, loss_fn, *validation)
    check_optimizer(model, optimizer)
    run = TrainingRun(epochs, batch_size, rng, validation=validation, **options)
    step = FusedStep(model, loss_fn, optimizer, X, y)
    for _ in run.epochs():
        for batch in batches(len(X), batch_size, rng=rng):
            if schedule is not None:
                optimizer.lr = schedule(run.n_steps)
            run.record(step(batch), n_samples=len(batch), lr=optimizer.lr)
        step.store()
        if validation is not None:
            loss, error = evaluate(model, loss_fn, *validation)
            run.record_validation(loss, error, model=model, lr=optimizer.lr)
    return run.finish(model, lr=optimizer.lr)


def _sgd(optimizer: Any, pieces: list[Array]) -> Callable[[], None]:
    """Return a function that updates pieces (3, n) of parameters, velocities and gradients."""
    parts = [(piece, np.empty_like(piece[:2]), *piece[:2]) for piece in pieces]

    @lru_cache(1)
    def matrix(lr: float, beta: float) -> Array:
        v = np.array([optimizer.weight_decay, beta, 1])
        move = (1 + beta) * v - [0, beta, 0] if optimizer.nesterov else v
        return np.array([-lr * move, v], pieces[0].dtype)

    def update() -> None:
        M = matrix(optimizer.lr, optimizer.momentum)
        for piece, new, theta, v in parts:
            np.dot(M, piece, new)
            np.add(theta, new[0], theta)
            np.copyto(v, new[1])

    return update


def _adam(optimizer: Any, pieces: list[Array]) -> Callable[[], None]:
    """Return a function with which the optimizer itself updates pieces (4, n) of the rows."""
    own = copy.copy(optimizer)
    own.parameters, own.means, own.squares, gradients = (
        list(row) for row in zip(*pieces, strict=True)
    )

    def update() -> None:
        own.lr = optimizer.lr
        own.step(gradients)
        optimizer.t = own.t

    return update


def _product(W: Array, A: Array, out: Array) -> Program:
    """Return the calls that set out = W A."""
    if len(A) < 256 or len(out) >= out.shape[1]:
        return [partial(np.dot, W, A, out)]
    transposed = np.empty(out.shape[::-1], out.dtype)  # for few outputs OpenBLAS is twice as fast
    return [partial(np.dot, A.T, W.T, transposed), partial(np.copyto, out, transposed.T)]


def _relu(Z: Array, dZ: Array) -> tuple[Program, Program]:
    zeros, mask = np.zeros_like(Z), np.empty(Z.shape, bool)  # zeros: faster than the number 0
    slope = [partial(np.greater, Z, zeros, mask), partial(np.multiply, dZ, mask, dZ)]
    return [partial(np.maximum, Z, zeros, out=Z)], slope


def _tanh(Z: Array, dZ: Array) -> tuple[Program, Program]:
    one, S = np.array(1, Z.dtype), np.empty_like(Z)
    slope = [partial(np.square, Z, S), partial(np.subtract, one, S, S)]  # 1 - a^2
    return [partial(np.tanh, Z, Z)], [*slope, partial(np.multiply, dZ, S, dZ)]


def _sigmoid(Z: Array, dZ: Array) -> tuple[Program, Program]:
    one, S = np.array(1, Z.dtype), np.empty_like(Z)
    function = [partial(np.negative, Z, Z), partial(np.exp, Z, Z), partial(np.add, Z, one, Z)]
    slope = [partial(np.subtract, one, Z, S), partial(np.multiply, S, Z, S)]  # (1 - a) a
    return [*function, partial(np.divide, one, Z, Z)], [*slope, partial(np.multiply, dZ, S, dZ)]


_ACTIVATIONS: dict[type, Any] = {ReLU: _relu, Tanh: _tanh, Sigmoid: _sigmoid}
_LOSSES, _OPTIMIZERS = (MSELoss, CrossEntropyLoss, BCEWithLogitsLoss), (SGD, Adam, AdamW)
