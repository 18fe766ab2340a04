"""The shared checks let right arguments through unchanged and name what is wrong with others."""

import re

import numpy as np
import pytest

from mlpbook.shared.validation import (
    check_array,
    check_labels,
    check_matrix,
    check_number,
    check_positive_int,
    check_rng,
    check_same_shape,
    check_sizes,
)

# ---------------------------------------------------------------------------------------------
# Arrays and matrices.


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_floating_array_is_returned_itself(dtype):
    X = np.ones((2, 3), dtype=dtype)
    assert check_array(X) is X
    assert check_matrix(X, "X", 3, n_samples=2) is X


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.bool_])
def test_integers_and_booleans_become_float64(dtype):
    X = np.ones((2, 3), dtype=dtype)
    assert check_matrix(X).dtype == np.float64
    assert X.dtype == dtype


def test_lists_become_arrays():
    np.testing.assert_array_equal(check_matrix([[1, 2], [3, 4]]), [[1.0, 2.0], [3.0, 4.0]])
    assert check_array(3).shape == ()


def test_a_view_in_any_order_passes_uncopied():
    X = np.arange(24, dtype=np.float64).reshape(4, 6)
    for view in (X.T, X[::2, ::-3], np.asfortranarray(X)):
        assert check_matrix(view) is view
    X.flags.writeable = False
    assert check_matrix(X) is X


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_is_found(bad):
    X = np.zeros((3, 4))
    X[2, 1] = bad
    with pytest.raises(
        ValueError, match=r"X must be finite, got 1 .* value, the first at index \(2, 1\)\.$"
    ):
        check_matrix(X)


def test_several_values_that_are_not_finite_are_counted():
    with pytest.raises(ValueError, match=r"got 3 NaN or infinite values, the first at"):
        check_array([np.nan, 0, np.inf, np.nan])
    with pytest.raises(ValueError, match="got 1 NaN or infinite value.$"):
        check_array(np.nan)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,)])
def test_emptiness_is_refused_before_any_mean_is_taken(shape):
    with pytest.raises(
        ValueError, match=rf"X must not be empty, got shape {re.escape(str(shape))}"
    ):
        check_matrix(np.empty(shape))


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ([["a", "b"]], "dtype <U1"),
        (np.ones((2, 2), dtype=complex), "dtype complex128"),
        (np.array([[1, None]], dtype=object), "dtype object"),
        (None, "an object of type NoneType"),
        ({1: 2}, "an object of type dict"),
        ([[1.0, 2.0], [3.0]], "a ragged sequence"),
        (np.array(["2026-01-01"], dtype="datetime64[D]"), "dtype datetime64"),
    ],
)
def test_what_is_not_real_numbers_is_named(values, what):
    with pytest.raises(TypeError, match=rf"X must be an array of real numbers, got {what}"):
        check_matrix(values)


@pytest.mark.parametrize(
    ("shape", "n_features", "n_samples", "message"),
    [
        ((3, 4), 3, None, "X must have shape (n_samples, 3), got (3, 4). Did you pass X.T?"),
        ((3, 4), 3, 4, "X must have shape (4, 3), got (3, 4). Did you pass X.T?"),
        ((3, 4), None, 4, "X must have shape (4, n_features), got (3, 4). Did you pass X.T?"),
        ((3, 4), 5, None, "(n_samples, 5), got (3, 4). Samples are rows and features are columns."),
        ((3, 4), 3, 9, "(9, 3), got (3, 4). Samples are rows"),
        ((3,), 3, None, "(n_samples, 3), got (3,). Pass one sample as X[np.newaxis, :]."),
        ((3,), None, None, "(n_samples, n_features), got (3,). Pass one sample as X[np.newaxis"),
        ((3,), 1, None, "(n_samples, 1), got (3,). Pass one feature as X[:, np.newaxis]."),
        ((1,), 1, None, "(n_samples, 1), got (1,). Pass one feature as X[:, np.newaxis]."),
        ((3,), 5, None, "(n_samples, 5), got (3,). Samples are rows"),
        ((6, 28, 28), 784, None, "got (6, 28, 28). Flatten each sample: X.reshape(len(X), -1)."),
        ((6, 28, 28), 10, None, "got (6, 28, 28). Samples are rows"),
        ((), 3, None, "got (). Samples are rows"),
    ],
)
def test_a_wrong_shape_comes_with_a_hint(shape, n_features, n_samples, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_matrix(np.ones(shape), "X", n_features, n_samples=n_samples)


def test_the_message_uses_the_arguments_own_name():
    with pytest.raises(ValueError, match=r"^X_test must .* Did you pass X_test\.T\?$"):
        check_matrix(np.ones((3, 4)), "X_test", 3)


# ---------------------------------------------------------------------------------------------
# Labels.


def test_int64_labels_are_returned_themselves():
    y = np.array([0, 2, 1])
    assert check_labels(y, 3, 3) is y


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.bool_])
def test_other_integers_become_int64(dtype):
    y = check_labels(np.array([0, 1, 1], dtype=dtype), 3, 2)
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, [0, 1, 1])


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([0, 3], ValueError, "y must hold labels from 0 to 2, got 3 at index 1. Number the"),
        ([-1, 0], ValueError, "y must hold labels from 0 to 2, got -1 at index 0."),
        ([0.5, 1.0], TypeError, "y must hold integer labels, got dtype float64."),
        (["0", "1"], TypeError, "y must hold integer labels, got dtype <U1"),
        ([0], ValueError, "y must hold 2 labels, got 1."),
        ([0, 1, 2], ValueError, "y must hold 2 labels, got 3."),
        ([], ValueError, "y must not be empty, got shape (0,)"),
        ([[0], [1]], ValueError, "got (2, 1). Use y.ravel()."),
        ([[0, 1], [1, 0]], ValueError, "got (2, 2). Use y.argmax"),
        ([[[0]]], ValueError, "got (1, 1, 1). Pass one label per sample."),
        (1, ValueError, "y must have shape (n_samples,), got ()."),
        ([[0], [1, 2]], TypeError, "got a ragged sequence"),
        (None, ValueError, "y must have shape (n_samples,), got ()"),
    ],
)
def test_wrong_labels_come_with_a_hint(y, error, message):
    with pytest.raises(error, match=re.escape(message)):
        check_labels(y, 2, 3)


