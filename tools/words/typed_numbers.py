"""No number that a run produced is typed in the book's text: results are computed and glued.

Once a page is read, every block of its text (a paragraph, a heading, a caption, a row) is searched
for decimal numbers, percentages and powers of ten. Code, mathematics, glued values, references and
what cells printed are no text; a sentence with a citation may quote numbers. The strings in cells
that readers read (``Markdown(...)``, and ``alt=`` and ``table=`` of a figure) are searched too.
A typed number fails the build, unless ``typed_numbers.txt`` lists it with its reason; an entry
there that fits nothing any more fails the build as well.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from tools.page_source import cells, source_of

EXCEPTIONS = Path(__file__).with_suffix(".txt")
ADVICE = (
    "compute it in a cell and glue it, write a parameter as code or mathematics, or list it with "
    f"its reason in tools/words/{EXCEPTIONS.name}"
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
CITED, NO_TEXT = "\ue000", "\ue001"  # where a citation stands, and where something is no text
SENTENCE_END = re.compile(r"[.!?][\"”’)]*\s+(?=[\"“(A-Z0-9\ue000\ue001])")
CITE = re.compile(r"\{cite:\w+\}`[^`]*`")
MARKUP = re.compile(r"\$[^$]*\$|(?<!\})`[^`]*`")  # in strings of Markdown
ADDRESS = re.compile(r"\bhttps?://\S+")
PASTED = re.compile(r"\s*(?:`{3,}|:{3,})\{glue:md\}")  # its text comes from a cell
SHOWN = {"alt", "table"}  # arguments of plots.show

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """A number that is typed where readers read."""

    number: str
    text: str  # of the block
    start: int  # of the number in the text
    line: int


@dataclass(frozen=True)
class Allowed:
    """A typed number that no run produced, as listed: on one page, or on any (``*``)."""

    line: int
    page: str
    phrase: str
    reason: str

    def fits(self, page: str, finding: Finding) -> bool:
        """Say whether the phrase stands around the number."""
        text, phrase = finding.text, " ".join(self.phrase.split())
        at = [m.span() for m in re.finditer(re.escape(phrase), text)]
        end = finding.start + len(finding.number)
        return self.page in (page, "*") and any(a <= finding.start and end <= b for a, b in at)


# ---------------------------------------------------------------- the text of a page


def text_of(node: nodes.Node) -> str:
    """Return what is text in a block, with a sign in each place of what is none."""
    if isinstance(node, nodes.Text):
        return str(node)
    if isinstance(node, pending_xref):
        return CITED if node.get("refdomain") == "cite" else NO_TEXT
    if isinstance(node, nodes.reference) and str(node.get("refuri", "")).endswith(node.astext()):
        return NO_TEXT  # an address
    if isinstance(node, nodes.Inline) and not isinstance(node, PLAIN):
        return NO_TEXT
    if isinstance(node, nodes.inline) and "pasted-text" in node["classes"]:
        return NO_TEXT
    return "".join(text_of(child) for child in node.children)


PLAIN = (nodes.inline, nodes.emphasis, nodes.strong, nodes.reference, nodes.abbreviation)


def blocks(tree: nodes.Element) -> Iterator[tuple[str, int]]:
    """Yield the text of each block and its line; of a cell's output, only the caption."""
    for node in tree.findall(nodes.TextElement):
        inside_block = isinstance(node, nodes.Inline | nodes.FixedTextElement | nodes.Invisible)
        if inside_block or isinstance(node, nodes.math_block):
            continue
        if in_docstring(node) or (in_cell(node) and not isinstance(node, nodes.caption)):
            continue
        line = next((n.line for n in [node, *parents(node)] if n.line), 0)
        yield " ".join(ADDRESS.sub(NO_TEXT, text_of(node)).split()), line


def parents(node: nodes.Node) -> Iterator[nodes.Element]:
    """Yield what a node stands in, from inside out."""
    while node.parent is not None:
        node = node.parent
        yield node


def in_cell(node: nodes.Node) -> bool:
    """Say whether a node is a cell's code or output."""
    return any("nb_element" in parent.attributes for parent in parents(node))


def in_docstring(node: nodes.Node) -> bool:
    """Say whether a node belongs to the reference of the package, whose text is code's."""
    return any("docstring" in parent.get("classes", []) for parent in parents(node))


