"""The scikit-learn estimators: scikit-learn's own checks, and what readers rely on."""

import importlib.util
import pickle

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from mlpbook.data import moons
from mlpbook.estimators import ACTIVATIONS, MLPClassifier, MLPRegressor
from mlpbook.scratch.losses import CrossEntropyLoss, softmax
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import Adam
from mlpbook.scratch.training import fit
from mlpbook.shared.initializers import glorot_uniform


def test_what_the_checks_need_is_installed():
    assert importlib.util.find_spec("pandas") is not None, "without pandas some checks do nothing"


FAST = {"learning_rate_init": 0.01, "random_state": 0}


@parametrize_with_checks([MLPClassifier(**FAST), MLPRegressor(**FAST)])
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


@pytest.fixture
def points():
    return moons(120, noise=0.1, rng=np.random.default_rng(0))


def test_fitting_is_the_books_own_loop(points):
    X, y = points
    model = MLPClassifier((8, 4), "tanh", alpha=0.01, batch_size=32, max_iter=5, random_state=3)
    model.fit(X, np.where(y == 1, "b", "a"))
    rng = np.random.default_rng(np.random.RandomState(3).randint(2**31 - 1))
    network = MLP([2, 8, 4, 2], ACTIVATIONS["tanh"], rng=rng, initializer=glorot_uniform)
    optimizer = Adam(network.parameters(), 0.001, weight_decay=0.01)
    history = fit(network, CrossEntropyLoss(), optimizer, X, y, epochs=5, batch_size=32, rng=rng)
    assert model.history_ == history
    assert np.array_equal(model.predict_proba(X), softmax(network(X)))
    assert model.predict(X).tolist() == ["ab"[k] for k in network(X).argmax(axis=1)]
    assert model.n_iter_ == 5


def test_it_works_in_a_pipeline_and_a_grid_search(points):
    X, y = points
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**FAST, max_iter=60))
    search = GridSearchCV(pipeline, {"mlpclassifier__hidden_layer_sizes": [(), 20]}, cv=3)
    search.fit(1000 * X, y)
    assert search.best_params_ == {"mlpclassifier__hidden_layer_sizes": 20}
    assert search.best_score_ > 0.85


def test_several_targets_are_learned_at_once(rng):
    X = rng.uniform(-1, 1, (200, 1))
    Y = np.hstack([np.sin(3 * X), X**2])
    model = MLPRegressor((30,), "tanh", batch_size=20, **FAST).fit(X, Y)
    assert model.predict(X).shape == (200, 2)
    assert model.score(X, Y) > 0.97
    assert model.fit(X, Y[:, 0]).predict(X).shape == (200,)


def test_early_stopping_holds_samples_out_and_keeps_the_best_parameters(points):
    X, y = points
    options = FAST | {"early_stopping": True, "n_iter_no_change": 3, "validation_fraction": 0.25}
    model = MLPClassifier((50,), batch_size=10, **options).fit(X, y)
    losses = model.history_.validation_loss
    assert model.n_iter_ == len(losses) < 200
    assert len(losses) - 1 - int(np.argmin(losses)) == 3
    assert len(model.history_.batch_loss) == 9 * model.n_iter_  # 90 samples in batches of 10


def test_float32_is_kept_and_a_copy_predicts_the_same(points):
    X, y = points
    model = MLPClassifier(**FAST, max_iter=2).fit(X.astype(np.float32), y)
    assert {p.dtype for p in model.network_.parameters()} == {np.dtype(np.float32)}
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict_proba(X), model.predict_proba(X))


def test_the_global_random_state_is_not_touched(points):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    MLPClassifier(max_iter=1).fit(*points)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"activation": "step"}, ValueError, "activation must be one of identity, .* got 'step'"),
        ({"solver": "lbfgs"}, ValueError, "solver must be one of adam, sgd, got 'lbfgs'"),
        ({"alpha": -1}, ValueError, "weight_decay must be .* got -1"),
        ({"max_iter": 0}, ValueError, "epochs must be .* got 0"),
        ({"batch_size": 0}, ValueError, "batch_size must be .* got 0"),
        ({"hidden_layer_sizes": (5, 0)}, ValueError, "each of sizes must be .* got 0"),
        ({"early_stopping": True, "n_iter_no_change": 0}, ValueError, "patience must be"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(points, parameters, error, message):
    with pytest.raises(error, match=message):
        MLPClassifier(**parameters).fit(*points)


def test_divergence_names_epoch_loss_and_rate(points):
    X, _ = points
    model = MLPRegressor(solver="sgd", learning_rate_init=1e6)
    with pytest.raises(FloatingPointError, match=r"diverged in epoch \d+.* rate 1e\+06"):
        model.fit(X, X[:, 0])
