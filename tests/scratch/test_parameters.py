"""One vector, many windows."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpbook.scratch.parameters import Views, vectors

SHAPES = st.lists(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3), max_size=4)


@given(SHAPES)
def test_views_cut_the_vector_in_order_and_write_through(shapes):
    n = sum(int(np.prod(shape)) for shape in shapes)
    views = Views(np.arange(float(n)), shapes)
    assert [v.shape for v in views] == shapes == list(views.shapes)
    assert [x for v in views for x in v.ravel().tolist()] == list(range(n))
    for v in views:
        v += 1
    assert views.flat.tolist() == list(range(1, n + 1))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_a_copy_has_a_vector_of_its_own_and_is_still_a_view_of_it(duplicate):
    views = Views(np.zeros(8), [(2, 3), (2,)])
    other = duplicate(views)
    other[0][1, 2] = 7
    assert other.flat.tolist() == [0, 0, 0, 0, 0, 7, 0, 0]
    assert not views.flat.any()


def test_other_lists_are_their_own_vectors():
    arrays = [np.zeros(2), np.ones((1, 1))]
    assert all(v is a for v, a in zip(vectors(arrays), arrays, strict=True))
    views = Views(np.zeros(2), [(2,)])
    assert vectors(views)[0] is views.flat
    assert type(views[:1]) is list


def test_sizes_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match=r"\[\(2, 3\), \(2,\)\], shape \(8,\), got \(9,\)"):
        Views(np.zeros(9), [(2, 3), (2,)])
    with pytest.raises(ValueError, match=r"shape \(9,\), got \(8,\)"):
        Views(np.zeros(8), [(2, 3), (2,), (1,)])
    with pytest.raises(ValueError, match=r"shape \(0,\), got \(1,\)"):
        Views(np.zeros(1), [])
