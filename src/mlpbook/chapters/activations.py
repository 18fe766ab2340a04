"""Activation functions compared: which ones, from which weights, at which depths and rates.

The experiment takes minutes, so the page reads its record; both take the order of the runs from
here.
"""

from mlpbook.scratch.layers import ELU, GELU, Layer, LeakyReLU, ReLU, Sigmoid, Tanh

__all__ = ["DEPTHS", "EPOCHS", "RATES", "SETTINGS"]

SETTINGS: dict[str, tuple[type[Layer], float, int]] = {
    "ReLU": (ReLU, 2.0, 1),
    "leaky ReLU": (LeakyReLU, 2.0, 1),
    "ELU": (ELU, 1.5, 1),
    "GELU": (GELU, 2.0, 1),
    "tanh": (Tanh, 1.0, 1),
    "sigmoid": (Sigmoid, 1.0, 1),
    "sigmoid, 16 × variance": (Sigmoid, 16.0, 1),
    "sigmoid, 3 × epochs": (Sigmoid, 1.0, 3),
}
"""Activation, variance of the weights times the number of inputs, length of the run."""
DEPTHS = (2, 8)
"""Numbers of hidden layers."""
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
"""Learning rates at the start of a run."""
EPOCHS = 20
"""Passes over the data in a run of length 1."""
