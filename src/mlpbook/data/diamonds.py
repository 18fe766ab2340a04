"""Diamonds, a table of 53,940 rows with numbers and ordered categories in its columns.

The table was compiled for the R package ggplot2, and comes as a file inside a package for Python,
plotnine. The file counts only if its SHA-256 digest is right. Where it comes from, in this order:

1. the folder named by the environment variable ``MLPBOOK_DATA``, as ``diamonds.csv``;
2. an installed plotnine;
3. the user's cache folder;
4. ``pip download --no-deps`` of the one wheel, with the environment's own pip and its configured
   index, from which the file is copied into that cache;
5. where all of this fails: a made-up table with the same columns, with a warning.
   ``Diamonds.is_substitute`` tells.
"""

import functools
import hashlib
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import warnings
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["CATEGORIES", "NUMBERS", "Diamonds", "load_diamonds", "made_up"]

NUMBERS = ("carat", "depth", "table", "x", "y", "z")
"""The columns that hold numbers: mass, two shape percentages, and three lengths in mm."""

CATEGORIES = {
    "cut": ("Fair", "Good", "Very Good", "Premium", "Ideal"),
    "color": ("D", "E", "F", "G", "H", "I", "J"),
    "clarity": ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"),
}
"""The columns that hold categories, with their values in order."""

_WHEEL = "plotnine==0.15.9"
_MEMBER = "plotnine/data/diamonds.csv"
_DIGEST = "9574730b03aba241d899c4a97511c5061b19358fab89510774fb6c24168345c4"

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Diamonds:
    """Diamonds and their prices.

    Attributes
    ----------
    numbers : numpy.ndarray of float64, shape (n_samples, 6)
        The columns `NUMBERS`; NaN where a length is missing (the file says 0 there).
    codes : numpy.ndarray of int64, shape (n_samples, 3)
        The columns `CATEGORIES`, each value as its place in the order, from 0.
    price : numpy.ndarray of float64, shape (n_samples,)
        In US dollars.
    is_substitute : bool
        Whether this is the made-up table because Diamonds could not be had.
    source : str
        The table's name and origin, in words for a page.
    """

    numbers: Numbers = field(repr=False)
    codes: Codes = field(repr=False)
    price: Numbers = field(repr=False)
    is_substitute: bool
    source: str


def load_diamonds() -> Diamonds:
    """Load Diamonds, or a made-up table where it cannot be had; see the module's text.

    Returns
    -------
    Diamonds

    Raises
    ------
    ValueError
        If ``MLPBOOK_DATA`` names a folder whose ``diamonds.csv`` is damaged.

    Warns
    -----
    UserWarning
        If the table could not be downloaded and the made-up one is used.

    Examples
    --------
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # where it cannot be had
    ...     table = load_diamonds()
    >>> table.numbers.shape[1], table.codes.shape[1]
    (6, 3)
    """
    data, problem = _find()
    if data is None:
        warnings.warn(
            f"Diamonds could not be had ({problem}). Instead, this is a made-up table with the "
            "same columns: results will differ. To have Diamonds, run this again with a "
            f"connection, or install {_WHEEL} with pip, or put its diamonds.csv into the folder "
            "that MLPBOOK_DATA names.",
            stacklevel=2,
        )
        return made_up()
    return _parse(data)


def _parse(data: bytes) -> Diamonds:
    """Return the table in the file's bytes."""
    text = io.BytesIO(data.replace(b'"', b""))
    rows = np.genfromtxt(text, delimiter=",", names=True, dtype=None, encoding="utf-8")
    numbers = np.stack([rows[name].astype(np.float64) for name in NUMBERS], axis=1)
    lengths = numbers[:, 3:]
    lengths[lengths == 0] = np.nan  # no diamond has a length of 0 mm
    codes = np.zeros((len(rows), len(CATEGORIES)), dtype=np.int64)
    for j, (name, values) in enumerate(CATEGORIES.items()):
        for code, value in enumerate(values):
            codes[rows[name] == value, j] = code
    return Diamonds(
        numbers,
        codes,
        rows["price"].astype(np.float64),
        is_substitute=False,
        source="Diamonds (from ggplot2 by Wickham, as shipped in plotnine)",
    )


