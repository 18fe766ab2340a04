"""A page that shows a record says so when the code that made it has changed since.

What is too dear for a build, an experiment or the timing, was run before, and its record lies in
``book/records``. A change of any code that it used makes the record stale: its numbers are those of
an earlier version. Each page that reads such a record gets a notice, and the build names the
records at its end. It is no warning and fails nothing: whether the code still gives the recorded
numbers is for the tests to say, which run a reduced case of every experiment.
"""

import json

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from tools.cells.execution import Package, cells_of, source_of

TITLE = "Recorded with an earlier version of the code"
MACHINERY = "bookkit.records.experiments"

logger = logging.getLogger(__name__)

Stale = tuple[str, str]  # a record's name, and the command that makes it anew


def stale_records(app: Sphinx, docname: str) -> tuple[Stale, ...]:
    """Name the records that a page reads and whose code has changed."""
    dependencies = app.book_dependencies
    stale = []
    for path in dependencies.records(cells_of(source_of(app.env, docname))):
        record = json.loads(path.read_text(encoding="utf-8"))
        modules = record.get("modules") or [record["module"]]
        if digest(dependencies.package, modules) != record["digest"]:
            command = record.get("command") or f"python -m bookkit.records {path.stem}"
            stale.append((path.stem, command))
    return tuple(stale)


def digest(package: Package, modules: list[str]) -> str:
    """Return the digest of what was run; none if it is gone."""
    return package.digest(*modules, without=[MACHINERY]) if {*modules} <= {*package.paths} else ""


def known(env: BuildEnvironment) -> dict[str, tuple[Stale, ...]]:
    """Return what the stored pages say, by page."""
    if not hasattr(env, "book_stale_records"):
        env.book_stale_records = {}
    return env.book_stale_records


def outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the pages whose notice must come or go."""
    unchanged = env.found_docs - added - changed
    return [name for name in unchanged if stale_records(app, name) != known(env).get(name, ())]


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what is known of a page that is read again or gone."""
    known(env).pop(docname, None)


def notice(stale: tuple[Stale, ...]) -> nodes.admonition:
    """Return the notice."""
    box = nodes.admonition(classes=["note", "stale-record"])
    box += nodes.title(TITLE, TITLE)
    words = nodes.paragraph("", "Code that made recorded results of this page has changed since. ")
    words += nodes.Text("To record them again: ")
    for number, (_, command) in enumerate(stale):
        words += [nodes.Text(", " if number else ""), nodes.literal(command, command)]
    words += nodes.Text(".")
    box += words
    return box


def add_notice(app: Sphinx, doctree: nodes.document) -> None:
    """Put the notice under the title of a page that reads a stale record."""
    stale = stale_records(app, app.env.docname)
    if not stale:
        return
    known(app.env)[app.env.docname] = stale
    title = next(iter(doctree.findall(nodes.title)))
    title.parent.insert(title.parent.index(title) + 1, notice(stale))


def report(app: Sphinx, exception: Exception | None) -> None:
    """Name the stale records when all pages are written."""
    if exception is None:
        for name, command in sorted({one for stale in known(app.env).values() for one in stale}):
            logger.info("stale record %s: its code has changed; repeat it with %s", name, command)


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at each page once it is read, and at all when the build ends."""
    app.connect("env-get-outdated", outdated)
    app.connect("env-purge-doc", forget)
    app.connect("doctree-read", add_notice)
    app.connect("build-finished", report, priority=900)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
