r"""Optimizers: how a gradient becomes a step.

An optimizer is made from a list of parameter arrays and changes them in place. Its recurrences are
exactly those of ``torch.optim``. Each acts entry by entry, so it works as well on the one vector
behind a network's parameters (`mlpbook.scratch.parameters`), in a few operations for all layers.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mlpbook.scratch.parameters import Views, vectors
from mlpbook.shared.validation import check_number

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSProp", "clip_gradient_norm"]

Array = NDArray[np.floating[Any]]


class Optimizer:
    r"""What all optimizers have in common: the parameters, the rate, and weight decay.

    Parameters
    ----------
    parameters : list of arrays
        Changed in place by ``step``.
    lr : float
        Learning rate, :math:`\eta > 0`; may be changed between steps.
    weight_decay : float
        :math:`\lambda \ge 0`, applied to every array, biases too.

    Raises
    ------
    ValueError
        If an option is out of its range, or gradients do not match the parameters.
    """

    def __init__(self, parameters: Sequence[Array], lr: float, *, weight_decay: float) -> None:
        self.parameters = parameters if isinstance(parameters, Views) else list(parameters)
        if not self.parameters:
            raise ValueError("parameters is empty: expected arrays. Pass model.parameters().")
        self.vectors = vectors(self.parameters)
        self.lr = check_number(lr, "lr", low=0, low_open=True)
        self.weight_decay = check_number(weight_decay, "weight_decay", low=0)

    def step(self, gradients: Sequence[Array]) -> None:
        """Move every parameter, in place; gradients have the parameters' shapes."""
        raise NotImplementedError

    def _matched(self, gradients: Sequence[Array]) -> list[Array]:
        """Return the gradients as the parameters' vectors are, or say why they cannot be."""
        parameters = self.parameters
        if isinstance(gradients, Views) and gradients.shapes == getattr(parameters, "shapes", None):
            return [gradients.flat]
        shapes = [np.shape(p) for p in parameters]
        if [np.shape(g) for g in gradients] != shapes:
            raise ValueError(
                f"gradients must have the parameters' shapes {shapes}, "
                f"got {[np.shape(g) for g in gradients]}. Pass model.gradients()."
            )
        if isinstance(parameters, Views):
            return [np.concatenate([np.ravel(g) for g in gradients])]
        return list(gradients)

    def _zeros(self) -> list[Array]:
        """Return a state of zeros for every vector."""
        return [np.zeros_like(p) for p in self.vectors]


class SGD(Optimizer):
    r"""(Stochastic) gradient descent with momentum and weight decay, as ``torch.optim.SGD``.

    :math:`g_t = \bar\theta + \lambda\theta_{t-1}`, :math:`v_t = \beta v_{t-1} + g_t`,
    :math:`\theta_t = \theta_{t-1} - \eta v_t`, with :math:`v_0 = 0` (eq-pytorch-sgd).
    The learning rate multiplies the velocity, it is not inside it: the two differ as soon as the
    rate changes. With Nesterov's momentum the step is :math:`g_t + \beta v_t`: the velocity as it
    will be if the next gradient is the same.

    Parameters
    ----------
    parameters : list of arrays
        Changed in place by ``step``.
    lr : float
        Learning rate, :math:`\eta > 0`; may be changed between steps.
    momentum : float
        :math:`\beta` in [0, 1).
    nesterov : bool
        Whether to look ahead; needs momentum.
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
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay=weight_decay)
        self.momentum = check_number(momentum, "momentum", low=0, high=1, high_open=True)
        self.nesterov = nesterov
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum, got 0. Pass momentum=0.9, for example.")
        self.velocities = self._zeros()

    def step(self, gradients: Sequence[Array]) -> None:
        """Step, in place; gradients have the parameters' shapes."""
        matched = self._matched(gradients)
        for p, g, v in zip(self.vectors, matched, self.velocities, strict=True):
            if self.weight_decay:
                g = g + self.weight_decay * p
            v *= self.momentum
            v += g
            p -= self.lr * (g + self.momentum * v if self.nesterov else v)