def made_up(n_samples: int = 12_000) -> Diamonds:
    """Return a table with the columns of Diamonds, made by a formula; always the same.

    Parameters
    ----------
    n_samples : int
        Number of rows.

    Examples
    --------
    >>> made_up(100).numbers.shape
    (100, 6)
    """
    rng = np.random.default_rng(0)
    carat = np.round(np.exp(rng.normal(-0.4, 0.55, n_samples)).clip(0.2, 4), 2)
    length = 6.4 * np.cbrt(carat) * (1 + 0.01 * rng.standard_normal((3, n_samples)))
    depth = np.round(rng.normal(61.7, 1.4, n_samples), 1)
    top = np.round(rng.normal(57.5, 2.2, n_samples))
    length[2] *= depth / 100
    codes = np.stack(
        [rng.integers(len(values), size=n_samples) for values in CATEGORIES.values()], axis=1
    )
    log_price = (
        8.2
        + 1.75 * np.log(carat)
        + 0.08 * (np.round(4 * carat) >= 4)
        + codes @ [0.02, -0.07, 0.11]
        + 0.09 * rng.standard_normal(n_samples)
    )
    numbers = np.stack([carat, depth, top, *np.round(length, 2)], axis=1)
    numbers[rng.integers(n_samples, size=5), 5] = np.nan
    return Diamonds(
        numbers,
        codes,
        np.round(np.exp(log_price)),  # type: ignore[arg-type]
        is_substitute=True,
        source="a made-up table with the columns of Diamonds",
    )


# ---------------------------------------------------------------------------------------------
# Finding the file.


@functools.cache
def _find() -> tuple[bytes | None, str]:
    """Return the file's bytes, or None and why not."""
    configured = os.environ.get("MLPBOOK_DATA")
    if configured:
        path = Path(configured).expanduser() / "diamonds.csv"
        if path.is_file():
            if not _is_whole(data := path.read_bytes()):
                raise ValueError(
                    f"diamonds.csv in MLPBOOK_DATA must have SHA-256 {_DIGEST}, got other bytes. "
                    f"Copy {_MEMBER} from the wheel of {_WHEEL} there again."
                )
            return data, ""
    cached = _cached()
    for place in (_installed(), cached):
        if place is not None and place.is_file() and _is_whole(data := place.read_bytes()):
            return data, ""
    try:
        data = _download()
    except _DownloadError as failure:
        return None, str(failure)
    _keep(data, cached)
    return data, ""


class _DownloadError(Exception):
    """A wheel that pip did not give whole."""


def _is_whole(data: bytes) -> bool:
    """Say whether these are the published file's bytes."""
    return hashlib.sha256(data).hexdigest() == _DIGEST


def _installed() -> Path | None:
    """Return the file's place in an installed plotnine, which is not imported."""
    spec = importlib.util.find_spec("plotnine")
    return Path(spec.origin).parent / "data" / "diamonds.csv" if spec and spec.origin else None


def _cached() -> Path:
    """Return the file's place in the user's cache folder, which need not exist."""
    import pooch

    return Path(pooch.os_cache("mlpbook")) / "diamonds.csv"


def _download() -> bytes:
    """Let pip fetch the wheel without its dependencies; return the file's bytes."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--quiet", "--retries", "1", "--timeout", "15", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory(prefix="mlpbook-") as folder:
        try:
            subprocess.run(
                [*command, "--dest", folder, _WHEEL], check=True, capture_output=True, timeout=120
            )
            (wheel,) = Path(folder).glob("plotnine-*.whl")
            with zipfile.ZipFile(wheel) as archive:
                data = archive.read(_MEMBER)
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, zipfile.BadZipFile):
            raise _DownloadError(f"pip download --no-deps {_WHEEL} gave no wheel") from None
    if not _is_whole(data):
        raise _DownloadError(f"{_MEMBER} in the wheel is not the published file")
    return data


def _keep(data: bytes, path: Path) -> None:
    """Write the file whole, or leave it: it can be downloaded again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".diamonds-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        return
