r"""Learning-rate schedules: the rate :math:`\eta_t` as a function of the step t = 0, 1, 2, ...

Each function here returns such a function. ``fit(..., schedule=schedule)`` sets
``optimizer.lr = schedule(t)`` before every step. The rates are those of
``torch.optim.lr_scheduler``, whose objects count the steps themselves.
"""

import math
from collections.abc import Callable

from mlpbook.shared.validation import check_number, check_positive_int

__all__ = ["Schedule", "constant", "cosine", "linear_warmup"]

Schedule = Callable[[int], float]
"""A learning rate for each step, counted from 0."""


def constant(lr: float) -> Schedule:
    r"""Return the schedule :math:`\eta_t = \eta`.

    >>> constant(0.1)(1000)
    0.1
    """
    lr = check_number(lr, "lr", low=0, low_open=True)
    return lambda t: lr


def cosine(lr: float, n_steps: int, *, final: float = 0.0) -> Schedule:
    r"""Return half a cosine wave from `lr` down to `final`, as ``CosineAnnealingLR``.

    :math:`\eta_t = \eta_{end} + (\eta - \eta_{end})(1 + \cos(\pi t / n)) / 2` for
    :math:`t \le n`. After that the rate stays at `final` (PyTorch's rises again).

    Parameters
    ----------
    lr : float
        The first rate, :math:`\eta`.
    n_steps : int
        Steps n of the descent.
    final : float
        The last rate, :math:`\eta_{end}`.

    Notes
    -----
    Loshchilov & Hutter (2017), eq. 5, without restarts.

    Examples
    --------
    >>> schedule = cosine(1.0, 10)
    >>> schedule(0), round(schedule(5), 12), schedule(10), schedule(99)
    (1.0, 0.5, 0.0, 0.0)
    """
    lr = check_number(lr, "lr", low=0, low_open=True)
    n_steps = check_positive_int(n_steps, "n_steps")
    final = check_number(final, "final", low=0, high=lr)

    def schedule(t: int) -> float:
        progress = min(t / n_steps, 1.0)
        return final + (lr - final) * (1 + math.cos(math.pi * progress)) / 2

    return schedule


def linear_warmup(schedule: Schedule, n_steps: int, *, start_factor: float = 0.01) -> Schedule:
    r"""Return a schedule that first rises linearly to the start of another schedule.

    As ``LinearLR`` followed by the other in a ``SequentialLR``: the other begins at its own step
    0 when the warm-up is over.

    Parameters
    ----------
    schedule : callable
        The schedule that follows, for example ``constant(0.1)``.
    n_steps : int
        Steps of the warm-up.
    start_factor : float
        The first rate, as a fraction in (0, 1] of ``schedule(0)``.

    Raises
    ------
    TypeError, ValueError
        If schedule is a number, or another argument is out of its range.

    Examples
    --------
    >>> schedule = linear_warmup(cosine(1.0, 100), 4, start_factor=0.2)
    >>> [round(schedule(t), 12) for t in (0, 1, 2, 3, 4, 54, 104)]
    [0.2, 0.4, 0.6, 0.8, 1.0, 0.5, 0.0]
    """
    if not callable(schedule):
        raise TypeError(
            f"schedule must be a function of the step, got {schedule!r}. "
            "Did you mean constant(...)?"
        )
    n_steps = check_positive_int(n_steps, "n_steps")
    start = check_number(start_factor, "start_factor", low=0, high=1, low_open=True)

    def warm(t: int) -> float:
        if t >= n_steps:
            return schedule(t - n_steps)
        return schedule(0) * (start + (1 - start) * t / n_steps)

    return warm
