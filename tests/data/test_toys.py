"""The toy sets lie where their definitions say; preparing data loses and leaks nothing."""

import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from mlpbook.data import (
    batches,
    blobs,
    circles,
    moons,
    spirals,
    split,
    standardize,
    teacher_student,
    xor,
)

TOYS = {
    "moons": (moons, 2),
    "circles": (circles, 2),
    "spirals": (spirals, 2),
    "three spirals": (partial(spirals, n_classes=3), 3),
    "xor": (xor, 2),
    "blobs": (partial(blobs, n_classes=4), 4),
}
each_toy = pytest.mark.parametrize(("toy", "n_classes"), TOYS.values(), ids=TOYS)


# ---------------------------------------------------------------------------------------------
# Toy sets.


@each_toy
def test_a_toy_set_has_its_shapes_and_dtypes(toy, n_classes, rng):
    X, y = toy(41, noise=0.1, rng=rng)
    assert X.shape == (41, 2)
    assert X.dtype == np.float64
    assert y.shape == (41,)
    assert y.dtype == np.int64
    assert np.isfinite(X).all()


@each_toy
def test_classes_are_balanced_and_come_in_random_order(toy, n_classes, rng):
    _, y = toy(403, noise=0.1, rng=rng)
    counts = np.bincount(y, minlength=n_classes)
    assert len(counts) == n_classes
    assert counts.max() - counts.min() <= 1
    # In random order a neighbour has the same class once in n_classes: 403 of them, within 5
    # standard deviations. A sorted or an alternating order is far outside.
    share = np.mean(y[1:] == y[:-1])
    assert abs(share - 1 / n_classes) < 5 * np.sqrt(0.25 / 402)


@each_toy
def test_the_same_seed_gives_the_same_points_and_global_randomness_is_untouched(toy, n_classes):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    X1, y1 = toy(20, noise=0.1, rng=np.random.default_rng(5))
    X2, y2 = toy(20, noise=0.1, rng=np.random.default_rng(5))
    X3, _ = toy(20, noise=0.1, rng=np.random.default_rng(6))
    np.testing.assert_array_equal(X1, X2)
    np.testing.assert_array_equal(y1, y2)
    assert not np.array_equal(X1, X3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@each_toy
def test_noise_is_normal_of_the_stated_standard_deviation_in_both_coordinates(toy, n_classes):
    n = 4000
    clean, y = toy(n, noise=0.0, rng=np.random.default_rng(5))
    noisy, y_noisy = toy(n, noise=0.3, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(y, y_noisy)
    noise = noisy - clean
    # The standard error of a standard deviation is std / sqrt(2 n); of a mean, std / sqrt(n).
    np.testing.assert_allclose(noise.std(axis=0), 0.3, atol=5 * 0.3 / np.sqrt(2 * n))
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=5 * 0.3 / np.sqrt(n))
    assert abs(np.corrcoef(noise.T)[0, 1]) < 5 / np.sqrt(n)
    assert abs(np.mean(np.abs(noise) < 0.3) - 0.6827) < 5 * np.sqrt(0.2 / (2 * n))


def test_moons_are_half_circles_around_two_centres(rng):
    X, y = moons(2000, noise=0.0, rng=rng)
    upper, lower = X[y == 0], X[y == 1]
    np.testing.assert_allclose(np.linalg.norm(upper, axis=1), 1)
    assert (upper[:, 1] >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(lower - [1, 0.5], axis=1), 1)
    assert (lower[:, 1] <= 0.5).all()
    # Both halves are filled from end to end: of 1000 angles, one lies within 0.04 of either end.
    for x, y_up in ((upper[:, 0], upper[:, 1]), (1 - lower[:, 0], 0.5 - lower[:, 1])):
        angle = np.arctan2(y_up, x)
        assert angle.min() < 0.04
        assert angle.max() > np.pi - 0.04


def test_circles_have_radius_one_and_the_ratio(rng):
    X, y = circles(200, noise=0.0, rng=rng, ratio=0.25)
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), np.where(y == 0, 1, 0.25))
    for k in (0, 1):  # all four quadrants
        assert len(np.unique(np.sign(X[y == k]), axis=0)) == 4


def test_spirals_wind_as_often_as_asked_and_are_turned_copies_of_each_other(rng):
    X, y = spirals(300, noise=0.0, rng=rng, n_classes=3, turns=1.5)
    radius = np.linalg.norm(X, axis=1)
    assert radius.max() <= 1
    angle = np.arctan2(X[:, 1], X[:, 0])
    residue = (angle / (2 * np.pi) - 1.5 * radius - y / 3) % 1
    np.testing.assert_allclose(np.minimum(residue, 1 - residue), 0, atol=1e-9)