def test_without_a_number_of_classes_only_negative_labels_are_refused():
    assert check_labels([0, 99]).tolist() == [0, 99]
    with pytest.raises(ValueError, match="labels from 0, got -5 at index 1"):
        check_labels([0, -5])


def test_unsigned_labels_beyond_int64_are_not_wrapped_into_the_range():
    with pytest.raises(ValueError, match="labels from 0 to 2, got 18446744073709551615"):
        check_labels(np.array([2**64 - 1], dtype=np.uint64), 1, 3)


# ---------------------------------------------------------------------------------------------
# Pairs.


def test_a_column_against_a_vector_is_refused_with_the_reshape_to_use():
    check_same_shape(np.zeros((4, 1)), np.zeros((4, 1)))
    for target in (np.zeros(4), np.zeros((1, 4))):
        with pytest.raises(ValueError, match=r"\(4, 1\), got .*Use target\.reshape\(4, 1\)\."):
            check_same_shape(np.zeros((4, 1)), target)
    with pytest.raises(ValueError, match=r"y must have the shape of f, \(4, 1\), got \(3, 1\)\.$"):
        check_same_shape(np.zeros((4, 1)), np.zeros((3, 1)), ("f", "y"))


# ---------------------------------------------------------------------------------------------
# Numbers.


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3)])
def test_whole_numbers_of_any_kind_become_an_int(value):
    number = check_positive_int(value, "n")
    assert number == 3
    assert type(number) is int


@pytest.mark.parametrize("value", [True, np.True_, 3.0, "3", None, [3], np.array([3.5])])
def test_what_is_not_a_whole_number_is_refused(value):
    with pytest.raises(TypeError, match="n must be an integer of at least 1, got"):
        check_positive_int(value, "n")


def test_the_minimum_itself_passes_and_one_less_does_not():
    assert check_positive_int(0, "n", minimum=0) == 0
    with pytest.raises(ValueError, match="n must be an integer of at least 0, got -1."):
        check_positive_int(-1, "n", minimum=0)
    with pytest.raises(ValueError, match="of at least 1, got 0"):
        check_positive_int(0, "n")


def test_widths_are_at_least_two_positive_integers():
    assert check_sizes((2, np.int64(3), 1)) == [2, 3, 1]
    with pytest.raises(ValueError, match=r"at least an input and an output width, got \[3\]"):
        check_sizes([3])
    with pytest.raises(ValueError, match="each of sizes must be .* got 0"):
        check_sizes([3, 0, 1])


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int8(1)])
def test_numbers_of_any_kind_become_a_float(value):
    number = check_number(value, "lr")
    assert number == 1
    assert type(number) is float


@pytest.mark.parametrize("value", [True, np.True_, "1", None, [1.0], 1j])
def test_what_is_not_one_real_number_is_refused(value):
    with pytest.raises(TypeError, match="lr must be a finite number, got .* of type"):
        check_number(value, "lr")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_must_be_finite_even_without_bounds(value):
    with pytest.raises(ValueError, match="lr must be a finite number, got"):
        check_number(value, "lr")


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "words"),
    [
        ({"low": 0}, 0, -1e-9, "at least 0"),
        ({"low": 0, "low_open": True}, 1e-9, 0, "greater than 0"),
        ({"high": 1}, 1, 1.001, "at most 1"),
        ({"high": 1, "high_open": True}, 0.999, 1, "less than 1"),
        ({"low": 0, "high": 1, "high_open": True}, 0, 1, "at least 0 and less than 1"),
    ],
)
def test_an_end_of_the_interval_belongs_to_it_unless_open(bounds, inside, outside, words):
    assert check_number(inside, "p", **bounds) == inside
    with pytest.raises(ValueError, match=f"p must be a finite number {words}, got {outside}"):
        check_number(outside, "p", **bounds)


# ---------------------------------------------------------------------------------------------
# Randomness.


def test_a_generator_is_returned_itself(rng):
    assert check_rng(rng) is rng


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (7, "got 7. Pass np.random.default_rng(7)."),
        (np.int64(7), "got 7. Pass np.random.default_rng(7)."),
        (None, "got an object of type NoneType. Pass np.random.default_rng(0)."),
        (True, "got an object of type bool"),
        (np.random, "got an object of type module"),
        (np.random.RandomState(0), "got an object of type RandomState"),
    ],
)
def test_a_seed_a_module_or_a_legacy_generator_is_refused(wrong, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        check_rng(wrong)
