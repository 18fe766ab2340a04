"""The reference of the package, from its source: ``{api-reference}``.

Signatures and docstrings are read without importing anything, so that a default is shown as it was
typed, and no path or memory address can reach the page. A class or function that both halves have
is shown once, the two side by side. The line below a signature is always visible; the rest of a
docstring folds away.

In docstrings ``(eq-page-what)`` becomes a link to that equation, ``(thm-page-what)`` to that
theorem, and a name in single backticks to its entry here. A label that no page has, and a dotted
name of the package that does not exist, are reported, and `strict` then fails the build.
"""

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import griffe
from docutils import nodes, utils
from docutils.parsers.rst.states import RSTStateMachine, state_classes
from docutils.statemachine import StringList
from griffe import Alias, Object, Parameter, ParameterKind
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import LoggingReporter, SphinxDirective

SOURCE = Path(__file__).resolve().parents[2] / "src"
PACKAGE = "mlpbook"
HALVES = ("mlpbook.scratch", "mlpbook.pytorch")
HALF_NAMES = {"mlpbook.scratch": "NumPy", "mlpbook.pytorch": "PyTorch"}
WIDTH = 64  # characters of a signature on one line

logger = logging.getLogger(__name__)


# ---------------------------------------------------------------- what the source says


@dataclass(frozen=True)
class Docstring:
    """A docstring and where it stands."""

    lines: tuple[str, ...]
    path: Path
    line: int

    @property
    def summary(self) -> str:
        """The first paragraph, which is one line long."""
        return self.lines[0] if self.lines else ""


