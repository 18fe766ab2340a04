"""Nothing old stays on the site, and a build with nothing to do changes nothing."""

import hashlib
import json
import re
import shutil

WORDS = """
# Words

```{glossary}
bit
  A zero or a one.

linear map
  A map that keeps sums.
```
"""


def site_of(book) -> dict[str, tuple[bytes, int]]:
    """Return the bytes of each file of the site, and when it was written."""
    site = book.root / "_build" / "html"
    return {
        path.relative_to(site).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(site.rglob("*"))
        if path.is_file()
    }


def bytes_of(book) -> dict[str, bytes]:
    """Return the bytes of each file of the site."""
    return {name: content for name, (content, _) in site_of(book).items()}


def search_index(book) -> dict:
    """Return what the search knows."""
    text = (book.root / "_build/html/searchindex.js").read_text(encoding="utf-8")
    return json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)", text, re.DOTALL)[1])


def build(book) -> str:
    """Build, and return what was said."""
    result = book.build()
    assert result.code == 0, result.text
    return result.text


def with_words(book) -> None:
    """Add a glossary, and a table of notation."""
    book.write("book/words.md", WORDS)
    book.append("book/_toc.yml", "      - file: words\n")


def test_an_edit_of_a_tool_a_sheet_or_a_template_reaches_the_pages(book) -> None:
    build(book)
    book.replace("tools/cells/notices.py", "This page was built without MNIST", "PLANTED notice")
    assert "executed" not in build(book)
    assert "PLANTED notice" in book.page("second")

    book.append("book/assets/book.css", "\np { outline-offset: 7.25px }\n")
    said = build(book)
    assert "executed" not in said
    assert "read " not in said  # the pages are written again, not read
    css = (book.root / "_build/html/_static/site.css").read_text(encoding="utf-8")
    assert "p{outline-offset:7.25px}" in css
    mark = re.search(r'site\.css\?v=(\w+)"', book.page("first"))[1]
    assert mark == hashlib.sha256(css.encode()).hexdigest()[:8]

    planted = '  <meta name="planted" content="template" />\n  {{- css() }}'
    book.replace("tools/templates/layout.html", "  {{- css() }}", planted)
    build(book)
    assert '<meta name="planted" content="template" />' in book.page("first")


def test_builds_with_nothing_changed_write_nothing(book) -> None:
    with_words(book)
    build(book)
    first = site_of(book)
    for _ in range(3):
        assert "Nothing has changed" in build(book)
        assert site_of(book) == first


def test_a_measured_deviation_changes_the_page_of_equations_alone(book) -> None:
    with_words(book)
    digest = hashlib.sha256((book.root / "tests/equations/test_first.py").read_bytes()).hexdigest()
    name = "tests/equations/test_first.py::test_the_sum::eq-first-sum"

    def measure(deviation: float) -> None:
        report = {name: {"digest": digest, "deviation": deviation}}
        book.write("_build/equations.json", json.dumps(report))
        build(book)

    measure(1e-15)
    before, entries = bytes_of(book), search_index(book)["indexentries"]
    assert {"bit", "linear map", "(1.1)"} <= entries.keys()
    measure(2e-15)
    after = bytes_of(book)
    assert "measured deviation 2.0e-15" in book.page("equations")
    assert search_index(book)["indexentries"] == entries
    changed = {name for name in before if before[name] != after.get(name)}
    assert changed <= {"equations.html", "searchindex.js"}  # the search finds 2.0e-15


def test_an_edited_book_is_the_same_as_a_new_one(book, tmp_path, new_book) -> None:
    with_words(book)
    build(book)
    for edited in (book, new_book(tmp_path / "new")):
        if edited is not book:
            with_words(edited)
            cache = "_build/.jupyter_cache"
            shutil.copytree(book.root / cache, edited.root / cache, dirs_exist_ok=True)
        edited.replace("book/first.md", "# First page", "# Another first page")
        edited.replace("book/first.md", "Inline math", "$$ a = b $$ (def-first-new)\n\nInline math")
        edited.replace("book/words.md", "bit\n", "byte\n")
        build(edited)
    old, new = bytes_of(book), bytes_of(edited)
    assert old.keys() == new.keys()
    assert [name for name in new if old[name] != new[name]] == []


def test_a_page_that_leaves_the_contents_leaves_the_site(book) -> None:
    with_words(book)
    book.replace("book/first.md", " is also used on {ref}`second`", "")
    build(book)
    assert "second.html" in book.page("first")
    book.replace("book/_toc.yml", "      - file: second\n", "")
    (book.root / "book/second.md").unlink()
    build(book)
    site = book.root / "_build/html"
    left = [p.relative_to(site).as_posix() for p in site.rglob("*") if p.stem == "second"]
    assert left == []
    for name in ("first", "index", "equations", "words", "search", "404"):
        assert "second.html" not in book.page(name)
    assert "second" not in search_index(book)["docnames"]
