"""A small book to plant faults in: the real tools and configuration, and a tiny package."""

import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # a process that starts from here looks there
from plain_command import command

ROOT = Path(__file__).resolve().parents[2]

FRONT_MATTER = """---
file_format: mystnb
kernelspec:
  name: python3
  display_name: Python 3
---
"""
INDEX = "# A small book\n\nIts first paragraph is long enough to describe the page to a reader.\n"
FIRST = (
    FRONT_MATTER
    + r"""
(first)=
# First page with $\varphi$

Inline mathematics, $z = Wx + b$, and a number that a cell computed.

$$ z = \sum_i w_i x_i $$ (eq-first-sum)

Equation {eq}`eq-first-sum` is also used on {ref}`second`.

```{code-cell} ipython3
import time
from mlpbook.constants import ANSWER

start = time.time()
time.sleep(1.0)
print("the answer is", ANSWER)
print("first ran", start, time.time())
```
"""
)
SECOND = (
    FRONT_MATTER
    + """
(second)=
# Second page

This page reads the digits.

```{code-cell} ipython3
import time
from mlpbook.data import load_mnist

start = time.time()
time.sleep(1.0)
print("digits:", load_mnist().source)
print("second ran", start, time.time())
```
"""
)
EQUATIONS = """(equations)=
# Equations

Each equation with its test.

```{equation-index}
```
"""
TOC = """format: jb-book
root: index
defaults:
  numbered: true
parts:
  - caption: All
    chapters:
      - file: first
      - file: second
      - file: equations
"""
TEST = '''import pytest


@pytest.mark.equation("eq-first-sum", tolerance=1e-12)
def test_the_sum():
    """The sum written out against the scalar product."""
'''
DATA = '''"""Digits, or what stands in for them."""


class MNIST:
    is_substitute = True
    source = "stand-in digits"


def load_mnist():
    return MNIST()


def mnist_folder():
    return "/nowhere"
'''


@dataclass
class Result:
    """How a build ended."""

    code: int
    text: str
    seconds: float


@dataclass
class Book:
    """A scratch repository."""

    root: Path
    front_matter = FRONT_MATTER

    def write(self, name: str, text: str) -> None:
        """Write a file, and its folder."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        """Change a file's text."""
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def append(self, name: str, text: str) -> None:
        """Add to a file's end."""
        self.write(name, (self.root / name).read_text(encoding="utf-8") + text)

    def page(self, name: str) -> str:
        """Return a built page."""
        return (self.root / "_build" / "html" / f"{name}.html").read_text(encoding="utf-8")

    def build(self, *arguments: str) -> Result:
        """Run the plain command."""
        said = self.root / "said.log"
        said.unlink(missing_ok=True)
        started = time.perf_counter()
        code = command(self.root, list(arguments) or ["build", "book"], said)
        text = re.sub(r"\x1b\[[0-9;]*[mK]", "", said.read_text(encoding="utf-8"))
        return Result(code, text, time.perf_counter() - started)


def lay_out(root: Path) -> Book:
    """Lay out a scratch repository."""
    book = Book(root)
    shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "book" / "assets", root / "book" / "assets")
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    book.write("_config.yml", re.sub(r"book_strict: \w+", "book_strict: true", config))
    book.write("book/_toc.yml", TOC)
    (root / "_toc.yml").symlink_to("book/_toc.yml")
    book.write("book/index.md", INDEX)
    book.write("book/first.md", FIRST)
    book.write("book/second.md", SECOND)
    book.write("book/equations.md", EQUATIONS)
    book.write("book/references.bib", "")
    book.write("tools/words/typed_numbers.txt", "")
    book.write("src/mlpbook/__init__.py", "")
    book.write("src/mlpbook/constants.py", "from mlpbook.deeper import ANSWER\n")
    book.write("src/mlpbook/deeper.py", "ANSWER = 41\n")
    book.write("src/mlpbook/unused.py", "")
    for name in ("__init__", "records/__init__", "records/dependencies"):  # the tools' own
        (root / "src/bookkit/records").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / f"src/bookkit/{name}.py", root / f"src/bookkit/{name}.py")
    book.write("src/mlpbook/data/__init__.py", DATA)
    book.write("tests/equations/test_first.py", TEST)
    return book


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Book, Result]:
    """Return a sound book, built once."""
    book = lay_out(tmp_path_factory.mktemp("sound"))
    return book, book.build()


@pytest.fixture
def book(built: tuple[Book, Result], tmp_path: Path) -> Book:
    """Return a sound book to spoil; what its cells printed is in the cache already."""
    sound, _ = built
    shutil.copytree(sound.root / "_build" / ".jupyter_cache", tmp_path / "_build/.jupyter_cache")
    return lay_out(tmp_path)


@pytest.fixture(name="new_book")
def _new_book() -> Callable[[Path], Book]:
    """Return what lays out one more scratch repository, with nothing in its cache."""
    return lay_out
