r"""The pages' displayed TeX, parsed and evaluated: tests meet the formula that is printed.

`equation` reads the TeX of a label from the pages, `evaluate` computes every side of every
statement in it, from a table that gives each symbol its array. The reading is strict, so that a
slip of the pen in the TeX cannot pass for a formula:

- A vector is a column, a batch a matrix. Juxtaposition is the matrix product, or the product with a
  number; sums, ``\odot`` and relations want equal shapes. Nothing is broadcast but by the printed
  ``\mathbf 1``, and nothing of size 1 is accepted, which would hide a transposition.
- Subscripts and ``^{(i)}`` are part of a name where the table has that name (``W_{l+1}`` with
  ``l = 1`` is ``W_2``), else they pick an entry (``X_{ij}``). If both or neither fit: an error.
- A shape printed behind a statement, such as ``(N,H)``, is compared with the shape of its sides.
- An unknown command or symbol, an unknown condition in words, an index out of range: an error.

Common parsers of TeX into computer algebra read scalars: for SymPy's, ``\Delta^\top A`` is a power
times a commuting symbol. So this is an own one, by recursive descent, for the TeX of this book.
"""

import cmath
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

BOOK = Path(__file__).resolve().parents[1] / "book"


class TeXError(ValueError):
    """TeX that cannot be read, or that does not fit the symbols."""


class ShapeError(TeXError):
    """Shapes that do not fit together."""


# ---------------------------------------------------------------- the pages


def equations(page: str) -> Iterator[tuple[str, str]]:
    """Yield the label and the TeX of each labelled displayed equation in a page's source."""
    lines, start = page.splitlines(), None
    for number, line in enumerate(lines):
        closing = re.match(r"\s*\$\$(?:\s*\(([\w-]+)\))?\s*$", line)
        if closing and start is None:
            start = number
        elif closing:
            if closing[1]:
                yield closing[1], "\n".join(lines[start + 1 : number])
            start = None


def equation(label: str, book: Path = BOOK) -> str:
    """Return the TeX that the book displays under a label."""
    found = [
        tex
        for page in sorted(book.rglob("*.md"))
        for name, tex in equations(page.read_text(encoding="utf-8"))
        if name == label
    ]
    if len(found) != 1:
        raise TeXError(f"{label} must be displayed once in {book.name}/, found {len(found)} times.")
    return found[0]


# ---------------------------------------------------------------- tokens

TOKEN = re.compile(
    r"\\(?:begin|end)\{\w+\*?\}"
    r"|\\(?:text|mathrm|operatorname|mathtt|texttt)\{[^{}]*\}"
    r"|\\\\(?:\[\w+\])?"
    r"|\\[a-zA-Z]+|\\.|\d+\.\d+|\S",
    re.DOTALL,
)
LAYOUT = {r"\,", r"\;", r"\:", r"\!", "\\ ", "~"}
LAYOUT |= {rf"\{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in ("", *"lrm")}
LAYOUT |= {r"\left", r"\right", r"\displaystyle", r"\textstyle", r"\limits"}


def tokenize(tex: str) -> list[str]:
    """Return the tokens that mean something: spacing and the sizes of brackets do not."""
    tokens = []
    for token in TOKEN.findall(tex):
        if token.startswith(r"\\"):
            tokens.append(r"\\")
        elif word := re.fullmatch(r"\\(?:mathrm|operatorname|mathtt|texttt)\{(.*)\}", token, re.S):
            tokens.append(rf"\mathrm{{{word[1].strip()}}}")
        elif token == "}" and tokens[-1:] == ["{"]:
            tokens.pop()
        elif token not in LAYOUT:
            tokens.append(token)
    return tokens


OPENING = {"(", "[", "{", r"\{", r"\lvert", r"\lVert", r"\langle"}
CLOSING = {")", "]", "}", r"\}", r"\rvert", r"\rVert", r"\rangle"}
RELATIONS = {"=", "<", ">", r"\le", r"\ge", r"\ne", r"\leftarrow"}
GREEK = """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu
xi pi rho sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi
Omega ell"""
LETTERS = {rf"\{name}" for name in GREEK.split()}
ACCENTS = {r"\bar", r"\hat", r"\tilde", r"\dot", r"\overline"}
FONTS = {r"\mathcal", r"\mathbf", r"\mathbb", r"\mathrm"}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    r"\exp": np.exp,
    r"\log": np.log,
    r"\ln": np.log,
    r"\tanh": np.tanh,
    r"\cosh": np.cosh,
    r"\sinh": np.sinh,
    r"\sin": np.sin,
    r"\cos": np.cos,
    r"\mathrm{diag}": np.diag,
    r"\mathrm{tr}": np.trace,
}
EXTREMES = {r"\max": np.maximum, r"\min": np.minimum}
CONSTANTS = {"e": cmath.e, r"\pi": cmath.pi}
CONNECTIVES = {rf"\text{{{words}}}" for words in ("so", "and", "that is", "in entries", "so that")}

Node = tuple  # ("kind", part, ...): what was read; parts are nodes, lists of nodes, strings
Shape = list[tuple[str, list[Node]]]  # sizes in parentheses, each with the sign before it


# ---------------------------------------------------------------- reading