def test_spirals_are_evenly_filled_in_area(rng):
    # The squared radius is uniform: a quarter of the points lies within half the radius.
    X, _ = spirals(4000, noise=0.0, rng=rng)
    share = np.mean(np.linalg.norm(X, axis=1) < 0.5)
    assert abs(share - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 4000)


def test_xor_is_the_exclusive_or_of_signs_with_every_corner_as_often(rng):
    X, y = xor(80, noise=0.0, rng=rng)
    corners, counts = np.unique(X, axis=0, return_counts=True)
    np.testing.assert_array_equal(corners, [[-1, -1], [-1, 1], [1, -1], [1, 1]])
    np.testing.assert_array_equal(counts, 20)
    np.testing.assert_array_equal(y, (X[:, 0] > 0) ^ (X[:, 1] > 0))


def test_blobs_sit_on_the_corners_of_a_regular_polygon(rng):
    X, y = blobs(12, n_classes=4, noise=0.0, rng=rng)
    np.testing.assert_allclose(X, np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])[y], atol=1e-15)


@each_toy
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, "n_samples must be an integer of at least 1, got 0"),
        ({"n_samples": 2.0}, TypeError, "n_samples must be an integer"),
        ({"noise": -0.1}, ValueError, "noise must be a finite number at least 0, got -0.1"),
        ({"noise": float("nan")}, ValueError, "noise must be a finite number"),
        ({"rng": 3}, TypeError, r"rng must be .*, got 3\..*default_rng\(3\)"),
    ],
)
def test_a_toy_set_refuses_wrong_arguments(toy, n_classes, wrong, error, message):
    arguments = {"n_samples": 4, "noise": 0.1, "rng": np.random.default_rng(0)} | wrong
    with pytest.raises(error, match=message):
        toy(arguments.pop("n_samples"), **arguments)


@pytest.mark.parametrize("ratio", [0, 1, -0.5])
def test_circles_refuse_a_ratio_that_makes_no_inner_circle(rng, ratio):
    with pytest.raises(ValueError, match="ratio must be a finite number greater than 0 and less"):
        circles(4, noise=0.0, rng=rng, ratio=ratio)


def test_one_class_is_refused_and_so_are_no_turns(rng):
    for toy in (blobs, spirals):
        with pytest.raises(ValueError, match="n_classes must be an integer of at least 2, got 1"):
            toy(4, noise=0.0, rng=rng, n_classes=1)
    with pytest.raises(ValueError, match="turns must be a finite number greater than 0"):
        spirals(4, noise=0.0, rng=rng, turns=0)


# ---------------------------------------------------------------------------------------------
# The teacher.


def test_the_teacher_is_a_relu_network_of_its_own_weights(rng):
    task = teacher_student(7, n_in=3, n_hidden=5, noise_std=0.2, rng=rng)
    for x, y in zip(task.X, task.y_clean, strict=True):
        by_hand = sum(task.v[j] * max(0.0, float(task.W[j] @ x)) for j in range(5)) - task.c
        assert y[0] == pytest.approx(by_hand, rel=1e-12)
    np.testing.assert_array_equal(task.predict(task.X), task.y_clean)
    assert task.y.shape == task.y_clean.shape == (7, 1)


@pytest.mark.parametrize(("n_in", "n_hidden"), [(1, 1), (2, 3), (10, 50)])
def test_the_teachers_mean_is_0_and_its_variance_1_by_quadrature_or_sampling(n_in, n_hidden):
    rng = np.random.default_rng(3)
    task = teacher_student(1, n_in=n_in, n_hidden=n_hidden, noise_std=0.0, rng=rng)
    if n_in <= 2:
        # The teacher is v'relu(Wx) - c with relu(W r u) = r relu(W u), so in polar coordinates
        # only an integral over directions is left: E r = sqrt(pi/2) or sqrt(2/pi), E r^2 = n_in.
        angle = np.linspace(0, 2 * np.pi, 400_000, endpoint=False)
        unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        directions = unit if n_in == 2 else np.array([[1.0], [-1.0]])
        mean_radius = np.sqrt(np.pi / 2) if n_in == 2 else np.sqrt(2 / np.pi)
        output = task.predict(directions) + task.c
        mean = mean_radius * output.mean() - task.c
        second = n_in * np.mean(output**2) - 2 * task.c * mean_radius * output.mean() + task.c**2
        assert mean == pytest.approx(0, abs=1e-9)
        assert second == pytest.approx(1, abs=1e-9)
    else:
        output = task.predict(rng.standard_normal((200_000, n_in)))
        assert output.mean() == pytest.approx(0, abs=5 / np.sqrt(200_000))
        assert output.var() == pytest.approx(1, abs=0.03)


