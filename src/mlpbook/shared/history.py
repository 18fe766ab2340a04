"""The record of a training run, the same for both halves of the book."""

from dataclasses import dataclass, field


@dataclass
class History:
    """The losses of a training run, in order.

    Attributes
    ----------
    train_loss : list of float
        One entry per epoch: the mean of the batch losses, weighted by batch size. It is measured
        while the parameters change, so it lags behind them.
    validation_loss : list of float
        One entry per epoch, measured after it; empty without validation data.
    validation_error : list of float
        The error rate on the validation data, from 0 to 1, one entry per epoch; empty for a
        regression or without validation data.
    batch_loss : list of float
        One entry per step: what the loss returned.

    Examples
    --------
    >>> history = History()
    >>> history.train_loss.append(0.7)
    >>> history.n_epochs
    1
    """

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_error: list[float] = field(default_factory=list)
    batch_loss: list[float] = field(default_factory=list)

    @property
    def n_epochs(self) -> int:
        """The number of completed epochs."""
        return len(self.train_loss)