class RMSProp(Optimizer):
    r"""Steps divided by the root of a running mean of squares, as ``torch.optim.RMSprop``.

    :math:`s_t = \alpha s_{t-1} + (1-\alpha) g_t^2` and
    :math:`\theta_t = \theta_{t-1} - \eta\, g_t / (\sqrt{s_t} + \epsilon)`, entry by entry. Centred,
    a running mean :math:`m_t` of the gradients is kept too, and the root is that of the variance,
    :math:`s_t - m_t^2`. With momentum the quotient feeds a velocity, as in `SGD`.

    Parameters
    ----------
    parameters : list of arrays
        Changed in place by ``step``.
    lr : float
        Learning rate, :math:`\eta > 0`; may be changed between steps.
    alpha : float
        :math:`\alpha` in [0, 1): the memory of the running means.
    eps : float
        :math:`\epsilon \ge 0`, outside the root.
    momentum : float
        In [0, 1).
    centered : bool
        Whether to divide by the standard deviation instead of the root mean square.
    weight_decay : float
        :math:`\lambda \ge 0`; :math:`\lambda\theta` is added to the gradient.

    Raises
    ------
    ValueError
        If an option is out of its range, or gradients do not match the parameters.

    Notes
    -----
    Hinton, Srivastava & Swersky (2012), lecture 6e; centred: Graves (2013), arXiv 1308.0850.

    Examples
    --------
    >>> w = np.array([1.0, 1.0])
    >>> RMSProp([w], lr=0.01, alpha=0.75).step([np.array([8.0, -2.0])])
    >>> w.round(6)  # 1 - 0.01 / sqrt(1/4), whatever the gradient's size
    array([0.98, 1.02])
    """

    def __init__(
        self,
        parameters: Sequence[Array],
        lr: float = 0.01,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay=weight_decay)
        self.alpha = check_number(alpha, "alpha", low=0, high=1, high_open=True)
        self.eps = check_number(eps, "eps", low=0)
        self.momentum = check_number(momentum, "momentum", low=0, high=1, high_open=True)
        self.centered = centered
        self.squares, self.means, self.velocities = (self._zeros() for _ in range(3))

    def step(self, gradients: Sequence[Array]) -> None:
        """Move every parameter against its scaled gradient, in place."""
        state = zip(self.squares, self.means, self.velocities, strict=True)
        for p, g, (s, m, v) in zip(self.vectors, self._matched(gradients), state, strict=True):
            if self.weight_decay:
                g = g + self.weight_decay * p
            s *= self.alpha
            s += (1 - self.alpha) * g * g
            if self.centered:
                m += (1 - self.alpha) * (g - m)
                s = np.maximum(s - m * m, 0)  # rounding may have left a variance below 0
            v *= self.momentum
            v += g / (np.sqrt(s) + self.eps)
            p -= self.lr * v


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
    parameters : list of arrays
        Changed in place by ``step``.
    lr : float
        Learning rate, :math:`\eta > 0`; may be changed between steps.
    betas : pair of float
        :math:`\beta_1, \beta_2` in [0, 1).
    eps : float
        :math:`\epsilon \ge 0`, outside the root.
    weight_decay : float
        :math:`\lambda \ge 0`; :math:`\lambda\theta` is added to the gradient, and divided by the
        root with it. See `AdamW`.

    Raises
    ------
    ValueError
        If an option is out of its range, or gradients do not match the parameters.

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
        parameters: Sequence[Array],
        lr: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay=weight_decay)
        if len(betas) != 2:
            raise ValueError(f"betas must be a pair, got {betas!r}. Pass (0.9, 0.999).")
        beta_1, beta_2 = (check_number(b, "betas", low=0, high=1, high_open=True) for b in betas)
        self.betas = beta_1, beta_2
        self.eps = check_number(eps, "eps", low=0)
        self.t = 0
        self.means, self.squares = self._zeros(), self._zeros()

    def step(self, gradients: Sequence[Array]) -> None:
        """Step, in place; gradients have the parameters' shapes."""
        vectors = zip(self.vectors, self._matched(gradients), strict=True)
        self.t += 1
        beta_1, beta_2 = self.betas
        rate = self.lr / (1 - beta_1**self.t)
        root = math.sqrt(1 - beta_2**self.t)
        for (p, g), m, v in zip(vectors, self.means, self.squares, strict=True):
            if self.weight_decay and self.decoupled:
                p *= 1 - self.lr * self.weight_decay
            elif self.weight_decay:
                g = g + self.weight_decay * p
            m += (1 - beta_1) * (g - m)
            v *= beta_2
            v += (1 - beta_2) * g * g
            p -= rate * m / (np.sqrt(v) / root + self.eps)


class AdamW(Adam):
    r"""Adam with decoupled weight decay, as ``torch.optim.AdamW``.

    The decay acts on the parameters themselves, :math:`\theta \leftarrow (1 - \eta\lambda)\theta`
    before the step, and never meets the root. So every weight decays at the same rate, where
    `Adam` lets those with large gradients decay less (Loshchilov & Hutter 2019, arXiv 1711.05101).

    Parameters, errors and recurrences are otherwise those of `Adam`.

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
        parameters: Sequence[Array],
        lr: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay)


def clip_gradient_norm(gradients: Sequence[Array], max_norm: float) -> float:
    r"""Scale gradients, in place, so that their joint norm is at most `max_norm`; return the norm.

    The norm is that of all entries of all arrays as one vector, before scaling. As
    ``torch.nn.utils.clip_grad_norm_``, with its :math:`10^{-6}`: the factor is
    :math:`\min(1, c / (\lVert g\rVert + 10^{-6}))` (Pascanu, Mikolov & Bengio 2013, algorithm 1).

    Parameters
    ----------
    gradients : list of arrays
        Changed in place: a network's own, as ``model.gradients()`` returns them.
    max_norm : float
        :math:`c > 0`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there are no gradients, or max_norm is not positive.

    Examples
    --------
    >>> gradients = [np.array([3.0]), np.array([[4.0]])]
    >>> clip_gradient_norm(gradients, 0.5)
    5.0
    >>> [g.round(6).tolist() for g in gradients]
    [[0.3], [[0.4]]]
    """
    max_norm = check_number(max_norm, "max_norm", low=0, low_open=True)
    parts = vectors(gradients)
    if not parts:
        raise ValueError("gradients is empty: expected arrays. Pass model.gradients().")
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in parts))
    if norm + 1e-6 > max_norm:
        for g in parts:
            g *= max_norm / (norm + 1e-6)
    return norm
