"""Nothing old stays on the site: an edit of anything that makes the pages reaches them.

Sphinx notices a changed page. It does not notice a changed tool, style sheet or template, which are
values of the configuration here, by their digests. Nor does it notice that other pages print what
has changed in one: its title in the menus, the numbers of its figures, its place in the contents.
What pages print of each other has a digest too, and all are written again when it changes. What no
page leads to any more is removed.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector

ROOT = Path(__file__).resolve().parents[2]


def digest(paths: Iterable[Path]) -> str:
    """Return one digest of some files' names and contents."""
    found = [(path.relative_to(ROOT).as_posix(), path.read_bytes()) for path in sorted(paths)]
    return hashlib.sha256(repr(found).encode()).hexdigest()


def printed_elsewhere(env: BuildEnvironment) -> str:
    """Return a digest of what pages print of each other: titles, order, numbers, places."""
    labels = env.get_domain("std").data.get("labels", {})
    titles = {name: title.astext() for name, title in env.titles.items()}
    found = (titles, env.toctree_includes, env.toc_secnumbers, env.toc_fignumbers, labels)
    return hashlib.sha256(repr([sorted(part.items()) for part in found]).encode()).hexdigest()


def rewrite(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Name all pages if what they print of each other has changed."""
    before, now = vars(env).get("book_printed_elsewhere"), printed_elsewhere(env)
    vars(env)["book_printed_elsewhere"] = now
    return sorted(env.found_docs) if before != now else []


def keep_numbers(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Keep the numbers of figures and citations if no page was read.

    Sphinx and its bibliography compute them again from all stored pages in every build.
    """
    if docnames:
        return
    for event in ("env-updated", "env-get-updated"):
        for listener in list(app.events.listeners[event]):
            counts = isinstance(getattr(listener.handler, "__self__", None), TocTreeCollector)
            if counts or listener.handler.__module__ == "sphinxcontrib.bibtex":
                app.disconnect(listener.id)


def remove_gone(app: Sphinx, written: Iterable[str]) -> None:
    """Remove the files of pages and pictures that the site does not have any more."""
    out, env = Path(app.outdir), app.env
    pictures = {name for _, name in env.images.values()} | {*app.builder.images.values()}
    pages = {*env.found_docs, *written}
    for path in sorted(out.rglob("*")):
        place = path.relative_to(out)
        top, name = place.parts[0], place.with_suffix("").as_posix()
        if path.is_dir() or top == "_static":
            continue
        gone = path.suffix in {".html", ".ipynb"} and name not in pages
        if top == "_sources":
            name = Path(*place.parts[1:]).as_posix().split(".")[0]
            gone = name not in env.found_docs
        elif place.parts[:2] == ("_images", "cards"):
            gone = Path(*place.parts[2:]).with_suffix("").as_posix() not in pages
        elif top == "_images":
            gone = place.name not in pictures
        if gone:
            path.unlink()
    for folder in sorted((p for p in out.rglob("*") if p.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def setup(app: Sphinx) -> dict[str, bool]:
    """Make what pages are made with a part of the configuration."""
    tools = [*ROOT.glob("tools/**/*.py"), ROOT / "_config.yml"]
    shown = [*ROOT.glob("tools/templates/**/*"), *ROOT.glob("book/assets/**/*")]
    app.add_config_value("book_tools", digest(tools), "env")
    app.add_config_value("book_assets", digest(p for p in shown if p.is_file()), "html")
    app.connect("env-before-read-docs", keep_numbers)
    app.connect("env-get-updated", rewrite, priority=950)  # when all numbers are known
    return {"parallel_read_safe": True, "parallel_write_safe": True}
