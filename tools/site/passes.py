"""Everything that is done to a finished page, in order.

A page passes the first list as its template is filled in, the second as a file, alone, once after
it has been written. When all pages have, the third list looks at the site as a whole.
"""

from collections.abc import Callable
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

from tools.editions import links
from tools.equations import mathematics
from tools.site import (
    addresses,
    delivery,
    downloads,
    freshness,
    page_markup,
    permalinks,
    widgets,
)
from tools.site.console import progress
from tools.words import api, concepts

IN_MEMORY: list[Callable[..., None]] = [
    permalinks.name_links,  # every place has a link with a name
    mathematics.define_glyphs,  # the outlines of a page's formulas, once
    api.reachable,  # the keyboard scrolls code of the reference
    downloads.add_menu,  # the page as a notebook and as source
    widgets.add_files,  # scripts of the figures that readers can change
    concepts.fill_index,  # the words of the index
    page_markup.describe,  # a description, for search engines and cards
    addresses.add_card,  # a canonical address and a card, with that description
    delivery.slim,  # what is in the bundles is not asked for
]
ON_ITS_FILE = [
    page_markup.tidy,  # markup without the theme's faults
    delivery.classes_for_styles,  # styles of single elements, in a sheet
]
ON_THE_SITE = [
    freshness.remove_gone,  # pages that have left the book
    addresses.finish,  # moved pages, 404.html, the site map
    links.announce_all,  # the PDF and the EPUB, where they have been made
    delivery.deliver,  # one style sheet, one script, a policy for each page
]

logger = logging.getLogger(__name__)


class Passes:
    """The passes of one build."""

    def __init__(self, app: Sphinx) -> None:
        self.written: list[str] = []
        self.static = Path(app.outdir) / "_static"
        self.delivered = {*self.static.rglob("*")}

    def note(self, app: Sphinx, pagename: str, *_: object) -> None:
        """Remember a page that is being written."""
        self.written.append(pagename)
        progress([f"writing {pagename}"])

    def finish(self, app: Sphinx, exception: Exception | None) -> None:
        """Finish the files of the pages that were written, then the site."""
        if exception or app.builder.name != "html":
            return
        if not self.written:  # extensions put their style sheets there in every build
            for path in {*self.static.rglob("*")} - self.delivered:
                path.unlink()
            logger.info("Nothing has changed.")
            return
        for name in self.written:
            path = Path(app.builder.get_outfilename(name))  # type: ignore[attr-defined]
            html = path.read_text(encoding="utf-8")
            for change in ON_ITS_FILE:
                html = change(html)
            path.write_text(html, encoding="utf-8")
        for step in ON_THE_SITE:
            step(app, self.written)
        progress([])
        logger.info("wrote %d pages", len(self.written))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the passes, in their order, after those of the theme."""
    passes = Passes(app)
    handlers: list[Callable[..., None]] = [passes.note, *IN_MEMORY]
    for number, handler in enumerate(handlers):
        app.connect("html-page-context", handler, priority=900 + number)
    app.connect("build-finished", passes.finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
