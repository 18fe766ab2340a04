r"""Central equations, evaluated as the pages print them: tests meet the TeX itself.

`equation` reads the TeX of a label from the pages, `evaluate` computes every side of every
statement in it, from a table that gives each symbol its array. It is strict, so that a slip of the
pen in the TeX cannot pass for a formula:

- A vector is a column, a batch a matrix. Juxtaposition is the matrix product, or the product with a
  number; sums, ``\odot`` and relations want equal shapes. Nothing is broadcast but by the printed
  ``\mathbf 1``, and nothing of size 1 is accepted, which would hide a transposition.
- Subscripts and ``^{(i)}`` are part of a name where the table has that name (``W_{l+1}`` with
  ``l = 1`` is ``W_2``), else they pick an entry (``X_{ij}``). If both or neither fit: an error.
- A shape printed behind a statement, such as ``(N,H)``, is compared with the shape of its sides.
- An unknown command or symbol, an unknown condition in words, an index out of range: an error.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tools.equations.tex import (
    Node,
    Reader,
    Shape,
    ShapeError,
    Statement,
    TeXError,
    base_of,
    canonical,
    parts,
    read_shape,
    replace,
    spell,
    statements,
    tokenize,
    unbound,
)
from tools.page_source import BOOK, equations

# ---------------------------------------------------------------- the pages


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


# ---------------------------------------------------------------- values

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
CONSTANTS = {"e": math.e, r"\pi": math.pi}


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


def key_of(name: str, value: Any) -> str:
    """Return what a symbol is called in the table: functions are told apart from the rest."""
    return canonical(name.removesuffix(r"(\cdot)")) + ("()" if callable(value) else "")


@dataclass(frozen=True)
class Mean:
    r"""What \mathbb E is in a table: a mean over outcomes, or \operatorname{Var}, if squared."""

    outcomes: Iterable[tuple[float, Mapping[str, Any]]]  # a weight, and what the symbols are then
    of_squares: bool = False

    def __call__(self, scope: "Scope", node: Node) -> Any:
        """Compute an expression for each outcome, and take the mean."""
        weights, values = [], []
        for weight, symbols in self.outcomes:
            table = {canonical(name): inward(value) for name, value in symbols.items()}
            inner = Scope({**scope.table, **table}, scope.ranges, scope.origin, scope.bound)
            values.append(number(inner.value(node), "a random number"))
            weights.append(weight)
            scope.used |= inner.used
        mean = np.dot(weights, values)
        return np.dot(weights, np.square(values - mean)) if self.of_squares else mean


@dataclass
class Scope:
    """The symbols' values, and those of the indices that are bound."""

    table: dict[str, Any]
    ranges: dict[str, range]
    origin: int = 1
    bound: dict[str, int] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def bind(self, names: list[str], values: Iterable[int]) -> "Scope":
        """Return the scope in which indices have values."""
        bound = dict(zip(names, values, strict=True))
        again = {name for name in bound if name in {*self.bound, *self.table}}
        if again or len(bound) < len(names):
            raise TeXError(f"the index {', '.join(again or names)} has a value already")
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
                for (u, m), (v, n) in itertools.product(self.readings(top), self.readings(bottom)):
                    yield rf"\partial{u}/\partial{v}", [*m, *n]
            case ("gradient", order, subs, base):
                yield rf"\nabla^{order}_{{{','.join(map(self.script, subs))}}}{base}", []

    def look_up(self, node: Node, brackets: str = "") -> Any:
        """Return the value of a name, or the entry of it; with brackets, the function."""
        if node[0] == "name" and node[1] in self.bound and not node[2] and not node[3]:
            return self.bound[node[1]]
        found = [
            (key, rest)
            for key, rest in ((key + brackets, rest) for key, rest in self.readings(node))
            if key in self.table and (not rest or np.ndim(self.table[key]))
        ]
        if len(found) > 1:
            raise TeXError(f"ambiguous: {' or '.join(key for key, _ in found)}")
        if not found:
            if node[0] == "name" and not node[2] and not node[3] and node[1] in CONSTANTS:
                return CONSTANTS[node[1]]
            names = ", ".join(dict.fromkeys(key + brackets for key, _ in self.readings(node)))
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
                return np.divide(self.value(left), number(self.value(right), "a denominator"))
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
            case ("matrix", rows):
                if len({len(row) for row in rows}) != 1:
                    raise ShapeError("the rows of a matrix must be equally long")
                return np.array(
                    [[number(self.value(entry), "an entry") for entry in row] for row in rows]
                )
            case ("inner", left, right):
                left, right = self.value(left), self.value(right)
                alike(left, right, ",")
                return np.sum(left * right).item()
            case ("slope", subs, body):
                return self.slope(subs, body)
            case ("differential", inner):
                return self.differential(inner)
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
                total = (max if sign == r"\max" else min)(number(total, "an entry"), value)
        if total is None:
            raise TeXError(f"{sign} over {names} has no term")
        return total

    def call(self, node: Node, arguments: list[Node]) -> Any:
        """Apply a function; its arguments and its result are vectors where they are columns."""
        if node[0] == "name" and node[1] in FUNCTIONS and f"{node[1]}()" not in self.table:
            function = FUNCTIONS[node[1]]
        else:
            function = self.look_up(node, "()")
        if isinstance(function, Mean):
            return function(self, *arguments)
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

    def differential(self, node: Node) -> Any:
        r"""Differentiate along the increments in the table, \mathrm dU for U, by a complex step."""
        increments = {key[10:]: key for key in self.table if key.startswith(r"\mathrm{d}")}
        self.used |= set(increments.values())
        moved = {k: self.table[k] + 1e-30j * self.table[key] for k, key in increments.items()}
        scope = Scope({**self.table, **moved}, self.ranges, self.origin, self.bound, self.used)
        return np.imag(scope.value(node)) / 1e-30

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


