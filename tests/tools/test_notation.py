"""Every way to ask for a symbol."""

import pytest
from docutils import nodes

from tools.words import notation


@pytest.mark.parametrize(
    ("tex", "ways"),
    [
        ("W_l", {"w_l"}),
        (r"\lambda", {r"\lambda", "lambda", "λ"}),
        (r"\bar W", {r"\bar w", "bar w", "w bar", "w̄"}),
        (r"\bar\theta", {r"\bar\theta", "bar theta", "theta bar", "θ̄"}),
        (r"\varphi'", {r"\varphi'", "varphi'", "φ'"}),
        (r"\hat y", {r"\hat y", "hat y", "y hat", "ŷ"}),
        (r"\mathcal L", {r"\mathcal l", "l"}),
        (r"\operatorname{LSE}", {r"\operatorname{lse}", "lse"}),
    ],
)
def test_a_symbol_is_found_as_tex_by_its_name_and_by_its_letter(tex, ways):
    assert notation.ways_to_ask(tex) == ways


def row(*cells):
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *cell)) for cell in cells))


def test_a_row_is_found_by_its_symbols_and_its_names_in_code():
    symbol = [nodes.math("", r"\varphi")]
    meaning = [nodes.math("", r"p = \operatorname{softmax}(z)"), nodes.literal("", "relu_prime")]
    found = list(notation.symbols(row(symbol, meaning)))
    assert found == [r"\varphi", "softmax", "relu_prime", "relu'"]


def test_the_adjoint_is_found_for_every_letter_that_has_one():
    found = list(notation.symbols(row([nodes.math("", r"\bar v")])))
    assert {r"\bar v", r"\bar W", r"\bar Z"} <= set(found)
