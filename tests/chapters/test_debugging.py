"""The laboratory of planted bugs: every named check settles its case, and the hunt keeps still."""

import inspect
import time

import numpy as np
import pytest

from mlpbook.chapters import debugging
from mlpbook.chapters.debugging import (
    CASES,
    CHECKS,
    NAMED,
    Setup,
    answer,
    hunt,
    range_test,
    train,
)
from mlpbook.checks.gradient_check import numerical_gradient

SEED = 0


@pytest.mark.parametrize(("bug", "name"), NAMED.items())
def test_the_named_check_raises_the_alarm_on_its_case_within_two_seconds(bug, name):
    start = time.process_time()
    assert CHECKS[name](Setup(bug, seed=SEED)).alarm
    assert time.process_time() - start < 2


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_is_silent_on_the_healthy_case(name):
    assert not CHECKS[name](Setup("healthy", seed=SEED)).alarm


def test_every_bug_has_a_named_check_and_the_healthy_case_has_none():
    assert set(NAMED) == set(CASES) - {"healthy"}
    assert set(NAMED.values()) <= set(CHECKS)


def test_checks_leave_the_set_up_as_it_was():
    setup = Setup("healthy", seed=SEED)
    before = [p.copy() for p in setup.model.parameters()]
    for check in CHECKS.values():
        check(setup)
    for p, q in zip(before, setup.model.parameters(), strict=True):
        np.testing.assert_array_equal(p, q)


def test_the_penalty_check_sees_a_wrong_sign(monkeypatch):
    right = Setup.objective
    monkeypatch.setattr(Setup, "objective", lambda self, X, y, penalty: right(self, X, y, -penalty))
    assert CHECKS["penalty"](Setup()).alarm


def test_the_seed_check_sees_a_global_source_of_randomness(monkeypatch):
    source = np.random.default_rng(0)
    right = Setup.batch
    monkeypatch.setattr(
        Setup, "batch", lambda self, n=None: (right(self, n)[0] + source.normal(), self.y[:50])
    )
    assert CHECKS["seed"](Setup()).alarm


@pytest.mark.parametrize("case", ["healthy", "softmax twice", "loss pairs every label"])
def test_adjoints_belong_to_the_losses(case):
    """Finite differences of each loss by all output biases and some weights."""
    setup = Setup(case, seed=3)
    setup.model.eval()
    train(setup, 30)
    setup.model.eval()
    X, y = setup.batch(7)
    by_hand = setup.gradients(X, y)
    for k in (-1, -3):
        numerical = numerical_gradient(lambda: setup.loss(X, y), setup.model.parameters()[k])
        np.testing.assert_allclose(by_hand[k], numerical, rtol=1e-5, atol=1e-8)


def test_every_case_can_be_drawn():
    drawn = {case for seed in range(100) for case in CASES if answer(hunt(seed), case)}
    assert drawn == set(CASES)


def test_marking_is_right_for_exactly_one_case():
    for case in CASES:
        assert [answer(Setup(case, seed=5), other) for other in CASES].count(True) == 1
        assert answer(Setup(case, seed=5), case)
    with pytest.raises(ValueError, match="one of CASES"):
        answer(hunt(0), "cosmic rays")


def test_a_fresh_set_up_keeps_the_case():
    for case in CASES:
        assert answer(Setup(case, seed=1).fresh(), case)
        assert answer(Setup(case, seed=1).fresh(seed=4), case)


def test_a_hunt_tells_its_case_neither_in_print_nor_in_its_attributes():
    for seed in range(30):
        setup = hunt(seed)
        case = next(case for case in CASES if answer(setup, case))
        shown = repr(setup) + str(setup) + repr(vars(setup)).replace("array", "")
        assert case not in shown


def test_a_hunt_has_the_same_source_whatever_the_case():
    assert len({inspect.getsource(type(hunt(seed))) for seed in range(30)}) == 1


def test_a_seed_draws_the_same_case_again():
    for seed in range(10):
        case = next(case for case in CASES if answer(hunt(seed), case))
        assert answer(hunt(seed), case)


def test_unknown_cases_are_refused():
    with pytest.raises(ValueError, match="Look at CASES"):
        Setup("fine")


def test_the_range_test_raises_the_rate_geometrically_and_leaves_the_set_up():
    setup = Setup()
    before = setup.model.parameters()[0].copy()
    rates, losses = range_test(setup, low=0.01, high=1.0, steps=5)
    np.testing.assert_allclose(rates, [0.01, 10**-1.5, 0.1, 10**-0.5, 1.0])
    assert np.isfinite(losses).all()
    np.testing.assert_array_equal(setup.model.parameters()[0], before)


def test_module_exports_what_it_defines():
    assert all(hasattr(debugging, name) for name in debugging.__all__)
