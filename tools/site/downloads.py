"""Each page to take along: as a notebook and as MyST, with links to edit it or report a mistake.

A page with cells becomes ``PAGE.ipynb`` beside ``PAGE.html``. Its text is written from the page as
it was resolved, so that numbers, names, and citations stand there in plain Markdown; its cells are
those of the source, and run in an empty folder once the package is installed.

Where the repository's address is known (the variable ``MLPBOOK_REPOSITORY``, or ``repository.url``
in the configuration) the menu also leads to the source's editor, to a new issue, and to Colab.
"""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import nbformat
from docutils import nodes
from myst_nb.core.read import is_myst_markdown_notebook
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.config import Config

from tools.book_order import number_of
from tools.cells.execution import read_notebook
from tools.equations.mathematics import aligned

# ---------------------------------------------------------------- text, from the resolved page

SPECIAL = re.compile(r"([\\*_`$<\[\]])")
GLUE = re.compile(r"^from myst_nb import glue\n?", re.MULTILINE)
NO_GLUE = '''\
def glue(name, value, display=False):
    """Hand a value to the text: on the book's site it stands there; here it is only computed."""


'''


@dataclass
class Writer:
    """One page as Markdown, in pieces: its text, and in between the numbers of its cells."""

    app: Sphinx
    docname: str

    def number(self, kind: str, node: nodes.Element) -> str:
        """Return the number under which the book counts a figure, an equation, a theorem."""
        return number_of(self.app.env, self.docname, kind, node["ids"])

    def inline(self, node: nodes.Node) -> str:
        """Return running text."""
        if isinstance(node, nodes.Text):
            return SPECIAL.sub(r"\\\1", node.astext())
        if isinstance(node, nodes.math):
            return f"${' '.join(node.astext().split())}$"
        if isinstance(node, nodes.literal):
            text = node.astext()
            if "xref" in node["classes"]:
                return text
            fence = "``" if "`" in text else "`"
            return f"{fence}{text}{fence}"
        inner = "".join(self.inline(child) for child in node.children)
        if isinstance(node, nodes.raw | nodes.comment):
            return ""
        if isinstance(node, nodes.emphasis | nodes.strong) and inner.strip():
            mark = "*" if isinstance(node, nodes.emphasis) else "**"
            return f"{mark}{inner.strip()}{mark}"
        if isinstance(node, nodes.reference) and "://" in node.get("refuri", ""):
            return f"[{inner}]({node['refuri']})"
        return inner

    def blocks(self, node: nodes.Element, level: int = 0) -> Iterator[str | int]:
        """Yield the blocks inside a node: Markdown, or the place of a code cell."""
        for child in node.children:
            if isinstance(child, nodes.Text | nodes.Inline):
                yield self.inline(child)
            else:
                yield from self.block(child, level)

    def block(self, node: nodes.Element, level: int) -> Iterator[str | int]:
        """Yield what one block becomes."""
        kind = type(node).__name__
        if kind == "container" and node.get("nb_element") == "cell_code":
            yield node["cell_index"]
            for figure in node.findall(nodes.figure):
                yield from self.block(figure, level)
        elif isinstance(node, nodes.section):
            yield from self.blocks(node, level + 1)
        elif isinstance(node, nodes.title):
            if words := self.inline(node).strip():
                yield f"{'#' * max(level, 1)} {words}"
        elif isinstance(node, nodes.paragraph):
            yield self.inline(node)
        elif isinstance(node, nodes.math_block):
            number = self.number("displaymath", node)
            tag = f" \\tag{{{number}}}" if number else ""
            yield f"$$\n{aligned(node)}{tag}\n$$"
        elif isinstance(node, nodes.literal_block):
            language = node.get("language", "")
            yield f"```{'python' if 'python' in language else ''}\n{node.astext().rstrip()}\n```"
        elif isinstance(node, nodes.bullet_list | nodes.enumerated_list):
            yield self.items(node, level)
        elif isinstance(node, nodes.definition_list):
            for item in node.findall(nodes.definition_list_item):
                words = "; ".join(self.inline(term) for term in item.findall(nodes.term))
                meaning = " ".join(self.inline(p) for p in item.findall(nodes.paragraph))
                yield f"**{words}:** {meaning}"
        elif isinstance(node, nodes.table):
            yield self.table(node)
        elif isinstance(node, nodes.figure):
            yield from self.caption(node)
        elif isinstance(node, nodes.sidebar | nodes.block_quote):
            yield quoted("\n\n".join(map(str, self.blocks(node, level))))
        elif kind in BOXES or (
            isinstance(node, nodes.Admonition) and "proof" not in node["classes"]
        ):
            yield from self.box(node, kind, level)
        elif not isinstance(node, nodes.raw | nodes.comment | nodes.Invisible):
            yield from self.blocks(node, level)

    def items(self, node: nodes.Element, level: int) -> str:
        """Return a list."""
        lines = []
        for count, item in enumerate(node.children, start=1):
            mark = "- " if isinstance(node, nodes.bullet_list) else f"{count}. "
            inside = "\n\n".join(map(str, self.blocks(item, level)))
            lines.append(mark + inside.replace("\n", "\n" + " " * len(mark)))
        return "\n".join(lines)

    def table(self, node: nodes.table) -> str:
        """Return a table; a bar inside it would end its cell."""
        rows = []
        for row in node.findall(nodes.row):
            cells = [self.inline(entry).strip() for entry in row.children]
            cells = [cell.replace(r"\|", r"\Vert ").replace("|", r"\vert ") for cell in cells]
            rows.append("| " + " | ".join(" ".join(cell.split()) for cell in cells) + " |")
        rule = "|" + " --- |" * rows[0].count(" | ") + " --- |"
        return "\n".join([rows[0], rule, *rows[1:]])

    def caption(self, node: nodes.figure) -> Iterator[str]:
        """Yield a figure's number and caption."""
        for caption in node.findall(nodes.caption):
            number = self.number("figure", node)
            yield f"**Figure {number}.** {self.inline(caption)}"
            if "widget" in node["classes"]:
                yield "*(On the book's site this figure can be changed by hand.)*"

    def box(self, node: nodes.Element, kind: str, level: int) -> Iterator[str | int]:
        """Yield a theorem, an exercise, a warning: a title in bold, then what stands in it."""
        titles = [child for child in node.children if isinstance(child, nodes.title)]
        titles += [child for child in node.children if "title" in type(child).__name__]
        words = " ".join(self.inline(title).strip() for title in dict.fromkeys(titles))
        if not titles:
            words = node.tagname.capitalize()
        name = BOXES.get(kind, "")
        number = self.number(name, node)
        if name and name not in words.lower():
            words = f"{name.capitalize()} {number} {words}".replace("  ", " ")
        yield f"**{words.strip()}**"
        rest = [child for child in node.children if child not in titles]
        for child in rest:
            yield from self.block(child, level)