def test_no_prediction_beats_the_noise_and_the_teacher_reaches_it():
    rng = np.random.default_rng(4)
    n = 100_000
    task = teacher_student(n, n_in=4, n_hidden=6, noise_std=0.5, rng=rng)
    assert task.noise_variance == 0.25
    # The mean of n squares of normal numbers has standard error noise_variance sqrt(2/n).
    error = 5 * 0.25 * np.sqrt(2 / n)
    assert np.mean((task.y - task.predict(task.X)) ** 2) == pytest.approx(0.25, abs=error)
    noise = task.y - task.y_clean
    assert abs(np.corrcoef(noise[:, 0], task.y_clean[:, 0])[0, 1]) < 5 / np.sqrt(n)
    # Shrunk or shifted, the teacher does worse by exactly the mean square of the change.
    for other, excess in ((0.9 * task.y_clean, 0.01), (task.y_clean + 0.3, 0.09)):
        assert np.mean((task.y - other) ** 2) == pytest.approx(0.25 + excess, abs=0.01)


def test_the_same_seed_gives_the_same_teacher_for_any_number_of_samples():
    few, many = (
        teacher_student(n, n_in=3, n_hidden=4, noise_std=0.1, rng=np.random.default_rng(8))
        for n in (5, 50)
    )
    np.testing.assert_array_equal(few.W, many.W)
    np.testing.assert_array_equal(few.v, many.v)
    np.testing.assert_array_equal(few.X, many.X[:5])


def test_the_teacher_refuses_inputs_of_another_dimension(rng):
    task = teacher_student(5, n_in=3, n_hidden=4, noise_std=0.1, rng=rng)
    with pytest.raises(ValueError, match=r"\(n_samples, 3\), got \(3, 5\)\. Did you pass X\.T\?"):
        task.predict(task.X.T)


@pytest.mark.parametrize(
    "wrong", [{"n_in": 0}, {"n_hidden": 0}, {"noise_std": -1.0}, {"n_samples": 0}]
)
def test_the_teacher_refuses_wrong_numbers(rng, wrong):
    arguments = {"n_samples": 5, "n_in": 3, "n_hidden": 4, "noise_std": 0.1} | wrong
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        teacher_student(arguments.pop("n_samples"), **arguments, rng=rng)


# ---------------------------------------------------------------------------------------------
# Standardisation.


def test_training_data_get_mean_0_and_deviation_1_and_the_rest_the_same_transform(rng):
    X_train = rng.normal(5, 3, size=(50, 4))
    X_test = rng.normal(-1, 7, size=(20, 4))
    Z_train, Z_test = standardize(X_train, X_test)
    np.testing.assert_allclose(Z_train.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((Z_train**2).mean(axis=0), 1, rtol=1e-12)
    # The same affine map: recovered from the training data, it takes X_test to Z_test.
    for j in range(4):
        slope, shift = np.polyfit(X_train[:, j], Z_train[:, j], 1)
        np.testing.assert_allclose(slope * X_test[:, j] + shift, Z_test[:, j], rtol=1e-9)


def test_test_data_do_not_leak_into_the_training_statistics(rng):
    X_train, X_test = rng.normal(size=(9, 2)), 1e6 * rng.normal(size=(3, 2))
    np.testing.assert_array_equal(standardize(X_train, X_test)[0], standardize(X_train)[0])


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-30, -3e8])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_constant_feature_becomes_exactly_0_and_is_divided_by_1(constant, dtype):
    # The rounded deviation of 1000 times 0.1 is not 0: dividing by it would give ones.
    X = np.full((1000, 1), constant, dtype=dtype)
    Z, other = standardize(X, X[:1] + dtype(2))
    np.testing.assert_array_equal(Z, 0)
    np.testing.assert_array_equal(other, (X[:1] + dtype(2)) - X[:1])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_standardising_keeps_each_arrays_floating_dtype(rng, dtype):
    Z, W = standardize(rng.normal(size=(9, 2)).astype(dtype), np.ones((3, 2), dtype=np.float32))
    assert Z.dtype == dtype
    assert W.dtype == np.float32


def test_uint8_images_do_not_wrap_around():
    X = np.array([[0, 250], [10, 255]], dtype=np.uint8)
    (Z,) = standardize(X)
    np.testing.assert_array_equal(Z, [[-1, -1], [1, 1]])


