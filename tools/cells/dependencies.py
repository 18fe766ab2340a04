"""What a page's output depends on, besides its own cells, as one key.

MyST-NB keeps outputs under a key made of the cells alone, so it would publish old numbers after the
package has changed. The key here covers the rest: the modules that the cells can reach, the files
that they may read, the installed packages, and whether the digits are MNIST.
"""

import ast
import functools
import hashlib
import importlib
import json
import os
import re
import sys
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util import logging

from tools.page_source import cells_of

SOURCE = Path(__file__).resolve().parents[2] / "src"
sys.path.insert(0, str(SOURCE))  # this book's package, before any that may be installed

from bookkit.records.dependencies import Modules  # noqa: E402

PACKAGE = "mlpbook"
OURS = rf"(?:{PACKAGE}|bookkit)"
NAMED = {"records", "scripts"}  # folders whose files belong to the pages that name them

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

logger = logging.getLogger(__name__)


class ExecutionFailed(SphinxError):
    """Cells that did not run as they should."""

    category = "Pages that failed"


@dataclass
class Memory:
    """Answers kept in a file between builds.

    A question contains a digest of everything that its answer depends on. Only the program that
    answers is left out: its digest stands in the file, and another program forgets all answers.
    """

    path: Path
    program: str
    asked: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def kept(self) -> dict[str, Any]:
        """The answers of earlier builds."""
        try:
            program, answers = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return dict(answers) if program == self.program else {}

    def __call__(self, question: str, answer: Callable[[], Any]) -> Any:
        """Return the kept answer to a question, or compute and keep it."""
        if question not in self.asked:
            self.asked[question] = self.kept[question] if question in self.kept else answer()
        return self.asked[question]

    def save(self) -> None:
        """Write the answers of this build if any of them is new; drop what it did not ask."""
        if not self.asked.keys() <= self.kept.keys():
            new = self.path.with_suffix(".new")
            new.write_text(json.dumps([self.program, self.asked]), encoding="utf-8")
            new.replace(self.path)


# ---------------------------------------------------------------- modules

ANYTHING = re.compile(r"\b(importlib|__import__|subprocess|runpy|exec)\b|%run|^\s*!", re.MULTILINE)
FROM_IMPORT = re.compile(rf"from\s+({OURS}[\w.]*)\s+import\s+(\([^)]*\)|[^\n]*)")
IMPORT = re.compile(rf"^\s*import\s+([^\n]*\b{OURS}\b[^\n]*)", re.MULTILINE)
MNIST_NAMES = {"load_mnist", "mnist_folder"}
# They offer MNIST; importing them is not using it.
MNIST_MODULES = {f"{PACKAGE}.data", f"{PACKAGE}.data.mnist"}


@dataclass
class Package(Modules):
    """The modules under ``src/``: what a page's cells can reach, and which modules read MNIST.

    The modules are parsed only when one of them has changed since the last build.
    """

    source: Path = SOURCE
    memory: Memory = field(default_factory=lambda: Memory(Path(os.devnull), ""))

    @cached_property
    def digests(self) -> dict[str, str]:
        """The digest of each module's file, by the module's name."""
        return {n: hashlib.sha256(path.read_bytes()).hexdigest() for n, path in self.paths.items()}

    @cached_property
    def state(self) -> str:
        """One digest of all modules."""
        return hashlib.sha256(repr(self.digests).encode()).hexdigest()

    def imports(self, name: str) -> set[str]:
        """Return what one module imports."""
        found = self.memory(
            f"imports {name} {self.state}", lambda: sorted(super(Package, self).imports(name))
        )
        return set(found)

    def digest(self, *modules: str, without: Collection[str] = ()) -> str:
        """Return the digest of the code that some modules use; empty if one of them is gone."""
        if not {*modules} <= {*self.paths}:
            return ""
        return str(
            self.memory(
                f"digest {modules} {sorted(without)} {self.state}",
                lambda: super(Package, self).digest(*modules, without=without),
            )
        )

    @cached_property
    def other_files(self) -> list[Path]:
        """Files that a module may read: everything that is not Python."""
        return [
            path
            for path in sorted(self.source.rglob("*"))
            if path.is_file() and path.suffix not in {".py", ".pyc"}
        ]

    def reachable_by(self, code: str) -> set[str]:
        """Return the modules that some cells can reach; all of them where that is unclear."""
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

    def records_of(self, name: str) -> set[str]:
        """Return the records whose files a module names: ``speed.json``."""

        def read() -> list[str]:
            text = self.paths[name].read_text(encoding="utf-8")
            return sorted(set(re.findall(r"(\w+)\.json\b", text)))

        return set(self.memory(f"records {name} {self.state}", read))

    def asks_for_mnist(self, name: str) -> bool:
        """Say whether a module names one of the functions that find MNIST."""

        def read() -> bool:
            for node in ast.walk(self.trees[name]):
                word = getattr(node, "id", None) or getattr(node, "attr", None)
                names = [a.name for a in node.names] if isinstance(node, ast.ImportFrom) else [word]
                if MNIST_NAMES & set(names):
                    return True
            return False

        question = f"MNIST {name} {self.state}"
        return name not in MNIST_MODULES and bool(self.memory(question, read))

    def uses_mnist(self, code: str) -> bool:
        """Say whether some cells read MNIST, themselves or through a module."""
        if any(re.search(rf"\b{name}\b", code) for name in MNIST_NAMES):
            return True
        if ANYTHING.search(code):
            return False
        return any(self.asks_for_mnist(name) for name in self.reachable_by(code))


