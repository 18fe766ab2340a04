"""The build is honest: every fault fails it, twice; what has not changed is not run again."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Plant = Callable[[Any], None]  # spoils a book of conftest.py

CELL = "\n```{{code-cell}} ipython3\n{}\n```\n"


def cell(code: str, tags: str = "") -> Plant:
    """Return what adds a cell to the first page."""
    head = f":tags: [{tags}]\n" if tags else ""
    return lambda book: book.append("book/first.md", CELL.format(head + code))


def prose(text: str) -> Plant:
    """Return what adds prose to the first page."""
    return lambda book: book.append("book/first.md", f"\n{text}\n")


def hang(book) -> None:
    """Add a cell that never ends, and the patience of two seconds."""
    book.replace(
        "book/first.md", "---\n\n(first)", "mystnb:\n  execution_timeout: 2\n---\n\n(first)"
    )
    cell("while True:\n    time.sleep(0.1)")(book)


def unbind(book) -> None:
    """Take an equation's test away."""
    book.write("tests/equations/test_first.py", "")


def bind_nothing(book) -> None:
    """Mark a test with a label that no page has."""
    book.append("tests/equations/test_first.py", TEST_OF_NOTHING)


TEST_OF_NOTHING = '''

@pytest.mark.equation("eq-first-gone", tolerance=1e-12)
def test_nothing():
    """Something against nothing."""
'''
FAULTS = {
    "a raising cell": (cell("1 / 0"), ["first.md", "ZeroDivisionError"]),
    "a hanging cell": (hang, ["first.md", "CellTimeoutError"]),
    "a dying kernel": (cell("import os\nos._exit(1)"), ["first.md", "DeadKernelError"]),
    "a word on stderr": (
        cell('import sys\nprint("careful", file=sys.stderr)'),
        ["first.md", "stderr"],
    ),
    "an error that does not come": (cell("1 / 1", "raises-exception"), ["ought to raise", "1 / 1"]),
    "an undefined reference": (prose("See {ref}`nowhere`."), ["first.md", "nowhere"]),
    "an undefined equation": (prose("See {eq}`eq-nowhere`."), ["first.md", "eq-nowhere"]),
    "an undefined citation": (prose("See {cite:t}`nobody1900`."), ["first.md", "nobody1900"]),
    "broken TeX": (prose(r"Here is $\frac{a$."), ["first.md:LAST:", r"\frac{a", "close brace"]),
    "an unknown TeX command": (prose(r"Here is $\nosuch x$."), ["first.md", r"\nosuch"]),
    "an equation without a test": (unbind, ["first.md:", "eq-first-sum has no test"]),
    "an equation without a label": (prose("$$ x = 2 $$"), ["first.md", "has no label"]),
    "a test without its equation": (bind_nothing, ["test_first.py", "eq-first-gone"]),
    "a label twice": (
        lambda book: book.append("book/second.md", "\n$$ x = 1 $$ (eq-first-sum)\n"),
        ["second.md", "duplicate label of equation eq-first-sum"],
    ),
    "a typed result": (
        prose("The error falls to 0.25."),
        ["first.md", "'0.25' is typed in “The error falls to 0.25.”", "glue it"],
    ),
    "a typed result in a figure": (
        cell('def show(alt):\n    pass\n\nshow(alt="It falls to 0.25.")'),
        ["first.md:LAST", "'0.25' is typed in"],
    ),
    "a missing page": (
        lambda book: book.append("book/_toc.yml", "      - file: missing\n"),
        ["nonexisting document 'missing'"],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_fails_the_build_the_first_time_and_the_second(name: str, book) -> None:
    plant, words = FAULTS[name]
    plant(book)
    last = len((book.root / "book" / "first.md").read_text(encoding="utf-8").splitlines())
    for result in (book.build(), book.build()):
        assert result.code != 0, result.text
        for word in words:
            assert word.replace("LAST", str(last)) in result.text


def test_the_real_book_is_built_strictly() -> None:
    text = (Path(__file__).parents[2] / "_config.yml").read_text(encoding="utf-8")
    for setting in ("book_strict: true", "book_whole: true", "raise_on_error: true"):
        assert setting in text
    assert "stderr_output: error" in text
    assert "allow_errors" not in text


def test_a_sound_book_builds(built) -> None:
    book, result = built
    assert result.code == 0, result.text
    assert "WARNING" not in result.text
    assert "Executing notebook" not in result.text  # all in the pool, none again when read
    assert "the answer is 41" in book.page("first")


def test_two_pages_run_at_the_same_time(built) -> None:
    book, _ = built
    spans = []
    for name in ("first", "second"):
        match = re.search(rf"{name} ran ([\d.]+) ([\d.]+)", book.page(name))
        spans.append((float(match[1]), float(match[2])))
    (first_start, first_end), (second_start, second_end) = spans
    assert first_start < second_end
    assert second_start < first_end


def test_a_build_with_nothing_changed_runs_nothing(built) -> None:
    book, first = built
    again = book.build()
    assert again.code == 0
    assert "executed" not in again.text
    assert "0 added, 0 changed, 0 removed" in again.text
    assert again.seconds < first.seconds


def test_a_tested_equation_leads_to_its_test_and_back(built) -> None:
    book, _ = built
    page, index = book.page("first"), book.page("equations")
    mark = re.search(r'<a class="equation-test" href="([^"]+)"\s+aria-label="([^"]+)"', page)
    assert mark[1] == "equations.html#test-eq-first-sum"
    assert mark[2] == (
        "Equation 1.1 is tested: The sum written out against the scalar product, to 1e-12."
    )
    assert 'id="test-eq-first-sum"' in index
    assert 'href="first.html#equation-eq-first-sum"' in index
    assert "Equation (1.1)" in index
    assert 'href="tests/test_first.html#test_the_sum"' in index
    source = book.page("tests/test_first")
    assert '<div class="highlight-python notranslate" id="test_the_sum">' in source
    assert 'href="../equations.html"' in source
    assert "1 equation, 1 test." in index


def test_formulas_are_set_in_the_page(built) -> None:
    book, _ = built
    page = book.page("first")
    assert "<math" in page
    assert "mathjax" not in page.lower()
    uses = set(re.findall(r'<use href="#(m-\w+)"', page))
    assert uses <= set(re.findall(r'<path id="(m-\w+)"', page))
    assert len(uses) > 5
    # A title also stands in other pages' contents, so its glyphs travel with it.
    contents = re.search(r'href="first.html">(.*?)</a>', book.page("second"), re.DOTALL)[1]
    assert "<path" in contents
    assert "<use" not in contents


def test_a_changed_constant_deep_in_the_package_changes_the_page(book) -> None:
    assert "executed" not in book.build().text  # all from the cache
    book.write("src/mlpbook/deeper.py", "ANSWER = 42\n")
    result = book.build()
    assert result.code == 0, result.text
    assert "the answer is 42" in book.page("first")
    assert "executed first" in result.text
    assert "executed second" not in result.text


def test_a_package_that_changes_under_a_running_page_is_no_result(book) -> None:
    target = book.root / "src" / "mlpbook" / "deeper.py"
    cell(f"open({str(target)!r}, 'a').write('# changed' + chr(10))")(book)
    result = book.build()
    assert result.code != 0
    assert "the package changed while it ran" in result.text


def test_two_builds_in_two_folders_give_the_same_bytes(tmp_path, new_book) -> None:
    sites = []
    for name in ("one", "two"):
        book = new_book(tmp_path / name)
        book.replace("book/first.md", 'print("first ran", start, time.time())', PIECES)
        book.replace("book/second.md", 'print("second ran", start, time.time())', "")
        assert book.build().code == 0
        site = book.root / "_build" / "html"
        files = sorted(path for path in site.rglob("*") if path.is_file())
        sites.append({path.relative_to(site): path.read_bytes() for path in files})
    one, two = sites
    assert one.keys() == two.keys()
    assert [path for path in one if one[path] != two[path]] == []


# Text that reaches the notebook in pieces, and a set, whose order hangs on the hash seed.
PIECES = """print("a", end="", flush=True)
time.sleep(0.3)
print({"b", "c", "d", "e"})"""


def test_a_page_says_that_it_was_built_on_substitute_digits(book) -> None:
    assert book.build().code == 0
    title = "This page was built without MNIST"
    assert title in book.page("second")
    assert title not in book.page("first")
    book.replace("src/mlpbook/data/toys.py", "is_substitute = True", "is_substitute = False")
    assert book.build().code == 0
    assert title not in book.page("second")


def test_a_deliberate_error_shows_the_cell_and_no_path(book) -> None:
    cell("import json\njson.loads('{')", "raises-exception")(book)
    assert book.build().code == 0
    page = book.page("first")
    assert "JSONDecodeError: Expecting property name" in page
    assert "json.loads" in page.partition("Traceback (most recent call last)")[2]
    assert "decoder.py" not in page


def test_a_page_without_cells_needs_no_kernel(book) -> None:
    book.write(
        "book/second.md", book.front_matter + "\n(second)=\n# Second page\n\nNo cell here.\n"
    )
    result = book.build()
    assert result.code == 0, result.text
    assert "Executing notebook" not in result.text
