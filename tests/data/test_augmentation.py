import numpy as np
import pytest

from mlpbook.data.augmentation import (
    _smoothing,
    affine_positions,
    distort,
    elastic_displacements,
    random_affine,
    sample,
)

IDENTITY = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def moved(images, matrix):
    """The images, looked at where one affine map sends their pixels."""
    n, height, width = images.shape
    return sample(images, affine_positions(np.tile(matrix, (n, 1, 1)), height, width))


def test_the_identity_changes_nothing(rng):
    images = rng.random((3, 5, 7))
    assert np.array_equal(moved(images, IDENTITY), images)


@pytest.mark.parametrize(("down", "right"), [(0, 1), (2, 0), (-1, 3)])
def test_looking_a_whole_number_of_pixels_further_shifts_the_image_back(rng, down, right):
    images = rng.random((2, 6, 6))
    expected = np.zeros_like(images)
    for i in range(6):
        for j in range(6):
            if 0 <= i + down < 6 and 0 <= j + right < 6:
                expected[:, i, j] = images[:, i + down, j + right]
    assert np.array_equal(moved(images, [[1, 0, down], [0, 1, right]]), expected)


@pytest.mark.parametrize("size", [6, 7])  # a centre between pixels, and on one
def test_a_quarter_turn_is_numpys(rng, size):
    images = rng.random((2, size, size))
    turned = moved(images, [[0, -1, 0], [1, 0, 0]])
    assert np.array_equal(turned, np.rot90(images, axes=(2, 1)))


def test_between_pixels_the_value_is_the_weighted_mean_of_four():
    image = np.array([[[1.0, 2.0], [4.0, 8.0]]])
    # at (0.25, 0.5): 0.75 (1 + 2) / 2 + 0.25 (4 + 8) / 2 = 1.125 + 1.5
    assert sample(image, [[[[0.25]], [[0.5]]]]) == pytest.approx(2.625, rel=1e-15)


def test_interpolation_is_exact_for_bilinear_functions(rng):
    i, j = np.indices((5, 6))
    image = 2.0 + 3 * i - 4 * j + 0.5 * i * j
    rows, columns = rng.uniform(0, 4, (1, 40, 1)), rng.uniform(0, 5, (1, 40, 1))
    expected = 2.0 + 3 * rows - 4 * columns + 0.5 * rows * columns
    values = sample(image[np.newaxis], np.stack([rows, columns], axis=1))
    assert values == pytest.approx(expected, rel=1e-13)


def test_outside_the_image_everything_is_zero_and_the_edge_fades(rng):
    image = np.ones((1, 4, 4))
    rows = np.array([-1e9, -1.0, -0.25, 0.0, 3.0, 3.25, 4.0, 1e9]).reshape(1, -1, 1)
    values = sample(image, np.stack([rows, np.ones_like(rows)], axis=1))
    assert values.ravel().tolist() == [0, 0, 0.75, 1, 1, 0.75, 0, 0]


def test_a_shift_by_part_of_a_pixel_keeps_the_mass(rng):
    image = np.zeros((1, 12, 12))
    image[0, 3:9, 3:9] = rng.random((6, 6))
    new = moved(image, [[1, 0, 0.3], [0, 1, -1.6]])
    assert new.sum() == pytest.approx(image.sum(), rel=1e-13)


def test_each_image_has_its_own_map(rng):
    images = rng.random((2, 4, 4))
    matrices = np.array([IDENTITY, [[1, 0, 1], [0, 1, 0]]])
    both = sample(images, affine_positions(matrices, 4, 4))
    assert np.array_equal(both[0], images[0])
    assert np.array_equal(both[1, :-1], images[1, 1:])


def test_the_maps_stay_within_their_bounds_and_reach_for_them(rng):
    A = random_affine(4000, rng=rng, rotation=0, scale=0.2, shear=0, shift=3)
    assert not A[:, 0, 1].any()
    assert not A[:, 1, 0].any()
    for values, middle, bound in [(A[:, 0, 0], 1, 0.2), (A[:, 1, 1], 1, 0.2), (A[..., 2], 0, 3)]:
        assert np.abs(values - middle).max() <= bound
        assert values.max() > middle + 0.98 * bound
        assert values.min() < middle - 0.98 * bound
    # independent: a correlation of 4000 pairs has a standard deviation of 0.016
    assert abs(np.corrcoef(A[:, 0, 0], A[:, 1, 1])[0, 1]) < 0.1


