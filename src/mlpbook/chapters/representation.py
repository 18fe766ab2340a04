r"""Representation: networks whose weights are written down, not learned.

Each function returns an ordinary `mlpbook.scratch.network.MLP`: an interpolant of hinges, a
staircase of sigmoids, a sawtooth of depth, a polynomial of squares. `linear_pieces` reads a ReLU
network back into the piecewise linear function that it is, without rounding. At the end stand the
cases of the chapter's two recorded experiments.
"""

from collections.abc import Sequence
from copy import deepcopy
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from mlpbook.scratch.activations import Array
from mlpbook.scratch.layers import Activation, Linear, ReLU, Sigmoid
from mlpbook.scratch.network import MLP
from mlpbook.shared.validation import (
    check_array,
    check_matrix,
    check_number,
    check_positive_int,
    check_rng,
)

__all__ = [
    "BUDGETS",
    "CASES",
    "FOLDS",
    "KINDS",
    "OPTIMIZERS",
    "RATES",
    "Cube",
    "Square",
    "Step",
    "fit_readout",
    "linear_pieces",
    "network_from_weights",
    "polynomial_distance_bound",
    "random_network",
    "relu_interpolant",
    "sawtooth",
    "sawtooth_sizes",
    "square_network",
    "staircase",
]


def _square(x: Array) -> Array:
    return np.asarray(x**2)


def _square_prime(x: Array) -> Array:
    return np.asarray(2 * x)


def _cube(x: Array) -> Array:
    return np.asarray(x**3)


def _cube_prime(x: Array) -> Array:
    return np.asarray(3 * x**2)


def _step(x: Array) -> Array:
    return np.asarray((x > 0).astype(x.dtype))


class Square(Activation):
    """The square, a polynomial of degree 2: with it one hidden layer is not universal."""

    def __init__(self) -> None:
        super().__init__(_square, _square_prime)


class Cube(Activation):
    """The third power."""

    def __init__(self) -> None:
        super().__init__(_cube, _cube_prime)


class Step(Activation):
    """The step of the perceptron: 1 above zero, else 0; its derivative is taken to be 0."""

    def __init__(self) -> None:
        super().__init__(_step, np.zeros_like)


def network_from_weights(
    weights: Sequence[tuple[ArrayLike, ArrayLike]], activation: type[Activation] = ReLU
) -> MLP:
    """Return the network with the given weights.

    Parameters
    ----------
    weights : sequence of pairs (W, b)
        One pair a layer, input first: W (n_out, n_in), b (n_out,).
    activation : type of Activation
        Stands between the layers.

    Raises
    ------
    ValueError
        If the shapes do not follow on one another.

    Examples
    --------
    >>> absolute_value = network_from_weights([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])
    >>> absolute_value([[-3.0], [2.0]])
    array([[3.],
           [2.]])
    """
    pairs = [(np.asarray(W), np.asarray(b)) for W, b in weights]
    shapes = [(W.shape, b.shape) for W, b in pairs]
    fits = all(W.ndim == 2 and b.shape == W.shape[:1] for W, b in pairs) and all(
        after.shape[1] == before.shape[0] for (before, _), (after, _) in pairwise(pairs)
    )
    if not pairs or not fits:
        raise ValueError(
            "weights must be pairs of shapes (n_out, n_in), (n_out,), each n_in the n_out before "
            f"it, got {shapes}. Is one W transposed?"
        )
    sizes = [pairs[0][0].shape[1], *(len(b) for _, b in pairs)]
    network = MLP(sizes, activation, rng=np.random.default_rng(0))  # overwritten at once
    values = [array for pair in pairs for array in pair]
    for parameter, value in zip(network.parameters(), values, strict=True):
        parameter[...] = value
    return network


