"""The counter itself: every product counted once, and the numbers left alone."""

from collections import Counter

import numpy as np

from mlpbook.chapters.counting import Counted, counted


def test_a_matrix_product_counts_m_k_n():
    tally = Counter()
    left = counted(np.ones((2, 3)), tally)
    left @ np.ones((3, 5))
    assert tally["matmul"] == 2 * 3 * 5


def test_a_product_with_a_vector_is_kept_apart():
    tally = Counter()
    left = counted(np.ones((2, 3)), tally)
    left @ np.ones(3)
    np.dot(np.ones(2), left)
    assert tally == {"matvec": 2 * 3 + 2 * 3}


def test_a_product_is_counted_whichever_side_is_marked_and_once_if_both_are():
    tally = Counter()
    marked = counted(np.ones((4, 4)), tally)
    for left, right in ((marked, np.ones((4, 4))), (np.ones((4, 4)), marked), (marked, marked)):
        tally.clear()
        left @ right
        assert tally["matmul"] == 64


def test_the_tally_follows_results_and_views_and_counts_no_sum():
    tally = Counter()
    A = counted(np.ones((4, 3)), tally)
    B = np.exp(A.T + 1.0)[:2]  # a view, a sum, a function, a slice
    assert isinstance(B, Counted)
    assert not tally
    B.sum(axis=0) * 2.0
    assert tally == {"multiply": 4}
    B * B
    assert tally == {"multiply": 4 + 8}
    assert not isinstance(B.sum(), Counted)  # a number is no array any more


def test_writing_into_a_plain_array_is_counted_too(rng):
    tally, out = Counter(), np.empty((2, 2))
    A, B = rng.standard_normal((2, 3)), rng.standard_normal((3, 2))
    np.matmul(counted(A, tally), B, out=out)
    assert np.array_equal(out, A @ B)
    assert tally["matmul"] == 12


def test_writing_into_a_marked_array_is_counted_once(rng):
    tally = Counter()
    A, B, out = (counted(rng.standard_normal((2, 2)), tally) for _ in range(3))
    np.matmul(A, B, out=out)
    assert np.array_equal(np.asarray(out), np.asarray(A) @ np.asarray(B))
    assert tally == {"matmul": 8}


def test_dot_counts_like_the_operator_and_keeps_the_tally():
    tally = Counter()
    A = counted(np.ones((2, 3)), tally)
    for product in (np.dot(A, np.ones((3, 5))), np.dot(np.ones((5, 2)), A)):
        assert isinstance(product, Counted)
        assert product.tally is tally
    assert tally["matmul"] == 2 * 3 * 5 + 5 * 2 * 3
    assert np.array_equal(np.asarray(np.dot(A, np.ones((3, 5)))), np.full((2, 5), 3.0))


def test_the_numbers_are_those_of_plain_arrays(rng):
    A, B = rng.standard_normal((4, 3)), rng.standard_normal((3, 5))
    result = np.tanh(counted(A, Counter()) @ B) * 3.0
    assert np.array_equal(np.asarray(result), np.tanh(A @ B) * 3.0)