def test_rotation_shear_and_scale_are_put_together_as_the_formula_says(rng):
    A = random_affine(50, rng=rng, rotation=30, scale=0, shear=0, shift=0)[:, :, :2]
    assert A @ A.transpose(0, 2, 1) == pytest.approx(np.broadcast_to(np.eye(2), A.shape), abs=1e-14)
    assert np.abs(np.arctan2(A[:, 1, 0], A[:, 0, 0])).max() <= np.pi / 6
    A = random_affine(50, rng=rng, rotation=30, scale=0.2, shear=0.4, shift=0)[:, :, :2]
    # Gram's matrix of R S D is D (S^T S) D: the rotation drops out
    u, v = np.linalg.norm(A[:, :, 0], axis=1), np.linalg.det(A) / np.linalg.norm(A[:, :, 0], axis=1)
    shear = (A[:, :, 0] * A[:, :, 1]).sum(axis=1) / (u * v)
    for values, middle, bound in [(u, 1, 0.2), (v, 1, 0.2), (shear, 0, 0.4)]:
        assert np.abs(values - middle).max() <= bound + 1e-12
        assert np.ptp(values) > bound


def test_displacements_have_their_strength_everywhere_and_are_smooth(rng):
    D = elastic_displacements(3000, 6, 9, rng=rng, smoothness=2.0, strength=1.5)
    # the root mean square of 6000 numbers is known to 1 %, of correlated 54 pixels at 5 sigma
    assert np.sqrt((D**2).mean(axis=(0, 1))) == pytest.approx(np.full((6, 9), 1.5), rel=0.05)
    # neighbours: exp(-1 / (4 * 2^2)) where the kernels are whole, more where they are cut
    for along in (D, D.swapaxes(2, 3)):
        assert 0.92 < (along[..., 1:, :] * along[..., :-1, :]).mean() / 1.5**2 < 1
    across = (D[:, 0] * D[:, 1]).mean() / 1.5**2
    assert abs(across) < 0.05  # rows and columns move independently


def test_an_image_far_larger_than_the_smoothing_gives_the_gaussians_own_correlation(rng):
    D = elastic_displacements(400, 40, 40, rng=rng, smoothness=2.0, strength=1.0)
    inner = D[:, :, 10:30, 10:30]
    expected = np.exp(-(3**2) / (4 * 2.0**2))
    for along in (inner, inner.swapaxes(2, 3)):
        assert (along[..., 3:, :] * along[..., :-3, :]).mean() == pytest.approx(expected, abs=0.03)


def test_the_strength_of_the_paper_is_one_pixel_and_four_tenths():
    # uniform noise in [-1, 1] has variance 1/3; a Gaussian of sigma 4 divides it by 4 pi sigma^2
    assert 34 * np.sqrt(1 / 3 / (4 * np.pi * 4**2)) == pytest.approx(1.4, abs=0.05)


def test_distorting_with_every_strength_at_zero_changes_nothing(rng):
    images = rng.random((300, 5, 4))  # more than one chunk
    nothing = dict.fromkeys(["rotation", "scale", "shear", "shift", "strength"], 0.0)
    assert distort(images, rng=rng, **nothing) == pytest.approx(images, abs=1e-14)


def test_each_image_is_distorted_otherwise_and_stays_a_grey_value(rng):
    images = np.tile(rng.random((28, 28)), (300, 1, 1))
    new = distort(images, rng=rng)
    assert new.min() >= 0
    assert new.max() <= images.max()
    assert len(np.unique(new.reshape(300, -1), axis=0)) == 300