def relu_interpolant(knots: ArrayLike, values: ArrayLike) -> MLP:
    """Return the ReLU network through N + 1 points: N hidden units.

    Left of the knots it is constant, right of them it goes on with
    its last slope (eq-representation-interpolant).

    >>> relu_interpolant([0, 1, 3], [5, 6, 2])([[0.5], [2.0]]).ravel()
    array([5.5, 4. ])
    """
    x, y = _points(knots, values)
    slopes = np.diff(y) / np.diff(x)
    changes = np.diff(slopes, prepend=0)
    hidden = np.ones((len(slopes), 1)), -x[:-1]
    output = changes[np.newaxis], y[:1]
    return network_from_weights([hidden, output])


def staircase(knots: ArrayLike, values: ArrayLike, *, steepness: float) -> MLP:
    r"""Return a network of sigmoid steps that climbs from value to value.

    :math:`S(x) = y_0 + \sum_i (y_i - y_{i-1})\,\sigma(k\,(x - m_i))`, with :math:`m_i` midway
    between :math:`x_{i-1}` and :math:`x_i` (eq-representation-staircase).

    Parameters
    ----------
    knots, values : array_like (N + 1,)
        Increasing knots, and the values there.
    steepness : float
        The input weight k > 0 of all units.

    Returns
    -------
    MLP
        Widths [1, N, 1], with `Sigmoid` between.

    Raises
    ------
    ValueError
        If the knots do not increase, the lengths differ, or the steepness is not positive.

    Examples
    --------
    >>> staircase([0, 1, 2], [0, 3, 4], steepness=100)([[0.0], [1.0], [2.0]]).round(6)
    array([[0.],
           [3.],
           [4.]])
    """
    x, y = _points(knots, values)
    k = check_number(steepness, "steepness", low=0, low_open=True)
    middles = (x[1:] + x[:-1]) / 2
    return network_from_weights(
        [(np.full((len(middles), 1), k), -k * middles), (np.diff(y)[np.newaxis], y[:1])], Sigmoid
    )


def _points(knots: ArrayLike, values: ArrayLike) -> tuple[Array, Array]:
    """Return knots and values as arrays of one length, or say what is wrong with them."""
    x = check_array(np.asarray(knots, dtype=float), "knots")
    y = check_array(np.asarray(values, dtype=float), "values")
    if x.ndim != 1 or len(x) < 2 or y.shape != x.shape:
        raise ValueError(
            "knots and values must have one shape (n_knots,), n_knots at least 2, got "
            f"{x.shape} and {y.shape}. Pass one value a knot."
        )
    if not (np.diff(x) > 0).all():
        i = int(np.argmin(np.diff(x)))
        raise ValueError(
            f"knots must increase, got {x[i]:g} before {x[i + 1]:g}. Sort them, each only once."
        )
    return x, y


def sawtooth(depth: int) -> MLP:
    """Return the tent map composed with itself: 2 units per layer.

    It has 2^depth pieces on [0, 1] (eq-representation-sawtooth).

    >>> sawtooth(2)([[0], [0.25], [0.5], [0.75], [1]]).ravel()
    array([0., 1., 0., 1., 0.])
    """
    check_positive_int(depth, "depth")
    first = [[1], [1]], [0, -0.5]
    again = [([[2, -4], [2, -4]], [0, -0.5])] * (depth - 1)
    last = [[2, -4]], [0]
    return network_from_weights([first, *again, last])


