"""The optimizers' updates as their pages print them, run step by step against the library."""

import numpy as np
import pytest
import torch

from mlpbook.checks.gradient_check import complex_step_jacobian as by_steps
from mlpbook.scratch.optimizers import SGD, Adam, AdamW, RMSProp
from mlpbook.scratch.schedules import cosine
from tools.equations.printed import numbered

RATE, DECAY, MOMENTUM, ALPHA, BETAS, EPS = 0.1, 0.3, 0.9, 0.8, (0.7, 0.95), 0.02


def steps(kind, rng, n_steps=5, **options):
    """Run an optimizer of the library on one number; yield t, g, theta before and after, and it."""
    theta = rng.standard_normal(1)
    optimizer = kind([theta], lr=RATE, **options)
    for t, slope in enumerate(rng.standard_normal(n_steps), 1):
        before = theta.item()
        optimizer.step([np.array([slope])])
        yield t, slope, before, theta.item(), optimizer


@pytest.mark.equation("eq-pytorch-sgd", tolerance=1e-14)
def test_printed_sgd(printed, rng):
    """The printed recurrence, run step by step, against the library's optimizer."""
    velocity = 0.0
    for t, g, before, after, _ in steps(SGD, rng, momentum=MOMENTUM, weight_decay=DECAY):
        symbols = {rf"\bar\theta_{t}": g, rf"\theta_{t - 1}": before, f"v_{t - 1}": velocity}
        symbols |= {r"\beta": MOMENTUM, r"\lambda": DECAY, rf"\eta_{t}": RATE, "t": t}
        defines = ("g_t", "v_t", r"\theta_t")
        start = ("v_0",) if t == 1 else ()
        found = printed(symbols, only=(*defines, *start), defines=defines)
        velocity = found["v_t"][0]
        printed.agree(found[r"\theta_t"][0], after)


@pytest.mark.equation("eq-pytorch-velocity", tolerance=1e-13)
def test_printed_sum_of_gradients(printed, rng):
    """The printed TeX, evaluated, against the steps of the library's optimizer."""
    slopes = []
    for t, g, before, after, _ in steps(SGD, rng, momentum=MOMENTUM):
        slopes.append(g)
        symbols = {f"v_{t}": (before - after) / RATE, "t": t, r"\beta": MOMENTUM}
        printed(symbols | numbered("g_?", slopes))


@pytest.mark.equation("eq-pytorch-decay", tolerance=1e-14)
def test_printed_decay(printed):
    """The printed TeX, evaluated, against the library's optimizer without a gradient."""
    theta = np.array([1.7])
    optimizer = SGD([theta], lr=RATE, weight_decay=DECAY)
    for t in range(1, 6):
        optimizer.step([np.zeros(1)])
        symbols = {rf"\theta_{t}": theta.item(), "t": t, r"\theta_0": 1.7}
        printed({**symbols, r"\eta": RATE, r"\lambda": DECAY})


@pytest.mark.equation("eq-optimization-nesterov", tolerance=1e-14)
def test_printed_nesterov_step(printed, rng):
    """The printed TeX, evaluated step by step, against the library's optimizer."""
    velocity = 0.0
    for t, g, before, after, _ in steps(SGD, rng, momentum=MOMENTUM, nesterov=True):
        velocity = MOMENTUM * velocity + g
        symbols = {rf"\theta_{t}": after, rf"\theta_{t - 1}": before, f"v_{t}": velocity}
        printed({**symbols, f"g_{t}": g, r"\eta": RATE, r"\beta": MOMENTUM, "t": t})


