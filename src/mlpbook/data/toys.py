"""Toy sets that fit on one picture, and a regression task with a known answer.

Every random draw takes its generator from the caller, so that the same seed gives the same data
in both halves of the book.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mlpbook.shared.validation import (
    check_matrix,
    check_number,
    check_positive_int,
    check_rng,
)

__all__ = [
    "TeacherStudent",
    "blobs",
    "circles",
    "moons",
    "spirals",
    "teacher_student",
    "xor",
]

Points = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


# ---------------------------------------------------------------------------------------------
# Toy sets: points in the plane, with balanced classes in random order.


def moons(n_samples: int, *, noise: float, rng: np.random.Generator) -> tuple[Points, Labels]:
    """Draw two interleaved half circles, one for each class.

    Class 0 lies on the upper half of the unit circle, class 1 on the lower half of the unit
    circle around (1, 1/2). No straight line separates them.

    Parameters
    ----------
    n_samples : int
        Number of points. Class sizes differ by at most one.
    noise : float
        Standard deviation of the normal noise added to both coordinates; 0 for none.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    X : numpy.ndarray of float64, shape (n_samples, 2)
    y : numpy.ndarray of int64, shape (n_samples,)
        Classes 0 and 1.

    Raises
    ------
    TypeError, ValueError
        If `n_samples` is not a positive integer, `noise` is negative or not finite, or `rng` is
        not a generator.

    Examples
    --------
    >>> X, y = moons(5, noise=0.0, rng=np.random.default_rng(0))
    >>> X.shape, np.bincount(y)
    ((5, 2), array([3, 2]))
    >>> bool(np.allclose(np.linalg.norm(X[y == 0], axis=1), 1))
    True
    """
    y = _balanced_labels(n_samples, 2, rng)
    angle = rng.uniform(0, np.pi, size=n_samples)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return _add_noise(np.where(y[:, np.newaxis] == 0, upper, lower), noise, rng), y


def circles(
    n_samples: int, *, noise: float, rng: np.random.Generator, ratio: float = 0.5
) -> tuple[Points, Labels]:
    """Draw two circles around the origin, one inside the other.

    Class 0 has radius 1, class 1 has radius `ratio`. The one feature that separates them with a
    threshold is the squared radius.

    Parameters
    ----------
    n_samples : int
        Number of points. Class sizes differ by at most one.
    noise : float
        Standard deviation of the normal noise added to both coordinates; 0 for none.
    rng : numpy.random.Generator
        The source of randomness.
    ratio : float
        Radius of the inner circle, between 0 and 1.

    Returns
    -------
    X : numpy.ndarray of float64, shape (n_samples, 2)
    y : numpy.ndarray of int64, shape (n_samples,)
        Classes 0 and 1.

    Raises
    ------
    TypeError, ValueError
        As in `moons`, and if `ratio` does not lie strictly between 0 and 1.

    Examples
    --------
    >>> X, y = circles(4, noise=0.0, rng=np.random.default_rng(0))
    >>> radius = np.linalg.norm(X, axis=1)
    >>> bool(np.allclose(radius, np.where(y == 0, 1, 0.5)))
    True
    """
    ratio = check_number(ratio, "ratio", low=0, high=1, low_open=True, high_open=True)
    y = _balanced_labels(n_samples, 2, rng)
    angle = rng.uniform(0, 2 * np.pi, size=n_samples)
    radius = np.where(y == 0, 1.0, ratio)
    return _add_noise(_polar(radius, angle), noise, rng), y


def spirals(
    n_samples: int,
    *,
    noise: float,
    rng: np.random.Generator,
    n_classes: int = 2,
    turns: float = 1.0,
) -> tuple[Points, Labels]:
    r"""Draw one spiral arm for each class, all starting at the origin.

    A point of class k lies at radius r and angle :math:`2\pi(\text{turns}\cdot r + k/K)` with
    K classes. The radius is the square root of a uniform number, so that the points are not
    crowded where all the arms meet.

    Parameters
    ----------
    n_samples : int
        Number of points. Class sizes differ by at most one.
    noise : float
        Standard deviation of the normal noise added to both coordinates; 0 for none.
    rng : numpy.random.Generator
        The source of randomness.
    n_classes : int
        Number of arms, at least 2.
    turns : float
        How many times an arm winds around the origin; greater than 0.

    Returns
    -------
    X : numpy.ndarray of float64, shape (n_samples, 2)
        Without noise, within the unit circle.
    y : numpy.ndarray of int64, shape (n_samples,)
        Classes 0 to n_classes - 1.

    Raises
    ------
    TypeError, ValueError
        As in `moons`, and if `n_classes` is less than 2 or `turns` is not positive.

    Examples
    --------
    >>> X, y = spirals(6, noise=0.0, rng=np.random.default_rng(0), n_classes=3)
    >>> X.shape, np.bincount(y)
    ((6, 2), array([2, 2, 2]))
    """
    n_classes = check_positive_int(n_classes, "n_classes", minimum=2)
    turns = check_number(turns, "turns", low=0, low_open=True)
    y = _balanced_labels(n_samples, n_classes, rng)
    radius = np.sqrt(rng.uniform(0, 1, size=n_samples))
    angle = 2 * np.pi * (turns * radius + y / n_classes)
    return _add_noise(_polar(radius, angle), noise, rng), y


def xor(n_samples: int, *, noise: float, rng: np.random.Generator) -> tuple[Points, Labels]:
    r"""Draw clouds around the corners (±1, ±1); opposite corners share a class.

    The class is 1 where the corner's coordinates have different signs (exclusive or), and 0 where
    they agree. No straight line gets more than three of the four corners right; the one feature
    :math:`x_1 x_2` separates them.

    Parameters
    ----------
    n_samples : int
        Number of points. Corners' shares differ by at most one.
    noise : float
        Standard deviation of the normal noise added to both coordinates; 0 for the bare corners.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    X : numpy.ndarray of float64, shape (n_samples, 2)
    y : numpy.ndarray of int64, shape (n_samples,)
        Classes 0 and 1: the corner's, which noise may carry across an axis.

    Raises
    ------
    TypeError, ValueError
        As in `moons`.

    Examples
    --------
    >>> X, y = xor(4, noise=0.0, rng=np.random.default_rng(0))
    >>> sorted(map(tuple, X.tolist()))
    [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)]
    >>> bool(np.all((X[:, 0] * X[:, 1] < 0) == (y == 1)))
    True
    """
    corners = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]], dtype=np.float64)
    corner = _balanced_labels(n_samples, 4, rng)
    return _add_noise(corners[corner], noise, rng), corner % 2


def blobs(
    n_samples: int, *, n_classes: int, noise: float, rng: np.random.Generator
) -> tuple[Points, Labels]:
    """Draw one round normal cloud for each class, centred evenly on the unit circle.

    Class k is centred at angle 2πk/K. All clouds are alike, so the best possible classifier is
    known: it picks the nearest centre, and its boundaries are straight.

    Parameters
    ----------
    n_samples : int
        Number of points. Class sizes differ by at most one.
    n_classes : int
        Number of clouds, at least 2.
    noise : float
        Standard deviation of each cloud in every direction; 0 for the bare centres.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    X : numpy.ndarray of float64, shape (n_samples, 2)
    y : numpy.ndarray of int64, shape (n_samples,)
        Classes 0 to n_classes - 1.

    Raises
    ------
    TypeError, ValueError
        As in `moons`, and if `n_classes` is less than 2.

    Examples
    --------
    >>> X, y = blobs(4, n_classes=2, noise=0.0, rng=np.random.default_rng(0))
    >>> bool(np.allclose(X, np.stack([1 - 2 * y, 0 * y], axis=1)))
    True
    """
    n_classes = check_positive_int(n_classes, "n_classes", minimum=2)
    y = _balanced_labels(n_samples, n_classes, rng)
    return _add_noise(_polar(np.ones(n_samples), 2 * np.pi * y / n_classes), noise, rng), y


def _balanced_labels(n_samples: int, n_classes: int, rng: np.random.Generator) -> Labels:
    """Return labels in random order, as many of each class as of any other, give or take one."""
    n_samples = check_positive_int(n_samples, "n_samples")
    return check_rng(rng).permutation(np.arange(n_samples, dtype=np.int64) % n_classes)


def _polar(radius: Points, angle: Points) -> Points:
    """Return points (n_samples, 2) from polar coordinates (n_samples,)."""
    points: Points = radius[:, np.newaxis] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points


def _add_noise(X: Points, noise: float, rng: np.random.Generator) -> Points:
    """Return X plus normal noise of standard deviation `noise` in every coordinate."""
    return X + check_number(noise, "noise", low=0) * rng.standard_normal(X.shape)


# ---------------------------------------------------------------------------------------------
# A regression task whose best possible error is known.


@dataclass(frozen=True, eq=False)
class TeacherStudent:
    r"""Inputs, noisy targets, and the network that made them.

    The teacher is :math:`g(x) = v^\top\mathrm{relu}(Wx) - c`. For standard normal x its output
    has mean 0 and variance 1, exactly. Targets are :math:`y = g(x) + \varepsilon` with normal
    noise that does not depend on x, so for any prediction f,

    .. math::
       \mathbb E(y - f(x))^2 = \mathbb E(g(x) - f(x))^2 + \mathrm{noise\_variance},

    and no f has a lower expected squared error than `noise_variance`.

    Attributes
    ----------
    X : numpy.ndarray of float64, shape (n_samples, n_in)
        Independent standard normal inputs.
    y, y_clean : numpy.ndarray of float64, shape (n_samples, 1)
        Targets with and without the noise.
    noise_variance : float
        The lowest expected squared error, and the share of noise beside a signal of variance 1.
    W : numpy.ndarray of float64, shape (n_hidden, n_in)
        The teacher's hidden weights.
    v : numpy.ndarray of float64, shape (n_hidden,)
        The teacher's output weights.
    c : float
        What is subtracted to make the teacher's mean 0.

    Examples
    --------
    >>> task = teacher_student(100, n_in=3, n_hidden=5, noise_std=0.5, rng=np.random.default_rng(0))
    >>> task.X.shape, task.y.shape, task.noise_variance
    ((100, 3), (100, 1), 0.25)
    >>> bool(np.all(task.predict(task.X) == task.y_clean))
    True
    """

    X: Points = field(repr=False)
    y: Points = field(repr=False)
    y_clean: Points = field(repr=False)
    noise_variance: float
    W: Points = field(repr=False)
    v: Points = field(repr=False)
    c: float

    def predict(self, X: npt.ArrayLike) -> Points:
        """Return the teacher's noiseless output (n, 1) at inputs X (n, n_in)."""
        X = check_matrix(X, "X", self.W.shape[1])
        return np.maximum(X @ self.W.T, 0) @ self.v[:, np.newaxis] - self.c


