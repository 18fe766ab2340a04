"""The scikit-learn door: scikit-learn's own checks, its own network, and what readers rely on."""

import importlib.util
import pickle
import warnings
from collections import Counter
from itertools import pairwise
from unittest import SkipTest

import numpy as np
import pytest
import sklearn.neural_network as theirs
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from mlpbook.data import moons
from mlpbook.estimators import ACTIVATIONS, MLPClassifier, MLPRegressor
from mlpbook.scratch.layers import Linear
from mlpbook.scratch.optimizers import SGD

FOREVER = {"n_iter_no_change": np.inf, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def problem(kind, n_samples=60):
    """Return our class, theirs, inputs and targets of a kind."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((n_samples, 3))
    S = X @ rng.standard_normal((3, 3)) + 0.1 * rng.standard_normal((n_samples, 3))
    y = {
        "two classes": np.where(S[:, 0] > 0, "yes", "no"),
        "three classes": S.argmax(axis=1) + 5,
        "labels": (S > 0).astype(int),
        "number": S[:, 0],
        "numbers": S,
    }[kind]
    if kind in ("number", "numbers"):
        return MLPRegressor, theirs.MLPRegressor, X, y
    return MLPClassifier, theirs.MLPClassifier, X, y


KINDS = ["two classes", "three classes", "labels", "number", "numbers"]


# ---------------------------------------------------------------------------------------------
# scikit-learn's checks


def test_what_the_checks_need_is_installed():
    assert importlib.util.find_spec("pandas") is not None, (
        "pandas is missing: without it some of scikit-learn's checks do nothing. "
        "It is in requirements.in: install what requirements.txt names."
    )


@parametrize_with_checks([MLPClassifier(), MLPRegressor()])
def test_scikit_learns_checks_pass_and_none_is_skipped(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # else one check does nothing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks provoke them
        try:
            check(estimator)
        except SkipTest as reason:
            pytest.fail(f"scikit-learn skipped this check: {reason}")


@pytest.mark.parametrize(
    ("ours", "other", "n_checks"),
    [(MLPClassifier, theirs.MLPClassifier, 67), (MLPRegressor, theirs.MLPRegressor, 60)],
)
def test_the_checks_are_all_that_scikit_learns_own_network_gets(ours, other, n_checks):
    def checks(estimator):
        found = estimator_checks_generator(estimator, legacy=True)
        return Counter(str(getattr(check, "func", check).__name__) for _, check in found)

    assert checks(other()).total() == n_checks
    assert not checks(other()) - checks(ours())
    # theirs predicts several numbers too, but does not say so, and is not checked for it
    more = ["check_regressor_multioutput"] if ours is MLPRegressor else []
    assert list((checks(ours()) - checks(other())).elements()) == more


# ---------------------------------------------------------------------------------------------
# scikit-learn's network


def from_the_same_weights(kind, weights=None, **options):
    """Train ours and theirs for a few epochs from one set of weights; return both."""
    ours, other, X, y = problem(kind)
    options = {"hidden_layer_sizes": (5, 4), "warm_start": True, "shuffle": False, **options}
    ours, other = (E(**options, **FOREVER) for E in (ours, other))
    for model in (ours, other):
        model.set_params(max_iter=1).fit(X, y)
    other.coefs_ = [W.copy() for W in ours.coefs_]
    other.intercepts_ = [b.copy() for b in ours.intercepts_]
    for model in (ours, other):
        model.set_params(max_iter=3).fit(X, y, sample_weight=weights)
    return ours, other, X


def assert_same_parameters(a, b, tolerance):
    for p, q in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_allclose(p, q, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_full_batch_descent_is_scikit_learns(kind, weighted, momentum):
    weights = np.linspace(0, 3, 60) if weighted else None
    alpha = 0 if kind == "numbers" else 3.0
    ours, other, X = from_the_same_weights(
        kind, weights, solver="sgd", momentum=momentum, learning_rate_init=0.1, alpha=alpha
    )
    assert_same_parameters(ours, other, 1e-10)
    # of several numbers theirs descends the sum of the losses and reports the mean
    factor = 3 if kind == "numbers" else 1
    expected = factor * np.array(other.loss_curve_[1:])
    np.testing.assert_allclose(ours.loss_curve_[1:], expected, rtol=1e-10)
    if "number" not in kind:
        np.testing.assert_allclose(ours.predict_proba(X), other.predict_proba(X), rtol=1e-9)
        np.testing.assert_array_equal(ours.predict(X), other.predict(X))
    else:
        np.testing.assert_allclose(ours.predict(X), other.predict(X), rtol=1e-9)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("kind", ["three classes", "number"])
def test_mini_batch_descent_is_scikit_learns(kind, activation):
    ours, other, _ = from_the_same_weights(
        kind, solver="sgd", activation=activation, batch_size=7, alpha=1.0
    )
    assert_same_parameters(ours, other, 1e-10)
    np.testing.assert_allclose(ours.loss_curve_[1:], other.loss_curve_[1:], rtol=1e-10)


def test_adam_is_scikit_learns_but_for_the_place_of_epsilon():
    ours, other, _ = from_the_same_weights("three classes", batch_size=7, epsilon=1e-20)
    assert_same_parameters(ours, other, 1e-10)


def test_training_stops_where_scikit_learns_would():
    ours, other, X, y = problem("number")
    options = {"solver": "sgd", "hidden_layer_sizes": (), "shuffle": False, "random_state": 0}
    options |= {"learning_rate_init": 0.1, "tol": 1e-3, "n_iter_no_change": 3, "warm_start": True}
    ours, other = ours(**options).fit(X, y), other(**options).fit(X, y)
    for model in (ours, other):  # both start anew, from 0
        for p in model.coefs_ + model.intercepts_:
            p[...] = 0
    other._no_improvement_count, other.best_loss_ = 0, np.inf
    ours.fit(X, y)
    other.fit(X, y)
    assert ours.n_iter_ == other.n_iter_ < 200
    assert ours.best_loss_ == pytest.approx(other.best_loss_, rel=1e-10)


def test_training_stops_when_the_loss_falls_by_less_than_tol():
    ours, _, X, y = problem("number")
    options = {"solver": "sgd", "learning_rate_init": 1e-6, "batch_size": 60, "random_state": 0}
    model = ours(**options, tol=1.0, n_iter_no_change=3).fit(X, y)
    assert all(b < a for a, b in pairwise(model.loss_curve_))
    assert model.n_iter_ == 5  # one to have a lowest, three that may pass, and one too many


# ---------------------------------------------------------------------------------------------
# what readers rely on


@pytest.mark.parametrize("n_hidden", [20, 200])
def test_weights_start_uniform_within_glorots_bounds(n_hidden):
    ours, _, X, y = problem("number")
    model = ours(n_hidden, learning_rate_init=1e-30, max_iter=1, random_state=0).fit(X, y)
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        bound = np.sqrt(6 / sum(W.shape))
        assert 0.5 * bound < abs(W).max() < bound
        np.testing.assert_allclose(b, 0, atol=1e-20)


def test_it_works_in_a_pipeline_and_a_grid_search():
    X, y = moons(200, noise=0.1, rng=np.random.default_rng(0))
    model = make_pipeline(StandardScaler(), MLPClassifier(solver="sgd", random_state=0))
    grid = {"mlpclassifier__learning_rate_init": [1e-6, 0.5]}
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    assert search.best_params_ == {"mlpclassifier__learning_rate_init": 0.5}
    assert search.score(X, y) > 0.98


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_are_scikit_learns(kind):
    ours, other, X, y = problem(kind)
    options = {"hidden_layer_sizes": (4, 5), "max_iter": 1, "random_state": 0}
    a, b = (E(**options).fit(X, y) for E in (ours, other))
    assert [W.shape for W in a.coefs_] == [W.shape for W in b.coefs_]
    assert [v.shape for v in a.intercepts_] == [v.shape for v in b.intercepts_]
    for name in ("n_layers_", "n_outputs_", "n_iter_", "out_activation_", "n_features_in_"):
        assert getattr(a, name) == getattr(b, name)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if hasattr(b, method):
            mine, their = getattr(a, method)(X), getattr(b, method)(X)
            assert (mine.shape, mine.dtype) == (their.shape, their.dtype)


def test_classes_labels_and_numbers_are_learned():
    for kind, bar in zip(KINDS, [0.9, 0.9, 0.8, 0.9, 0.9], strict=True):
        ours, _, X, y = problem(kind)
        model = ours((20,), learning_rate_init=0.03, max_iter=300, random_state=0).fit(X, y)
        assert model.score(X, y) > bar, kind


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_the_same_random_state_gives_the_same_bits_and_the_global_one_is_untouched(solver, shuffle):
    ours, _, X, y = problem("three classes")
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    options = {"solver": solver, "max_iter": 3, "batch_size": 10, "shuffle": shuffle}
    a, b, c = (ours(random_state=s, **options).fit(X, y) for s in (7, 7, 8))
    assert_same_parameters(a, b, 0)
    assert not np.array_equal(a.coefs_[0], c.coefs_[0])
    d, e = (ours(**options).fit(X, y) for _ in range(2))
    assert not np.array_equal(d.coefs_[0], e.coefs_[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_partial_fit_makes_the_epochs_of_fit(kind, solver):
    ours, _, X, y = problem(kind)
    options = {"solver": solver, "batch_size": 7, **FOREVER}
    whole = ours(max_iter=4, **options).fit(X, y)
    parts = ours(**options)
    for _ in range(2):
        parts.partial_fit(X, y, **({"classes": np.unique(y)} if hasattr(whole, "classes_") else {}))
    parts = pickle.loads(pickle.dumps(parts))  # a saved estimator goes on as if nothing had been
    for _ in range(2):
        parts.partial_fit(X, y)
    assert_same_parameters(whole, parts, 0)
    assert whole.loss_curve_ == parts.loss_curve_
    assert (whole.n_iter_, parts.n_iter_) == (4, 1)


def test_partial_fit_knows_classes_that_have_not_come_yet():
    _, _, X, y = problem("three classes")
    model = MLPClassifier(random_state=0).partial_fit(X[y < 7], y[y < 7], classes=[7, 5, 6])
    assert model.classes_.tolist() == [5, 6, 7]
    assert model.partial_fit(X, y).predict_proba(X).shape == (60, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_weight_of_two_is_a_sample_twice_and_of_zero_is_none(kind, solver):
    ours, _, X, y = problem(kind)
    times = np.resize([0, 1, 2], 60)
    options = {"solver": solver, "max_iter": 5, "alpha": 1.0, "batch_size": 1000, **FOREVER}
    a = ours(**options).fit(X, y, sample_weight=times)
    b = ours(**options).fit(np.repeat(X, times, axis=0), np.repeat(y, times, axis=0))
    assert_same_parameters(a, b, 1e-9)
    np.testing.assert_allclose(a.loss_curve_, b.loss_curve_, rtol=1e-12)


def test_batches_without_weight_are_passed_over():
    ours, _, X, y = problem("number")
    weights = np.r_[np.zeros(30), np.ones(30)]
    options = {"batch_size": 10, "shuffle": False, "max_iter": 2, **FOREVER}
    a = ours(**options).fit(X, y, sample_weight=weights)
    b = ours(**options).fit(X[30:], y[30:])
    assert_same_parameters(a, b, 0)
    assert a.loss_curve_ == pytest.approx(b.loss_curve_)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_early_stopping_gives_back_the_weights_of_the_best_epoch(kind, weighted):
    ours, _, X, y = problem(kind)
    weights = np.linspace(1, 2, 60) if weighted else np.ones(60)
    options = {"early_stopping": True, "validation_fraction": 0.3, "random_state": 0}
    options |= {"learning_rate_init": 0.1, "batch_size": 10, "n_iter_no_change": 5}
    model = ours(**options).fit(X, y, sample_weight=weights)
    best = int(np.argmax(model.validation_scores_))
    assert best + 1 < model.n_iter_ == len(model.validation_scores_) < 200
    assert model.best_validation_score_ == model.validation_scores_[best]
    assert model.best_loss_ is None
    _, held = model._split(y, weights)
    assert len(held) == 18
    expected = model.score(X[held], y[held], weights[held])
    assert model.best_validation_score_ == pytest.approx(expected, rel=1e-12)
    short = ours(**options, max_iter=best + 1).fit(X, y, sample_weight=weights)
    assert_same_parameters(model, short, 0)


def test_a_warm_start_goes_on():
    ours, _, X, y = problem("three classes")
    options = {"solver": "sgd", "momentum": 0.0, "batch_size": 7, **FOREVER}
    whole = ours(max_iter=10, **options).fit(X, y)
    parts = ours(max_iter=5, warm_start=True, **options).fit(X, y).fit(X, y)
    assert_same_parameters(whole, parts, 0)
    assert whole.loss_curve_ == parts.loss_curve_
    parts.set_params(warm_start=False).fit(X, y)
    assert len(parts.loss_curve_) == 5
    np.testing.assert_array_equal(parts.loss_curve_, whole.loss_curve_[:5])


def test_early_stopping_sets_aside_the_same_fraction_of_each_class():
    _, _, X, _ = problem("number")
    y = np.repeat([0, 1, 2], [40, 14, 6])
    for seed in range(5):
        model = MLPClassifier(early_stopping=True, validation_fraction=0.5, random_state=seed)
        train, held = model.set_params(max_iter=1).fit(X, y)._split(y, np.ones(60))
        assert np.bincount(y[held]).tolist() == np.bincount(y[train]).tolist() == [20, 7, 3]


def test_a_warm_start_watches_the_same_samples():
    ours, _, X, y = problem("number")
    options = {"early_stopping": True, "warm_start": True, "max_iter": 1, "solver": "sgd"}
    model = ours(**options, learning_rate_init=1e-30, random_state=0).fit(X, y)
    assert model.validation_scores_ == model.fit(X, y).validation_scores_


def test_float32_is_kept_and_sparse_inputs_are_the_same_as_dense_ones():
    for kind in KINDS:
        ours, _, X, y = problem(kind)
        options = {"max_iter": 2, "batch_size": 7, "random_state": 0}
        single = ours(**options).fit(X.astype(np.float32), y)
        assert {p.dtype for p in single.coefs_ + single.intercepts_} == {np.dtype(np.float32)}
        a, b = ours(**options).fit(X, y), ours(**options).fit(csr_array(X), y)
        assert_same_parameters(a, b, 0)
        np.testing.assert_array_equal(a.predict(X), b.predict(csr_array(X)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_in_float32_computes_in_float32(kind, monkeypatch):
    ours, _, X, y = problem(kind)
    dtypes, backward = set(), Linear.backward_parameters

    def spy(self, dZ):
        dtypes.add(dZ.dtype)
        backward(self, dZ)

    monkeypatch.setattr(Linear, "backward_parameters", spy)
    ours(max_iter=1).fit(X.astype(np.float32), y, sample_weight=np.ones(60))
    assert dtypes == {np.dtype(np.float32)}


def test_sparse_labels_are_the_same_as_dense_ones():
    ours, _, X, y = problem("labels")
    a, b = (ours(max_iter=2, random_state=0).fit(X, Y) for Y in (y, csr_array(y)))
    assert_same_parameters(a, b, 0)


def test_log_probabilities_stay_finite_where_probabilities_underflow():
    for kind in KINDS[:3]:
        ours, _, X, y = problem(kind)
        model = ours(max_iter=1, random_state=0).fit(X, y)
        log_p = model.predict_log_proba(1e5 * X)
        assert np.isfinite(log_p).all()
        assert log_p.min() < -1e4


def test_every_activation_of_the_package_can_be_chosen():
    ours, _, X, y = problem("number")
    for name, layer in ACTIVATIONS.items():
        model = ours((3,), name, max_iter=1).fit(X, y)
        assert isinstance(model.network_.layers[1], layer)


def test_running_out_of_epochs_is_said():
    ours, _, X, y = problem("number")
    with pytest.warns(ConvergenceWarning, match=r"2 epochs were not enough\. Raise max_iter"):
        ours(max_iter=2).fit(X, y)


def test_a_progress_bar_is_drawn_on_request(capsys):
    ours, _, X, y = problem("number")
    ours(max_iter=2, verbose=True).fit(X, y)
    assert "2/2" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------
# wrong inputs


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"activation": "step"}, ValueError, r"activation must be one of .*relu.*, got 'step'"),
        ({"solver": "lbfgs"}, ValueError, r"solver must be one of adam, sgd, got 'lbfgs'"),
        ({"alpha": -1}, ValueError, "alpha must be .* at least 0, got -1"),
        ({"tol": -1}, ValueError, "tol must be .* at least 0, got -1"),
        ({"batch_size": 0}, ValueError, "batch_size must be an integer of at least 1, got 0"),
        ({"batch_size": 2.5}, TypeError, "batch_size must be an integer"),
        ({"learning_rate_init": 0}, ValueError, "lr must be .* greater than 0"),
        ({"max_iter": 0}, ValueError, "max_iter must be an integer of at least 1"),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change must be an integer of at least 1"),
        ({"momentum": 1, "solver": "sgd"}, ValueError, "momentum must be .* less than 1, got 1"),
        ({"beta_1": 1}, ValueError, "betas must be .* less than 1"),
        ({"epsilon": -1}, ValueError, "eps must be .* at least 0"),
        ({"hidden_layer_sizes": (3, 0)}, ValueError, "at least 1, got 0"),
        ({"validation_fraction": 1.0}, ValueError, "validation_fraction must be .* less than 1"),
        ({"early_stopping": True, "validation_fraction": 0.001}, ValueError, "at least 2 samples"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(parameters, error, message):
    _, _, X, y = problem("number")
    with pytest.raises(error, match=message):
        MLPRegressor(**parameters).fit(X, y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (np.where(np.equal(X, X[3, 1]), np.nan, X), y), "NaN"),
        (lambda X, y: (np.where(np.equal(X, X[3, 1]), np.inf, X), y), "infinity"),
        (lambda X, y: (X[:, 0], y), "Expected 2D array, got 1D array"),
        (lambda X, y: (X[:, :2], y), "X has 2 features, but .* is expecting 3 features"),
        (lambda X, y: (X[:-1], y), r"inconsistent numbers of samples: \[59, 60\]"),
        (lambda X, y: (X[:0], y[:0]), "0 sample"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_wrong_data_are_refused_before_any_weight_changes(kind, change, message):
    ours, _, X, y = problem(kind)
    model = ours(max_iter=1, warm_start=True).fit(X, y)
    before = [p.copy() for p in model.network_.parameters()]
    for train in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=message):
            train(*change(X, y))
    for p, q in zip(before, model.network_.parameters(), strict=True):
        np.testing.assert_array_equal(p, q)


def test_wrong_targets_are_refused():
    _, _, X, y = problem("three classes")
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"y must hold the classes \[5 6\], got \[7\]"):
        MLPClassifier().partial_fit(X, y, classes=[5, 6])
    with pytest.raises(ValueError, match=r"one class a sample, or be a 0-1 matrix, got shape"):
        MLPClassifier().fit(X, np.c_[y, y])
    with pytest.raises(ValueError, match=r"0-1 matrix, got shape \(60, 2\)"):
        MLPClassifier().fit(X, np.where(X[:, :2] > 0, 1, -1))
    with pytest.raises(ValueError, match="Unknown label type"):
        MLPClassifier().fit(X, X[:, 0])
    model = MLPClassifier(max_iter=1, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="one kind in all calls"):
        model.fit(X, problem("labels")[3])
    with pytest.raises(ValueError, match="must keep its sizes and activation"):
        model.set_params(hidden_layer_sizes=3).fit(X, y)
    with pytest.raises(ValueError, match="must keep its sizes"):
        MLPRegressor(max_iter=1).partial_fit(X, y).partial_fit(X, np.c_[y, y])
    with pytest.raises(ValueError, match="partial_fit must be told when to stop"):
        MLPRegressor(early_stopping=True).partial_fit(X, y)
    with pytest.raises(ValueError, match="Negative values"):
        MLPRegressor().fit(X, y, sample_weight=-np.ones(60))


def test_images_of_bytes_are_converted_before_any_arithmetic():
    X = np.random.default_rng(0).integers(0, 256, (40, 9)).astype(np.uint8)
    y = (X[:, 0] > 127).astype(int)
    a, b = (MLPClassifier(max_iter=2, random_state=0).fit(Z, y) for Z in (X, X.astype(float)))
    assert_same_parameters(a, b, 0)


def test_inputs_of_any_layout_give_the_same_and_stay_as_they_are():
    ours, _, X, y = problem("number")
    wide = np.repeat(X, 2, axis=1)
    frozen = X.copy()
    frozen.flags.writeable = False
    models = [
        ours(max_iter=2, random_state=0).fit(Z, y)
        for Z in (X, np.asfortranarray(X), wide[:, ::2], frozen, X.tolist())
    ]
    for a, b in pairwise(models):
        assert_same_parameters(a, b, 0)
    np.testing.assert_array_equal(X, frozen)


def test_one_class_is_predicted_with_certainty():
    _, _, X, _ = problem("number")
    model = MLPClassifier(max_iter=1).fit(X, ["only"] * 60)
    assert set(model.predict(X)) == {"only"}
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((60, 1)))


def test_divergence_names_epoch_loss_and_rate():
    _, _, X, y = problem("number")
    model = MLPRegressor(solver="sgd", learning_rate_init=1e6, random_state=0)
    with pytest.raises(FloatingPointError, match=r"epoch \d+: .* loss was .* rate 1e\+06"):
        model.fit(X, y)
    assert np.isfinite(model.loss_curve_).all()
    model.set_params(learning_rate_init=1e308, max_iter=1)  # a finite loss, and then the last step
    with pytest.raises(FloatingPointError, match=r"epoch 1: .* loss was \d"):
        model.fit(1e3 * X, y)


def test_an_interrupted_run_keeps_finite_weights_and_its_losses(monkeypatch):
    _, _, X, y = problem("number")
    steps, step = iter(range(25)), SGD.step

    def interrupted(self, gradients):
        step(self, gradients)
        if next(steps) == 24:
            raise KeyboardInterrupt

    monkeypatch.setattr(SGD, "step", interrupted)
    model = MLPRegressor(solver="sgd", batch_size=6, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert len(model.loss_curve_) == model.n_iter_ == 2  # of 10 steps each
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("early_stopping", [False, True])
def test_names_of_columns_are_kept_and_asked_for_again(early_stopping):
    pandas = pytest.importorskip("pandas")
    ours, _, X, y = problem("three classes")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    model = ours(max_iter=2, early_stopping=early_stopping, random_state=0).fit(frame, y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert model.predict(frame).shape == (60,)  # without a warning
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c"]])
