"""Slips of the pen, planted in the printed TeX: each of them fails the test that evaluates it.

The tests of `printed` are run again on TeX that was changed. First some slips that authors make,
written out; then every one of a few kinds of slip, at every place of every such equation.
"""

import functools
import importlib.util
import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tools.equations.printed import equation
from tools.equations.tex import ACCENTS, FONTS, Reader, ShapeError, TeXError, tokenize


@functools.cache
def printed_tests() -> dict[str, tuple[Callable[..., None], float]]:
    """Return, by label, the tests that ask for `printed`, each with its tolerance."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if "(printed" not in path.read_text(encoding="utf-8") or path == Path(__file__):
            continue
        spec = importlib.util.spec_from_file_location(f"misprinted_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_") and "printed" in inspect.signature(function).parameters:
                (marker,) = (m for m in function.pytestmark if m.name == "equation")
                found[marker.args[0]] = function, marker.kwargs["tolerance"]
    return found


def run(label: str, tex: str, misprint: Callable) -> None:
    """Run a label's test on other TeX."""
    function, tolerance = printed_tests()[label]
    printed = misprint(tex, tolerance)
    given = {"printed": printed, "agree": printed.agree, "rng": np.random.default_rng(20260101)}
    function(**{name: given[name] for name in inspect.signature(function).parameters})


CENTRAL = {  # what must stay evaluated: eq-twolayer-forward and so on
    "twolayer": "forward chain vjp outer-sum penalty backward",
    "backprop": "sample batch index top",
    "losses": "softmax categorical lse-shift hessian gradient batch-gradient bce",
    "calculus": "chain linear-index linear matmul rules softmax-jacobian",
    "initialization": "layer relu-forward backward he glorot default",
    "pytorch": "sgd velocity decay nll-ce",
    "optimization": "momentum nesterov rmsprop adam-moments adam-step adamw decay",
    "normalization": "jacobian vjp batch-parameters batch-backward layer-backward residual",
}


def test_every_central_equation_is_evaluated():
    labels = {f"eq-{page}-{what}" for page, words in CENTRAL.items() for what in words.split()}
    assert labels <= set(printed_tests())


# ---------------------------------------------------------------- slips that authors make

