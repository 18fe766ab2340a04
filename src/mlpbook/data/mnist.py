"""MNIST, verified byte by byte, in one folder that NumPy and torchvision both read.

The set is four files under ``MNIST/raw/``. A file counts only if its SHA-256 digest is right, so
a flipped bit, a cut-off download or a half-written file is never taken for data. Where the files
come from, in this order:

1. the folder named by the environment variable ``MLPBOOK_DATA``, and then nowhere else;
2. the user's cache folder;
3. a download into that cache, over https;
4. without a connection: scikit-learn's 1,797 real digits of 8 x 8 pixels, brought into MNIST's
   shape and scale, with a warning. ``MNIST.is_substitute`` tells.

Only NumPy is imported here; pooch, tqdm and scikit-learn are imported when they are needed.
"""

import atexit
import contextlib
import functools
import gzip
import hashlib
import importlib.util
import io
import math
import os
import shutil
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

# The SHA-256 digests of the four files, uncompressed: what decides whether a file is whole.
_MNIST = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_SUBSTITUTE = {
    "train-images-idx3-ubyte": "7ca703ed2366909668e0231922ab19ba60e725a9a2ab53240496e94df1e4895a",
    "train-labels-idx1-ubyte": "e7fe17ffd2824974d4b1730dc82471ef9e313f6d6ceaf56b51b3dc3912c73a52",
    "t10k-images-idx3-ubyte": "5b59507a96ad58f2b8edfeb87d650cfc86c392f15707d23827761706c800d8b8",
    "t10k-labels-idx1-ubyte": "ccc5b2d9c08fb215d8b7766d9e7ae415f2345c4e840ead085d1941968c1a6eb0",
}
_DIGESTS = {"mnist": _MNIST, "substitute": _SUBSTITUTE}
_SOURCES = {
    "mnist": "MNIST (LeCun, Cortes and Burges)",
    "substitute": "scikit-learn's digits (Alpaydin and Kaynak) in MNIST's shape",
}
# torchvision's own mirrors. The second is the retry.
_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_SCHEMES = ("https://",)
_TIMEOUT = 15.0  # seconds without a byte, for each of two mirrors: half a minute in all


@dataclass(frozen=True, eq=False)
class MNIST:
    """Handwritten digits: images, their labels, and where they came from.

    Attributes
    ----------
    X_train, X_test : numpy.ndarray of uint8, shape (n_samples, 28, 28)
        Pixels from 0 (paper) to 255 (ink): 60,000 and 10,000 images, fewer in the substitute.
    y_train, y_test : numpy.ndarray of int64, shape (n_samples,)
        The digits, 0 to 9.
    is_substitute : bool
        Whether these are scikit-learn's digits because MNIST could not be had. What is said about
        MNIST must then not be said about them.
    source : str
        The data set's name and authors, in words for a page.
    """

    X_train: Pixels = field(repr=False)
    y_train: Labels = field(repr=False)
    X_test: Pixels = field(repr=False)
    y_test: Labels = field(repr=False)
    is_substitute: bool
    source: str

    def flat(
        self, dtype: npt.DTypeLike = np.float32
    ) -> tuple[npt.NDArray[Any], Labels, npt.NDArray[Any], Labels]:
        """Return X_train (N, 784) in [0, 1], y_train, X_test (M, 784) in [0, 1], y_test.

        Raises TypeError if `dtype` is not a floating-point type.
        """
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            raise TypeError(
                f"dtype must be a floating-point type, got {dtype}. Pass np.float32 or np.float64."
            )
        X_train, X_test = (
            images.reshape(len(images), -1).astype(dtype) for images in (self.X_train, self.X_test)
        )
        X_train /= 255
        X_test /= 255
        return X_train, self.y_train, X_test, self.y_test


