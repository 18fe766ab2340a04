"""The first use of a term leads to the glossary; the index has each term, theorem and name."""

import re

GLOSSARY = """
# Words

```{glossary}
:sorted:

bit
  A zero or a one.

linear map
  A map that keeps sums.

unit
  A neuron.
```
"""
TEXT = """
Plain bits come first, and the unit of length.
Then a **linear map** and bits again; a linear map, too.

```{prf:theorem} Of bits
:label: thm-first-bits

There are two bits.
```
"""


def test_terms_lead_to_the_glossary_and_into_the_index(book):
    book.write("book/words.md", GLOSSARY)
    book.append("book/_toc.yml", "      - file: words\n      - file: genindex\n")
    book.write("book/genindex.md", "# Index\n\nThe terms of this book, in their order.\n")
    book.append("book/first.md", TEXT)
    result = book.build()
    assert result.code == 0, result.text
    page, index = book.page("first"), book.page("genindex")

    links = re.findall(r'href="words.html#term-([\w-]+)"[^>]*>(.*?)</a>', page)
    plain = [(term, re.sub(r"<[^>]+>", "", words)) for term, words in links]
    assert plain == [("bit", "bits"), ("linear-map", "linear map")]  # "unit" is everyday English
    assert '<p id="use-bit use-linear-map">' in page or 'id="use-bit"' in page
    for name in ("use-bit", "use-linear-map"):
        assert page.count(f'id="{name}"') == 1

    found = {
        re.sub(r"\s+", " ", re.split("<", entry)[0]).strip(): re.findall(r'href="([^"]+)"', entry)
        for entry in re.findall(r"<li>(.*?)</li>", index, re.DOTALL)
    }
    assert found["bit"] == ["words.html#term-bit", "first.html#use-bit"]
    assert found["Of bits"] == ["first.html#thm-first-bits"]
    assert ">Theorem 1.1</a>" in index
    assert "genindex.html" in page  # in the sidebar, among the pages


def test_without_a_glossary_nothing_is_linked(built):
    book, _ = built
    assert "std-term" not in book.page("first")


def test_a_new_term_is_linked_in_pages_that_did_not_change(book):
    book.write("book/words.md", GLOSSARY)
    book.append("book/_toc.yml", "      - file: words\n")
    assert book.build().code == 0
    assert "term-number" not in book.page("first")
    book.replace("book/words.md", "bit\n", "number\n  How many.\n\nbit\n")
    result = book.build()
    assert result.code == 0, result.text
    assert "words.html#term-number" in book.page("first")
