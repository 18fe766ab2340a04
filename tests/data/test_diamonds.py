"""Diamonds: what the file says, where it comes from, and what takes its place."""

import hashlib
import subprocess
import warnings
import zipfile

import numpy as np
import pytest

from mlpbook.data import diamonds
from mlpbook.data.diamonds import CATEGORIES, NUMBERS, load_diamonds, made_up

ROWS = b""""carat","cut","color","clarity","depth","table","price","x","y","z"
0.23,"Ideal","E","SI2",61.5,55,326,3.95,3.98,2.43
1.07,"Very Good","J","IF",61.6,57,4954,0,6.62,0
"""


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """No file is known; this file's bytes would be the right ones."""
    monkeypatch.setattr(diamonds, "_DIGEST", hashlib.sha256(ROWS).hexdigest())
    monkeypatch.setattr(diamonds, "_installed", lambda: None)
    monkeypatch.setattr(diamonds, "_cached", lambda: tmp_path / "cache" / "diamonds.csv")
    monkeypatch.delenv("MLPBOOK_DATA", raising=False)
    diamonds._find.cache_clear()
    yield tmp_path
    diamonds._find.cache_clear()


def wheel_of(data):
    """Stand in for pip: write a wheel with this file."""

    def run(command, **options):
        folder = command[command.index("--dest") + 1]
        with zipfile.ZipFile(f"{folder}/plotnine-0-py3-none-any.whl", "w") as archive:
            archive.writestr("plotnine/data/diamonds.csv", data)

    return run


def no_pip(command, **options):
    raise subprocess.CalledProcessError(1, command)


def test_columns_are_read_and_a_length_of_zero_is_missing():
    table = diamonds._parse(ROWS)
    np.testing.assert_array_equal(table.numbers[0], [0.23, 61.5, 55, 3.95, 3.98, 2.43])
    np.testing.assert_array_equal(np.isnan(table.numbers[1]), [0, 0, 0, 1, 0, 1])
    # cut: Ideal is the last of five; color: E the second; clarity: SI2 the second, IF the last
    np.testing.assert_array_equal(table.codes, [[4, 1, 1], [2, 6, 7]])
    np.testing.assert_array_equal(table.price, [326, 4954])
    assert not table.is_substitute


def test_the_real_table_has_its_published_size():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = load_diamonds()
    if table.is_substitute:
        pytest.skip("Diamonds could not be had")
    assert table.numbers.shape == (53940, 6)
    assert (table.price.min(), table.price.max()) == (326, 18823)


def test_the_wheel_is_downloaded_once_and_kept(elsewhere, monkeypatch):
    monkeypatch.setattr(subprocess, "run", wheel_of(ROWS))
    assert len(load_diamonds().price) == 2
    assert (elsewhere / "cache" / "diamonds.csv").read_bytes() == ROWS
    diamonds._find.cache_clear()
    monkeypatch.setattr(subprocess, "run", no_pip)
    assert not load_diamonds().is_substitute


@pytest.mark.parametrize(
    ("run", "words"), [(no_pip, "gave no wheel"), (wheel_of(ROWS + b"x"), "not the published")]
)
def test_without_the_file_a_warning_says_what_to_do(elsewhere, monkeypatch, run, words):
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.warns(UserWarning, match=f"{words}.*install plotnine==.*MLPBOOK_DATA"):
        table = load_diamonds()
    assert table.is_substitute
    assert "made-up" in table.source


def test_the_file_in_the_named_folder_comes_first_and_must_be_whole(elsewhere, monkeypatch):
    monkeypatch.setenv("MLPBOOK_DATA", str(elsewhere))
    monkeypatch.setattr(subprocess, "run", no_pip)
    file = elsewhere / "diamonds.csv"
    file.write_bytes(ROWS)
    assert not load_diamonds().is_substitute
    diamonds._find.cache_clear()
    file.write_bytes(ROWS[:-2])
    with pytest.raises(ValueError, match=r"diamonds.csv in MLPBOOK_DATA must have SHA-256"):
        load_diamonds()


def test_a_damaged_cache_is_replaced(elsewhere, monkeypatch):
    (elsewhere / "cache").mkdir()
    (elsewhere / "cache" / "diamonds.csv").write_bytes(b"half")
    monkeypatch.setattr(subprocess, "run", wheel_of(ROWS))
    assert not load_diamonds().is_substitute
    assert (elsewhere / "cache" / "diamonds.csv").read_bytes() == ROWS


def test_a_cache_that_cannot_be_written_is_no_error(elsewhere, monkeypatch):
    (elsewhere / "cache").write_bytes(b"a file where the folder should be")
    monkeypatch.setattr(subprocess, "run", wheel_of(ROWS))
    assert not load_diamonds().is_substitute


def test_an_installed_package_is_read_without_importing_it(monkeypatch, tmp_path):
    (tmp_path / "plotnine").mkdir()
    (tmp_path / "plotnine" / "__init__.py").write_text("raise ImportError")
    monkeypatch.syspath_prepend(tmp_path)
    assert diamonds._installed() == tmp_path / "plotnine" / "data" / "diamonds.csv"


def test_the_made_up_table_has_the_same_columns():
    table = made_up(500)
    assert table.numbers.shape == (500, len(NUMBERS))
    for codes, values in zip(table.codes.T, CATEGORIES.values(), strict=True):
        assert set(codes) == set(range(len(values)))
    assert np.isnan(table.numbers).any()
    np.testing.assert_array_equal(table.price, made_up(500).price)