def test_the_same_seed_gives_the_same_images_and_the_global_state_is_untouched():
    images = np.random.default_rng(0).random((4, 8, 8))
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    one, two, other = (distort(images, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(
    "change",
    [
        np.asfortranarray,
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        lambda a: a[::-1][::-1],
        lambda a: a.tolist(),
    ],
    ids=["Fortran order", "strided", "reversed twice", "a list"],
)
def test_the_layout_in_memory_does_not_matter_and_the_input_is_not_changed(change):
    images = np.random.default_rng(0).random((3, 6, 6))
    expected = distort(images, rng=np.random.default_rng(1))
    given = change(images)
    if isinstance(given, np.ndarray):
        given.flags.writeable = False
    assert np.array_equal(distort(given, rng=np.random.default_rng(1)), expected)
    assert np.array_equal(given, images)


def test_float32_stays_and_whole_grey_values_are_converted_before_any_arithmetic():
    images = np.random.default_rng(0).integers(0, 256, (3, 6, 6), dtype=np.uint8)
    exact = distort(images.astype(float), rng=np.random.default_rng(1))
    assert np.array_equal(distort(images, rng=np.random.default_rng(1)), exact)
    single = distort(images.astype(np.float32), rng=np.random.default_rng(1))
    assert single.dtype == np.float32
    assert single == pytest.approx(exact, abs=0.05)  # of 255


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 784)), r"images must have shape \(n_images, height, width\), got \(4, 784\)"),
        (np.zeros((0, 28, 28)), "must not be empty"),
        (np.full((1, 2, 2), np.nan), "finite"),
        (np.full((1, 2, 2), np.inf), "finite"),
    ],
)
def test_what_is_no_stack_of_images_is_refused(images, message, rng):
    with pytest.raises(ValueError, match=message):
        distort(images, rng=rng)
    with pytest.raises(ValueError, match=message):
        sample(images, np.zeros((len(images) or 1, 2, 1, 1)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rotation": -1}, "rotation"),
        ({"scale": 1.0}, "scale must be .* less than 1"),
        ({"shear": np.nan}, "shear"),
        ({"shift": -0.1}, "shift"),
        ({"smoothness": 0}, "smoothness must be .* greater than 0"),
        ({"strength": -1}, "strength"),
    ],
)
def test_a_strength_out_of_its_range_is_refused(options, message, rng):
    with pytest.raises(ValueError, match=message):
        distort(np.zeros((1, 4, 4)), rng=rng, **options)


def test_shapes_that_do_not_fit_are_refused_with_both_shapes(rng):
    images = np.zeros((2, 4, 4))
    with pytest.raises(ValueError, match=r"positions must have shape \(2, 2, .*got \(3, 2, 1, 1\)"):
        sample(images, np.zeros((3, 2, 1, 1)))
    with pytest.raises(ValueError, match=r"matrices must have shape \(n, 2, 3\), got \(2, 3\)"):
        affine_positions(IDENTITY, 4, 4)
    with pytest.raises(TypeError, match="rng must be a numpy.random.Generator"):
        distort(images, rng=0)
    with pytest.raises(ValueError, match="n must be an integer of at least 1"):
        random_affine(0, rng=rng)
    with pytest.raises(ValueError, match="height must be"):
        elastic_displacements(1, 0, 4, rng=rng)


@pytest.mark.parametrize(("size", "smoothness"), [(28, 4.0), (28, 0.3), (9, 2.0), (1, 4.0)])
def test_the_noise_that_is_left_out_carries_less_than_a_millionth_of_the_variance(size, smoothness):
    distances = np.subtract.outer(np.arange(size), np.arange(size))
    G = np.exp(-(distances**2) / (2 * smoothness**2))
    G /= np.linalg.norm(G, axis=1, keepdims=True)
    kept = _smoothing(size, smoothness)
    variances = np.linalg.eigvalsh(G @ G.T)  # ascending; they add up to `size`
    assert kept.shape == (size, (np.cumsum(variances) > 1e-6 * size).sum())
    assert np.linalg.norm(kept, axis=1) == pytest.approx(np.ones(size), rel=1e-14)
    # what is left out is 1e-6 of it at most; then the rows are made longer again by as much
    assert kept @ kept.T == pytest.approx(G @ G.T, abs=2e-6 * size)


def test_the_usual_noise_is_drawn_in_a_third_of_the_directions():
    assert _smoothing(28, 4.0).shape == (28, 9)  # as the docstring says