@dataclass(frozen=True)
class Entry:
    """A public class, function, constant, method or property."""

    name: str  # with the module's, and the class's if it belongs to one
    kind: str
    arguments: str  # "(n_in, n_out, *, rng)", nothing for a constant or property
    typed: str  # the signature with its types
    doc: Docstring
    bases: tuple[str, ...] = ()
    members: tuple["Entry", ...] = ()

    @property
    def short(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Module:
    """A module: its docstring, what it defines in public, and what it hands on."""

    name: str
    path: Path
    doc: Docstring
    entries: tuple[Entry, ...] = ()
    handed_on: tuple[str, ...] = ()  # public names that another module of the package defines


@dataclass
class Package:
    """All modules by name, and the groups in which the package's own docstring lists them."""

    modules: dict[str, Module] = field(default_factory=dict)
    groups: list[tuple[str, str, list[str]]] = field(default_factory=list)  # name, words, modules


NOTHING = Docstring((), Path(), 0)


def docstring(item: Object) -> Docstring:
    """Return the docstring of a module, a class, a function or a constant."""
    if item.docstring is None:
        return NOTHING
    lines = inspect.cleandoc(item.docstring.value).splitlines()
    assert isinstance(item.filepath, Path)
    return Docstring(tuple(lines), item.filepath, item.docstring.lineno or 0)


def public(module: griffe.Module) -> list[str]:
    """Return the names in ``__all__``, or else of all that has no underscore."""
    if module.exports is not None:
        return [str(name) for name in module.exports]
    own = [item for item in module.members.values() if not item.is_alias]
    return [i.name for i in own if (i.is_class or i.is_function) and not i.name.startswith("_")]


def module(item: griffe.Module) -> Module:
    """Return a module, its entries in the order of the source."""
    members = [item.members[name] for name in public(item)]
    own = [member for member in members if not isinstance(member, Alias)]
    entries = [entry(member) for member in sorted(own, key=lambda member: member.lineno or 0)]
    handed_on = tuple(m.target_path for m in members if isinstance(m, Alias))
    assert isinstance(item.filepath, Path)
    return Module(item.path, item.filepath, docstring(item), tuple(entries), handed_on)


def entry(item: Object) -> Entry:
    """Return what a page shows of a constant, a property, a function or a class."""
    doc = docstring(item)
    if isinstance(item, griffe.Attribute):
        kind = f": {item.annotation}" if item.annotation else ""
        if "property" in item.labels:
            return Entry(item.path, "property", "", f"{item.name}{kind}", doc)
        typed = item.source
        if re.search(r"\b_[A-Z]", typed):  # the value of a private constant says nothing
            typed = typed.partition(" =")[0]
        return Entry(item.path, "constant", "", typed, doc)
    if isinstance(item, griffe.Function):
        method = item.parent is not None and item.parent.is_class
        skip = method and "staticmethod" not in item.labels
        short, typed_ones = parameters(list(item.parameters)[skip:])
        shown = lay_out(item.name, typed_ones, str(item.returns or ""))
        arguments = f"({', '.join(short)})"
        return Entry(item.path, "method" if method else "function", arguments, shown, doc)
    assert isinstance(item, griffe.Class)
    made = constructor(item)
    short, typed_ones = parameters(made or [])
    return Entry(
        item.path,
        "class",
        "" if made is None else f"({', '.join(short)})",
        item.name if made is None else lay_out(item.name, typed_ones, ""),
        doc,
        tuple(str(base) for base in item.bases),
        tuple(entry(member) for member in shown_members(item)),
    )


def shown_members(item: griffe.Class) -> Iterator[Object]:
    """Yield the methods and properties of a class that are public and say what they do."""
    for member in item.members.values():
        if isinstance(member, Alias) or not (member.is_function or "property" in member.labels):
            continue
        hidden = member.name.startswith("_") and member.name != "__call__"
        if member.docstring and not hidden:
            yield member


def constructor(item: griffe.Class) -> list[Parameter] | None:
    """Return what a class is made from: its own or its base's ``__init__``, or its fields."""
    if "NamedTuple" in map(str, item.bases):
        fields: list[Any] = [member for member in item.members.values() if member.is_attribute]
        kind = ParameterKind.positional_or_keyword
        return [
            Parameter(f.name, annotation=f.annotation, default=f.value, kind=kind) for f in fields
        ]
    if "__init__" not in item.all_members:
        return None
    made: Any = item.all_members["__init__"]
    return [one for one in list(made.parameters)[1:] if not one.name.startswith("_")]


def parameters(items: Sequence[Parameter]) -> tuple[list[str], list[str]]:
    """Return a function's parameters, without and with their types."""
    short, typed = [], []
    kinds = [item.kind for item in items]
    for number, item in enumerate(items):
        before = kinds[number - 1] if number else None
        if item.kind is KEYWORD_ONLY and before not in (KEYWORD_ONLY, VAR_POSITIONAL):
            short.append("*")
            typed.append("*")
        stars = "*" if item.kind is VAR_POSITIONAL else "**" if item.kind is VAR_KEYWORD else ""
        name, value = stars + item.name, "" if stars else default(item)
        short.append(f"{name}={value}" if value else name)
        kind = f": {item.annotation}" if item.annotation is not None else ""
        space = " " if kind else ""
        typed.append(f"{name}{kind}" + (f"{space}={space}{value}" if value else ""))
        if item.kind is POSITIONAL_ONLY and kinds[number + 1 : number + 2] != [POSITIONAL_ONLY]:
            short.append("/")
            typed.append("/")
    return short, typed


POSITIONAL_ONLY = ParameterKind.positional_only
KEYWORD_ONLY = ParameterKind.keyword_only
VAR_POSITIONAL, VAR_KEYWORD = ParameterKind.var_positional, ParameterKind.var_keyword


def default(item: Parameter) -> str:
    """Return a default as it is typed in this project, with double quotes."""
    text = str(item.default) if item.default is not None else ""
    if text.startswith("field("):
        made = re.fullmatch(r"field\(default_factory=(\w+)\)", text)
        return {"list": "[]", "dict": "{}"}.get(made[1], f"{made[1]}()") if made else ""
    return re.sub(r"'([^'\"]*)'", r'"\1"', text)


def lay_out(name: str, parameters: Sequence[str], returns: str) -> str:
    """Return a signature on one line, or with one parameter a line where it is long."""
    end = f" -> {returns}" if returns else ""
    line = f"{name}({', '.join(parameters)}){end}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {item}," for item in parameters), f"){end}"])


