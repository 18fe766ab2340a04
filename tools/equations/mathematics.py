"""Mathematics set while the book is built: no script, no font, no other host at reading time.

MathJax runs here, in QuickJS, from the files of the ``sphinx-mathjax-offline`` wheel, and turns TeX
into SVG for the eye and MathML for screen readers. A page holds each glyph's outline once and the
formulas refer to it; the colour is the text's. A formula that TeX cannot read is reported with
file and line, and `strict` then fails the build. What was set once is kept in ``_build``.
"""

import hashlib
import importlib.util
import json
import re
from functools import cache
from html import escape
from pathlib import Path

import quickjs
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)


class BadTeX(ValueError):
    """TeX that cannot be read."""


# ---------------------------------------------------------------- MathJax in QuickJS

FILES = (
    "loader.js",
    "core.js",
    "adaptors/liteDOM.js",
    "input/tex-full.js",
    "output/svg.js",
    "output/svg/fonts/tex.js",
)
BROWSER = """
var window = globalThis;
var setTimeout = () => 0, clearTimeout = () => 0;
var console = {log() {}, warn() {}, error() {}};
var MathJax = {loader: {load: []}, startup: {typeset: false}};
"""
# Neither noundefined nor noerrors: an unknown command is an error. Not newcommand: a definition
# would reach into the formulas that happen to come later.
CONVERTER = """
var M = MathJax._;
var adaptor = M.adaptors.liteAdaptor.liteAdaptor();
M.handlers.html_ts.RegisterHTMLHandler(adaptor);
var tex = new M.input.tex_ts.TeX({
  packages: ["base", "ams", "boldsymbol", "braket", "cancel", "cases", "color", "enclose",
             "mathtools", "textmacros", "upgreek"],
  tags: "none",
  formatError(jax, error) { throw Error(error.message); }
});
var font = new M.output.svg.fonts.tex_ts.TeXFont({});
var svg = new M.output.svg_ts.SVG({fontCache: "none", font: font});
var page = M.mathjax.mathjax.document("", {InputJax: tex, OutputJax: svg});
var mathml = new M.core.MmlTree.SerializedMmlVisitor.SerializedMmlVisitor();

function convert(text, display) {
  var item = new page.options.MathItem(text, tex, display);
  item.start.node = adaptor.body(page.document);
  item.setMetrics(16, 8, 80 * 16, 1e6, 1);
  item.compile(page);
  item.typeset(page);
  return JSON.stringify([adaptor.innerHTML(item.typesetRoot), mathml.visitTree(item.root)]);
}
"""


@cache
def mathjax() -> quickjs.Context:
    """Start MathJax (0.1 s)."""
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    assert spec
    assert spec.origin
    folder = Path(spec.origin).parent / "static" / "mathjax"
    context = quickjs.Context()
    context.set_max_stack_size(4 * 2**20)
    context.eval(BROWSER)
    for name in FILES:
        context.eval((folder / name).read_text(encoding="utf-8"))
    context.eval(CONVERTER)
    return context


def convert(tex: str, display: bool) -> tuple[str, str]:
    """Return a formula as SVG and as MathML."""
    try:
        svg, mathml = json.loads(mathjax().get("convert")(tex, display))
    except quickjs.JSException as error:
        raise BadTeX(str(error).splitlines()[0].removeprefix("Error: ")) from None
    return compact_svg(svg), compact_mathml(mathml)


# MathJax's fonts have no double-struck one (the indicator function); systems' fonts often neither.
INDICATOR = re.compile(r'<text data-variant="double-struck"[^>]*>\U0001d7d9</text>')
INDICATOR_PATH = (
    '<path d="M120 0V40H230V560L130 530V572L270 676H390V40H490V0Z'
    'M270 40H350V636H284L270 626Z"></path>'
)


def compact_svg(svg: str) -> str:
    """Drop what only MathJax needs: notes on the structure, and groups that then do nothing."""
    svg = INDICATOR.sub(INDICATOR_PATH, svg)
    svg = re.sub(r' (data-[a-z-]+|xmlns|role|focusable)="[^"]*"', "", svg)
    svg = svg.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)
    pieces, open_groups = [], []
    for piece in re.split(r"(<g[^>]*>|</g>)", svg):
        if piece.startswith("<g"):
            open_groups.append(piece != "<g>")
            keep = open_groups[-1]
        else:
            keep = open_groups.pop() if piece == "</g>" else True
        if keep:
            pieces.append(piece)
    return re.sub(r"<(path|rect|use)([^>]*)></\1>", r"<\1\2/>", "".join(pieces))


