"""What the whole program offers to an edit: its functions, attributes and constants."""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from loopwright.tools.astsearch.source import FUNCTIONS, Function, Source


def read_sources(texts: Mapping[str, str]) -> dict[str, Source]:
    """Return the files that are Python, in the order of their paths."""
    found: dict[str, Source] = {}
    for path in sorted(texts):
        try:
            found[path] = Source.of(path, texts[path])
        except SyntaxError:
            continue
    return found


def nearest(first: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` once each, those most like `first` in front."""
    return tuple(sorted(dict.fromkeys(names), key=lambda name: (-_alike(first, name), name)))


def _alike(first: str, second: str) -> float:
    """Return the share of letter pairs that two names have in common (Dice's coefficient)."""
    pairs = [{name[i : i + 2] for i in range(len(name) - 1)} for name in (first.lower(), second.lower())]
    total = len(pairs[0]) + len(pairs[1])
    return 2 * len(pairs[0] & pairs[1]) / total if total else 0.0


@dataclass(eq=False)
class Project:
    """The files of the program, and what they define."""

    sources: dict[str, Source]

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions defined outside of classes, by name."""
        return {
            node.name: node
            for source in self.sources.values()
            for node in source.tree.body
            if isinstance(node, FUNCTIONS)
        }

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        """The classes, by name."""
        return {
            node.name: node
            for source in self.sources.values()
            for node in ast.walk(source.tree)
            if isinstance(node, ast.ClassDef)
        }

    @cached_property
    def callables(self) -> dict[str, list[Function]]:
        """Functions and methods by the name a call uses; a class by its constructor."""
        found: dict[str, list[Function]] = {}
        for source in self.sources.values():
            for node in ast.walk(source.tree):
                if isinstance(node, FUNCTIONS):
                    parent = source.parent(node)
                    name = parent.name if node.name == "__init__" and isinstance(parent, ast.ClassDef) else node.name
                    found.setdefault(name, []).append(node)
        return found

    @cached_property
    def attributes(self) -> dict[str, tuple[str, ...]]:
        """The attributes that are read anywhere, by the text they are read from."""
        found: dict[str, dict[str, None]] = {}
        for source in self.sources.values():
            for node in ast.walk(source.tree):
                if isinstance(node, ast.Attribute) and isinstance(node.value, (ast.Name, ast.Attribute)):
                    found.setdefault(ast.unparse(node.value), {})[node.attr] = None
        for name, body in self.classes.items():
            found.setdefault(name, {}).update(dict.fromkeys(_members(body)))
        return {base: tuple(names) for base, names in found.items()}

    @cached_property
    def data_attributes(self) -> tuple[str, ...]:
        """The attributes that are read anywhere and not called."""
        called = {id(n.func) for s in self.sources.values() for n in ast.walk(s.tree) if isinstance(n, ast.Call)}
        return tuple(
            dict.fromkeys(
                node.attr
                for source in self.sources.values()
                for node in ast.walk(source.tree)
                if isinstance(node, ast.Attribute) and id(node) not in called
            )
        )

    @cached_property
    def constants(self) -> tuple[str, ...]:
        """The names in capitals that modules bind."""
        bound = (
            target.id
            for source in self.sources.values()
            for node in source.tree.body
            if isinstance(node, (ast.Assign, ast.AnnAssign))
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name) and target.id.isupper()
        )
        return tuple(dict.fromkeys(bound))

    @cached_property
    def strings(self) -> dict[str, tuple[str, ...]]:
        """The short texts that each file writes out, documentation aside."""
        return {path: tuple(dict.fromkeys(_strings(source))) for path, source in self.sources.items()}

    def fields_of(self, owner: ast.ClassDef) -> tuple[str, ...]:
        """Return what the class keeps on `self`, its methods aside."""
        methods = {node.name for node in owner.body if isinstance(node, FUNCTIONS)}
        held = (
            node.attr
            for node in ast.walk(owner)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
        )
        return tuple(
            dict.fromkeys(name for name in (*_members(owner), *held) if name not in methods and name[:2] != "__")
        )


def _members(owner: ast.ClassDef) -> list[str]:
    """Return the names that the body of a class assigns."""
    found: list[str] = []
    for node in owner.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found.append(name)
    return found


def _strings(source: Source) -> list[str]:
    return [
        node.value
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and len(node.value) <= 40
        and not isinstance(source.parent(node), (ast.Expr, ast.JoinedStr))
    ]
