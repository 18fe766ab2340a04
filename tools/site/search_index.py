"""The search index after a build of a few pages is the one that a build of all would write.

Sphinx keeps the words of the pages that it does not write again, but forgets their entries from
index and glossary, and keeps words that no page has any more.
"""

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.index_entries import split_index_msg

Entry = tuple[str, str, str]  # the words, the place in the page, "main" or ""


def entries(env: BuildEnvironment) -> dict[str, list[Entry]]:
    """Return the stored pages' entries, by page."""
    found: dict[str, list[Entry]] = vars(env).setdefault("book_search_entries", {})
    return found


def note(app: Sphinx, doctree: nodes.document) -> None:
    """Remember a page's entries, as Sphinx reads them from a page that it writes."""
    found: set[Entry] = set()
    for node in doctree.findall(addnodes.index):
        for kind, value, place, main, _ in node["entries"]:
            words = split_index_msg(kind, value)
            found |= {(word, place or "", main) for word in words}
    entries(app.env)[app.env.docname] = sorted(found)


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what is known of a page that is read again or gone."""
    entries(env).pop(docname, None)


def complete(app: Sphinx) -> list[tuple[str, dict[str, object], str]]:
    """Give the index every page's entries, and no words without a page."""
    indexer = getattr(app.builder, "indexer", None)
    if indexer is None:
        return []
    kept = entries(app.env)
    indexer._index_entries.clear()
    indexer._index_entries.update((name, list(kept[name])) for name in sorted(kept))
    for words in (indexer._mapping, indexer._title_mapping):
        for word in [word for word, pages in words.items() if not pages]:
            del words[word]
    return []


def setup(app: Sphinx) -> dict[str, bool]:
    """Collect as pages are read; complete before others add to the index."""
    app.connect("doctree-read", note)
    app.connect("env-purge-doc", forget)
    app.connect("html-collect-pages", complete, priority=400)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