BOXES = {
    f"{name}_node": name
    for name in (
        "theorem", "proposition", "lemma", "corollary", "definition", "algorithm", "axiom",
        "conjecture", "criterion", "example", "observation", "property", "remark", "assumption",
    )
}  # fmt: skip
BOXES |= {"exercise_enumerable_node": "exercise", "exercise_node": "exercise"}
BOXES |= {"solution_node": "solution"}


def quoted(text: str) -> str:
    """Return an aside."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


# ---------------------------------------------------------------- the notebook


def notebook_of(app: Sphinx, docname: str, doctree: nodes.document) -> nbformat.NotebookNode | None:
    """Return a page as a notebook without outputs; None for a page that has no cell."""
    path = Path(app.env.doc2path(docname))
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".md" or not is_myst_markdown_notebook(text):
        return None
    source = read_notebook(app.env, path, text).cells
    waiting = [index for index, cell in enumerate(source) if cell.cell_type == "code"]
    if not waiting:
        return None

    cells: list[nbformat.NotebookNode] = []
    prose: list[str] = []

    def flush() -> None:
        if prose:
            cells.append(new_markdown_cell("\n\n".join(prose)))
            prose.clear()

    def run_until(index: int) -> None:
        flush()
        while waiting and waiting[0] <= index:  # with those that the page does not show
            cell = source[waiting.pop(0)]
            code, n_glue = GLUE.subn("", cell.source)
            code = new_code_cell(NO_GLUE + code if n_glue else code)
            if tags := cell.metadata.get("tags"):
                code.metadata["tags"] = tags
            cells.append(code)

    for block in Writer(app, docname).blocks(doctree):
        if isinstance(block, int):
            run_until(block)
        elif block.strip():
            prose.append(block)
    flush()
    run_until(len(source))
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    cells[:0] = first_cells(app, docname, code)
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return new_notebook(cells=cells, metadata=metadata)


EXTRAS = {"torch": "pytorch", "sklearn": "sklearn", "pooch": "data", "matplotlib": "plots"}
PACKAGE_EXTRAS = {
    r"bookkit\.figures": "plots",
    r"mlpbook\.pytorch|\bgraphs\b": "pytorch",
    r"mlpbook\.estimators": "sklearn",
    r"load_mnist|mnist_folder": "data",
}
IN_PACKAGE = {"mlpbook", "bookkit", "numpy", "IPython", *EXTRAS, "torchvision", "myst_nb"}


def needed(code: str) -> tuple[list[str], list[str]]:
    """Return the package's extras and the other packages that some cells need."""
    roots = set(re.findall(r"^\s*(?:from|import) (\w+)", code, re.MULTILINE))
    extras = {EXTRAS[root] for root in roots if root in EXTRAS}
    extras |= {extra for words, extra in PACKAGE_EXTRAS.items() if re.search(words, code)}
    others = roots - IN_PACKAGE - set(sys.stdlib_module_names)
    return sorted(extras), sorted(others)


