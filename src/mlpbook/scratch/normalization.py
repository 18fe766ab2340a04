r"""Normalization: give the numbers in a network mean 0 and variance 1, and differentiate that.

Let :math:`\hat x = (x - m)/s` with the mean m and the standard deviation s of n numbers, which
depend on every one of them. Differentiating through both gives the adjoint

.. math::
   \bar x = \frac1s\Bigl(\bar{\hat x} - \mathrm{mean}(\bar{\hat x})
   - \hat x\;\mathrm{mean}(\bar{\hat x}\odot\hat x)\Bigr):

the adjoint of :math:`\hat x` without its components along the constant vector and along
:math:`\hat x` itself, the two directions in which a move of x leaves :math:`\hat x` where it is.
`BatchNorm` takes each feature over the batch, `LayerNorm` each sample over its features: one
formula along one axis or the other.
"""

import numpy as np
from numpy.typing import DTypeLike

from mlpbook.scratch.layers import Layer
from mlpbook.shared import Array
from mlpbook.shared.validation import check_number, check_positive_int

__all__ = ["BatchNorm", "LayerNorm", "Normalization"]


class Normalization(Layer):
    r"""The part shared by both normalizations: a learned scale and shift for each feature.

    Attributes
    ----------
    scale, dscale : array (n_features,)
        Starts at 1 (``weight`` in PyTorch), and its adjoint after ``backward``.
    shift, dshift : array (n_features,)
        Starts at 0 (``bias`` in PyTorch), and its adjoint after ``backward``.
    """

    names = ("scale", "shift")

    def __init__(self, n_features: int, *, eps: float, dtype: DTypeLike) -> None:
        n_features = check_positive_int(n_features, "n_features")
        self.eps = check_number(eps, "eps", low=0, low_open=True)
        self.scale, self.shift = np.ones(n_features, dtype), np.zeros(n_features, dtype)
        self.dscale, self.dshift = np.zeros_like(self.scale), np.zeros_like(self.shift)

    @property
    def n_in(self) -> int:
        """Number of features."""
        return len(self.scale)

    @property
    def n_out(self) -> int:
        """Number of features."""
        return len(self.scale)

    def _scale(self, X: Array, mean: Array, variance: Array) -> Array:
        """Normalize, keep what backward needs, scale and shift."""
        self._per_s = 1 / np.sqrt(variance + self.eps)  # 1/s
        self._X_hat = (X - mean) * self._per_s
        return self._X_hat * self.scale + self.shift

    def _unscale(self, dY: Array) -> Array:
        """Set the adjoints of scale and shift; return that of the normalized input."""
        self.dshift = dY.sum(axis=0)
        self.dscale = (dY * self._X_hat).sum(axis=0)
        return dY * self.scale

    def _unnormalize(self, dX_hat: Array, axis: int) -> Array:
        """Return dX from dX_hat, both of one shape, (N, n)."""
        X_hat = self._X_hat
        along_ones = dX_hat.mean(axis=axis, keepdims=True)
        along_X_hat = (dX_hat * X_hat).mean(axis=axis, keepdims=True)
        dX: Array = self._per_s * (dX_hat - along_ones - X_hat * along_X_hat)
        return dX


class BatchNorm(Normalization):
    r"""Batch normalization (Ioffe & Szegedy 2015, arXiv 1502.03167), as ``nn.BatchNorm1d``.

    In training each feature is normalized by its mean and variance over the batch, so that every
    sample's output depends on all others of the batch. In evaluation running means of the two
    are used instead, :math:`r \leftarrow (1-\alpha) r + \alpha\, b` after every batch of training.

    Parameters
    ----------
    n_features : int
        Width of input and output.
    momentum : float
        :math:`\alpha` in [0, 1]: the weight of the newest batch (not a momentum; PyTorch's name).
    eps : float
        Added to the variance, so that a constant feature becomes 0.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    running_mean, running_var : array (n_features,)
        Start at 0 and 1. The running variance takes the unbiased one, with n - 1; the
        normalization itself divides by n. So does PyTorch.

    Raises
    ------
    ValueError
        In a forward pass of training, if the batch has one sample, whose variance says nothing;
        if an option is out of its range.

    Examples
    --------
    >>> layer = BatchNorm(1)
    >>> layer.forward(np.array([[1.0], [3.0]])).round(4)
    array([[-1.],
           [ 1.]])
    >>> layer.running_mean, layer.running_var  # 0.9 * 0 + 0.1 * 2, 0.9 * 1 + 0.1 * 2
    (array([0.2]), array([1.1]))
    """

    state = ("running_mean", "running_var")

    def __init__(
        self,
        n_features: int,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        dtype: DTypeLike = np.float64,
    ) -> None:
        super().__init__(n_features, eps=eps, dtype=dtype)
        self.momentum = check_number(momentum, "momentum", low=0, high=1)
        self.running_mean, self.running_var = np.zeros_like(self.shift), np.ones_like(self.scale)

    def forward(self, X: Array) -> Array:
        """Normalize X (N, n) by the batch's or the running statistics."""
        self._over_batch = self.training
        if not self.training:
            return self._scale(X, self.running_mean, self.running_var)
        n = len(X)
        if n < 2:
            raise ValueError(
                "X must have at least 2 samples to train a batch normalization, "
                "got 1. Use a batch size that leaves no single sample over, "
                "or model.eval()."
            )
        mean, variance = X.mean(axis=0), X.var(axis=0)
        self.running_mean += self.momentum * (mean - self.running_mean)
        unbiased = variance * (n / (n - 1))
        self.running_var += self.momentum * (unbiased - self.running_var)
        return self._scale(X, mean, variance)

    def backward(self, dZ: Array) -> Array:
        """Set dscale and dshift; return dX, from dZ of its shape, (N, n)."""
        dX_hat = self._unscale(dZ)
        return self._unnormalize(dX_hat, axis=0) if self._over_batch else dX_hat * self._per_s


class LayerNorm(Normalization):
    r"""Layer normalization (Ba, Kiros & Hinton 2016, arXiv 1607.06450), as ``nn.LayerNorm``.

    Each sample is normalized by the mean and variance of its own features, in training and in
    evaluation alike; no sample depends on another.

    Parameters
    ----------
    n_features : int
        Width of input and output.
    eps : float
        Added to the variance, so that a constant sample becomes 0.
    dtype : dtype
        Of the parameters.

    Raises
    ------
    ValueError
        If an option is out of its range.

    Examples
    --------
    >>> LayerNorm(2).forward(np.array([[1.0, 3.0], [500.0, -500.0]])).round(4)
    array([[-1.,  1.],
           [ 1., -1.]])
    """

    def __init__(
        self, n_features: int, *, eps: float = 1e-5, dtype: DTypeLike = np.float64
    ) -> None:
        super().__init__(n_features, eps=eps, dtype=dtype)

    def forward(self, X: Array) -> Array:
        """Normalize each row of X (N, n) over its features."""
        return self._scale(X, X.mean(axis=1, keepdims=True), X.var(axis=1, keepdims=True))

    def backward(self, dZ: Array) -> Array:
        """Set dscale and dshift; return dX, from dZ of its shape, (N, n)."""
        return self._unnormalize(self._unscale(dZ), axis=1)
