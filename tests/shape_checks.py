"""An import hook: the shapes in the hints of a package are checked while it is tested.

jaxtyping's own hook wraps every function, of which one in thirty has a shape in its hints, and
wraps functions within functions anew at each call. That doubled the time of all tests.
"""

import ast
import dataclasses
import functools
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any
from unittest.mock import patch

import torch
from beartype import beartype
from jaxtyping import jaxtyped

__all__ = ["checked", "install"]

_SHAPE = re.compile(r"jaxtyping\.|\b(Bool|Complex|Float|Inexact|Int|Key|Num|Real|Shaped|UInt)\d*\[")
"""A shape, in what a hint looks like or in its text."""


def _has_shapes(function: Callable[..., Any]) -> bool:
    hints = getattr(function, "__annotations__", {})
    return any(_SHAPE.search(h if isinstance(h, str) else repr(h)) for h in hints.values())


def _check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let beartype check the hints that carry a shape, and leave the rest to mypy.

    Tests of user mistakes pass wrong types on purpose and want vaekit's own error; and beartype
    can read neither ``Self`` outside a decorated class nor ``ndarray[Any, Any]``. While a model is
    traced, sizes are symbols, which a comparison would turn into plain numbers.
    """
    hints = getattr(function, "__annotations__", {})
    function.__annotations__ = {
        name: hint if "jaxtyping." in repr(hint) else Any for name, hint in hints.items()
    }
    strict = beartype(function)
    if strict is function or not inspect.isfunction(function):
        return strict

    @functools.wraps(function)
    def unless_traced(*args: Any, **kwargs: Any) -> Any:
        chosen = function if torch.compiler.is_exporting() else strict
        return chosen(*args, **kwargs)

    return unless_traced


def checked(made: Any) -> Any:
    """Return a function or a data class whose shapes are checked at each call.

    Args:
        made: A function or a class; returned as it is where it has no shapes.
    """
    if isinstance(made, type):
        shaped = dataclasses.is_dataclass(made) and _has_shapes(made.__init__)
    else:
        shaped = _has_shapes(made)
    return jaxtyped(made, typechecker=_check) if shaped else made


class _Decorated(ast.NodeTransformer):
    """Puts `checked` on the functions and classes of a module."""

    def __init__(self) -> None:
        self._within = 0

    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.generic_visit(node)
        first = 0
        while first < len(node.body) and (
            isinstance(node.body[first], ast.Expr)  # the docstring
            or (isinstance(s := node.body[first], ast.ImportFrom) and s.module == "__future__")
        ):
            first += 1
        node.body.insert(first, ast.parse(f"import {__name__}").body[0])
        return ast.fix_missing_locations(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        node.decorator_list.insert(0, self._decorator(node))  # after dataclass
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self._within += 1
        self.generic_visit(node)
        self._within -= 1
        # One within another is made at each call of that: only if its text has shapes.
        hints = ast.unparse(node.args) + (ast.unparse(node.returns) if node.returns else "")
        if not self._within or _SHAPE.search(hints):
            node.decorator_list.append(self._decorator(node))  # before all others
        return node

    @staticmethod
    def _decorator(node: ast.ClassDef | ast.FunctionDef) -> ast.expr:
        made = ast.parse(f"{__name__}.checked", mode="eval").body
        return ast.copy_location(made, node)


class _Loader(SourceFileLoader):
    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> CodeType:  # type: ignore[override]
        tree = _Decorated().visit(ast.parse(importlib.util.decode_source(data), str(path)))
        return compile(tree, path, "exec", dont_inherit=True, optimize=_optimize)

    def exec_module(self, module: ModuleType) -> None:
        # Compiled files of their own: those of the plain source lie beside them.
        own = functools.partial(importlib.util.cache_from_source, optimization="shapes")
        with patch("importlib._bootstrap_external.cache_from_source", own):
            super().exec_module(module)


class _Finder(MetaPathFinder):
    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.split(".", maxsplit=1)[0] != self._package:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def install(package: str) -> None:
    """Check the shapes of all modules of a package that are imported from now on.

    Args:
        package: Name at the top.
    """
    sys.meta_path.insert(0, _Finder(package))
