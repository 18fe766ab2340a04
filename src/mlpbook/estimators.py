r"""The scikit-learn door: the network as a classifier and a regressor.

Whatever takes an estimator of scikit-learn takes these: a pipeline, a grid search, a learning
curve. Parameters have scikit-learn's names and meanings, and from the same weights a step of
gradient descent is the one that ``sklearn.neural_network`` makes. The network, its losses and its
optimizers are the book's. The loop is a second one, because here samples have weights, and biases
have no penalty.
"""

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from mlpbook.data import batches
from mlpbook.scratch import layers
from mlpbook.scratch.activations import log_sigmoid
from mlpbook.scratch.losses import BCEWithLogitsLoss, CrossEntropyLoss, Loss, MSELoss, log_softmax
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD, Adam, Optimizer
from mlpbook.shared.history import History
from mlpbook.shared.initializers import glorot_uniform
from mlpbook.shared.training_loop import divergence, progress_bar
from mlpbook.shared.validation import check_number, check_positive_int

__all__ = ["MLPClassifier", "MLPRegressor", "MultilayerPerceptron"]

Array = NDArray[Any]

ACTIVATIONS: dict[str, type[layers.Layer]] = {
    "identity": layers.Identity,
    "logistic": layers.Sigmoid,
    "tanh": layers.Tanh,
    "relu": layers.ReLU,
    "leaky_relu": layers.LeakyReLU,
    "elu": layers.ELU,
    "gelu": layers.GELU,
    "silu": layers.SiLU,
    "softplus": layers.Softplus,
}
LOSSES: dict[str, type[Loss]] = {
    "identity": MSELoss,
    "logistic": BCEWithLogitsLoss,
    "softmax": CrossEntropyLoss,
}