class Reader:
    """Turn tokens into nested tuples; `functions` are the names that a parenthesis applies."""

    def __init__(self, tokens: list[str], functions: Iterable[str] = ()) -> None:
        self.tokens, self.at = tokens, 0
        self.functions = {*FUNCTIONS, *functions}

    # ---- tokens

    def peek(self, ahead: int = 0) -> str | None:
        """Return a token without taking it, None at the end."""
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else None

    def take(self, *expected: str) -> str:
        """Take the next token, which must be one of those expected, if any are."""
        token = self.peek()
        if token is None or (expected and token not in expected):
            raise TeXError(
                f"expected {' or '.join(expected) or 'more'}, got {token or 'the end'} "
                f"in {' '.join(self.tokens)}"
            )
        self.at += 1
        return token

    def argument(self) -> list[str]:
        """Take what TeX takes for a macro's argument: the tokens in braces, or one token."""
        if self.peek() != "{":
            return [self.take()]
        start, depth = self.at + 1, 0
        while True:
            token = self.take()
            depth += (token == "{") - (token == "}")
            if depth == 0:
                return self.tokens[start : self.at - 1]

    def inside(self, tokens: list[str]) -> Node:
        """Read an argument's tokens, all of them, as an expression."""
        return Reader(tokens, self.functions).everything(Reader.sum)

    def everything(self, method: Callable[["Reader"], Node]) -> Node:
        """Read with a method, and see that nothing is left."""
        node = method(self)
        if self.peek() is not None:
            raise TeXError(f"cannot read {self.peek()} in {' '.join(self.tokens)}")
        return node

    # ---- from loose to tight

    def chain(self) -> Node:
        """Sides between relations: a = b <= c."""
        sides, relations = [self.sum()], []
        while self.peek() in {*RELATIONS, ":", r"\in"}:
            if self.peek() == r"\in":
                sides[-1] = ("shaped", sides[-1], self.space())
            elif self.peek() == ":":
                self.take()
                self.take("=")
                relations.append("=")
                sides.append(self.sum())
            else:
                relations.append(self.take())
                sides.append(self.sum())
        return ("chain", sides, relations)

    def space(self) -> Shape:
        r"""Read \in and the space behind it; return the shape of its members."""
        for token in (r"\in", r"\mathbb", "R"):
            self.take(token)
        if self.peek() != "^":
            return [("", [])]
        self.take()
        tokens = ["," if token == r"\times" else token for token in self.argument()]
        return read_shape(["(", *tokens, ")"], self.functions)

    def sum(self) -> Node:
        """Terms between signs."""
        terms = []
        sign = self.take() if self.peek() in ("+", "-") else "+"
        while True:
            terms.append((sign, self.term()))
            if self.peek() not in ("+", "-"):
                return terms[0][1] if terms[0][0] == "+" and len(terms) == 1 else ("sum", terms)
            sign = self.take()

    def term(self) -> Node:
        r"""Products, joined by signs of multiplication and division."""
        node = self.product()
        while self.peek() in (r"\odot", r"\cdot", r"\times", "/"):
            sign = self.take()
            right = self.product()
            if sign == "/" and right[0] == "times":
                raise TeXError("a product behind / is ambiguous: use \\frac or parentheses.")
            kind = {r"\odot": "odot", "/": "over"}.get(sign, "times")
            node = (kind, node, right)
        return node

    def product(self) -> Node:
        """Factors side by side."""
        node = self.factor()
        while self.starts_factor():
            node = ("times", node, self.factor())
        return node

    def starts_factor(self) -> bool:
        """Whether what comes can be read as one more factor."""
        stop = {None, "+", "-", ",", ";", ":", "&", "|", "/", r"\odot", r"\cdot", r"\times", r"\\"}
        stop |= {".", r"\in", *RELATIONS, *CLOSING}
        token = self.peek()
        return token not in stop and not str(token).startswith(r"\end")

    def factor(self) -> Node:
        """Read one atom with its scripts."""
        token = self.take()
        if token.isdigit() or re.fullmatch(r"\d+\.\d+", token):
            while (self.peek() or "").isdigit():
                token += self.take()
            return self.scripts(("number", float(token) if "." in token else int(token)))
        if token in ("(", "[", "{"):
            node = self.sum()
            self.take({"(": ")", "[": "]", "{": "}"}[token])
            return self.scripts(node)
        if token in (r"\frac", r"\tfrac", r"\dfrac"):
            top, bottom = self.argument(), self.argument()
            if top[:1] == [r"\partial"]:
                parts = (Reader(part[1:], self.functions) for part in (top, bottom))
                node = ("derivative", *(part.everything(Reader.factor) for part in parts))
                if bottom[:1] != [r"\partial"]:
                    raise TeXError(f"expected \\partial, got {' '.join(bottom)}")
                return self.scripts(node)
            return self.scripts(("over", self.inside(top), self.inside(bottom)))
        if token == r"\partial":
            top = self.factor()
            self.take("/")
            self.take(r"\partial")
            return ("derivative", top, self.factor())
        if token == r"\sqrt":
            return self.scripts(("root", self.inside(self.argument())))
        if token in (r"\lVert", r"\lvert", "|"):
            node = self.sum()
            self.take({"|": "|", r"\lvert": r"\rvert", r"\lVert": r"\rVert"}[token])
            if token != r"\lVert":
                return self.scripts(("absolute", node))
            kind = "".join(self.argument()) if self.peek() == "_" and self.take() else ""
            return self.scripts(("norm", node, kind))
        if token in (r"\sum", r"\prod") or (token in EXTREMES and self.peek() == "_"):
            return self.repeated(token)
        if token in EXTREMES:
            self.take("(")
            return self.scripts(("extreme", token, self.arguments()))
        if token == r"\mathbb" and self.peek() == "1" and self.peek(1) == "[":
            self.take()
            self.take()
            node = self.chain()
            self.take("]")
            return self.scripts(("indicator", node))
        if token == r"\nabla":
            return self.gradient()
        if token == r"\underbrace":
            node = self.inside(self.argument())
            self.take("_")
            return ("shaped", node, read_shape(self.argument(), self.functions))
        if token == r"\begin{cases}":
            return self.cases()
        self.at -= 1
        return self.named()

    # ---- names, scripts, application

    def base(self) -> str:
        """Read a letter with its accents or font, in one spelling."""
        token = self.take()
        if token in ACCENTS or token in FONTS:
            inner = Reader(self.argument())
            if token == r"\mathrm" or token == r"\mathbf":
                return f"{token}{{{''.join(inner.tokens)}}}"
            return f"{token}{{{spell(inner.everything(Reader.named))}}}"
        if token in LETTERS or token.isalpha() or token.startswith(r"\mathrm{"):
            return token
        if token in FUNCTIONS:
            return token
        raise TeXError(f"unknown command or symbol {token} in {' '.join(self.tokens)}")

    def named(self) -> Node:
        """Read a name with its scripts, applied to what follows if it is a function."""
        name = self.base()
        while self.peek() == "'":
            name += self.take()
        subs: list[Node] = []
        marks: list[Node] = []
        powers: list[Node] = []
        while self.peek() in ("_", "^", "'"):
            sign = self.take()
            if sign == "'":
                raise TeXError(f"write the prime directly behind {name}")
            tokens = self.argument()
            if sign == "_":
                subs += self.indices(tokens)
            else:
                for kind, mark in self.superscripts(tokens):
                    (marks if kind == "mark" else powers).append(mark)
        node = ("name", name, subs, marks)
        return self.scripts(raised(self.applied(node, name), powers))

    def applied(self, node: Node, name: str) -> Node:
        """Return the application of a function's name, or the name if it is none."""
        if name not in self.functions:
            return node
        if self.peek() == "(":
            self.take()
            return self.subscripted(("call", node, self.arguments()))
        if not name.startswith("\\") or name in LETTERS or not self.starts_factor():
            return node  # \sigma alone is the function itself
        argument = self.factor()
        while self.starts_factor() and not self.starts_function():
            argument = ("times", argument, self.factor())
        return ("call", node, [argument])

    def starts_function(self) -> bool:
        """Whether what comes is a function's name, which ends another's bare argument."""
        return self.peek() in self.functions

    def arguments(self) -> list[Node]:
        """Read what stands between parentheses; dots stand for what they leave out."""
        found: list[Node] = []
        while True:
            if self.peek() == r"\dots":
                self.take()
                found.append(("dots",))
            else:
                found.append(self.sum())
            if self.take(",", ";", ")") == ")":
                return found

    def subscripted(self, node: Node) -> Node:
        """Read an entry's subscript, if there is one."""
        if self.peek() != "_":
            return node
        self.take()
        return ("entry", node, self.indices(self.argument()))

    def scripts(self, node: Node) -> Node:
        """Read the scripts of anything but a name: entries, powers, transpositions."""
        node = self.subscripted(node)
        while self.peek() == "^":
            self.take()
            tokens = self.argument()
            powers = self.superscripts(tokens)
            if any(kind == "mark" for kind, _ in powers):
                raise TeXError(f"{' '.join(tokens)} cannot mark an expression")
            node = raised(node, [power for _, power in powers])
        return self.subscripted(node)

    def indices(self, tokens: list[str]) -> list[Node]:
        """Read subscripts: side by side or between commas."""
        reader, found = Reader(tokens, self.functions), []
        while reader.peek() is not None:
            if reader.peek() == ",":
                reader.take()
            elif str(reader.peek()).startswith(r"\text"):
                found.append(("text", reader.take()))
            elif reader.peek(1) in ("+", "-") or reader.peek() == "-":
                found.append(reader.sum())
            else:
                found.append(reader.factor())
        return found

    def superscripts(self, tokens: list[str]) -> list[tuple[str, Node]]:
        """Tell marks, such as (i), from transpositions and powers."""
        found: list[tuple[str, Node]] = []
        close = tokens.index(")") if tokens[:1] == ["("] and ")" in tokens else 0
        if close and tokens[close + 1 :] in ([], [r"\top"]):
            found.append(("mark", ("index", self.inside(tokens[1:close]))))
            tokens = tokens[close + 1 :]
        if tokens[:1] in (["*"], [r"\star"]) or (tokens and tokens[0].startswith(r"\text{")):
            found.append(("mark", ("text", tokens[0])))
            tokens = tokens[1:]
        if tokens[:1] == [r"\top"]:
            found.append(("power", ("top",)))
            tokens = tokens[1:]
        if tokens:
            found.append(("power", self.inside(tokens)))
        return found

    # ---- larger forms

    def repeated(self, sign: str) -> Node:
        """Read a sum, product or maximum over indices; it reaches to the end of its term."""
        self.take("_")
        condition, last = self.argument(), None
        if self.peek() == "^":
            self.take()
            last = self.inside(self.argument())
        if last is not None:
            if condition[1:2] != ["="]:
                raise TeXError(f"expected an index and its first value, got {' '.join(condition)}")
            first = self.inside(condition[2:])
            return ("repeat", sign, [condition[0]], (first, last), None, self.term())
        if set(condition) & RELATIONS:
            test = Reader(condition, self.functions).everything(Reader.chain)
            return ("repeat", sign, [condition[0]], None, test, self.term())
        names = [token for token in condition if token != ","]
        return ("repeat", sign, names, None, None, self.term())

    def gradient(self) -> Node:
        r"""Read \nabla_x of a name or of an application, or of the rest of the term."""
        subs = self.indices(self.argument()) if self.peek() == "_" and self.take() else []
        order = 1
        if self.peek() == "^":
            self.take()
            order = int("".join(self.argument()))
        start = self.at
        try:
            name = self.base()
        except TeXError:
            self.at = start
            return ("slope", subs, self.term())
        node: Node = ("gradient", order, subs, name)
        if self.peek() == "(":
            self.take()
            node = ("call", node, self.arguments())
        return self.scripts(node)

    def cases(self) -> Node:
        """Read values with conditions; the last may hold otherwise."""
        found: list[tuple[Node, Node | None]] = []
        while True:
            value = self.sum()
            if self.peek() == ",":
                self.take()
            self.take("&")
            if str(self.peek()) in (r"\text{if }", r"\text{if}", r"\text{for }"):
                self.take()
            if str(self.peek()).startswith(r"\text{otherwise"):
                self.take()
                found.append((value, None))
            else:
                found.append((value, self.chain()))
            while self.peek() in (",", "."):
                self.take()
            if self.take(r"\\", r"\end{cases}") == r"\end{cases}":
                return ("cases", found)
            if self.peek() == r"\end{cases}":
                self.take()
                return ("cases", found)