def square_network(coefficients: ArrayLike) -> MLP:
    r"""Return a network of squares that computes a polynomial: four units a layer, depth d.

    Horner's rule with every product written as a difference of squares (eq-representation-horner).
    With x and the value p so far, a layer computes :math:`(x \pm 1)^2` and :math:`(x \pm p)^2`;
    then :math:`x = ((x+1)^2 - (x-1)^2) / 4` and :math:`xp = ((x+p)^2 - (x-p)^2) / 4`.

    Parameters
    ----------
    coefficients : array_like (d + 1,)
        Of 1, x, ..., x^d, as in `numpy.polynomial`; d at least 1.

    Returns
    -------
    MLP
        Widths [1, 4, ..., 4, 1] with d hidden layers and `Square` between.

    Raises
    ------
    ValueError
        If there are fewer than two coefficients.

    Examples
    --------
    >>> square_network([5, 0, -1, 2])([[0.0], [1.0], [3.0]]).ravel()
    array([ 5.,  6., 50.])
    """
    c = check_array(coefficients, "coefficients")
    if c.ndim != 1 or len(c) < 2:
        raise ValueError(
            "coefficients must have shape (degree + 1,), degree at least 1, got "
            f"{c.shape}. Start with the constant."
        )
    # What a layer squares, from the state (x, p): x + 1, x - 1, x + p, x - p.
    # And how the squares make the next state.
    spread = np.array([[1, 0], [1, 0], [1, 1], [1, -1]])
    shift = np.array([1, -1, 0, 0])
    gather = np.array([[1, -1, 0, 0], [0, 0, 1, -1]]) / 4
    weights = [(spread @ [[1], [0]], spread @ [0, c[-1]] + shift)]
    for a in c[-2:0:-1]:
        weights.append((spread @ gather, spread @ [0, a] + shift))
    last = gather[1:], c[:1]
    return network_from_weights([*weights, last], Square)


def linear_pieces(network: MLP, low: float, high: float) -> tuple[list[Fraction], list[Fraction]]:
    """Return the knots of a ReLU network of one input, and its values there, without rounding.

    Between two neighboring knots the network is affine, and at every inner knot its slope
    changes; so ``len(knots) - 1`` is the number of linear pieces. Layer by layer, every
    interval on which all pre-activations are affine is cut where one of them changes its sign.
    The arithmetic is that of fractions (a float is one), so the count is a fact and not an
    estimate. Fractions grow with the depth: meant for networks of tens of units.

    Parameters
    ----------
    network : MLP
        One input, one output, ReLU between its layers.
    low, high : float
        Ends of the interval; they are the first and the last knot.

    Returns
    -------
    knots, values : lists of fractions.Fraction
        Of one length, at least 2.

    Raises
    ------
    ValueError
        If the network has other widths or activations, or the interval is empty.

    Examples
    --------
    >>> knots, values = linear_pieces(sawtooth(2), 0, 1)
    >>> [str(t) for t in knots], [str(v) for v in values]
    (['0', '1/4', '1/2', '3/4', '1'], ['0', '1', '0', '1', '0'])
    """
    if network.n_in != 1 or network.n_out != 1:
        raise ValueError(
            "linear_pieces needs one input and one output, got "
            f"{network.n_in} and {network.n_out}. Restrict the network to a line first."
        )
    if not low < high:
        raise ValueError(f"low must be less than high, got {low} and {high}. Swap them.")
    knots = [Fraction(low), Fraction(high)]
    rows = [[t] for t in knots]  # the current layer's values at every knot
    for layer in network.layers:
        if isinstance(layer, Linear):
            W = [[Fraction(w) for w in row] for row in layer.W.tolist()]
            b = [Fraction(v) for v in layer.b.tolist()]
            rows = [[_dot(w, row) + v for w, v in zip(W, b, strict=True)] for row in rows]
        elif isinstance(layer, ReLU):
            knots, rows = _cut_at_sign_changes(knots, rows)
            rows = [[max(z, Fraction(0)) for z in row] for row in rows]
        else:
            raise ValueError(
                f"linear_pieces needs ReLU between layers, got {type(layer).__name__}. "
                "Other activations are not piecewise linear, or bend elsewhere."
            )
    return _without_straight_knots(knots, [row[0] for row in rows])


def _dot(w: list[Fraction], row: list[Fraction]) -> Fraction:
    return sum((a * x for a, x in zip(w, row, strict=True)), Fraction(0))


