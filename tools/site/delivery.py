"""How pages travel: one style sheet, one script, one small font, and nothing but the site's own.

The theme brings 0.5 MB of style sheets, most of it for things that no page has, 0.2 MB of icons of
which a dozen are shown, and a dozen scripts. When all pages are written, the sheets and scripts
that every page loads are put together in ``site.css`` and ``site.js``. Rules, custom properties and
icons that nothing on the site uses are left out.

Each page gets a content-security policy that allows the site's own files and, by their digests, the
few lines of script and style that stand in the page; styles of single elements become classes.
"""

import base64
import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import normpath
from typing import Any

import tinycss2
from docutils import nodes
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from tinycss2.ast import Node

THEME_SHEETS = ["styles/theme.css", "styles/pydata-sphinx-theme.css"]
# Files of Sphinx's and its extensions' that no page loads: others do what they did.
NOT_NEEDED = {
    "scripts/sphinx-book-theme.js",
    "sphinx_highlight.js",
    "togglebutton.css",
    "togglebutton.js",
}
TABS = {"design-tabs.js"}  # needed where a page has tabs
ICONS = "vendor/fontawesome/webfonts/fa-solid-900"
# What lies in _static and is in the bundles now, or was never asked for.
LEFT_OVER = ["styles", "scripts", "vendor", "mathjax", "locales"]


class CannotDeliver(SphinxError):
    """The site cannot be delivered as it must be."""

    category = "The site"


# ---------------------------------------------------------------- what the pages use

TAG = re.compile(r"""<([a-zA-Z][\w:-]*)((?:[^<>"']|"[^"]*"|'[^']*')*)>""")
CLASS = re.compile(r"""\sclass=(?:"([^"]*)"|'([^']*)')""")
ID = re.compile(r"""\sid=(?:"([^"]*)"|'([^']*)')""")
NAME = re.compile(r"[\w-]+")


@dataclass
class Used:
    """The names of elements, classes and ids, and the custom properties, that a site can show."""

    names: set[str] = field(default_factory=set)
    text: list[str] = field(default_factory=list)

    def page(self, html: str) -> None:
        """Note what one page shows."""
        for match in TAG.finditer(html):
            self.names.add(match[1].lower())
            for pattern in (CLASS, ID):
                if found := pattern.search(match[2]):
                    self.names.update((found[1] or found[2] or "").split())
        self.text.append(" ".join(set(re.findall(r"--[\w-]+", html))))

    def script(self, text: str) -> None:
        """Note what one script may write into a page: any word of it."""
        self.names.update(NAME.findall(text))
        self.text.append(text)


# ---------------------------------------------------------------- the style sheet


def split(tokens: Iterable[Node], separator: str) -> Iterator[list[Node]]:
    """Yield the pieces of a list of tokens between separators."""
    piece: list[Node] = []
    for token in tokens:
        if token.type == "literal" and token.value == separator:
            yield piece
            piece = []
        else:
            piece.append(token)
    yield piece


def may_match(selector: list[Node], used: set[str]) -> bool:
    """Say whether a site with these names may hold what a selector selects."""
    before = ""
    for token in selector:
        name = None
        if token.type == "hash" or (token.type == "ident" and before == "."):
            name = token.value
        elif token.type == "ident" and before != ":":
            name = token.lower_value
        if name is not None and name not in used:
            return False
        before = token.value if token.type == "literal" else ""
    return True


def tight(tokens: Iterable[Node]) -> str:
    """Return tokens as text without comments and without more than one space at a time."""
    kept: list[str] = []
    for token in tokens:
        if token.type == "comment":
            continue
        if token.type == "whitespace":
            if kept and kept[-1] != " ":
                kept.append(" ")
        elif token.type in {"() block", "[] block", "{} block"}:
            kept.append(token.type[0] + tight(token.content) + token.type[1])
        elif token.type == "function":
            kept.append(f"{token.name}({tight(token.arguments)})")
        else:
            kept.append(token.serialize())
    return "".join(kept).strip()


