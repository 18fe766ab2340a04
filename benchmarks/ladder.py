"""From the plain step to the fused one, one change at a time, on the two small networks.

Each contestant makes the same full-batch steps with momentum and weight decay on a regression. The
first is the plain `step`, the last is `FusedStep`; those between add one change each. Beside the
plain step stands its version in float64.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from benchmarks.training_steps import MOMENTUM, WEIGHT_DECAY, Curve, Workload
from mlpbook.scratch import losses
from mlpbook.scratch.fused import FusedStep
from mlpbook.scratch.optimizers import SGD
from mlpbook.scratch.training import step as plain_step

Start = Callable[[], Callable[[], Curve]]


def library(task: Workload, *, fused: bool, dtype: type = np.float32) -> Start:
    """A step of the library, on all samples at once."""
    X, y = task.data(dtype)
    everything = np.arange(len(X))

    def start() -> Callable[[], Curve]:
        model, loss_fn = task.model(dtype), getattr(losses, task.loss)()
        optimizer = SGD(model.parameters(), task.lr, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
        if fused:
            step = FusedStep(model, loss_fn, optimizer, X, y)
            return lambda: [step(everything) for _ in range(task.steps)]
        return lambda: [plain_step(model, loss_fn, optimizer, X, y) for _ in range(task.steps)]

    return start


def by_hand(task: Workload, *, ones: bool, flat: bool) -> Start:
    """The same step written for this network, with a place for every result (out=).

    With `ones`, [W b] is one matrix and a row of ones is below the columns of samples; with
    `flat`, the optimizer works on one vector.
    """
    X, y = task.data()
    n, tanh = len(X), task.activation == "Tanh"
    pairs = list(pairwise(task.sizes))

    def start() -> Callable[[], Curve]:
        values = [p.copy() for p in task.model().parameters()]
        sizes = [(m, k + 1) for k, m in pairs]
        size = sum(m * k for m, k in sizes)
        theta, g, v, t = (np.zeros(size, np.float32) for _ in range(4))
        split = np.cumsum([m * k for m, k in sizes])[:-1]
        blocks, dblocks = ([*map(np.reshape, np.split(x, split), sizes)] for x in (theta, g))
        for block, W, b in zip(blocks, values[::2], values[1::2], strict=True):
            block[:, :-1], block[:, -1] = W, b
        A = [np.ones((k + 1, n), np.float32) for k in task.sizes]
        A[0][:-1] = X.T
        Z, dZ = ([np.empty((k, n), np.float32) for k in task.sizes] for _ in range(2))
        S = [np.empty((k, n), np.float32 if tanh else bool) for k in task.sizes]  # slopes
        Z = [a[:-1] for a in A] if ones else [np.ascontiguousarray(A[0][:-1]), *Z[1:]]
        ws = [np.ascontiguousarray(block[:, :-1]) for block in blocks]
        bs = [np.ascontiguousarray(block[:, -1:]) for block in blocks]
        dws, dbs = [np.empty_like(w) for w in ws], [np.empty_like(b) for b in bs]
        if flat:
            groups = [(theta, g, v, t)]
        else:
            own = (blocks, dblocks) if ones else (ws + bs, dws + dbs)
            groups = [(p, d, np.zeros_like(p), np.empty_like(p)) for p, d in zip(*own, strict=True)]
        target, last, depth = np.ascontiguousarray(y.T), len(pairs) - 1, range(len(pairs))
        zeros = [np.zeros_like(z) for z in Z]

        def step() -> float:
            for k in depth:
                if ones:
                    np.dot(blocks[k], A[k], out=Z[k + 1])
                else:
                    np.dot(ws[k], Z[k], out=Z[k + 1])
                    np.add(Z[k + 1], bs[k], out=Z[k + 1])
                if k < last and tanh:
                    np.tanh(Z[k + 1], out=Z[k + 1])
                elif k < last:
                    np.maximum(Z[k + 1], zeros[k + 1], out=Z[k + 1])
            r = dZ[-1]
            np.subtract(Z[-1], target, out=r)
            loss = float(np.vdot(r, r) / r.size)
            np.multiply(r, 2 / r.size, out=r)
            for k in reversed(depth):
                if ones:
                    np.dot(dZ[k + 1], A[k].T, out=dblocks[k])
                else:
                    np.dot(dZ[k + 1], Z[k].T, out=dws[k])
                    np.sum(dZ[k + 1], axis=1, keepdims=True, out=dbs[k])
                if k:
                    W = blocks[k][:, :-1] if ones else ws[k]
                    np.dot(W.T, dZ[k + 1], out=dZ[k])
                    if tanh:
                        np.square(Z[k], out=S[k])
                        np.subtract(1, S[k], out=S[k])
                    else:
                        np.greater(Z[k], zeros[k], out=S[k])
                    np.multiply(dZ[k], S[k], out=dZ[k])
            for p, d, velocity, free in groups:
                np.multiply(p, WEIGHT_DECAY, out=free)
                np.add(d, free, out=d)
                np.multiply(velocity, MOMENTUM, out=velocity)
                np.add(velocity, d, out=velocity)
                np.multiply(velocity, task.lr, out=free)
                np.subtract(p, free, out=p)
            return loss

        return lambda: [step() for _ in range(task.steps)]

    return start


LADDER: dict[str, Callable[[Workload], Start]] = {
    "plain, float64": partial(library, fused=False, dtype=np.float64),
    "plain": partial(library, fused=False),
    "out=": partial(by_hand, ones=False, flat=False),
    "ones": partial(by_hand, ones=True, flat=False),
    "flat": partial(by_hand, ones=True, flat=True),
    "fused": partial(library, fused=True),
}


def check_same_losses(curves: dict[str, Curve]) -> None:
    """Require that every contestant computed the same losses, up to rounding."""
    for name, curve in curves.items():
        if not np.allclose(curve[:50], curves["plain"][:50], rtol=1e-3):
            raise RuntimeError(f"{name} must compute the plain step's losses, got {curve[:3]}.")
