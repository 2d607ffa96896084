"""The text of a module as a tree: which calls a function makes, by the full names of what it calls.

Only what is surely meant is named: a name that the function itself binds, a parameter say, is
nobody's import. Functions of the same module that it calls are followed; what it hands to others
to be called, as `asyncio.to_thread(work)`, is not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is made when a step runs.

    Args:
        name: of what is called, in full: `datetime.datetime.now`, `open`; of a method of an
            unknown object `.read_text`.
        line: of the call.
        via: the function of the same module that makes it; empty for the step itself.
        awaited: whether its result is awaited at once.
        has_arguments: whether it is called with any.
    """

    name: str
    line: int
    via: str
    awaited: bool
    has_arguments: bool


@dataclass(frozen=True)
class Source:
    """A module: its functions by name, and what its imports mean."""

    functions: Mapping[str, Function]
    imports: Mapping[str, str]
    classes: Mapping[str, int]
    bound: frozenset[str]

    def at(self, name: str, line: int) -> Function | None:
        """Return the function that stands at this line, counted from its first decorator."""
        for node in self.functions.values():
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if node.name == name and first <= line <= node.lineno:
                return node
        return None

    def calls(self, function: Function) -> Iterator[Call]:
        """Iterate over the calls that a run of the function makes."""
        done: set[str] = set()
        waiting: list[tuple[Function, str]] = [(function, "")]
        while waiting:
            node, via = waiting.pop(0)
            inner = {n.name: n for n in ast.walk(node) if isinstance(n, Function) and n is not node}
            known = {**self.functions, **inner}
            scope = _Scope(node, self.imports, self.bound - known.keys(), frozenset(known))
            for call in scope.calls(via):
                if call.name in known:
                    if call.name not in done:
                        done.add(call.name)
                        waiting.append((known[call.name], call.name))
                else:
                    yield call


@dataclass
class Sources:
    """Reads each file once."""

    _read: dict[str, Source | None] = field(default_factory=dict)

    def of(self, file: str) -> Source | None:
        """Return a module's source; None where there is no file that can be read."""
        if file not in self._read:
            try:
                tree = ast.parse(Path(file).read_text(encoding="utf-8"))
            except (OSError, SyntaxError, ValueError):
                self._read[file] = None
            else:
                self._read[file] = _source(tree)
        return self._read[file]


def _source(tree: ast.Module) -> Source:
    functions = {node.name: node for node in tree.body if isinstance(node, Function)}
    classes = {node.name: node.lineno for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    return Source(functions, _imports(ast.walk(tree)), classes, frozenset(_bound(tree)))


def _imports(nodes: Iterator[ast.AST]) -> dict[str, str]:
    """What a name means that an import binds, wherever in the module that stands."""
    found: dict[str, str] = {}
    for node in nodes:
        match node:
            case ast.Import(names=names):
                for each in names:
                    first = each.name.partition(".")[0]
                    found[each.asname or first] = each.name if each.asname else first
            case ast.ImportFrom(module=str(module), names=names, level=0):
                found |= {each.asname or each.name: f"{module}.{each.name}" for each in names}
    return found


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that are assigned in a node, functions and classes inside it not looked into."""
    for each in _inside(node):
        match each:
            case ast.Name(id=name, ctx=ast.Store()) | ast.FunctionDef(name=name):
                yield name
            case ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when the node does, in the order it is written."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, Function | ast.Lambda | ast.ClassDef):
            yield from _inside(child)


class _Scope:
    """The names of one function."""

    def __init__(
        self, node: Function, imports: Mapping[str, str], above: frozenset[str],
        functions: frozenset[str],
    ) -> None:  # fmt: skip
        self._node = ast.Module(node.body, [])
        arguments = (each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg))
        own = {*arguments, *_bound(self._node)} - functions
        self._imports = {name: full for name, full in imports.items() if name not in own}
        self._unknown = own | (above - imports.keys())

    def calls(self, via: str) -> Iterator[Call]:
        """Iterate over the calls of this function alone."""
        awaited = {node.value for node in _inside(self._node) if isinstance(node, ast.Await)}
        for node in _inside(self._node):
            if isinstance(node, ast.Call):
                name = self._name(node.func)
                has = bool(node.args or node.keywords)
                yield Call(name, node.lineno, via, node in awaited, has)

    def _name(self, node: ast.expr) -> str:
        """The full name of what an expression means; `.method` of what nobody can know."""
        match node:
            case ast.Name(id=name) if name not in self._unknown:
                return self._imports.get(name, name)
            case ast.Attribute(value=owner, attr=name):
                full = self._name(owner)
                known = full and not full.startswith(".") and self._is_imported(owner)
                return f"{full}.{name}" if known else f".{name}"
        return ""

    def _is_imported(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self._imports