def raised(node: Node, powers: list[Node]) -> Node:
    """Apply transpositions and powers."""
    for power in powers:
        node = ("transpose", node) if power == ("top",) else ("power", node, power)
    return node


def read_shape(tokens: list[str], functions: Iterable[str] = ()) -> Shape:
    """Read a printed shape, such as (N,H), or a product of shapes, (N,D)(D,H)=(N,H)."""
    reader, found = Reader(tokens, functions), []
    while reader.peek() is not None:
        sign = reader.take() if reader.peek() in ("=", r"\odot") else ""
        reader.take("(")
        sizes = [reader.sum()]
        while reader.take(",", ")") == ",":
            if reader.peek() != ")":
                sizes.append(reader.sum())
        found.append((sign, sizes))
    return found


# ---------------------------------------------------------------- statements


@dataclass
class Statement:
    """One chain of sides, and the shape that is printed behind it, if any."""

    tokens: list[str]
    shape: list[str] | None = None

    @property
    def left(self) -> str:
        """The tokens before the first relation."""
        relations = {*RELATIONS, ":", r"\in"}
        ends = [k for k, token in enumerate(self.tokens) if token in relations]
        return " ".join(self.tokens[: ends[0] if ends else None])


def is_shape(tokens: list[str]) -> bool:
    """Whether tokens are nothing but parentheses of numbers of rows and columns."""
    comma, inside = False, 0
    for token in tokens:
        inside += (token == "(") - (token == ")")
        comma |= token == "," and inside == 1
        if inside == 0 and token not in (")", "=", r"\odot"):
            return False
        if inside and token in RELATIONS:
            return False
    return comma


