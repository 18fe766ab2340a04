"""What a build says: a line for each page with its time, and what is wrong, once.

Sphinx and its extensions print their settings and some two hundred lines of progress. A build says
only what its own tools say, and every warning; ``-v`` shows the rest. On a terminal, a last line
that is overwritten shows what is being done.
"""

import logging as standard
import sys
import time
from collections.abc import Iterable
from types import TracebackType

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError, SphinxError
from sphinx.util import logging
from sphinx.util.console import color_terminal

logger = logging.getLogger(__name__)


def is_worth_showing(record: standard.LogRecord) -> bool:
    """Let through what the book's tools say, and warnings."""
    return record.levelno >= standard.WARNING or record.name.startswith("sphinx.tools.")


def progress(doing: Iterable[str]) -> None:
    """Show what is being done in a line that the next one overwrites, on a terminal."""
    if color_terminal():
        logger.info("\x1b[2K%s\r", "  ".join(doing)[:100], nonl=True)


class Reader:
    """Times the pages as they are read, and names those that did not run."""

    def __init__(self) -> None:
        self.started = 0.0
        self.ran: set[str] = set()

    def start(self, app: Sphinx, docname: str, content: list[str]) -> None:
        """Begin to read a page."""
        self.started = time.perf_counter()
        progress([f"reading {docname}"])

    def finish(self, app: Sphinx, doctree: nodes.document) -> None:
        """Name a page that has been read, unless its line was printed when its cells had run."""
        docname = app.env.docname
        if docname not in self.ran:
            say("read", docname, time.perf_counter() - self.started)


reader = Reader()


def say(what: str, docname: str, seconds: float) -> None:
    """Print a page's line."""
    reader.ran.add(docname)
    logger.info("%-8s %-46s %6.1f s", what, docname, seconds)


def end_shortly(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """End a failed build without a traceback that repeats what is printed already.

    An exception that no extension foresaw (`ExtensionError`) keeps its traceback.
    """
    cause = error.__cause__
    if isinstance(cause, SphinxError) and not isinstance(cause, ExtensionError):
        print(error, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def setup(app: Sphinx) -> dict[str, bool]:
    """Be quiet from here on."""
    if not app.verbosity:
        for handler in standard.getLogger(logging.NAMESPACE).handlers:
            handler.addFilter(is_worth_showing)
    standard.getLogger("fontTools").setLevel(standard.WARNING)
    sys.excepthook = end_shortly
    reader.ran.clear()
    app.connect("source-read", reader.start, priority=1)
    app.connect("doctree-read", reader.finish, priority=999)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
