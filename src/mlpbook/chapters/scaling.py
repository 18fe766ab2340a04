r"""Scaling: learning rates by width, orthogonalized steps, and what an all-reduce costs.

What this chapter alone uses. The trainer for several processes is `mlpbook.pytorch.distributed`.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from mlpbook.scratch.optimizers import Optimizer
from mlpbook.shared import Array
from mlpbook.shared.validation import check_number

__all__ = [
    "BATCHES",
    "BATCH_RATES",
    "MUON_RATES",
    "MUON_RULES",
    "PROCESSES",
    "Muon",
    "all_reduce_time",
    "orthogonalize",
]

BATCHES = (32, 128, 512, 2560)
"""Batch sizes of the recorded sweep."""
BATCH_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Learning rates of that sweep, for each batch size."""
MUON_RULES = ("momentum", "AdamW", "Muon")
"""The optimizers that are compared."""
MUON_RATES = {
    "momentum": (0.01, 0.03, 0.1, 0.2, 0.4),
    "AdamW": (0.0005, 0.001, 0.002, 0.004, 0.008),
    "Muon": (0.005, 0.01, 0.02, 0.04, 0.08),
}
"""The learning rates that each of them may choose from."""
PROCESSES = (1, 2)
"""Numbers of processes for which the all-reduce is timed."""


def orthogonalize(G: Array, n_steps: int = 5) -> Array:
    r"""Move all singular values of G close to 1, by Newton and Schulz.

    Five steps of :math:`X \leftarrow aX + b(XX^\top)X + c(XX^\top)^2X` with
    Jordan's coefficients, which trade accuracy for speed: singular values
    end between about 0.7 and 1.2. G has any shape (n, m).

    >>> X = orthogonalize(np.diag([3.0, 0.5]))
    >>> bool((abs(np.linalg.svd(X)[1] - 1) < 0.35).all())
    True
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    X = G / (np.linalg.norm(G) + 1e-7)  # singular values at most 1
    if tall := G.shape[0] > G.shape[1]:
        X = X.T  # the smaller of the two products
    for _ in range(n_steps):
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    return X.T if tall else X  # type: ignore[no-any-return]


class Muon(Optimizer):
    r"""Momentum, orthogonalized: for the matrices of hidden layers.

    :math:`v_t = \beta v_{t-1} + g_t`, then the step
    :math:`-\eta\sqrt{\max(1, n/m)}\,\mathrm{orthogonalize}(g_t + \beta v_t)`,
    as ``torch.optim.Muon`` without weight decay, which works in bfloat16.

    Parameters
    ----------
    parameters : list of arrays
        Matrices of shape (n, m); biases and the output layer go to Adam.
    lr : float
        Learning rate.
    momentum : float
        In [0, 1).

    References
    ----------
    K. Jordan and others, Muon, 2024, github.com/KellerJordan/Muon.

    Examples
    --------
    >>> W = np.zeros((2, 2))
    >>> Muon([W], lr=0.1).step([np.eye(2)])
    >>> bool(np.allclose(W, W[0, 0] * np.eye(2)) and -0.13 < W[0, 0] < -0.06)
    True
    """

    def __init__(self, parameters: Iterable[Array], lr: float, *, momentum: float = 0.95) -> None:
        super().__init__(parameters, lr, weight_decay=0.0)
        for p in self.parameters:
            if p.ndim != 2:
                raise ValueError(
                    f"parameters must be matrices, got shape {p.shape}. Give biases to Adam."
                )
        self.momentum = check_number(momentum, "momentum", low=0, high=1, high_open=True)
        self.velocities = self._zeros()

    def step(self, gradients: Sequence[Array]) -> None:
        """Step, in place; gradients have the parameters' shapes."""
        for W, g, v in zip(self.parameters, gradients, self.velocities, strict=True):
            v *= self.momentum
            v += g
            scale = max(1, W.shape[0] / W.shape[1]) ** 0.5
            W -= self.lr * scale * orthogonalize(g + self.momentum * v)


def all_reduce_time(n_bytes: float, n_processes: int, bandwidth: float, latency: float) -> float:
    r"""Return the seconds that a ring all-reduce takes (eq-scaling-ring).

    Parameters
    ----------
    n_bytes : float
        Size of the vector that is added up.
    n_processes : int
    bandwidth : float
        Bytes per second between neighbors.
    latency : float
        Seconds per message.

    Examples
    --------
    >>> all_reduce_time(4e6, 2, bandwidth=1e9, latency=0)
    0.004
    """
    p = n_processes
    return 2 * (p - 1) / p * n_bytes / bandwidth + 2 * (p - 1) * latency
