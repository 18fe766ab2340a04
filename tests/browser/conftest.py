"""A browser and a built site: ``make browser``, or ``pytest tests/browser --site _build/html``.

Debian's Chromium, driven by Playwright; another one is named by the variable CHROMIUM.
The site is served on this machine under a path, as project sites are, and gzipped.
"""

import gzip
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
BASE = "/shelf/book/"
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PACKED = {".html", ".css", ".js", ".svg", ".md", ".ipynb", ".json", ".txt", ".xml"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the command line say where the built site lies."""
    parser.addoption("--site", default=os.environ.get("MLPBOOK_SITE", ROOT / "_build" / "html"))


# ---------------------------------------------------------------- the site


class Handler(SimpleHTTPRequestHandler):
    """Serve the site under BASE, and nothing else."""

    protocol_version = "HTTP/1.1"

    def translate_path(self, path: str) -> str:
        """Return the file of an address; one that cannot exist outside BASE."""
        inside = urlsplit(path).path.startswith(BASE)
        return super().translate_path("/" + path.removeprefix(BASE) if inside else "/:outside:")

    def do_GET(self) -> None:
        """Send a file, gzipped where that is of use; pages that are missing get the 404 page.

        An address that ends in ``?slowly`` gets the page in two pieces.
        """
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        status = 200 if path.is_file() else 404
        if status == 404:
            path = Path(self.directory) / "404.html"
        body = path.read_bytes() if path.is_file() else b"not found"
        slowly = self.path.endswith("?slowly")
        self.send_response(status)
        self.send_header("Content-Type", self.guess_type(path))
        if (
            not slowly
            and path.suffix in PACKED
            and "gzip" in self.headers.get("Accept-Encoding", "")
        ):
            body = gzip.compress(body, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if slowly:
            cut = body.find(b"<article") + 500  # the menus, and the text's beginning
            self.wfile.write(body[:cut])
            time.sleep(0.4)
            body = body[cut:]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A server whose threads end with it."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of a browser that hangs up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*_)


def serve(folder: Path) -> tuple[Server, str]:
    """Start a server in a thread; return it and the site's address."""
    server = Server(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}{BASE}"


@pytest.fixture(scope="session")
def folder(request: pytest.FixtureRequest) -> Path:
    """Return the folder of the built site."""
    path = Path(request.config.getoption("--site")).resolve()
    if not (path / "index.html").is_file():
        pytest.exit(f"there is no built site in {path}. Run `make book` first.", returncode=3)
    return path


@pytest.fixture(scope="session")
def site(folder: Path) -> Iterator[str]:
    """Return the address at which the site is served."""
    server, address = serve(folder)
    yield address
    server.shutdown()
    server.server_close()


def page_names(folder: Path) -> list[str]:
    """Return every page of a built site, by its path."""
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.html"))
    return [file.as_posix() for file in files if "_static" not in file.parts]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `each_page` once for every page of the built site."""
    if "each_page" in metafunc.fixturenames:
        names = page_names(Path(metafunc.config.getoption("--site")).resolve())
        metafunc.parametrize("each_page", names or ["index.html"])  # `folder` says what is missing


# ---------------------------------------------------------------- the browser


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Start Playwright."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def start(playwright: Playwright) -> Callable[..., Browser]:
    """Return what starts a browser, with Playwright's options."""
    named = os.environ.get("CHROMIUM")
    found = [shutil.which(name) for name in ([named] if named else ["chromium", "google-chrome"])]
    program = next(filter(None, found), None)
    if not program:
        pytest.exit(
            f"there is no {named or 'Chromium'} here. As root on Debian: apt-get install chromium;"
            " or name one: CHROMIUM=/path/to/chromium make browser",
            returncode=3,
        )
    safe = os.geteuid() != 0
    return partial(
        playwright.chromium.launch, executable_path=program, args=FLAGS, chromium_sandbox=safe
    )


@pytest.fixture(scope="session")
def browser(start: Callable[..., Browser]) -> Iterator[Browser]:
    """Start the browser."""
    browser = start()
    yield browser
    browser.close()


@dataclass
class Probe:
    """What a page did that it should not do."""

    site: str
    faults: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Listen to a page: scripts' errors, the console, requests that fail or leave the site."""
        page.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        page.on("console", self.hear)
        page.on("requestfailed", self.fail)
        page.on("response", self.judge)
        page.on("request", self.follow)

    def hear(self, message) -> None:
        """Note errors and warnings on the console."""
        if message.type in {"error", "warning"}:
            self.faults.append(f"console {message.type}: {message.text}")

    def fail(self, request) -> None:
        """Note a request without an answer.

        What a page left behind on leaving is none, nor what it does not load without scripts; a
        policy that forbids a request also speaks on the console.
        """
        if request.failure not in {"net::ERR_ABORTED", "csp"}:
            self.faults.append(f"failed request: {request.url} ({request.failure})")

    def judge(self, response) -> None:
        """Note an answer that is an error."""
        if response.status >= 400:
            self.faults.append(f"status {response.status}: {response.url}")

    def follow(self, request) -> None:
        """Note a request to anywhere but the site."""
        if not re.match(rf"{re.escape(self.site)}|data:|blob:|about:", request.url):
            self.faults.append(f"request elsewhere: {request.url}")


@pytest.fixture
def probe(site: str) -> Probe:
    """Return what listens to this test's pages."""
    return Probe(site)


@pytest.fixture(name="new_context")
def _new_context(
    browser: Browser, site: str, probe: Probe
) -> Iterator[Callable[..., BrowserContext]]:
    """Return what opens a fresh browser profile, with Playwright's options, and listens to it."""
    contexts = []

    def open_context(**options: object) -> BrowserContext:
        # Playwright waits for a condition by `eval`, which the pages' policy forbids:
        # `test_policy` reads every page under it.
        context = browser.new_context(**{"base_url": site, "bypass_csp": True, **options})
        context.set_default_timeout(10_000)
        context.on("page", probe.watch)
        contexts.append(context)
        return context

    yield open_context
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_context: Callable[..., BrowserContext], probe: Probe) -> Iterator[Page]:
    """Return a fresh page of 1280 by 900 pixels; the test fails where the page misbehaves."""
    page = new_context(viewport={"width": 1280, "height": 900}).new_page()
    yield page
    assert probe.faults == []


@pytest.fixture
def phone(new_context: Callable[..., BrowserContext], probe: Probe) -> Iterator[Page]:
    """Return a fresh page of a telephone's size, touched with a finger."""
    size = {"width": 390, "height": 844}
    page = new_context(viewport=size, has_touch=True, is_mobile=True).new_page()
    yield page
    assert probe.faults == []


@pytest.fixture
def lay_out() -> Callable[[Page], None]:
    """Return what lays out all of a page, which else waits for scrolling, and stops what moves."""

    def all_of(page: Page) -> None:
        page.evaluate(
            """() => {
              const sheet = new CSSStyleSheet();
              sheet.replaceSync(`* { content-visibility: visible !important;
                transition: none !important; scroll-behavior: auto !important }`);
              document.adoptedStyleSheets.push(sheet);
            }"""
        )

    return all_of