def _cut_at_sign_changes(
    knots: list[Fraction], rows: list[list[Fraction]]
) -> tuple[list[Fraction], list[list[Fraction]]]:
    """Add a knot wherever a column of the rows, affine between knots, passes through zero."""
    new_knots, new_rows = knots[:1], rows[:1]
    for t, left, right in zip(knots[1:], rows[:-1], rows[1:], strict=True):
        start = new_knots[-1]
        # u + (v - u) s = 0 at the share s of the way
        shares = {u / (u - v) for u, v in zip(left, right, strict=True) if u * v < 0}
        for s in sorted(shares):
            new_knots.append(start + (t - start) * s)
            new_rows.append([u + (v - u) * s for u, v in zip(left, right, strict=True)])
        new_knots.append(t)
        new_rows.append(right)
    return new_knots, new_rows


def _without_straight_knots(
    knots: list[Fraction], values: list[Fraction]
) -> tuple[list[Fraction], list[Fraction]]:
    """Drop the inner knots at which the slope does not change."""
    kept = [0]
    for i in range(1, len(knots) - 1):
        before = (values[i] - values[kept[-1]]) / (knots[i] - knots[kept[-1]])
        after = (values[i + 1] - values[i]) / (knots[i + 1] - knots[i])
        if before != after:
            kept.append(i)
    kept.append(len(knots) - 1)
    return [knots[i] for i in kept], [values[i] for i in kept]


def random_network(
    n_hidden: int,
    activation: type[Activation] = ReLU,
    *,
    slope: float = 4.0,
    rng: np.random.Generator,
) -> MLP:
    """Return a network of one input and one output with random hidden units on [-1, 1].

    Input weights are uniform in [-slope, slope]; each bias is such that its unit's
    pre-activation vanishes at a uniform random point of [-1, 1]. Output weights are zero: see
    `fit_readout`.

    Parameters
    ----------
    n_hidden : int
        Hidden units.
    activation : type of Activation
    slope : float
        The largest input weight.
    rng : numpy.random.Generator

    Examples
    --------
    >>> random_network(8, rng=np.random.default_rng(0))([[0.5]])
    array([[0.]])
    """
    check_positive_int(n_hidden, "n_hidden")
    check_rng(rng)
    w = rng.uniform(-slope, slope, n_hidden)
    b = -w * rng.uniform(-1, 1, n_hidden)
    return network_from_weights([(w[:, np.newaxis], b), (np.zeros((1, n_hidden)), [0])], activation)


def fit_readout(network: MLP, X: ArrayLike, y: ArrayLike) -> MLP:
    """Return the network with its last layer replaced by the least-squares one; the rest stays.

    The output is linear in the last layer's weights and bias, so this is no search: it is the
    best that these hidden units can do on the data, in mean squared error.

    Parameters
    ----------
    network : MLP
        Not changed.
    X, y : array_like (n_samples, n_in), (n_samples, n_out)
        Inputs and targets.

    Examples
    --------
    >>> network = network_from_weights([([[1], [-1]], [0, 0]), ([[0, 0]], [0])])
    >>> fit_readout(network, [[-2], [-1], [1], [2]], [[3], [2], [2], [3]]).parameters()[2].round(9)
    array([[1., 1.]])
    """
    X = check_matrix(X, "X", network.n_in)
    y = check_matrix(y, "y", network.n_out, n_samples=len(X))
    features = network.activations(X)[-2]
    y = y.astype(features.dtype, copy=False)
    centre = features.mean(axis=0)  # without it, a large mean would spoil the conditioning
    solution, *_ = np.linalg.lstsq(features - centre, y - y.mean(axis=0), rcond=None)
    fitted = deepcopy(network)
    W, b = fitted.parameters()[-2:]
    W[...], b[...] = solution.T, y.mean(axis=0) - centre @ solution
    return fitted