@pytest.mark.equation("eq-optimization-momentum", tolerance=1e-13)
def test_printed_matrix_of_momentum(printed, rng):
    """The printed TeX, evaluated, against the library's errors on a parabola."""
    curvature, theta = 2.3, rng.standard_normal(1)
    optimizer, errors = SGD([theta], lr=RATE, momentum=MOMENTUM), [theta.item()]
    for _ in range(6):
        optimizer.step([curvature * theta])
        errors.append(theta.item())
    M = np.array([[1 + MOMENTUM - RATE * curvature, -MOMENTUM], [1.0, 0.0]])
    options = {r"\beta": MOMENTUM, r"\eta": RATE, r"\lambda": curvature, "M": M}
    for t in range(1, 6):
        printed({**options, **numbered("e_?", errors[t - 1 : t + 2], t - 1), "t": t})


@pytest.mark.equation("eq-optimization-rmsprop", tolerance=1e-14)
def test_printed_rmsprop(printed, rng):
    """The printed recurrence, run step by step, against the library's optimizer."""
    square = 0.0
    for t, g, before, after, _ in steps(RMSProp, rng, alpha=ALPHA, eps=EPS):
        symbols = {f"g_{t}": g, f"s_{t - 1}": square, rf"\theta_{t - 1}": before, "t": t}
        options = {r"\eta": RATE, r"\alpha": ALPHA, r"\epsilon": EPS}
        found = printed({**symbols, **options}, defines=("s_t", r"\theta_t"))
        square = found["s_t"][0]
        printed.agree(found[r"\theta_t"][0], after)


BOTH_BETAS = dict(zip((r"\beta_1", r"\beta_2"), BETAS, strict=True))


@pytest.mark.equation("eq-optimization-adam-moments", tolerance=1e-14)
def test_printed_moments_of_adam(printed, rng):
    """The printed recurrences, run step by step, against the library's running means."""
    m = v = 0.0
    for t, g, _, _, optimizer in steps(Adam, rng, betas=BETAS):
        symbols = {f"g_{t}": g, f"m_{t - 1}": m, f"v_{t - 1}": v, "t": t}
        found = printed({**symbols, **BOTH_BETAS}, defines=("m_t", "v_t"))
        m, v = found["m_t"][0], found["v_t"][0]
        printed.agree([m, v], [optimizer.means[0].item(), optimizer.squares[0].item()])


@pytest.mark.equation("eq-optimization-bias", tolerance=1e-14)
def test_printed_sum_of_weights(printed):
    """Both printed sides, evaluated; with equal gradients it is what the library averages."""
    optimizer = Adam([np.zeros(1)], betas=BETAS)
    for t in range(1, 6):
        optimizer.step([np.ones(1)])
        ((total, _),) = printed({r"\beta_1": BETAS[0], "t": t}).values()
        printed.agree(total, optimizer.means[0].item())


@pytest.mark.equation("eq-optimization-adam-step", tolerance=1e-14)
def test_printed_step_of_adam(printed, rng):
    """The printed TeX, run step by step from the library's means, against its parameters."""
    for t, _, before, after, optimizer in steps(Adam, rng, betas=BETAS, eps=EPS):
        m, v = optimizer.means[0].item(), optimizer.squares[0].item()
        symbols = {f"m_{t}": m, f"v_{t}": v, rf"\theta_{t - 1}": before, "t": t}
        options = {r"\eta": RATE, r"\epsilon": EPS, **BOTH_BETAS}
        found = printed({**symbols, **options}, defines=(r"\hat m_t", r"\hat v_t", r"\theta_t"))
        printed.agree(found[r"\theta_t"][0], after)


@pytest.mark.equation("eq-optimization-first-step", tolerance=1e-14)
def test_printed_first_step_of_adam(printed, rng):
    """The printed TeX, evaluated, against the library's first step with epsilon 0."""
    for scale in (1e-6, 1.0, 1e6):
        theta, g = rng.standard_normal(3), scale * rng.standard_normal(3)
        start = theta.copy()
        Adam([theta], lr=RATE, eps=0.0).step([g])
        symbols = {r"\theta_0": start, r"\theta_1": theta, "g_1": g, r"\eta": RATE}
        printed({**symbols, r"\mathrm{sign}": np.sign}, skip=(r"\text{(entry by entry)}",))


