"""Run the pages' cells: two pages at a time, under fixed conditions, never from a stale cache.

MyST-NB keeps what a page printed under a key made of the page's cells alone, and so goes on
publishing old numbers after the package has changed. Here each page has a cache folder named by
everything else that its output depends on: the modules it can reach, the files they may read,
the installed packages, and whether the data are the real ones (`page_key`).

Before Sphinx reads the pages, those that are not in their cache run in a pool of two kernels
(`execute_pages`). A page that raises, hangs, or loses its kernel is not cached and stops the build,
so it stops the next one too.
"""

import ast
import hashlib
import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import create_nb_reader, is_myst_markdown_notebook
from nbclient import NotebookClient
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import SphinxError
from sphinx.util import logging

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
sys.path.insert(0, str(SOURCE))  # this book's package, before any that may be installed

from bookkit.records.dependencies import Modules  # noqa: E402

PACKAGE = "mlpbook"
OURS = rf"(?:{PACKAGE}|bookkit)"
RECORDS = "records"
KERNELS = 2
KEPT_FOLDERS = 60

logger = logging.getLogger(__name__)


class ExecutionFailed(SphinxError):
    """Cells that did not run as they should."""

    category = "Pages that failed"


# ---------------------------------------------------------------- the conditions of a run

# Threads are fixed because sums taken in another order round differently.
CONDITIONS = {
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "1767225600",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}

# A profile of the build's own: no word from ipykernel itself on stderr, where a warning fails
# the page; no history file that two kernels would lock; nothing from the reader's own profile.
PROFILE = "c.IPKernelApp.log_level = 40\nc.HistoryManager.enabled = False\n"


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


def warm_up() -> None:
    """Let matplotlib build its font list once: in a kernel it would say so on stderr."""
    command = [sys.executable, "-c", "import matplotlib.font_manager"]
    subprocess.run(command, capture_output=True, check=False)


# ---------------------------------------------------------------- what a page depends on

ANYTHING = re.compile(r"\b(importlib|__import__|subprocess|runpy|exec)\b|%run|^\s*!", re.MULTILINE)
FROM_IMPORT = re.compile(rf"from\s+({OURS}[\w.]*)\s+import\s+(\([^)]*\)|[^\n]*)")
IMPORT = re.compile(rf"^\s*import\s+([^\n]*\b{OURS}\b[^\n]*)", re.MULTILINE)
CELL = re.compile(r"^(?P<fence>`{3,}|:{3,})\{code-cell\}.*?^(?P=fence)", re.MULTILINE | re.DOTALL)
MNIST_NAMES = {"load_mnist", "mnist_folder"}
MNIST_MODULES = {
    f"{PACKAGE}.data",
    f"{PACKAGE}.data.mnist",
}  # they offer it; importing them is not using it


def cells_of(text: str) -> str:
    """Return the code cells of a page's source, joined."""
    return "\n".join(match.group() for match in CELL.finditer(text))


@dataclass
class Package(Modules):
    """The modules under ``src/``: what a page's cells can reach, and who asks for MNIST."""

    source: Path = SOURCE

    @cached_property
    def other_files(self) -> list[Path]:
        """Files that a module may read: everything that is not Python."""
        return [
            path
            for path in sorted(self.source.rglob("*"))
            if path.is_file() and path.suffix not in {".py", ".pyc"}
        ]

    def reachable_by(self, code: str) -> set[str]:
        """Return the modules that some cells can reach; all of them where that is not plain."""
        if ANYTHING.search(code):
            return set(self.paths)
        start = set()
        for module, names in FROM_IMPORT.findall(code):
            if module == PACKAGE and "*" in names:
                return set(self.paths)
            start |= self.named(module, re.findall(r"\w+", names))
        for line in IMPORT.findall(code):
            for module in re.findall(rf"{OURS}[\w.]*", line):
                if module == PACKAGE:
                    return set(self.paths)
                start |= self.named(module)
        return self.reachable(start)

    def asks_for_mnist(self, name: str) -> bool:
        """Say whether a module names one of the functions that find MNIST."""
        if name in MNIST_MODULES:
            return False
        for node in ast.walk(self.trees[name]):
            word = getattr(node, "id", None) or getattr(node, "attr", None)
            names = [a.name for a in node.names] if isinstance(node, ast.ImportFrom) else [word]
            if MNIST_NAMES & set(names):
                return True
        return False

    def uses_mnist(self, code: str) -> bool:
        """Say whether some cells read MNIST, themselves or through a module."""
        if any(re.search(rf"\b{name}\b", code) for name in MNIST_NAMES):
            return True
        if ANYTHING.search(code):
            return False
        return any(self.asks_for_mnist(name) for name in self.reachable_by(code))