def segments(tokens: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the pieces between commas, wide spaces and line ends, each with what came before it."""
    depth, piece, before = 0, [], ""
    bars = 0
    for token in [*tokens, r"\\"]:
        environment = re.fullmatch(r"\\(begin|end)\{(aligned|gathered)\}", token)
        if token == "|":
            bars = 1 - bars
        depth += (token in OPENING or token == r"\begin{cases}") - (
            token in CLOSING or token == r"\end{cases}"
        )
        ends = token in (",", ";", ".", r"\quad", r"\qquad", r"\\") or environment
        if depth + bars == 0 and ends:
            if piece:
                yield before, piece
                before = ""
            before = before if before in (",", ".", ";", r"\\") else token
            piece = []
        elif depth + bars == 0 and token == "&":
            continue
        else:
            piece.append(token)
    if depth + bars:
        raise TeXError(f"unbalanced brackets in {' '.join(tokens)}")


def statements(tex: str, skip: Iterable[str] = ()) -> list[Statement]:
    """Split displayed TeX into its statements; what is to be skipped must be there, verbatim."""
    skipped = {" ".join(tokenize(words)): False for words in skip}
    tokens = tokenize(tex)
    for k in range(len(tokens) - 1, 0, -1):  # && stands before a remark
        if tokens[k - 1 : k + 1] == ["&", "&"]:
            tokens[k - 1 : k + 1] = [r"\quad"]
    found: list[Statement] = []
    notes: list[list[str]] = []
    since = 0

    def attach() -> None:
        nonlocal since
        if len(notes) > len(found) - since:
            raise TeXError(f"more shapes than statements: {notes}")
        for statement, note in zip(found[len(found) - len(notes) :], notes, strict=True):
            statement.shape = note
        if notes:
            since = len(found)
        notes.clear()

    for before, piece in segments(tokens):
        text = " ".join(piece)
        if text in skipped:
            skipped[text] = True
        elif is_shape(piece):
            notes.append(piece)
        elif text not in CONNECTIVES:
            joins = piece[0] in RELATIONS or (before == r"\\" and piece[0] in ("+", "-"))
            if joins and found and not notes:
                found[-1].tokens += piece
            else:
                attach()
                found.append(Statement(piece))
    attach()
    if unseen := [words for words, seen in skipped.items() if not seen]:
        raise TeXError(f"to be skipped, but not printed: {unseen}")
    return found


# ---------------------------------------------------------------- names


def spell(node: Node) -> str:
    """Return a name in its one spelling; for what is no name, some spelling."""
    match node:
        case ("name", base, subs, marks):
            under = "_{" + ",".join(map(spell, subs)) + "}" if subs else ""
            return base + under + "".join(f"^{{{spell(mark)}}}" for mark in marks)
        case ("index", inner):
            return f"({spell(inner)})"
        case ("text", words) | ("number", words):
            return str(words)
        case ("derivative", top, bottom):
            return rf"\partial{spell(top)}/\partial{spell(bottom)}"
        case ("gradient", order, subs, base):
            return rf"\nabla^{order}_{{{','.join(map(spell, subs))}}}{base}"
    return repr(node)


def canonical(tex: str) -> str:
    """Return the one spelling of a symbol in a table."""
    return spell(Reader(tokenize(tex)).everything(Reader.factor))


def base_of(key: str) -> str:
    """Return a spelling without its scripts."""
    return re.split(r"[_^](?=\{)", key)[0]


def parts(node: Node) -> Iterator[Node]:
    """Yield a node and all nodes in it."""
    if isinstance(node, tuple):
        yield node
    if isinstance(node, tuple | list):
        for part in node:
            yield from parts(part)


# ---------------------------------------------------------------- values


def inward(value: Any, name: str = "a result") -> Any:
    """Return a number, a column for a vector, a matrix, or a tensor that only entries are asked."""
    array = np.asarray(value)
    if array.dtype == bool:
        array = array.astype(float)
    if array.ndim == 0:
        return array.item()
    if array.ndim == 1:
        array = array[:, np.newaxis]
    return array


def outward(value: Any) -> Any:
    """Return a vector for a column, and everything else as it is."""
    return value[:, 0] if np.ndim(value) == 2 and value.shape[1] == 1 else value


def shape_words(value: Any) -> str:
    """Say a shape."""
    return f"shape {np.shape(outward(value))}" if np.ndim(value) else "a number"


def alike(left: Any, right: Any, sign: str) -> None:
    """Refuse different shapes: nothing is broadcast."""
    if np.shape(left) != np.shape(right):
        raise ShapeError(
            f"{shape_words(left)} {sign} {shape_words(right)}: the shapes must be equal"
        )


def number(value: Any, what: str) -> Any:
    """Refuse anything but a number."""
    if np.ndim(value):
        raise ShapeError(f"{what} must be a number, got {shape_words(value)}")
    return value


COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": np.equal,
    r"\ne": np.not_equal,
    "<": np.less,
    ">": np.greater,
    r"\le": np.less_equal,
    r"\ge": np.greater_equal,
}


@dataclass
class Scope:
    """The symbols' values, and those of the indices that are bound."""

    table: dict[str, Any]
    ranges: dict[str, range]
    origin: int = 1
    bound: dict[str, int] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def bind(self, names: Iterable[str], values: Iterable[int]) -> "Scope":
        """Return the scope in which indices have values."""
        bound = dict(zip(names, values, strict=True))
        if again := set(bound) & {*self.bound, *self.table}:
            raise TeXError(f"the index {', '.join(again)} has a value already")
        return Scope(self.table, self.ranges, self.origin, {**self.bound, **bound}, self.used)

    # ---- names

    def whole(self, node: Node) -> int | None:
        """Return the whole number that a subscript is, None if it is part of a name."""
        if node[0] == "text":
            return None
        try:
            value = self.value(node)
        except TeXError:
            return None
        return value if isinstance(value, int) else None

    def script(self, node: Node) -> str:
        """Spell a script, an index by its value."""
        if node[0] == "index":
            return f"({self.script(node[1])})"
        value = self.whole(node)
        if value is not None:
            return str(value)
        if node[0] == "name":
            subs = ",".join(map(self.script, node[2]))
            return node[1] + (f"_{{{subs}}}" if subs else "") + self.marks(node[3])
        return spell(node)

    def marks(self, marks: list[Node]) -> str:
        """Spell superscripts."""
        return "".join(f"^{{{self.script(mark)}}}" for mark in marks)

    def readings(self, node: Node) -> Iterator[tuple[str, list[Node]]]:
        """Yield what a name may be called in the table, each with the indices left for entries."""
        match node:
            case ("name", base, subs, marks):
                above = self.marks(marks)
                for k in range(len(subs), -1, -1):
                    under = ",".join(map(self.script, subs[:k]))
                    yield base + (f"_{{{under}}}" if under else "") + above, subs[k:]
            case ("entry", inner, indices):
                for key, rest in self.readings(inner):
                    if not rest:
                        yield key, indices
            case ("derivative", top, bottom):
                for above, below in itertools.product(self.readings(top), self.readings(bottom)):
                    yield rf"\partial{above[0]}/\partial{below[0]}", [*above[1], *below[1]]
            case ("gradient", order, subs, base):
                yield rf"\nabla^{order}_{{{','.join(map(self.script, subs))}}}{base}", []

    def look_up(self, node: Node) -> Any:
        """Return the value of a name, or the entry of it."""
        if node[0] == "name" and node[1] in self.bound and not node[2] and not node[3]:
            return self.bound[node[1]]
        found = [
            (key, rest)
            for key, rest in self.readings(node)
            if key in self.table and (not rest or np.ndim(self.table[key]))
        ]
        if len(found) > 1:
            raise TeXError(f"ambiguous: {' or '.join(key for key, _ in found)}")
        if not found:
            if node[0] == "name" and not node[2] and not node[3] and node[1] in CONSTANTS:
                return CONSTANTS[node[1]]
            names = ", ".join(dict.fromkeys(key for key, _ in self.readings(node)))
            raise TeXError(f"unknown symbol {names}")
        key, rest = found[0]
        self.used.add(key)
        value = self.table[key]
        return self.entry(value, rest) if rest else value

    def entry(self, value: Any, indices: list[Node]) -> Any:
        """Return one entry of an array."""
        array = np.asarray(value)
        if array.ndim == 2 and 1 in array.shape:
            array = array.ravel()
        if array.ndim != len(indices):
            raise ShapeError(f"{len(indices)} indices for {shape_words(value)}")
        place = []
        for node, size in zip(indices, array.shape, strict=True):
            index = self.whole(node)
            if index is None or not 0 <= index - self.origin < size:
                raise ShapeError(f"index {spell(node)} = {index} is out of range for a size {size}")
            place.append(index - self.origin)
        return array[tuple(place)].item()

    # ---- expressions

    def value(self, node: Node) -> Any:
        """Compute what was read."""
        match node:
            case ("number", digits):
                return digits
            case ("name" | "derivative" | "gradient", *_):
                return self.look_up(node)
            case ("sum", terms):
                total = None
                for sign, term in terms:
                    value = self.value(term)
                    value = -value if sign == "-" else value
                    if total is not None:
                        alike(total, value, sign)
                    total = value if total is None else total + value
                return total
            case ("times", left, right):
                return product(self.value(left), self.value(right))
            case ("odot", left, right):
                left, right = self.value(left), self.value(right)
                alike(left, right, r"\odot")
                return left * right
            case ("over", left, right):
                return self.value(left) / number(self.value(right), "a denominator")
            case ("power", base, exponent):
                return power(self.value(base), number(self.value(exponent), "an exponent"))
            case ("transpose", inner):
                value = self.value(inner)
                if np.ndim(value) != 2:
                    raise ShapeError(f"cannot transpose {shape_words(value)}")
                return value.T
            case ("root", inner):
                return np.sqrt(self.value(inner))
            case ("absolute", inner):
                return np.abs(self.value(inner))
            case ("norm", inner, kind):
                return norm(self.value(inner), kind)
            case ("entry", inner, indices):
                if any(key in self.table for key, _ in self.readings(node)):
                    return self.look_up(node)
                return self.entry(self.value(inner), indices)
            case ("indicator", chain):
                return inward(self.holds(chain))
            case ("extreme", sign, arguments):
                values = [number(self.value(argument), "an argument") for argument in arguments]
                return (max if sign == r"\max" else min)(values)
            case ("repeat", sign, names, bounds, condition, body):
                return self.repeat(sign, names, bounds, condition, body)
            case ("call", function, arguments):
                return self.call(function, arguments)
            case ("cases", branches):
                held = [v for v, test in branches if test is not None and bool(self.holds(test))]
                held = held or [v for v, test in branches if test is None]
                if len(held) != 1:
                    raise TeXError(f"{len(held)} cases hold, expected one")
                return self.value(held[0])
            case ("shaped", inner, shape):
                value = self.value(inner)
                self.check_shape(outward(value), shape)
                return value
            case ("slope", subs, body):
                return self.slope(subs, body)
        raise TeXError(f"cannot evaluate {node}")

    def holds(self, chain: Node) -> Any:
        """Compare the sides of a chain, entry by entry; a number may be compared with an array."""
        _, sides, relations = chain
        values = [self.value(side) for side in sides]
        result: Any = True
        if not relations:
            raise TeXError("a condition needs a relation")
        for left, right, sign in zip(values, values[1:], relations, strict=False):
            if np.ndim(right):
                alike(left, right, sign)
            result = result & COMPARISONS[sign](left, right)
        return result

    def repeat(
        self, sign: str, names: list[str], bounds: Node | None, test: Node | None, body: Node
    ) -> Any:
        """Add, multiply or compare over all values of indices."""
        if bounds is None:
            if unknown := [name for name in names if name not in self.ranges]:
                raise TeXError(f"the range of {', '.join(unknown)} is not known")
            ranges = [self.ranges[name] for name in names]
        else:
            first, last = (self.whole(bound) for bound in bounds)
            if first is None or last is None:
                raise TeXError(f"the bounds of {names[0]} must be whole numbers")
            ranges = [range(first, last + 1)]
        total = None
        for values in itertools.product(*ranges):
            scope = self.bind(names, values)
            if test is not None and not scope.holds(test):
                continue
            value = scope.value(body)
            if total is None:
                total = value
                continue
            alike(total, value, sign)
            if sign == r"\sum":
                total = total + value
            elif sign == r"\prod":
                total = product(total, value)
            else:
                total = EXTREMES[sign](number(total, "an entry"), value)
        if total is None:
            raise TeXError(f"{sign} over {names} has no term")
        return total

    def call(self, node: Node, arguments: list[Node]) -> Any:
        """Apply a function; its arguments and its result are vectors where they are columns."""
        if node[0] == "name" and node[1] in FUNCTIONS and node[1] not in self.table:
            function = FUNCTIONS[node[1]]
        else:
            function = self.look_up(node)
        if not callable(function):
            raise TeXError(f"{spell(node)} is no function")
        values = [outward(self.value(argument)) for argument in self.spelled_out(arguments)]
        if function is np.diag and all(np.ndim(value) == 0 for value in values):
            values = [np.array(values)]
        try:
            return inward(function(*values))
        except (TypeError, ValueError) as error:
            raise TeXError(f"{spell(node)}: {error}") from error

    def spelled_out(self, arguments: list[Node]) -> list[Node]:
        """Replace dots between f(1) and f(n) by what they stand for."""
        if ("dots",) not in arguments:
            return arguments
        if len(arguments) != 3 or arguments[1] != ("dots",):
            raise TeXError("dots must stand between the first and the last")
        first, last = arguments[0], arguments[2]
        ends = [
            node
            for node in parts(last)
            if node[0] == "name" and replace(last, node, ("number", 1)) == first
        ]
        if len(ends) != 1:
            raise TeXError("cannot tell what the dots stand for")
        n = self.whole(ends[0])
        if n is None:
            raise TeXError("the dots' last index must be a whole number")
        return [replace(last, ends[0], ("number", k)) for k in range(1, n + 1)]

    def slope(self, subs: list[Node], body: Node) -> Any:
        """Differentiate a number by an array, entry by entry, by complex steps."""
        if len(subs) != 1 or subs[0][0] != "name":
            raise TeXError(r"\nabla of an expression needs one variable")
        (key, rest), *_ = self.readings(subs[0])
        if rest or key not in self.table:
            raise TeXError(f"unknown symbol {key}")
        variable = self.table[key]
        gradient = np.empty(np.shape(variable))
        for place in np.ndindex(gradient.shape):
            moved = np.array(variable, dtype=complex)
            moved[place] += 1e-30j
            table = {**self.table, key: moved}
            scope = Scope(table, self.ranges, self.origin, self.bound, self.used)
            gradient[place] = np.imag(number(scope.value(body), "what is differentiated")) / 1e-30
        return gradient

    def check_shape(self, value: Any, shape: Shape) -> None:
        """Compare a value's shape with the printed one, and see that its factors fit."""
        printed: tuple[int | None, ...] = ()
        for place, (sign, nodes) in enumerate(shape):
            sizes = tuple(self.whole(node) for node in nodes)
            if sign or not place:
                fits = not place or sizes == printed
                printed = sizes
            else:  # side by side: a product
                fits = len(printed) == 2 and printed[1:] == sizes[:1]
                printed = printed[:1] + sizes[1:]
            if None in sizes or not fits:
                raise ShapeError(f"the printed shapes do not fit together: {shape}")
        if printed != np.shape(value):
            raise ShapeError(f"the printed shape is {printed}, the value has {np.shape(value)}")


def replace(node: Any, old: Node, new: Node) -> Any:
    """Return a node with one part exchanged wherever it stands."""
    if node == old:
        return new
    if isinstance(node, tuple | list):
        return type(node)(replace(part, old, new) for part in node)
    return node


def product(left: Any, right: Any) -> Any:
    """Multiply by a number, or as matrices; one row times one column is a number."""
    if np.ndim(left) == 0 or np.ndim(right) == 0:
        return left * right
    if np.ndim(left) != 2 or np.ndim(right) != 2 or left.shape[1] != right.shape[0]:
        raise ShapeError(f"{shape_words(left)} times {shape_words(right)} is no matrix product")
    result = left @ right
    return result.item() if result.size == 1 else result


def power(base: Any, exponent: Any) -> Any:
    """Raise a number, or invert a square matrix."""
    if np.ndim(base) == 0:
        return base**exponent
    if exponent == -1 and np.ndim(base) == 2 and base.shape[0] == base.shape[1]:
        return np.linalg.inv(base)
    raise ShapeError(f"{shape_words(base)} to the power {exponent}")


def norm(value: Any, kind: str) -> Any:
    """Return Euclid's norm of a vector, Frobenius' or the spectral one of a matrix."""
    vector = np.ndim(value) == 2 and 1 in value.shape
    if (kind == "F" and np.ndim(value) == 2 and not vector) or (kind in ("", "2") and vector):
        return np.sqrt((value * value).sum())
    if kind == "2" and np.ndim(value) == 2:
        return np.linalg.norm(value, 2)
    raise ShapeError(f"no norm {kind or 'without a name'} for {shape_words(value)}")


# ---------------------------------------------------------------- all together


@dataclass(frozen=True)
class Evaluated:
    """A statement's left side as printed, and the values of all sides with their relations."""

    left: str
    sides: list[Any]
    relations: list[str]


def evaluate(
    tex: str,
    symbols: Mapping[str, Any],
    indices: Mapping[str, int | range] | None = None,
    *,
    only: str | Iterable[str] = (),
    defines: str | Iterable[str] = (),
    skip: str | Iterable[str] = (),
    origin: int = 1,
) -> tuple[list[Evaluated], set[str]]:
    r"""Compute every side of the statements in displayed TeX.

    Parameters
    ----------
    tex : str
        As `equation` returns it.
    symbols : dict
        From a symbol's TeX to its number, vector, matrix, or function. A function gets and returns
        vectors for columns. An ``int`` may be an index or a bound too: ``{"N": 7, "l": 2}``.
        Names with a number, such as ``W_2`` and ``x^{(3)}``, are symbols of their own.
    indices : dict
        From the letter of an index to how many values it has, from 1 on, or to their range. A
        statement in which the index is free is computed for all values, and its sides are arrays;
        a sum without printed bounds takes them from here.
    only, defines, skip : str or list of str
        The left sides of the statements to evaluate (all, if none is named); left sides that the
        statement is to define for those after it; pieces between commas or wide spaces that are no
        statements and must be there, verbatim.
    origin : int
        What the first entry of an array is called: 0 for classes.

    Returns
    -------
    list of Evaluated, set of str
        The statements, and the spellings of the symbols that were used.

    Raises
    ------
    TeXError
        If TeX, symbols and shapes do not fit together.
    """
    only, defines, skip = (
        [names] if isinstance(names, str) else list(names) for names in (only, defines, skip)
    )
    table: dict[str, Any] = {}
    for name, value in symbols.items():
        key = canonical(name)
        if key in table:
            raise TeXError(f"{name} stands twice in the table")
        if not callable(value) and 1 in np.shape(value)[-1:]:
            raise TeXError(f"{name} has {shape_words(value)}: a size of 1 can hide a transposition")
        table[key] = value if callable(value) else inward(value)
    ranges = {
        name: values if isinstance(values, range) else range(1, values + 1)
        for name, values in (indices or {}).items()
    }
    functions = {base_of(key) for key, value in table.items() if callable(value)}
    wanted = {" ".join(tokenize(name)) for name in only}
    defined = {" ".join(tokenize(name)) for name in defines}
    scope, found = Scope(table, ranges, origin), []
    for statement in statements(tex, skip):
        if wanted and statement.left not in wanted:
            continue
        _, sides, relations = Reader(statement.tokens, functions).everything(Reader.chain)
        if not relations and sides[0][0] != "shaped":
            raise TeXError(f"{' '.join(statement.tokens)} states nothing")
        define = statement.left in defined
        if r"\leftarrow" in relations and not define:
            raise TeXError(f"an assignment to {statement.left} must be asked for")
        shape = read_shape(statement.shape, functions) if statement.shape else None
        values = over_indices(scope, sides[1:] if define else sides, shape)
        if define:
            table[spell_left(scope, sides[0])] = inward(values[0])
            values = [outward(inward(values[0])), *values]
        found.append(Evaluated(statement.left, values, relations))
    if missing := (wanted | defined) - {statement.left for statement in found}:
        raise TeXError(f"not printed as a left side: {', '.join(sorted(missing))}")
    return found, scope.used


def spell_left(scope: Scope, node: Node) -> str:
    """Return what a left side that is being defined is called in the table."""
    if node[0] != "name":
        raise TeXError("only a name can be defined")
    return next(scope.readings(node))[0]


def over_indices(scope: Scope, sides: list[Node], shape: Shape | None) -> list[Any]:
    """Compute the sides for all values of the indices that are free in any of them."""
    free = [name for name in scope.ranges if any(name in unbound(side) for side in sides)]
    ranges = [scope.ranges[name] for name in free]
    results: list[list[Any]] = [[] for _ in sides]
    for values in itertools.product(*ranges):
        inner = scope.bind(free, values)
        for side, result in zip(sides, results, strict=True):
            result.append(outward(inner.value(side)))
    sizes = tuple(map(len, ranges))
    found = []
    for result in results:
        if len({np.shape(value) for value in result}) != 1:
            raise ShapeError("a side has several shapes")
        array = np.reshape(result, sizes + np.shape(result[0]))
        if shape is not None:
            scope.check_shape(array, shape)
        found.append(array)
    return found


def unbound(node: Any) -> set[str]:
    """Return the letters that stand in a node and are not the index of a sum there."""
    match node:
        case ("repeat", _, names, bounds, condition, body):
            outside = unbound(bounds) if bounds else set()
            return outside | ((unbound(condition) | unbound(body)) - set(names))
        case ("name", base, subs, marks):
            return {base} | unbound(subs) | unbound(marks)
        case tuple() | list():
            return set().union(*map(unbound, node)) if node else set()
    return set()