def teacher_student(
    n_samples: int, *, n_in: int, n_hidden: int, noise_std: float, rng: np.random.Generator
) -> TeacherStudent:
    r"""Draw a random ReLU network and let it label standard normal inputs, with noise.

    The teacher's mean and variance are exact, from the moments of a rectified normal pair: for
    rows u, w of W at angle θ,
    :math:`\mathbb E\,\mathrm{relu}(w^\top x) = \lVert w\rVert/\sqrt{2\pi}` and
    :math:`\mathbb E\,\mathrm{relu}(u^\top x)\,\mathrm{relu}(w^\top x)
    = \lVert u\rVert\lVert w\rVert(\sin\theta + (\pi-\theta)\cos\theta)/2\pi`.

    Parameters
    ----------
    n_samples : int
        Number of input-target pairs.
    n_in, n_hidden : int
        The teacher's input dimension and hidden width.
    noise_std : float
        Standard deviation of the noise, in units of the clean target's; 0 for none.
    rng : numpy.random.Generator
        The source of randomness: first the teacher, then the inputs, then the noise. The same
        seed gives the same teacher whatever `n_samples`.

    Returns
    -------
    TeacherStudent

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer, `noise_std` is negative or not finite, or `rng` is
        not a generator.

    References
    ----------
    Y. Cho and L. K. Saul, "Kernel Methods for Deep Learning", 2009 (the arc-cosine kernel of
    order 1).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> task = teacher_student(20_000, n_in=4, n_hidden=8, noise_std=0.1, rng=rng)
    >>> round(float(task.y_clean.var()), 1), round(float(np.mean((task.y - task.y_clean) ** 2)), 3)
    (1.0, 0.01)
    """
    n_samples = check_positive_int(n_samples, "n_samples")
    n_in = check_positive_int(n_in, "n_in")
    n_hidden = check_positive_int(n_hidden, "n_hidden")
    noise_std = check_number(noise_std, "noise_std", low=0)
    rng = check_rng(rng)

    W = rng.standard_normal((n_hidden, n_in))
    v = rng.standard_normal(n_hidden)
    mean, variance = _teacher_moments(W, v)
    v = v / np.sqrt(variance)
    c = mean / np.sqrt(variance)

    X = rng.standard_normal((n_samples, n_in))
    y_clean = np.maximum(X @ W.T, 0) @ v[:, np.newaxis] - c
    y = y_clean + noise_std * rng.standard_normal((n_samples, 1))
    return TeacherStudent(X, y, y_clean, noise_std**2, W, v, float(c))


def _teacher_moments(W: Points, v: Points) -> tuple[float, float]:
    """Return mean and variance of v @ relu(W @ x) for standard normal x."""
    norm = np.linalg.norm(W, axis=1)
    cosine = np.clip((W @ W.T) / np.outer(norm, norm), -1, 1)
    angle = np.arccos(cosine)
    second = np.outer(norm, norm) / (2 * np.pi) * (np.sin(angle) + (np.pi - angle) * cosine)
    mean = v @ norm / np.sqrt(2 * np.pi)
    return float(mean), float(v @ second @ v - mean**2)
