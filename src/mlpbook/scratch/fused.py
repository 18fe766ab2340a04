r"""The same training step, made fast: NumPy calls that are prepared once and repeated.

`mlpbook.scratch.training.step` asks each layer for its formula. Here they become a list of calls:

- Every call writes into an array that exists already (``out=``).
- A batch has one column per sample, and a row of ones below. So :math:`[W\; b]` is one matrix, one
  product gives :math:`WA + b\mathbf 1^\top`, and one product gives the gradients of both.
- All parameters are one vector, and so are their gradients and each state of the optimizer, which
  works on pieces of them that fit into the processor's cache.
"""

import copy
from collections.abc import Callable
from functools import cache, partial
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

PIECE = 32_768  # numbers of a vector that are updated at a time: 128 kB in float32
BETWEEN, OPTIMIZERS = {ReLU, Tanh, Sigmoid}, {SGD, Adam, AdamW}
LOSSES = {MSELoss, CrossEntropyLoss, BCEWithLogitsLoss}


class FusedStep:
    """A training step for one network, loss, optimizer and data set, as `fit` has checked them.

    ``step(batch)`` takes the indices of a batch and returns its loss; ``step.store()`` copies the
    results to the network and the optimizer, which are not changed before.
    """

    def __init__(self, model: Sequential, loss_fn: Loss, optimizer: Any, X: Array, y: Array):
        kinds = [type(layer) for layer in model.layers]
        self.activations, is_sgd = kinds[1::2], type(optimizer) is SGD  # no subclasses
        is_mlp = {*kinds[::2], kinds[-1]} == {Linear} and {*self.activations} <= BETWEEN
        if not is_mlp or type(loss_fn) not in LOSSES or type(optimizer) not in OPTIMIZERS:
            given = (kind.__name__ for kind in (*kinds, type(loss_fn), type(optimizer)))
            raise TypeError(
                "a fused step takes Linear with ReLU, Tanh or Sigmoid between; MSE, cross-entropy "
                f"or BCE loss; SGD, Adam or AdamW; got {', '.join(given)}. Use training.fit."
            )
        self.loss_fn, self.compiled = loss_fn, cache(self._compile)
        self.sizes = [X.shape[1], *(len(b) for b in model.parameters()[1::2])]
        self.X, self.y = np.hstack([X, np.ones((len(X), 1), X.dtype)]), y
        shapes = [(n_out, n_in + 1) for n_in, n_out in pairwise(self.sizes)]
        ends = np.cumsum([m * n for m, n in shapes])
        names = ["parameters", *(["velocities"] if is_sgd else ["means", "squares"])]
        rows = np.zeros((len(names) + 1, ends[-1]), X.dtype)  # parameters, state, gradients
        blocks = [[*map(np.reshape, np.split(row, ends[:-1]), shapes)] for row in rows]  # [W b]
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
        self.X.take(batch, 0, inputs, "clip")  # "raise" takes twice the time
        for call in forward:
            call()
        value: float = loss(self.y.take(batch, 0))
        for call in (*backward, self.update):
            call()
        return value

    def store(self) -> None:
        """Copy parameters and state into the arrays of the network and the optimizer."""
        for array, place in self.pairs:
            array[...] = place

    def _compile(self, n: int) -> tuple[Array, list[Any], Callable[[Array], float], list[Any]]:
        """Return inputs (n, n_0 + 1) to fill, and the calls for a batch of n samples."""
        inputs = np.empty((n, self.X.shape[1]), self.X.dtype)
        A = [inputs.T, *(np.ones((width + 1, n), inputs.dtype) for width in self.sizes[1:])]
        Z = [a[:-1] for a in A]  # without the ones; the activations overwrite them
        dZ = [np.empty_like(z) for z in Z]
        forward = _product(self.W[0], A[0], Z[1])
        backward = [partial(np.dot, dZ[1], A[0].T, self.dW[0])]
        for k, kind in enumerate(self.activations, start=1):
            function, slope = _activation(kind, Z[k], dZ[k])
            forward += [*function, *_product(self.W[k], A[k], Z[k + 1])]
            dW = partial(np.dot, dZ[k + 1], A[k].T, self.dW[k])
            dA = partial(np.dot, self.W[k][:, :-1].T, dZ[k + 1], dZ[k])
            backward = [dW, dA, *slope, *backward]
        return inputs, forward, partial(self._loss, Z[-1], dZ[-1], dZ[-1].reshape(-1)), backward

    def _loss(self, Z: Array, dZ: Array, r: Array, y: Array) -> float:
        """Return the loss of outputs Z (n_L, n) and set their adjoint dZ, which r is as a row."""
        n = Z.shape[1]
        if type(self.loss_fn) is MSELoss:
            np.subtract(Z, y.T, dZ)
            loss = float(np.dot(r, r)) / r.size
            np.multiply(r, 2 / r.size, r)
        elif type(self.loss_fn) is CrossEntropyLoss:
            np.subtract(Z, np.maximum.reduce(Z), Z)
            total = np.add.reduce(np.exp(Z, dZ))
            labels = y * n + np.arange(n)
            loss = float((np.log(total) - Z.reshape(-1).take(labels)).sum()) / n
            np.divide(dZ, total * n, dZ)
            r[labels] -= 1 / n
        else:
            loss = self.loss_fn.forward(Z.T, y)
            dZ[...] = self.loss_fn.backward().T
        return loss


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
    try:
        for _ in run.epochs():
            for batch in batches(len(X), batch_size, rng=rng):
                if schedule is not None:
                    optimizer.lr = schedule(run.n_steps)
                run.record(step(batch), n_samples=len(batch), lr=optimizer.lr)
            if validation is not None:
                step.store()
                loss, error = evaluate(model, loss_fn, *validation)
                run.record_validation(loss, error, model=model, lr=optimizer.lr)
    finally:
        step.store()
    return run.finish(model, lr=optimizer.lr)