# An address of a file; not one of data, of a place in a drawing, or of another host.
FILE_ADDRESS = re.compile(r"""url\(\s*(["']?)(?![a-z]+:|//|#|%23)([^"')]+)\1\s*\)""")


def rules_of(path: Path, static: Path) -> list[Node]:
    """Read a style sheet, and those that it imports."""
    folder = path.parent.relative_to(static).as_posix()
    css = FILE_ADDRESS.sub(  # the bundle lies at the top of _static
        lambda match: f'url("{normpath(f"{folder}/{match[2]}")}")', path.read_text(encoding="utf-8")
    )
    rules = []
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        if rule.type == "error":
            raise CannotDeliver(f"{path.name} cannot be read: {rule.message}")
        if rule.type == "at-rule" and rule.lower_at_keyword == "import":
            name = next(token.value for token in rule.prelude if token.type == "string")
            rules += rules_of((path.parent / name).resolve(), static)
        else:
            rules.append(rule)
    return rules


NESTED = {"media", "supports", "layer", "container"}
PROPERTY = re.compile(r"--[\w-]+")
REFERENCE = re.compile(r"var\(\s*(--[\w-]+)")


def write(rules: list[Node], used: set[str], keep: set[str] | None) -> str:
    """Return the rules that may match, with the custom properties of ``keep`` (all if None)."""
    out = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [s for s in split(rule.prelude, ",") if may_match(s, used)]
            body = declarations(rule.content, keep)
            if selectors and body:
                out.append(f"{','.join(tight(s) for s in selectors)}{{{body}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in NESTED and rule.content:
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            body = write(inner, used, keep)
            if body:
                out.append(f"@{rule.at_keyword} {tight(rule.prelude)}{{{body}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword != "charset":
            body = f"{{{tight(rule.content)}}}" if rule.content is not None else ";"
            out.append(f"@{rule.at_keyword} {tight(rule.prelude)}{body}")
    return "".join(out)


def declarations(content: list[Node], keep: set[str] | None) -> str:
    """Return what a rule declares, without custom properties that nothing reads."""
    out = []
    for item in tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True):
        if item.type == "declaration":
            if item.name.startswith("--") and keep is not None and item.name not in keep:
                continue
            important = "!important" if item.important else ""
            out.append(f"{item.name}:{tight(item.value)}{important};")
        elif item.type in {"qualified-rule", "at-rule"}:
            out.append(tight([item]))
        elif item.type == "error":
            raise CannotDeliver(f"a style sheet cannot be read: {item.message}")
    return "".join(out).removesuffix(";")


FACE = re.compile(r"@font-face \{[^}]*\}")
FRAMES = re.compile(r"@keyframes ([\w-]+)\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")


def style_sheet(sheets: list[Path], static: Path, used: Used) -> str:
    """Return one sheet made of all, without what nothing uses."""
    rules = [rule for path in sheets for rule in rules_of(path, static.resolve())]
    elsewhere = "\n".join(used.text)
    named = set(PROPERTY.findall(elsewhere))
    css, keep = write(rules, used.names, None), None
    while True:  # a property may be read by one that nothing reads
        wanted = set(REFERENCE.findall(css)) | named
        if wanted == keep:
            break
        keep = wanted
        css = write(rules, used.names, keep)
    spoken = FRAMES.sub("", css)
    return FRAMES.sub(lambda m: m[0] if re.search(rf"\b{m[1]}\b", spoken) else "", css)


# ---------------------------------------------------------------- the icons

PRIVATE = re.compile(r"\\([ef][0-9a-f]{3})\b", re.IGNORECASE)


def icon_font(css: str, static: Path) -> tuple[str, bytes]:
    """Return the style sheet with one font of icons, and that font: only what is shown of it."""
    faces = FACE.findall(css)
    solid = next((face for face in faces if ICONS in face), None)
    for face in faces:
        if "fontawesome" in face and face != solid:
            css = css.replace(face, "")
    shown = {int(code, 16) for code in PRIVATE.findall(css)}
    shown |= {ord(sign) for sign in css if "\ue000" <= sign <= "\uf8ff"}
    if solid is None or not shown:
        return css, b""
    font = TTFont(static / f"{ICONS}.ttf", recalcTimestamp=False)
    options = subset.Options(flavor="woff", layout_features=[], name_IDs=[], hinting=False)
    options.drop_tables += ["FFTM"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=shown)
    cutter.subset(font)
    target = static / "icons.woff"
    subset.save_font(font, target, options)
    source = 'src:url("icons.woff") format("woff")'
    return css.replace(solid, re.sub(r"src:[^;}]*", source, solid, count=1)), target.read_bytes()


# ---------------------------------------------------------------- styles of single elements

STYLE = re.compile(r'\sstyle="([^"]*)"')
OWN_SHEET = re.compile(r"<style>(\.s-[^<]*)</style>\n?")
OWN_RULE = re.compile(r"\.(s-\w+):not\(#_\)\{([^}]*)\}")
HEAD_END = re.compile(r"\s*</head>")


def classes_for_styles(html: str) -> str:
    """Turn the styles of single elements into classes of a sheet in the page's head.

    A policy can name a sheet by its digest; styles of elements it can only allow altogether.
    The rules are as strong as the styles were.
    """
    names: dict[str, str] = {}

    def rewrite(match: re.Match[str]) -> str:
        inside = match[2]
        style = STYLE.search(inside)
        if not style:
            return match[0]
        rules = re.sub(r"\s*([:;])\s*", r"\1", style[1].replace("&quot;", '"')).strip(" ;")
        name = names.setdefault(rules, f"s-{len(names)}") if rules else ""
        if found := CLASS.search(inside):
            inside = inside.replace(style[0], "", 1)
            inside = inside.replace(found[0], f' class="{found[1] or found[2]} {name}"', 1)
        else:
            inside = inside.replace(style[0], f' class="{name}"' if name else "", 1)
        return f"<{match[1]}{inside}>"

    html = TAG.sub(rewrite, html)
    if not names:
        return html
    sheet = "".join(f".{name}:not(#_){{{rules}}}" for rules, name in names.items())
    return HEAD_END.sub(lambda _: f"\n<style>{sheet}</style>\n  </head>", html, count=1)


def styles_for_classes(html: str) -> str:
    """Undo `classes_for_styles`, for whoever takes a page apart."""
    sheet = OWN_SHEET.search(html)
    if not sheet:
        return html
    styles = dict(OWN_RULE.findall(sheet[1]))

    def rewrite(match: re.Match[str]) -> str:
        found = CLASS.search(match[2])
        if found is None:
            return match[0]
        given = (found[1] or found[2] or "").split()
        style = next((styles[name] for name in given if name in styles), None)
        if style is None:
            return match[0]
        left = " ".join(name for name in given if name not in styles)
        style = style.replace('"', "&quot;")
        value = (f' class="{left}"' if left else "") + f' style="{style}"'
        return f"<{match[1]}{match[2].replace(found[0], value, 1)}>"

    return TAG.sub(rewrite, html.replace(sheet[0], "", 1))


# ---------------------------------------------------------------- the policy

INLINE = re.compile(r"<(script|style)((?:[^<>\"']|\"[^\"]*\")*)>(.*?)</\1>", re.DOTALL)
POLICY = re.compile(r'\s*<meta http-equiv="Content-Security-Policy"[^>]*>')
CHARSET = re.compile(r'<meta charset="[^"]*"\s*/?>')


def digests(html: str, tag: str) -> list[str]:
    """Return the digests of the scripts, or the sheets, that stand in a page."""
    found = {
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for name, attributes, text in INLINE.findall(html)
        if name == tag and " src=" not in attributes
    }
    return [f"'sha256-{digest}'" for digest in sorted(found)]


def policy(html: str) -> str:
    """Return the content-security policy of one page."""
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src 'self'", *digests(html, "script")]),
            " ".join(["style-src 'self'", *digests(html, "style")]),
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "object-src 'none'",
        ]
    )


