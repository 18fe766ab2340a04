"""Every displayed equation that states something has a test, and the page links to it.

Labels of displayed mathematics begin with ``eq-`` (a statement, tested) or ``def-`` (a definition).
The tests are read from ``tests/equations/test_*.py`` without running them: a function marked
``@pytest.mark.equation("eq-page-what", tolerance=1e-12)`` tests that equation, and its docstring's
first line says how. A missing test, a marker without its equation, and a displayed equation without
a label are reported with file and line, and `strict` then fails the build.

The mark beside an equation's number is written by the math renderer, from ``node["mark"]``.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from tools.book_order import number_of, reading_order
from tools.cells.dependencies import Memory, dependencies_of

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "equations"

logger = logging.getLogger(__name__)


# ---------------------------------------------------------------- the tests


@dataclass(frozen=True)
class Test:
    """One test of one equation, as written in its file."""

    label: str
    tolerance: str  # as typed, "" where the test asserts directly
    name: str
    words: str
    path: Path
    line: int
    source: str
    printed: bool  # it asks for the TeX itself, and evaluates that

    @property
    def place(self) -> str:
        """The file, from the top of the repository."""
        return self.path.relative_to(ROOT).as_posix()


def equation_markers(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Yield the label and the tolerance of each ``equation`` marker on a function."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(
            "mark.equation"
        ):
            given = {keyword.arg: keyword.value for keyword in decorator.keywords}
            label = decorator.args[0] if decorator.args else given.get("label")
            if isinstance(label, ast.Constant):
                tolerance = given.get("tolerance")
                yield str(label.value), ast.unparse(tolerance) if tolerance else ""


def tests_in(text: str) -> list[list]:
    """Return the tests in a file's text, as the fields of `Test` without the path."""
    lines, found = text.splitlines(), []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            source = "\n".join(lines[first - 1 : node.end_lineno])
            words = (ast.get_docstring(node) or "").partition("\n")[0]
            printed = any(argument.arg == "printed" for argument in node.args.args)
            for label, tolerance in equation_markers(node):
                found.append([label, tolerance, node.name, words, node.lineno, source, printed])
    return found


