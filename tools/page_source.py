"""The one reader of a page's source: its cells, its labelled equations, its glossary."""

import re
from collections.abc import Iterator
from pathlib import Path

from sphinx.environment import BuildEnvironment

BOOK = Path(__file__).resolve().parents[1] / "book"
CELL = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{code-cell\}[^\n]*\n(?P<code>.*?)^(?P=fence)",
    re.MULTILINE | re.DOTALL,
)
OPTIONS = re.compile(r"\A(?:---\n.*?^---\n|(?:^:[^\n]*\n)+)", re.MULTILINE | re.DOTALL)
GLOSSARY = re.compile(r"^(`{3,}|:{3,})\{glossary\}\n(.*?)^\1$", re.MULTILINE | re.DOTALL)


def source_of(env: BuildEnvironment, docname: str) -> str:
    """Return a page's source text."""
    return Path(env.doc2path(docname)).read_text(encoding="utf-8")


def cells(text: str) -> Iterator[tuple[str, int]]:
    """Yield the code of each cell, with empty lines for its options, and the line above it."""
    for match in CELL.finditer(text):
        options = OPTIONS.match(match["code"])
        head = options[0] if options else ""
        code = "\n" * head.count("\n") + match["code"][len(head) :]
        yield code, text.count("\n", 0, match.start("code"))


def cells_of(text: str) -> str:
    """Return the code cells of a page's source, joined."""
    return "\n".join(match.group() for match in CELL.finditer(text))


def equations(text: str) -> Iterator[tuple[str, str]]:
    """Yield the label and the TeX of each labelled displayed equation in a page's source."""
    lines, start = text.splitlines(), -1
    for number, line in enumerate(lines):
        closing = re.match(r"\s*\$\$(?:\s*\(([\w-]+)\))?\s*$", line)
        if closing and start < 0:
            start = number
        elif closing:
            if closing[1]:
                yield closing[1], "\n".join(lines[start + 1 : number])
            start = -1


def terms(text: str) -> list[str]:
    """Return the terms of a page's glossary, none where it has none."""
    found = GLOSSARY.search(text)
    lines = found[2].splitlines() if found else []
    return [line for line in lines if re.match(r"[^\s:]", line)]
