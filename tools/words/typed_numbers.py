"""No number that a run produced is typed in the book's text: results are computed and glued.

A page's prose is its paragraphs, headings, lists, tables and boxes, the captions of its figures,
and the strings in its cells that readers read: what is passed to ``Markdown(...)`` and, as ``alt=``
and ``table=``, to a figure. In it, decimal numbers, percentages and powers of ten are reported,
unless they stand in code or mathematics or in a sentence with a citation. Those that no run
produced are listed, each with its reason, in ``typed_numbers.txt``; an entry there that fits
nothing any more is reported too.

``python tools/words/typed_numbers.py book`` prints what is left, as ``page:line: …``.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

EXCEPTIONS = Path(__file__).with_suffix(".txt")
ADVICE = (
    "compute it in a cell and glue it, or write a parameter as code or mathematics, "
    f"or list it with its reason in tools/{EXCEPTIONS.name}"
)

WORDS = (
    "half|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    "|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
)
NUMBER = re.compile(
    rf"""
    (?<![\w.])(?:
      (?:\d+(?:\.\d+)?|\.\d+)[eE][-+−]?\d+\b              # 1e-9
    | (?:\d+(?:\.\d+)?\s?[·×]\s?)?10[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+    # 3·10⁻⁹
    | (?:\d+(?:\.\d+)?|\.\d+|\b(?:{WORDS}))[\s-]*(?:%|‰|per\s?cent\b)    # 7.5 %, seven per cent
    | (?:\d+\.\d+|\.\d+)(?!\d|\.\d)                       # 0.25, 2.5-fold; 1.2.3 is a version
    )""",
    re.VERBOSE | re.IGNORECASE,
)
CITATION = re.compile(r"\{cite(?::\w+)?\}")

# Directives whose content is no prose; their captions and strings are looked at on their own.
VERBATIM = {
    "bibliography", "code", "code-block", "code-cell", "equation-index", "glue:md", "include",
    "literalinclude", "math", "mermaid", "raw", "toctree", "widget",
}  # fmt: skip
SHOWN = {"alt", "table"}  # arguments of plots.show
FENCE = re.compile(r"\s*(`{3,}|:{3,}|~{3,})\s*(?:\{([\w:-]+)\})?(.*)$")
OPTION = re.compile(r"\s*:[\w-]+:")

# What is no prose inside prose, in the order in which it is looked for at each place.
MARKUP = re.compile(
    r"""
      <!--.*?-->
    | (?:\{[\w:.-]+\})?(?<!`)(`+)(?!`)(?:(?!\n\s*\n).)*?(?<!`)\1(?!`)    # code, roles
    | \\.
    | \$\$.*?\$\$(?:[ ]*\([\w.:-]+\))?
    | \$(?:\\.|(?!\n\s*\n)[^$\\])*\$
    | (?<=\])\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)                      # a link's target
    | <[a-z/!][^<>\n]*>
    | \bhttps?://[^\s)>\]]+
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
PAGE_MARKUP = re.compile(
    r"^[ ]*\([\w.:-]+\)=[ ]*$|^[ ]*%.*$|^[ ]*(?:\+\+\+|\[[^\]\n]+\]:).*$", re.MULTILINE
)
SENTENCE_END = re.compile(
    r"""
      [.!?]["”’)*_]*\s+(?=["“(*_{$`]*[A-Z0-9{$`\\])
    | \n\s*(?=[-*+|]\s|\d+\.\s|:\s|\#)                                  # a list, a table, a heading
    | \n\s*\n
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Finding:
    """A number that is typed where readers read."""

    page: str  # from the book's folder
    line: int
    number: str
    sentence: str
    start: int  # in the page, in characters
    end: int

    def __str__(self) -> str:
        """Say where, what, and what to do."""
        return f"{self.page}:{self.line}: {self.number!r} is typed in “{self.sentence}”: {ADVICE}"


@dataclass(frozen=True)
class Allowed:
    """A typed number that no run produced, as listed: on one page, or on any (``*``)."""

    line: int
    page: str
    phrase: str
    reason: str

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where the phrase stands, however its lines are broken."""
        words = r"\s+".join(map(re.escape, self.phrase.split()))
        return [match.span() for match in re.finditer(words, text)]


# ---------------------------------------------------------------- what is prose


def prose(text: str) -> str:
    """Return a page of the same length in which only the prose is left: the rest is blanks."""
    kept = [" " * len(line) for line in text.split("\n")]
    lines = text.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    strings: list[tuple[int, int]] = []
    open_fences: list[tuple[str, str]] = []  # the fence and its directive
    i = 0
    if lines[0] == "---":
        i = lines.index("---", 1) + 1
    while i < len(lines):
        line = lines[i]
        fence = FENCE.match(line)
        if fence and open_fences and not fence[2] and not fence[3].strip():
            opened = open_fences[-1][0]
            if fence[1].startswith(opened):
                open_fences.pop()
                i += 1
                continue
        if open_fences and open_fences[-1][1] in VERBATIM:
            i += 1
            continue
        if fence:
            directive = fence[2] or "code"
            open_fences.append((fence[1], directive))
            i += 1
            if directive == "code-cell":
                i, found = cell(lines, i, fence[1], kept)
                strings += [(starts[row] + a, starts[row] + b) for row, a, b in found]
                continue
            if directive not in VERBATIM:
                kept[i - 1] = blank(line, fence.start(3))
                while i < len(lines) and OPTION.match(lines[i]):
                    i += 1
            continue
        kept[i] = line
        i += 1
    page = PAGE_MARKUP.sub(lambda match: " " * len(match[0]), "\n".join(kept))
    page = MARKUP.sub(blanked, page)
    for start, end in strings:
        page = page[:start] + MARKUP.sub(blanked, text[start:end]) + page[end:]
    return page


def blank(line: str, until: int) -> str:
    """Return the line with blanks for its beginning."""
    return " " * until + line[until:]


def blanked(match: re.Match[str]) -> str:
    """Return blanks as long as the match, with its line ends."""
    return re.sub(r"[^\n]", " ", match[0])


def cell(
    lines: list[str], i: int, fence: str, kept: list[str]
) -> tuple[int, list[tuple[int, int, int]]]:
    """Keep a code cell's caption; return the line after its code, and its strings for readers."""
    if lines[i] == "---":
        end = lines.index("---", i + 1)
        indent = None
        for row in range(i + 1, end):
            caption = re.match(r"\s*caption:\s*(?:[|>][-+]?\s*$)?", lines[row])
            depth = len(lines[row]) - len(lines[row].lstrip())
            if caption:
                indent = depth
                kept[row] = blank(lines[row], caption.end())
            elif indent is not None and (depth > indent or not lines[row].strip()):
                kept[row] = lines[row]
            else:
                indent = None
        i = end + 1
    while OPTION.match(lines[i]):
        i += 1
    end = i
    while end < len(lines) and lines[end].strip() != fence:
        end += 1
    found = list(strings_for_readers("\n".join(lines[i:end]) + "\n"))
    return end, [(i + row, start, stop) for row, start, stop in found]


def strings_for_readers(code: str) -> Iterator[tuple[int, int, int]]:
    """Yield line, start and end of what ``Markdown(...)``, ``alt=`` and ``table=`` show.

    ``Markdown`` may be handed a variable: beside it, whatever reads like a sentence counts too.
    """
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return  # a cell that shows an error, or a magic command
    shown, hands_over = [], False
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == "Markdown":
                shown += node.args
                hands_over = True
            shown += [keyword.value for keyword in node.keywords if keyword.arg in SHOWN]
    if not shown:
        return
    lines = code.split("\n")

    def place(row: int, offset: int) -> tuple[int, int]:
        return row, len(lines[row - 1].encode()[:offset].decode())

    spans = [(place(n.lineno, n.col_offset), place(n.end_lineno, n.end_col_offset)) for n in shown]
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type != tokenize.STRING:
            continue
        inside = any(start <= token.start and token.end <= end for start, end in spans)
        sentence = token.string.count(" ") > 3 and '"""' not in token.string
        if not inside and not (hands_over and sentence):
            continue
        prefix = re.match(r"[a-z]*", token.string, re.IGNORECASE)[0].lower()
        fields = r"\{\{|\}\}|\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}" if "f" in prefix else r"(?!)"
        for row, piece in enumerate(token.string.split("\n"), start=token.start[0] - 1):
            at = token.start[1] if row == token.start[0] - 1 else 0
            last = 0
            for match in re.finditer(fields, piece):
                yield row, at + last, at + match.start()
                last = match.end()
            yield row, at + last, at + len(piece)


# ---------------------------------------------------------------- what is typed


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the sentences, list items and rows of a page begin and end."""
    start = 0
    for match in SENTENCE_END.finditer(text):
        yield start, match.end()
        start = match.end()
    yield start, len(text)


def typed(text: str, page: str = "page.md") -> list[Finding]:
    """Return the numbers typed in a page's prose, exceptions included."""
    page_prose = prose(text)
    found = []
    for start, end in sentences(text):
        if CITATION.search(text, start, end):
            continue
        for match in NUMBER.finditer(page_prose, start, end):
            lines = text[start:end].split("\n")
            around = match.start() - start
            offsets = [0, *accumulate(len(line) + 1 for line in lines)]
            row = max(k for k, offset in enumerate(offsets) if offset <= around)
            sentence = " ".join(" ".join(lines[max(row - 1, 0) : row + 2]).split())
            number = " ".join(match[0].split())
            line = text.count("\n", 0, match.start()) + 1
            found.append(Finding(page, line, number, sentence, *match.span()))
    return found


def read_exceptions(path: Path = EXCEPTIONS) -> list[Allowed]:
    """Read the exceptions: a line is page, phrase and reason, with `` | `` between them."""
    exceptions = []
    for line, entry in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not entry.strip() or entry.startswith("#"):
            continue
        fields = [field.strip() for field in entry.split(" | ")]
        if len(fields) != 3 or not all(fields):
            raise ValueError(
                f"{path.name}:{line}: expected “page | phrase | reason”, got {entry!r}. "
                "Is the reason missing?"
            )
        exceptions.append(Allowed(line, *fields))
    return exceptions


def check(book: Path, path: Path = EXCEPTIONS) -> list[str]:
    """Return what is wrong: typed numbers without an exception, exceptions without a number."""
    exceptions, used, problems = read_exceptions(path), set(), []
    for source in sorted(book.rglob("*.md")):
        page = source.relative_to(book).as_posix()
        text = source.read_text(encoding="utf-8")
        spans = [
            (exception, span)
            for exception in exceptions
            if exception.page in (page, "*")
            for span in exception.spans(text)
        ]
        for finding in typed(text, page):
            fitting = {
                e for e, (start, end) in spans if start <= finding.start and finding.end <= end
            }
            used |= fitting
            if not fitting:
                problems.append(str(finding))
    for exception in exceptions:
        if exception not in used:
            where = "any page" if exception.page == "*" else exception.page
            problems.append(
                f"{path.name}:{exception.line}: “{exception.phrase}” is no typed number of "
                f"{where} any more: remove the exception, or quote the page exactly"
            )
    return problems


def main() -> int:
    """Print what is wrong with a book."""
    problems = check(Path(sys.argv[1] if len(sys.argv) > 1 else "book"))
    print("\n".join(problems) or "no result is typed")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
