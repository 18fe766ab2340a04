"""The book's order and its numbers: which page follows which, and what each thing is called."""

from collections.abc import Iterator

from docutils import nodes
from sphinx.environment import BuildEnvironment


def reading_order(env: BuildEnvironment) -> list[str]:
    """Return the pages as the table of contents orders them."""

    def below(docname: str) -> Iterator[str]:
        yield docname
        for child in env.toctree_includes.get(docname, []):
            yield from below(child)

    return list(dict.fromkeys(below(env.config.root_doc)))


def numbered(env: BuildEnvironment, docname: str) -> Iterator[tuple[str, str, str]]:
    """Yield kind, id and number of each numbered thing of a page: "theorem", "thm-a", "1.3"."""
    for kind, numbers in env.toc_fignumbers.get(docname, {}).items():
        for name, digits in numbers.items():
            yield kind, name, ".".join(map(str, digits))


def number_of(env: BuildEnvironment, docname: str, kind: str, names: list[str]) -> str:
    """Return the number of the thing of a kind that has one of these ids, or nothing."""
    numbers = {name: number for one, name, number in numbered(env, docname) if one == kind}
    return next((numbers[name] for name in names if name in numbers), "")


def plain_text(node: nodes.Node) -> str:
    """Return a title's or paragraph's text without its mathematics, which would be TeX."""
    if isinstance(node, nodes.math):
        return "…"
    if isinstance(node, nodes.Text):
        return str(node.astext())
    return "".join(plain_text(child) for child in node.children)