def with_policy(html: str) -> str:
    """Return a page with its policy at the top of its head, before anything that it governs."""
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(html)}" />'
    html = POLICY.sub("", html)
    return CHARSET.sub(lambda match: f"{match[0]}\n    {meta}", html, count=1)


# ---------------------------------------------------------------- the build


def slim(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Let a page ask for what it alone needs; the rest is in the bundles."""
    if app.builder.format != "html":
        return
    everywhere = {file.filename for files in on_every_page(app.builder) for file in files}
    for kind in ("css_files", "script_files"):
        context[kind] = [
            file for file in context[kind] if file.filename and file.filename not in everywhere
        ]


def on_every_page(builder: Any) -> tuple[list[Any], list[Any]]:
    """Return the style sheets and the scripts that every page loads, which Sphinx keeps private."""
    return builder._orig_css_files, builder._orig_js_files


def sources(app: Sphinx, pages: Iterable[str]) -> tuple[list[Path], list[Path]]:
    """Return the sheets and the scripts that every page needs, in their order."""
    static = Path(app.outdir) / "_static"
    leave_out = NOT_NEEDED | (set() if any("sd-tab-set" in page for page in pages) else TABS)
    sheets = [static / name for name in THEME_SHEETS]
    scripts: list[Path] = []
    for files, found in zip(on_every_page(app.builder), (sheets, scripts), strict=True):
        for file in sorted(files, key=lambda file: file.priority):
            name = str(file.filename or "").partition("?")[0].removeprefix("_static/")
            if name and name not in leave_out:
                found.append(static / name)
    return sheets, scripts


def deliver(app: Sphinx, written: list[str]) -> None:
    """Put sheets and scripts together, and give every page its policy."""
    out = Path(app.outdir)
    static = out / "_static"
    paths = [p for p in sorted(out.rglob("*.html")) if "_static" not in p.relative_to(out).parts]
    pages = {path: path.read_text(encoding="utf-8") for path in paths}

    sheets, scripts = sources(app, pages.values())
    gone = [path.name for path in sheets + scripts if not path.exists()]
    if gone:
        raise CannotDeliver(f"pages ask for files that are not there: {', '.join(gone)}")
    used = Used()
    for html in pages.values():
        used.page(html)
    script = "\n;\n".join(path.read_text(encoding="utf-8").strip() for path in scripts)
    script = re.sub(r"//# sourceMappingURL=\S+", "", script)
    used.script(script)
    for path in static.glob("*.js"):
        used.script(path.read_text(encoding="utf-8"))
    css, _ = icon_font(style_sheet(sheets, static, used), static)
    (static / "site.css").write_text(css, encoding="utf-8")
    (static / "site.js").write_text(script, encoding="utf-8")

    bundled = {path.name for path in sheets + scripts} | {Path(name).name for name in NOT_NEEDED}
    for path in static.iterdir():
        if path.name in LEFT_OVER:
            shutil.rmtree(path)
        elif path.name in bundled | TABS:
            path.unlink()
    for path, html in pages.items():
        for name, text in (("site.css", css), ("site.js", script)):
            mark = hashlib.sha256(text.encode()).hexdigest()[:8]
            html = re.sub(rf"(_static/{re.escape(name)})(?:\?v=\w+)?\"", rf'\1?v={mark}"', html)
        html = with_policy(html)
        if html != path.read_text(encoding="utf-8"):
            path.write_text(html, encoding="utf-8")
