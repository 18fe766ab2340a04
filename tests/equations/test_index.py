"""The equation that the home page shows, by a second route."""

import numpy as np
import pytest
from scipy.special import expit


@pytest.mark.equation("eq-index-slope", tolerance=1e-14)
def test_the_slope_of_the_logistic_loss_is_the_error_of_the_probability(agree):
    """The slope, by a complex step, against the probability minus one."""
    z = np.linspace(-12, 12, 25)
    step = 1e-30
    agree(np.log(1 + np.exp(-(z + 1j * step))).imag / step, expit(z) - 1)
