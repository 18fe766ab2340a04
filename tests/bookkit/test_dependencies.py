"""What counts as the same code, and what a module depends on."""

import ast

import pytest

from bookkit.records.dependencies import Modules, plain

FILES = {
    "pack/__init__.py": "",
    "pack/base.py": 'SIZE = 3\n\n\ndef area(x):\n    """Square it."""\n    return x * x\n',
    "pack/middle.py": "from pack.base import area\n",
    "pack/sub/__init__.py": "from ..middle import area\n",
    "pack/sub/leaf.py": "def late():\n    from . import twin\n",
    "pack/sub/twin.py": "import pack.other\n",
    "pack/other.py": "",
    "pack/alone.py": "",
}


@pytest.fixture
def source(tmp_path):
    lay_out(tmp_path, FILES)
    return tmp_path


def test_a_module_reaches_what_it_imports_at_any_depth_and_its_packages(source):
    modules = Modules(source)
    assert modules.reachable(["pack.middle"]) == {"pack", "pack.middle", "pack.base"}
    everything = {name.removesuffix(".py").replace("/", ".") for name in FILES}
    everything = {name.removesuffix(".__init__") for name in everything}
    assert modules.reachable(["pack.sub.leaf"]) == everything - {"pack.alone"}


def test_what_is_left_out_hides_what_only_it_imports(source):
    reachable = Modules(source).reachable(["pack.sub.leaf"], without=["pack.middle"])
    assert not reachable & {"pack.middle", "pack.base"}
    assert "pack.other" in reachable


# An experiment, and what it uses in ways that a reader of names can miss.
CODE = {
    "lab/__init__.py": "",
    "lab/run.py": """
from lab import kinds, tables
from lab.base import Network
from lab.machinery import experiment

@experiment(cost=5)
def run(seed):
    from lab.late import finish
    net = Network(kinds.round_one)
    return finish(net.forward(seed)) + tables.RULES["double"](seed)
""",
    "lab/machinery.py": "def experiment(cost):\n    return cost\n",
    "lab/base.py": """
SIZE, OTHER_SIZE = 3, 4
UNUSED_SIZE = 5

class Layer:
    def forward(self, x):
        'Scale it.'
        return x * SIZE

class Network(Layer):
    def __init__(self, kind):
        self.kind = kind

def unused():
    return UNUSED_SIZE
""",
    "lab/kinds.py": "def round_one():\n    return 1\n\ndef square_one():\n    return 2\n",
    "lab/late.py": "import lab.deep\n\ndef finish(x):\n    return lab.deep.last(x)\n",
    "lab/deep.py": "def last(x):\n    return x + 6\n\nif last(0) == 6:\n    last = abs\n",
    "lab/tables.py": """
RULES = {}

def rule(function):
    RULES[function.__name__] = function
    return function

@rule
def double(x):
    return 7 * x

def plain_function(x):
    return 8 * x
""",
}


def lay_out(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def digest_of(folder):
    return Modules(folder).digest("lab.run", without=["lab.machinery"])


@pytest.mark.parametrize(
    ("name", "old", "new", "same"),
    [
        ("base", "'Scale it.'", "'Return it scaled.'", True),  # words and layout
        ("base", "SIZE, OTHER", "# How many\nSIZE,  OTHER", True),
        ("base", "= 3, 4", "= 9, 4", False),  # a constant, in a base class
        ("base", "= 3, 4", "= 3.0, 4", False),
        ("base", "x * SIZE", "x ** SIZE", False),
        ("base", "self, x)", "self, x, /)", False),
        ("base", "        return x * SIZE", "        x += 1\n        return x * SIZE", False),
        ("base", "UNUSED_SIZE = 5", "UNUSED_SIZE = 6", True),  # beside what is used
        ("kinds", "return 1", "return 3", False),  # through a module's name
        ("kinds", "return 2", "return 3", True),
        ("late", "last(x)", "last(-x)", False),  # imported inside a function
        ("deep", "x + 6", "x + 7", False),  # by its whole dotted name
        ("deep", "last = abs", "last = int", False),  # decided on import
        ("tables", "7 * x", "9 * x", False),  # put on a list by its decorator
        ("tables", "8 * x", "9 * x", True),
        ("machinery", "return cost", "return cost + 1", True),  # left out
        ("run", "cost=5", "cost=6", True),
        ("run", "finish(net", "1 + finish(net", False),
    ],
)
def test_the_digest_changes_with_what_is_used_and_not_with_words(tmp_path, name, old, new, same):
    lay_out(tmp_path, CODE)
    before, text = digest_of(tmp_path), CODE[f"lab/{name}.py"]
    assert text.count(old) == 1
    lay_out(tmp_path, {f"lab/{name}.py": text.replace(old, new)})
    assert (digest_of(tmp_path) == before) == same


def test_parsed_code_as_text_is_the_same_in_every_python():
    # Written out by hand from the grammar in the documentation of `ast`: fields that hold nothing
    # are left out, since versions differ in them (3.12 has added type_params, for example).
    assert plain(ast.parse("x = f(1, y=None)")) == (
        "Module(body=[Assign(targets=[Name(id='x',ctx=Store())],"
        "value=Call(func=Name(id='f',ctx=Load()),args=[Constant(value=1)],"
        "keywords=[keyword(arg='y',value=Constant())]))])"
    )
