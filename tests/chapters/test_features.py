"""Fixed feature maps and the readouts on top of them."""

import math

import numpy as np
import pytest

from mlpbook.chapters.features import (
    RandomFeatures,
    Readout,
    exponents,
    kernel_ridge,
    monomials,
    ridge_readout,
    separable_labelings,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_monomials_are_the_products_of_a_hand_computation():
    # x1, x2, x1 x1, x1 x2, x2 x2, then the four cubic ones, at (2, -3)
    expected = [2, -3, 4, -6, 9, 8, -12, 18, -27]
    assert monomials([[2, -3]], 3).tolist() == [expected]


def test_every_monomial_occurs_once():
    factors = exponents(4, 3)
    assert len(set(factors)) == len(factors) == math.comb(7, 3) - 1
    assert all(tuple(sorted(f)) == f for f in factors)


def test_monomials_keep_the_dtype(rng):
    assert monomials(rng.standard_normal((3, 2)).astype(np.float32), 2).dtype == np.float32


def test_random_features_are_rectified_scores(rng):
    psi = RandomFeatures(3, 7, rng=rng)
    X = rng.standard_normal((5, 3))
    expected = [[max(0.0, w @ x + b) for w, b in zip(psi.W, psi.b, strict=True)] for x in X]
    np.testing.assert_allclose(psi(X), expected, rtol=1e-13)


def test_random_features_have_the_promised_scale(rng):
    psi = RandomFeatures(50, 4000, rng=rng, bias_std=0.3)
    assert psi.W.std() == pytest.approx(math.sqrt(2 / 50), rel=0.01)
    assert psi.b.std() == pytest.approx(0.3, rel=0.05)
    assert not RandomFeatures(2, 9, rng=rng, bias_std=0.0).b.any()


def test_random_biases_have_the_standard_deviation_1_unless_told(rng):
    assert RandomFeatures(1, 4000, rng=rng).b.std() == pytest.approx(1, rel=0.05)


def test_random_features_are_the_same_for_the_same_seed_and_in_both_dtypes(rng):
    first = RandomFeatures(4, 6, rng=np.random.default_rng(7))
    single = RandomFeatures(4, 6, rng=np.random.default_rng(7), dtype=np.float32)
    X = rng.standard_normal((3, 4))
    assert (RandomFeatures(4, 6, rng=np.random.default_rng(7))(X) == first(X)).all()
    assert single(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(single(X.astype(np.float32)), first(X), atol=1e-5)


def test_random_features_refuse_transposed_data(rng):
    with pytest.raises(
        ValueError, match=r"^X must have shape \(n_samples, 3\), got \(3, 8\).*X\.T"
    ):
        RandomFeatures(3, 5, rng=rng)(np.zeros((3, 8)))
    with pytest.raises(ValueError, match="^bias_std must be"):
        RandomFeatures(3, 5, rng=rng, bias_std=-1.0)


@pytest.mark.parametrize("penalty", [0.0, 1e-12])
def test_ridge_readout_recovers_an_affine_function(rng, penalty):
    W, b = rng.standard_normal((2, 4)), rng.standard_normal(2)
    Psi = rng.standard_normal((20, 4)) + 3
    readout = ridge_readout(Psi, Psi @ W.T + b, penalty=penalty)
    np.testing.assert_allclose(readout.W, W, rtol=1e-8)
    np.testing.assert_allclose(readout.b, b, rtol=1e-8)


def test_no_other_readout_has_a_lower_objective(rng):
    Psi, Y, penalty = rng.standard_normal((15, 4)) + 1, rng.standard_normal((15, 2)), 0.3

    def objective(W, b):
        return ((Psi @ W.T + b - Y) ** 2).sum() / 30 + penalty / 2 * (W**2).sum()

    best = ridge_readout(Psi, Y, penalty=penalty)
    for _ in range(50):
        dW, db = 1e-3 * rng.standard_normal((2, 4)), 1e-3 * rng.standard_normal(2)
        assert objective(best.W + dW, best.b + db) > objective(best.W, best.b)


def test_without_a_penalty_the_smallest_of_the_best_weights_are_returned(rng):
    Psi, Y = rng.standard_normal((5, 9)), rng.standard_normal((5, 1))
    readout = ridge_readout(Psi, Y)
    np.testing.assert_allclose(readout(Psi), Y, atol=1e-12)
    # smallest: no part of W in the directions that no centered sample has
    null = np.linalg.svd(Psi - Psi.mean(axis=0))[2][4:]
    np.testing.assert_allclose(null @ readout.W.T, 0, atol=1e-12)


def test_shifted_targets_shift_the_predictions_by_the_same(rng):
    Psi, Y = rng.standard_normal((12, 3)), rng.standard_normal((12, 2))
    before, after = (ridge_readout(Psi, Y + c, penalty=5.0)(Psi) for c in (0, 100))
    np.testing.assert_allclose(after, before + 100, rtol=1e-12)


def test_a_large_penalty_leaves_the_mean_of_the_targets(rng):
    Psi, Y = rng.standard_normal((12, 3)) + 5, rng.standard_normal((12, 2))
    predictions = ridge_readout(Psi, Y, penalty=1e12)(Psi)
    np.testing.assert_allclose(predictions, np.tile(Y.mean(axis=0), (12, 1)), atol=1e-9)


def test_a_constant_feature_gets_no_weight(rng):
    Psi = np.column_stack([rng.standard_normal(9), np.full(9, 3.0)])
    for penalty in (0.0, 0.1):
        readout = ridge_readout(Psi, Psi[:, :1], penalty=penalty)
        assert readout.W[0, 1] == pytest.approx(0, abs=1e-14)


def test_single_precision_stays_and_an_offset_does_not_spoil_it(rng):
    Psi = (rng.standard_normal((20_000, 3)) + 10_000).astype(np.float32)
    Y = (Psi.astype(float) @ [[1.0], [2.0], [3.0]] - 60_000).astype(np.float32)
    readout = ridge_readout(Psi, Y, penalty=1e-9)
    assert readout.W.dtype == readout.b.dtype == np.float32
    np.testing.assert_allclose(readout.W, [[1, 2, 3]], rtol=1e-5)  # 1e-4 with means in float32


@pytest.mark.parametrize("penalty", [0.0, 1e-9])
def test_an_offset_of_the_targets_does_not_spoil_single_precision(rng, penalty):
    # in float32, sums of 20,000 numbers near 10,000 are wrong by some 1e-6 of themselves
    Psi = rng.standard_normal((20_000, 2)).astype(np.float32)
    W = np.array([[1.0, 2.0], [3.0, -1.0]])
    Y = (Psi @ W.T + 10_000).astype(np.float32)
    readout = ridge_readout(Psi, Y, penalty=penalty)
    np.testing.assert_allclose(readout.W, W, atol=1e-4)
    np.testing.assert_allclose(
        readout(Psi).mean(axis=0, dtype=float), Y.mean(axis=0, dtype=float), rtol=2e-7
    )


def test_a_small_penalty_shares_a_weight_between_equal_features_in_single_precision(rng):
    x = rng.standard_normal((50, 1)).astype(np.float32)
    readout = ridge_readout(np.hstack([x, x]), 3 * x, penalty=1e-9)  # A is singular without it
    np.testing.assert_allclose(readout.W, [[1.5, 1.5]], rtol=1e-4)


def test_the_data_are_not_changed(rng):
    Psi, Y = rng.standard_normal((6, 3)), rng.standard_normal((6, 1))
    K = Psi @ Psi.T
    copies = Psi.copy(), Y.copy(), K.copy()
    ridge_readout(Psi, Y, penalty=0.1)
    kernel_ridge(K, Y, penalty=0.1)
    assert all((a == b).all() for a, b in zip((Psi, Y, K), copies, strict=True))


def test_kernel_ridge_is_ridge_readout_on_the_features(rng):
    psi = RandomFeatures(2, 40, rng=rng)
    X, Y, X_new = (rng.standard_normal(s) for s in [(15, 2), (15, 3), (4, 2)])
    by_features = ridge_readout(psi(X), Y, penalty=0.02)(psi(X_new))
    by_kernel = kernel_ridge(psi(X) @ psi(X).T, Y, penalty=0.02)(psi(X_new) @ psi(X).T)
    np.testing.assert_allclose(by_kernel, by_features, atol=1e-10)


def test_kernel_ridge_keeps_single_precision(rng):
    K = np.eye(4, dtype=np.float32)
    readout = kernel_ridge(K, rng.standard_normal((4, 1)), penalty=0.1)
    assert readout.W.dtype == readout.b.dtype == np.float32


def test_kernel_ridge_solves_in_double_precision_whatever_comes(rng):
    Psi, Y = (rng.standard_normal(s).astype(np.float32) + 3 for s in ((40, 5), (40, 2)))
    K = Psi @ Psi.T
    single, double = (kernel_ridge(K.astype(t), Y.astype(t), penalty=0.1) for t in ("f4", "f8"))
    np.testing.assert_array_equal(single.W, double.W.astype(np.float32))
    np.testing.assert_array_equal(single.b, double.b.astype(np.float32))


@pytest.mark.parametrize(
    ("n_samples", "n_parameters", "expected"),
    [
        (1, 1, 2),
        (3, 1, 2),  # one parameter: only its sign counts
        (4, 2, 8),  # a threshold on a line: 3 gaps and both ends, in two directions
        (4, 3, 14),  # the plane: all but XOR and its opposite
        (5, 3, 22),
        (3, 9, 8),  # more parameters than points: all
    ],
)
def test_counts_of_separable_labelings(n_samples, n_parameters, expected):
    assert separable_labelings(n_samples, n_parameters) == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ridge_readout(np.ones((3, 2)), np.ones((4, 1))), r"Y must have shape \(3, "),
        (lambda: ridge_readout(np.ones((3, 2)), np.ones(3)), "Y must have shape"),
        (lambda: ridge_readout(np.ones((3, 2)), np.ones((3, 1)), penalty=-1), "penalty"),
        (lambda: ridge_readout([[np.nan]], [[1.0]]), "Psi"),
        (lambda: kernel_ridge(np.ones((3, 2)), np.ones((3, 1)), penalty=1), "K must have shape"),
        (lambda: kernel_ridge(np.eye(3), np.ones((2, 1)), penalty=1), r"Y must have shape \(3, "),
        (lambda: kernel_ridge(np.eye(3), np.ones((3, 1)), penalty=0), "penalty"),
        (lambda: Readout(np.ones((1, 2)), np.ones(1))(np.ones((4, 3))), "Psi must have shape"),
        (lambda: exponents(0, 2), "n_in"),
        (lambda: monomials(np.ones((2, 2)), 0), "degree"),
        (lambda: monomials([1.0, 2.0], 2), "X must have shape"),
        (lambda: monomials([[np.nan]], 2), "X must be finite"),
        (lambda: kernel_ridge([1.0], [[1.0]], penalty=1), "K must have shape"),
        (lambda: separable_labelings(0, 1), "n_samples"),
        (lambda: separable_labelings(1, 0), "n_parameters"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


@pytest.mark.parametrize("penalty", [0, 1e-6])
@pytest.mark.parametrize("half", ["Psi", "Y", "both"])
def test_half_precision_is_read_out_though_linear_algebra_does_not_take_it(rng, penalty, half):
    Psi = rng.integers(-4, 5, (50, 2)) / 4  # exact in 16 bits, and so are the targets
    Y = Psi @ [[0.5], [-2.0]] + 1
    X = Psi.astype(np.float64 if half == "Y" else np.float16)
    readout = ridge_readout(
        X, Y.astype(np.float64 if half == "Psi" else np.float16), penalty=penalty
    )
    assert readout.W.dtype == X.dtype
    np.testing.assert_allclose(readout.W, [[0.5, -2.0]], atol=1e-3)
    np.testing.assert_allclose(readout.b, [1.0], atol=1e-3)