ROW = re.compile(rf"``({PACKAGE}\.\w+)``  +(\S.*)$")


def read_package(source: Path = SOURCE) -> Package:
    """Return the package, its modules in the order of the table in its docstring."""
    package = Package({item.path: module(item) for item in modules_below(load(source))})
    files = package.modules
    listed = {PACKAGE}
    for line in package.modules[PACKAGE].doc.lines:
        if row := ROW.match(line):
            name, words = row[1], row[2]
            more = [f"{PACKAGE}.{word}" for word in re.findall(r"``(\w+)``", words)]
            inside = in_reading_order(package, name)
            package.groups.append((name, words, [name, *inside, *more]))
            listed.update([name, *inside, *more])
    if missing := sorted(set(files) - listed) + sorted(listed - set(files)):
        raise ValueError(
            f"the table in {PACKAGE}/__init__.py must list exactly the modules that exist; "
            f"it differs in {', '.join(missing)}. Add them there, or remove them."
        )
    return package


def module_files() -> list[Path]:
    """Return the files of the package's modules."""
    return sorted((SOURCE / PACKAGE).rglob("*.py"))


def load(source: Path) -> griffe.Module:
    """Return the package as its source says, without importing it."""
    root = griffe.load(PACKAGE, search_paths=[source], allow_inspection=False)
    assert isinstance(root, griffe.Module)
    return root


def modules_below(item: griffe.Module) -> Iterator[griffe.Module]:
    """Yield a module and those in it."""
    yield item
    for name, below in sorted(item.modules.items()):
        if not item.members[name].is_alias:
            yield from modules_below(below)


def in_reading_order(package: Package, name: str) -> list[str]:
    """Return a folder's modules: first those that its docstring names, and its twin's order."""
    inside = [module for module in package.modules if module.startswith(f"{name}.")]
    order: list[str] = []
    for module in (name, HALVES[0]):
        if module in package.modules:
            order += re.findall(r"`(\w+)`", "\n".join(package.modules[module].doc.lines))
    place = {f"{name}.{word}": number for number, word in reversed(list(enumerate(order)))}
    return sorted(inside, key=lambda module: (place.get(module, len(order)), module))


# ---------------------------------------------------------------- docstrings as nodes

LABEL = r"(?:eq|def|thm)-[a-z0-9]+-[a-z0-9-]+"
LABELS = re.compile(rf"\(({LABEL}(?:, {LABEL})*)\)")
BARE_LABEL = re.compile(rf"(?<![`\w-]){LABEL}(?![`\w-])")
UNDERLINE = re.compile(r"-{3,}$")
LISTS = ("Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns")
TRACEBACK = re.compile(r"^Traceback \(most recent call last\):\n +\.\.\.\n", re.MULTILINE)
VALUE = re.compile(r'"([^"\s`]*)"')


def link_labels(line: str) -> str:
    """Turn labels in parentheses into references."""

    def references(match: re.Match[str]) -> str:
        labels = match[1].split(", ")
        return ", ".join(
            f"(:prf:ref:`{label}`)" if label.startswith("thm-") else f":eq:`{label}`"
            for label in labels
        )

    return LABELS.sub(references, line)


def sections_of(doc: Docstring) -> Iterator[tuple[str, int, list[str]]]:
    """Yield a docstring's sections: title, number of the first line, lines. The first has none."""
    lines, starts = list(doc.lines), [(0, 0, "")]
    for number, (line, below) in enumerate(pairwise(lines)):
        if line.strip() and UNDERLINE.match(below) and len(below) == len(line):
            starts.append((number, number + 2, line))
    for (_, first, title), (last, *_) in zip(
        starts, [*starts[1:], (len(lines), 0, "")], strict=True
    ):
        yield title, doc.line + first, lines[first:last]


def items_of(lines: list[str], first: int) -> Iterator[tuple[str, int, list[str]]]:
    """Yield the items of a list of parameters: head, its line number, the lines below it."""
    heads = [n for n, line in enumerate(lines) if line and not line.startswith(" ")]
    for start, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        yield lines[start], first + start, [line[4:] for line in lines[start + 1 : end]]


