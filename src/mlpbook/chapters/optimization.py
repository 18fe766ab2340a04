"""What the chapter on optimization compares: optimizers, their rates and their schedules."""

__all__ = ["RATES", "RECIPES"]

RATES = {
    "SGD": (0.2, 0.4, 0.8, 1.6, 3.2),
    "momentum": (0.05, 0.1, 0.2, 0.4, 0.8),
    "RMSProp": (0.001, 0.002, 0.004, 0.008, 0.016),
    "Adam": (0.002, 0.004, 0.008, 0.016, 0.032),
}
"""The rates of each optimizer, a factor of 2 apart."""
RECIPES = (
    *((name, schedule, 5) for schedule in ("constant", "cosine") for name in RATES),
    ("momentum", "cosine", 20),
    ("Adam", "cosine", 20),
)
"""Optimizer, schedule and epochs of each recipe."""