class MultilayerPerceptron(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    r"""What the classifier and the regressor have in common: parameters, and how they learn.

    With weights :math:`w_i` of the samples (1 when left out), a batch B has the objective

    .. math:: \frac{1}{\sum_B w_i} \Bigl(\sum_B w_i\, \ell^{(i)}
              + \frac{\alpha}{2} \sum_l \lVert W_l\rVert_F^2\Bigr).

    The penalty is divided by the size of the batch, as in scikit-learn: the smaller the batches,
    the stronger it is.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Widths of the hidden layers; () for none.
    activation : str
        Of the hidden layers: "identity", "logistic", "tanh" or "relu"; and what scikit-learn does
        not have: "leaky_relu", "elu", "gelu", "silu", "softplus".
    solver : "adam" or "sgd"
        Adam's epsilon is added to the corrected root, as in `mlpbook.scratch.optimizers.Adam`;
        scikit-learn adds it before the correction.
    alpha : float
        Strength of the penalty on the weights.
    batch_size : int or "auto"
        Samples a step; "auto" is 200, and more than there are samples is all of them.
    learning_rate_init : float
        The learning rate, which is constant.
    max_iter : int
        At most so many epochs.
    shuffle : bool
        Whether to shuffle the samples before every epoch.
    random_state : int, RandomState or None
        Source of weights, batches and the validation set. The global random state stays untouched.
    tol, n_iter_no_change : float, int or infinity
        Training ends when in more than `n_iter_no_change` epochs in a row the loss was not below
        its lowest, or the score not above its highest, by at least `tol`.
    verbose : bool
        Whether to draw a progress bar, on standard error.
    warm_start : bool
        Whether `fit` starts from the weights that it left the last time, with a new optimizer.
    momentum, nesterovs_momentum : float, bool
        Of "sgd".
    early_stopping, validation_fraction : bool, float
        Whether to set aside a fraction of the samples, watch the score on them instead of the
        loss, and keep the weights that had the highest.
    beta_1, beta_2, epsilon : float
        Of "adam".

    Attributes
    ----------
    network_ : MLP
        The trained network. Its outputs are logits, or predictions.
    coefs_, intercepts_ : lists of arrays (n_in, n_out), (n_out,)
        Views of its weights, transposed as scikit-learn has them, and of its biases.
    loss_curve_, loss_ : list of float, float
        Mean objective of each epoch, measured while the weights change, over all calls of a warm
        start or of `partial_fit`; and its last entry.
    best_loss_ : float or None
        The lowest of the last call, without early stopping.
    validation_scores_, best_validation_score_ : list of float or None, float or None
        Of the last call, with early stopping: accuracy, or the coefficient of determination.
    n_iter_, n_layers_, n_outputs_ : int
        Epochs of the last call; layers, the input counted; outputs of the network.
    out_activation_ : str
        "logistic", "softmax" or "identity".
    n_features_in_, feature_names_in_
        As in all of scikit-learn.

    Raises
    ------
    ValueError, TypeError
        If a parameter is out of its range or the data do not fit; before any weight has changed.
    FloatingPointError
        If training diverges: names epoch, loss and learning rate.
    """

    network_: MLP
    _architecture: tuple[list[int], str]
    _history: History
    _optimizer: Optimizer
    _rng: np.random.Generator
    _seed: int

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on X (n_samples, n_features), which may be sparse, and y; return the estimator.

        A sample of weight 2 counts as two samples, one of weight 0 as none.
        """
        return self._fit(X, y, sample_weight)

    @property
    def coefs_(self) -> list[Array]:
        """The weights, W_l transposed, (n_in, n_out): views."""
        return [W.T for W in self.network_.parameters()[::2]]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases, (n_out,): views."""
        return list(self.network_.parameters()[1::2])

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        *,
        partial: bool = False,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Check everything, then train: until it is over, or for one epoch if `partial`."""
        self._check_parameters(partial=partial)
        first = not hasattr(self, "network_") or not (partial or self.warm_start)
        X, y = validate_data(
            self,
            X,
            y,
            reset=first,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            multi_output=True,
            y_numeric=isinstance(self, RegressorMixin),
        )
        weights = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        y = y.toarray() if issparse(y) else y
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        targets, n_outputs = self._encode(y, classes, first=first)
        if targets.dtype.kind == "f":
            targets = targets.astype(X.dtype, copy=False)
        network = self._build(X, n_outputs, first=first)
        optimizer = self._make_optimizer(network) if first or not partial else self._optimizer
        held_out = None
        if self.early_stopping:
            train, held = self._split(y, weights)
            held_out = X[held], targets[held], weights[held]
            X, targets, weights = X[train], targets[train], weights[train]
        if first:
            self._history = History()
        self.network_, self._optimizer = network, optimizer
        self.n_layers_, self.n_outputs_ = len(network.parameters()) // 2 + 1, n_outputs
        over = self._descend(X, targets, weights, held_out, 1 if partial else self.max_iter)
        if not over and not partial:
            warnings.warn(
                f"training must end by itself, but {self.max_iter} epochs were not enough. "
                "Raise max_iter, or standardise the inputs.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    @np.errstate(all="ignore")  # a run that diverges ends with an error of its own
    def _descend(self, X: Any, targets: Array, weights: Array, held_out: Any, epochs: int) -> bool:
        """Train until nothing improves; return whether that came before the epochs ran out."""
        history, loss_fn = self._history, LOSSES[self.out_activation_](reduction="none")
        theta, rng = self.network_.parameters().flat, self._rng if self.shuffle else None
        lowest, best, waited = np.inf, None, 0
        self.n_iter_, self.loss_curve_ = 0, history.train_loss
        self.validation_scores_: list[float] | None = [] if held_out else None
        for epoch in progress_bar(epochs, history, show=self.verbose):
            total = 0.0
            for batch in batches(len(weights), self._n_batch(), rng=rng):
                weight = float(weights[batch].sum())
                if weight == 0:
                    continue  # nothing to learn from
                X_batch = _dense(X[batch], theta.dtype)
                loss = self._step(loss_fn, X_batch, targets[batch], weights[batch], weight)
                if not np.isfinite(loss):
                    raise divergence(epoch, history, self.learning_rate_init)
                history.batch_loss.append(loss)
                total += loss * weight
            if not np.isfinite(theta).all():
                raise divergence(epoch, history, self.learning_rate_init)
            self.n_iter_ += 1
            self.loss_ = watched = total / float(weights.sum())
            history.train_loss.append(self.loss_)
            if self.validation_scores_ is not None:
                score = self._score(self._forward(held_out[0]), *held_out[1:])
                self.validation_scores_.append(score)
                watched = -score
            waited = waited + 1 if watched > lowest - self.tol else 0
            if watched < lowest:
                lowest, best = watched, theta.copy() if held_out else None
            if waited > self.n_iter_no_change:
                break
        self.best_loss_ = None if held_out else lowest
        self.best_validation_score_ = -lowest if held_out else None
        if best is not None:
            theta[...] = best
        return waited > self.n_iter_no_change

    def _step(
        self, loss_fn: Loss, X: Array, targets: Array, weights: Array, weight: float
    ) -> float:
        """Make one step of the optimizer; return the objective before it."""
        losses = loss_fn.forward(self.network_.forward(X), targets)  # (N,) or (N, n_outputs)
        half = 0.5 if isinstance(loss_fn, MSELoss) else 1.0
        share = np.broadcast_to(half / weight * weights, losses.T.shape).T  # adjoint of losses
        self.network_.backward(loss_fn.backward(share), input_gradient=False)
        loss = float(np.vdot(share, losses))
        parameters, gradients = self.network_.parameters(), self.network_.gradients()
        for W, dW in zip(parameters[::2], gradients[::2], strict=True):
            loss += self.alpha / (2 * weight) * float(np.vdot(W, W))
            dW += self.alpha / weight * W
        self._optimizer.step(gradients)
        return loss

    def _forward(self, X: Any) -> Array:
        """Return the network's outputs, batch by batch: layers remember what they saw."""
        network, dtype = self.network_, self.network_.parameters().flat.dtype
        parts = [network.forward(_dense(X[i], dtype)) for i in batches(X.shape[0], 1000)]
        return np.concatenate(parts)

    def _outputs(self, X: ArrayLike) -> Array:
        """Return the outputs (n_samples, n_outputs) for what a user passes."""
        check_is_fitted(self)
        dtypes = (np.float64, np.float32)
        return self._forward(validate_data(self, X, reset=False, accept_sparse="csr", dtype=dtypes))

    def _encode(self, y: Array, classes: ArrayLike | None, *, first: bool) -> tuple[Array, int]:
        """Return targets as the loss takes them, and the number of outputs."""
        raise NotImplementedError

    def _score(self, outputs: Array, targets: Array, weights: Array) -> float:
        """Return what early stopping watches."""
        raise NotImplementedError

    def _check_parameters(self, *, partial: bool) -> None:
        """Refuse what network, optimizer and batches will not check themselves."""
        for name, options in (("activation", ACTIVATIONS), ("solver", ("adam", "sgd"))):
            if getattr(self, name) not in options:
                raise ValueError(
                    f"{name} must be one of {', '.join(options)}, got {getattr(self, name)!r}. "
                    "Choose one of these."
                )
        check_number(self.alpha, "alpha", low=0)
        check_number(self.tol, "tol", low=0)
        check_positive_int(self.max_iter, "max_iter")
        check_positive_int(self._n_batch(), "batch_size")
        if self.n_iter_no_change != np.inf:
            check_positive_int(self.n_iter_no_change, "n_iter_no_change")
        fraction = self.validation_fraction
        check_number(fraction, "validation_fraction", low=0, high=1, low_open=True, high_open=True)
        if self.early_stopping and partial:
            raise ValueError(
                "partial_fit must be told when to stop, got early_stopping=True. Use fit."
            )

    def _n_batch(self) -> Any:
        return 200 if self.batch_size == "auto" else self.batch_size

    def _build(self, X: Any, n_outputs: int, *, first: bool) -> MLP:
        """Return a new network, or the one there is, if it still fits."""
        hidden = self.hidden_layer_sizes
        sizes = [X.shape[1], *(hidden if np.iterable(hidden) else [hidden]), n_outputs]
        if not first and (sizes, self.activation) != self._architecture:
            raise ValueError(
                f"the network must keep its sizes and activation {self._architecture}, got "
                f"{(sizes, self.activation)}. Use fit with warm_start=False."
            )
        if not first:
            return self.network_
        if self.random_state is None:
            seed = np.random.default_rng().integers(2**31)
        else:
            seed = check_random_state(self.random_state).randint(2**31 - 1)
        self._architecture, self._seed = (sizes, self.activation), int(seed)
        self._rng = np.random.default_rng(self._seed)
        return MLP(
            sizes,
            ACTIVATIONS[self.activation],
            rng=self._rng,
            initializer=glorot_uniform,
            dtype=X.dtype,
        )

    def _make_optimizer(self, network: MLP) -> Optimizer:
        theta, lr, betas = network.parameters(), self.learning_rate_init, (self.beta_1, self.beta_2)
        if self.solver == "adam":
            return Adam(theta, lr, betas=betas, eps=self.epsilon)
        nesterov = bool(self.nesterovs_momentum and self.momentum)
        return SGD(theta, lr, momentum=self.momentum, nesterov=nesterov)

    def _split(self, y: Array, weights: Array) -> tuple[Array, Array]:
        """Return the samples to train on and those to watch: the same in every warm start."""
        train, held = train_test_split(
            np.arange(len(y)),
            test_size=self.validation_fraction,
            random_state=self._seed,
            stratify=y if isinstance(self, ClassifierMixin) and y.ndim == 1 else None,
        )
        if len(held) < 2 or not weights[train].sum() or not weights[held].sum():
            raise ValueError(
                f"early stopping needs at least 2 samples to watch, and weight on both sides, "
                f"got {len(held)} of {len(y)} samples. Raise validation_fraction."
            )
        return train, held

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class MLPClassifier(ClassifierMixin, MultilayerPerceptron):  # type: ignore[misc]
    r"""A multilayer perceptron that classifies, as an estimator of scikit-learn.

    Two classes, or several labels at once (y is a 0-1 matrix), have a logistic output each and
    binary cross-entropy, summed over the labels; more classes a softmax and cross-entropy.

    Parameters
    ----------
    hidden_layer_sizes, activation, ...
        See `MultilayerPerceptron`, also for the attributes and for what is raised.

    Attributes
    ----------
    classes_ : array (n_classes,)
        The labels, in the order of the columns of `predict_proba`.

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

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch; the first call must be told all classes that will come."""
        if not hasattr(self, "network_") and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._fit(X, y, sample_weight, partial=True, classes=classes)

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the logits (n_samples, n_classes); of two classes, (n_samples,)."""
        Z = self._outputs(X)
        return Z[:, 0] if self._is_binary() else Z

    def predict(self, X: ArrayLike) -> Array:
        """Return the likeliest labels (n_samples,), or a 0-1 matrix of labels."""
        labels = self._decide(self._outputs(X))
        return labels if self._multilabel else np.asarray(self.classes_[labels.ravel()])

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return probabilities (n_samples, n_classes)."""
        return np.asarray(np.exp(self.predict_log_proba(X)))

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return log-probabilities (n_samples, n_classes): finite even where one underflows."""
        Z = self._outputs(X)
        if self.out_activation_ == "softmax":
            return log_softmax(Z)
        return log_sigmoid(np.hstack([-Z, Z]) if self._is_binary() else Z)

    def _encode(self, y: Array, classes: ArrayLike | None, *, first: bool) -> tuple[Array, int]:
        check_classification_targets(y)
        multilabel = type_of_target(y) == "multilabel-indicator"
        if y.ndim == 2 and not (multilabel and np.isin(y, (0, 1)).all()):
            raise ValueError(
                f"y must hold one class a sample, or be a 0-1 matrix, got shape {y.shape} with "
                "other values. Did you mean MLPRegressor?"
            )
        if first:
            self._multilabel = multilabel
            known = np.arange(y.shape[1]) if multilabel else y if classes is None else classes
            self.classes_ = np.unique(np.asarray(known))
            binary = multilabel or len(self.classes_) == 2
            self.out_activation_ = "logistic" if binary else "softmax"
        if multilabel != self._multilabel:
            raise ValueError("y must be of one kind in all calls: classes, or a 0-1 matrix.")
        if multilabel:
            return y.astype(float), y.shape[1]
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y must hold the classes {self.classes_}, got {unknown}. Pass all classes to the "
                "first call of partial_fit, or use fit with warm_start=False."
            )
        labels = np.searchsorted(self.classes_, y)
        if self._is_binary():
            return labels[:, None].astype(float), 1
        return labels, len(self.classes_)

    def _decide(self, Z: Array) -> Array:
        """Return the targets that the logits stand for."""
        return Z.argmax(axis=1) if self.out_activation_ == "softmax" else (Z > 0).astype(int)

    def _score(self, outputs: Array, targets: Array, weights: Array) -> float:
        right = (self._decide(outputs) == targets).reshape(len(targets), -1).all(axis=1)
        return float(np.average(right, weights=weights))

    def _is_binary(self) -> bool:
        return len(self.classes_) == 2 and not self._multilabel

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, MultilayerPerceptron):  # type: ignore[misc]
    r"""A multilayer perceptron that predicts numbers, as an estimator of scikit-learn.

    The loss of a sample is :math:`\frac12\lVert\hat y^{(i)} - y^{(i)}\rVert^2`, summed over the
    outputs. scikit-learn makes the same steps, but reports the mean over the outputs.

    Parameters
    ----------
    hidden_layer_sizes, activation, ...
        See `MultilayerPerceptron`, also for the attributes and for what is raised.

    Examples
    --------
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> y = np.sin(3 * X.ravel())
    >>> model = MLPRegressor(solver="sgd", learning_rate_init=0.1, batch_size=10, random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.99
    True
    """

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one epoch."""
        return self._fit(X, y, sample_weight, partial=True)

    def predict(self, X: ArrayLike) -> Array:
        """Return predictions (n_samples,), or (n_samples, n_outputs)."""
        predictions = self._outputs(X)
        return predictions.ravel() if self.n_outputs_ == 1 else predictions

    def _encode(self, y: Array, classes: ArrayLike | None, *, first: bool) -> tuple[Array, int]:
        self.out_activation_ = "identity"
        Y = y.reshape(len(y), -1).astype(float)
        return Y, Y.shape[1]

    def _score(self, outputs: Array, targets: Array, weights: Array) -> float:
        return float(r2_score(targets, outputs, sample_weight=weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _dense(X: Any, dtype: Any) -> Array:
    """Return rows, sparse or not, as the network takes them."""
    return np.asarray(X.toarray() if issparse(X) else X, dtype=dtype)
