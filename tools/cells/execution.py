"""Run the pages' cells: two pages at a time, under fixed conditions, never from a stale cache.

Each page has a cache folder named by everything its output depends on besides its cells
(`tools.cells.dependencies`). Before Sphinx reads the pages, those that are not in their cache run
in a pool of two kernels, always in the Python that builds the book. A page that raises, hangs,
warns or loses its kernel is not cached and stops the build, so it stops the next one too. What went
wrong is printed once: the place in the source, the cell, the message, and what to do.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.cache import db
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from myst_nb.core.read import create_nb_reader, is_myst_markdown_notebook
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from traitlets import default

from tools.cells.dependencies import (
    CONDITIONS,
    PROFILE,
    SOURCE,
    ExecutionFailed,
    dependencies_of,
    save,
)
from tools.page_source import cells_of, source_of
from tools.site.console import progress, say

KERNELS = 2
KEPT_FOLDERS = 60

logger = logging.getLogger(__name__)


# ---------------------------------------------------------------- the conditions of a run


def set_conditions(build: Path) -> None:
    """Give every kernel that this process starts the same environment."""
    os.environ.update(CONDITIONS)
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [str(SOURCE), *(path for path in inherited if path and path != str(SOURCE))]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    profile = build / ".ipython" / "profile_default" / "ipython_kernel_config.py"
    profile.parent.mkdir(parents=True, exist_ok=True)
    profile.write_text(PROFILE, encoding="utf-8")
    os.environ["IPYTHONDIR"] = str(profile.parents[1])


class OwnPython(AsyncKernelManager):
    """Starts the Python that builds the book, whatever kernels are installed elsewhere."""

    @default("kernel_spec_manager")
    def _own_kernel_alone(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])


def warm_up() -> None:
    """Let matplotlib build its font list once: a kernel would print that to stderr."""
    command = [sys.executable, "-c", "import matplotlib.font_manager"]
    subprocess.run(command, capture_output=True, check=False)


# ---------------------------------------------------------------- the cache


def open_any_folder() -> None:
    """Let jupyter-cache work in folders with %, ? or # in their names.

    It puts a path into the address of its database as it is, where these signs mean something.
    """

    def create_engine(address: str) -> sqlalchemy.Engine:
        path = address.removeprefix("sqlite:///")
        return sqlalchemy.create_engine(sqlalchemy.URL.create("sqlite", database=path))

    db.create_engine = create_engine


def cache_folder(app: Sphinx, text: str) -> Path:
    """Return the folder that keeps a page's outputs."""
    key = dependencies_of(app).page_key(text)
    return Path(app.outdir).parent / ".jupyter_cache" / key


def page_keys(env: BuildEnvironment) -> dict[str, str]:
    """Return the keys under which the stored pages' outputs were kept."""
    keys: dict[str, str] = vars(env).setdefault("book_page_keys", {})
    return keys


