r"""scikit-learn estimators: the network by hand as a classifier and a regressor.

Anything that takes an estimator of scikit-learn takes these: a pipeline, a grid search, a learning
curve. Parameters have the names of ``sklearn.neural_network``. The network, its losses, its
optimizers and the training loop are the book's.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from mlpbook.scratch import layers
from mlpbook.scratch.losses import CrossEntropyLoss, Loss, MSELoss, softmax
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD, Adam, Optimizer
from mlpbook.scratch.training import fit
from mlpbook.shared import Array
from mlpbook.shared.history import History
from mlpbook.shared.initializers import glorot_uniform
from mlpbook.shared.validation import check_number

__all__ = ["MLPClassifier", "MLPRegressor", "MultilayerPerceptron"]

ACTIVATIONS: dict[str, type[layers.Layer]] = {
    "identity": layers.Identity,
    "logistic": layers.Sigmoid,
    "tanh": layers.Tanh,
    "relu": layers.ReLU,
}


class MultilayerPerceptron(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    r"""The shared part of classifier and regressor: parameters, and how they learn.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Widths of the hidden layers; () for none.
    activation : "identity", "logistic", "tanh" or "relu"
        Of the hidden layers.
    solver : "adam" or "sgd"
        The latter with Nesterov's momentum, 0.9.
    alpha : float
        Strength of weight decay: :math:`\alpha\theta` is added to the gradient of the mean loss.
    batch_size : int
        Samples per step.
    learning_rate_init : float
        The learning rate, which is constant.
    max_iter : int
        Maximum number of epochs.
    early_stopping : bool
        Whether to hold out a part of the samples, stop when their loss no longer falls, and keep
        the parameters that had the lowest.
    validation_fraction : float
        The fraction that is held out.
    n_iter_no_change : int
        Epochs without a new lowest loss after which training stops.
    random_state : int, RandomState or None
        Source of weights, batches and the held-out samples.
    verbose : bool
        Whether to draw a progress bar, on standard error.

    Attributes
    ----------
    network_ : MLP
        The trained network. Its outputs are logits, or predictions.
    history_ : History
        Losses by epoch and step.
    n_iter_ : int
        Number of epochs.
    n_features_in_, feature_names_in_
        As in all of scikit-learn.

    Raises
    ------
    ValueError, TypeError
        If a parameter is out of its range or the data do not fit.
    FloatingPointError
        If training diverges: names epoch, loss and learning rate.
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int = 200,
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Train on X (n_samples, n_features) and y; return the estimator."""
        for name, known in (("activation", ACTIVATIONS), ("solver", ("adam", "sgd"))):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}."
                )
        is_regressor = isinstance(self, RegressorMixin)
        dtypes = (np.float64, np.float32)
        X, y = validate_data(self, X, y, dtype=dtypes, multi_output=True, y_numeric=is_regressor)
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        targets, n_outputs, loss_fn = self._encode(y)
        if self.random_state is None:
            seed = int(np.random.default_rng().integers(2**31))
        else:
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        rng, hidden = np.random.default_rng(seed), np.atleast_1d(self.hidden_layer_sizes).tolist()
        network = MLP(
            [X.shape[1], *map(int, hidden), n_outputs],
            ACTIVATIONS[self.activation],
            rng=rng,
            initializer=glorot_uniform,
            dtype=X.dtype,
        )
        validation = patience = None
        if self.early_stopping:
            fraction = check_number(self.validation_fraction, "validation_fraction", low=0, high=1)
            stratify = None if is_regressor else targets
            X, X_held, targets, held = train_test_split(
                X, targets, test_size=fraction, random_state=seed, stratify=stratify
            )
            validation, patience = (X_held, held), self.n_iter_no_change
        self.history_: History = fit(
            network,
            loss_fn,
            self._optimizer(network),
            X,
            targets,
            epochs=self.max_iter,
            batch_size=self.batch_size,
            rng=rng,
            validation=validation,
            patience=patience,
            progress=self.verbose,
        )
        self.network_, self.n_iter_ = network, self.history_.n_epochs
        return self

    def _optimizer(self, network: MLP) -> Optimizer:
        theta, lr, alpha = network.parameters(), self.learning_rate_init, self.alpha
        if self.solver == "adam":
            return Adam(theta, lr, weight_decay=alpha)
        return SGD(theta, lr, momentum=0.9, nesterov=True, weight_decay=alpha)

    def _outputs(self, X: ArrayLike) -> Array:
        """Return the network's outputs (n_samples, n_outputs)."""
        check_is_fitted(self)
        return self.network_(validate_data(self, X, reset=False, dtype=(np.float64, np.float32)))

    def _encode(self, y: Array) -> tuple[Array, int, Loss]:
        """Return targets, the number of outputs, and the loss."""
        raise NotImplementedError


class MLPClassifier(ClassifierMixin, MultilayerPerceptron):  # type: ignore[misc]
    """A multilayer perceptron that classifies, as an estimator of scikit-learn.

    Parameters and attributes are those of `MultilayerPerceptron`; ``classes_`` has the labels, in
    the order of the columns of `predict_proba`.

    Examples
    --------
    >>> from mlpbook.data import moons
    >>> X, y = moons(200, noise=0.1, rng=np.random.default_rng(0))
    >>> model = MLPClassifier(solver="sgd", learning_rate_init=0.5, batch_size=20, random_state=0)
    >>> model.fit(X, y).score(X, y)
    1.0
    >>> model.predict_proba(X[:2]).shape
    (2, 2)
    """

    def predict(self, X: ArrayLike) -> Array:
        """Return the most probable class of each sample, (n_samples,)."""
        labels = self._outputs(X).argmax(axis=1)
        return np.asarray(self.classes_[labels])

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return probabilities (n_samples, n_classes)."""
        return softmax(self._outputs(X))

    def _encode(self, y: Array) -> tuple[Array, int, Loss]:
        check_classification_targets(y)
        if y.ndim != 1:
            raise ValueError(f"y must hold one class per sample, got shape {y.shape}.")
        self.classes_, labels = np.unique(y, return_inverse=True)
        return labels, len(self.classes_), CrossEntropyLoss()


class MLPRegressor(RegressorMixin, MultilayerPerceptron):  # type: ignore[misc]
    """A multilayer perceptron that predicts numbers, as an estimator of scikit-learn.

    Parameters and attributes are those of `MultilayerPerceptron`.

    Examples
    --------
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> y = np.sin(3 * X.ravel())
    >>> model = MLPRegressor(solver="sgd", learning_rate_init=0.05, batch_size=10, random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.99
    True
    """

    def predict(self, X: ArrayLike) -> Array:
        """Return predictions (n_samples,), or (n_samples, n_outputs)."""
        Y = self._outputs(X)
        return Y.reshape(len(Y), *self._target_shape)

    def _encode(self, y: Array) -> tuple[Array, int, Loss]:
        self._target_shape = y.shape[1:]
        Y = y.reshape(len(y), -1).astype(float)
        return Y, Y.shape[1], MSELoss()
