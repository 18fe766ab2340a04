r"""The TeX of displayed equations, read into nested tuples: a parser by recursive descent.

`statements` splits what is displayed into chains of relations, and `Reader` reads one of them.
`printed` gives it values. What the reader does not know is an error, never passed over.

Common parsers of TeX into computer algebra read scalars: for SymPy's, ``\Delta^\top A`` is a power
times a commuting symbol, and it drops the indices in ``(\Delta)_{ik}``. So this is an own one.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any


class TeXError(ValueError):
    """TeX that cannot be read, or that does not fit the symbols."""


class ShapeError(TeXError):
    """Shapes that do not fit together."""


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
Omega ell infty"""
LETTERS = {rf"\{name}" for name in GREEK.split()}
ACCENTS = {r"\bar", r"\hat", r"\tilde", r"\dot", r"\overline"}
FONTS = {r"\mathcal", r"\mathbf", r"\mathbb", r"\mathrm"}
FUNCTIONS = {rf"\{name}" for name in ("exp", "log", "ln", "tanh", "cosh", "sinh", "sin", "cos")}
FUNCTIONS |= {r"\mathrm{diag}", r"\mathrm{tr}"}
FRACTIONS = {r"\frac", r"\tfrac", r"\dfrac"}
EXTREMES = {r"\max", r"\min"}
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
        sign = self.take() if self.peek() == "-" else "+"
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
        stop |= {".", r"\in", r"\mid", r"\Vert", *RELATIONS, *CLOSING}
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
        if token in FRACTIONS:
            top, bottom = self.argument(), self.argument()
            if top[:1] == [r"\partial"]:
                above, below = (Reader(part[1:], self.functions) for part in (top, bottom))
                factor = Reader.factor
                fraction = ("derivative", above.everything(factor), below.everything(factor))
                if bottom[:1] != [r"\partial"]:
                    raise TeXError(f"expected \\partial, got {' '.join(bottom)}")
                return self.scripts(fraction)
            return self.scripts(("over", self.inside(top), self.inside(bottom)))
        if token == r"\partial":
            above_line = self.factor()
            self.take("/")
            self.take(r"\partial")
            return ("derivative", above_line, self.factor())
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
            return self.scripts(("extreme", token, self.arguments()))
        if token == r"\mathbb" and self.peek() == "1" and self.peek(1) == "[":
            self.take()
            self.take()
            node = self.chain()
            self.take("]")
            return self.scripts(("indicator", node))
        if token == r"\langle":
            left = self.sum()
            self.take(",")
            right = self.sum()
            self.take(r"\rangle")
            return self.scripts(("inner", left, right))
        if token == r"\nabla":
            return self.gradient()
        if token == r"\mathrm{d}" or (token == r"\mathrm" and self.peek() == "d"):
            return self.differential(token)
        if token == r"\underbrace":
            node = self.inside(self.argument())
            self.take("_")
            return ("shaped", node, read_shape(self.argument(), self.functions))
        if token == r"\begin{cases}":
            return self.cases()
        if token == r"\begin{pmatrix}":
            return self.scripts(self.matrix())
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
        if self.peek() in ("(", "["):
            return self.subscripted(("call", node, self.arguments()))
        if not name.startswith("\\") or name in LETTERS or not self.starts_factor():
            return node  # \sigma alone is the function itself
        argument = self.factor()
        while self.starts_factor() and not self.starts_function():
            argument = ("times", argument, self.factor())
        return ("call", node, [argument])

    def starts_function(self) -> bool:
        """Whether what comes is a function's name, which ends another's bare argument."""
        start = self.at
        try:
            return self.base() in self.functions
        except TeXError:
            return False
        finally:
            self.at = start

    def arguments(self) -> list[Node]:
        """Read what stands between brackets; dots stand for what they leave out."""
        found: list[Node] = []
        closing = ")" if self.take("(", "[") == "(" else "]"
        while True:
            if self.peek() == r"\dots":
                self.take()
                found.append(("dots",))
            else:
                found.append(self.sum())
            if self.take(",", ";", r"\mid", r"\Vert", closing) == closing:
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
            tokens = self.argument()
            if tokens != ["2"]:
                raise TeXError(f"\\nabla to the power {' '.join(tokens)}")
            order = 2
        start = self.at
        try:
            name = self.base()
        except TeXError:
            self.at = start
            return ("slope", subs, self.term())
        node: Node = ("gradient", order, subs, name)
        if self.peek() == "(":
            node = ("call", node, self.arguments())
        return self.scripts(node)

    def differential(self, token: str) -> Node:
        r"""Read \mathrm d and one factor behind it, with a number before that if there is one."""
        if token == r"\mathrm":
            self.take("d")
        number = self.peek() in FRACTIONS
        node = self.factor()
        return ("differential", ("times", node, self.factor()) if number else node)

    def matrix(self) -> Node:
        """Read rows of numbers."""
        rows = [[self.sum()]]
        while (sign := self.take("&", r"\\", r"\end{pmatrix}")) != r"\end{pmatrix}":
            if sign == "&":
                rows[-1].append(self.sum())
            else:
                rows.append([self.sum()])
        return ("matrix", rows)

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
    piece: list[str] = []
    depth, bars, before = 0, 0, ""
    for token in [*tokens, r"\\"]:
        environment = re.fullmatch(r"\\(begin|end)\{(aligned|gathered)\}", token)
        if token == "|":
            bars = 1 - bars
        inner = re.fullmatch(r"\\(begin|end)\{(cases|pmatrix)\}", token)
        depth += (token in OPENING or bool(inner and inner[1] == "begin")) - (
            token in CLOSING or bool(inner and inner[1] == "end")
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
        case ("differential", inner):
            return rf"\mathrm{{d}}{spell(inner)}"
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


def replace(node: Any, old: Node, new: Node) -> Any:
    """Return a node with one part exchanged wherever it stands."""
    if node == old:
        return new
    if isinstance(node, tuple | list):
        return type(node)(replace(part, old, new) for part in node)
    return node


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