@pytest.mark.equation("eq-optimization-decay", tolerance=1e-14)
def test_printed_penalty_as_decay(printed, rng):
    """Both printed sides, evaluated, against a step of the library's optimizer."""
    theta, g = rng.standard_normal((2, 3))
    symbols = {r"\theta": theta.copy(), r"\bar\theta": g, r"\eta": RATE, r"\lambda": DECAY}
    ((step, _),) = printed(symbols).values()
    SGD([theta], lr=RATE, weight_decay=DECAY).step([g])
    printed.agree(step, theta)


@pytest.mark.equation("eq-optimization-adamw", tolerance=1e-14)
def test_printed_step_of_adamw(printed, rng):
    """The printed TeX, evaluated from the library's means, against its parameters."""
    options = {"betas": BETAS, "eps": EPS, "weight_decay": DECAY}
    for t, _, before, after, optimizer in steps(AdamW, rng, **options):
        m, v = optimizer.means[0].item(), optimizer.squares[0].item()
        symbols = {rf"\hat m_{t}": m / (1 - BETAS[0] ** t), rf"\hat v_{t}": v / (1 - BETAS[1] ** t)}
        symbols |= {rf"\theta_{t}": after, rf"\theta_{t - 1}": before, "t": t}
        printed({**symbols, r"\eta": RATE, r"\lambda": DECAY, r"\epsilon": EPS})


@pytest.mark.equation("eq-optimization-cosine", tolerance=1e-14)
def test_printed_cosine_schedule(printed):
    """The printed TeX, evaluated for each step, against the library's schedule."""
    schedule = cosine(0.5, 8, final=0.02)
    for t in range(9):
        symbols = {rf"\eta_{t}": schedule(t), r"\eta_\text{end}": 0.02, r"\eta_0": 0.5}
        printed({**symbols, "t": t, "n": 8})


@pytest.mark.equation("eq-optimization-clip", tolerance=1e-5)
def test_printed_clipping(printed, rng):
    """The printed assignment, evaluated, against PyTorch, which adds 1e-6 to the norm."""
    for c in (0.5, 50.0):
        g = rng.standard_normal(5)
        ((clipped, *_),) = printed({"g": g, "c": c}, defines="g").values()
        parameter = torch.zeros(5, dtype=torch.float64, requires_grad=True)
        parameter.grad = torch.tensor(g)
        torch.nn.utils.clip_grad_norm_(parameter, c)
        printed.agree(clipped, parameter.grad.numpy())


@pytest.mark.equation("def-optimization-quadratic", tolerance=1e-13)
def test_printed_quadratic(printed, rng):
    """The printed TeX, evaluated, against a function with that gradient and that Hessian."""
    H, minimum, theta = bowl(rng)
    symbols = {r"\mathcal J": lambda v: sum_of_squares(H, v - minimum), "H": H}
    printed({**symbols, r"\theta^*": minimum, r"\theta": theta})


@pytest.mark.equation("eq-optimization-descent", tolerance=1e-12)
def test_printed_error_of_descent(printed, rng):
    """The printed TeX, evaluated after each step, against the library's steps on a bowl."""
    H, minimum, theta = bowl(rng)
    start, optimizer = theta.copy(), SGD([theta], lr=RATE)
    for t in range(1, 5):
        optimizer.step([by_steps(lambda v: sum_of_squares(H, v - minimum), theta)])
        symbols = {rf"\theta_{t}": theta, r"\theta_0": start, r"\theta^*": minimum, "H": H, "t": t}
        printed({**symbols, "I": np.eye(3), r"\eta": RATE})


def bowl(rng):
    """A symmetric positive matrix, a minimum, and a start."""
    root = rng.standard_normal((3, 3))
    return root @ root.T, *rng.standard_normal((2, 3))


def sum_of_squares(H, e):
    """Half of e^T H e, by single products; real or complex."""
    return sum(H[i, j] * e[i] * e[j] for i in range(len(e)) for j in range(len(e))) / 2
