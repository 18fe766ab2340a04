"""What a site can only have where its address is known, and the pages for wrong addresses.

The variable ``MLPBOOK_URL`` gives the address, or ``html.baseurl`` in ``_config.yml``. With it,
every page names its canonical address and has a card for social networks, with a picture drawn
here, and the site has a map (``sitemap.xml``) and ``robots.txt``. Without it there is none of that.

In either case ``404.html`` works at any address below the site: it carries its style in itself,
and looks for the site's top. ``book_redirects`` maps the names of pages that have moved to their
new ones; each gets a page that leads there.
"""

import os
import re
from collections.abc import Iterator
from html import escape
from itertools import pairwise
from pathlib import Path
from posixpath import relpath
from urllib.parse import quote, urljoin

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

from tools.book_order import plain_text, reading_order
from tools.site.delivery import with_policy

logger = logging.getLogger(__name__)
CARD = (1200, 630)  # pixels, as social networks show cards
NOT_FOR_SEARCH = {"search", "404"}


def find_address(app: Sphinx, config: Config) -> None:
    """Note the site's address, with a slash at its end."""
    address = os.environ.get("MLPBOOK_URL") or config.html_baseurl
    if address and not re.match(r"https?://[^/]+", address):
        raise ValueError(
            f"the site's address must begin with https:// or http://, got {address!r}. "
            "Is the variable MLPBOOK_URL right?"
        )
    config.html_baseurl = f"{address.rstrip('/')}/" if address else ""


def address_of(app: Sphinx, pagename: str) -> str:
    """Return a page's address: the home page's is that of its folder."""
    uri = "" if pagename == app.config.root_doc else quote(app.builder.get_target_uri(pagename))
    return urljoin(app.config.html_baseurl, uri)


# ---------------------------------------------------------------- cards

DESCRIPTION = re.compile(r'<meta name="description" content="([^"]*)"')
TAGS = re.compile(r"<[^>]*>")


def add_card(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Give a page its canonical address and its card."""
    if app.builder.name != "html" or not app.config.html_baseurl:
        return
    context["pageurl"] = None if pagename in NOT_FOR_SEARCH else address_of(app, pagename)
    description = DESCRIPTION.search(context.get("metatags", ""))
    if doctree is None or not description:
        return
    title = " ".join(TAGS.sub("", re.sub(r"<math.*?</math>", "…", context["title"])).split())
    picture = f"_images/cards/{pagename}.png"
    vars(app)["book_cards"][picture] = title
    properties = {
        "og:type": "website" if pagename == app.config.root_doc else "article",
        "og:site_name": app.config.html_title,
        "og:title": title,
        "og:description": description[1],
        "og:url": context["pageurl"],
        "og:image": urljoin(app.config.html_baseurl, quote(picture)),
        "og:image:width": CARD[0],
        "og:image:height": CARD[1],
        "og:image:alt": f"{title}, over a drawing of a multilayer perceptron",
    }
    cards = "".join(
        f'<meta property="{name}" content="{escape(str(value), quote=True)}" />\n'
        for name, value in properties.items()
    )
    cards = cards.replace("&amp;quot;", "&quot;").replace("&amp;amp;", "&amp;")
    context["metatags"] += f'{cards}<meta name="twitter:card" content="summary_large_image" />\n'


def draw_card(title: str, book: str, path: Path) -> None:
    """Draw a card: the title over a network whose widths the title's letters decide."""
    import matplotlib.pyplot as plt  # half a second, in builds that know their address alone
    import numpy as np

    blue, orange, paper, ink = "#0072B2", "#D55E00", "#fbfaf7", "#222832"
    fig = plt.figure(figsize=(CARD[0] / 100, CARD[1] / 100), dpi=100, facecolor=paper)
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, CARD[0]), ylim=(0, CARD[1]))
    ax.axis("off")
    rng = np.random.default_rng(list(title.encode()))
    widths = [2, *rng.integers(3, 7, size=2), 2]
    layers = [
        [(760 + 125 * k, CARD[1] / 2 + 78 * (i - (n - 1) / 2)) for i in range(n)]
        for k, n in enumerate(widths)
    ]
    for here, there in pairwise(layers):
        for start in here:
            for end in there:
                weight = rng.normal()
                xs, ys = zip(start, end, strict=True)
                ax.plot(
                    xs, ys, color=blue if weight < 0 else orange, lw=2.2 * abs(weight), alpha=0.4
                )
    for layer in layers:
        xs, ys = zip(*layer, strict=True)
        ax.scatter(xs, ys, s=620, facecolor=paper, edgecolor=ink, lw=2.5, zorder=3)
    lines: list[str] = []
    line = ""
    for word in title.split():
        if line and len(line) + len(word) > 20:
            lines, line = [*lines, line], word
        else:
            line = f"{line} {word}".strip()
    text = "\n".join([*lines, line])
    size = 46 if len(lines) < 3 else 38
    ax.text(
        70, 345, text, size=size, color=ink, family="DejaVu Serif", va="center", linespacing=1.25
    )
    ax.text(70, 60, book, size=20, color="#59636e", family="DejaVu Sans", va="baseline")
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, facecolor=paper, metadata={"Software": None})
    plt.close(fig)


# ---------------------------------------------------------------- the map


def page_names(app: Sphinx) -> Iterator[str]:
    """Yield the pages that search engines are to know, in order."""
    for path in sorted(Path(app.outdir).rglob("*.html")):
        name = path.relative_to(app.outdir).with_suffix("").as_posix()
        moved = name in app.config.book_redirects
        if not name.startswith("_static") and name not in NOT_FOR_SEARCH and not moved:
            yield name


def write_map(app: Sphinx) -> None:
    """Write sitemap.xml and robots.txt."""
    out = Path(app.outdir)
    places = "".join(
        f"<url><loc>{escape(address_of(app, name))}</loc></url>\n" for name in page_names(app)
    )
    (out / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}</urlset>\n',
        encoding="utf-8",
    )
    sitemap = urljoin(app.config.html_baseurl, "sitemap.xml")
    (out / "robots.txt").write_text(f"User-agent: *\nAllow: /\n\nSitemap: {sitemap}\n", "utf-8")


# ---------------------------------------------------------------- wrong addresses


def write_missing_page(app: Sphinx) -> None:
    """Write 404.html, which servers send whatever the depth of the address that was asked for."""
    env = app.env
    chapters = [
        (app.builder.get_target_uri(name), plain_text(env.titles[name]))
        for name in reading_order(env)
    ]
    html = app.builder.templates.render(
        "404.html",
        {"title": app.config.html_title, "chapters": chapters, "address": app.config.html_baseurl},
    )
    (Path(app.outdir) / "404.html").write_text(with_policy(html), encoding="utf-8")


MOVED = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<title>This page has moved</title>
<meta http-equiv="refresh" content="0; url={target}" />
<meta name="robots" content="noindex" />
<link rel="icon" href="data:," />{canonical}
</head>
<body><p>This page has moved: <a href="{target}">{words}</a>.</p></body>
</html>
"""


def write_redirects(app: Sphinx) -> None:
    """Write a page at each place from which one has moved."""
    for old, new in app.config.book_redirects.items():
        name, _, place = new.partition("#")
        if name not in app.env.all_docs or old in app.env.all_docs:
            logger.error("book_redirects: %s must be gone, and %s must be a page", old, name)
            continue
        target = relpath(app.builder.get_target_uri(name), Path(old).parent.as_posix())
        target += f"#{place}" if place else ""
        canonical = ""
        if app.config.html_baseurl:
            canonical = f'\n<link rel="canonical" href="{escape(address_of(app, name))}" />'
        path = Path(app.outdir) / f"{old}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        words = escape(plain_text(app.env.titles[name]))
        html = MOVED.format(target=escape(target), canonical=canonical, words=words)
        path.write_text(with_policy(html), encoding="utf-8")


# ---------------------------------------------------------------- the build


def begin(app: Sphinx) -> None:
    """Note no card yet."""
    vars(app)["book_cards"] = {}


def finish(app: Sphinx, written: list[str]) -> None:
    """Write what stands beside the pages."""
    write_redirects(app)
    write_missing_page(app)
    if app.config.html_baseurl:
        write_map(app)
        for picture, title in vars(app)["book_cards"].items():
            draw_card(title, app.config.html_title, Path(app.outdir) / picture)


def setup(app: Sphinx) -> dict[str, bool]:
    """Find the address before anything is read; `tools.site.passes` does the rest."""
    app.add_config_value("book_redirects", {}, "")
    app.connect("config-inited", find_address, priority=900)
    app.connect("builder-inited", begin)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
