"""The parts of ``fit`` that both halves share: what is recorded, and when training ends."""

import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from mlpbook.shared.history import History
from mlpbook.shared.validation import check_positive_int, check_rng

__all__ = ["TrainingRun"]


class TrainingRun:
    """The record of a run of ``fit`` while it goes on; decides when training ends.

    Parameters
    ----------
    epochs, batch_size, rng, validation, patience, progress
        As for ``fit``.

    Raises
    ------
    TypeError, ValueError
        If a number is not positive, `rng` is not a generator, or there is patience without
        validation data.

    Examples
    --------
    >>> run = TrainingRun(2, 10, np.random.default_rng(0))
    >>> for _ in run.epochs():
    ...     run.record(1.0, n_samples=10, lr=0.1)
    ...     run.record(4.0, n_samples=5, lr=0.1)
    >>> run.history.train_loss  # (10 * 1.0 + 5 * 4.0) / 15
    [2.0, 2.0]
    >>> run.record(float("inf"), n_samples=10, lr=0.1)
    Traceback (most recent call last):
        ...
    FloatingPointError: training diverged in epoch 2: the last finite loss was 4, the learning \
rate 0.1. Use a smaller rate, or standardize the inputs.
    """

    def __init__(
        self,
        epochs: int,
        batch_size: int,
        rng: np.random.Generator,
        *,
        validation: object = None,
        patience: int | None = None,
        progress: bool = False,
    ) -> None:
        self.n_epochs = check_positive_int(epochs, "epochs")
        check_positive_int(batch_size, "batch_size")
        check_rng(rng)
        if patience is not None:
            check_positive_int(patience, "patience")
            if validation is None:
                raise ValueError("patience needs validation data, got none. Pass validation=")
        self.patience, self.progress = patience, progress
        self.history, self.epoch = History(), 0
        self._best: tuple[float, int, Any] = (math.inf, 0, None)  # loss, epoch, state

    @property
    def n_steps(self) -> int:
        """Number of steps so far."""
        return len(self.history.batch_loss)

    def epochs(self) -> Iterator[int]:
        """Yield the number of each epoch, from 1 on, until the last or until patience runs out."""
        bar = _progress_bar(self.n_epochs) if self.progress else None
        for epoch in range(1, self.n_epochs + 1):
            self.epoch = epoch
            self._total, self._n_samples = 0.0, 0
            yield epoch
            self.history.train_loss.append(self._total / self._n_samples)
            if bar is not None:
                bar.set_postfix(loss=f"{self.history.train_loss[-1]:.4f}")
                bar.update()
            if self.patience is not None and epoch - self._best[1] >= self.patience:
                break
        if bar is not None:
            bar.close()

    def record(self, loss: float, *, n_samples: int, lr: float) -> None:
        """Record the loss of one step on `n_samples`; raise FloatingPointError if not finite."""
        self._check_finite(loss, lr)
        self.history.batch_loss.append(loss)
        self._total += n_samples * loss
        self._n_samples += n_samples

    def record_validation(self, loss: float, error: float | None, *, model: Any, lr: float) -> None:
        """Record an epoch's validation loss, and the model's state where the loss is the lowest."""
        self._check_finite(loss, lr)
        self.history.validation_loss.append(loss)
        if error is not None:
            self.history.validation_error.append(error)
        if self.patience is not None and loss < self._best[0]:
            self._best = loss, self.epoch, copy.deepcopy(model.state_dict())

    def finish(self, model: Any, *, lr: float) -> History:
        """Leave the model in evaluation mode, with its best state if there was patience."""
        for p in model.parameters():  # the last step may have diverged without a loss to show it
            self._check_finite(abs(p).max().item(), lr)
        if self._best[2] is not None:
            model.load_state_dict(self._best[2])
        model.eval()
        return self.history

    def _check_finite(self, number: float, lr: float) -> None:
        if not math.isfinite(number):
            last = self.history.batch_loss[-1] if self.history.batch_loss else math.nan
            raise FloatingPointError(
                f"training diverged in epoch {self.epoch}: the last finite loss was {last:.4g}, "
                f"the learning rate {lr:g}. Use a smaller rate, or standardize the inputs."
            )


def _progress_bar(epochs: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=epochs, unit="epoch")