def read_tests(folder: Path = TESTS, memory: Memory | None = None) -> list[Test]:
    """Return the tests in a folder's files, in the order in which they are written."""
    tests = []
    for path in sorted(folder.glob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        question = f"tests {hashlib.sha256(text.encode()).hexdigest()}"
        found = memory(question, partial(tests_in, text)) if memory else tests_in(text)
        for label, tolerance, name, words, line, source, printed in found:
            tests.append(Test(label, tolerance, name, words, path, line, source, printed))
    return sorted(tests, key=lambda test: (test.path, test.line))


def read_report(app: Sphinx) -> dict[str, dict]:
    """Return what the last test run measured, without the files that have changed since."""
    path = Path(app.outdir).parent / "equations.json"
    if not path.exists():
        return {}
    report = json.loads(path.read_text(encoding="utf-8"))
    digests = {
        f"tests/equations/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest()
        for file in TESTS.glob("test_*.py")
    }
    return {key: entry for key, entry in report.items() if entry["digest"] in digests.values()}


# ---------------------------------------------------------------- the equations


@dataclass(frozen=True)
class Equation:
    """One labelled displayed equation of a page."""

    label: str
    docname: str
    line: int
    latex: str
    node_id: str


def equations_of(env: BuildEnvironment) -> dict[str, list[Equation]]:
    """Return the pages' equations, kept with the stored pages."""
    found: dict[str, list[Equation]] = vars(env).setdefault("book_equations", {})
    return found


UNLABELLED = ("proof", "exercise", "solution", "docstring")


def may_be_unlabelled(node: nodes.Node) -> bool:
    """Steps inside proofs, exercises and solutions need no label; docstrings of code neither."""
    while node is not None:
        name = type(node).__name__
        kind = " ".join(node.get("classes", [])) if isinstance(node, nodes.Element) else ""
        if any(word in f"{name} {kind}" for word in UNLABELLED) or is_folded_proof(node):
            return True
        node = node.parent
    return False


def is_folded_proof(node: nodes.Node) -> bool:
    """Say whether a node is a dropdown whose title begins with "Proof"."""
    if not isinstance(node, nodes.Element) or node.get("design_component") != "dropdown":
        return False
    title = next(iter(node.findall(nodes.rubric)), None)
    return title is not None and title.astext().startswith("Proof")


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """Note a page's equations; report those whose label is missing or of no known kind."""
    env, docname, found = app.env, app.env.docname, []
    for node in doctree.findall(nodes.math_block):
        label = node.get("label")
        if label and label.startswith(("eq-", "def-")):
            node_id = node["ids"][0] if node["ids"] else nodes.make_id(f"equation-{label}")
            found.append(Equation(label, docname, node.line or 0, node.astext(), node_id))
        elif label or not may_be_unlabelled(node):
            have = f"has the label {label!r}" if label and "-" in label else "has no label"
            logger.error(
                "a displayed equation %s; give it one that begins with eq- or def-: %s",
                have,
                " ".join(node.astext().split())[:60],
                location=(docname, node.line),
            )
    if found:
        equations_of(env)[docname] = found


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop a page's equations before it is read again."""
    equations_of(env).pop(docname, None)


def compare(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Report equations without tests and tests without equations; name the pages to rewrite."""
    tests: dict[str, list[Test]] = {}
    for test in read_tests(memory=dependencies_of(app).memory):
        tests.setdefault(test.label, []).append(test)
    report = read_report(app)
    vars(app).update(book_tests=tests, book_report=report)

    labels = set()
    for equations in equations_of(env).values():
        for equation in equations:
            labels.add(equation.label)
            if equation.label.startswith("eq-") and equation.label not in tests:
                logger.error(
                    "equation %s has no test; mark one with "
                    '@pytest.mark.equation("%s", tolerance=...) in tests/equations/',
                    equation.label,
                    equation.label,
                    location=(equation.docname, equation.line),
                )
    for label, bound in tests.items():
        for test in bound:
            where = f"{test.place}:{test.line}"
            if label not in labels and app.config.book_whole:
                logger.error("%s: %s tests %s, which no page displays", where, test.name, label)
            if label in labels and not test.words:
                logger.error("%s: %s needs a docstring that says what it compares", where, label)

    # What the pages show of their tests: a page is written again when that changes.
    shown = {
        docname: repr([(e, tests.get(e.label), numbers(env, e)) for e in equations])
        for docname, equations in equations_of(env).items()
    }
    before = getattr(env, "book_shown_tests", {})
    changed = [docname for docname in shown if shown[docname] != before.get(docname)]
    index = getattr(env, "book_equation_index", None)
    everything = hashlib.sha256(repr((shown, report)).encode()).hexdigest()
    if index and everything != getattr(env, "book_shown_index", None):
        changed.append(index)
    vars(env).update(book_shown_tests=shown, book_shown_index=everything)
    return changed


def numbers(env: BuildEnvironment, equation: Equation) -> str:
    """Return an equation's number as the pages print it."""
    return number_of(env, equation.docname, "displaymath", [equation.node_id])


# ---------------------------------------------------------------- the mark beside the number


def tolerance_words(tolerance: str) -> str:
    """Say how closely a test compares."""
    return f"to {tolerance}" if tolerance else "by direct assertions"


def mark(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give each tested equation its link to the page of all tests."""
    index = getattr(app.env, "book_equation_index", None)
    for node in doctree.findall(nodes.math_block):
        tests = vars(app)["book_tests"].get(node.get("label") or "")
        if tests and index and docname != index:
            target = app.builder.get_relative_uri(docname, index)
            node["mark"] = {
                "href": f"{target}#test-{node['label']}",
                "words": " ".join(
                    f"{test.words.rstrip('.')}, {tolerance_words(test.tolerance)}."
                    for test in tests
                ),
            }


# ---------------------------------------------------------------- the page of all equations


class equation_index(nodes.General, nodes.Element):
    """Stands where the list of all equations will be written."""


class EquationIndex(SphinxDirective):
    """``{equation-index}``: all equations by chapter, with their tests."""

    def run(self) -> list[nodes.Node]:
        """Leave a placeholder: the other pages are not read yet."""
        vars(self.env)["book_equation_index"] = self.env.docname
        return [equation_index()]


def describe_test(app: Sphinx, docname: str, test: Test) -> list[nodes.Node]:
    """Return what the index says of one test."""
    line = nodes.paragraph(classes=["equation-test-summary"])
    line += nodes.Text(f"{test.words} ")
    tolerance = f"Tolerance {test.tolerance}" if test.tolerance else "Asserted directly"
    entry = vars(app)["book_report"].get(f"{test.place}::{test.name}::{test.label}")
    if entry and entry["deviation"] is not None:
        tolerance += f", measured deviation {entry['deviation']:.1e}"
    if test.printed:
        tolerance += "; a slip in the TeX fails this test"
    line += nodes.inline("", f"{tolerance}.", classes=["equation-test-tolerance"])
    page = app.builder.get_relative_uri(docname, source_page(docname, test.path))
    name = nodes.literal("", test.name)
    where = nodes.paragraph("", "The test: ", classes=["equation-test-source"])
    where += nodes.reference("", "", name, refuri=f"{page}#{test.name}", internal=True)
    where += nodes.Text(" in ")
    where += nodes.literal("", test.place)
    return [line, where]


def source_page(index: str, path: Path) -> str:
    """Return the name of the page that shows a file of tests."""
    return f"{index.rpartition('/')[0]}/tests/{path.stem}".lstrip("/")


def highlighter(builder: Any) -> Any:
    """Return what colors code on the pages, which Sphinx keeps to its HTML builder."""
    return builder.highlighter


def show_sources(app: Sphinx) -> Iterator[tuple[str, dict, str]]:
    """Yield a page for each file of tests; each test has a place of its own in it."""
    index = getattr(app.env, "book_equation_index", None)
    if app.builder.name != "html" or not index:
        return
    files: dict[Path, dict[str, str]] = {}
    for tests in vars(app)["book_tests"].values():
        for test in tests:
            files.setdefault(test.path, {})[test.name] = test.source
    for path, sources in sorted(files.items()):
        text = path.read_text(encoding="utf-8")
        starts = sorted((text.index(source), name) for name, source in sources.items())
        ends = [start for start, _ in starts[1:]] + [len(text)]
        pieces = [("", text[: starts[0][0]])]
        pieces += [(name, text[start:end]) for (start, name), end in zip(starts, ends, strict=True)]
        body = [f"<section><h1>{path.name}</h1>"]
        target = app.builder.get_relative_uri(source_page(index, path), index)
        title = escape(app.env.titles[index].astext())
        body.append(f'<p>Tests of equations, from <a href="{target}">{title}</a>.</p>')
        for name, piece in pieces:
            code = highlighter(app.builder).highlight_block(piece.rstrip(), "python")
            mark = f' id="{name}"' if name else ""
            body.append(f'<div class="highlight-python notranslate"{mark}>{code}</div>')
        place = path.relative_to(ROOT).as_posix()
        described = f"The tests of the book's equations in {place}, in full."
        metatags = f'<meta name="description" content="{described}" />\n'
        context = {"title": place, "body": "\n".join([*body, "</section>"]), "metatags": metatags}
        yield source_page(index, path), context, "page.html"


def describe_equation(app: Sphinx, docname: str, equation: Equation) -> nodes.container:
    """Return the index's entry of one equation."""
    entry = nodes.container(ids=[f"test-{equation.label}"], classes=["equation-entry"])
    target = app.builder.get_relative_uri(docname, equation.docname)
    number = numbers(app.env, equation)
    link = nodes.reference(
        "", f"Equation ({number})", refuri=f"{target}#{equation.node_id}", internal=True
    )
    entry += nodes.paragraph(
        "", "", link, nodes.Text(" "), nodes.literal("", equation.label), classes=["equation-link"]
    )
    entry += nodes.math_block(equation.latex, equation.latex, nowrap=False, number=None)
    for test in vars(app)["book_tests"].get(equation.label, []):
        entry += describe_test(app, docname, test)
    return entry


def count(n: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def write_index(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the list in the placeholder's stead."""
    env = app.env
    for placeholder in list(doctree.findall(equation_index)):
        content: list[nodes.Node] = []
        n_equations = n_tests = n_printed = 0
        for page in reading_order(env):
            stated = [
                e
                for e in equations_of(env).get(page, [])
                if e.label.startswith("eq-") or e.label in vars(app)["book_tests"]
            ]
            if not stated:
                continue
            n_equations += len(stated)
            tests = [vars(app)["book_tests"].get(equation.label, []) for equation in stated]
            n_printed += sum(any(test.printed for test in some) for some in tests)
            n_tests += sum(map(len, tests))
            section = nodes.section(ids=[f"equations-{nodes.make_id(page)}"])
            title = nodes.title()
            number = env.toc_secnumbers.get(page, {}).get("", ())
            if number:
                title += nodes.Text(".".join(map(str, number)) + ". ")
            uri = app.builder.get_relative_uri(docname, page)
            words = env.titles[page].deepcopy().children
            title += nodes.reference("", "", *words, refuri=uri, internal=True)
            section += title
            section += [describe_equation(app, docname, equation) for equation in stated]
            content.append(section)
        summary = (
            f"{count(n_equations, 'equation')}, {count(n_tests, 'test')}. "
            f"Of {n_printed} the printed TeX itself is evaluated."
        )
        placeholder.replace_self([nodes.paragraph("", summary), *content])


def setup(app: Sphinx) -> dict[str, bool]:
    """Collect while pages are read, compare when all are, write the marks and the index."""
    app.add_config_value("book_whole", True, "")
    app.add_node(equation_index)
    app.add_directive("equation-index", EquationIndex)
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", forget)
    app.connect("env-get-updated", compare, priority=900)  # figure numbers are known
    app.connect("doctree-resolved", mark)
    app.connect("doctree-resolved", write_index)
    app.connect("html-collect-pages", show_sources)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