def product(left: Any, right: Any) -> Any:
    """Multiply by a number, or as matrices; one row times one column is a number."""
    if np.ndim(left) == 0 or np.ndim(right) == 0:
        return left * right
    if np.ndim(left) != 2 or np.ndim(right) != 2 or left.shape[1] != right.shape[0]:
        raise ShapeError(f"{shape_words(left)} times {shape_words(right)} is no matrix product")
    result = left @ right
    return result.item() if result.size == 1 else result


def power(base: Any, exponent: Any) -> Any:
    """Raise a number, or a square matrix to a whole power."""
    if np.ndim(base) == 0:
        return base**exponent
    if isinstance(exponent, int) and np.ndim(base) == 2 and base.shape[0] == base.shape[1]:
        return np.linalg.matrix_power(base, exponent)
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


def numbered(pattern: str, values: Iterable[Any], start: int = 1) -> dict[str, Any]:
    """Name one value after another: the question mark in the pattern becomes its number."""
    return {pattern.replace("?", str(k)): value for k, value in enumerate(values, start)}


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
        vectors for columns; if its letter is a vector's too, it may be told apart as ``p(\cdot)``.
        An ``int`` may be an index or a bound too: ``{"N": 7, "l": 2}``. Names with a number, such
        as ``W_2`` and ``x^{(3)}``, are symbols of their own.
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
        key = key_of(name, value)
        if key in table:
            raise TeXError(f"{name} stands twice in the table")
        if not callable(value) and 1 in np.shape(value)[-1:]:
            raise TeXError(f"{name} has {shape_words(value)}: a size of 1 can hide a transposition")
        table[key] = value if callable(value) else inward(value)
    ranges = {
        name: values if isinstance(values, range) else range(1, values + 1)
        for name, values in (indices or {}).items()
    }
    functions = {base_of(key[:-2]) for key, value in table.items() if callable(value)}
    wanted = {" ".join(tokenize(name)) for name in only}
    defined = {" ".join(tokenize(name)) for name in defines}
    scope, found = Scope(table, ranges, origin), []
    for statement in statements(tex, skip):
        if not wanted or statement.left in wanted:
            try:
                found.append(evaluated(scope, statement, functions, statement.left in defined))
            except TeXError as error:
                error.add_note(f"in {' '.join(statement.tokens)}")
                raise
    if missing := (wanted | defined) - {statement.left for statement in found}:
        raise TeXError(f"not printed as a left side: {', '.join(sorted(missing))}")
    return found, scope.used


def evaluated(scope: Scope, statement: Statement, functions: set[str], define: bool) -> Evaluated:
    """Compute a statement's sides; where it defines its left one, put that into the table."""
    _, sides, relations = Reader(statement.tokens, functions).everything(Reader.chain)
    if not relations and (sides[0][0] != "shaped" or sides[0][1][0] != "name"):
        raise TeXError(f"{' '.join(statement.tokens)} states nothing")
    if r"\leftarrow" in relations and not define:
        raise TeXError(f"an assignment to {statement.left} must be asked for")
    shape = read_shape(statement.shape, functions) if statement.shape else None
    values = over_indices(scope, sides[1:] if define else sides, shape)
    for place, side in enumerate(sides):  # = 0 is said of vectors too
        if side == ("number", 0) and not define:
            values[place] = np.zeros(np.shape(values[place - 1]))
    if define:
        scope.table[spell_left(scope, sides[0])] = inward(values[0])
        values = [outward(inward(values[0])), *values]
    return Evaluated(statement.left, values, relations)


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
