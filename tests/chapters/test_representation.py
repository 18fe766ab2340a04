"""Networks whose weights are written down."""

from fractions import Fraction

import numpy as np
import pytest

from mlpbook.chapters import representation as ap
from mlpbook.scratch.layers import ReLU, Tanh
from mlpbook.scratch.network import MLP


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("layer", "values"),
    [(ap.Square, [4, 0, 0.25, 9]), (ap.Cube, [-8, 0, 0.125, 27]), (ap.Step, [0, 0, 1, 1])],
)
def test_activations_of_the_chapter_have_the_values_of_their_names(layer, values):
    for dtype in (np.float32, np.float64):
        A = layer().forward(np.array([[-2.0, 0.0, 0.5, 3.0]], dtype))
        assert A.tolist() == [values]
        assert A.dtype == dtype


@pytest.mark.parametrize("kind", [ap.Square, ap.Cube, ap.Step])
def test_backward_multiplies_by_the_derivative(kind):
    layer = kind()
    Z, h = np.array([[-2.0, 0.5, 3.0]]), 1e-6
    difference = (layer.forward(Z + h) - layer.forward(Z - h)) / (2 * h)
    layer.forward(Z)
    np.testing.assert_allclose(layer.backward(np.ones_like(Z)), difference, atol=1e-6)


def test_network_from_weights_has_the_given_weights_and_copies_them():
    W = np.array([[1.0], [2.0]])
    network = ap.network_from_weights([(W, [0, 0]), ([[3, 4]], [5])], Tanh)
    W[:] = 0
    assert network([[1.0]])[0, 0] == pytest.approx(3 * np.tanh(1) + 4 * np.tanh(2) + 5)


@pytest.mark.parametrize(
    "weights",
    [
        [],
        [([[1, 2]], [0, 0])],
        [([1, 2], [0])],
        [([[1], [1]], [0, 0]), ([[1], [1]], [0, 0])],
    ],
)
def test_network_from_weights_refuses_shapes_that_do_not_follow(weights):
    with pytest.raises(ValueError, match="^weights must be pairs of shapes") as caught:
        ap.network_from_weights(weights)
    shapes = [(np.shape(W), np.shape(b)) for W, b in weights]
    assert f"got {shapes}. Is one W transposed?" in str(caught.value)


def test_interpolant_is_constant_to_the_left_and_straight_to_the_right():
    # slopes 2 and -1 between (0, 1), (1, 3), (3, 1)
    network = ap.relu_interpolant([0, 1, 3], [1, 3, 1])
    assert network([[-9.0], [0.0], [1.0], [3.0], [5.0]]).ravel().tolist() == [1, 1, 3, 1, -1]


def test_interpolant_with_one_piece_is_a_line():
    assert ap.relu_interpolant([0, 2], [1, 5])([[1.0], [4.0]]).ravel().tolist() == [3, 9]


@pytest.mark.parametrize(
    ("knots", "pair"), [([0, 0, 1], "0 before 0"), ([-1, 0, 2, 1], "2 before 1")]
)
def test_knots_that_do_not_increase_are_refused(knots, pair):
    with pytest.raises(ValueError, match=f"^knots must increase, got {pair}. Sort them"):
        ap.relu_interpolant(knots, [0] * len(knots))


def test_knots_and_values_that_are_not_finite_are_named():
    with pytest.raises(ValueError, match="^knots must be finite"):
        ap.relu_interpolant([0, np.inf], [0, 1])
    with pytest.raises(ValueError, match="^values must be finite, got 1 NaN"):
        ap.relu_interpolant([0, 1], [0, np.nan])


@pytest.mark.parametrize(("knots", "values"), [([0], [0]), ([0, 1], [0, 1, 2])])
def test_knots_and_values_of_different_number_are_refused(knots, values):
    with pytest.raises(ValueError, match="^knots and values must have one shape"):
        ap.staircase(knots, values, steepness=1.0)


