"""Settings' expressions, evaluated by hand: what cannot be told is Unknown, and nothing is run."""

import ast
import operator
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from . import settings_calls
from .settings_environment import Environment
from .settings_values import (
    Bound,
    Dotted,
    Function,
    Module,
    Place,
    Reader,
    TooMuchError,
    Unknown,
    Unset,
    is_known,
    names_in,
    truth,
)

#: Nodes that one reading may visit, and how long a text or a list may grow.
MOST_NODES = 300_000
MOST_LENGTH = 100_000
MOST_DEPTH = 60

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: lambda one, other: one is other,
    ast.IsNot: lambda one, other: one is not other,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class Evaluator:
    """Expressions of one module. ``call`` runs a function of the project's own."""

    def __init__(self, environment: Environment, path: str, budget: list[int]) -> None:
        self.environment = environment
        self.path = path
        self.budget = budget
        self.depth = 0

    def call(self, function: Function, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        raise NotImplementedError

    def place(self, node: ast.AST) -> Place:
        return Place(path=self.path, line=getattr(node, "lineno", 0))

    def evaluate(self, node: ast.expr | None, scope: dict[str, Any]) -> Any:
        self.budget[0] += 1
        if self.budget[0] > MOST_NODES:
            raise TooMuchError
        evaluate = getattr(self, f"_{type(node).__name__}", None)
        if evaluate is None or self.depth > MOST_DEPTH:
            return Unknown()
        self.depth += 1
        try:
            return evaluate(node, scope)
        finally:
            self.depth -= 1

    def _Constant(self, node: ast.Constant, scope: dict[str, Any]) -> Any:  # noqa: N802
        return node.value

    def _Name(self, node: ast.Name, scope: dict[str, Any]) -> Any:  # noqa: N802
        if node.id in scope:
            return scope[node.id]
        return Dotted(f"builtins.{node.id}") if node.id in settings_calls.BUILTINS else Unknown()

    def _many(self, nodes: list[ast.expr], scope: dict[str, Any]) -> list[Any]:
        values: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                value = self.evaluate(node.value, scope)
                values += value if isinstance(value, (list, tuple)) else []
            else:
                values.append(self.evaluate(node, scope))
        return values

    def _List(self, node: ast.List, scope: dict[str, Any]) -> Any:  # noqa: N802
        return self._many(node.elts, scope)

    def _Tuple(self, node: ast.Tuple, scope: dict[str, Any]) -> Any:  # noqa: N802
        return tuple(self._many(node.elts, scope))

    def _Set(self, node: ast.Set, scope: dict[str, Any]) -> Any:  # noqa: N802
        return self._many(node.elts, scope)

    def _Dict(self, node: ast.Dict, scope: dict[str, Any]) -> Any:  # noqa: N802
        found: dict[Any, Any] = {}
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            value = self.evaluate(value_node, scope)
            if key_node is None:
                found.update(value if isinstance(value, dict) else {})
                continue
            key = self.evaluate(key_node, scope)
            if isinstance(key, (str, int, bool, Unknown)):
                found[key] = value
        return found

    def _BoolOp(self, node: ast.BoolOp, scope: dict[str, Any]) -> Any:  # noqa: N802
        """What is certain is kept: `DEBUG or something unknown` is only unknown where DEBUG is."""
        stops_at = isinstance(node.op, ast.Or)
        names: frozenset[str] = frozenset()
        uncertain, value = False, None
        for item in node.values:
            self.environment.uncertain += uncertain
            try:
                value = self.evaluate(item, scope)
            finally:
                self.environment.uncertain -= uncertain
            holds = truth(value)
            names |= names_in(value) if holds is None else frozenset()
            if holds is stops_at:
                return Unknown(names) if uncertain else value
            uncertain = uncertain or holds is None
        return Unknown(names) if uncertain else value

    def _UnaryOp(self, node: ast.UnaryOp, scope: dict[str, Any]) -> Any:  # noqa: N802
        value = self.evaluate(node.operand, scope)
        if isinstance(node.op, ast.Not):
            holds = truth(value)
            return Unknown(names_in(value)) if holds is None else not holds
        if isinstance(node.op, ast.USub) and isinstance(value, (int, float)):
            return -value
        return Unknown(names_in(value))

    def _Compare(self, node: ast.Compare, scope: dict[str, Any]) -> Any:  # noqa: N802
        left, right = self.evaluate(node.left, scope), self.evaluate(node.comparators[0], scope)
        if isinstance(node.ops[0], (ast.In, ast.NotIn)) and right == Dotted("os.environ"):
            inside = left in self.environment.given or left in self.environment.files
            return inside if isinstance(node.ops[0], ast.In) else not inside
        left, right = (None if isinstance(item, Unset) else item for item in (left, right))
        names = names_in(left) | names_in(right)
        compare = _COMPARE.get(type(node.ops[0]))
        if compare is None or len(node.ops) > 1 or not (is_known(left) and is_known(right)):
            return Unknown(names)
        try:
            return compare(left, right)
        except (TypeError, ValueError):
            return Unknown(names)

    def _IfExp(self, node: ast.IfExp, scope: dict[str, Any]) -> Any:  # noqa: N802
        holds = truth(self.evaluate(node.test, scope))
        if holds is not None:
            return self.evaluate(node.body if holds else node.orelse, scope)
        self.environment.uncertain += 1
        try:
            one, other = self.evaluate(node.body, scope), self.evaluate(node.orelse, scope)
        finally:
            self.environment.uncertain -= 1
        return Unknown(names_in(one) | names_in(other))

    def _BinOp(self, node: ast.BinOp, scope: dict[str, Any]) -> Any:  # noqa: N802
        left, right = self.evaluate(node.left, scope), self.evaluate(node.right, scope)
        return self.binary(node, left, right)

    def binary(self, node: ast.BinOp | ast.AugAssign, left: Any, right: Any) -> Any:
        unset = [item for item in (left, right) if isinstance(item, Unset)]
        if unset and isinstance(node.op, (ast.Add, ast.Div)):
            self.environment.require(names_in(unset), self.place(node))
        names = names_in(left) | names_in(right)
        if isinstance(node.op, ast.Div) and isinstance(left, PurePosixPath) and isinstance(right, str):
            return left / right[:1_000]
        if (
            isinstance(node.op, ast.Add)
            and type(left) is type(right)
            and isinstance(left, (list, tuple, str))
        ):
            return left + right if len(left) + len(right) <= MOST_LENGTH else Unknown(names)
        lists = [item for item in (left, right) if isinstance(item, list)]
        return lists[0] if lists and isinstance(node.op, ast.Add) else Unknown(names)

    def _JoinedStr(self, node: ast.JoinedStr, scope: dict[str, Any]) -> Any:  # noqa: N802
        parts: list[str] = []
        names: frozenset[str] = frozenset()
        known = True
        for item in node.values:
            plain = (
                isinstance(item, ast.FormattedValue) and item.format_spec is None and item.conversion == -1
            )
            value = self.evaluate(item.value if isinstance(item, ast.FormattedValue) else item, scope)
            names |= names_in(value)
            known = known and (plain or isinstance(item, ast.Constant))
            known = (
                known and isinstance(value, (str, int, PurePosixPath)) and len(str(value)) < MOST_LENGTH // 10
            )
            parts.append(str(value) if known else "")
        return "".join(parts) if known and len(parts) < 100 else Unknown(names)

    def _Subscript(self, node: ast.Subscript, scope: dict[str, Any]) -> Any:  # noqa: N802
        value, key = self.evaluate(node.value, scope), self.evaluate(node.slice, scope)
        if value == Dotted("os.environ"):
            return self.environment.demand(key, self.place(node))
        if isinstance(value, Unset):
            self.environment.require(value.names, self.place(node))
        if isinstance(value, Bound) and value.method == "parents" and isinstance(key, int):
            parents = value.value.parents
            return parents[key] if 0 <= key < len(parents) else Unknown()
        try:
            return value[key] if isinstance(value, (dict, list, tuple, str)) else Unknown(names_in(value))
        except (KeyError, IndexError, TypeError):
            return Unknown(names_in(value))

    def _Attribute(self, node: ast.Attribute, scope: dict[str, Any]) -> Any:  # noqa: N802
        value = self.evaluate(node.value, scope)
        if isinstance(value, Dotted):
            return settings_calls.CONSTANTS.get(
                f"{value.name}.{node.attr}", Dotted(f"{value.name}.{node.attr}")
            )
        if isinstance(value, Module):
            return value.scope.get(node.attr, Unknown())
        if isinstance(value, Reader):
            return Reader(value.library, value.schema, node.attr)
        if isinstance(value, Unset):
            self.environment.require(value.names, self.place(node))
        if isinstance(value, PurePosixPath) and node.attr in ("parent", "name", "stem"):
            return getattr(value, node.attr)
        return Unknown(value.names) if isinstance(value, Unknown) else Bound(value, node.attr)

    def _Call(self, node: ast.Call, scope: dict[str, Any]) -> Any:  # noqa: N802
        function = self.evaluate(node.func, scope)
        arguments = self._many(node.args, scope)
        keywords = {item.arg: self.evaluate(item.value, scope) for item in node.keywords if item.arg}
        place = self.place(node)
        if isinstance(function, Reader):
            return settings_calls.read(self.environment, function, arguments, keywords, place)
        if isinstance(function, Function):
            return self.call(function, arguments, keywords)
        if isinstance(function, Bound):
            return settings_calls.method(self.environment, function, arguments)
        if isinstance(function, Dotted):
            return settings_calls.named(self.environment, function.name, arguments, keywords, place)
        return Unknown(names_in(function) | names_in(arguments))

    def _ListComp(self, node: ast.ListComp, scope: dict[str, Any]) -> Any:  # noqa: N802
        first = node.generators[0]
        items = self.evaluate(first.iter, scope)
        simple = len(node.generators) == 1 and isinstance(first.target, ast.Name)
        if not simple or not isinstance(items, (list, tuple)) or len(items) > 200:
            return Unknown(names_in(items))
        found = []
        for item in items:
            inner = {**scope, getattr(first.target, "id", ""): item}
            if all(truth(self.evaluate(test, inner)) for test in first.ifs):
                found.append(self.evaluate(node.elt, inner))
        return found

    _GeneratorExp = _ListComp
