"""What the two training loops share: a progress bar, and the error of a run that diverged."""

from collections.abc import Iterator

from mlpbook.history import History

__all__ = ["divergence", "progress_bar"]


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
