"""A warning fails the build: the first time, and every time until it is mended.

Sphinx reads a page again only when its source changed, so that ``-W`` alone fails once
and passes the next time. Here a marker lies beside the stored pages from the start of a build
until a build without warnings. A build that finds the marker, because the last one warned, failed
or was interrupted, forgets the stored pages and reads everything again. What the cells printed
is kept elsewhere, so this costs seconds.
"""

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import SphinxError


class BookWarnings(SphinxError):
    """The build finished, but not cleanly."""

    category = "The book has warnings"


def marker(app: Sphinx) -> Path:
    """Return the file that exists while the stored pages cannot be trusted."""
    return Path(app.doctreedir) / "unfinished"


def distrust_stored_pages(app: Sphinx, config: Config) -> None:
    """Forget the pages of a build that did not end well; expect the same of this one."""
    if marker(app).exists():
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)
    marker(app).parent.mkdir(parents=True, exist_ok=True)
    marker(app).touch()


def judge(app: Sphinx, exception: Exception | None) -> None:
    """Fail a build that has warned; trust the pages of one that has not."""
    if exception is not None:
        return
    if app._warncount == 0:
        marker(app).unlink(missing_ok=True)
    elif app.config.book_strict:
        raise BookWarnings(f"{app._warncount} in this build; each is named above.")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the two ends of a build."""
    app.add_config_value("book_strict", True, "")
    app.connect("config-inited", distrust_stored_pages, priority=1)
    app.connect("build-finished", judge, priority=999)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
