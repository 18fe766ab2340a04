"""The build is honest: every fault fails it, twice; what has not changed is not run again."""

import re
from pathlib import Path

CELL = "\n```{{code-cell}} ipython3\n{}\n```\n"


def add_page(book, name: str, text: str, options: str = "") -> None:
    """Add a page to the book's contents."""
    front = book.front_matter.replace("---\n\n", "---\n").removesuffix("---\n")
    book.write(f"book/{name}.md", f"{front}{options}---\n\n# {name.capitalize()}\n{text}")
    book.append("book/_toc.yml", f"      - file: {name}\n")


# A page's cell, and the block that the build prints about it, with its line below the front matter.
FAILING = {
    "raises": (
        "value = 0\n1 / value",
        """:LINE2: cell 1
    | value = 0
  > | 1 / value
  ZeroDivisionError: division by zero
  Fix the cell.""",
    ),
    "inside": (
        "from mlpbook.broken import half\n\nhalf(1)",
        """:LINE3: cell 1
    | from mlpbook.broken import half
    |
  > | half(1)
  ValueError: no half of 1
  raised in src/mlpbook/broken.py:2, in half""",
    ),
    "hangs": (
        "import time\n\nwhile True:\n    time.sleep(0.1)",
        "CellTimeoutError: the cell ran for more than 2 seconds\n  Let it do less",
    ),
    "dies": (
        "import os\n\nos._exit(1)",
        """:LINE1: cell 1
    | import os
    |
    | os._exit(1)
  DeadKernelError: the kernel died while this cell ran
  It ran out of memory""",
    ),
    "warns": (
        "import warnings\n\nwarnings.warn('careful')",
        """:LINE3: cell 1
    | import warnings
    |
  > | warnings.warn('careful')
  the cell printed to stderr: """,
    ),
    "sound": (":tags: [raises-exception]\n1 / 1", "is tagged raises-exception, and raised nothing"),
    "foreign": ("1 / 1", "the page asks for the kernel 'julia', but pages run in the Python"),
}


def test_a_cell_that_fails_is_told_once_with_its_place_the_first_time_and_the_second(book) -> None:
    book.write("src/mlpbook/broken.py", "def half(n):\n    raise ValueError(f'no half of {n}')\n")
    for name, (code, _) in FAILING.items():
        limit = "mystnb:\n  execution_timeout: 2\n" if name == "hangs" else ""
        add_page(book, name, CELL.format(code), limit)
    book.replace("book/foreign.md", "name: python3", "name: julia")
    for result in (book.build(), book.build()):
        assert result.code != 0, result.text
        assert "Traceback" not in result.text
        for name, (_, block) in FAILING.items():
            first = 1 + (book.root / f"book/{name}.md").read_text("utf-8").splitlines().index(
                "```{code-cell} ipython3"
            )
            block = re.sub(r"LINE(\d)", lambda m, first=first: str(first + int(m[1])), block)
            assert f"book/{name}.md{block}" in result.text or not block.startswith(":"), result.text
            assert result.text.count(block) == 1
            assert result.text.count(f"book/{name}.md:") == 1


def test_a_fault_in_the_text_fails_the_build_the_first_time_and_the_second(book) -> None:
    add_page(book, "faults", "\n\n".join(["", *FAULTS]))
    book.append("book/second.md", "\n$$ x = 1 $$ (eq-first-sum)\n")
    book.append("book/_toc.yml", "      - file: missing\n")
    book.append("tests/equations/test_first.py", TEST_OF_NOTHING)
    lines = (book.root / "book/faults.md").read_text("utf-8").splitlines()
    for result in (book.build(), book.build()):
        assert result.code != 0, result.text
        for fault, words in FAULTS.items():
            place = f"faults.md:{lines.index(fault) + 1}: "
            said = [line for line in result.text.splitlines() if words in line]
            assert any(place in line or "cite" in fault for line in said), (fault, result.text)
        assert "second.md" in result.text
        assert "duplicate label of equation eq-first-sum" in result.text
        assert "nonexisting document 'missing'" in result.text
        assert re.search(r"test_first.py:\d+: test_nothing tests eq-first-gone", result.text)


FAULTS = {
    "The error falls to 0.25.": "'0.25' is typed in",
    "See {ref}`nowhere`.": "undefined label: 'nowhere'",
    "See {eq}`eq-nowhere`.": "equation not found: eq-nowhere",
    "See {cite:t}`nobody1900`.": "nobody1900",
    r"Here is $\frac{a$.": "close brace",
    r"Here is $\nosuch x$.": r"\nosuch",
    "$$ x = 2 $$": "has no label",
    "$$ x = 2 $$ (eq-faults-lone)": "equation eq-faults-lone has no test",
}
TEST_OF_NOTHING = '''

@pytest.mark.equation("eq-first-gone", tolerance=1e-12)
def test_nothing():
    """Something against nothing."""
'''


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
    assert "Nothing has changed" in again.text
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
    book.append(
        "book/first.md", CELL.format(f"open({str(target)!r}, 'a').write('# changed' + chr(10))")
    )
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
    book.replace("src/mlpbook/data/__init__.py", "is_substitute = True", "is_substitute = False")
    assert book.build().code == 0
    assert title not in book.page("second")


def test_a_deliberate_error_shows_the_cell_and_no_path(book) -> None:
    code = ":tags: [raises-exception]\nimport json\njson.loads('{')"
    book.append("book/first.md", CELL.format(code))
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
