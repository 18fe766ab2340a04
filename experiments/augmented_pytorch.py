"""Distorted digits, learned by the PyTorch half.

The network, the distortions and the schedule are those of `experiments._augmented`; so is
the experiment ``augmented_numpy``, which differs in the half that trains. PyTorch multiplies in
bfloat16, a format of 16 bits that many processors multiply several times as fast as float32: in
the same time, the network sees the digits more than twice as often.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bookkit.records.experiments import Result, experiment
from experiments._augmented import MOMENTUM, SIZES, WEIGHT_DECAY, train
from mlpbook.pytorch.network import MLP
from mlpbook.pytorch.training import fit

__all__ = ["Bfloat16MLP", "run"]


class Bfloat16MLP(MLP):
    """The same network, its matrix products in bfloat16, all else in float32.

    bfloat16 (Kalamkar et al. 2019, arXiv 1905.12322) has float32's
    exponents and 8 significant bits: it rounds by up to 0.2 %, which
    training bears, and needs no scaling of the loss.
    """

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return outputs (N, n_L), in float32, for a batch X (N, n_0)."""
        with torch.autocast(X.device.type, dtype=torch.bfloat16):
            outputs: torch.Tensor = super().forward(X)
        return outputs.float()


# bfloat16 rounds: 24 steps in, two processors differ by about 1e-3 of the loss.
@experiment(
    seeds=range(3),
    cost=90,
    reduced={"n_blocks": 1},
    tolerance={"first_losses": 5e-3},
    mnist=True,
)
def run(
    seed: int,
    *,
    epochs: int = 34,
    lr: float = 0.1,
    severity: float = 1.0,
    held_out: int = 0,
    n_blocks: int | None = None,
) -> Result:
    """Train 784-1000-1000-10 on distorted MNIST with PyTorch, in 100 CPU seconds.

    Parameters
    ----------
    seed : int
        Draws the start, the order and the distortions.
    epochs : int
        Passes over the training images, each time distorted anew.
    lr : float
        The highest learning rate.
    severity : float
        Multiplies the strengths of all distortions.
    held_out : int
        Number of training images held out instead of the test set: for choosing the settings.
    n_blocks : int, optional
        Number of blocks of images after which to stop, without a test: the reduced case.

    Returns
    -------
    dict
        ``first_losses`` of the first steps, in nats; ``train_losses`` by block of images, while
        the network changes; and ``test_error``.
    """
    rng = np.random.default_rng(seed)
    model = Bfloat16MLP(SIZES, rng=rng, dtype=torch.float32)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=lr, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY
    )

    def predict(X: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            logits: NDArray[np.float32] = model(torch.from_numpy(X)).numpy()
        return logits

    return train(
        fit,
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        predict,
        rng=rng,
        epochs=epochs,
        lr=lr,
        severity=severity,
        held_out=held_out,
        n_blocks=n_blocks,
    )
