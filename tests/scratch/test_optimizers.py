"""Optimizers: hand computations, and PyTorch's own over many steps with a changing rate."""

import copy
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpbook.scratch import optimizers
from mlpbook.scratch.optimizers import SGD, Adam, AdamW, RMSProp, clip_gradient_norm
from mlpbook.scratch.parameters import Views


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
    *[
        ("RMSProp", o)
        for o in every(
            alpha=[0.99, 0.5], momentum=[0.0, 0.9], centered=[False, True], weight_decay=[0.0, 0.1]
        )
    ],
    ("RMSProp", {"eps": 1e-2}),
    ("Adam", {}),
    ("AdamW", {}),
    ("RMSProp", {}),
]
FIVE = [
    lambda p: SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda p: SGD(p, 0.1),
    lambda p: RMSProp(p, momentum=0.9, centered=True, weight_decay=0.01),
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


def test_centered_rmsprop_by_hand():
    # alpha 1/2, g = 4: s = 8, m = 2, variance 8 - 4 = 4, step 4 / 2; velocity 2
    # g = 0: s = 4, m = 1, variance 3, velocity 1/2 * 2 + 0
    w = np.zeros(1)
    optimizer = RMSProp([w], lr=1, alpha=0.5, eps=0, momentum=0.5, centered=True)
    optimizer.step([np.array([4.0])])
    assert w == pytest.approx([-2])
    optimizer.step([np.array([0.0])])
    assert w == pytest.approx([-3])
    # g = 3: s = 6.5, m = 2, variance 2.5; velocity 1/2 * 1 + 3 / sqrt(2.5)
    optimizer.step([np.array([3.0])])
    assert w == pytest.approx([-3.5 - 3 / math.sqrt(2.5)], rel=1e-14)


def test_centered_rmsprop_survives_a_variance_that_rounds_to_less_than_zero(rng):
    w = np.zeros(100)
    optimizer, gradient = RMSProp([w], lr=1e-9, centered=True, alpha=0.5), rng.uniform(0, 1, 100)
    for _ in range(300):
        optimizer.step([gradient])
        assert np.isfinite(w).all()


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


def test_centered_rmsprop_divides_by_a_small_deviation_too():
    # alpha 1/2, g = 0.4: s = 0.08, m = 0.2, variance 0.04, step 0.4 / 0.2
    w = np.zeros(1)
    RMSProp([w], lr=1, alpha=0.5, eps=0, centered=True).step([np.array([0.4])])
    assert w == pytest.approx([-2])


def test_decay_is_divided_by_the_root_in_adam_and_not_in_adamw():
    # the gradient is 0: Adam sees lambda * w and steps by lr; AdamW shrinks w by lr * lambda
    coupled, decoupled = np.array([4.0]), np.array([4.0])
    Adam([coupled], lr=0.1, weight_decay=0.5).step([np.zeros(1)])
    AdamW([decoupled], lr=0.1, weight_decay=0.5).step([np.zeros(1)])
    assert coupled == pytest.approx([3.9])
    assert decoupled == pytest.approx([4 * 0.95])


@pytest.mark.parametrize("flat", [False, True], ids=["list", "flat"])
@pytest.mark.parametrize(("name", "options"), ALL_OPTIONS, ids=str)
def test_200_steps_equal_pytorchs_with_a_changing_learning_rate(name, options, flat, rng):
    torch = pytest.importorskip("torch")
    shapes = [(3, 2), (3,)]
    mine = Views(rng.standard_normal(9), shapes)
    theirs = [torch.tensor(p, requires_grad=True) for p in mine]
    a = getattr(optimizers, name)(mine if flat else list(mine), lr=0.1, **options)
    b = getattr(torch.optim, {"RMSProp": "RMSprop"}.get(name, name))(theirs, lr=0.1, **options)
    for t in range(200):
        a.lr = b.param_groups[0]["lr"] = 0.1 / (1 + 0.05 * t)
        gradients = Views(rng.standard_normal(9), shapes)
        a.step(gradients if flat else list(gradients))
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
    rmsprop = {"lr": 0.01, "alpha": 0.99, "eps": 1e-8, "momentum": 0, "weight_decay": 0}
    assert vars(RMSProp(w)).items() >= (rmsprop | {"centered": False}).items()


@pytest.mark.parametrize("name", ["Adam", "AdamW", "RMSProp"])
def test_defaults_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.optim, {"RMSProp": "RMSprop"}.get(name, name))(
        [torch.zeros(1, requires_grad=True)]
    ).defaults
    mine = vars(getattr(optimizers, name)([np.zeros(1)]))
    shared = {"lr", "weight_decay", "eps", "betas", "alpha", "momentum", "centered"}
    assert {k: mine[k] for k in shared & set(mine)} == {
        k: v for k, v in theirs.items() if k in shared
    }


@pytest.mark.parametrize("make", FIVE)
def test_one_vector_and_a_list_of_arrays_give_the_same_steps(make, rng):
    shapes = [(3, 2), (3,), (1, 3), (1,)]
    flat = Views(rng.standard_normal(13), shapes)
    plain = [p.copy() for p in flat]
    a, b, mixed = make(flat), make(plain), Views(flat.flat.copy(), shapes)
    c = make(mixed)
    for _ in range(5):
        gradients = Views(rng.standard_normal(13), shapes)
        a.step(gradients)
        b.step(gradients)
        c.step(list(gradients))
    for p, q, r in zip(flat, plain, mixed, strict=True):
        assert np.array_equal(p, q)
        assert np.array_equal(p, r)


