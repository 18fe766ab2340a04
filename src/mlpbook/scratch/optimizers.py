r"""Optimizers: how a gradient becomes a step.

An optimizer is made from a list of parameter arrays and changes them in place. Its recurrences are
exactly those of ``torch.optim``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpbook.validation import check_number

__all__ = ["SGD"]

Array = NDArray[np.floating[Any]]


class SGD:
    r"""(Stochastic) gradient descent with momentum and weight decay, as ``torch.optim.SGD``.

    :math:`g_t = \bar\theta + \lambda\theta_{t-1}`, :math:`v_t = \beta v_{t-1} + g_t`,
    :math:`\theta_t = \theta_{t-1} - \eta v_t`, with :math:`v_0 = 0` (eq-pytorch-sgd).
    The learning rate multiplies the velocity, it is not inside it: the two differ as soon as the
    rate changes.

    Parameters
    ----------
    parameters : list of arrays
        Changed in place by ``step``.
    lr : float
        Learning rate, :math:`\eta > 0`; may be changed between steps.
    momentum : float
        :math:`\beta` in [0, 1).
    weight_decay : float
        :math:`\lambda \ge 0`, applied to every array, biases too.

    Raises
    ------
    ValueError
        If an option is out of its range, or gradients do not match the parameters.

    Examples
    --------
    >>> w = np.array([1.0])
    >>> optimizer = SGD([w], lr=0.1)
    >>> optimizer.step([np.array([2.0])])
    >>> w
    array([0.8])
    """

    def __init__(
        self,
        parameters: Sequence[Array],
        lr: float,
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("parameters is empty: expected arrays. Pass model.parameters().")
        self.lr = check_number(lr, "lr", low=0, low_open=True)
        self.momentum = check_number(momentum, "momentum", low=0, high=1, high_open=True)
        self.weight_decay = check_number(weight_decay, "weight_decay", low=0)
        self.velocities = [np.zeros_like(p) for p in self.parameters]

    def step(self, gradients: Sequence[Array]) -> None:
        """Move every parameter against its gradient, in place; gradients have their shapes."""
        shapes = [p.shape for p in self.parameters]
        if [g.shape for g in gradients] != shapes:
            raise ValueError(
                f"gradients must have the parameters' shapes {shapes}, "
                f"got {[g.shape for g in gradients]}. Pass model.gradients()."
            )
        for p, g, v in zip(self.parameters, gradients, self.velocities, strict=True):
            if self.weight_decay:
                g = g + self.weight_decay * p
            v *= self.momentum
            v += g
            p -= self.lr * v