def find_stale(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the pages whose text is unchanged, but whose numbers may not be."""
    keys = page_keys(env)
    return [
        docname
        for docname in env.found_docs - added - changed
        if docname in keys and cache_folder(app, source_of(env, docname)).name != keys[docname]
    ]


def point_to_cache(app: Sphinx, docname: str, content: list[str]) -> None:
    """Send MyST-NB to this page's folder, just before it reads the page."""
    if is_myst_markdown_notebook(content[0]):
        folder = cache_folder(app, content[0])
        page_keys(app.env)[docname] = folder.name
        set_cache(app.env, folder)


def set_cache(env: Any, folder: Path) -> None:
    """Tell MyST-NB where the outputs of the page that it reads next are kept."""
    config = vars(env)["mystnb_config"]
    vars(env)["mystnb_config"] = config.copy(execution_cache_path=str(folder))


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what is known of a page that is read again or gone."""
    page_keys(env).pop(docname, None)


def prune(folders: Path) -> None:
    """Keep the cache folders that were used last."""
    old = sorted(folders.glob("*"), key=lambda path: path.stat().st_mtime)[:-KEPT_FOLDERS]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)


# ---------------------------------------------------------------- a page that runs


class CellFailed(Exception):
    """A cell that ran, but not as it should: a message, and what to do about it."""


@dataclass
class Page:
    """A page whose cells have to run."""

    docname: str
    path: Path
    notebook: NotebookNode
    folder: Path
    timeout: int
    is_long: bool
    at: int = 0  # the cell that runs
    started: float = 0.0
    seconds: float = 0.0
    client: NotebookClient | None = None

    def execute(self) -> None:
        """Run the cells in a fresh kernel, in the page's own folder."""
        self.started = time.perf_counter()
        if not any(cell.cell_type == "code" for cell in self.notebook.cells):
            return
        self.client = NotebookClient(
            self.notebook,
            timeout=self.timeout,
            coalesce_streams=True,  # where a stream is cut depends on the moment
            record_timing=False,  # the times would become part of the key
            startup_timeout=120,
            kernel_manager_class=OwnPython,
            kernel_name=self.notebook.metadata.kernelspec.name,
            resources={"metadata": {"path": str(self.path.parent)}},
            shutdown_kernel="immediate",
            on_cell_execute=self.note_cell,
        )
        try:
            self.client.execute()
        finally:
            self.seconds = time.perf_counter() - self.started
        for index, cell in enumerate(self.notebook.cells):
            self.at = index
            check_outputs(cell)

    def note_cell(self, cell: NotebookNode, cell_index: int) -> None:
        """Remember which cell runs."""
        self.at = cell_index

    def kill(self) -> None:
        """End the kernel of a page that nobody waits for any more."""
        client: Any = self.client
        with suppress(AttributeError, ProcessLookupError):
            os.kill(client.km.provisioner.pid, signal.SIGKILL)

    def store(self) -> None:
        """Keep the outputs where MyST-NB looks for them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        bundle = CacheBundleIn(
            self.notebook, str(self.path), data={"execution_seconds": self.seconds}
        )
        get_cache(self.folder).cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def check_outputs(cell: NotebookNode) -> None:
    """Refuse an expected error that did not come, and a warning; take paths out of tracebacks."""
    tags, outputs = cell.metadata.get("tags", []), cell.get("outputs", [])
    errors = [output for output in outputs if output.output_type == "error"]
    if "raises-exception" in tags and not errors:
        raise CellFailed(
            "the cell is tagged raises-exception, and raised nothing",
            "Remove the tag, or let the cell raise.",
        )
    printed = [output.text for output in outputs if output.get("name") == "stderr"]
    if printed and "remove-stderr" not in tags:
        raise CellFailed(
            f"the cell printed to stderr: {plain(printed[0]).strip()}".replace("\n", "\n    "),
            "Remove what it warns of. If the warning is harmless, tag the cell remove-stderr.",
        )
    for error in errors:  # the frames in files carry this machine's paths
        frames = map(plain, error.traceback)
        error.traceback = [frame for frame in frames if not frame.startswith("File ")]


# ---------------------------------------------------------------- what went wrong

IN_CELL = re.compile(r"(?:Cell In\[\d+\], |\S*ipykernel_\d+\S*\.py:)(?:line )?(\d+)")
LONG_CELL = 12  # lines of a cell that are shown
IN_FILE = re.compile(r"File (\S+?):(\d+), in (\w+)")


def message(page: Page, error: BaseException) -> tuple[str, str]:
    """Return what went wrong in a page's cell, and what to do."""
    if isinstance(error, CellFailed):
        return error.args
    if isinstance(error, CellExecutionError):
        words = f"{error.ename}: {plain(error.evalue)}"
        inside = [m for m in IN_FILE.finditer(plain(str(error))) if m[1].startswith(str(SOURCE))]
        if inside:
            path, line, name = inside[-1].groups()
            words += f"\n  raised in {Path(path).relative_to(SOURCE.parent)}:{line}, in {name}"
        return words, "Fix the cell. If the error is intended, tag the cell raises-exception."
    if isinstance(error, CellTimeoutError):
        return (
            f"CellTimeoutError: the cell ran for more than {page.timeout} seconds",
            "Let it do less, or make it a recorded experiment (see CONVENTIONS.md).",
        )
    if isinstance(error, DeadKernelError):
        return (
            "DeadKernelError: the kernel died while this cell ran",
            "It ran out of memory, crashed in compiled code, or was ended (os._exit, a signal): "
            "run the cell in a notebook to see which.",
        )
    if isinstance(error, NoSuchKernel):
        return (
            f"the page asks for the kernel {error.name!r}, but pages run in the Python that builds "
            f"the book ({sys.executable})",
            "Write `name: python3` below kernelspec in the page's front matter.",
        )
    return f"{type(error).__name__}: {plain(str(error))}", "Build again."


def explain(page: Page, error: BaseException) -> str:
    """Return one block: the place in the source, the cell, what went wrong, and what to do."""
    what, remedy = message(page, error)
    cell = page.notebook.cells[page.at]
    code = cell.source.splitlines() if cell.cell_type == "code" else []
    source = page.path.read_text(encoding="utf-8").splitlines()
    first = page.notebook.metadata["source_map"][page.at]
    with suppress(ValueError, IndexError):
        first = source.index(code[0], first - 1) + 1
    found = IN_CELL.search(plain(str(error)))
    line = first + int(found[1]) - 1 if found else first
    number = sum(cell.cell_type == "code" for cell in page.notebook.cells[: page.at + 1])
    shown = [f"  {'>' if n == line and found else ' '} | {t}" for n, t in enumerate(code, first)]
    if len(shown) > LONG_CELL:
        start = max(0, min(line - first - LONG_CELL // 2, len(shown) - LONG_CELL))
        shown = [*shown[start : start + LONG_CELL], "    | ..."]
    place = f"{page.path.relative_to(SOURCE.parent)}:{line}: "
    title = place + (f"cell {number}" if number else "before the first cell")
    return "\n".join(text.rstrip() for text in [title, *shown, f"  {what}", f"  {remedy}"])


def plain(text: str) -> str:
    """Strip the terminal colors from a kernel's traceback."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


# ---------------------------------------------------------------- the pool


def waiting_pages(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> list[Page]:
    """Return the pages among ``docnames`` whose outputs are not in their cache."""
    pages = []
    for docname in docnames:
        text = source_of(env, docname)
        if not is_myst_markdown_notebook(text):
            continue
        path = Path(env.doc2path(docname))
        notebook = read_notebook(env, path, text)
        config = vars(env)["mystnb_config"]
        overrides = notebook.metadata.get(config.metadata_key, {})
        mode = overrides.get("execution_mode", config.execution_mode)
        if mode not in ("cache", "off"):
            raise ExecutionFailed(
                f"{path}: execution_mode must be cache or off, got {mode!r}: the others run cells "
                "under conditions that the book does not set. Remove it from the front matter."
            )
        folder = cache_folder(app, text)
        if folder.exists():
            os.utime(folder)
            with suppress(KeyError):
                get_cache(folder).match_cache_notebook(notebook)
                continue
        if mode == "cache":
            timeout = overrides.get("execution_timeout", config.execution_timeout)
            is_long = dependencies_of(app).package.uses_mnist(cells_of(text))
            pages.append(Page(docname, path, notebook, folder, timeout, is_long))
    return sorted(pages, key=lambda page: not page.is_long)  # the long ones start first


def read_notebook(env: Any, path: Path, text: str) -> Any:
    """Return a page's source as MyST-NB reads it: its cells, without outputs."""
    return create_nb_reader(str(path), env.myst_config, env.mystnb_config, text).read(text)


def is_current(app: Sphinx, page: Page) -> bool:
    """Say whether the package is still what it was when the page began to run."""
    now = dependencies_of(app).now()
    return page.folder.name == now.page_key(source_of(app.env, page.docname))


def execute_pages(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Fill the cache, two pages at a time; stop the build where a page fails."""
    pages = waiting_pages(app, env, docnames)
    if not pages:
        return
    warm_up()
    logger.info("%d of %d changed pages have cells to run", len(pages), len(docnames))
    failures = []
    pool = ThreadPoolExecutor(max_workers=KERNELS)
    running = {pool.submit(page.execute): page for page in pages}
    try:
        while running:
            progress(
                [
                    f"{p.docname} {p.at + 1}/{len(p.notebook.cells)}"
                    for p in running.values()
                    if p.started
                ]
            )
            done, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
            for future in done:
                page = running.pop(future)
                error = future.exception()
                if error is None and not is_current(app, page):
                    failures.append(f"{page.path}: the package changed while it ran; build again")
                elif error is None:
                    page.store()
                    say("executed", page.docname, page.seconds)
                else:
                    say("failed", page.docname, page.seconds)
                    failures.append(explain(page, error))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for page in running.values():
            page.kill()
        raise
    pool.shutdown()
    prune(Path(app.outdir).parent / ".jupyter_cache")
    if failures:
        raise ExecutionFailed("\n\n".join(failures))


def setup(app: Sphinx) -> dict[str, bool]:
    """Set the conditions at once, and act before the pages are read."""
    set_conditions(Path(app.outdir).parent)
    open_any_folder()
    app.connect("env-get-outdated", find_stale)
    app.connect("env-purge-doc", forget)
    app.connect("env-before-read-docs", execute_pages)
    app.connect("source-read", point_to_cache, priority=1)
    app.connect("build-finished", save)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
