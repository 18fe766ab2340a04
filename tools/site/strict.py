"""One build at a time, and a warning fails it: the first time, and every time until it is fixed.

Sphinx reads a page again only when its source has changed, so that ``-W`` alone fails once
and passes the next time. Here a marker lies beside the stored pages from the start of a build
until a build without warnings. A build that finds the marker, because the last one warned, failed
or was interrupted, forgets the stored pages and reads everything again. What the cells printed
is kept elsewhere, so this costs seconds.

Two builds in one folder would delete each other's files: the second waits for the first.
"""

from pathlib import Path

from filelock import FileLock, Timeout
from sphinx.application import ENV_PICKLE_FILENAME, Sphinx
from sphinx.config import Config
from sphinx.errors import SphinxError
from sphinx.util import logging

logger = logging.getLogger(__name__)


class BookWarnings(SphinxError):
    """The build finished, but not cleanly."""

    category = "The book has warnings"


def build_alone(app: Sphinx) -> None:
    """Wait until no other build works in this folder, and keep others out until this one ends."""
    path = Path(app.outdir).parent / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        logger.info("another build is running in %s; this one starts when it ends", path.parent)
        lock.acquire()
    app.connect("build-finished", lambda *_: lock.release(), priority=1000)


def find_pages(app: Sphinx) -> None:
    """Build the pages in ``book/`` if the command named the folder above: `build .`."""
    if (app.srcdir / "book" / "_toc.yml").exists():
        app.srcdir = app.confdir = app.srcdir / "book"
        app.config.external_toc_path = (app.srcdir / "_toc.yml").as_posix()


def help_clean(app: Sphinx) -> None:
    """Let `jupyter-book clean book` find what was built: it looks in ``book/_build`` alone."""
    link = app.srcdir / "_build"
    if not link.is_symlink() and app.outdir.parent.parent == app.srcdir.parent:
        try:
            link.symlink_to(Path("..", "_build"), target_is_directory=True)
        except OSError:  # a system without links: `make clean` works everywhere
            return


def count_warnings(app: Sphinx) -> int:
    """Return how many warnings this build has given; Sphinx has no public name for it."""
    return app._warncount


def marker(app: Sphinx) -> Path:
    """Return the file that exists while the stored pages cannot be trusted."""
    return Path(app.doctreedir) / "unfinished"


def distrust_stored_pages(app: Sphinx, config: Config) -> None:
    """Forget the pages of a build that did not end well; expect the same of this one."""
    if marker(app).exists():
        (Path(app.doctreedir) / ENV_PICKLE_FILENAME).unlink(missing_ok=True)
    marker(app).parent.mkdir(parents=True, exist_ok=True)
    marker(app).touch()


def judge(app: Sphinx, exception: Exception | None) -> None:
    """Fail a build that has warned; trust the pages of one that has not."""
    if exception is not None:
        return
    if count_warnings(app) == 0:
        marker(app).unlink(missing_ok=True)
    elif app.config.book_strict:
        raise BookWarnings(f"{count_warnings(app)} in this build; each is named above.")


def setup(app: Sphinx) -> dict[str, bool]:
    """Keep others out, and connect the two ends of a build."""
    build_alone(app)
    find_pages(app)
    help_clean(app)
    app.add_config_value("book_strict", True, "")
    app.connect("config-inited", distrust_stored_pages, priority=1)
    app.connect("build-finished", judge, priority=999)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
