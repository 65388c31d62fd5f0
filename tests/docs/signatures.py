"""Signatures: what can be called and with what, as the code has it and as docs/api.md has it, in one form to compare."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any

Signature = list[tuple[str, str, str, str]]  # name, kind, default, annotation; the last is what is returned
Members = dict[str, Signature | str]  # a method's signature, an attribute's type

_PROMISED = {"__init__", "__eq__", "__hash__"}


def _unquoted(node: ast.expr | None) -> str:
    """An annotation as text; quotes around it, or around a part of it, do not matter."""
    if node is None:
        return ""

    class Unquote(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.expr:
            return ast.parse(node.value, mode="eval").body if isinstance(node.value, str) else node

        def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
            return node if ast.unparse(node.value) == "Literal" else self.generic_visit(node)  # type: ignore[return-value]

    return ast.unparse(Unquote().visit(node))


def signature(function: Callable[..., Any], source: ast.FunctionDef) -> Signature:
    """Names, kinds and defaults as inspect tells them, annotations as they are written in *source*."""
    arguments = source.args
    written = {a.arg: _unquoted(a.annotation) for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    parameters = [
        (name, parameter.kind.name, "" if parameter.default is parameter.empty else repr(parameter.default), written.get(name, ""))
        for name, parameter in inspect.signature(function).parameters.items()
    ]
    return [*parameters, ("return", "", "", _unquoted(source.returns))]


def _tree(thing: Any) -> ast.stmt:
    return ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]


def of_function(function: Callable[..., Any]) -> Signature:
    tree = _tree(function)
    assert isinstance(tree, ast.FunctionDef)
    return signature(function, tree)


def of_class(cls: type) -> Members:
    """Public methods, properties, fields and attributes that *cls* itself defines."""
    tree = _tree(cls)
    assert isinstance(tree, ast.ClassDef)
    found: Members = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and _public(node.name):
            found[node.name] = _member(cls, node)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and _public(node.target.id):
            found[node.target.id] = _unquoted(node.annotation)
    own = {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value)
    }
    for name in filter(_public, own - found.keys()):
        found[name] = ""
    if is_dataclass(cls):
        assert {field.name for field in fields(cls)} <= found.keys()
    return found


def _member(cls: type, node: ast.FunctionDef) -> Signature | str:
    raw = inspect.getattr_static(cls, node.name)
    if isinstance(raw, property):
        return _unquoted(node.returns)
    function = raw.__func__ if isinstance(raw, (classmethod, staticmethod)) else raw
    assert isinstance(function, FunctionType)
    return signature(function, node)


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _public(name: str) -> bool:
    return not name.startswith("_") or name in _PROMISED


def of_text(text: str) -> dict[str, Signature | Members]:
    """The functions and classes in a block of stubs, by name."""
    tree = ast.parse(text)
    found: dict[str, Signature | Members] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = _stub(node)
        elif isinstance(node, ast.ClassDef):
            members: Members = {}
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    members[member.name] = _stub(member)
                elif isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
                    members[member.target.id] = _unquoted(member.annotation)
            found[node.name] = members
    return found


def _stub(node: ast.FunctionDef) -> Signature:
    bare = ast.Module([node], [])
    names: dict[str, Any] = {}
    node.decorator_list.clear()
    exec(compile(ast.unparse(bare), "docs/api.md", "exec", dont_inherit=True, flags=_annotations_as_text()), names)
    return signature(names[node.name], node)


def _annotations_as_text() -> int:
    import __future__

    return __future__.annotations.compiler_flag