def compact_mathml(mathml: str) -> str:
    """Drop line breaks and MathJax's own attributes."""
    mathml = re.sub(r' data-mjx-[a-z]+="[^"]*"', "", mathml)
    return re.sub(r">\s*\n\s*<", "><", mathml).replace("<math ", '<math class="formula-spoken" ', 1)


# ---------------------------------------------------------------- glyphs, once a page

PATH = re.compile(
    r'<path( transform="[^"]*")? d="([^"]+)"/>|<path d="([^"]+)"( transform="[^"]*")?/>'
)
USE = re.compile(r'href="#(m-[0-9a-f]+)"')


MOVED = re.compile(
    r'<g transform="translate\((-?[\d.]+),\s*(-?[\d.]+)\)"><use href="#([\w-]+)"/></g>'
)


def share_glyphs(svg: str, glyphs: dict[str, str]) -> str:
    """Replace outlines by references, and note the outlines in ``glyphs``."""

    def reference(match: re.Match[str]) -> str:
        transform = match[1] or match[4] or ""
        outline = match[2] or match[3]
        name = "m-" + hashlib.sha256(outline.encode()).hexdigest()[:7]
        glyphs[name] = outline
        return f'<use href="#{name}"{transform}/>'

    svg = re.sub(r"<g[^>]*></g>|<path[^>]* d=\"\"[^>]*/>", "", svg)  # spaces
    return MOVED.sub(move, PATH.sub(reference, svg))


def move(match: re.Match[str]) -> str:
    """Let one glyph stand in its place without a group around it."""
    x, y, name = match.groups()
    place = f' x="{x}"' if float(x) else ""
    return f'<use href="#{name}"{place}' + (f' y="{y}"' if float(y) else "") + "/>"


