"""What a page says at its top about its numbers: from substitute digits, or from older code.

An experiment too expensive for a build ran earlier, and its record lies in ``book/records``. When
any code that it used has changed since, its numbers are those of an earlier version: each page that
reads the record says so, and the build names it at its end. This fails nothing. Whether the code
still gives the recorded numbers is decided by the tests, which run a reduced case of every
experiment.
"""

import json

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from tools.cells.dependencies import dependencies_of
from tools.page_source import cells_of, source_of

MACHINERY = "bookkit.records.experiments"
RECORDED = "Recorded with an earlier version of the code"
SUBSTITUTE = "This page was built without MNIST"
SUBSTITUTE_WORDS = (
    "MNIST could not be downloaded when this page was built. Its numbers and pictures come from ",
    "scikit-learn's bundled digits",
    ": 1,797 real handwritten digits of 8 × 8 pixels, brought to MNIST's shape. They are fewer and "
    "easier, so the error rates below are not those of MNIST. To build the page on MNIST, build "
    "the book again with a connection to the network, or set the environment variable ",
    "MLPBOOK_DATA",
    " to a folder that holds the data set as torchvision keeps it.",
)

logger = logging.getLogger(__name__)

Stale = tuple[str, str]  # a record's name, and the command that makes it again


def stale_records(app: Sphinx, docname: str) -> tuple[Stale, ...]:
    """Name the records that a page reads and whose code has changed."""
    dependencies = dependencies_of(app)
    stale = []
    named = dependencies.named(cells_of(source_of(app.env, docname)))
    for path in [path for path in named if path.suffix == ".json"]:
        record = json.loads(path.read_text(encoding="utf-8"))
        modules = record.get("modules") or [record["module"]]
        if dependencies.package.digest(*modules, without=(MACHINERY,)) != record["digest"]:
            command = record.get("command") or f"python -m bookkit.records {path.stem}"
            stale.append((path.stem, command))
    return tuple(stale)


def known(env: BuildEnvironment) -> dict[str, tuple[Stale, ...]]:
    """Return the stale records that the stored pages name, by page."""
    stale: dict[str, tuple[Stale, ...]] = vars(env).setdefault("book_stale_records", {})
    return stale


def outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the pages whose notice must come or go."""
    unchanged = env.found_docs - added - changed
    return [name for name in unchanged if stale_records(app, name) != known(env).get(name, ())]


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what is known of a page that is read again or gone."""
    known(env).pop(docname, None)


def uses_substitute(app: Sphinx, docname: str) -> bool:
    """Say whether a page reads MNIST, and the digits are not MNIST."""
    dependencies = dependencies_of(app)
    code = cells_of(source_of(app.env, docname))
    return dependencies.package.uses_mnist(code) and dependencies.data.is_substitute


def box(title: str, classes: list[str], *words: nodes.Node) -> nodes.admonition:
    """Return a notice."""
    return nodes.admonition(
        "", nodes.title(title, title), nodes.paragraph("", "", *words), classes=classes
    )


def recorded_notice(stale: tuple[Stale, ...]) -> nodes.admonition:
    """Say how to record results again."""
    words = [nodes.Text("Code that made recorded results of this page has changed since. ")]
    words.append(nodes.Text("To record them again: "))
    for number, (_, command) in enumerate(stale):
        words += [nodes.Text(", " if number else ""), nodes.literal(command, command)]
    return box(RECORDED, ["note", "stale-record"], *words, nodes.Text("."))


def substitute_notice() -> nodes.admonition:
    """Say which digits took MNIST's place."""
    before, digits, middle, variable, after = SUBSTITUTE_WORDS
    strong, literal = nodes.strong(digits, digits), nodes.literal(variable, variable)
    words = nodes.Text(before), strong, nodes.Text(middle), literal, nodes.Text(after)
    return box(SUBSTITUTE, ["warning", "substitute-data"], *words)


def add_notices(app: Sphinx, doctree: nodes.document) -> None:
    """Put the notices under the title of a page."""
    docname, notices = app.env.docname, []
    if uses_substitute(app, docname):
        notices.append(substitute_notice())
    if stale := stale_records(app, docname):
        known(app.env)[docname] = stale
        notices.append(recorded_notice(stale))
    title = next(iter(doctree.findall(nodes.title)), None)
    place = title.parent.index(title) + 1 if title is not None else 0
    for notice in reversed(notices):
        (title.parent if title is not None else doctree).insert(place, notice)


def report(app: Sphinx, exception: Exception | None) -> None:
    """Name the stale records when all pages are written."""
    if exception is None:
        for name, command in sorted({one for stale in known(app.env).values() for one in stale}):
            logger.info("stale record %s: its code has changed; repeat it with %s", name, command)


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at each page once it is read, and at all when the build ends."""
    app.connect("env-get-outdated", outdated)
    app.connect("env-purge-doc", forget)
    app.connect("doctree-read", add_notices)
    app.connect("build-finished", report, priority=900)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