@pytest.mark.parametrize("make", FIVE)
def test_the_state_for_one_vector_is_one_vector_and_for_a_list_a_list(make):
    theta = Views(np.ones(8), [(2, 3), (2,)])
    for parameters, shapes in ((theta, [(8,)]), (list(theta), [(2, 3), (2,)])):
        optimizer = make(parameters)
        state = [v for k, v in vars(optimizer).items() if isinstance(v, list) and k != "parameters"]
        assert state
        assert all([array.shape for array in arrays] == shapes for arrays in state)
    assert make(theta).parameters is theta


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


@pytest.mark.parametrize("make", FIVE)
def test_gradients_that_do_not_fit_change_nothing(make):
    theta = Views(np.ones(8), [(2, 3), (2,)])
    for parameters in (theta, list(theta)):
        optimizer = make(parameters)
        before = copy.deepcopy(vars(optimizer))
        for shapes in ([(3, 2), (2,)], [(2, 3)], [(8,)], [(2, 3), (2,), (1,)]):
            wrong = Views(np.ones(sum(math.prod(s) for s in shapes)), shapes)
            for gradients in (wrong, list(wrong)):
                with pytest.raises(ValueError, match="^gradients must have") as caught:
                    optimizer.step(gradients)
                assert str(caught.value) == (
                    "gradients must have the parameters' shapes [(2, 3), (2,)], "
                    f"got {shapes}. Pass model.gradients()."
                )
        assert str(vars(optimizer)) == str(before)


def test_clipping_by_hand():
    # the norm of (3, 4, 12) is 13
    gradients = [np.array([3.0, 4.0]), np.array([[12.0]])]
    assert clip_gradient_norm(gradients, 13.1) == 13
    assert gradients[0].tolist() == [3, 4]
    assert clip_gradient_norm(gradients, 1.3) == 13
    assert gradients[0] == pytest.approx(np.array([0.3, 0.4]), rel=1e-6)
    assert gradients[1] == pytest.approx(np.array([[1.2]]), rel=1e-6)


def test_clipping_begins_a_millionth_below_the_bound():
    gradients = [np.array([1.0])]
    clip_gradient_norm(gradients, 1.0)
    assert gradients[0] == pytest.approx([1 / (1 + 1e-6)], rel=1e-12)
    clip_gradient_norm(gradients, 1.0)  # now the norm plus 1e-6 is just below 1 + 1e-12
    assert gradients[0] == pytest.approx([1 / (1 + 1e-6)], rel=1e-11)


@pytest.mark.parametrize("max_norm", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("flat", [False, True])
def test_clipping_equals_pytorchs(max_norm, flat, rng):
    torch = pytest.importorskip("torch")
    gradients = Views(rng.standard_normal(8), [(2, 3), (2,)])
    parameters = [torch.zeros(g.shape, dtype=torch.float64) for g in gradients]
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = torch.tensor(g)
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    mine = clip_gradient_norm(gradients if flat else list(gradients), max_norm)
    assert mine == pytest.approx(norm.item(), rel=1e-14)
    for p, g in zip(parameters, gradients, strict=True):
        assert g == pytest.approx(p.grad.numpy(), rel=1e-14)


@given(st.floats(1e-6, 1e6), st.floats(1e-3, 1e3), st.integers(0, 5))
def test_clipping_never_leaves_a_larger_norm_nor_another_direction(scale, max_norm, seed):
    g = scale * np.random.default_rng(seed).standard_normal(5)
    clipped = g.copy()
    norm = clip_gradient_norm([clipped], max_norm)
    assert norm == pytest.approx(np.linalg.norm(g))
    assert np.linalg.norm(clipped) <= max_norm * (1 + 1e-12)
    assert clipped @ g == pytest.approx(np.linalg.norm(clipped) * np.linalg.norm(g))


def test_clipping_refuses_what_has_no_meaning():
    words = r"^gradients is empty: expected arrays\. Pass model.gradients\(\)\.$"
    with pytest.raises(ValueError, match=words):
        clip_gradient_norm([], 1.0)
    for max_norm in (0, -1, float("inf")):
        with pytest.raises(ValueError, match="^max_norm must be a finite number greater than 0"):
            clip_gradient_norm([np.ones(1)], max_norm)


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
    words = r"^parameters is empty: expected arrays\. Pass model.parameters\(\)\.$"
    with pytest.raises(ValueError, match=words):
        SGD([], lr=1)
    with pytest.raises(ValueError, match="Pass model.gradients"):
        SGD(w, lr=1).step([np.ones(3)])
    words = r"^nesterov needs a momentum, got 0\. Pass momentum=0.9, for example\.$"
    with pytest.raises(ValueError, match=words):
        SGD(w, lr=1, nesterov=True)


@pytest.mark.parametrize("optimizer", [Adam, AdamW, RMSProp])
def test_options_of_the_adaptive_ones_out_of_range_are_refused(optimizer):
    w = [np.ones(2)]
    bad = [("lr", 0), ("lr", float("nan")), ("eps", -1e-8), ("weight_decay", -1)]
    if optimizer is RMSProp:
        bad += [("alpha", 1), ("alpha", -0.1), ("momentum", 1), ("momentum", -0.1)]
    else:
        bad += [("betas", (1, 0.9)), ("betas", (0.9, 1)), ("betas", (-0.1, 0.9)), ("betas", (0.9,))]
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
    n = sum(math.prod(shape) for shape in shapes)
    results = []
    for _ in range(2):
        rng = np.random.default_rng(seed)
        theta = Views(np.ones(n, dtype), shapes)
        optimizer = make(theta)
        for scale in (1e-4, 1.0, 1e4):
            before = theta.flat.copy()
            gradients = Views((scale * rng.uniform(1, 2, n)).astype(dtype), shapes)
            optimizer.step(gradients)
            assert (theta.flat < before).all()
        assert theta.flat.dtype == dtype
        assert np.isfinite(theta.flat).all()
        results.append(theta.flat)
    assert np.array_equal(*results)