def strings_for_readers(code: str) -> Iterator[tuple[str, int]]:
    """Yield what ``Markdown(...)``, ``alt=`` and ``table=`` show, and its line.

    ``Markdown`` may be handed a variable: beside it, whatever reads like a sentence counts too.
    """
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return  # a cell that shows an error, or a magic command
    shown: list[ast.expr] = []
    hands_over = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == "Markdown":
                shown += node.args
                hands_over = True
            shown += [keyword.value for keyword in node.keywords if keyword.arg in SHOWN]
    lines = code.split("\n")

    def place(row: int | None, offset: int | None) -> tuple[int, int]:  # ast counts bytes
        assert row is not None
        return row, len(lines[row - 1].encode()[:offset].decode())

    spans = [(place(n.lineno, n.col_offset), place(n.end_lineno, n.end_col_offset)) for n in shown]
    for token in tokenize.generate_tokens(io.StringIO(code).readline) if shown else ():
        if token.type != tokenize.STRING:
            continue
        inside = any(start <= token.start and token.end <= end for start, end in spans)
        if inside or (hands_over and token.string.count(" ") > 3 and '"""' not in token.string):
            words = token.string
            if "f" in words[: words.index(words[-1])].lower():
                words = re.sub(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", NO_TEXT, words)
            yield CITE.sub(CITED, MARKUP.sub(NO_TEXT, words)), token.start[0]


def cell_strings(source: str) -> Iterator[tuple[str, int]]:
    """Yield the strings for readers of all cells of a page, and their lines."""
    for code, above in cells(source):
        for words, line in strings_for_readers(code):
            yield words, above + line


# ---------------------------------------------------------------- what is typed


def typed(texts: Iterator[tuple[str, int]]) -> Iterator[Finding]:
    """Yield the numbers typed in some texts, exceptions included."""
    for text, line in texts:
        ends = [0, *(match.end() for match in SENTENCE_END.finditer(text)), len(text)]
        for match in NUMBER.finditer(text):
            begin = max(end for end in ends if end <= match.start())
            if CITED not in text[begin : min(end for end in ends if end > match.start())]:
                yield Finding(match[0], text, match.start(), line)


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


def typed_on(doctree: nodes.document, source: str) -> Iterator[Finding]:
    """Yield the typed numbers of a page; what ``{glue:md}`` pasted is looked for in its cell."""
    pasted = {n for n, line in enumerate(source.splitlines(), start=1) if PASTED.match(line)}
    yield from (finding for finding in typed(blocks(doctree)) if finding.line not in pasted)
    yield from typed(cell_strings(source))


def check_page(app: Sphinx, doctree: nodes.document) -> None:
    """Report the typed numbers of a page that is being read."""
    env = app.env
    source = source_of(env, env.docname)
    exceptions, used = read_exceptions(), set()
    for finding in typed_on(doctree, source):
        fitting = [e for e in exceptions if e.fits(f"{env.docname}.md", finding)]
        used |= set(fitting)
        if not fitting:
            words = finding.text.replace(NO_TEXT, "…")
            where = (env.docname, finding.line)
            logger.warning("%r is typed in “%s”: %s", finding.number, words, ADVICE, location=where)
    known(env)[env.docname] = used


def check_exceptions(app: Sphinx, env: BuildEnvironment) -> None:
    """Report the exceptions that fit no page."""
    used = set().union(*known(env).values())
    for exception in read_exceptions() if app.config.book_whole else ():
        if exception not in used:
            logger.warning(
                "%s:%s: “%s” is no typed number of %s any more: remove it, or quote the page",
                EXCEPTIONS.name,
                exception.line,
                exception.phrase,
                "any page" if exception.page == "*" else exception.page,
            )


def known(env: BuildEnvironment) -> dict[str, set[Allowed]]:
    """Return the exceptions that the stored pages use, by page."""
    found: dict[str, set[Allowed]] = vars(env).setdefault("book_typed_numbers", {})
    return found


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what is known of a page that is read again or gone."""
    known(env).pop(docname, None)


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at each page once it is read, and at the exceptions when all are."""
    app.connect("doctree-read", check_page)
    app.connect("env-purge-doc", forget)
    app.connect("env-check-consistency", check_exceptions)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
