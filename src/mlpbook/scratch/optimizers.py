r"""Optimizers: how a gradient becomes a step.

An optimizer is made from a list of parameter arrays and changes them in place, one array after the
other. Its recurrences are those of ``torch.optim``.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np

from mlpbook.shared import Array
from mlpbook.shared.validation import check_number

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSProp"]


class Optimizer:
    r"""The interface of an optimizer, with what all of them need.

    Parameters
    ----------
    parameters : list of arrays
        Changed in place by ``step``.
    lr : float
        Learning rate, :math:`\eta > 0`; may be changed between steps.
    weight_decay : float
        :math:`\lambda \ge 0`, applied to every array, including the biases.

    Raises
    ------
    ValueError
        If there are no parameters, or an option is out of its range.
    """

    def __init__(self, parameters: Iterable[Array], lr: float, *, weight_decay: float) -> None:
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("parameters must hold arrays, got none. Pass model.parameters().")
        self.lr = check_number(lr, "lr", low=0, low_open=True)
        self.weight_decay = check_number(weight_decay, "weight_decay", low=0)

    def step(self, gradients: Sequence[Array]) -> None:
        """Move every parameter, in place; gradients have the parameters' shapes."""
        raise NotImplementedError

    def _zeros(self) -> list[Array]:
        """Return a state of zeros for every array."""
        return [np.zeros_like(p) for p in self.parameters]


class SGD(Optimizer):
    r"""(Stochastic) gradient descent with momentum and weight decay, as ``torch.optim.SGD``.

    :math:`g_t = \bar\theta + \lambda\theta_{t-1}`, :math:`v_t = \beta v_{t-1} + g_t`,
    :math:`\theta_t = \theta_{t-1} - \eta v_t`, with :math:`v_0 = 0` (eq-pytorch-sgd).
    The learning rate multiplies the velocity and is not part of it: the two conventions differ as
    soon as the rate changes. With Nesterov's momentum the step is :math:`g_t + \beta v_t`: the
    velocity as it will be if the next gradient is the same.

    Parameters
    ----------
    parameters, lr, weight_decay
        As for every `Optimizer`.
    momentum : float
        :math:`\beta` in [0, 1).
    nesterov : bool
        Whether to look ahead; needs momentum.

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
        parameters: Iterable[Array],
        lr: float,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay=weight_decay)
        self.momentum = check_number(momentum, "momentum", low=0, high=1, high_open=True)
        self.nesterov = nesterov
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum, got 0. Pass, for example, momentum=0.9.")
        self.velocities = self._zeros()

    def step(self, gradients: Sequence[Array]) -> None:
        """Step, in place; gradients have the parameters' shapes."""
        for p, g, v in zip(self.parameters, gradients, self.velocities, strict=True):
            g = g + self.weight_decay * p
            v *= self.momentum
            v += g
            p -= self.lr * (g + self.momentum * v if self.nesterov else v)


class RMSProp(Optimizer):
    r"""Steps divided by the root of a running mean of squares, as ``torch.optim.RMSprop``.

    :math:`s_t = \alpha s_{t-1} + (1-\alpha) g_t^2` and
    :math:`\theta_t = \theta_{t-1} - \eta\, g_t / (\sqrt{s_t} + \epsilon)`, entry by entry.

    Parameters
    ----------
    parameters, lr, weight_decay
        As for every `Optimizer`; :math:`\lambda\theta` is added to the gradient.
    alpha : float
        :math:`\alpha` in [0, 1): the memory of the running mean.
    eps : float
        :math:`\epsilon \ge 0`, outside the root.

    Notes
    -----
    Hinton, Srivastava & Swersky (2012), lecture 6e.

    Examples
    --------
    >>> w = np.array([1.0, 1.0])
    >>> RMSProp([w], lr=0.01, alpha=0.75).step([np.array([8.0, -2.0])])
    >>> w.round(6)  # 1 - 0.01 / sqrt(1/4), whatever the gradient's size
    array([0.98, 1.02])
    """

    def __init__(
        self,
        parameters: Iterable[Array],
        lr: float = 0.01,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay=weight_decay)
        self.alpha = check_number(alpha, "alpha", low=0, high=1, high_open=True)
        self.eps = check_number(eps, "eps", low=0)
        self.squares = self._zeros()

    def step(self, gradients: Sequence[Array]) -> None:
        """Step, in place; gradients have the parameters' shapes."""
        for p, g, s in zip(self.parameters, gradients, self.squares, strict=True):
            g = g + self.weight_decay * p
            s[...] = self.alpha * s + (1 - self.alpha) * g**2
            p -= self.lr * g / (np.sqrt(s) + self.eps)