def load_mnist() -> MNIST:
    """Load MNIST, or the substitute digits where it cannot be had; see the module's text.

    The digests are checked at every load.

    Returns
    -------
    MNIST

    Raises
    ------
    FileNotFoundError
        If ``MLPBOOK_DATA`` is set and one of the four files is not there.
    ValueError
        If ``MLPBOOK_DATA`` is set and one of the four files is damaged.
    OSError
        If no folder can be written to.

    Warns
    -----
    UserWarning
        If MNIST could not be downloaded and the substitute is used, or if the cache cannot be
        written and a temporary folder is used.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", 1998, doi 10.1109/5.726791.

    Examples
    --------
    >>> mnist = load_mnist()
    >>> mnist.X_train.shape[1:], mnist.X_train.dtype, mnist.y_train.dtype
    ((28, 28), dtype('uint8'), dtype('int64'))
    >>> X_train, y_train, X_test, y_test = mnist.flat()
    >>> X_train.shape[1], X_train.dtype, float(X_train.max())
    (784, dtype('float32'), 1.0)
    """
    _, kind, content = _find()
    arrays = {name: _parse_idx(data, name) for name, data in content.items()}
    return MNIST(
        X_train=arrays["train-images-idx3-ubyte"],
        y_train=arrays["train-labels-idx1-ubyte"].astype(np.int64),
        X_test=arrays["t10k-images-idx3-ubyte"],
        y_test=arrays["t10k-labels-idx1-ubyte"].astype(np.int64),
        is_substitute=kind == "substitute",
        source=_SOURCES[kind],
    )


def mnist_folder() -> Path:
    """Return the verified folder that holds ``MNIST/raw/``, as torchvision expects it.

    Returns
    -------
    pathlib.Path
        The root for ``torchvision.datasets.MNIST(root, train=..., download=False)``; also a
        valid value of ``MLPBOOK_DATA``. A temporary folder lasts until Python ends.

    Raises
    ------
    FileNotFoundError, ValueError, OSError
        As in `load_mnist`, which also tells what is warned of.

    Examples
    --------
    >>> sorted(path.name for path in (mnist_folder() / "MNIST" / "raw").glob("train-*-ubyte"))
    ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte']
    """
    return _find()[0]


def read_idx(path: str | os.PathLike[str]) -> Pixels:
    """Read an uncompressed IDX file of unsigned bytes, MNIST's own format.

    The file opens with two zero bytes, the type (8: unsigned byte), the number of dimensions, and
    each dimension as a big-endian 32-bit number; then the values, last dimension fastest.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    numpy.ndarray of uint8
        The shape is the file's.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no such file, or its length is not what its header says.

    Examples
    --------
    >>> labels = read_idx(mnist_folder() / "MNIST" / "raw" / "t10k-labels-idx1-ubyte")
    >>> labels.ndim, labels.dtype, int(labels.max())
    (1, dtype('uint8'), 9)
    """
    return _parse_idx(np.fromfile(path, dtype=np.uint8), os.path.basename(path))


def _parse_idx(data: Pixels, name: str) -> Pixels:
    """Return the array (a view) in an IDX file's bytes `data` (n,)."""
    header = data[:4].tolist()
    if len(header) < 4 or header[:3] != [0, 0, 8] or header[3] == 0:
        raise ValueError(
            f"{name} must be an IDX file of unsigned bytes, which opens with 0, 0, 8 and the "
            f"number of dimensions, got the bytes {header}. Decompress it if it is a .gz file."
        )
    start = 4 + 4 * header[3]
    shape = [int.from_bytes(data[i : i + 4].tobytes(), "big") for i in range(4, start, 4)]
    if len(data) != start + math.prod(shape):
        raise ValueError(
            f"{name} must hold {start + math.prod(shape)} bytes for its shape {tuple(shape)}, "
            f"got {len(data)}. Fetch the file anew."
        )
    return data[start:].reshape(shape)


# ---------------------------------------------------------------------------------------------
# Finding a folder whose four files are whole.


class _Fault(Exception):
    """A file that is missing, unreadable or damaged."""

    def __init__(self, path: Path, problem: str, error: type[Exception]) -> None:
        super().__init__(f"{path}, which {problem}")
        self.error = error  # what a user gets to see


class _DownloadError(Exception):
    """A file that no mirror gave whole."""


