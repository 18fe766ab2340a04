"""The plain commands do what one expects, wherever the checkout lies and whoever else builds."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [str(Path(sys.executable).with_name("jupyter-book")), "build", "book"]
ASK = '\n```{code-cell} ipython3\nimport sys\nprint("run by", sys.executable)\n```\n'


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no ? in a name")
def test_a_folder_may_have_any_name(tmp_path, new_book) -> None:
    book = new_book(tmp_path / "a%20b ü" / "what? #1")
    result = book.build()
    assert result.code == 0, result.text
    assert "executed first" in result.text
    assert [path.name for path in book.root.parent.iterdir()] == ["what? #1"]
    book.append("book/first.md", "\nMore.\n")
    assert "executed" not in book.build().text  # the outputs are found again


def test_pages_run_in_the_python_that_builds_them(book, tmp_path, monkeypatch) -> None:
    """A kernel of the same name, found first, runs nothing."""
    kernel = tmp_path / "elsewhere" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    argv = ["false", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    book.append("book/first.md", ASK)
    result = book.build()
    assert result.code == 0, result.text
    assert f"run by {sys.executable}" in book.page("first")


def test_a_page_that_asks_for_other_ways_to_run_is_refused(book) -> None:
    inline = "mystnb:\n  execution_mode: inline\n---\n\n(first)"
    book.replace("book/first.md", "---\n\n(first)", inline)
    result = book.build()
    assert result.code != 0
    assert "first.md: execution_mode must be cache or off, got 'inline'" in result.text


def test_a_second_build_waits_for_the_first(book) -> None:
    sleep = "\n```{code-cell} ipython3\ntime.sleep(3)\n```\n"
    book.append("book/first.md", sleep)
    first = subprocess.Popen(COMMAND, cwd=book.root, stdout=subprocess.PIPE, text=True)
    while not (book.root / "_build/.jupyter_cache").exists() or not list(
        book.root.glob("_build/.doctrees/unfinished")
    ):
        time.sleep(0.05)
    second = book.build()
    assert first.wait() == 0
    first.stdout.close()
    assert second.code == 0, second.text
    assert "another build is running in" in second.text
    assert "Nothing has changed" in second.text


def test_the_folder_above_builds_the_same_book(book) -> None:
    assert book.build().code == 0
    result = book.build("build", ".")
    assert result.code == 0, result.text
    assert "Nothing has changed" in result.text


def test_clean_empties_the_folder_of_the_build(book) -> None:
    assert book.build().code == 0
    result = book.build("clean", "book")
    assert result.code == 0, result.text
    left = sorted(path.name for path in (book.root / "_build").iterdir() if path.is_dir())
    assert left == [".jupyter_cache"]
    assert "executed" not in book.build().text


def test_a_build_says_a_line_for_each_page_and_where_the_book_is(built) -> None:
    _, result = built
    said = [line for line in result.text.splitlines() if line.strip()]
    pages = [line.split() for line in said if line.endswith(" s")]
    assert sorted(pages[:2])[0][:2] == ["executed", "first"]
    assert [page[:2] for page in pages[2:]] == [["read", "equations"], ["read", "index"]]
    assert len(pages) == 4
    assert len(said) <= 22, result.text
    for noise in ("Config(", "fontTools", "multitoc", "bibtex", "pickl"):
        assert noise not in result.text
    assert "_build/html/index.html" in result.text
