"""manage.py, wsgi.py and asgi.py: which settings module each of them names, read by its syntax tree."""

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .tree import Tree

VARIABLE = "DJANGO_SETTINGS_MODULE"


@dataclass(frozen=True, kw_only=True)
class EntryPoint:
    """``settings`` is empty where the file names none that can be read; ``forced`` when whatever the
    environment says is overwritten. ``problem`` is a syntax error's text, at ``line``.
    """

    path: str
    settings: str = ""
    line: int = 0
    forced: bool = False
    problem: str = ""


def read(tree: Tree, path: str) -> EntryPoint | None:
    """None where there is no such file."""
    source = tree.text(path)
    if source is None:
        return None
    try:
        module = parse(source.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", 0) or 0
        return EntryPoint(path=path, line=line, problem=getattr(error, "msg", "") or str(error))
    found = list(_mentions(module, _names(module)))
    forced = next((item for item in found if item[2]), None)
    settings, line, is_forced = forced or (found[0] if found else ("", 0, False))
    return EntryPoint(path=path, settings=settings, line=line, forced=is_forced)


def parse(text: str) -> ast.Module:
    """Raises what ``ast.parse`` raises; the warnings of a stranger's code are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text.lstrip("\ufeff"))


def _names(module: ast.Module) -> dict[str, str]:
    """Plain names that the file gives a text, such as ``settings_module``; the last one counts."""
    assigned: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            assigned[node.targets[0].id] = _value(node.value, assigned)
    return assigned


def _mentions(module: ast.Module, names: Mapping[str, str]) -> Iterator[tuple[str, int, bool]]:
    """Every place that sets the variable: the value, as far as it can be read, its line, whether forced."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            arguments = [*node.args, *(word.value for word in node.keywords)]
            is_default = isinstance(node.func, ast.Attribute) and node.func.attr == "setdefault"
            if is_default and len(arguments) == 2 and _is_variable(arguments[0]):
                yield _value(arguments[1], names), node.lineno, False
        elif isinstance(node, ast.Assign) and any(_is_item(target) for target in node.targets):
            yield _value(node.value, names), node.lineno, not _asks_environment(node.value)


def _is_variable(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == VARIABLE


def _is_item(node: ast.expr) -> bool:
    return isinstance(node, ast.Subscript) and _is_variable(node.slice)


def _asks_environment(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and any(_is_variable(argument) for argument in node.args)


def _value(node: ast.expr, names: Mapping[str, str]) -> str:
    """A literal, a name for one, the default of ``os.environ.get(NAME, "default")`` and its like.

    ``a if NAME in os.environ else b`` asks whether another host is meant: ``b`` is for this one.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.IfExp):
        return _value(node.orelse, names)
    if isinstance(node, ast.Call):
        default = next((word.value for word in node.keywords if word.arg == "default"), None)
        if default is None and len(node.args) == 2:
            default = node.args[1]
        return _value(default, names) if default is not None else ""
    return ""
