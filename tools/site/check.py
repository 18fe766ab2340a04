"""Check the finished pages as a reader would meet them: ``python tools/site/check.py _build/html``.

Reads files only. Reports each fault as ``page:line: what is wrong``, and exits with 1 if there is
any: tracebacks and error reports, code without outputs, raw TeX, pictures without a text, memory
addresses, requests to another host, links or anchors that lead nowhere, pages that weigh too much
or that a content-security policy does not guard.
"""

import base64
import gzip
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
# An address in a link is for the reader to follow; in these places the browser asks by itself.
ASKS = {
    "img": ("src", "srcset"),
    "script": ("src",),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "form": ("action",),
    "input": ("src",),
}
LINK_RELATIONS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch"}
LINK_RELATIONS |= {"modulepreload", "manifest", "shortcut"}
# Text in these is not prose: code may hold TeX commands, and a formula's MathML holds letters.
NOT_PROSE = {"script", "style", "pre", "code", "math", "textarea"}

OTHER_HOST = re.compile(r"^\s*(https?:)?//", re.IGNORECASE)
CSS_ADDRESS = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])((?:https?:)?//[^"')\s]+)""", re.I)
ADDRESS = re.compile(
    r"\b(?:at|object|memory|id)\b[^<>\n]{0,30}0x[0-9a-f]{6,}|<[\w.]+ [^<>\n]*0x[0-9a-f]{6,}", re.I
)
RAW_TEX = re.compile(
    r"\\(?:frac|sum|mathbb|mathbf|mathcal|mathrm|operatorname|left|right|begin|end|partial|bar|hat"
    r"|top|lVert|rVert|varphi|theta|lambda|text|cdot|quad|sqrt|eta|nabla|le|ge|in|to|ell)\b"
    r"|\\[\[\]()]|\$\$|(?<![\w$])\$[^$\s][^$\n]{0,80}[\\^_{][^$\n]{0,80}\$"
)
LOCAL_PATH = re.compile(r"(?:/home|/root|/Users|/tmp|C:\\Users)/?[\w.-]+|\S*site-packages\S*")
TRACEBACK = re.compile(r"Traceback \(most recent call last\)")

# What a first view may cost: the page, and all that it loads without being asked.
BUDGET = 350_000  # bytes, compressed as servers do it
FONT = re.compile(r"""@font-face\s*\{[^}]*?url\(["']?([^"')]+)""")
POLICY = {
    "default-src 'none'", "img-src 'self' data:", "font-src 'self'", "connect-src 'self'",
    "form-action 'self'", "base-uri 'none'", "object-src 'none'",
}  # fmt: skip


@dataclass
class Page(HTMLParser):
    """What one page holds, and the faults that show in it alone."""

    path: Path
    faults: list[tuple[int, str]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    links: list[tuple[int, str]] = field(default_factory=list)
    n_code: int = 0
    n_outputs: int = 0
    policy: str | None = None
    loads: list[str] = field(default_factory=list)
    inline: list[tuple[int, str, str]] = field(default_factory=list)  # line, script or style, text

    def __post_init__(self) -> None:
        """Read the file."""
        super().__init__(convert_charrefs=True)
        self.stack: list[tuple[str, set[str]]] = []
        self.feed(self.path.read_text(encoding="utf-8"))
        self.close()

    def fault(self, words: str) -> None:
        """Note a fault at the place where the parser stands."""
        self.faults.append((self.getpos()[0], words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        values = {name: value or "" for name, value in attrs}
        classes = set(values.get("class", "").split())
        if tag not in VOID:
            self.stack.append((tag, classes))
        for name in ("id", "name") if tag == "a" else ("id",):
            if values.get(name):
                if name == "id" and values[name] in self.ids:
                    self.fault(f"the id {values[name]!r} stands twice")
                self.ids.add(values[name])
        if "cell_input" in classes:
            self.n_code += 1
        if "cell_output" in classes:
            self.n_outputs += 1
        if "problematic" in classes or "system-message" in classes:
            self.fault("Sphinx left an error message in the page")
        if "formula-error" in classes:
            self.fault("a formula could not be set")
        self.check_requests(tag, values)
        self.check_guard(tag, values)
        if tag == "img":
            self.check_picture(values)
        if tag == "svg" and "img" in values.get("role", ""):
            named = {"aria-label", "aria-labelledby"} & set(values)
            if not named:
                self.fault("an SVG picture has no text alternative")
        if tag == "a" and "href" in values:
            self.links.append((self.getpos()[0], values["href"]))
        if tag in {"link", "script", "img", "source"}:
            for name in ("href", "src"):
                if values.get(name) and not values[name].startswith("data:"):
                    self.links.append((self.getpos()[0], values[name]))
        for name, value in values.items():
            if name.endswith("href") and tag == "use" and value.startswith("#"):
                self.links.append((self.getpos()[0], value))

    def check_requests(self, tag: str, values: dict[str, str]) -> None:
        """Report what makes the browser ask another host."""
        names = ASKS.get(tag, ())
        if tag == "link" and LINK_RELATIONS & set(values.get("rel", "").lower().split()):
            names = ("href",)
        for name in names:
            for part in values.get(name, "").split(","):
                if OTHER_HOST.match(part):
                    self.fault(f"<{tag}> asks another host: {part.strip()}")
        for address in CSS_ADDRESS.findall(values.get("style", "")):
            self.fault(f"a style asks another host: {address}")

    def check_guard(self, tag: str, values: dict[str, str]) -> None:
        """Note what the page loads and what its policy says; report what no policy can allow."""
        if tag == "meta" and values.get("http-equiv", "").lower() == "content-security-policy":
            self.policy = values.get("content", "")
        if tag == "link" and "stylesheet" in values.get("rel", ""):
            self.loads.append(values.get("href", ""))
        if tag == "script" and values.get("src"):
            self.loads.append(values["src"])
        elif tag in {"script", "style"}:
            self.inline.append((self.getpos()[0], tag, ""))
        if (tag in {"script", "style"} or self.loads) and self.policy is None:
            self.policy = ""  # one that comes later guards nothing that came before
            self.fault("no content-security policy stands before what it is to guard")
        for name, value in values.items():
            if name == "style" or name.startswith("on"):
                self.fault(f"the policy forbids the attribute {name}={value[:40]!r}")
            elif value.lower().startswith("javascript:"):
                self.fault(f"the policy forbids the address {value[:40]!r}")

    def check_picture(self, values: dict[str, str]) -> None:
        """Report a picture without words, or with a file's name for words."""
        alt = values.get("alt", "").strip()
        if not alt:
            self.fault(f"a picture has no text alternative: {values.get('src', '')[:60]}")
        elif re.search(r"\.(png|svg|jpe?g|gif|webp)$", alt, re.I) or alt.startswith("_images/"):
            self.fault(f"a picture's text alternative is a path: {alt}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element, and whatever inside it was never closed."""
        for depth in range(len(self.stack) - 1, -1, -1):
            if self.stack[depth][0] == tag:
                del self.stack[depth:]
                return

    def handle_data(self, data: str) -> None:
        """Look at a piece of text."""
        tags = {tag for tag, _ in self.stack}
        if "style" in tags:
            for address in CSS_ADDRESS.findall(data):
                self.fault(f"a style asks another host: {address}")
        if tags & {"script", "style"}:
            if self.inline and self.stack[-1][0] == self.inline[-1][1]:
                line, tag, text = self.inline[-1]
                self.inline[-1] = (line, tag, text + data)
            return
        classes = set().union(*(classes for _, classes in self.stack)) if self.stack else set()
        if TRACEBACK.search(data) and "tag_raises-exception" not in classes:
            self.fault("a traceback stands in the page")
        match = ADDRESS.search(data)
        if match and "article" in tags:
            self.fault(f"a memory address stands in the page: {match[0].strip()}")
        if "cell_output" in classes and (match := LOCAL_PATH.search(data)):
            self.fault(f"a path of the building machine stands in the page: {match[0]}")
        if not tags & NOT_PROSE and (match := RAW_TEX.search(data)):
            self.fault(f"raw TeX stands in the page: {match[0]}")


def faults_of_policy(page: Page) -> Iterator[tuple[int, str]]:
    """Yield what a page's policy allows too much, or forgets."""
    policy = [part.strip() for part in (page.policy or "").split(";")]
    for part in sorted(POLICY - set(policy)):
        yield 1, f"the content-security policy lacks {part}"
    allowed = {part.split()[0]: set(part.split()[1:]) for part in policy if part}
    for name, sources in allowed.items():
        for source in sorted(sources - {"'self'", "'none'", "data:"}):
            if not source.startswith("'sha256-"):
                yield 1, f"the content-security policy allows {name} {source}"
    for line, tag, text in page.inline:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        if f"'sha256-{digest}'" not in allowed.get(f"{tag}-src", ()):
            yield line, f"the content-security policy does not allow this <{tag}>"


def packed(path: Path) -> int:
    """Return a file's size on its way; fonts and pictures are packed already."""
    data = path.read_bytes() if path.exists() else b""
    text = path.suffix in {".html", ".css", ".js", ".svg"}
    return len(gzip.compress(data, 6)) if text else len(data)


def first_view(page: Page) -> int:
    """Return the bytes that a page's first view costs: itself, style sheets, scripts, fonts."""
    files = {page.path}
    for address in page.loads:
        files.add((page.path.parent / unquote(urlsplit(address).path)).resolve())
    for sheet in [path for path in files if path.suffix == ".css" and path.exists()]:
        for address in FONT.findall(sheet.read_text(encoding="utf-8")):
            files.add((sheet.parent / address).resolve())
    return sum(packed(path) for path in files)


def faults_of_page(page: Page, source: Path | None) -> Iterator[tuple[int, str]]:
    """Yield the faults of one page."""
    yield from page.faults
    yield from faults_of_policy(page)
    if (weight := first_view(page)) > BUDGET:
        yield 1, f"the first view weighs {weight:,} bytes compressed; {BUDGET:,} are allowed"
    if page.n_code and not page.n_outputs:
        yield 1, "the page shows code and no output"
    if source is not None and source.exists():
        text = source.read_text(encoding="utf-8")
        if "{code-cell}" in text and not page.n_code and "remove-input" not in text:
            yield 1, "the page's source has code cells, and the page shows none"


def check_links(pages: dict[Path, Page], site: Path) -> Iterator[tuple[Page, int, str]]:
    """Yield the links that lead to no file, or to no place in it."""
    for page in pages.values():
        for line, link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("{"):
                continue
            target = page.path
            if parts.path:
                if parts.path.startswith("/"):
                    yield page, line, f"the link works only at a host's top: {link}"
                    continue
                target = (page.path.parent / unquote(parts.path)).resolve()
                if target.is_dir():
                    target = target / "index.html"
                if not target.is_relative_to(site) or not target.exists():
                    yield page, line, f"the link leads nowhere: {link}"
                    continue
            wanted = unquote(parts.fragment)
            if wanted and target in pages and wanted not in pages[target].ids:
                yield page, line, f"the anchor does not exist: {link}"


def check_styles(site: Path) -> Iterator[tuple[Path, int, str]]:
    """Yield what style sheets ask of other hosts, or of files that are not there."""
    for path in sorted(site.rglob("*.css")):
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for address in CSS_ADDRESS.findall(text):
                yield path, number, f"the style sheet asks another host: {address}"


def check(site: Path) -> list[str]:
    """Return every fault of a site, a line each."""
    site = site.resolve()
    found = []
    for report in sorted(site.glob("reports/**/*.err.log")):
        found.append(f"{report.relative_to(site)}: an error report of a failed page")
    files = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    pages = {path: Page(path) for path in files}
    if not pages:
        return [f"{site}: there is no page"]
    for path, page in pages.items():
        source = site / "_sources" / path.relative_to(site).with_suffix(".md")
        for line, words in faults_of_page(page, source):
            found.append(f"{path.relative_to(site)}:{line}: {words}")
    for page, line, words in check_links(pages, site):
        found.append(f"{page.path.relative_to(site)}:{line}: {words}")
    for path, line, words in check_styles(site):
        found.append(f"{path.relative_to(site)}:{line}: {words}")
    return found


def main(arguments: list[str]) -> int:
    """Print the faults of the site that the command line names."""
    site = Path(arguments[0] if arguments else "_build/html")
    found = check(site)
    for words in found:
        print(words)
    paths = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    heaviest = max((first_view(Page(path.resolve())) for path in paths), default=0)
    print(json.dumps({"pages": len(paths), "faults": len(found), "heaviest": heaviest}))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
