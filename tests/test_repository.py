"""What must hold for the repository as a whole."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "mlpbook"
MODULES = sorted(PACKAGE.rglob("*.py"))
BOOK = ROOT / "book"
DRAWING = {"plots.py", "style.py", "diagrams.py"}


def imports(path):
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def id_of(path):
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=id_of)
def test_torch_is_imported_only_under_pytorch_and_matplotlib_only_for_drawing(path):
    roots = {name.split(".")[0] for name in imports(path)}
    if "pytorch" not in path.relative_to(PACKAGE).parts:
        assert not roots & {"torch", "torchvision", "torchviz"}
    if path.name not in DRAWING:
        assert "matplotlib" not in roots


@pytest.mark.parametrize("path", MODULES, ids=id_of)
def test_the_two_halves_never_import_each_other(path):
    other = {"scratch": "mlpbook.pytorch", "pytorch": "mlpbook.scratch"}.get(
        path.relative_to(PACKAGE).parts[0]
    )
    assert other is None or not any(name.startswith(other) for name in imports(path))


@pytest.mark.parametrize("path", MODULES, ids=id_of)
def test_what_is_taught_never_imports_what_the_book_is_made_with(path):
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & {"bookkit", "experiments", "benchmarks", "tools"}


def test_scratch_loads_numpy_and_nothing_heavy():
    modules = [f"mlpbook.scratch.{p.stem}" for p in PACKAGE.glob("scratch/*.py")]
    heavy = "{'torch', 'matplotlib', 'scipy', 'sklearn', 'tqdm', 'pooch'}"
    code = f"import sys, {', '.join(m.removesuffix('.__init__') for m in modules)}\n"
    code += f"print(sorted({heavy} & set(sys.modules)))"
    path = str(ROOT / "src")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {path!r})\n" + code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_requirement_is_pinned_and_cuda_is_left_to_torch():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("#")[0].strip() for line in lines if line and line[0] != "#"]
    assert len(pins) > 50
    for pin in pins:
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.+-]+( ;.*)?$", pin), pin
        assert not re.match(r"(nvidia|cuda)-|triton", pin), pin


def test_the_oldest_numpy_that_is_tested_is_the_oldest_that_is_promised():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (promised,) = project["dependencies"]
    oldest = (ROOT / "tests" / "oldest.txt").read_text(encoding="utf-8")
    assert re.search(r"^numpy==([\d.]+)$", oldest, re.MULTILINE)[1].startswith(
        promised.removeprefix("numpy>=") + "."
    )


def test_the_design_cards_packages_are_required():
    text = (ROOT / "requirements.in").read_text(encoding="utf-8")
    names = set(re.findall(r"^[\w-]+", text, re.MULTILINE))
    wanted = {"jupyter-book", "myst-nb", "numpy", "torch", "torchvision", "torchviz"}
    assert wanted | {"matplotlib", "pytest"} <= names


def test_the_table_of_contents_lists_every_page_once():
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    listed = [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]
    pages = {p.relative_to(BOOK).with_suffix("").as_posix() for p in BOOK.rglob("*.md")}
    assert sorted(listed) == sorted(pages)


def test_the_home_page_names_the_version_that_is_cited():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    words = f"version {cited['version']}, of {cited['date-released']}."
    assert words in (BOOK / "index.md").read_text(encoding="utf-8")


def test_the_outer_table_of_contents_is_a_link_to_the_inner_one():
    outer, inner = ROOT / "_toc.yml", BOOK / "_toc.yml"
    # where there are no symbolic links, git and unzip leave a file that holds the link's target
    text = outer.read_text(encoding="utf-8")
    assert text in (inner.read_text(encoding="utf-8"), "book/_toc.yml")
    assert not inner.is_symlink()


def test_workflows_pin_their_actions_and_ask_for_no_more_than_they_need():
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        for used in re.findall(r"uses: (.*)", text):
            assert re.match(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d", used), used
        workflow = yaml.safe_load(text)
        assert workflow["permissions"] == {}
        assert all("timeout-minutes" in job for job in workflow["jobs"].values())
        assert text.count("actions/checkout@") == text.count("persist-credentials: false")


@pytest.fixture
def set_up():
    spec = importlib.util.spec_from_file_location("set_up", ROOT / "tools" / "upkeep" / "set_up.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_old_python_is_told_what_to_do(set_up, monkeypatch, tmp_path):
    monkeypatch.setattr(set_up.sys, "version_info", (3, 10, 13))
    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer, but .* is 3\.10\.13"):
        set_up.main(str(tmp_path / "venv"))
    assert not (tmp_path / "venv").exists()


def test_an_environment_is_made_once_and_anew_when_its_requirements_change(
    set_up, monkeypatch, tmp_path
):
    requirements, calls = tmp_path / "requirements.txt", []
    requirements.write_text("six==1.16.0\n")
    monkeypatch.setattr(set_up, "REQUIREMENTS", str(requirements))
    monkeypatch.setattr("venv.create", lambda folder, **_: Path(folder).mkdir(exist_ok=True))
    monkeypatch.setattr(set_up.subprocess, "call", lambda command: calls.append(command) or 0)
    folder = str(tmp_path / "venv")
    set_up.main(folder)
    set_up.main(folder)
    assert len(calls) == 1
    assert calls[0][-2:] == ["-r", str(requirements)]
    requirements.write_text("six==1.17.0\n")
    set_up.main(folder)
    assert len(calls) == 2


def test_a_failed_installation_is_not_taken_for_a_finished_one(set_up, monkeypatch, tmp_path):
    monkeypatch.setattr("venv.create", lambda folder, **_: Path(folder).mkdir(exist_ok=True))
    monkeypatch.setattr(set_up.subprocess, "call", lambda command: 1)
    for _ in range(2):
        with pytest.raises(SystemExit, match="Check the network"):
            set_up.main(str(tmp_path / "venv"))