def _sgd(optimizer: Any, pieces: list[Array]) -> Callable[[], None]:
    """Return a function that updates pieces (3, n) of parameters, velocities and gradients."""
    o, multiply, add = optimizer, partial(partial, np.multiply), partial(partial, np.add)
    rate, beta, decay = (np.array(x, pieces[0].dtype) for x in (o.lr, o.momentum, o.weight_decay))
    calls: list[Any] = [lambda: np.copyto(rate, o.lr)]
    buffer = np.empty(PIECE, rate.dtype)  # one for all pieces, so that it stays in the cache
    for theta, v, g in pieces:
        t = buffer[: len(g)]
        calls += [multiply(theta, decay, t), add(g, t, g), multiply(v, beta, v), add(v, g, v)]
        calls += [multiply(v, beta, t), add(t, g, t)] if o.nesterov else []
        calls += [multiply(t if o.nesterov else v, rate, t), partial(np.subtract, theta, t, theta)]

    def update() -> None:
        for call in calls:
            call()

    return update


def _adam(optimizer: Any, pieces: list[Array]) -> Callable[[], None]:
    """Return a function with which the optimizer itself updates pieces (4, n) of the rows."""
    own = copy.copy(optimizer)
    own.parameters, own.means, own.squares, gradients = map(list, zip(*pieces, strict=True))

    def update() -> None:
        own.lr = optimizer.lr
        own.step(gradients)
        optimizer.t = own.t

    return update


def _product(W: Array, A: Array, out: Array) -> list[Any]:
    """Return the calls that set out = W A."""
    if len(A) < 256 or len(out) >= out.shape[1]:
        return [partial(np.dot, W, A, out)]
    transposed = np.empty(out.shape[::-1], out.dtype)  # for few outputs OpenBLAS is twice as fast
    return [partial(np.dot, A.T, W.T, transposed), partial(np.copyto, out, transposed.T)]


def _activation(kind: type, Z: Array, dZ: Array) -> tuple[list[Any], list[Any]]:
    """Return the calls that set Z to its activation, and those that multiply dZ by the slope."""
    zero, one = np.zeros_like(Z), np.ones_like(Z)  # faster than the numbers 0 and 1
    S = np.empty(Z.shape, bool if kind is ReLU else Z.dtype)  # slope
    times = partial(np.multiply, dZ, S, dZ)
    if kind is ReLU:
        return [partial(np.maximum, Z, zero, out=Z)], [partial(np.greater, Z, zero, S), times]
    if kind is Tanh:  # slope 1 - a^2
        square, subtract = partial(np.square, Z, S), partial(np.subtract, one, S, S)
        return [partial(np.tanh, Z, Z)], [square, subtract, times]
    exp = [partial(np.negative, Z, Z), partial(np.exp, Z, Z), partial(np.add, Z, one, Z)]
    slope = [partial(np.subtract, one, Z, S), partial(np.multiply, S, Z, S), times]  # (1 - a) a
    return [*exp, partial(np.divide, one, Z, Z)], slope