def define_glyphs(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Put the outlines that a page's formulas refer to at the top of its text."""
    used = sorted(set(USE.findall(context.get("body") or "")))
    if used:
        glyphs = vars(app)["book_mathematics"]["glyphs"]
        outlines = "".join(f'<path id="{name}" d="{glyphs[name]}"/>' for name in used)
        context["body"] = (
            '<svg class="formula-glyphs" aria-hidden="true" focusable="false" width="0" height="0">'
            f"<defs>{outlines}</defs></svg>\n{context['body']}"
        )


# ---------------------------------------------------------------- what was set once


def store(app: Sphinx) -> Path:
    """Return the file that keeps formulas; its name changes with this program."""
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    return Path(app.outdir).parent / ".mathematics" / f"{version}.json"


def load(app: Sphinx) -> None:
    """Read the kept formulas."""
    try:
        vars(app)["book_mathematics"] = json.loads(store(app).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        vars(app)["book_mathematics"] = {"formulas": {}, "glyphs": {}}
    vars(app)["book_mathematics_size"] = len(vars(app)["book_mathematics"]["formulas"])


def save(app: Sphinx, exception: Exception | None) -> None:
    """Keep the formulas for the next build, whether or not this one failed."""
    kept = getattr(app, "book_mathematics", None)
    if kept and len(kept["formulas"]) != vars(app)["book_mathematics_size"]:
        path = store(app)
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.glob("*.json"):
            old.unlink()
        new = path.with_suffix(".new")
        new.write_text(json.dumps(kept, sort_keys=True), encoding="utf-8")
        new.replace(path)


# ---------------------------------------------------------------- the renderer


def line_of(node: nodes.Node) -> int | None:
    """Return the source line of a node, or of what it stands in."""
    while node is not None:
        if getattr(node, "line", None):
            return node.line
        node = node.parent
    return None


def set_formula(self: HTML5Translator, node: nodes.Element, tex: str, display: bool) -> str:
    """Return a formula's SVG and MathML, or the TeX itself where that is broken."""
    app = self.builder.app
    kept = vars(app)["book_mathematics"]
    key = ("display " if display else "inline ") + tex
    if key not in kept["formulas"]:
        try:
            svg, mathml = convert(tex, display)
        except BadTeX as error:
            where = (self.builder.current_docname, line_of(node))
            logger.error("bad TeX: %s: %s", error, node.astext(), location=where)
            return f'<code class="formula-error">{escape(node.astext())}</code>'
        kept["formulas"][key] = [share_glyphs(svg, kept["glyphs"]), mathml]
    svg, mathml = kept["formulas"][key]
    return (embed_glyphs(svg, kept["glyphs"]) if travels(node) else svg) + mathml


EMBEDDED = re.compile(r'<use href="#(m-[0-9a-f]+)"(?: x="([^"]+)")?(?: y="([^"]+)")?')


def embed_glyphs(svg: str, glyphs: dict[str, str]) -> str:
    """Put the outlines back, in a formula that leaves its page."""

    def outline(match: re.Match[str]) -> str:
        name, x, y = match.groups()
        place = f' transform="translate({x or 0},{y or 0})"' if x or y else ""
        return f'<path d="{glyphs[name]}"{place}'

    return EMBEDDED.sub(outline, svg)


def travels(node: nodes.Node) -> bool:
    """Say whether a formula stands in a title, which other pages' contents show too."""
    while node is not None:
        if isinstance(node, nodes.title | addnodes.compact_paragraph):
            return True
        node = node.parent
    return False


# A formula wider than a phone's column scrolls inside itself and is reachable by keyboard.
PHONE_WIDTH = 33.0  # ex: in a box or a list on a phone


SMALLEST_SCALE = 0.75  # a displayed formula shrinks so far before it scrolls


def width_of(formula: str) -> float:
    """Return a formula's width in ex."""
    width = re.search(r' width="([\d.]+)ex"', formula)
    return 0.0 if width is None else float(width[1])


def is_wide(formula: str) -> bool:
    """Say whether a formula may be wider than a phone's column."""
    return width_of(formula) > PHONE_WIDTH


WORD_JOINER = "\u2060"  # browsers may break a line on either side of a drawing


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in the text; it stays on the line of a bracket or hyphen before it."""
    formula = set_formula(self, node, node.astext(), display=False)
    place = node.parent.index(node)
    before = node.parent[place - 1].astext() if place else ""
    joiner = WORD_JOINER if before.endswith(("(", "[", "“", "‘", "-", "–")) else ""
    wide = is_wide(formula)
    attributes = {"tabindex": "0", "role": "group", "aria-label": "wide formula"} if wide else {}
    classes = "formula formula-wide notranslate" if wide else "formula notranslate"
    self.body.append(self.starttag(node, "span", "", CLASS=classes, **attributes))
    self.body.append(joiner + formula + "</span>")
    raise nodes.SkipNode


def aligned(node: nodes.math_block) -> str:
    """Return a displayed formula's TeX, aligned as Sphinx does it: at & and at blank lines."""
    if node.get("nowrap"):
        return node.astext()
    parts = [part for part in re.split(r"\n\s*\n", node.astext()) if part.strip()]
    rows = [rf"\begin{{split}}{part}\end{{split}}" if r"\\" in part else part for part in parts]
    if len(rows) == 1:
        return rows[0].strip()
    return r"\begin{align}\begin{aligned}" + r"\\".join(rows) + r"\end{aligned}\end{align}"


def visit_displayed(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a displayed formula, its number, and the mark that leads to its test."""
    formula = set_formula(self, node, aligned(node), display=True)
    scroll = ""
    if is_wide(formula):
        scroll = ' tabindex="0" role="group" aria-label="wide formula"'
        smallest = f' style="min-width: {SMALLEST_SCALE * width_of(formula):.0f}ex; '
        formula = formula.replace(' style="', smallest, 1)
    self.body.append(self.starttag(node, "div", CLASS="equation notranslate"))
    self.body.append(f'<div class="formula-scroll"{scroll}>{formula}</div>')
    if node.get("number"):
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        mark = node.get("mark")
        if mark:
            words = escape(mark["words"], quote=True)
            self.body.append(
                f'<a class="equation-test" href="{escape(mark["href"], quote=True)}"'
                f' aria-label="Equation {number} is tested: {words}">'
                f'✓ tested<span class="equation-test-words" aria-hidden="true">{words}</span></a>'
            )
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer under the name that ``html_math_renderer`` gives."""
    app.add_html_math_renderer("svg", (visit_inline, None), (visit_displayed, None))
    app.connect("builder-inited", load)
    app.connect("build-finished", save, priority=10)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