SLIPS = [
    # The two-layer network
    ("eq-twolayer-forward", r"XW_1^\top", "XW_1", "a transposition is missing"),
    ("eq-twolayer-vjp", r"\hat y-y", r"y-\hat y", "a sign"),
    ("eq-twolayer-vjp", r"W_2^\top\delta_2", r"\delta_2W_2^\top", "factors are swapped"),
    ("eq-twolayer-vjp", r"(W_2^\top\delta_2)\odot", r"(W_2^\top\delta_2)", "a product sign"),
    (
        "eq-twolayer-outer-sum",
        r"\sum_{i=1}^N(\Delta_1)_{ik}",
        r"(\Delta_1)_{ik}",
        "an index without its sum",
    ),
    ("eq-twolayer-outer-sum", r"(\Delta_1^\top)_{ki}", r"(\Delta_1^\top)_{ik}", "swapped indices"),
    ("eq-twolayer-backward", r"\tfrac1N(\hat Y-Y)", r"(\hat Y-Y)", "1/N is missing"),
    ("eq-twolayer-backward", r"\lambda W_1", r"2\lambda W_1", "a factor of 2"),
    (
        "eq-twolayer-backward",
        r"\bar A&=\Delta_2W_2",
        r"\bar A&=\Delta_2W_2^\top",
        "a transposition",
    ),
    ("eq-twolayer-backward", r"\Delta_2^\top\mathbf 1", r"\mathbf 1^\top\Delta_2", "a row"),
    # Any depth
    ("eq-backprop-sample", r"W_{l+1}^\top", r"W_l^\top", "the wrong layer"),
    ("eq-backprop-sample", r"\varphi'(z_l)", r"\varphi'(z_{l+1})", "the wrong layer"),
    ("eq-backprop-sample", r"a_{l-1}^\top", r"a_l^\top", "the wrong layer"),
    ("eq-backprop-batch", r"\Delta_{l+1}W_{l+1}", r"W_{l+1}\Delta_{l+1}", "factors are swapped"),
    ("eq-backprop-batch", r"A_{l-1}+\lambda W_l", r"A_{l-1}-\lambda W_l", "a sign"),
    ("eq-backprop-index", r"(W_{l+1})_{jk}", r"(W_{l+1})_{kj}", "swapped indices"),
    ("eq-backprop-top", r"\frac2{N\,n_L}", r"\frac1{N\,n_L}", "a factor of 2"),
    # Matrix calculus
    ("eq-calculus-matmul", r"\bar CB^\top", r"B^\top\bar C", "factors are swapped"),
    (
        "eq-calculus-linear-index",
        r"\sum_i\bar Z_{ip}A_{iq}",
        r"\sum_i\bar Z_{ip}A_{qi}",
        "an index",
    ),
    ("eq-calculus-rules", r"\varphi'(A)\odot", r"\varphi(A)\odot", "a prime is missing"),
    # Losses
    ("def-losses-softmax", r"{\sum_ke^{z_k}}", r"{e^{z_k}}", "an index without its sum"),
    ("eq-losses-hessian", r"pp^\top", r"p^\top p", "factors are swapped"),
    ("eq-losses-gradient", r"\mathbb 1[j=y]", r"\mathbb 1[j=y+1]", "an index"),
    ("eq-losses-batch-gradient", r"\frac1N(P-E)", r"\frac1N(E-P)", "a sign"),
    ("eq-losses-lse-shift", r"c+\mathrm{LSE}", r"\mathrm{LSE}", "a term is missing"),
    ("eq-losses-bce", r"\sigma(z)-y", r"\sigma(z)+y", "a sign"),
    ("eq-pytorch-nll-ce", r"z^{(i)}_{y^{(i)}}", r"z^{(i)}_k", "an index without its sum"),
    # Optimizers
    ("eq-pytorch-sgd", r"\eta_t\, v_t", r"\eta_t\, v_{t-1}", "the velocity of yesterday"),
    ("eq-pytorch-velocity", r"\beta^{\,t-s}", r"\beta^{\,t-s+1}", "one power too many"),
    ("eq-optimization-nesterov", r"g_t+\beta v_t", r"g_t+v_t", "the momentum is missing"),
    (
        "eq-optimization-rmsprop",
        r"\sqrt{s_t}+\epsilon",
        r"\sqrt{s_t+\epsilon}",
        "epsilon in the root",
    ),
    ("eq-optimization-rmsprop", r"(1-\alpha)g_t^2", r"(1-\alpha)g_t", "a square is missing"),
    ("eq-optimization-adam-moments", r"\beta_1m_{t-1}", r"\beta_2m_{t-1}", "the other beta"),
    ("eq-optimization-adam-step", r"\frac{m_t}{1-\beta_1^t}", "m_t", "no bias correction"),
    ("eq-optimization-adam-step", r"1-\beta_2^t", r"1-\beta_2", "the power is missing"),
    ("eq-optimization-adam-step", r"\sqrt{\hat v_t}", r"\hat v_t", "the root is missing"),
    ("eq-optimization-adamw", r"(1-\eta\lambda)", r"(1-\lambda)", "the rate is missing"),
    ("eq-optimization-momentum", r"1+\beta-\eta", r"1-\beta-\eta", "a sign"),
    # Initialization
    ("eq-initialization-he", r"\sigma_l^2", r"\sigma_l", "a square"),
    ("eq-initialization-glorot", r"\frac2{", r"\frac1{", "a factor of 2"),
    ("eq-initialization-relu-forward", r"\tfrac12\,c_l", r"c_l", "a factor of 1/2"),
    ("eq-initialization-layer", r"+\tau^2", r"-\tau^2", "a sign"),
    # Normalization
    (
        "def-normalization-standardize",
        r"+\varepsilon}",
        r"}+\varepsilon",
        "epsilon outside the root",
    ),
    ("eq-normalization-vjp", r"\bar{\hat x}_j\hat x_j", r"\bar{\hat x}_j\hat x_i", "an index"),
    ("eq-normalization-batch-parameters", r"\bar Y_{ik}\hat X_{ik}", r"\hat X_{ik}", "a factor"),
    ("eq-normalization-batch-backward", r"\frac1N\bar c_k", r"\bar c_k", "1/N is missing"),
    ("eq-normalization-layer-backward", r"G_{ij}\hat X_{ij}", r"G_{ij}", "a factor is missing"),
    ("eq-normalization-residual", r"J_F^\top", r"J_F", "a transposition is missing"),
]


