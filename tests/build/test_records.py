"""A stale record is reported, on the page and at the end of the build, and fails nothing."""

import json
import re

import pytest

from bookkit.records.dependencies import Modules

NOTICE = "Recorded with an earlier version of the code"
CELL = """
```{code-cell} ipython3
import json

with open("records/" + "counting" + ".json") as file:
    print("recorded:", json.load(file)["value"])
```
"""


@pytest.fixture(name="recorded")
def _recorded(book):
    """A book whose second page reads a record made by the package's unused module."""
    digest = Modules(book.root / "src").digest("mlpbook.unused")
    write(book, digest, 1)
    book.append("book/second.md", CELL)
    return book, digest


def write(book, digest: str, value: int) -> None:
    """Write the record."""
    fields = {"module": "mlpbook.unused", "digest": digest, "value": value}
    book.write("book/records/counting.json", json.dumps(fields))


def test_a_record_whose_code_has_changed_is_reported_and_fails_nothing(recorded) -> None:
    book, _ = recorded
    result = book.build()
    assert result.code == 0, result.text
    assert "stale record" not in result.text
    assert NOTICE not in book.page("second")

    book.write("src/mlpbook/unused.py", "# only a comment\n")
    assert "stale record" not in book.build().text

    book.write("src/mlpbook/unused.py", "CHANGED = 1\n")
    for result in (book.build(), book.build()):  # not only the first time
        assert result.code == 0, result.text
        assert "stale record counting" in result.text
        assert "executed" not in result.text  # the numbers are what they were
        assert NOTICE in book.page("second")
        words = re.sub(r"<[^>]*>", "", book.page("second"))
        assert "python -m bookkit.records counting." in words
        assert NOTICE not in book.page("first")

    book.write("src/mlpbook/unused.py", "")
    result = book.build()
    assert "stale record" not in result.text
    assert NOTICE not in book.page("second")


def test_a_new_record_runs_the_pages_that_read_it_and_no_others(recorded) -> None:
    book, digest = recorded
    assert book.build().code == 0
    assert "recorded: 1" in book.page("second")
    write(book, digest, 2)
    result = book.build()
    assert result.code == 0, result.text
    assert "recorded: 2" in book.page("second")
    assert "executed second" in result.text
    assert "executed first" not in result.text


def test_a_script_runs_the_pages_that_name_it_and_no_others(book) -> None:
    book.append("book/second.md", SCRIPT_CELL)
    for value in (1, 2):
        book.write("book/scripts/number.py", f"print('number', {value})\n")
        result = book.build()
        assert result.code == 0, result.text
        assert f"number {value}" in book.page("second")
        assert "executed second" in result.text
        assert "executed first" not in result.text


SCRIPT_CELL = """
```{code-cell} ipython3
import pathlib

name = "number"
eval(compile(pathlib.Path(f"scripts/{name}.py").read_text(), name, "single"))
```
"""


def test_a_record_that_a_module_reads_belongs_to_the_pages_that_reach_it(book) -> None:
    book.write("src/bookkit/records/timing.py", MODULE)
    book.append("book/second.md", MODULE_CELL)
    modules = ["mlpbook.unused", "bookkit.records.timing"]
    for value in (1, 2):  # no experiment's record
        write_times(book, value, modules)
        result = book.build()
        assert result.code == 0, result.text
        assert "executed second" in result.text
        assert "executed first" not in result.text
        assert f"seconds: {value}" in book.page("second")

    book.write("src/mlpbook/unused.py", "CHANGED = 1\n")
    result = book.build()
    assert "stale record speed" in result.text
    assert "make bench." in re.sub(r"<[^>]*>", "", book.page("second"))
    write_times(book, 3, modules)  # the new record is of the new code
    assert "stale record" not in book.build().text
    assert NOTICE not in book.page("second")


def write_times(book, value: int, modules: list[str]) -> None:
    """Write a record of two modules, made by a command of its own."""
    digest = Modules(book.root / "src").digest(*modules)
    fields = {"command": "make bench", "modules": modules, "digest": digest, "seconds": value}
    book.write("book/records/speed.json", json.dumps(fields))


MODULE_CELL = """
```{code-cell} ipython3
from bookkit.records import timing

print("seconds:", timing.load()["seconds"])
```
"""
MODULE = """import json


def load():
    with open("records/speed.json") as file:
        return json.load(file)
"""
