"""What every test may ask for."""

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a fresh generator with a fixed seed, so that tests do not depend on their order."""
    return np.random.default_rng(20260101)