class Adam(Optimizer):
    r"""Adam (Kingma & Ba 2015, arXiv 1412.6980), as ``torch.optim.Adam``.

    Running means of the gradient and of its square,
    :math:`m_t = \beta_1 m_{t-1} + (1-\beta_1) g_t` and
    :math:`v_t = \beta_2 v_{t-1} + (1-\beta_2) g_t^2`, both started at 0 and therefore too small by
    the factors :math:`1-\beta_1^t` and :math:`1-\beta_2^t`, which are divided out:
    :math:`\hat m_t`, :math:`\hat v_t`. Then
    :math:`\theta_t = \theta_{t-1} - \eta\,\hat m_t / (\sqrt{\hat v_t} + \epsilon)`, entry by entry.

    Parameters
    ----------
    parameters, lr, weight_decay
        As for every `Optimizer`; :math:`\lambda\theta` is added to the gradient, and divided by
        the root with it. See `AdamW`.
    betas : pair of float
        :math:`\beta_1, \beta_2` in [0, 1).
    eps : float
        :math:`\epsilon \ge 0`, outside the root.

    Examples
    --------
    >>> w = np.array([1.0, 1.0])
    >>> Adam([w], lr=0.01).step([np.array([8.0, -2.0])])
    >>> w.round(6)  # the first step is lr in every direction
    array([0.99, 1.01])
    """

    decoupled: ClassVar[bool] = False

    def __init__(
        self,
        parameters: Iterable[Array],
        lr: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay=weight_decay)
        beta_1, beta_2 = (check_number(b, "betas", low=0, high=1, high_open=True) for b in betas)
        self.betas = beta_1, beta_2
        self.eps = check_number(eps, "eps", low=0)
        self.t = 0
        self.means, self.squares = self._zeros(), self._zeros()

    def step(self, gradients: Sequence[Array]) -> None:
        """Step, in place; gradients have the parameters' shapes."""
        self.t += 1
        beta_1, beta_2 = self.betas
        state = zip(self.parameters, gradients, self.means, self.squares, strict=True)
        for p, g, m, v in state:
            if self.decoupled:
                p *= 1 - self.lr * self.weight_decay
            else:
                g = g + self.weight_decay * p
            m[...] = beta_1 * m + (1 - beta_1) * g
            v[...] = beta_2 * v + (1 - beta_2) * g**2
            m_hat = m / (1 - beta_1**self.t)
            v_hat = v / (1 - beta_2**self.t)
            p -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


class AdamW(Adam):
    r"""Adam with decoupled weight decay, as ``torch.optim.AdamW``.

    The decay acts on the parameters themselves, :math:`\theta \leftarrow (1 - \eta\lambda)\theta`
    before the step, and never meets the root. So every weight decays at the same rate, whereas in
    `Adam` those with large gradients decay less (Loshchilov & Hutter 2019, arXiv 1711.05101).
    Everything else is as in `Adam`.

    Examples
    --------
    >>> w = np.array([1.0, 1.0])
    >>> AdamW([w], lr=0.01, weight_decay=0.5).step([np.array([8.0, 0.0])])
    >>> w.round(6)  # 1 - 0.01 * 0.5, and the step of lr where there is a gradient
    array([0.985, 0.995])
    """

    decoupled: ClassVar[bool] = True

    def __init__(
        self,
        parameters: Iterable[Array],
        lr: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay)