def test_staircase_refuses_a_steepness_that_is_not_positive():
    with pytest.raises(ValueError, match="^steepness must be .* greater than 0, got 0"):
        ap.staircase([0, 1], [0, 1], steepness=0)


def test_staircase_is_halfway_up_at_each_midpoint():
    network = ap.staircase([0, 2, 4], [1, 5, 7], steepness=200)
    assert network([[1.0], [3.0]]).ravel() == pytest.approx([3, 6])


def test_a_flat_staircase_is_a_sum_of_sigmoids():
    # 1 + 4 sigma((x - 1)/2), at x = 3: 1 + 4 / (1 + 1/e)
    network = ap.staircase([0, 2], [1, 5], steepness=0.5)
    assert network([[3.0]])[0, 0] == pytest.approx(1 + 4 / (1 + np.exp(-1)), rel=1e-15)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_sawtooth_is_the_tent_map_of_the_tent_map(depth):
    grid = [Fraction(k, 32) for k in range(33)]
    expected = grid
    for _ in range(depth):
        expected = [2 * min(x, 1 - x) for x in expected]
    network = ap.sawtooth(depth)
    assert network([[float(x)] for x in grid]).ravel().tolist() == expected


def test_sawtooth_is_zero_to_the_left_of_the_interval_and_counts_its_parameters():
    for depth in (1, 2, 5):
        network = ap.sawtooth(depth)
        assert network([[-3.0]])[0, 0] == 0
        assert network.n_parameters == 6 * depth + 1


def test_sawtooth_refuses_a_depth_of_zero():
    with pytest.raises(ValueError, match="^depth must be an integer of at least 1"):
        ap.sawtooth(0)


def test_square_network_has_four_units_a_layer_and_one_layer_a_degree():
    network = ap.square_network([1, 2, 3, 4])
    assert [len(b) for b in network.parameters()[1::2]] == [4, 4, 4, 1]
    # 1 + 2·2 + 3·4 + 4·8
    assert network([[2.0]])[0, 0] == 49


@pytest.mark.parametrize("coefficients", [[3, -2], [3, -2, 5], [1, -2, 3, -4, 5, -6]])
def test_square_network_computes_the_polynomial(coefficients):
    x = np.arange(-3.0, 4)
    expected = sum(c * x**k for k, c in enumerate(coefficients))
    network = ap.square_network(coefficients)
    assert network(x[:, np.newaxis]).ravel().tolist() == expected.tolist()  # small whole numbers


def test_square_network_refuses_a_constant():
    with pytest.raises(ValueError, match="^coefficients must have shape .* got .1,.. Start with"):
        ap.square_network([1.0])
    with pytest.raises(ValueError, match="^coefficients must be finite"):
        ap.square_network([1.0, np.nan])


def test_pieces_of_an_interpolant_are_its_points():
    knots, values = [-1.0, 0.5, 2.0, 2.25], [3.0, 1.0, -1.5, 0.0]
    found_knots, found_values = ap.linear_pieces(ap.relu_interpolant(knots, values), -1, 2.25)
    np.testing.assert_allclose(np.array(found_knots, dtype=float), knots)
    np.testing.assert_allclose(np.array(found_values, dtype=float), values, atol=1e-15)


def test_pieces_of_a_deep_network_make_the_same_function(rng):
    network = MLP([1, 6, 5, 4, 1], rng=rng)
    for b in network.parameters()[1::2]:
        b[...] = rng.normal(size=b.shape)
    flat = ap.relu_interpolant(*ap.linear_pieces(network, -3, 3))
    x = np.linspace(-3, 3, 3001)[:, None]
    np.testing.assert_allclose(flat(x), network(x), atol=1e-9)


def test_kinks_that_cancel_are_not_counted():
    # relu(x) - relu(-x) = x, and relu(x - 1/2) - relu(x - 1/2) = 0
    network = ap.network_from_weights(
        [([[1], [-1], [1], [1]], [0, 0, -0.5, -0.5]), ([[1, -1, 1, -1]], [0])]
    )
    assert ap.linear_pieces(network, -2, 2) == ([-2, 2], [-2, 2])


