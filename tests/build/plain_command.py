"""The command `jupyter-book`, run in a copy of a process that has imported what it needs."""

import multiprocessing
import os
import sys
from pathlib import Path

LIBRARIES = [
    "jupyter_book.cli.main", "jupyter_book.sphinx", "sphinx.builders.html", "myst_nb.sphinx_ext",
    "sphinx_external_toc", "sphinx_multitoc_numbering", "sphinx_book_theme", "sphinx_design",
    "sphinx_proof", "sphinx_exercise", "sphinxcontrib.bibtex", "nbclient", "ipykernel.kernelspec",
    "fontTools.subset", "tinycss2", "quickjs", "lxml.html", "matplotlib.pyplot", "pytest",
    "plain_command",
]  # fmt: skip
_fork = multiprocessing.get_context("forkserver")
_fork.set_forkserver_preload(LIBRARIES)


def run(folder: Path, arguments: list[str], environment: dict[str, str], said: Path) -> None:
    """Do what the command does, in this process."""
    for descriptor in (1, 2):
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path = [entry for entry in sys.path if "site-packages" in entry or "/lib/python" in entry]
    sys.argv = ["jupyter-book", *arguments]
    from jupyter_book.cli.main import main

    try:
        main()
    except SystemExit:
        raise
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.exit(1)


def command(folder: Path, arguments: list[str], said: Path, timeout: float = 300) -> int:
    """Run the command as a process of its own; return its exit status."""
    process = _fork.Process(target=run, args=(folder, arguments, dict(os.environ), said))
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode
