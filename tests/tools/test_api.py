"""The reference shows all that is public, as Python itself sees it."""

import ast
import importlib
import inspect
import textwrap
from pathlib import Path

import pytest

from tools.words import api

PACKAGE = api.read_package()
ENTRIES = {entry.name: entry for module in PACKAGE.modules.values() for entry in module.entries}
MEMBERS = [member for entry in ENTRIES.values() for member in entry.members]


def public(module) -> list[str]:
    """The names in ``__all__``, or else the functions and classes that a module defines."""
    if hasattr(module, "__all__"):
        return module.__all__
    return [
        name
        for name, value in vars(module).items()
        if (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


def look_up(name: str) -> object:
    """What a dotted name of the package means to Python."""
    parts = name.split(".")
    known = [n for n in range(1, len(parts) + 1) if ".".join(parts[:n]) in PACKAGE.modules]
    value = importlib.import_module(".".join(parts[: known[-1]]))
    for part in parts[known[-1] :]:
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("name", PACKAGE.modules)
def test_every_public_name_of_a_module_has_its_entry(name: str) -> None:
    module = importlib.import_module(name)
    listed = PACKAGE.modules[name]
    here = [entry.short for entry in listed.entries]
    elsewhere = {full.rpartition(".")[2]: full for full in listed.handed_on}
    assert sorted([*here, *elsewhere]) == sorted(public(module))
    for short, full in elsewhere.items():
        assert full in ENTRIES
        assert look_up(full) is getattr(module, short)


def test_every_module_has_its_place_once() -> None:
    shown = [module for _, _, modules in PACKAGE.groups for module in modules]
    assert len(shown) == len(set(shown))
    assert {*shown, "mlpbook"} == set(PACKAGE.modules)


def test_the_second_half_has_the_order_of_the_first() -> None:
    groups = {name: modules for name, _, modules in PACKAGE.groups}
    scratch, pytorch = groups["mlpbook.scratch"], groups["mlpbook.pytorch"]
    assert [m.rpartition(".")[2] for m in scratch[1:4]] == ["activations", "losses", "layers"]
    shared = [m for m in pytorch if m.replace("pytorch", "scratch") in scratch]
    assert shared == sorted(shared, key=lambda m: scratch.index(m.replace("pytorch", "scratch")))
    assert "mlpbook.pytorch.layers" in shared


@pytest.mark.parametrize("documented", [*PACKAGE.modules.values(), *ENTRIES.values(), *MEMBERS])
def test_whatever_is_public_says_what_it_is_in_one_line(documented) -> None:
    first, *rest = documented.doc.lines or ("",)
    assert len(first) > 10
    assert first[-1] in ".:?"
    assert not rest or rest[0] == "", "the summary must be one line, then an empty one"


def test_every_public_method_has_a_docstring() -> None:
    listed = {member.name for member in MEMBERS}
    for entry in ENTRIES.values():
        for name, value in vars(look_up(entry.name)).items() if entry.kind == "class" else ():
            if not name.startswith("_") and (inspect.isfunction(value) or type(value) is property):
                assert f"{entry.name}.{name}" in listed, "a public method needs a docstring"


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES.values() if e.kind in ("class", "function")], ids=lambda e: e.name
)
def test_signature_and_docstring_are_those_that_python_has(entry) -> None:
    value = look_up(entry.name)
    assert "\n".join(entry.doc.lines) == inspect.getdoc(value)
    if not entry.arguments:
        return
    args = ast.parse(f"def shown{entry.arguments}: pass").body[0].args
    shown = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    real = inspect.signature(value).parameters.values()
    assert [arg.arg for arg in shown if arg] == [p.name for p in real]
    assert [arg.arg for arg in args.kwonlyargs] == [
        p.name for p in real if p.kind is p.KEYWORD_ONLY
    ]
    defaults = [*args.defaults, *(default for default in args.kw_defaults if default)]
    assert len(defaults) == sum(p.default is not p.empty for p in real)


def test_a_default_is_shown_as_it_was_typed() -> None:
    linear = ENTRIES["mlpbook.scratch.layers.Linear"]
    assert linear.arguments == ("(n_in, n_out, *, rng, initializer=he_normal, dtype=np.float64)")
    assert "    initializer: Initializer = he_normal,\n" in linear.typed
    for entry in [*ENTRIES.values(), *MEMBERS]:
        assert " at 0x" not in entry.typed + "\n".join(entry.doc.lines)


@pytest.fixture
def read(tmp_path: Path):
    """Return what reads a package of one module."""

    def read(source: str, table: str = "``mlpbook.one``  all there is") -> api.Package:
        folder = tmp_path / "mlpbook"
        folder.mkdir()
        (folder / "__init__.py").write_text(f'"""Small.\n\n{table}\n"""\n')
        (folder / "one.py").write_text(textwrap.dedent(source))
        return api.read_package(tmp_path)

    return read


def test_every_kind_of_parameter_is_read(read) -> None:
    package = read('''
        """One."""
        def f(a, /, b: int, *rest, c="x, y", **more: float) -> None:
            """Do."""
        class C:
            """A class."""
            def __init__(self): ...
            @property
            def p(self) -> int:
                """Give."""
            @staticmethod
            def s(x): 
                """Keep x."""
            def m(self, x: int = 1) -> int:
                """Drop self."""
        ''')
    f, c = package.modules["mlpbook.one"].entries
    assert f.arguments == '(a, /, b, *rest, c="x, y", **more)'
    assert f.typed == 'f(a, /, b: int, *rest, c="x, y", **more: float) -> None'
    assert c.arguments == "()"
    assert [m.typed for m in c.members] == ["p: int", "s(x)", "m(x: int = 1) -> int"]
    assert c.doc.line == 6
    assert f.doc.line == 4


def test_a_module_outside_the_table_is_named(read) -> None:
    with pytest.raises(ValueError, match=r"differs in mlpbook\.one\. Add"):
        read('"""One."""', table="Nothing.")


def test_labels_in_parentheses_become_references() -> None:
    line = "As in (eq-a-b, def-a-b) and (thm-a-b), for X (N, D)."
    assert api.link_labels(line) == (
        "As in :eq:`eq-a-b`, :eq:`def-a-b` and (:prf:ref:`thm-a-b`), for X (N, D)."
    )


def test_every_label_that_a_docstring_names_stands_on_a_page() -> None:
    book = Path(__file__).parents[2] / "book"
    pages = "\n".join(path.read_text(encoding="utf-8") for path in book.rglob("*.md"))
    for documented in [*PACKAGE.modules.values(), *ENTRIES.values(), *MEMBERS]:
        for line in documented.doc.lines:
            for labels in api.LABELS.findall(line):
                for label in labels.split(", "):
                    assert f"({label})" in pages or f":label: {label}\n" in pages, label
            assert not api.BARE_LABEL.search(api.LABELS.sub("", line)), line


def test_a_docstring_is_cut_into_its_sections() -> None:
    lines = ("Do.", "", "More.", "", "Parameters", "----------", "x, y : int", "    Both.", "z")
    doc = api.Docstring(lines, Path(), 10)
    (_, at, head), (title, first, body) = api.sections_of(doc)
    assert (at, head) == (10, ["Do.", "", "More.", ""])
    assert (title, first) == ("Parameters", 16)
    assert list(api.items_of(body, first)) == [("x, y : int", 16, ["Both."]), ("z", 18, [])]
