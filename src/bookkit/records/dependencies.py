"""Which modules a piece of code can reach, and one digest of the code that it uses.

A result is as old as the code that made it. The build asks here which modules a page's cells
depend on; a recorded experiment asks whether its code has changed since. Modules are read, not
imported: nothing here runs what it looks at.

For a record the answer is finer than modules, so that a function added to a module ages no result
that does not use it: from the experiment on, each name leads to what it is defined as, there or in
the module that it is imported from. Where a name is not enough to tell, the whole module counts.
"""

import ast
import hashlib
from collections.abc import Collection, Iterable
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = ["Modules", "plain"]


@dataclass
class Modules:
    """The modules under one folder, those of the experiments beside it, and who imports whom.

    Parameters
    ----------
    source : pathlib.Path
        The folder that holds the packages, by default the one that this package lies in. A folder
        ``experiments`` beside it is a package too.

    Examples
    --------
    >>> modules = Modules()
    >>> sorted(modules.reachable({"mlpbook.shared.initializers"}))
    ['mlpbook', 'mlpbook.shared', 'mlpbook.shared.initializers', 'mlpbook.shared.validation']
    >>> sorted(modules.used("mlpbook.shared.initializers"))[-3:]
    ['mlpbook.shared.validation.check_number', 'mlpbook.shared.validation.check_positive_int', \
'mlpbook.shared.validation.check_rng']
    """

    source: Path = Path(__file__).resolve().parents[2]

    @cached_property
    def paths(self) -> dict[str, Path]:
        """Every module's file, by the module's name."""
        paths = {}
        beside = self.source.parent / "experiments"
        for home, files in (
            (self.source, self.source.rglob("*.py")),
            (self.source.parent, beside.glob("*.py")),
        ):
            for path in sorted(files):
                parts = path.relative_to(home).with_suffix("").parts
                paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return paths

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """Every module, parsed."""
        return {
            name: ast.parse(path.read_text(encoding="utf-8"), str(path))
            for name, path in self.paths.items()
        }

    def named(self, module: str, names: Iterable[str] = ()) -> set[str]:
        """Return the modules that ``from module import names`` runs, with their packages."""
        wanted = {module, *(f"{module}.{name}" for name in names)} & set(self.paths)
        parents = {".".join(m.split(".")[:i]) for m in wanted for i in range(1, m.count(".") + 1)}
        return wanted | (parents & set(self.paths))

    def imports(self, name: str) -> set[str]:
        """Return what one module imports, wherever in its text it does so."""
        found = set()
        for node in ast.walk(self.trees[name]):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found |= self.named(alias.name)
            elif isinstance(node, ast.ImportFrom):
                module = self.origin(name, node)
                found |= self.named(module, [alias.name for alias in node.names])
        return found

    def origin(self, name: str, node: ast.ImportFrom) -> str:
        """Return the module that a ``from`` import in the module `name` takes from."""
        if not node.level:
            return node.module or ""
        is_package = self.paths[name].name == "__init__.py"
        parts = name.split(".")
        base = parts[: len(parts) - node.level + is_package]
        return ".".join([*base, *filter(None, [node.module])])

    def reachable(self, start: Iterable[str], *, without: Collection[str] = ()) -> set[str]:
        """Return the modules `start` and all that they import, directly or not.

        Modules in `without` are left out, and so is what only they import.
        """
        found: set[str] = set()
        waiting = {module for name in start for module in self.named(name)} - set(without)
        while waiting:
            name = waiting.pop()
            found.add(name)
            waiting |= self.imports(name) - found - set(without)
        return found

    @cached_property
    def contents(self) -> dict[str, "Content"]:
        """Every module's definitions and imports."""
        return {name: Content(self, name) for name in self.trees}

    def used(self, module: str, *, without: Collection[str] = ()) -> dict[str, list[ast.stmt]]:
        """Return the statements that a module uses, its own and those of others.

        Parameters
        ----------
        module : str
            All of it counts.
        without : collection of str
            Modules to leave out, with the decorators that come from them.

        Returns
        -------
        dict of list of ast.stmt
            By dotted name. What a module does on import besides defining names has the module's
            own name, and counts for every module that can be reached.
        """
        found: dict[str, list[ast.stmt]] = {}
        waiting = [(name, "") for name in self.reachable([module], without=without)]
        waiting.append((module, "*"))
        seen = set(waiting)
        while waiting:
            name, word = waiting.pop()
            content = self.contents[name]
            nodes = [content.bare(node, without) for node in content.statements.get(word, [])]
            if nodes:
                found[f"{name}.{word}".rstrip(".")] = nodes
            targets = {target for node in nodes for target in content.targets(node)}
            targets |= content.meaning(word) if not nodes else set()
            targets = {target for target in targets if target[0] not in without} - seen
            seen |= targets
            waiting += targets
        return found

    def digest(self, *modules: str, without: Collection[str] = ()) -> str:
        """Return a SHA-256 digest of the code that modules use, in hexadecimal.

        Comments, docstrings and layout do not count.
        """
        used: dict[str, list[ast.stmt]] = {}
        for module in modules:
            used |= self.used(module, without=without)
        lines = [f"{name} {plain(nodes)}" for name, nodes in sorted(used.items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


Target = tuple[str, str]  # a module and a name in it; "*" for all of them


class Content:
    """What one module defines at its top level, and what its imported names mean."""

    def __init__(self, modules: Modules, name: str) -> None:
        self.modules, self.name = modules, name
        self.statements: dict[str, list[ast.stmt]] = {"": []}
        self.imported: dict[str, set[Target]] = {}
        tree = modules.trees[name]
        for statement in tree.body:
            for word in self.words(statement):
                self.statements.setdefault(word, []).append(statement)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.note_import(node)

    @staticmethod
    def words(node: ast.stmt) -> list[str]:
        """Return the names that a statement defines; the empty one for what it does besides."""
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            # A decorator may put a function on some list, and so make it used without its name.
            return [node.name, ""] if node.decorator_list else [node.name]
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
            plainly = all(isinstance(t, ast.Name | ast.Tuple) for t in targets)
            return [name for name in names if name != "__all__"] if plainly else [""]
        if isinstance(node, ast.Import | ast.ImportFrom):
            return []
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        return [] if docstring else [""]

    def bare(self, node: ast.stmt, without: Collection[str]) -> ast.stmt:
        """Return a statement without the decorators that come from modules to leave out."""
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            return node
        node = copy(node)
        node.decorator_list = [
            decorator
            for decorator in node.decorator_list
            if not any(
                module in without
                for module, _ in self.targets(getattr(decorator, "func", decorator))
            )
        ]
        return node

    def note_import(self, node: ast.Import | ast.ImportFrom) -> None:
        """Note what each imported name stands for."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in self.modules.paths:
                    word = alias.asname or alias.name.partition(".")[0]
                    self.imported.setdefault(word, set()).add((alias.name, "*"))
            return
        module = self.modules.origin(self.name, node)
        if module not in self.modules.paths:
            return
        for alias in node.names:
            whole = f"{module}.{alias.name}"
            target = (whole, "*") if whole in self.modules.paths else (module, alias.name)
            self.imported.setdefault(alias.asname or alias.name, set()).add(target)

    def meaning(self, word: str) -> set[Target]:
        """Return what a name of the module leads to."""
        if word == "*":
            return {(self.name, name) for name in self.statements}
        if word in self.statements:
            return {(self.name, word)}
        inside = f"{self.name}.{word}"
        return {(inside, "*")} if inside in self.modules.paths else self.imported.get(word, set())

    def targets(self, node: ast.AST) -> set[Target]:
        """Return what the names in a statement lead to."""
        found: set[Target] = set()
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            meaning = self.meaning(node.value.id)
            if meaning and all(word == "*" for _, word in meaning):  # activations.relu
                return {(module, node.attr) for module, _ in meaning}
        if isinstance(node, ast.Name):
            if node.id in ("globals", "vars", "eval", "exec"):
                return {(self.name, "*")}
            return self.meaning(node.id)
        for child in ast.iter_child_nodes(node):
            found |= self.targets(child)
        return found


def plain(node: object) -> str:
    r"""Return parsed code as text without docstrings, the same in every version of Python.

    Parameters
    ----------
    node : ast.AST
        What `ast.parse` returned, or a part of it.

    Examples
    --------
    >>> said = plain(ast.parse("def f(x):\n  'Return x.'\n  return x  # as it came"))
    >>> said == plain(ast.parse("def f( x ): return (x)"))
    True
    >>> said == plain(ast.parse("def f(y): return y"))
    False
    """
    if isinstance(node, list):
        return f"[{','.join(map(plain, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    body = fields.get("body")
    if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
        value = body[0].value  # ast.dump and ast.unparse differ between versions; this does not
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            fields["body"] = body[1:]
    said = [f"{name}={plain(value)}" for name, value in fields.items() if value not in (None, [])]
    return f"{type(node).__name__}({','.join(said)})"