def _find() -> tuple[Path, str, dict[str, Pixels]]:
    """Return a folder, which set it holds, and the verified bytes of its four files."""
    configured = os.environ.get("MLPBOOK_DATA")
    if configured:
        root = Path(configured).expanduser()
        try:
            return root, *_open(root)
        except _Fault as fault:
            raise fault.error(
                f"MLPBOOK_DATA must name a folder that holds MNIST's four files whole, got "
                f"{fault}. Put the file there anew (uncompressed), or unset MLPBOOK_DATA to let "
                "it be downloaded."
            ) from None

    cache = _cache_folder()
    with contextlib.suppress(_Fault):
        return cache, *_open(cache, "mnist")
    try:
        root = _fill(_fetch, cache)
        return root, *_open(root, "mnist")
    except _DownloadError as failure:
        root = _fill(_fetch_substitute, cache / "substitute")
        warnings.warn(
            f"MNIST could not be downloaded ({failure}). Instead, these are scikit-learn's 1,797 "
            "digits of 8 x 8 pixels, brought into MNIST's shape: results will differ. To have "
            "MNIST, run this again with a connection, or set MLPBOOK_DATA to a folder that holds "
            "its four files under MNIST/raw.",
            stacklevel=3,
        )
        return root, *_open(root, "substitute")


def _open(root: Path, *kinds: str) -> tuple[str, dict[str, Pixels]]:
    """Read the four files under `root` and say which set they are; raise _Fault if none."""
    content: dict[str, Pixels] = {}
    for name in _DIGESTS["mnist"]:
        path = _path(root, name)
        try:
            content[name] = np.fromfile(path, dtype=np.uint8)
        except (FileNotFoundError, NotADirectoryError):
            raise _Fault(path, "does not exist", FileNotFoundError) from None
        except OSError as error:
            raise _Fault(path, f"cannot be read ({error.strerror})", OSError) from None
    digests = {name: _digest(data.data) for name, data in content.items()}

    def n_right(kind: str) -> int:
        return sum(digests[name] == right for name, right in _DIGESTS[kind].items())

    kind = max(kinds or tuple(_DIGESTS), key=n_right)  # the set that the folder is meant to hold
    for name, right in _DIGESTS[kind].items():
        if digests[name] != right:
            problem = f"is damaged (its {len(content[name])} bytes do not have SHA-256 {right})"
            raise _Fault(_path(root, name), problem, ValueError)
    return kind, content


def _path(root: Path, name: str) -> Path:
    """Return where torchvision looks for a file."""
    return root / "MNIST" / "raw" / name


def _digest(data: bytes | memoryview) -> str:
    """Return the SHA-256 digest in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _cache_folder() -> Path:
    """Return the user's cache folder, which need not exist yet."""
    import pooch

    return Path(pooch.os_cache("mlpbook"))


# ---------------------------------------------------------------------------------------------
# Filling a folder: whole files or none.


def _fill(fill: Callable[[Path], None], root: Path) -> Path:
    """Fill `root`, or a temporary folder where `root` cannot be written; return which."""
    try:
        fill(root)
    except OSError as error:
        temporary = _temporary_folder() / fill.__name__.strip("_")
        warnings.warn(
            f"{root} cannot be written ({error.strerror or error}). A temporary folder is used, "
            "which lasts until Python ends. To keep the data, free some space there, or set "
            "MLPBOOK_DATA to a folder that holds them.",
            stacklevel=4,
        )
        fill(temporary)
        return temporary
    return root


