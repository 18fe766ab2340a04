"""The reader of displayed TeX: what it computes by hand-made cases, and what it refuses."""

import re

import numpy as np
import pytest

from tools.equations.printed import BOOK, Mean, equation, equations, evaluate, numbered
from tools.equations.tex import ShapeError, TeXError, tokenize

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])  # (2, 3)
B = np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]])  # (3, 2)
V, W = np.array([1.0, -2.0, 3.0]), np.array([0.5, 1.0])  # (3,), (2,)
SYMBOLS = {"A": A, "B": B, "v": V, "w": W, "s": 2.0, "t": 3, "l": 1, r"\mathbf 1": np.ones(2)}
SYMBOLS |= {"W_1": A, "W_2": B, "x^{(1)}": V, "x^{(2)}": 2 * V, r"\varphi'": np.cos, "f": np.sin}
SYMBOLS |= {r"\hat v": -V, r"\beta_1": 0.9, "n_0": 3, "n_1": 2, "I": np.eye(2)}
SIZES = {"i": 2, "j": 3, "k": 2}


def value(tex, **options):
    """Evaluate the right-hand side of `r = tex`."""
    options = {"indices": SIZES, **options}
    (statement,), _ = evaluate(f"r={tex}", SYMBOLS, defines="r", **options)
    return statement.sides[1]


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"Av", A @ V),
        (r"A v\,s", 2 * A @ V),
        (r"v^\top v", 14.0),
        (r"vw^\top", np.outer(V, W)),
        (r"v^\top", V[np.newaxis]),
        (r"A B-I", A @ B - np.eye(2)),
        (r"(AB)^{-1}", np.linalg.inv(A @ B)),
        (r"(AB)^t", A @ B @ A @ B @ A @ B),
        (r"A\odot B^\top", A * B.T),
        (r"AB\odot I", A @ B * np.eye(2)),  # side by side binds tighter
        (r"\mathbf 1v^\top", np.array([V, V])),
        (r"\frac12s^2", 2.0),
        (r"\tfrac1s+\frac{1}{2s}", 0.75),
        (r"1/s-10/4", -2.0),
        (r"-s+0.5\cdot3", -0.5),
        (r"\sqrt{s^2}", 2.0),
        (r"2^{-t}", 0.125),
        (r"e^{-s}", np.exp(-2)),
        (r"\beta_1^t", 0.729),
        (r"(1-\beta_1)^{t-1}", 0.1**2),
        (r"\lVert v\rVert^2", 14.0),
        (r"\lVert A\rVert_F", np.sqrt(91)),
        (r"\lVert A\rVert_2", np.linalg.svd(A)[1][0]),
        (r"|1-s|", 1.0),
        (r"\lvert-s\rvert", 2.0),
        (r"\max(s,t)-\min(s,t)", 1.0),
        (r"\log s\,t", np.log(6)),
        (r"\log\bigl(s\bigr)t", 3 * np.log(2)),
        (r"\log s+t", np.log(2) + 3),
        (r"\tanh^2s", np.tanh(2) ** 2),
        (r"\log\tanh s", np.log(np.tanh(2))),
        (r"\exp v", np.exp(V)),
        (r"f(v)\odot\varphi'(v)", np.sin(V) * np.cos(V)),
        (r"f(s)\,t", np.sin(2) * 3),
        (r"v(s)", 2 * V),  # no function: a product
        (r"\operatorname{diag}(v)", np.diag(V)),
        (r"\mathrm{diag}(f(v))", np.diag(np.sin(V))),
        (r"\mathrm{diag}(w_1,\dots,w_{n_1})", np.diag(W)),
        (r"\operatorname{tr}(AB)", np.trace(A @ B)),
        (r"\mathbb 1[v>0]", np.array([1.0, 0.0, 1.0])),
        (r"\mathbb 1[s\le t<4]", 1.0),
        (r"W_{l+1}W_l", B @ A),
        (r"W_l^\top W_{l+1}^\top", A.T @ B.T),
        (r"\hat v", -V),
        (r"\hat v_2", 2.0),
        (r"A_{2,3}", 6.0),
        (r"(W_1^\top)_{3,2}", 6.0),
        (r"(W_l)_{2,l+2}", 6.0),
        (r"(A v)_1", 6.0),
        (r"f(v)_2", np.sin(-2)),
        (r"x^{(2)\top}v", 28.0),
        (r"x^{(l+1)}_1", 2.0),
        (r"A_{ij}", A),
        (r"A_{ij}w_i", A * W[:, np.newaxis]),
        (r"\sum_{j=1}^3A_{ij}v_j", A @ V),
        (r"\sum_{j=1}^{n_0}A_{ij}v_j+w_i", A @ V + W),
        (r"\sum_{j}v_j^2-s", 12.0),
        (r"\sum_{k,j}A_{kj}", 21.0),
        (r"\sum_{kj}A_{kj}", 21.0),
        (r"\sum_{i=1}^2x^{(i)}", 3 * V),
        (r"\sum_{j\ne2}v_j", 4.0),
        (r"\prod_{j=1}^3v_j", -6.0),
        (r"\max_jv_j", 3.0),
        (r"\mathbb 1[i=k]", np.eye(2)),
        (r"\begin{cases}s&s>5,\\t&\text{otherwise}\end{cases}", 3.0),
        (r"\begin{cases}s&\text{if }s>1,\\t&s\le1.\end{cases}", 2.0),
        (r"\nabla_v\,\tfrac12\lVert v\rVert^2", V),
        (r"\nabla_A\,\tfrac12v^\top A^\top Av", np.outer(A @ V, V)),
        (r"\begin{pmatrix}s&t\\0&-l\end{pmatrix}^\top w", [[2, 0], [3, -1]] @ W),
        (r"\begin{pmatrix}s\\t\end{pmatrix}", np.array([2.0, 3.0])),
        (r"\langle v,A^\top w\rangle", V @ A.T @ W),
        (r"\langle A,B^\top\rangle s", 2 * np.sum(A * B.T)),
        (r"\underbrace{v^\top}_{(1,n_0)}", V[np.newaxis]),
        (r"v\in\mathbb R^{n_0}", V),
        (r"A\in\mathbb R^{n_1\times n_0}", A),
        (r"s\in\mathbb R", 2.0),
        (r"v\quad(n_0,)", V),
        (r"vw^\top\quad(n_0,n_1)", np.outer(V, W)),
        (r"Av\quad(n_1,n_0)(n_0,)=(n_1,)", A @ V),
    ],
)
def test_expressions_have_the_values_that_readers_expect(tex, expected):
    result = value(tex)
    assert np.shape(result) == np.shape(expected)
    assert np.allclose(result, expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("tex", "message"),
    [
        (r"A^\top B", "no matrix product"),
        (r"vA", "no matrix product"),
        (r"vv", "no matrix product"),
        (r"A+B", "must be equal"),
        (r"v+1", "must be equal"),
        (r"v+v^\top", "must be equal"),
        (r"A\odot B", "must be equal"),
        (r"A\odot\mathbf 1", "must be equal"),
        (r"\langle A,B\rangle", "must be equal"),
        (r"\begin{pmatrix}s&t\\s\end{pmatrix}", "equally long"),
        (r"\begin{pmatrix}s&v\end{pmatrix}", "an entry must be a number"),
        (r"s^\top", "cannot transpose"),
        (r"v^2", "to the power"),
        (r"s/v", "denominator must be a number"),
        (r"2^v", "exponent must be a number"),
        (r"\max(v,0)", "must be a number"),
        (r"\lVert A\rVert", "no norm"),
        (r"A_1", "1 indices"),
        (r"A_{23}", "1 indices"),  # twenty-three
        (r"v_4", "out of range"),
        (r"v_0", "out of range"),
        (r"A_{ji}", "out of range"),
        (r"v\quad(n_1,)", "printed shape"),
        (r"A\in\mathbb R^{n_0\times n_1}", "printed shape"),
        (r"Av\quad(n_0,n_1)(n_0,)=(n_1,)", "do not fit"),
        (r"\underbrace{v}_{(1,n_0)}", "printed shape"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(tex, message):
    with pytest.raises(ShapeError, match=message):
        value(tex)


@pytest.mark.parametrize(
    ("tex", "message"),
    [
        (r"u", "unknown symbol u"),
        (r"W_3", re.escape("unknown symbol W_{3}")),
        (r"\bar v", re.escape(r"unknown symbol \bar{v}")),
        (r"v'", "unknown symbol v'"),
        (r"x^{(3)}", re.escape("unknown symbol x^{(3)}")),
        (r"v\star v", re.escape(r"unknown command or symbol \star")),
        (r"\foo s", re.escape(r"unknown command or symbol \foo")),
        (r"s\pm t", re.escape(r"unknown command or symbol \pm")),
        (r"s\,\text{for all }t", "unknown command or symbol"),
        (r"1/st", "ambiguous"),
        (r"(s", "unbalanced"),
        (r"s)", "unbalanced"),
        (r"s+", "expected more, got the end"),
        (r"\sum_{m}v_m", "range of m is not known"),
        (r"\sum_{j=1}^{s}v_j", "must be whole numbers"),
        (r"\sum_{j=2}^{1}v_j", "has no term"),
        (r"\sum_{i=1}^2\sum_{i=1}^2A_{ii}", "has a value already"),
        (r"\sum_{jj}v_j", "j has a value already"),
        (r"\sum_{i=1}^2A_{ij}w_i+A_{ij}", "several shapes|has a value already"),
        (r"v_m", "m = None is out of range"),
        (r"f(v,v,v,v)", "f: "),
        (r"\begin{cases}s&s>1,\\t&s>0\end{cases}", "2 cases hold"),
        (r"\begin{cases}s&s>3,\\t&s>4\end{cases}", "0 cases hold"),
        (r"s\quad\text{if }t>0", "unknown command"),
        (r"s\,f", "unknown symbol f"),  # without an argument
        (r"s\,u(t)", "unknown symbol u"),
        (r"\frac{\partial s}{t}", "expected"),
        (r"s_l'", "prime directly behind s"),
        (r"+s", re.escape("unknown command or symbol +")),
        (r"\nabla^3f(v)", "to the power 3"),
        (r"(s)^{(l)}", "cannot mark"),
        (r"\sum_{j}^3v_j", "expected an index and its first value"),
        (r"\mathbb 1[s]", "needs a relation"),
        (r"\mathrm{diag}(s,\dots)", "dots must stand between"),
        (r"\mathrm{diag}(v_1,\dots,w_2)", "cannot tell what the dots stand for"),
        (r"\nabla\,\tfrac12\lVert v\rVert^2", "needs one variable"),
        (r"\nabla_u\,\tfrac12\lVert v\rVert^2", "unknown symbol u"),
        (r"\frac{s+}{t}", "the end"),
        (r"s\quad(n_1,)\quad(n_1,)", "more shapes than statements"),
    ],
)
def test_what_cannot_be_read_is_an_error(tex, message):
    with pytest.raises(TeXError, match=message):
        value(tex)


def test_a_name_with_two_meanings_is_an_error():
    with pytest.raises(TeXError, match="ambiguous"):
        evaluate("r=v_1", {"v": V, "v_1": 2.0}, defines="r")


def test_a_name_that_stands_twice_in_a_table_is_an_error():
    with pytest.raises(TeXError, match="stands twice"):
        evaluate("r=v_1", {"v_1": 1.0, "v_{1}": 2.0}, defines="r")


@pytest.mark.parametrize(
    ("tex", "message"),
    [
        ("s", "states nothing"),
        ("5", "states nothing"),
        (r"Av\in\mathbb R^{n_1}", "states nothing"),
        (r"f(s)=t", "only a name can be defined"),
    ],
)
def test_a_statement_needs_a_relation_and_a_definition_a_name(tex, message):
    with pytest.raises(TeXError, match=message):
        evaluate(tex, SYMBOLS, defines="f(s)")


def test_a_row_is_compared_with_a_row_only():
    with pytest.raises(ShapeError, match="must be equal"):
        value(r"\mathbb 1[v>v^\top]")


def test_one_letter_may_be_a_function_and_a_vector():
    symbols = {r"v(\cdot)": np.sin, "v": V, "s": 2.0}
    (statement,), used = evaluate(r"r=v(s)+v_3", symbols, defines="r")
    assert statement.sides[0] == np.sin(2.0) + 3.0
    assert used == {"v", "v()", "s"}


def test_a_size_of_one_is_refused_for_it_hides_transpositions():
    with pytest.raises(TeXError, match="size of 1"):
        evaluate("r=v", {"v": np.ones(1)}, defines="r")


def test_statements_are_split_continued_and_given_their_shapes():
    tex = r"""\begin{aligned}
        r&=Av &&(n_1,)\\
        q&:=r+w\\
         &{}=w\\
         &\quad+r,\qquad p=q^\top &&(n_1,),\ (1,n_1)
    \end{aligned}"""
    found, used = evaluate(tex, SYMBOLS, defines=("r", "q", "p"))
    assert [(s.left, s.relations) for s in found] == [
        ("r", ["="]),
        ("q", ["=", "="]),
        ("p", ["="]),
    ]
    assert all(np.allclose(side, A @ V + W) for side in found[1].sides)
    assert used == {"A", "v", "w", "n_{1}", "r", "q"}


def test_every_side_of_a_chain_is_returned():
    (statement,), _ = evaluate(r"s\le t=3<\lVert v\rVert .", SYMBOLS)
    assert statement.sides[:3] == [2.0, 3, 3]
    assert statement.relations == [r"\le", "=", "<"]


def test_a_side_that_is_zero_may_be_the_zero_vector():
    (statement,), _ = evaluate(r"v-v=0", SYMBOLS)
    assert np.array_equal(statement.sides, np.zeros((2, 3)))


def test_statements_can_be_chosen_and_pieces_skipped():
    tex = r"r=s,\qquad q=t\quad(l<L)."
    found, _ = evaluate(tex, SYMBOLS, only="q", defines="q", skip="(l<L)")
    assert [statement.left for statement in found] == ["q"]
    with pytest.raises(TeXError, match="not printed as a left side: p"):
        evaluate(tex, SYMBOLS, only="p", skip="(l<L)")
    with pytest.raises(TeXError, match="to be skipped, but not printed"):
        evaluate("r=s", SYMBOLS, defines="r", skip="(l<L)")
    with pytest.raises(TeXError, match="expected ., got <"):
        evaluate(tex, SYMBOLS, defines=("r", "q"))


def test_an_assignment_gives_the_new_value_from_the_old_one():
    (statement,), _ = evaluate(r"s\leftarrow s+t", SYMBOLS, defines="s")
    assert statement.sides == [5.0, 5.0]
    with pytest.raises(TeXError, match="must be asked for"):
        evaluate(r"s\leftarrow s+t", SYMBOLS)


def test_classes_may_be_counted_from_zero():
    assert value(r"v_0", origin=0) == 1.0


def test_derivatives_are_names_whose_indices_are_those_of_both():
    tensor = np.arange(12.0).reshape(2, 2, 3)
    symbols = {r"\partial y/\partial W_2": tensor, r"\nabla_{W_2}\ell": A}
    (first, second), _ = evaluate(
        r"r=\frac{\partial y_i}{\partial(W_2)_{kj}},\qquad q=\nabla_{W_{l+1}}\ell",
        {**symbols, "l": 1},
        SIZES,
        defines=("r", "q"),
    )
    assert np.array_equal(first.sides[0], tensor.transpose(0, 2, 1))  # i, j, k
    assert np.array_equal(second.sides[0], A)


def test_an_expectation_is_the_mean_over_the_outcomes():
    outcomes = [(0.25, {"z": -1.0}), (0.75, {"z": 3.0})]
    symbols = {r"\mathbb E": Mean(outcomes), r"\mathrm{Var}": Mean(outcomes, of_squares=True)}
    tex = r"2\,\mathbb E\bigl[z^2\bigr]s=2\,\mathbb E sz^2,\qquad \operatorname{Var}(z)=3s"
    (first, second), used = evaluate(tex, {**symbols, "s": 1.0})
    assert first.sides == [14.0, 14.0]
    assert second.sides == [3.0, 3.0]
    assert "z" in used


def test_a_differential_is_the_derivative_along_the_increments():
    dA, dv = np.ones((2, 3)), np.array([0.1, 0.2, 0.3])
    symbols = {"A": A, "v": V, r"\mathrm dA": dA, r"\mathrm{d}v": dv}
    tex = r"\mathrm d(Av)=(\mathrm dA)v+A\,\mathrm dv,"
    tex += r"\qquad\mathrm d\,\tfrac12\lVert v\rVert^2=v^\top\mathrm dv"
    found, used = evaluate(tex, symbols)
    for statement, expected in zip(found, (dA @ V + A @ dv, V @ dv), strict=True):
        assert np.allclose(statement.sides, expected, rtol=1e-14)
    assert used == {"A", "v", r"\mathrm{d}A", r"\mathrm{d}v"}


def test_values_are_named_by_their_number():
    assert numbered("x^{(?)}", "ab") == {"x^{(1)}": "a", "x^{(2)}": "b"}
    assert numbered("a_?", "ab", 0) == {"a_0": "a", "a_1": "b"}


def test_layout_does_not_matter():
    assert tokenize(r"\bigl( a\,b \bigr)^{\top}") == tokenize(r"(ab)^{\top}")
    assert tokenize(r"\operatorname{diag}") == tokenize(r"\mathrm{diag}")


def test_labelled_equations_are_read_from_a_page(tmp_path):
    page = "a\n\n$$\nx=1\n$$\n\n$$\ny\n=2\n$$ (eq-page-y)\n"
    assert list(equations(page)) == [("eq-page-y", "y\n=2")]
    (tmp_path / "page.md").write_text(page)
    assert equation("eq-page-y", tmp_path) == "y\n=2"
    with pytest.raises(TeXError, match="found 0 times"):
        equation("eq-page-x", tmp_path)


def test_no_labelled_equation_of_the_book_is_overlooked():
    for path in BOOK.rglob("*.md"):
        page = path.read_text(encoding="utf-8")
        closing = re.findall(r"^.*\$\$ *\(([\w-]+)\)", page, re.MULTILINE)
        assert [label for label, _ in equations(page)] == closing, path
