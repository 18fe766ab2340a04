"""MNIST is whole or it is not there: every fault of disk and network, planted.

A tiny set of two dozen images stands for MNIST, with its own digests. Its mirrors are two paths of
a server on the loopback interface, which misbehaves on demand.
"""

import errno
import gzip
import hashlib
import os
import subprocess
import sys
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from mlpbook.data import load_mnist, mnist, mnist_folder

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array):
    """IDX bytes, written out by hand."""
    shape = np.array(array.shape, dtype=">u4").tobytes()
    return b"\x00\x00\x08" + bytes([array.ndim]) + shape + array.tobytes()


ARRAYS = {
    "train-images-idx3-ubyte": np.random.default_rng(0).integers(0, 256, (18, 28, 28), np.uint8),
    "train-labels-idx1-ubyte": (np.arange(18) % 10).astype(np.uint8),
    "t10k-images-idx3-ubyte": np.random.default_rng(1).integers(0, 256, (6, 28, 28), np.uint8),
    "t10k-labels-idx1-ubyte": (np.arange(6) % 10).astype(np.uint8),
}
FILES = {name: idx(array) for name, array in ARRAYS.items()}
DIGESTS = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}


def put(root):
    """Lay the tiny set under `root` and return the folder of its files."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, data in FILES.items():
        (raw / name).write_bytes(data)
    return raw


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-100])


class Server(ThreadingHTTPServer):
    """Serves the tiny set's .gz files; `faults` holds what to do to the next requests."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requested = []
        self.faults = []
        self.over = threading.Event()

    @property
    def mirrors(self):
        return tuple(f"http://127.0.0.1:{self.server_port}/{m}/" for m in ("first", "second"))


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.requested.append(self.path)
        fault = self.server.faults.pop(0) if self.server.faults else None
        name = Path(self.path).stem
        body = gzip.compress(FILES[name])
        if fault == "stall":
            self.server.over.wait(30)
            return
        if fault == "missing":
            self.send_error(404)
            return
        if fault == "redirect":
            self.send_response(302)
            self.send_header("Location", f"/elsewhere/{name}.gz")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        if fault == "encoded":
            self.send_header("Content-Encoding", "gzip")
        if fault == "portal":
            body = b"<html>Please accept our terms.</html>"
        if fault == "other file":
            body = gzip.compress(FILES[name][:-1] + b"\xff")
        if fault == "wrong checksum":
            body = body[:-8] + bytes(8)
        if fault == "no such block":  # a deflate block of the reserved kind 3
            body = body[:10] + b"\xff" + body[11:]
        if fault == "cut before":  # by a proxy that gives the wrong length, too
            body = body[: len(body) // 2]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault in ("cut", "stall half-way") else body)
        if fault == "stall half-way":
            self.wfile.flush()
            self.server.over.wait(30)


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def tiny(monkeypatch):
    """The tiny set's digests in MNIST's place."""
    monkeypatch.setattr(mnist, "_MNIST", DIGESTS)
    monkeypatch.setitem(mnist._DIGESTS, "mnist", DIGESTS)


@pytest.fixture
def cache(tiny, server, monkeypatch, tmp_path):
    """An empty cache folder, nothing configured, and mirrors on the loopback interface."""
    folder = tmp_path / "cache"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.delenv("MLPBOOK_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(mnist, "_cache_folder", lambda: folder)
    monkeypatch.setattr(mnist, "_temporary_folder", lambda: temporary)
    monkeypatch.setattr(mnist, "_MIRRORS", server.mirrors)
    monkeypatch.setattr(mnist, "_SCHEMES", ("http://127.0.0.1:",))
    return folder


def contents(folder):
    """Everything below a folder, hidden files too."""
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


WHOLE = {f"MNIST/raw/{name}" for name in NAMES}


def assert_is_the_tiny_set(loaded):
    assert not loaded.is_substitute
    np.testing.assert_array_equal(loaded.X_train, ARRAYS["train-images-idx3-ubyte"])
    np.testing.assert_array_equal(loaded.y_train, ARRAYS["train-labels-idx1-ubyte"])
    np.testing.assert_array_equal(loaded.X_test, ARRAYS["t10k-images-idx3-ubyte"])
    np.testing.assert_array_equal(loaded.y_test, ARRAYS["t10k-labels-idx1-ubyte"])


# ---------------------------------------------------------------------------------------------
# The set itself.


@pytest.fixture
def real():
    loaded = load_mnist()
    if loaded.is_substitute:
        pytest.skip("MNIST is not at hand")
    return loaded


def test_mnist_has_its_published_shapes_and_class_counts(real):
    assert real.X_train.shape == (60_000, 28, 28)
    assert real.X_test.shape == (10_000, 28, 28)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    np.testing.assert_array_equal(np.bincount(real.y_train), counts)
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    np.testing.assert_array_equal(np.bincount(real.y_test), counts)


def test_mnist_has_the_mean_and_deviation_that_everybody_normalises_by(real):
    X_train, *_ = real.flat()
    assert X_train.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert X_train.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)


def test_labels_are_int64_and_images_are_uint8_that_may_be_written():
    loaded = load_mnist()
    assert loaded.X_train.dtype == loaded.X_test.dtype == np.uint8
    assert loaded.y_train.dtype == loaded.y_test.dtype == np.int64
    assert loaded.X_train.flags.writeable  # torch.from_numpy warns of any other


def test_the_source_is_told_in_words_without_a_path():
    loaded = load_mnist()
    assert "/" not in loaded.source
    assert ("scikit-learn" in loaded.source) == loaded.is_substitute
    assert len(repr(loaded)) < 200


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_flat_images_are_pixels_over_255_in_the_dtype_asked_for(dtype):
    loaded = load_mnist()
    before = loaded.X_train.copy(), loaded.X_test.copy()
    X_train, y_train, X_test, y_test = loaded.flat(dtype)
    for X, images, kept in zip(
        (X_train, X_test), before, (loaded.X_train, loaded.X_test), strict=True
    ):
        assert X.dtype == dtype
        assert X.shape == (len(images), 784)
        np.testing.assert_array_equal(X[7], [dtype(p) / dtype(255) for p in images[7].ravel()])
        np.testing.assert_array_equal(kept, images)
    assert y_train is loaded.y_train
    assert y_test is loaded.y_test


def test_flat_refuses_an_integer_dtype():
    with pytest.raises(TypeError, match=r"floating-point type, got uint8\. Pass np\.float32"):
        load_mnist().flat(np.uint8)


# ---------------------------------------------------------------------------------------------
# A folder that was named: that one or an error, never silently another.


@pytest.fixture
def configured(cache, monkeypatch, tmp_path):
    root = tmp_path / "configured"
    raw = put(root)
    monkeypatch.setenv("MLPBOOK_DATA", str(root))
    return raw


def test_a_configured_folder_is_read_and_nothing_is_requested(configured, server, tmp_path):
    assert_is_the_tiny_set(load_mnist())
    assert mnist_folder() == tmp_path / "configured"
    assert server.requested == []


def test_a_configured_folder_may_begin_with_a_tilde(configured, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("MLPBOOK_DATA", "~/configured")
    assert mnist_folder() == tmp_path / "configured"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("damage", "error", "problem"),
    [
        (flip_a_bit, ValueError, "is damaged"),
        (cut_short, ValueError, "is damaged"),
        (lambda path: path.write_bytes(b""), ValueError, r"is damaged \(its 0 bytes"),
        (Path.unlink, FileNotFoundError, "does not exist"),
        (lambda path: (path.unlink(), path.mkdir()), OSError, "cannot be read"),
    ],
    ids=["bit flipped", "cut short", "empty", "missing", "a folder"],
)
def test_a_faulty_configured_file_is_named_with_the_cure(
    configured, server, name, damage, error, problem
):
    damage(configured / name)
    message = rf"MLPBOOK_DATA must .*{name}, which {problem}.* or unset MLPBOOK_DATA"
    for read in (load_mnist, mnist_folder):
        with pytest.raises(error, match=message):
            read()
    assert server.requested == []


def test_a_configured_folder_that_does_not_exist_is_named(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("MLPBOOK_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="nowhere.*does not exist"):
        load_mnist()


def test_a_file_in_place_of_the_configured_folder_is_an_error(cache, monkeypatch):
    monkeypatch.setenv("MLPBOOK_DATA", __file__)
    with pytest.raises(FileNotFoundError, match=f"{Path(__file__).name}.*does not exist"):
        load_mnist()


def test_an_empty_setting_counts_as_none(cache, monkeypatch):
    monkeypatch.setenv("MLPBOOK_DATA", "")
    assert_is_the_tiny_set(load_mnist())


def test_a_mixture_of_both_sets_is_no_set(configured, tmp_path):
    mnist._fetch_substitute(tmp_path / "other")
    other = tmp_path / "other" / "MNIST" / "raw" / NAMES[3]
    (configured / NAMES[3]).write_bytes(other.read_bytes())
    with pytest.raises(ValueError, match=f"{NAMES[3]}, which is damaged"):
        load_mnist()


# ---------------------------------------------------------------------------------------------
# The download.


def test_the_first_load_downloads_and_the_second_does_not(cache, server):
    assert_is_the_tiny_set(load_mnist())
    assert server.requested == [f"/first/{name}.gz" for name in NAMES]
    assert contents(cache) == WHOLE
    assert_is_the_tiny_set(load_mnist())
    assert mnist_folder() == cache
    assert len(server.requested) == 4


@pytest.mark.parametrize("damage", [flip_a_bit, cut_short, Path.unlink])
def test_a_damaged_file_in_the_cache_is_fetched_anew_and_only_that_one(cache, server, damage):
    raw = put(cache)
    damage(raw / NAMES[2])
    assert_is_the_tiny_set(load_mnist())
    assert server.requested == [f"/first/{NAMES[2]}.gz"]
    assert contents(cache) == WHOLE


@pytest.mark.parametrize(
    "fault",
    [
        "cut",
        "cut before",
        "missing",
        "portal",
        "other file",
        "wrong checksum",
        "no such block",
        "redirect",
    ],
)
def test_a_failed_transfer_is_retried_once_at_the_other_mirror(cache, server, fault):
    server.faults = [None, fault]
    assert_is_the_tiny_set(load_mnist())
    # The mirror that gave the file stays the first for those that follow.
    mirrors = ["first", "first", "second", "second", "second"]
    names = [NAMES[0], NAMES[1], NAMES[1], NAMES[2], NAMES[3]]
    assert server.requested == [f"/{m}/{n}.gz" for m, n in zip(mirrors, names, strict=True)]
    assert contents(cache) == WHOLE


def test_a_server_that_decompresses_by_itself_will_do(cache, server):
    server.faults = ["encoded"] * 4
    assert_is_the_tiny_set(load_mnist())
    assert len(server.requested) == 4


@pytest.mark.parametrize("fault", ["stall", "stall half-way"])
def test_a_server_that_stalls_is_given_up_and_the_digits_stand_in(
    cache, server, monkeypatch, fault
):
    assert 2 * mnist._TIMEOUT == 30
    monkeypatch.setattr(mnist, "_TIMEOUT", 0.2)
    server.faults = [fault, fault]
    began = time.monotonic()
    with pytest.warns(UserWarning, match="could not be downloaded"):
        assert load_mnist().is_substitute
    assert time.monotonic() - began < 20  # the server would stall for 30 s
    assert len(server.requested) == 2


@pytest.mark.parametrize("fault", ["cut", "other file"])
def test_two_failed_transfers_leave_no_file_behind(cache, server, fault):
    server.faults = [None, fault, fault]
    with pytest.warns(UserWarning, match="could not be downloaded"):
        load_mnist()
    assert contents(cache) & WHOLE == {f"MNIST/raw/{NAMES[0]}"}
    assert not [name for name in contents(cache) if Path(name).name.startswith(".")]
    assert_is_the_tiny_set(load_mnist())  # the next attempt completes it


def test_a_file_takes_its_name_only_when_it_is_complete(tmp_path):
    path = tmp_path / "folder" / "file"
    with mnist._written_whole(path) as file:
        file.write(b"first")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"first"
    with mnist._written_whole(path) as file:
        file.write(b"second")
        file.flush()
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"
    assert contents(tmp_path) == {"folder/file"}


def test_an_interrupted_download_leaves_no_file_behind(cache, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(mnist, "_download", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_mnist()
    assert contents(cache) == set()


def test_only_https_is_ever_asked(cache, server, monkeypatch):
    monkeypatch.undo()
    assert all(mirror.startswith("https://") for mirror in mnist._MIRRORS)
    for url in (server.mirrors[0] + "x.gz", "ftp://127.0.0.1/x.gz", "file:///x.gz"):
        with pytest.raises(ValueError, match="must begin with https://"):
            mnist._get(url)
    assert server.requested == []


def test_the_cache_is_the_users_own_folder():
    import pooch

    assert mnist._cache_folder() == Path(pooch.os_cache("mlpbook"))


def test_four_processes_fill_one_folder_and_all_succeed(cache, server, tmp_path):
    script = tmp_path / "load.py"
    script.write_text(
        f"""
import sys, time, pathlib
from mlpbook.data import mnist
mnist._MNIST = mnist._DIGESTS["mnist"] = {DIGESTS!r}
mnist._MIRRORS = {server.mirrors!r}
mnist._SCHEMES = ("http://127.0.0.1:",)
mnist._cache_folder = lambda: pathlib.Path({str(cache)!r})
here = pathlib.Path(sys.argv[1])
here.touch()
while len(list(here.parent.glob("ready-*"))) < 4:  # all begin at once
    time.sleep(0.005)
loaded = mnist.load_mnist()
assert not loaded.is_substitute
print(int(loaded.X_train.sum()))
"""
    )
    environment = {k: v for k, v in os.environ.items() if k != "MLPBOOK_DATA"}
    environment["PYTHONPATH"] = str(Path(mnist.__file__).parents[2])
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", str(script), str(tmp_path / f"ready-{i}")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for i in range(4)
    ]
    answers = [process.communicate(timeout=120) for process in processes]
    total = str(ARRAYS[NAMES[0]].sum(dtype=int))
    assert [
        (p.returncode, out.strip()) for p, (out, _) in zip(processes, answers, strict=True)
    ] == [(0, total)] * 4, answers
    assert contents(cache) == WHOLE


# ---------------------------------------------------------------------------------------------
# A disk that cannot be written.


def test_a_cache_that_cannot_be_made_gives_way_to_a_temporary_folder(cache, server, tmp_path):
    cache.write_text("a file stands where the folder should be")
    match = "cannot be written .*temporary folder.*MLPBOOK_DATA"
    with pytest.warns(UserWarning, match=match) as caught:
        assert_is_the_tiny_set(load_mnist())
    assert caught[0].filename == __file__  # the warning points at the caller's line
    assert len(server.requested) == 4  # nothing was downloaded for the folder that failed
    with pytest.warns(UserWarning, match="cannot be written"):
        assert mnist_folder().is_relative_to(tmp_path / "temporary")
    assert len(server.requested) == 4  # nor a second time


def test_a_full_disk_leaves_nothing_and_gives_way_to_a_temporary_folder(
    cache, server, monkeypatch, tmp_path
):
    fill_up_below(cache, monkeypatch, room=5000)
    with pytest.warns(UserWarning, match="No space left on device.*temporary folder"):
        assert_is_the_tiny_set(load_mnist())
    assert contents(cache) == set()
    assert contents(tmp_path / "temporary" / "fetch") == WHOLE


def test_a_disk_full_everywhere_is_an_error_that_leaves_nothing(cache, monkeypatch, tmp_path):
    fill_up_below(tmp_path, monkeypatch, room=5000)
    with (
        pytest.warns(UserWarning, match="set MLPBOOK_DATA"),
        pytest.raises(OSError, match="No space left on device"),
    ):
        load_mnist()
    assert contents(cache) | contents(tmp_path / "temporary") == set()


def fill_up_below(folder, monkeypatch, *, room):
    """Let a file below `folder` take `room` bytes, and then fail as a full disk does."""
    real_open = os.fdopen

    def fdopen(handle, mode):
        file = real_open(handle, mode)
        if not Path(os.readlink(f"/proc/self/fd/{handle}")).is_relative_to(folder):
            return file
        return FullAfter(file, room)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to know a file by its descriptor")
    monkeypatch.setattr(mnist.os, "fdopen", fdopen)


class FullAfter:
    def __init__(self, file, room):
        self.file, self.room = file, room

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.file.close()

    def write(self, data):
        self.file.write(data[: self.room])
        if len(data) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_temporary_folder_is_one_and_lasts_until_python_ends(tmp_path):
    code = (
        "from mlpbook.data.mnist import _temporary_folder as f; p = f(); assert p == f(); "
        "assert p.is_dir(); (p / 'x').touch(); print(p)"
    )
    environment = os.environ | {
        "TMPDIR": str(tmp_path),
        "PYTHONPATH": str(Path(mnist.__file__).parents[2]),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)
    assert contents(tmp_path) == set()


# ---------------------------------------------------------------------------------------------
# Offline: scikit-learn's digits stand in.


@pytest.fixture
def offline(cache, server, monkeypatch):
    # Port 9 (discard) of the loopback interface: the connection is refused.
    monkeypatch.setattr(mnist, "_MIRRORS", ("http://127.0.0.1:9/", "http://127.0.0.1:9/"))
    return cache


def test_offline_the_digits_stand_in_and_say_so(offline):
    with pytest.warns(UserWarning, match="scikit-learn's 1,797 digits.*set MLPBOOK_DATA") as caught:
        loaded = load_mnist()
    assert loaded.is_substitute
    assert len(loaded.X_train) + len(loaded.X_test) == 1797
    assert caught[0].filename == __file__  # the warning points at the caller's line


def test_offline_torchvisions_folder_is_the_substitutes(offline):
    with pytest.warns(UserWarning, match="could not be downloaded") as caught:
        root = mnist_folder()
    assert root == offline / "substitute"
    assert contents(root) == WHOLE | {"MNIST/raw/NOT-MNIST.txt"}
    assert caught[0].filename == __file__


def test_the_substitute_is_made_once_and_healed_when_damaged(offline):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = mnist_folder() / "MNIST" / "raw" / NAMES[0]
        whole, made = path.read_bytes(), path.stat().st_mtime_ns
        load_mnist()
        assert path.stat().st_mtime_ns == made
        flip_a_bit(path)
        load_mnist()
    assert path.read_bytes() == whole


def test_a_substitute_named_by_the_setting_needs_no_warning(offline, monkeypatch):
    with pytest.warns(UserWarning, match="could not be downloaded"):
        root = mnist_folder()
    monkeypatch.setenv("MLPBOOK_DATA", str(root))
    assert load_mnist().is_substitute  # warnings are errors here


def test_back_online_mnist_takes_the_substitutes_place(offline, server, monkeypatch):
    with pytest.warns(UserWarning, match="could not be downloaded"):
        load_mnist()
    monkeypatch.setattr(mnist, "_MIRRORS", server.mirrors)
    assert_is_the_tiny_set(load_mnist())


def test_offline_with_a_disk_that_cannot_be_written_the_digits_still_come(offline):
    offline.write_text("a file stands where the folder should be")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert load_mnist().is_substitute
    messages = " ".join(str(w.message) for w in caught)
    assert "cannot be written" in messages
    assert "could not be downloaded" in messages


@pytest.fixture
def substitute(monkeypatch, tmp_path):
    mnist._fetch_substitute(tmp_path)
    monkeypatch.setenv("MLPBOOK_DATA", str(tmp_path))
    return load_mnist()


def test_the_substitute_keeps_every_digit_and_its_label(substitute):
    from sklearn.datasets import load_digits

    labels = np.concatenate([substitute.y_train, substitute.y_test])
    np.testing.assert_array_equal(np.bincount(labels), np.bincount(load_digits().target))
    # The first digit of the file is a 0 and goes to the training set.
    assert substitute.y_train[0] == load_digits().target[0] == 0


def test_the_substitute_holds_out_a_seventh_of_every_class(substitute):
    n_train, n_test = np.bincount(substitute.y_train), np.bincount(substitute.y_test)
    np.testing.assert_array_equal(n_test, (n_train + n_test) // 7)


def test_the_substitute_has_mnists_shape_and_scale(substitute):
    assert substitute.X_train.shape[1:] == (28, 28)
    assert substitute.X_train.min() == 0
    assert substitute.X_train.max() == 255


def test_enlarging_interpolates_linearly_between_pixel_centres():
    from sklearn.datasets import load_digits

    image = load_digits().images[7]
    centres = (np.arange(20) + 0.5) * 8 / 20 - 0.5
    rows = np.array([np.interp(centres, np.arange(8), row) for row in image])
    box = np.array([np.interp(centres, np.arange(8), column) for column in rows.T]).T * 255 / 16
    enlarged = mnist._enlarge(image[np.newaxis].astype(np.int64))[0].astype(np.float64)
    assert np.sort(enlarged.ravel())[: 784 - 400].max() == 0  # outside the box
    row, column = np.argwhere(enlarged).min(axis=0) - np.argwhere(np.round(box)).min(axis=0)
    assert np.abs(enlarged[row : row + 20, column : column + 20] - box).max() <= 0.5 + 1e-9


def test_the_centre_of_mass_lies_at_the_centre_of_the_picture(substitute):
    images = substitute.X_train.astype(np.float64)
    mass = images.sum(axis=(1, 2))
    for axis in (1, 2):
        mean = (images.sum(axis=3 - axis) * np.arange(28)).sum(axis=1) / mass
        # Half a pixel from shifting by whole pixels, 13.5 being the middle of 0..27.
        assert np.abs(mean - 13.5).max() <= 0.5 + 1e-9


# ---------------------------------------------------------------------------------------------
# The file format.


def test_an_idx_file_written_by_hand_is_read(tmp_path):
    path = tmp_path / "x"
    # Type 8, two dimensions: 2 rows of 3.
    path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 20, 30, 40, 50, 255]))
    np.testing.assert_array_equal(mnist.read_idx(path), [[10, 20, 30], [40, 50, 255]])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00\x08",
        gzip.compress(FILES[NAMES[1]]),
        bytes([0, 0, 13, 1, 0, 0, 0, 1, 0]),  # 13: float32
        bytes([0, 0, 8, 0, 7]),  # no dimension
    ],
    ids=["empty", "three bytes", "gz", "float32", "no dimension"],
)
def test_another_format_is_refused_by_its_header(tmp_path, data):
    path = tmp_path / "images"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"images must be an IDX file .* got the bytes"):
        mnist.read_idx(path)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_length_that_the_header_does_not_give_is_refused(tmp_path, change):
    path = tmp_path / "labels"
    path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 4]) + bytes(4 + change))
    with pytest.raises(ValueError, match=rf"must hold 12 bytes .* got {12 + change}"):
        mnist.read_idx(path)