@pytest.mark.parametrize(("label", "right", "wrong", "slip"), SLIPS)
def test_a_planted_slip_is_caught(misprint, label, right, wrong, slip):
    tex = equation(label)
    assert tex.count(right) == 1, f"{label} prints {right} {tex.count(right)} times"
    run(label, tex, misprint)  # as printed: nothing is reported
    with pytest.raises((AssertionError, TeXError)) as caught:
        run(label, tex.replace(right, wrong), misprint)
    if slip != "an index without its sum":  # it was read, and then refused or computed
        assert isinstance(caught.value, AssertionError | ShapeError)


# ---------------------------------------------------------------- slips of a kind, everywhere

Slip = tuple[int, int, tuple[str, ...]]  # from where, up to where, by what


def brackets(tokens: list[str], start: int) -> int:
    """Return where the argument that begins at a place ends."""
    depth, end = 0, start
    while True:
        depth += (tokens[end] == "{") - (tokens[end] == "}")
        end += 1
        if depth == 0:
            return end


def slips(tokens: list[str]) -> Iterator[Slip]:
    """Yield changes of one kind or another, as replacements of a few tokens."""
    for k, token in enumerate(tokens):
        before, after = tokens[max(k - 1, 0)], tokens[k + 1 : k + 4]
        if token == r"\top":
            yield (k - 1, k + 1, ()) if before == "^" else (k, k + 1, ())
        elif token in ("+", "-"):
            yield k, k + 1, ("-" if token == "+" else "+",)
            if before == "l" or before == "t":
                yield k, k + 2, ()  # l+1 becomes l
        elif token == "l" and after[0] not in "+-=":
            yield k, k + 1, ("l", "+", "1") if before == "{" else ("{", "l", "+", "1", "}")
            yield k, k + 1, ("2",)  # a number where the index should be
        elif token == "t" and (before == "_" or tokens[k - 2 : k] == ["_", "{"]):
            yield k, k + 1, ("2",)
        elif token == r"\sum":
            end = brackets(tokens, k + 2)
            yield k, brackets(tokens, end + 1) if tokens[end] == "^" else end, ()
        elif token in ("'", r"\odot", r"\hat", r"\bar"):
            yield k, k + 1, ()
        elif token == "^" and after[0] == "2":
            yield k, k + 2, ()
        elif token in (r"\frac", r"\tfrac") and after[:1] == ["1"]:
            yield k, k + 2, ()  # the numerator goes, the denominator becomes a factor
            yield k, brackets(tokens, k + 2), ()
        elif token == "_" and after[:1] in (["1"], ["2"]):
            yield k + 1, k + 2, ("2" if after[0] == "1" else "1",)
        elif token == "_" and before != r"\sum" and after[0] == "{" and tokens[k + 4] == "}":
            if after[1].isalpha() and after[2].isalpha() and after[1] != after[2]:
                yield k + 2, k + 4, (after[2], after[1])
        elif token in "012" and before not in ("_", "^", r"\mathbf", r"\mathbb"):
            yield k, k + 1, (str(int(token) + 1),)
        elif token in "<>":
            yield k, k + 1, ("<" if token == ">" else ">",)
        elif token in "ijk" and (before == "_" or tokens[k - 2 : k] == ["_", "{"]):
            yield k, k + 1, ("ijk"["jki".index(token)],)


