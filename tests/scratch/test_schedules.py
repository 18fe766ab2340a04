"""Schedules: values by hand, and torch.optim.lr_scheduler step by step."""

import numpy as np
import pytest

from mlpbook.scratch.schedules import constant, cosine, linear_warmup

N = 25


def theirs(make, lr=0.3):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(N):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.filterwarnings("ignore:.*deprecated:UserWarning")
@pytest.mark.parametrize(
    ("schedule", "make", "n"),
    [
        (constant(0.3), lambda s, o: s.ConstantLR(o, factor=1.0), N),
        (cosine(0.3, 20), lambda s, o: s.CosineAnnealingLR(o, 20), 21),
        (cosine(0.3, 24, final=0.05), lambda s, o: s.CosineAnnealingLR(o, 24, 0.05), N),
        (
            linear_warmup(constant(0.3), 10, start_factor=0.2),
            lambda s, o: s.LinearLR(o, 0.2, total_iters=10),
            N,
        ),
        (
            linear_warmup(cosine(0.3, 20), 5, start_factor=0.1),
            lambda s, o: s.SequentialLR(
                o, [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingLR(o, 20)], [5]
            ),
            N,
        ),
    ],
)
def test_rates_equal_pytorchs_schedulers(schedule, make, n):
    expected = theirs(make)[:n]
    assert [schedule(t) for t in range(n)] == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_rates_by_hand():
    # cosine: at a third of the way (1 + cos 60°)/2 = 3/4, at two thirds 1/4
    wave = [cosine(5.0, 3, final=1.0)(t) for t in (0, 1, 2, 3, 4, 1000)]
    assert wave == pytest.approx([5, 4, 2, 1, 1, 1])
    climb = [linear_warmup(constant(10.0), 4, start_factor=0.2)(t) for t in range(6)]
    assert climb == pytest.approx([2, 4, 6, 8, 10, 10])
    # the default starts at a hundredth
    assert linear_warmup(constant(1.0), 10)(0) == pytest.approx(0.01)


def test_what_follows_a_warm_up_starts_at_its_own_step_0():
    seen = []

    def schedule(t):
        seen.append(t)
        return 1.0

    warm = linear_warmup(schedule, 3)
    for t in range(5):
        warm(t)
    assert seen == [0, 0, 0, 0, 1]
    # 0.3 * (0.2 + 0.8 * 3 / 3), the warm-up's own value there, is another number in floating point
    assert linear_warmup(constant(0.3), 3, start_factor=0.2)(3) == 0.3


def test_rates_are_python_floats_so_that_float32_stays(recwarn):
    for schedule in (constant(np.float32(1)), cosine(1, 5)):
        assert type(schedule(np.int64(3))) is float


@pytest.mark.parametrize("make", [lambda lr: cosine(lr, 5), constant])
def test_a_rate_that_is_not_positive_is_refused(make):
    for lr in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="^lr must be a finite number greater than 0"):
            make(lr)


def test_other_arguments_out_of_range_are_refused():
    for make in (cosine, lambda lr, n: linear_warmup(constant(lr), n)):
        with pytest.raises(ValueError, match="^n_steps .* got 0"):
            make(0.1, 0)
    for factor in (0, 1.5):
        with pytest.raises(ValueError, match="^start_factor"):
            linear_warmup(constant(0.1), 3, start_factor=factor)
    for final in (-0.1, 0.2):
        with pytest.raises(ValueError, match="^final .* at least 0 and at most 0.1"):
            cosine(0.1, 3, final=final)
    with pytest.raises(TypeError, match=r"function of the step, got 0.1. Did you mean constant"):
        linear_warmup(0.1, 3)