def test_kinks_closer_than_rounding_are_kept_apart():
    # kinks at 1/3 as rounded to a float, and one unit in the last place beside it
    third = 1 / 3
    beside = np.nextafter(third, 1)
    network = ap.network_from_weights([([[1], [1]], [-third, -beside]), ([[1, 1]], [0])])
    knots, _ = ap.linear_pieces(network, 0, 1)
    assert knots == [0, Fraction(third), Fraction(float(beside)), 1]


def test_a_kink_at_the_end_of_the_interval_makes_no_piece():
    ramp = ap.relu_interpolant([0, 1], [0, 1])
    assert ap.linear_pieces(ramp, 0, 1) == ([0, 1], [0, 1])
    assert ap.linear_pieces(ramp, -1, 0) == ([-1, 0], [0, 0])


def test_pieces_need_one_input_one_output_relu_and_an_interval(rng):
    with pytest.raises(ValueError, match="one input and one output, got 2 and 1"):
        ap.linear_pieces(MLP([2, 3, 1], rng=rng), 0, 1)
    words = (
        "^linear_pieces needs ReLU between layers, got Tanh. "
        "Other activations are not piecewise linear, or bend elsewhere.$"
    )
    with pytest.raises(ValueError, match=words):
        ap.linear_pieces(MLP([1, 3, 1], Tanh, rng=rng), 0, 1)
    for high in (0, 1):
        with pytest.raises(
            ValueError, match=f"^low must be less than high, got 1 and {high}. Swap"
        ):
            ap.linear_pieces(ap.sawtooth(1), 1, high)


def test_random_network_puts_its_kinks_in_the_interval(rng):
    for slope, options in ((3, {"slope": 3.0}), (4, {})):
        network = ap.random_network(200, ReLU, rng=rng, **options)
        W, b = network.parameters()[:2]
        kinks = -b / W[:, 0]
        assert -slope <= W.min() < -0.9 * slope
        assert 0.9 * slope < W.max() <= slope
        assert -1 <= kinks.min() < -0.9
        assert 0.9 < kinks.max() <= 1
        assert len(np.unique(kinks)) == 200
        assert not network(rng.standard_normal((5, 1))).any()


def test_random_network_has_the_activation_asked_for(rng):
    assert isinstance(ap.random_network(3, Tanh, rng=rng).layers[1], Tanh)
    with pytest.raises(ValueError, match="^n_hidden must be an integer of at least 1, got 0"):
        ap.random_network(0, rng=rng)


def test_fit_readout_finds_the_least_squares_solution_and_keeps_the_network(rng):
    network = ap.random_network(5, Tanh, rng=rng)
    before = [p.copy() for p in network.parameters()]
    X, y = rng.uniform(-1, 1, (50, 1)), rng.normal(size=(50, 1))
    fitted = ap.fit_readout(network, X, y)
    for old, new in zip(before, network.parameters(), strict=True):
        np.testing.assert_array_equal(old, new)
    # the residual is orthogonal to every hidden activation and to the constant
    residual, A = fitted(X) - y, fitted.activations(X)[1]
    np.testing.assert_allclose(A.T @ residual, 0, atol=1e-9)
    assert residual.sum() == pytest.approx(0, abs=1e-9)


def test_fit_readout_replaces_the_last_layer_of_a_deep_network(rng):
    network = MLP([2, 5, 4, 3], Tanh, rng=rng)
    X, y = rng.standard_normal((20, 2)), rng.standard_normal((20, 3))
    fitted = ap.fit_readout(network, X, y)
    for old, new in zip(network.parameters()[:-2], fitted.parameters()[:-2], strict=True):
        np.testing.assert_array_equal(old, new)
    A = np.column_stack([network.activations(X)[-2], np.ones(20)])
    best = A @ np.linalg.lstsq(A, y, rcond=None)[0]
    np.testing.assert_allclose(fitted(X), best, atol=1e-10)


