"""What the two training loops share: checks, a progress bar, early stopping, and divergence."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from mlpbook.shared.history import History
from mlpbook.shared.validation import check_number, check_positive_int, check_rng

__all__ = ["EarlyStopping", "check_options", "divergence", "progress_bar"]


def check_options(
    epochs: int,
    batch_size: int,
    rng: object,
    max_norm: float | None,
    patience: int | None,
    validation: object,
) -> None:
    """Refuse options of a training run that are out of their range.

    Raises
    ------
    TypeError, ValueError
        If a number is not positive, `rng` is no generator, or there is patience without
        validation data.

    Examples
    --------
    >>> check_options(1, 0, None, None, None, None)
    Traceback (most recent call last):
        ...
    ValueError: batch_size must be an integer of at least 1, got 0. Pass a larger one.
    """
    check_positive_int(epochs, "epochs")
    check_positive_int(batch_size, "batch_size")
    check_rng(rng)
    if max_norm is not None:
        check_number(max_norm, "max_norm", low=0, low_open=True)
    if patience is not None:
        check_positive_int(patience, "patience")
        if validation is None:
            raise ValueError(
                f"patience needs validation data to watch, got patience={patience} and none. "
                "Pass validation=(X, y)."
            )


class EarlyStopping:
    """The lowest validation loss so far, the state that had it, and how long ago that was.

    Parameters
    ----------
    patience : int or None
        Epochs without a new lowest loss after which it is over; None for never.

    Attributes
    ----------
    state : object or None
        What the snapshot returned at the lowest loss.

    Examples
    --------
    >>> stopping = EarlyStopping(2)
    >>> [stopping.is_over(loss, lambda: loss) for loss in (3.0, 1.0, 2.0, 1.0)]
    [False, False, False, True]
    >>> stopping.state
    1.0
    """

    def __init__(self, patience: int | None) -> None:
        self.patience = patience
        self.lowest, self.waited = math.inf, 0
        self.state: Any = None

    def is_over(self, loss: float, snapshot: Callable[[], Any]) -> bool:
        """Take note of an epoch's validation loss; return whether patience has run out."""
        if self.patience is None:
            return False
        if loss < self.lowest:
            self.lowest, self.waited, self.state = loss, 0, snapshot()
        else:
            self.waited += 1
        return self.waited >= self.patience


def progress_bar(epochs: int, history: History, *, show: bool) -> Iterator[int]:
    """Yield 0, 1, ..., epochs - 1, with the latest losses beside a bar if `show`.

    Parameters
    ----------
    epochs : int
    history : History
        Read after every epoch for the losses to show.
    show : bool
        Whether to draw; drawing needs the package tqdm.

    Examples
    --------
    >>> list(progress_bar(3, History(), show=False))
    [0, 1, 2]
    """
    if not show:
        yield from range(epochs)
        return
    from tqdm import tqdm

    with tqdm(total=epochs, unit="epoch") as bar:
        for epoch in range(epochs):
            yield epoch
            losses = {"train": history.train_loss[-1:], "validation": history.validation_loss[-1:]}
            bar.set_postfix({name: f"{loss[0]:.4f}" for name, loss in losses.items() if loss})
            bar.update()


def divergence(epoch: int, history: History, lr: float) -> FloatingPointError:
    """Return the error for a run whose loss or weights are no longer finite.

    Parameters
    ----------
    epoch : int
        Counted from 0; the message counts from 1.
    history : History
        Its last batch loss is the last one that was finite.
    lr : float
        The learning rate in use.

    Examples
    --------
    >>> raise divergence(0, History(), 10.0)
    Traceback (most recent call last):
        ...
    FloatingPointError: training must stay finite, but diverged in epoch 1: the last finite loss \
was nan, the learning rate 10. Use a smaller rate, or standardise the inputs.
    """
    last = history.batch_loss[-1] if history.batch_loss else float("nan")
    return FloatingPointError(
        f"training must stay finite, but diverged in epoch {epoch + 1}: the last finite loss was "
        f"{last:.4g}, the learning rate {lr:g}. Use a smaller rate, or standardise the inputs."
    )