def raw(html: str) -> nodes.raw:
    """Return a piece of HTML."""
    return nodes.raw("", html, format="html")


class ApiReference(SphinxDirective):
    """``{api-reference}``: every public name of the package, with its docstring."""

    def run(self) -> list[nodes.Node]:
        """Return the groups of modules as sections."""
        self.package = read_package()
        self.known = {
            entry.name: entry
            for module in self.package.modules.values()
            for item in module.entries
            for entry in (item, *item.members)
        }
        self.moved = {  # names that a module hands on, and where they are defined
            f"{module.name}.{name.rpartition('.')[2]}": name
            for module in self.package.modules.values()
            for name in module.handed_on
        }
        for path in module_files():
            self.env.note_dependency(str(path))
        vars(self.env)["book_api"] = (self.env.docname, module_files())
        groups = self.package.groups
        return [self.contents(), *(self.group(*group) for group in groups)]

    def contents(self) -> nodes.Node:
        """Return the list of all groups."""
        rows = nodes.definition_list(classes=["api-contents"])
        for name, words, _ in self.package.groups:
            term = nodes.term("", "", self.link(name, name))
            what = nodes.paragraph("", "", *self.inline(words, PACKAGE, self.package_doc))
            rows += nodes.definition_list_item("", term, nodes.definition("", what))
        return rows

    @property
    def package_doc(self) -> Docstring:
        """The docstring that lists the groups."""
        return self.package.modules[PACKAGE].doc

    # ------------------------------------------------------------ groups, modules, entries

    def group(self, name: str, words: str, modules: list[str]) -> nodes.section:
        """Return a section of one row of the table: a module, or a folder of modules."""
        section = self.section(name, name)
        section += self.module(self.package.modules[name])
        for inside in modules[1:]:
            part = self.section(inside, inside.removeprefix(f"{PACKAGE}."))
            part += self.module(self.package.modules[inside])
            section += part
        return section

    def section(self, name: str, words: str) -> nodes.section:
        """Return an empty section with a module's name as its title."""
        self.note(name, "module")
        title = nodes.title("", "", nodes.literal("", words))
        return nodes.section("", title, ids=[name], names=[name])

    def module(self, module: Module) -> list[nodes.Node]:
        """Return a module's docstring and its entries."""
        doc = module.doc
        content = self.parse([doc.summary], doc, doc.line, module.name)
        if any(line.strip() for line in doc.lines[1:]):
            content.append(raw('<details class="api-more"><summary>About this module</summary>'))
            content += self.body(doc, module.name)
            content.append(raw("</details>"))
        if module.handed_on:
            links = self.listed([self.link(n, n.rpartition(".")[2]) for n in module.handed_on])
            content.append(
                nodes.paragraph("", "", nodes.Text("Also here: "), *links, nodes.Text("."))
            )
        half, _, last = module.name.removeprefix(f"{PACKAGE}.").partition(".")
        mirror = None
        if last and f"{PACKAGE}.{half}" in HALVES:
            twin = HALVES[1 - HALVES.index(f"{PACKAGE}.{half}")]
            mirror = self.package.modules.get(f"{twin}.{last}")
        twins = {entry.short: entry for entry in mirror.entries} if mirror else {}
        shown_there = []
        for entry in module.entries:
            if entry.short not in twins:
                content.append(self.entry(entry))
            elif f"{PACKAGE}.{half}" == HALVES[0]:
                content.append(self.pair(entry, twins[entry.short]))
            else:
                shown_there.append(self.link(entry.name, entry.short))
        if shown_there:
            words = nodes.Text(", beside the same in NumPy.")
            content.append(nodes.paragraph("", "", *self.listed(shown_there), words))
        return content

    def pair(self, *entries: Entry) -> nodes.container:
        """Return the same thing in both halves, side by side where there is room."""
        pair = nodes.container(classes=["api-pair"])
        for entry in entries:
            half = HALF_NAMES[".".join(entry.name.split(".")[:2])]
            cell = nodes.container(classes=["api-half"])
            cell += nodes.paragraph("", half, classes=["api-half-name"])
            cell += self.entry(entry)
            pair += cell
        return pair

    def entry(self, entry: Entry) -> nodes.container:
        """Return a class, function or constant: signature, summary, and the rest folded."""
        self.note(entry.name, {"constant": "data"}.get(entry.kind, entry.kind))
        box = nodes.container(classes=["api-entry", "docstring"], ids=[entry.name])
        box += self.signature(entry, entry.short, entry.arguments)
        module = entry.name.rpartition(".")[0]
        if entry.doc.summary:
            box += self.parse([entry.doc.summary], entry.doc, entry.doc.line, entry.name)
        else:
            logger.warning("%s has no docstring", entry.name)
        parts = [title.lower() for title, *_ in sections_of(entry.doc) if title]
        plain = "value" if entry.kind == "constant" else "types"
        if entry.members:
            parts.append("methods")
        words = ", ".join([plain, *parts]).capitalize()
        box += raw(f'<details class="api-more"><summary>{words}</summary>')
        box += nodes.literal_block(entry.typed, entry.typed, language="python")
        if entry.bases:
            links = self.listed([self.base(base, module) for base in entry.bases])
            box += nodes.paragraph("", "", nodes.Text("Inherits from "), *links, nodes.Text("."))
        box += self.body(entry.doc, entry.name)
        if entry.members:
            box += nodes.rubric("", "Methods")
            box += [self.member(member) for member in entry.members]
        box += raw("</details>")
        return box

    def member(self, entry: Entry) -> nodes.container:
        """Return a method or property with its whole docstring."""
        self.note(entry.name, entry.kind)
        box = nodes.container(classes=["api-member"], ids=[entry.name])
        box += self.signature(entry, entry.short, " ".join(entry.typed[len(entry.short) :].split()))
        box += self.parse([entry.doc.summary], entry.doc, entry.doc.line, entry.name)
        box += self.body(entry.doc, entry.name)
        return box

    def signature(self, entry: Entry, name: str, rest: str) -> nodes.paragraph:
        """Return a name and its arguments, with a link to this place."""
        rest = rest.replace("( ", "(").replace(",)", ")")
        code = nodes.literal("", "", nodes.strong("", name), nodes.Text(rest))
        here = f'<a class="headerlink" href="#{entry.name}" title="Link to {entry.short}">#</a>'
        return nodes.paragraph("", "", code, raw(here), classes=["api-signature"])

    def note(self, name: str, kind: str) -> None:
        """Let the search and ``{py:obj}`` find an entry."""
        domain = self.env.get_domain("py")
        assert isinstance(domain, PythonDomain)
        domain.note_object(name, kind, name, location=self.get_location())

    # ------------------------------------------------------------ docstrings

    def body(self, doc: Docstring, context: str) -> list[nodes.Node]:
        """Return a docstring without its first line."""
        content: list[nodes.Node] = []
        for title, first, lines in sections_of(doc):
            if not title:
                content += self.parse(lines[1:], doc, first + 1, context)
                continue
            content.append(nodes.rubric("", title))
            if title in LISTS and not all(line.startswith(">>>") for line in lines[:1]):
                content.append(self.items(lines, doc, first, context))
            else:
                content += self.parse(lines, doc, first, context)
        box = nodes.container(classes=["docstring"])  # formulas in it need no label
        box += content
        return [box] if content else []

    def items(
        self, lines: list[str], doc: Docstring, first: int, context: str
    ) -> nodes.definition_list:
        """Return parameters, what is returned, or what is raised."""
        rows = nodes.definition_list(classes=["api-list"])
        for head, number, below in items_of(lines, first):
            names, colon, kind = head.partition(" : ")
            term = nodes.term()
            if colon or re.fullmatch(r"[\w*.]+(, [\w*.]+)*", head):
                term += self.listed([nodes.literal("", name) for name in names.split(", ")])
                if colon:
                    term += nodes.Text(" ")
            else:
                kind = head
            if kind:
                text = VALUE.sub(r'``"\1"``', kind)
                inline = self.inline(text, context, Docstring(doc.lines, doc.path, number))
                term += nodes.inline("", "", *inline, classes=["api-type"])
            what = nodes.definition("", *self.parse(below, doc, number + 1, context))
            rows += nodes.definition_list_item("", term, what)
        return rows

    def inline(self, text: str, context: str, doc: Docstring) -> list[nodes.Node]:
        """Return one line of text without its paragraph."""
        parsed = self.parse([text], doc, doc.line, context)
        return list(parsed[0].children) if parsed else []

    def parse(
        self, lines: Sequence[str], doc: Docstring, first: int, context: str
    ) -> list[nodes.Node]:
        """Return reStructuredText as nodes, its labels and names linked."""
        document = utils.new_document(str(doc.path), self.state.document.settings)
        document.reporter = LoggingReporter(str(doc.path), report_level=2)
        for number, line in enumerate(lines):
            if bare := BARE_LABEL.search(LABELS.sub("", line)):
                logger.warning(
                    "the label %s must stand in parentheses of its own, to become a link",
                    bare[0],
                    location=f"{doc.path}:{first + number}",
                )
        text = [link_labels(line) for line in lines]
        places = [(str(doc.path), first + number - 1) for number in range(len(text))]
        machine = RSTStateMachine(state_classes=state_classes, initial_state="Body")
        machine.run(StringList(text, items=places), document)
        for node in list(document.findall(nodes.title_reference)):
            node.replace_self(self.named(node.astext(), context, f"{doc.path}:{first}"))
        for node in list(document.findall(nodes.doctest_block)):
            code = TRACEBACK.sub("", node.astext())
            node.replace_self(nodes.literal_block(code, code, language="pycon"))
        return list(document.children)

    # ------------------------------------------------------------ names

    def named(self, word: str, context: str, location: str) -> nodes.Node:
        """Return a name in backticks: a link to its entry if it has one."""
        target = self.find(word, context)
        if target is None and word.startswith(f"{PACKAGE}."):
            logger.warning("%s names %s, which is not public", context, word, location=location)
        return self.link(target, word) if target else nodes.literal("", word)

    def find(self, word: str, context: str) -> str | None:
        """Return the full name of what a word means in a docstring: the nearest that has it."""
        word = word.removesuffix("()")
        parts = context.split(".")
        for n in range(len(parts), -1, -1):
            name = ".".join([*parts[:n], word])
            name = self.moved.get(name, name)
            if name != context and (name in self.known or name in self.package.modules):
                return name
        return None

    def base(self, word: str, module: str) -> nodes.Node:
        """Return a base class, linked if it is one of the package's."""
        target = self.find(word, module)
        if target is None:
            same = [n for n in self.known if n.startswith(HALVES[0]) and n.endswith(f".{word}")]
            target = same[0] if len(same) == 1 and module.startswith(HALVES[0]) else None
        return self.link(target, word) if target else nodes.literal("", word)

    @staticmethod
    def link(target: str, words: str) -> nodes.reference:
        """Return a link within the page."""
        return nodes.reference("", "", nodes.literal("", words), refid=target, internal=True)

    @staticmethod
    def listed(items: Sequence[nodes.Node]) -> list[nodes.Node]:
        """Return nodes with commas between them."""
        row: list[nodes.Node] = []
        for item in items:
            row += [nodes.Text(", "), item] if row else [item]
        return row


def outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the page when a module has come or gone; changes within one are noted by the page."""
    docname, modules = getattr(env, "book_api", ("", []))
    stale = docname in env.found_docs and modules != module_files()
    return [docname] if stale else []


def reachable(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Let the keyboard scroll the page's code; the theme bars it from code that is folded."""
    if pagename == getattr(app.env, "book_api", ("",))[0]:
        code = '<div class="highlight">'
        context["body"] = context["body"].replace(code, code[:-1] + ' tabindex="0">')


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("api-reference", ApiReference)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
