"""What the chapter on optimization compares: optimizers, their rates and their schedules."""

__all__ = ["RATES", "RECIPES"]

RATES = {
    "SGD": tuple(0.05 * 2.0**k for k in range(8)),
    "momentum": tuple(0.0125 * 2.0**k for k in range(8)),
    "RMSProp": tuple(0.0005 * 2.0**k for k in range(8)),
    "Adam": tuple(0.0005 * 2.0**k for k in range(8)),
}
"""The rates of each optimizer, a factor of 2 apart."""
RECIPES = (
    *((name, schedule, 5) for schedule in ("constant", "cosine") for name in RATES),
    ("momentum", "cosine", 20),
    ("Adam", "cosine", 20),
)
"""Optimizer, schedule and epochs of each recipe."""
