"""The home page links to the PDF and the EPUB where they have been made, and only there."""

import re
from pathlib import Path

from sphinx.application import Sphinx

from tools.editions import whole_book

KINDS = {"pdf": "PDF", "epub": "EPUB"}
LINKS = re.compile(r'<p class="editions">.*?</p>\n?', re.DOTALL)
SECTION = re.compile(r"<(/?)section\b[^>]*>")


def links(site: Path) -> str:
    """Return the line that names the editions lying beside the pages; empty without any."""
    found = []
    for suffix, words in KINDS.items():
        path = site / f"{whole_book.NAME}.{suffix}"
        if path.exists():
            size = f"{path.stat().st_size / 1e6:.0f} MB"
            found.append(f'<a href="{path.name}">{words}</a> ({size})')
    return f'<p class="editions">To take along: {" · ".join(found)}.</p>\n' if found else ""


def place(html: str) -> int:
    """Return where the line stands: at the end of the home page's first section."""
    depth = 0
    for match in SECTION.finditer(html, html.find("</h1>", html.find("<article"))):
        depth += -1 if match[1] else 1
        if depth <= 0:
            return match.start()
    return html.rfind("</article>")


def announce(site: Path) -> None:
    """Write the home page's links anew."""
    path = site / "index.html"
    before = path.read_text(encoding="utf-8")
    html = LINKS.sub("", before)
    at = place(html)
    html = html[:at] + links(site) + html[at:]
    if html != before:
        path.write_text(html, encoding="utf-8")


def announce_all(app: Sphinx, written: list[str]) -> None:
    """Keep the links when the site is built again over its editions."""
    announce(Path(app.outdir))