# ---------------------------------------------------------------- data


@dataclass
class Data:
    """The digits that the MNIST pages are built on, found once for all kernels."""

    is_substitute: bool


def find_data() -> Data:
    """Fetch or find the digits, before any kernel starts, and tell the kernels where they are.

    This happens in the build's own process, because a temporary folder lasts as long as it does.
    """
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            module = importlib.import_module(f"{PACKAGE}.data")
            folder = os.path.abspath(module.mnist_folder())  # a kernel starts elsewhere
            os.environ["MLPBOOK_DATA"] = folder  # from here on, nothing asks the network
            mnist = module.load_mnist()
    except Exception as error:
        raise ExecutionFailed(f"the digits could not be loaded: {error}") from error
    for warning in caught:  # to the terminal; a page says it in its own notice
        logger.info("%s", warning.message)
    return Data(bool(mnist.is_substitute))


@functools.cache
def has_diamonds() -> bool:
    """Fetch or find the table of diamonds, and say whether it could be had."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = importlib.import_module(f"{PACKAGE}.data.diamonds").load_diamonds()
    for warning in caught:  # to the terminal; the page says it at its top
        logger.info("%s", warning.message)
    return not table.is_substitute


# ---------------------------------------------------------------- the key


@dataclass
class Dependencies:
    """Everything that decides what a page prints, besides its own cells."""

    book: Path
    memory: Memory
    known_data: Data | None = None

    @cached_property
    def package(self) -> Package:
        """The book's modules, as they are now."""
        return Package(SOURCE, self.memory)

    @property
    def data(self) -> Data:
        """The digits; looked for only when some page needs them."""
        self.known_data = self.known_data or find_data()
        return self.known_data

    @cached_property
    def everywhere(self) -> str:
        """What every page depends on: Python, the packages, and the conditions of a run."""
        distributions = {
            path.name for entry in sys.path if entry for path in Path(entry).glob("*.dist-info")
        }
        machine = [sys.version, sys.platform, repr(CONDITIONS), PROFILE]
        return "\n".join([*machine, *sorted(distributions)])

    @cached_property
    def recorded(self) -> dict[Path, str]:
        """Results and scripts kept beside the pages, with their digests."""
        suffixes = {".json", ".csv", ".npz", ".npy", ".py"}
        found = [path for path in sorted(self.book.rglob("*")) if path.suffix in suffixes]
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}

    def named(self, code: str) -> list[Path]:
        """Return the records and scripts that some cells name, or a module that they can reach."""
        words = set(re.findall(r"""["'](\w+)["']""", code))
        for name in self.package.reachable_by(code):
            words |= self.package.records_of(name)
        return [p for p in self.recorded if p.parent.name in NAMED and p.stem in words]

    def page_key(self, text: str) -> str:
        """Return a digest of what a page depends on, besides its own cells."""
        code = cells_of(text)
        package = self.package
        modules = [(name, package.digests[name]) for name in sorted(package.reachable_by(code))]
        others = [(str(p.relative_to(package.source)), p.read_bytes()) for p in package.other_files]
        read = [p for p in self.recorded if p.parent.name not in NAMED] + self.named(code)
        files = [(str(path.relative_to(self.book)), self.recorded[path]) for path in read]
        digits = ""
        if package.uses_mnist(code):
            digits = "substitute" if self.data.is_substitute else "MNIST"
        if re.search(r"\bload_diamonds\b", code):
            digits += " and Diamonds" if has_diamonds() else " and a made-up table"
        everything = repr((self.everywhere, modules, others, files, digits))
        return hashlib.sha256(everything.encode()).hexdigest()[:16]

    def now(self) -> "Dependencies":
        """Look again at everything but the digits."""
        return Dependencies(self.book, self.memory, self.known_data)


# ---------------------------------------------------------------- one for each build

_builds: WeakKeyDictionary[Sphinx, Dependencies] = WeakKeyDictionary()


def dependencies_of(app: Sphinx) -> Dependencies:
    """Return what this build found out about the package and the data."""
    if app not in _builds:
        memory = Memory(Path(app.outdir).parent / ".memory.json", app.config.book_tools)
        _builds[app] = Dependencies(Path(app.srcdir), memory)
    return _builds[app]


def save(app: Sphinx, exception: Exception | None) -> None:
    """Keep the answers for the next build, whether or not this one failed."""
    dependencies_of(app).memory.save()