def neighbours(tokens: list[str]) -> Iterator[tuple[int, int, int]]:
    """Yield from where up to where two factors stand side by side."""
    for start, token in enumerate(tokens):
        if start and tokens[start - 1] in {"_", "^", *ACCENTS, *FONTS}:
            continue
        if tokens[max(start - 2, 0) : start] == ["_", "{"]:  # indices: see above
            continue
        reader = Reader(tokens[start:])
        try:
            reader.factor()
            middle = start + reader.at
            if token.isdigit() or not reader.starts_factor():
                continue
            reader.factor()
        except TeXError:
            continue
        yield start, middle, start + reader.at


def with_misprint(tokens: list[str], start: int, end: int, new: Iterable[str]) -> tuple[str, str]:
    """Return a description of a slip, and the TeX with it."""
    right = " ".join(tokens[max(0, start - 2) : end + 2])
    wrong = " ".join([*tokens[max(0, start - 2) : start], *new, *tokens[end : end + 2]])
    return f"{right} -> {wrong}", " ".join([*tokens[:start], *new, *tokens[end:]])


EQUIVALENT = {  # what is printed stays true
    "eq-activations-diagonal": [r"z } ^ \top \bar a -> z } \bar a"],  # J is diagonal
    "eq-losses-softmax": [r"( z + c \mathbf -> ( z - c \mathbf"],  # for every c
    "eq-normalization-moments": [  # a sum that is zero, its second factor of 1/n is caught
        r"\frac 1 n \sum -> \frac 2 n \sum",
        r"\frac 1 n \sum -> n \sum",
        r"\frac 1 n \sum _ -> \sum _",
    ],
}


def caught(label: str, tex: str, misprint: Callable) -> Exception | None:
    """Return what a label's test reports about other TeX."""
    try:
        with np.errstate(all="ignore"):
            run(label, tex, misprint)
    except (AssertionError, TeXError) as error:
        return error
    return None


@pytest.mark.parametrize("label", sorted(printed_tests()))
def test_slips_of_a_kind_are_caught(misprint, label):
    tokens = tokenize(equation(label))
    found = [with_misprint(tokens, *slip) for slip in slips(tokens)]
    survivors = sorted(slip for slip, tex in found if caught(label, tex, misprint) is None)
    assert survivors == EQUIVALENT.get(label, [])


COMMUTING = {"eq-calculus-trace": [r"\mathrm{tr} ( A ^ \top B ) , -> \mathrm{tr} ( B A ^ \top ) ,"]}


def is_number(label: str, tokens: list[str], place: tuple[int, int], misprint: Callable) -> bool:
    """Whether a factor is a number: such a one cannot be transposed."""
    factor = tokens[slice(*place)]
    _, tex = with_misprint(tokens, *place, ["{", *factor, "}", "^", r"\top"])
    return "cannot transpose a number" in str(caught(label, tex, misprint))


@pytest.mark.parametrize("label", sorted(printed_tests()))
def test_swapped_factors_are_caught_unless_one_is_a_number(misprint, label):
    tokens, survivors = tokenize(equation(label)), []
    for start, middle, end in neighbours(tokens):
        swapped = [*tokens[middle:end], *tokens[start:middle]]
        slip, tex = with_misprint(tokens, start, end, swapped)
        places = (start, middle), (middle, end)
        if caught(label, tex, misprint) is None and not any(
            is_number(label, tokens, place, misprint) for place in places
        ):
            survivors.append(slip)
    assert survivors == COMMUTING.get(label, [])