@pytest.mark.parametrize("view", ["fortran", "strided", "reversed", "read-only", "memory-mapped"])
def test_standardising_any_view_gives_the_same_and_changes_nothing(rng, view, tmp_path):
    X = rng.normal(size=(12, 3))
    expected = standardize(X.copy())[0]
    wide = np.zeros((24, 6))
    wide[::2, ::2] = X
    frozen = X.copy()
    frozen.flags.writeable = False
    mapped = np.memmap(tmp_path / "x", dtype=X.dtype, mode="w+", shape=X.shape)
    mapped[:] = X
    views = {
        "fortran": np.asfortranarray(X),
        "strided": wide[::2, ::2],
        "reversed": X[::-1].copy()[::-1],
        "read-only": frozen,
        "memory-mapped": mapped,
    }
    given = views[view]
    np.testing.assert_allclose(standardize(given)[0], expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(given, X)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([np.ones((3, 2)), np.ones((2, 3))], r"others\[0\].*\(n_samples, 2\).*others\[0\]\.T\?"),
        ([np.ones(3)], r"X_train must have shape \(n_samples, n_features\), got \(3,\)"),
        ([np.empty((0, 2))], "X_train must not be empty"),
        ([np.array([[1.0, np.nan]])], r"X_train must be finite.*index \(0, 1\)"),
        ([np.ones((3, 2)), np.array([[np.inf, 0]])], r"others\[0\] must be finite"),
    ],
)
def test_standardising_refuses_what_it_cannot_scale(arrays, message):
    with pytest.raises(ValueError, match=message):
        standardize(*arrays)


# ---------------------------------------------------------------------------------------------
# Splits and batches.


def test_the_parts_of_a_split_are_disjoint_and_as_large_as_asked(rng):
    parts = split(10, [5, 3, 1], rng=rng)
    assert [len(part) for part in parts] == [5, 3, 1]
    together = np.concatenate(parts)
    assert len(set(together.tolist())) == 9
    assert set(together.tolist()) <= set(range(10))
    assert all(part.dtype == np.int64 for part in parts)


def test_a_split_of_everything_loses_nothing_and_is_shuffled(rng):
    first, second = split(100, [60, 40], rng=rng)
    assert sorted([*first, *second]) == list(range(100))
    assert (np.diff(first) < 0).any()


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ([6, 5], ValueError, "sizes must add up to 10 or less and more than 0, got 11"),
        ([], ValueError, "got 0"),
        ([3, 0], ValueError, r"sizes\[1\] must be an integer of at least 1, got 0"),
        ([3, -1], ValueError, r"sizes\[1\] must be"),
        ([0.8, 0.2], TypeError, r"sizes\[0\] must be an integer of at least 1, got 0\.8"),
    ],
)
def test_a_split_refuses_sizes_that_do_not_fit(rng, sizes, error, message):
    with pytest.raises(error, match=message):
        split(10, sizes, rng=rng)


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(
    ("n_samples", "batch_size"), [(10, 3), (10, 5), (10, 10), (10, 99), (1, 1)]
)
def test_every_sample_is_in_exactly_one_batch(rng, n_samples, batch_size, shuffled):
    cut = list(batches(n_samples, batch_size, rng=rng if shuffled else None))
    assert sorted(np.concatenate(cut).tolist()) == list(range(n_samples))
    lengths = [len(batch) for batch in cut]
    assert all(length == min(batch_size, n_samples) for length in lengths[:-1])
    assert len(cut) == -(-n_samples // batch_size)
    assert all(batch.dtype == np.int64 for batch in cut)


def test_batches_without_a_generator_come_in_order():
    assert [b.tolist() for b in batches(5, 2)] == [[0, 1], [2, 3], [4]]


def test_a_batch_larger_than_the_data_is_the_data():
    assert [b.tolist() for b in batches(3, 100)] == [[0, 1, 2]]


def test_every_pass_is_shuffled_anew_and_the_same_seed_shuffles_alike(rng):
    def passes(seed):
        rng = np.random.default_rng(seed)
        return [np.concatenate(list(batches(50, 8, rng=rng))).tolist() for _ in range(2)]

    first, second = passes(1)
    assert first != second
    assert [first, second] == passes(1)
    assert [first, second] != passes(2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 1), ValueError, "n_samples must be an integer of at least 1, got 0"),
        ((5, 0), ValueError, "batch_size must be an integer of at least 1, got 0"),
        ((5, -1), ValueError, "batch_size must be an integer of at least 1, got -1"),
        ((5, 2.5), TypeError, "batch_size must be an integer"),
        ((5, True), TypeError, "batch_size must be an integer"),
    ],
)
def test_wrong_batches_are_refused_at_the_call_not_at_the_first_batch(arguments, error, message):
    with pytest.raises(error, match=message):
        batches(*arguments)


def test_a_seed_in_place_of_a_generator_is_refused_at_the_call():
    with pytest.raises(TypeError, match=r"default_rng\(0\)"):
        batches(5, 2, rng=0)


def test_importing_the_data_module_imports_numpy_and_nothing_heavier():
    code = (
        "import sys, mlpbook.data, mlpbook.checks.evaluation, mlpbook.shared.history; "
        "print(*{'torch', 'sklearn', 'scipy', 'pooch', 'tqdm', 'requests', 'matplotlib'} "
        "& set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == ""
