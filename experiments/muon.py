"""Muon beside AdamW and momentum: each with its rate tuned, the same schedule, the same network.

Networks 784-256-256-10 learn 10,000 digits for five epochs of batches of 100, with a warm-up and a
cosine. The rate of each rule is chosen on 5,000 other digits with one seed, and judged on the test
digits with the others. Muon moves the two hidden matrices; the rest is AdamW's.
"""

import time

import numpy as np

from bookkit.records.experiments import Result, experiment
from mlpbook.chapters.scaling import MUON_RATES, MUON_RULES, Muon
from mlpbook.data import batches, load_mnist
from mlpbook.scratch.losses import CrossEntropyLoss
from mlpbook.scratch.network import MLP
from mlpbook.scratch.optimizers import SGD, AdamW, Optimizer
from mlpbook.scratch.schedules import cosine

__all__ = ["run"]

N_TRAIN, N_HELD, BATCH_SIZE = 10_000, 5_000, 100
N_FIRST = 20  # losses that are compared
BESIDE_MUON = 0.002  # AdamW's rate for what Muon does not move


@experiment(
    seeds=range(3),
    cost=90,
    reduced={"n_rules": 1},
    tolerance={"first_losses": 1e-4},
    mnist=True,
)
def run(seed: int, *, epochs: int = 5, n_rules: int = len(MUON_RULES)) -> Result:
    """Tune the rate of each rule with one seed, and judge it with another.

    Parameters
    ----------
    seed : int
        Draws start and batches of the judged run; tuning always uses seed 100.
    epochs : int
    n_rules : int
        How many of the rules are tried.

    Returns
    -------
    dict
        ``first_losses`` of each rule's first run, in nats; ``validation_errors`` for each rule
        and rate; ``chosen`` rates; ``test_errors`` and ``step_seconds`` (processor time per step)
        of each rule.
    """
    X, y, X_test, y_test = load_mnist().flat()
    X_test = (X_test - X[:N_TRAIN].mean()) / X[:N_TRAIN].std()
    X = (X - X[:N_TRAIN].mean()) / X[:N_TRAIN].std()
    held = slice(-N_HELD, None)
    validation_errors, chosen, test_errors, seconds = [], [], [], []
    first_losses: list[float] = []
    for rule in MUON_RULES[:n_rules]:
        rates = MUON_RATES[rule]
        errors = []
        for rate in rates:
            try:
                with np.errstate(all="ignore"):
                    model, _, first = _train(rule, rate, 100, epochs, X[:N_TRAIN], y[:N_TRAIN])
                first_losses += first if rate == rates[0] else []
                errors.append(float(np.mean(model(X[held]).argmax(axis=1) != y[held])))
            except (FloatingPointError, ValueError):  # diverged: guessing
                errors.append(0.9)
        best = rates[int(np.argmin(errors))]
        model, per_step, _ = _train(rule, best, seed, epochs, X[:N_TRAIN], y[:N_TRAIN])
        validation_errors += errors
        chosen.append(best)
        test_errors.append(float(np.mean(model(X_test).argmax(axis=1) != y_test)))
        seconds.append(per_step)
    return {
        "first_losses": first_losses,
        "validation_errors": validation_errors,
        "chosen": chosen,
        "test_errors": test_errors,
        "step_seconds": seconds,
    }


def _train(
    rule: str, rate: float, seed: int, epochs: int, X: np.ndarray, y: np.ndarray
) -> tuple[MLP, float, list[float]]:
    rng = np.random.default_rng(seed)
    model = MLP([784, 256, 256, 10], rng=rng, dtype=np.float32)
    p = model.parameters()  # W, b of three layers
    parts: list[tuple[list[int], Optimizer, float]]
    if rule == "Muon":
        rest = [1, 3, 4, 5]
        parts = [
            ([0, 2], Muon([p[0], p[2]], rate), rate),
            (rest, AdamW([p[k] for k in rest], BESIDE_MUON), BESIDE_MUON),
        ]
    elif rule == "AdamW":
        parts = [(list(range(6)), AdamW(p, rate), rate)]
    else:
        parts = [(list(range(6)), SGD(p, rate, momentum=0.9), rate)]
    n_steps = epochs * -(-len(X) // BATCH_SIZE)
    warm_up = max(1, n_steps // 20)
    shape = cosine(1.0, n_steps)
    loss_fn, t, started = CrossEntropyLoss(), 0, time.process_time()
    losses = []
    for _ in range(epochs):
        for batch in batches(len(X), BATCH_SIZE, rng=rng):
            losses.append(loss_fn(model(X[batch]), y[batch]))
            model.backward(loss_fn.backward())
            gradients = model.gradients()
            for numbers, optimizer, base in parts:
                optimizer.lr = base * max(1e-6, min(1, (t + 1) / warm_up) * shape(t))
                optimizer.step([gradients[k] for k in numbers])
            t += 1
    return model, (time.process_time() - started) / n_steps, losses[:N_FIRST]