def test_fit_readout_names_what_does_not_fit(rng):
    network = MLP([2, 5, 1], Tanh, rng=rng)
    X, y = rng.standard_normal((4, 2)), rng.standard_normal((4, 1))
    for wrong in (X.T, X[:, :1]):
        with pytest.raises(ValueError, match=r"^X must have shape \(n_samples, 2\), got"):
            ap.fit_readout(network, wrong, y)
    for wrong in (y[:, 0], y[:3], X):
        with pytest.raises(ValueError, match=r"^y must have shape \(4, 1\), got"):
            ap.fit_readout(network, X, wrong)


def test_polynomial_distance_bound_by_hand():
    # of two points, a constant misses half of the difference: here (5 - 2) / 2
    assert ap.polynomial_distance_bound([1, 5], [2, 5]) == pytest.approx(1.5, rel=1e-15)
    # the third difference of (0, 0, 0, 1) at 0, 1, 2, 3 is 1; its weights 1, 3, 3, 1 add up to 8
    assert ap.polynomial_distance_bound([0, 1, 2, 3], [0, 0, 0, 1]) == pytest.approx(1 / 8)


def test_polynomial_distance_bound_is_zero_for_polynomials(rng):
    x = rng.uniform(-1, 1, 5)
    assert ap.polynomial_distance_bound(x, 1 - x + 2 * x**3) < 1e-12


def test_polynomial_distance_bound_refuses_repeated_points():
    for x, y in (
        ([0, 0, 1], [1, 2, 3]),
        ([0, 1, 2], [1, 2]),
        ([[0, 1]], [[1, 2]]),
        ([0], [1]),
    ):
        with pytest.raises(ValueError, match="^x and y must have one shape .* without repetition"):
            ap.polynomial_distance_bound(x, y)
    with pytest.raises(ValueError, match="^x must be finite"):
        ap.polynomial_distance_bound([0, np.nan], [1, 2])
    with pytest.raises(ValueError, match="^y must be finite"):
        ap.polynomial_distance_bound([0, 1], [1, np.inf])


def test_sawtooth_sizes_can_represent_their_target_and_pair_shapes_of_one_size():
    """Large networks of both shapes differ by at most 2 parameters, small ones by a tenth."""
    for k in ap.FOLDS:
        count = {
            kind: MLP(ap.sawtooth_sizes(kind, k), rng=np.random.default_rng(0)).n_parameters
            for kind in ap.KINDS
        }
        assert count["thin"] == 6 * k + 1 == ap.sawtooth(k).n_parameters
        assert count["wide, small"] == 6 * 2**k + 1
        assert abs(count["deep, small"] - count["wide, small"]) <= 0.15 * count["wide, small"]
        assert 0 <= count["deep, large"] - count["wide, large"] <= 2
        assert ap.sawtooth_sizes("deep, large", k) == [1, *[16] * k, 1]
        assert ap.sawtooth_sizes("wide, small", k)[1] >= 2**k  # one unit per piece
        assert min(ap.sawtooth_sizes("deep, small", k)[1:-1]) >= 2  # the tent map's


def test_sawtooth_sizes_names_an_unknown_kind():
    with pytest.raises(ValueError, match="^kind must be one of .* got 'wide'"):
        ap.sawtooth_sizes("wide", 3)


def test_one_hidden_layer_memorizes_any_labels_with_one_unit_fewer_than_points(rng):
    """The construction of the chapter's proof, in five dimensions: project, then interpolate."""
    X, y = rng.standard_normal((30, 5)), rng.standard_normal(30)
    w = rng.standard_normal(5)
    order = np.argsort(X @ w)
    line = ap.relu_interpolant((X @ w)[order], y[order])
    W1, b1, W2, b2 = line.parameters()
    network = ap.network_from_weights([(W1 * w, b1), (W2, b2)])
    assert network.layers[0].W.shape == (29, 5)
    np.testing.assert_allclose(network(X)[:, 0], y, atol=1e-9)