@dataclass
class Data:
    """What the MNIST pages are built on, found once for all kernels."""

    folder: str
    is_substitute: bool
    source: str


def find_data() -> Data:
    """Fetch or find the digits, before any kernel starts, and tell the kernels where they are.

    Here and not in a process of its own: a temporary folder lasts as long as the process.
    """
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            module = importlib.import_module(f"{PACKAGE}.data")
            folder = os.path.abspath(module.mnist_folder())  # a kernel starts elsewhere
            os.environ["MLPBOOK_DATA"] = folder  # from here on, nothing is asked of the network
            mnist = module.load_mnist()
    except Exception as error:
        raise ExecutionFailed(f"the digits could not be loaded: {error}") from error
    for warning in caught:  # to the terminal; a page says it in its own notice
        logger.info("%s", warning.message)
    return Data(folder, bool(mnist.is_substitute), str(mnist.source))


@dataclass
class Dependencies:
    """All that decides what a page prints, besides its own cells."""

    book: Path
    package: Package = field(default_factory=Package)

    @cached_property
    def data(self) -> Data:
        """The digits; looked for only when some page needs them."""
        return find_data()

    @cached_property
    def everywhere(self) -> str:
        """What every page depends on: Python, the packages, and the conditions set here."""
        distributions = {
            path.name for entry in sys.path if entry for path in Path(entry).glob("*.dist-info")
        }
        conditions = [sys.version, sys.platform, *sorted(distributions), repr(CONDITIONS), PROFILE]
        return "\n".join(conditions)

    @cached_property
    def recorded(self) -> list[Path]:
        """Results and scripts kept beside the pages, which any page may read."""
        suffixes = {".json", ".csv", ".npz", ".npy", ".py"}
        return [path for path in sorted(self.book.rglob("*")) if path.suffix in suffixes]

    def records(self, code: str) -> list[Path]:
        """Return the records that some cells name, or that a module of that name reads for them."""
        words = set(re.findall(r"""["'](\w+)["']""", code))
        words |= {name.rpartition(".")[2] for name in self.package.reachable_by(code)}
        return [p for p in self.recorded if p.parent.name == RECORDS and p.stem in words]

    def page_key(self, text: str) -> str:
        """Return a digest of what a page depends on, besides its own cells."""
        code = cells_of(text)
        digest = hashlib.sha256(self.everywhere.encode())
        modules = [self.package.paths[name] for name in sorted(self.package.reachable_by(code))]
        others = [path for path in self.recorded if path.parent.name != RECORDS]
        for path in [*modules, *self.package.other_files, *others, *self.records(code)]:
            home = self.book if path.is_relative_to(self.book) else self.package.source
            digest.update(f"\n{path.relative_to(home)}\n".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        if self.package.uses_mnist(code):
            digest.update(b"substitute" if self.data.is_substitute else b"MNIST")
        return digest.hexdigest()[:16]


# ---------------------------------------------------------------- the cache


def begin(app: Sphinx) -> None:
    """Look at the package afresh in every build."""
    app.book_dependencies = Dependencies(Path(app.srcdir))


def cache_folder(app: Sphinx, text: str) -> Path:
    """Return the folder that keeps a page's outputs."""
    key = app.book_dependencies.page_key(text)
    return Path(app.outdir).parent / ".jupyter_cache" / key


def source_of(env: BuildEnvironment, docname: str) -> str:
    """Return a page's source text."""
    return Path(env.doc2path(docname)).read_text(encoding="utf-8")


def find_stale(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the pages whose text is unchanged, but whose numbers may not be."""
    keys = getattr(env, "book_page_keys", {})
    return [
        docname
        for docname in env.found_docs - added - changed
        if docname in keys and cache_folder(app, source_of(env, docname)).name != keys[docname]
    ]


def point_to_cache(app: Sphinx, docname: str, content: list[str]) -> None:
    """Send MyST-NB to this page's folder, just before it reads the page."""
    if not is_myst_markdown_notebook(content[0]):
        return
    folder = cache_folder(app, content[0])
    env = app.env
    if not hasattr(env, "book_page_keys"):
        env.book_page_keys = {}
    env.book_page_keys[docname] = folder.name
    env.mystnb_config = env.mystnb_config.copy(execution_cache_path=str(folder))


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what is known of a page that is read again or gone."""
    getattr(env, "book_page_keys", {}).pop(docname, None)


def prune(folders: Path) -> None:
    """Keep the cache folders that were used last."""
    old = sorted(folders.glob("*"), key=lambda path: path.stat().st_mtime)[:-KEPT_FOLDERS]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)


# ---------------------------------------------------------------- the pool


@dataclass
class Page:
    """A page whose cells have to run."""

    docname: str
    path: Path
    notebook: NotebookNode
    folder: Path
    timeout: int
    is_long: bool
    seconds: float = 0.0
    client: NotebookClient | None = None

    def execute(self) -> None:
        """Run the cells in a fresh kernel, in the page's own folder."""
        if not any(cell.cell_type == "code" for cell in self.notebook.cells):
            return
        started = time.perf_counter()
        self.client = NotebookClient(
            self.notebook,
            timeout=self.timeout,
            coalesce_streams=True,  # where a stream is cut depends on the moment
            record_timing=False,  # the times would become part of the key
            startup_timeout=120,
            kernel_name=self.notebook.metadata.kernelspec.name,
            resources={"metadata": {"path": str(self.path.parent)}},
            shutdown_kernel="immediate",
        )
        self.client.execute()
        self.seconds = time.perf_counter() - started
        for cell in self.notebook.cells:
            errors = [out for out in cell.get("outputs", []) if out.output_type == "error"]
            if "raises-exception" in cell.metadata.get("tags", []) and not errors:
                raise AssertionError(f"this cell ought to raise, and did not:\n{cell.source}")
            for error in errors:  # the frames in files carry this machine's paths
                frames = map(plain, error.traceback)
                error.traceback = [frame for frame in frames if not frame.startswith("File ")]

    def kill(self) -> None:
        """End the kernel of a page that nobody waits for any more."""
        with suppress(AttributeError, ProcessLookupError):
            os.kill(self.client.km.provisioner.pid, signal.SIGKILL)

    def store(self) -> None:
        """Keep the outputs where MyST-NB looks for them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        bundle = CacheBundleIn(
            self.notebook, str(self.path), data={"execution_seconds": self.seconds}
        )
        get_cache(self.folder).cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def waiting_pages(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> list[Page]:
    """Return the pages among ``docnames`` whose outputs are not in their cache."""
    pages = []
    for docname in docnames:
        text = source_of(env, docname)
        if not is_myst_markdown_notebook(text):
            continue
        path = Path(env.doc2path(docname))
        reader = create_nb_reader(str(path), env.myst_config, env.mystnb_config, text)
        notebook = reader.read(text)
        config = env.mystnb_config
        overrides = notebook.metadata.get(config.metadata_key, {})
        mode = overrides.get("execution_mode", config.execution_mode)
        folder = cache_folder(app, text)
        if folder.exists():
            os.utime(folder)
            with suppress(KeyError):
                get_cache(folder).match_cache_notebook(notebook)
                continue
        if mode == "cache":
            timeout = overrides.get("execution_timeout", config.execution_timeout)
            is_long = app.book_dependencies.package.uses_mnist(cells_of(text))
            pages.append(Page(docname, path, notebook, folder, timeout, is_long))
    return sorted(pages, key=lambda page: not page.is_long)  # the long ones start first


def is_current(app: Sphinx, page: Page) -> bool:
    """Say whether the package is still what it was when the page began to run."""
    now = Dependencies(Path(app.srcdir))
    now.data = app.book_dependencies.__dict__.get("data")
    return page.folder.name == now.page_key(source_of(app.env, page.docname))


def execute_pages(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Fill the cache, two pages at a time; stop the build where a page fails."""
    pages = waiting_pages(app, env, docnames)
    if not pages:
        return
    warm_up()
    logger.info("executing %d page(s), %d at a time", len(pages), KERNELS)
    failures = []
    pool = ThreadPoolExecutor(max_workers=KERNELS)
    running = {pool.submit(page.execute): page for page in pages}
    try:
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                page = running.pop(future)
                error = future.exception()
                if error is None and not is_current(app, page):
                    failures.append(f"{page.path}: the package changed while it ran; build again")
                elif error is None:
                    page.store()
                    logger.info("executed %-40s %6.1f s", page.docname, page.seconds)
                else:
                    logger.info("failed   %s", page.docname)
                    failures.append(f"{page.path}: {type(error).__name__}\n{plain(str(error))}")
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for page in running.values():
            page.kill()
        raise
    pool.shutdown()
    prune(Path(app.outdir).parent / ".jupyter_cache")
    if failures:
        raise ExecutionFailed("\n\n".join(failures))


def plain(text: str) -> str:
    """Strip the terminal colours from a kernel's traceback."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Set the conditions at once, and act before the pages are read."""
    set_conditions(Path(app.outdir).parent)
    app.connect("builder-inited", begin)
    app.connect("env-get-outdated", find_stale)
    app.connect("env-purge-doc", forget)
    app.connect("env-before-read-docs", execute_pages)
    app.connect("source-read", point_to_cache, priority=1)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
