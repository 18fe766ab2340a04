"""Full-text search: on this machine alone, and it finds notation."""

import re
from urllib.parse import quote

import pytest

SYMBOLS = {
    "W_l": "weights of layer",
    "λ": "learning rate, momentum, penalty",
    "lambda": "learning rate, momentum, penalty",
    r"\lambda": "learning rate, momentum, penalty",
    r"\bar W": "adjoint of",
    "W̄": "adjoint of",
    "ReLU'": "activation function and its derivative",
    "φ": "activation function and its derivative",
    "softmax": "class probabilities",
    "log-sum-exp": None,
}


def search(page, words):
    """Search for some words; return the results as (title, address)."""
    page.goto(f"search.html?q={quote(words)}")
    page.wait_for_function("/finished|did not match/.test(document.body.textContent)")
    links = page.locator("#search-results li a")
    return links.evaluate_all("all => all.map(a => [a.textContent, a.getAttribute('href')])")


@pytest.mark.parametrize("words", [words for words, row in SYMBOLS.items() if row])
def test_a_symbol_is_found_in_the_notation_first(page, words):
    results = search(page, words)
    rows = [href for _, href in results[:3] if "notation.html" in href and "#symbol-" in href]
    assert rows, results[:5]
    page.goto(re.sub(r"\?[^#]*", "", rows[0]))
    row = page.locator("#" + rows[0].rpartition("#")[2])
    assert SYMBOLS[words] in row.inner_text()


def test_a_word_is_found_in_the_glossary_and_a_greek_letter_in_chapters(page):
    assert any("glossary.html#term-adjoint" in href for _, href in search(page, "adjoint")[:3])
    assert any("part2-learning" in href for _, href in search(page, "λ"))


def test_the_field_in_the_sidebar_leads_to_results_by_keyboard(page):
    page.goto("part1-representing/one-neuron.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("Novikoff")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=Novikoff*")
    page.locator("#search-results li a", has_text="One neuron").first.wait_for()


def test_a_search_that_finds_nothing_says_so(page):
    assert search(page, "xyzzyqwert") == []
    assert "did not match any documents" in page.locator("#search-results").inner_text()
