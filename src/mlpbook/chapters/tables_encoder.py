"""The piecewise linear encoding as a transformer of scikit-learn, for a pipeline."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from mlpbook.chapters.tables import encode_columns, quantile_edges
from mlpbook.shared import Array

__all__ = ["PiecewiseLinearEncoder"]


class PiecewiseLinearEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # no types
    """Each column beside its piecewise linear encoding, with edges at its quantiles.

    Parameters
    ----------
    n_bins : int
        Bins per column; fewer where quantiles are equal.

    Attributes
    ----------
    edges_ : list of numpy.ndarray
        The edges of each column's bins.

    Examples
    --------
    >>> PiecewiseLinearEncoder(n_bins=2).fit_transform([[0.0], [1.0], [3.0]])
    array([[0., 0., 0.],
           [1., 1., 0.],
           [3., 1., 1.]])
    """

    def __init__(self, n_bins: int = 32) -> None:
        self.n_bins = n_bins

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Find the edges from the rows of X, the training rows."""
        columns = validate_data(self, X, dtype=np.float64).T
        self.edges_ = [quantile_edges(x, self.n_bins) for x in columns]
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Return (n_samples, n_features + all bins)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return np.hstack([X, encode_columns(X, self.edges_)])