def polynomial_distance_bound(x: ArrayLike, y: ArrayLike) -> float:
    r"""Return a distance that no polynomial of degree n - 2 undercuts at n points.

    :math:`\lvert\sum_i \lambda_i y_i\rvert / \sum_i\lvert\lambda_i\rvert` with
    :math:`\lambda_i = 1/\prod_{j\ne i}(x_i - x_j)` (eq-representation-distance): the
    :math:`\lambda_i` annihilate every such polynomial, so they see only what it misses.

    Parameters
    ----------
    x, y : array_like (n,)
        Distinct points, and a function's values there.

    Returns
    -------
    float
        The distance, in the unit of y, between y and the nearest polynomial's values.

    Examples
    --------
    >>> polynomial_distance_bound([-1, 0, 1], [1, 0, 1])  # |x| and the lines
    0.5
    """
    x, y = check_array(x, "x"), check_array(y, "y")
    if x.ndim != 1 or y.shape != x.shape or len(np.unique(x)) != len(x) or len(x) < 2:
        raise ValueError(
            "x and y must have one shape (n,), n at least 2, x without repetition, got "
            f"{x.shape} and {y.shape}. Pass one value a point."
        )
    differences = np.subtract.outer(x, x)
    np.fill_diagonal(differences, 1)
    multipliers = 1 / differences.prod(axis=1)
    return float(abs(multipliers @ y) / np.abs(multipliers).sum())


FOLDS = (2, 3, 4)
"""Numbers k of folds of the sawtooths that are learned."""
KINDS = ("thin", "wide, small", "deep, small", "wide, large", "deep, large")
"""Shapes and sizes of the networks that learn them, see `sawtooth_sizes`."""
OPTIMIZERS = (
    ("momentum", 0.01),
    ("momentum", 0.03),
    ("momentum", 0.1),
    ("Adam", 0.003),
    ("Adam", 0.01),
    ("Adam", 0.03),
)
"""Optimizers, with their rates at the start; these fall to zero along half a cosine."""
BUDGETS = (3000, 9000)
"""Steps of training, each on all points."""


def sawtooth_sizes(kind: str, k: int) -> list[int]:
    """Return the widths of a kind of network that can represent k folds.

    "Thin" is the network of `sawtooth`. The small ones have about as many parameters as one layer
    of twice the 2^k units that it needs, the large ones as many as k layers of 16.

    >>> sawtooth_sizes("wide, small", 3), sawtooth_sizes("deep, small", 3)
    ([1, 16, 1], [1, 4, 4, 4, 1])
    """
    wide, deep = [1, 2 * 2**k, 1], [1, *[16] * k, 1]
    if kind == "thin":
        return [1, *[2] * k, 1]
    if kind == "wide, small":
        return wide
    if kind == "deep, small":
        shapes = [[1, *[width] * k, 1] for width in range(2, 16)]
        return min(shapes, key=lambda sizes: abs(_n_parameters(sizes) - _n_parameters(wide)))
    if kind == "wide, large":
        return [1, (_n_parameters(deep) - 1) // 3, 1]
    if kind == "deep, large":
        return deep
    raise ValueError(f"kind must be one of {KINDS}, got {kind!r}. Choose one of them.")


def _n_parameters(sizes: Sequence[int]) -> int:
    return sum(n_out * (n_in + 1) for n_in, n_out in pairwise(sizes))


WIDTHS, DECAYS = (4, 16, 64, 256), (1e-4, 1e-3, 1e-2)
CASES = (
    *((depth, width, 0.0, 0.0) for depth in (1, 2, 4) for width in WIDTHS),
    *((2, width, 0.0, 0.2) for width in WIDTHS),
    *((2, WIDTHS[-1], decay, 0.2) for decay in DECAYS),
)
"""Networks that learn digits: hidden layers, width, weight decay, share of random labels."""
RATES = (0.01, 0.03, 0.1)
"""Learning rates that each of them is tried at."""