def first_cells(app: Sphinx, docname: str, code: str) -> list[nbformat.NotebookNode]:
    """Return what opens a notebook: where it comes from, and how to get the package."""
    extras, others = needed(code)
    package = f"mlpbook[{','.join(extras)}]" if extras else "mlpbook"
    home = app.config.html_baseurl
    title = SPECIAL.sub(r"\\\1", app.env.titles[docname].astext())
    title = f"[{title}]({home.rstrip('/')}/{docname}.html)" if home else f"“{title}”"
    address = repository(app.config)
    also = f", and `{'`, `'.join(others)}`" if others else ""
    lines = [
        f"This notebook is the page {title} of the book *{app.config.html_title}*.",
        f"It needs Python 3.11 or newer and the book's package, `{package}`{also}.",
    ]
    if address:
        wanted = " ".join([f'"{package} @ git+{address}"', *others])
        lines.append(f"The next cell installs them from <{address}> where the package is missing.")
        install = (
            "import importlib.util\n\n"
            'if importlib.util.find_spec("mlpbook") is None:\n'
            f"    %pip install --quiet {wanted}"
        )
        return [new_markdown_cell(" ".join(lines)), new_code_cell(install)]
    wanted = " ".join([f'"{package.replace("mlpbook", ".")}"', *others])
    lines.append(f"In a checkout of the book's repository: `pip install {wanted}`.")
    return [new_markdown_cell(" ".join(lines))]


def write_notebook(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write a page's notebook beside the page."""
    if app.builder.name != "html":
        return
    notebook = notebook_of(app, docname, doctree)
    path = Path(app.outdir) / f"{docname}.ipynb"
    if notebook is None:
        path.unlink(missing_ok=True)
        return
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


# ---------------------------------------------------------------- the menu


def repository(config: Config) -> str:
    """Return the repository's address, or nothing."""
    address = os.environ.get("MLPBOOK_REPOSITORY") or config.book_repository
    return address.rstrip("/").removesuffix(".git")


def links_of(address: str, docname: str, has_notebook: bool) -> list[dict[str, object]]:
    """Return where a page can be edited, where a mistake is reported, where it runs."""
    if not address:
        return []
    host = urlsplit(address).hostname or ""
    between = "/-" if "gitlab" in host else ""
    title = quote(f"On the page {docname}: ", safe="")
    links: list[dict[str, object]] = [
        {"text": "Edit this page", "href": f"{address}{between}/edit/main/book/{docname}.md"},
        {"text": "Report a mistake", "href": f"{address}{between}/issues/new?title={title}"},
    ]
    if has_notebook and host == "github.com":  # the only host that Colab reads
        name = urlsplit(address).path.strip("/")
        colab = f"https://colab.research.google.com/github/{name}/blob/notebooks/{docname}.ipynb"
        links.append({"text": "Run it in Colab", "href": colab})
    return links


def add_menu(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Tell the page's template what its menu holds."""
    if doctree is None or not context.get("sourcename"):
        return
    notebook = Path(app.outdir) / f"{pagename}.ipynb"
    pathto = context["pathto"]
    menu: list[dict[str, object]] = []
    if notebook.exists():
        menu.append({"text": "Notebook (.ipynb)", "href": notebook.name, "download": True})
    source = pathto(f"_sources/{context['sourcename']}", 1)
    menu.append({"text": "Source (MyST, .md)", "href": source, "download": True})
    menu.extend(links_of(repository(app.config), pagename, notebook.exists()))
    context["page_menu"] = menu


def find_repository(app: Sphinx, config: Config) -> None:
    """Read the address that Jupyter Book's configuration gives, and note the one that counts.

    It is part of every page, so a new address writes every page anew.
    """
    config.book_repository = config.html_theme_options.get("repository_url") or ""
    config.book_repository = repository(config)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write notebooks as pages are resolved, and the menus into their pages."""
    app.add_config_value("book_repository", "", "html")
    app.connect("config-inited", find_repository, priority=900)
    app.connect("doctree-resolved", write_notebook)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
