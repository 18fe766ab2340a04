"""Optimizers: hand computations, and PyTorch's own over many steps with a changing rate."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpbook.scratch import optimizers
from mlpbook.scratch.optimizers import SGD, Adam, AdamW, RMSProp


def every(**choices):
    """All combinations of the options."""
    return [dict(zip(choices, row, strict=True)) for row in itertools.product(*choices.values())]


ALL_OPTIONS = [
    *[("SGD", o) for o in every(momentum=[0.0, 0.9], weight_decay=[0.0, 0.01])],
    *[("SGD", o) for o in every(momentum=[0.5, 0.9], nesterov=[True], weight_decay=[0.0, 0.01])],
    *[
        (name, o)
        for name in ("Adam", "AdamW")
        for o in every(betas=[(0.9, 0.999), (0.0, 0.5)], eps=[1e-8, 1e-2], weight_decay=[0.0, 0.1])
    ],
    *[("RMSProp", o) for o in every(alpha=[0.99, 0.5], weight_decay=[0.0, 0.1])],
    ("RMSProp", {"eps": 1e-2}),
    ("Adam", {}),
    ("AdamW", {}),
    ("RMSProp", {}),
]
FIVE = [
    lambda p: SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda p: SGD(p, 0.1),
    lambda p: RMSProp(p, weight_decay=0.01),
    lambda p: Adam(p, weight_decay=0.01),
    lambda p: AdamW(p),
]


def test_momentum_by_hand():
    # v: 1, then 0.5 + 1 = 1.5; w: 0 - 0.1, then -0.1 - 0.15
    w = np.zeros(1)
    optimizer = SGD([w], lr=0.1, momentum=0.5)
    optimizer.step([np.ones(1)])
    assert w == pytest.approx([-0.1])
    optimizer.step([np.ones(1)])
    assert w == pytest.approx([-0.25])


def test_weight_decay_alone_shrinks_geometrically():
    w = np.array([2.0])
    optimizer = SGD([w], lr=0.1, weight_decay=0.5)
    for _ in range(3):
        optimizer.step([np.zeros(1)])
    assert w == pytest.approx([2 * 0.95**3])


def test_nesterov_looks_ahead_by_hand():
    # v: 1, step 1 + 0.5 * 1; then v: 1.5, step 1 + 0.5 * 1.5
    w = np.zeros(1)
    optimizer = SGD([w], lr=0.1, momentum=0.5, nesterov=True)
    optimizer.step([np.ones(1)])
    assert w == pytest.approx([-0.15])
    optimizer.step([np.ones(1)])
    assert w == pytest.approx([-0.325])


def test_rmsprop_by_hand():
    # s: 3/4 * 0 + 1/4 * 16 = 4, step 4 / (2 + 1); then s: 3 + 1/4 * 4 = 4, step -2 / 3
    w = np.zeros(1)
    optimizer = RMSProp([w], lr=0.3, alpha=0.75, eps=1)
    optimizer.step([np.array([4.0])])
    assert w == pytest.approx([-0.4])
    optimizer.step([np.array([-2.0])])
    assert w == pytest.approx([-0.2])


def test_adam_by_hand():
    # betas 1/2, 3/4, g = 4: m = 2, v = 4; divided by 1/2 and 1/4: 4 and 16, step 4 / (4 + 1)
    # g = 0: m = 1, v = 3; divided by 3/4 and 7/16: 4/3 and 48/7
    w = np.zeros(1)
    optimizer = Adam([w], lr=1, betas=(0.5, 0.75), eps=1)
    optimizer.step([np.array([4.0])])
    assert w == pytest.approx([-0.8])
    optimizer.step([np.array([0.0])])
    assert w == pytest.approx([-0.8 - 4 / 3 / (math.sqrt(48 / 7) + 1)])


def test_weight_decay_is_added_to_the_gradient_by_hand():
    # w = 4, lambda = 1/2, gradient 1: g = 1 + 2 = 3 in the first step of each
    def after(make):
        w = np.array([4.0])
        make([w]).step([np.ones(1)])
        return w[0]

    assert after(lambda w: SGD(w, 0.1, weight_decay=0.5)) == pytest.approx(4 - 0.1 * 3)
    # s = 1/4 * 9, step 3 / (3/2 + 1)
    options = {"lr": 0.1, "eps": 1, "weight_decay": 0.5}
    assert after(lambda w: RMSProp(w, alpha=0.75, **options)) == pytest.approx(4 - 0.1 * 3 / 2.5)
    # corrected means 3 and 9, step 3 / (3 + 1); decoupled 4 * (1 - 0.05) and 1 / (1 + 1)
    assert after(lambda w: Adam(w, **options)) == pytest.approx(4 - 0.1 * 3 / 4)
    assert after(lambda w: AdamW(w, **options)) == pytest.approx(3.8 - 0.1 / 2)


def test_decay_is_divided_by_the_root_in_adam_and_not_in_adamw():
    # the gradient is 0: Adam sees lambda * w and steps by lr; AdamW shrinks w by lr * lambda
    coupled, decoupled = np.array([4.0]), np.array([4.0])
    Adam([coupled], lr=0.1, weight_decay=0.5).step([np.zeros(1)])
    AdamW([decoupled], lr=0.1, weight_decay=0.5).step([np.zeros(1)])
    assert coupled == pytest.approx([3.9])
    assert decoupled == pytest.approx([4 * 0.95])


@pytest.mark.parametrize(("name", "options"), ALL_OPTIONS, ids=str)
def test_200_steps_equal_pytorchs_with_a_changing_learning_rate(name, options, rng):
    torch = pytest.importorskip("torch")
    shapes = [(3, 2), (3,)]
    mine = [rng.standard_normal(shape) for shape in shapes]
    theirs = [torch.tensor(p, requires_grad=True) for p in mine]
    a = getattr(optimizers, name)(mine, lr=0.1, **options)
    b = getattr(torch.optim, {"RMSProp": "RMSprop"}.get(name, name))(theirs, lr=0.1, **options)
    for t in range(200):
        a.lr = b.param_groups[0]["lr"] = 0.1 / (1 + 0.05 * t)
        gradients = [rng.standard_normal(shape) for shape in shapes]
        a.step(gradients)
        for p, g in zip(theirs, gradients, strict=True):
            p.grad = torch.tensor(g)
        b.step()
        for p, q in zip(mine, theirs, strict=True):
            assert p == pytest.approx(q.detach().numpy(), rel=1e-12, abs=1e-13)


def test_defaults():
    w = [np.ones(1)]
    assert vars(SGD(w, 1)).items() >= {"momentum": 0, "nesterov": False, "weight_decay": 0}.items()
    adam = {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-8, "t": 0}
    assert vars(Adam(w)).items() >= (adam | {"weight_decay": 0}).items()
    assert vars(AdamW(w)).items() >= (adam | {"weight_decay": 0.01}).items()
    rmsprop = {"lr": 0.01, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0}
    assert vars(RMSProp(w)).items() >= rmsprop.items()


@pytest.mark.parametrize("name", ["Adam", "AdamW", "RMSProp"])
def test_defaults_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.optim, {"RMSProp": "RMSprop"}.get(name, name))(
        [torch.zeros(1, requires_grad=True)]
    ).defaults
    mine = vars(getattr(optimizers, name)([np.zeros(1)]))
    shared = {"lr", "weight_decay", "eps", "betas", "alpha"}
    assert {k: mine[k] for k in shared & set(mine)} == {
        k: v for k, v in theirs.items() if k in shared
    }


@pytest.mark.parametrize("make", FIVE)
def test_float32_stays_float32(make):
    w = [np.ones((2, 2), np.float32)]
    optimizer = make(w)
    optimizer.step([np.ones((2, 2), np.float32)])
    arrays = [a for v in vars(optimizer).values() if isinstance(v, list) for a in v]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}
    assert w[0].dtype == np.float32


@pytest.mark.parametrize("make", FIVE)
def test_gradients_stay_as_they_are_and_any_layout_will_do(make, rng):
    g = rng.standard_normal((3, 4))
    results = []
    for variant in (g.copy(), np.asfortranarray(g), np.repeat(g, 2, axis=1)[:, ::2]):
        variant.flags.writeable = False
        w = np.ones((3, 4))
        optimizer = make([w])
        for _ in range(3):
            optimizer.step([variant])
        results.append(w)
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_parameters_may_come_one_by_one():
    w = np.ones(2)
    optimizer = SGD(iter([w]), lr=1.0)
    for _ in range(2):
        optimizer.step([np.ones(2)])
    assert w.tolist() == [-1, -1]


def test_step_changes_parameters_in_place_and_leaves_gradients_alone():
    w, g = np.ones(2), np.ones(2)
    SGD([w], lr=1.0, momentum=0.9, weight_decay=0.1).step([g])
    assert g.tolist() == [1, 1]
    assert w == pytest.approx([-0.1, -0.1])


def test_options_out_of_range_are_refused():
    w = [np.ones(2)]
    with pytest.raises(ValueError, match="^lr must be a finite number greater than 0, got 0"):
        SGD(w, lr=0)
    for momentum in (1, -0.1):
        with pytest.raises(ValueError, match=f"^momentum .* at least 0 .* 1, got {momentum}"):
            SGD(w, lr=1, momentum=momentum)
    with pytest.raises(ValueError, match="^weight_decay .* got -1"):
        SGD(w, lr=1, weight_decay=-1)
    with pytest.raises(ValueError, match="parameters must hold arrays, got none. Pass model.par"):
        SGD([], lr=1)
    with pytest.raises(ValueError, match="shorter than argument 1|longer than argument 1"):
        SGD(w, lr=1).step([])
    with pytest.raises(ValueError, match="nesterov needs a momentum, got 0"):
        SGD(w, lr=1, nesterov=True)


@pytest.mark.parametrize("optimizer", [Adam, AdamW, RMSProp])
def test_options_of_the_adaptive_ones_out_of_range_are_refused(optimizer):
    w = [np.ones(2)]
    bad = [("lr", 0), ("lr", float("nan")), ("eps", -1e-8), ("weight_decay", -1)]
    if optimizer is RMSProp:
        bad += [("alpha", 1), ("alpha", -0.1)]
    else:
        bad += [("betas", (1, 0.9)), ("betas", (0.9, 1)), ("betas", (-0.1, 0.9))]
    for option, value in bad:
        with pytest.raises(ValueError, match=f"^{option} must be"):
            optimizer(w, **{option: value})
    with pytest.raises(ValueError, match="Pass model.parameters"):
        optimizer([])


@pytest.mark.parametrize("make", FIVE)
@given(
    shapes=st.lists(hnp.array_shapes(max_dims=2, max_side=3), min_size=1, max_size=3),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 99),
)
def test_steps_are_finite_move_every_entry_and_repeat_to_the_bit(make, shapes, dtype, seed):
    results = []
    for _ in range(2):
        rng = np.random.default_rng(seed)
        theta = [np.ones(shape, dtype) for shape in shapes]
        optimizer = make(theta)
        for scale in (1e-4, 1.0, 1e4):
            before = [p.copy() for p in theta]
            optimizer.step([(scale * rng.uniform(1, 2, shape)).astype(dtype) for shape in shapes])
            assert all((p < q).all() for p, q in zip(theta, before, strict=True))
        assert {p.dtype for p in theta} == {np.dtype(dtype)}
        assert all(np.isfinite(p).all() for p in theta)
        results.append(theta)
    assert all(np.array_equal(p, q) for p, q in zip(*results, strict=True))
