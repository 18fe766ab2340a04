r"""Augmentation: new training images from old ones, by moves that leave the label alone.

A digit that is turned a little, shifted, or written with a shakier hand is the same digit. Every
distortion here says, for each pixel of the new image, where in the old image to look; the grey
value there is interpolated (`sample`). Two kinds are put together: an affine map (`random_affine`)
and a smooth random displacement of the plane, the elastic distortion of Simard, Steinkraus & Platt
(2003), doi 10.1109/ICDAR.2003.1227801 (`elastic_displacements`). `distort` draws both.

Positions are pairs (row, column) in pixels; the centre of the first pixel is (0, 0).
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlpbook.shared.validation import check_array, check_number, check_positive_int, check_rng

__all__ = [
    "DISTORTIONS",
    "SMOOTHNESS",
    "affine_positions",
    "distort",
    "elastic_displacements",
    "random_affine",
    "sample",
]

Array = NDArray[np.floating[Any]]

DISTORTIONS = {"rotation": 12.0, "scale": 0.12, "shear": 0.1, "shift": 1.0, "strength": 1.0}
"""Arguments of `distort` in the experiments with distorted digits."""
SMOOTHNESS = 5.0
"""Pixels, of their elastic displacements."""

CHUNK = 32  # images at a time: what they need stays in a processor's cache


def sample(images: ArrayLike, positions: ArrayLike) -> Array:
    r"""Look grey values up between pixels, by bilinear interpolation.

    With :math:`r = i + s` and :math:`c = j + t` for whole i, j and fractions s, t in [0, 1) the
    value is :math:`(1-s)(1-t)\,a_{ij} + (1-s)\,t\,a_{i,j+1} + s(1-t)\,a_{i+1,j} + s\,t\,
    a_{i+1,j+1}`. Outside the image everything is 0, and within a pixel of its edge it fades.

    Parameters
    ----------
    images : array_like (n_images, height, width)
    positions : array_like (n_images, 2, n_rows, n_columns)
        Rows and columns to look at, in pixels; any finite numbers.

    Returns
    -------
    array (n_images, n_rows, n_columns)
        Of the images' dtype.

    Raises
    ------
    TypeError, ValueError
        If a shape is another, or an entry is not finite.

    Examples
    --------
    >>> image = [[[0.0, 4.0], [8.0, 12.0]]]
    >>> sample(image, [[[[0.0, 0.5]], [[1.0, 0.5]]]])  # at (0, 1) and in the middle
    array([[[4., 6.]]])
    """
    images = _check_images(images)
    positions = check_array(positions, "positions")
    if positions.ndim != 4 or positions.shape[:2] != (len(images), 2):
        raise ValueError(
            f"positions must have shape ({len(images)}, 2, n_rows, n_columns), got "
            f"{positions.shape}. Pass a row and a column for each pixel of each new image."
        )
    return _sample(images, positions)


def _sample(images: Array, positions: Array) -> Array:
    """Interpolate in images (n, height, width) that have been checked."""
    n, height, width = images.shape
    frame = np.zeros((n, height + 3, width + 3), images.dtype)  # zeros around it: the outside
    frame[:, 1:-2, 1:-2] = images
    rows = np.clip(positions[:, 0] + 1, 0, height + 1)
    columns = np.clip(positions[:, 1] + 1, 0, width + 1)
    i, j = rows.astype(np.intp), columns.astype(np.intp)
    s, t = (rows - i).astype(images.dtype), (columns - j).astype(images.dtype)
    first = np.arange(n)[:, None, None] * (height + 3)
    corner = (first + i) * (width + 3) + j  # where the upper left neighbour lies in memory
    grey = frame.ravel()
    upper, lower = (
        (1 - t) * grey.take(left) + t * grey.take(left + 1) for left in (corner, corner + width + 3)
    )
    return np.asarray((1 - s) * upper + s * lower)


def random_affine(
    n: int,
    *,
    rng: np.random.Generator,
    rotation: float = 15.0,
    scale: float = 0.15,
    shear: float = 0.15,
    shift: float = 2.0,
) -> Array:
    r"""Draw affine maps around the centre of an image, as matrices (2, 3).

    The first two columns hold :math:`A = R(\alpha)\,\begin{pmatrix}1 & h\\ 0 & 1\end{pmatrix}\,
    \mathrm{diag}(u, v)`, the third the shift. Every parameter is uniform in an interval.

    Parameters
    ----------
    n : int
        How many.
    rng : numpy.random.Generator
    rotation : float
        The largest angle, in degrees.
    scale : float
        In [0, 1): height and width are scaled independently, by factors within 1 ± scale.
    shear : float
        The largest shear, in pixels a pixel.
    shift : float
        The largest shift in each direction, in pixels.

    Returns
    -------
    array (n, 2, 3) of float64

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range or rng is no generator.

    Examples
    --------
    >>> random_affine(1, rng=np.random.default_rng(0), rotation=0, scale=0, shear=0, shift=0)
    array([[[1., 0., 0.],
            [0., 1., 0.]]])
    """
    check_positive_int(n, "n")
    check_rng(rng)
    angle = math.radians(check_number(rotation, "rotation", low=0)) * rng.uniform(-1, 1, n)
    scale = check_number(scale, "scale", low=0, high=1, high_open=True)
    u, v = rng.uniform(1 - scale, 1 + scale, (2, n))
    h = check_number(shear, "shear", low=0) * rng.uniform(-1, 1, n)
    shifts = check_number(shift, "shift", low=0) * rng.uniform(-1, 1, (n, 2, 1))
    cos, sin = np.cos(angle), np.sin(angle)
    A = np.stack([cos * u, (cos * h - sin) * v, sin * u, (sin * h + cos) * v], axis=1)
    return np.concatenate([A.reshape(n, 2, 2), shifts], axis=2) + 0.0  # no negative zeros


def affine_positions(matrices: ArrayLike, height: int, width: int) -> Array:
    r"""Return where affine maps send the pixels of an image, seen from its centre.

    Pixel p goes to :math:`c + A(p - c) + b`, with :math:`c` the image's centre.

    Parameters
    ----------
    matrices : array_like (n, 2, 3)
        A and b side by side, as from `random_affine`.
    height, width : int
        Of the image, in pixels.

    Returns
    -------
    array (n, 2, height, width)
        For `sample`.

    Raises
    ------
    TypeError, ValueError
        If a shape is another, or an entry is not finite.

    Examples
    --------
    >>> affine_positions([[[1, 0, 0], [0, 1, 2]]], 1, 2)  # two pixels to the right
    array([[[[0., 0.]],
    <BLANKLINE>
            [[2., 3.]]]])
    """
    matrices = check_array(matrices, "matrices")
    if matrices.ndim != 3 or matrices.shape[1:] != (2, 3):
        raise ValueError(
            f"matrices must have shape (n, 2, 3), got {matrices.shape}. "
            "Pass the 2 x 2 matrix with the shift as a third column, for each image."
        )
    check_positive_int(height, "height")
    check_positive_int(width, "width")
    centre = np.array([(height - 1) / 2, (width - 1) / 2], matrices.dtype)
    pixels = np.indices((height, width)).reshape(2, -1) - centre[:, None]
    pixels = np.vstack([pixels, np.ones(height * width)]).astype(matrices.dtype)  # for the shift
    moved = matrices.reshape(-1, 3) @ pixels  # one product for all, (2 n, height * width)
    return np.asarray(moved.reshape(-1, 2, height, width) + centre[:, None, None])


def elastic_displacements(
    n: int,
    height: int,
    width: int,
    *,
    rng: np.random.Generator,
    smoothness: float = 4.0,
    strength: float = 1.4,
    dtype: Any = np.float64,
) -> Array:
    r"""Draw smooth random displacements of the plane (Simard et al. 2003).

    White noise, smoothed by a Gaussian of standard deviation `smoothness` along rows and along
    columns: :math:`D = \gamma\,G_h\,N\,G_w^\top`. The rows of both :math:`G` have length 1, so
    that every displacement has the standard deviation `strength`, at the edges too. The values of
    the paper (a smoothing of 4 pixels, a factor of 34 on uniform noise) give 1.4 pixels.

    The law of D depends on :math:`GG^\top` alone, and the smoother, the fewer directions that
    has: for 28 pixels and a smoothness of 4 the noise is drawn in 9 of them, not in 28. What is
    left out carries less than a millionth of the variance.

    Parameters
    ----------
    n, height, width : int
        How many, and for images of what size.
    rng : numpy.random.Generator
    smoothness : float
        In pixels, greater than 0: small for a shaking hand, large for a slanted one.
    strength : float
        Standard deviation of a displacement in each direction, in pixels.
    dtype : dtype
        Of the result.

    Returns
    -------
    array (n, 2, height, width)
        To be added to positions.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range or rng is no generator.

    Examples
    --------
    >>> elastic_displacements(3, 28, 28, rng=np.random.default_rng(0)).shape
    (3, 2, 28, 28)
    """
    for value, name in ((n, "n"), (height, "height"), (width, "width")):
        check_positive_int(value, name)
    check_rng(rng)
    check_number(smoothness, "smoothness", low=0, low_open=True)
    check_number(strength, "strength", low=0)
    G_h, G_w = (_smoothing(size, smoothness).astype(dtype) for size in (height, width))
    shape = (n, 2, G_h.shape[1], G_w.shape[1])
    noise = rng.standard_normal(shape, dtype=np.float32).astype(dtype, copy=False)
    return np.asarray(strength * (G_h @ noise @ G_w.T), dtype)


@lru_cache(maxsize=8)
def _smoothing(size: int, smoothness: float) -> NDArray[np.float64]:
    """Return a matrix (size, rank) that smooths white noise; its rows have length 1."""
    pixels = np.arange(size)
    G = np.exp(-((pixels[:, None] - pixels) ** 2) / (2 * smoothness**2))
    G /= np.linalg.norm(G, axis=1, keepdims=True)
    U, s, _ = np.linalg.svd(G)  # G G^T = U s^2 U^T: U s will do, and s falls
    rest = np.cumsum(np.square(s)[::-1])[::-1]  # the variance from each column on, of `size` in all
    G = (U * s)[:, rest > 1e-6 * size]
    return np.asarray(G / np.linalg.norm(G, axis=1, keepdims=True))


def distort(
    images: ArrayLike,
    *,
    rng: np.random.Generator,
    rotation: float = 15.0,
    scale: float = 0.15,
    shear: float = 0.15,
    shift: float = 2.0,
    smoothness: float = 4.0,
    strength: float = 1.4,
) -> Array:
    """Return one distorted copy of each image: a random affine map and an elastic displacement.

    Parameters
    ----------
    images : array_like (n_images, height, width)
        Grey values; 0 is the background.
    rng : numpy.random.Generator
    rotation, scale, shear, shift
        See `random_affine`.
    smoothness, strength
        See `elastic_displacements`.

    Returns
    -------
    array (n_images, height, width)
        Of the images' dtype (integers become float64).

    Raises
    ------
    TypeError, ValueError
        If images are no finite numbers in that shape, a number is out of its range, or rng is no
        generator.

    Examples
    --------
    >>> image = np.zeros((1, 28, 28)); image[0, 10:18, 14] = 1.0
    >>> new = distort(image, rng=np.random.default_rng(0))
    >>> new.shape, bool(0 <= new.min() and new.max() <= 1)
    ((1, 28, 28), True)
    """
    images = _check_images(images)
    height, width = images.shape[1:]
    copies = np.empty(images.shape, images.dtype)
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK]
        matrices = random_affine(
            len(chunk), rng=rng, rotation=rotation, scale=scale, shear=shear, shift=shift
        ).astype(images.dtype)
        positions = affine_positions(matrices, height, width) + elastic_displacements(
            len(chunk),
            height,
            width,
            rng=rng,
            smoothness=smoothness,
            strength=strength,
            dtype=images.dtype,
        )
        copies[start : start + CHUNK] = _sample(chunk, positions)
    return copies


def _check_images(images: ArrayLike) -> Array:
    """Return images (n_images, height, width) as floating-point numbers, or say what is wrong."""
    array = check_array(images, "images")
    if array.ndim != 3:
        raise ValueError(
            f"images must have shape (n_images, height, width), got {array.shape}. "
            "Pass images[np.newaxis] for one image, X.reshape(-1, 28, 28) for rows of pixels."
        )
    return array
