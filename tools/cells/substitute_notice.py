"""Say at a page's top when its numbers come from substitute digits instead of MNIST."""

from docutils import nodes
from sphinx.application import Sphinx

from tools.cells.execution import cells_of, source_of

TITLE = "This page was built without MNIST"
WORDS = (
    "MNIST could not be downloaded when this page was built. Its numbers and pictures come from ",
    "scikit-learn's bundled digits",
    ": 1,797 real handwritten digits of 8 × 8 pixels, brought to MNIST's shape. They are fewer and "
    "easier, so the error rates below are not those of MNIST. To build the page on MNIST, build "
    "the book again with a connection to the network, or set the environment variable ",
    "MLPBOOK_DATA",
    " to a folder that holds the data set as torchvision keeps it.",
)


def notice() -> nodes.admonition:
    """Return the warning."""
    before, digits, middle, variable, after = WORDS
    box = nodes.admonition(classes=["warning", "substitute-data"])
    box += nodes.title(TITLE, TITLE)
    box += nodes.paragraph(
        "",
        "",
        nodes.Text(before),
        nodes.strong(digits, digits),
        nodes.Text(middle),
        nodes.literal(variable, variable),
        nodes.Text(after),
    )
    return box


def add_notice(app: Sphinx, doctree: nodes.document) -> None:
    """Put the warning under the title of a page that reads MNIST, when the digits are not MNIST."""
    dependencies = app.book_dependencies
    code = cells_of(source_of(app.env, app.env.docname))
    if not code or not dependencies.package.uses_mnist(code):
        return
    if not dependencies.data.is_substitute:
        return
    title = next(iter(doctree.findall(nodes.title)), None)
    if title is None:
        doctree.insert(0, notice())
    else:
        title.parent.insert(title.parent.index(title) + 1, notice())


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at each page once it is read."""
    app.connect("doctree-read", add_notice)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