@functools.cache
def _temporary_folder() -> Path:
    """Return a folder that is deleted when Python ends."""
    folder = tempfile.mkdtemp(prefix="mlpbook-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@contextlib.contextmanager
def _written_whole(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write under another name; it takes its own name when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _fetch(root: Path) -> None:
    """Download whichever of MNIST's files is not whole under `root`."""
    mirrors = list(_MIRRORS)
    for name, right in _MNIST.items():
        path = _path(root, name)
        if not path.is_file() or _digest(path.read_bytes()) != right:
            # Opened first: where nothing can be written, nothing need be downloaded.
            with _written_whole(path) as file:
                file.write(_download(name, right, mirrors))


def _download(name: str, right: str, mirrors: list[str]) -> bytes:
    """Return a file's bytes from the first mirror that gives them whole; that one stays first."""
    problems = []
    for _ in range(len(mirrors)):
        url = f"{mirrors[0]}{name}.gz"
        try:
            data = _get(url)
            if _digest(data) == right:
                return data
            problems.append(f"{url}: the bytes are not the published file's")
        except _TRANSFER_ERRORS as error:
            problems.append(f"{url}: {type(error).__name__}")
        mirrors.append(mirrors.pop(0))
    raise _DownloadError("; ".join(problems))


# requests' errors are OSErrors; gzip's are OSError, EOFError or zlib's own.
_TRANSFER_ERRORS = (OSError, EOFError, zlib.error)


def _get(url: str) -> bytes:
    """Return what lies at an https address, decompressed."""
    if not url.startswith(_SCHEMES):
        raise ValueError(f"url must begin with https://, got {url}. Use a mirror that has it.")
    import pooch

    download = pooch.HTTPDownloader(
        progressbar=importlib.util.find_spec("tqdm") is not None,
        timeout=_TIMEOUT,
        allow_redirects=False,  # a redirect may lead away from https
    )
    body = io.BytesIO()
    download(url, body, None)
    data = body.getvalue()
    # A server that calls the .gz an encoding has it undone already; IDX files open with zeros.
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


# ---------------------------------------------------------------------------------------------
# The substitute: scikit-learn's digits in MNIST's shape.


def _fetch_substitute(root: Path) -> None:
    """Write the substitute's four files under `root`, unless they are there and whole."""
    with contextlib.suppress(_Fault):
        _open(root, "substitute")
        return

    from sklearn.datasets import load_digits

    digits = load_digits()
    images = _enlarge(digits.images.astype(np.int64))
    labels = digits.target.astype(np.uint8)
    is_test = _last_seventh_of_each_class(labels)
    raw = root / "MNIST" / "raw"
    for prefix, chosen in (("train", ~is_test), ("t10k", is_test)):
        for part, array in (("images-idx3", images[chosen]), ("labels-idx1", labels[chosen])):
            with _written_whole(raw / f"{prefix}-{part}-ubyte") as file:
                file.write(_idx_bytes(array))
    with _written_whole(raw / "NOT-MNIST.txt") as file:
        file.write(b"Not MNIST: scikit-learn's 1,797 digits of 8 x 8 pixels in MNIST's shape.\n")


def _enlarge(images: npt.NDArray[np.int64]) -> Pixels:
    """Return images (n, 28, 28) of 0..255 from images (n, 8, 8) of 0..16.

    As in MNIST, the digit fills a box of 20 x 20 pixels whose centre of mass is put at the
    centre. The interpolation is bilinear. Integers only: the same bytes on every machine.
    """
    # Pixel i of 20 lies at (i + 1/2) 8/20 - 1/2 = (4 i - 3) / 10 on the axis of the 8.
    weights = np.zeros((20, 8), dtype=np.int64)  # in tenths
    for i in range(20):
        left, tenths = divmod(4 * i - 3, 10)
        weights[i, max(left, 0)] += 10 - tenths
        weights[i, min(left + 1, 7)] += tenths
    box = weights @ images @ weights.T  # 0..1600: hundredths of the old scale
    box = (2 * 255 * box + 1600) // 3200  # 0..255, rounded

    mass = box.sum(axis=(1, 2))
    row = (box.sum(axis=2) * np.arange(20)).sum(axis=1)  # mass times mean row
    column = (box.sum(axis=1) * np.arange(20)).sum(axis=1)
    top = np.clip((14 * mass - row) // mass, 0, 8)  # 13.5 minus the mean, rounded
    left_edge = np.clip((14 * mass - column) // mass, 0, 8)
    result = np.zeros((len(images), 28, 28), dtype=np.uint8)
    for i in range(len(images)):
        result[i, top[i] : top[i] + 20, left_edge[i] : left_edge[i] + 20] = box[i]
    return result


def _last_seventh_of_each_class(labels: Pixels) -> npt.NDArray[np.bool_]:
    """Mark the test samples: MNIST's proportion 1 in 7, the same in every class.

    The last ones, not random ones: neighbours in the file tend to be from the same hand.
    """
    is_test = np.zeros(len(labels), dtype=np.bool_)
    for digit in range(10):
        members = np.flatnonzero(labels == digit)
        is_test[members[len(members) - len(members) // 7 :]] = True
    return is_test


def _idx_bytes(array: Pixels) -> bytes:
    """Return an array as an IDX file's bytes."""
    header = bytes([0, 0, 8, array.ndim])
    return header + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()
