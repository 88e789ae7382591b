"""Settings modules, followed statement by statement through star imports, branches and try blocks."""

import ast
import copy
import posixpath
import sys
import warnings
from typing import Any

from . import settings_calls
from .settings_environment import Environment
from .settings_expressions import Evaluator
from .settings_values import (
    ROOT,
    Dotted,
    Function,
    Module,
    Place,
    ReturnError,
    SignalError,
    Unknown,
    Unset,
    merge,
    names_in,
    truth,
)

_MOST_MODULES = 60
_MOST_CALLS = 12


class Record:
    """What was noticed on the way, over all modules."""

    def __init__(self) -> None:
        self.modules: dict[str, dict[str, Any]] = {}
        self.assigned: dict[str, Place] = {}
        self.imports: dict[str, Place] = {}
        self.absent_modules: dict[str, Place] = {}
        self.absent_files: dict[str, Place] = {}
        self.broken: dict[str, tuple[str, int]] = {}
        self.network: list[tuple[str, Place]] = []
        self.calls = 0


class Executor(Evaluator):
    """One module's statements. Modules that it imports from the tree get executors of their own."""

    def __init__(
        self, environment: Environment, path: str, budget: list[int], record: Record, base: str
    ) -> None:
        super().__init__(environment, path, budget)
        self.record = record
        self.base = base
        self.tree = environment.tree

    def run(self) -> dict[str, Any]:
        """The module's names; those that it had so far where it imports itself."""
        if self.path in self.record.modules or len(self.record.modules) > _MOST_MODULES:
            return self.record.modules.get(self.path, {})
        scope: dict[str, Any] = {"__file__": f"{ROOT}/{self.path}", "__name__": "settings"}
        self.record.modules[self.path] = scope
        read = self.tree.text(self.path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                module = ast.parse(read.text if read else "")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", 0) or 0
            self.record.broken[self.path] = (str(getattr(error, "msg", error)), line)
            return scope
        self.block(module.body, scope)
        return scope

    def block(self, statements: list[ast.stmt], scope: dict[str, Any]) -> None:
        for statement in statements:
            execute = getattr(self, f"_{type(statement).__name__}", None)
            if execute is not None:
                execute(statement, scope)

    def _guarded(self, node: ast.expr | None, scope: dict[str, Any], place: ast.AST) -> Any:
        """An expression's value. What it would raise is noted where nothing in the code catches it."""
        try:
            return self.evaluate(node, scope)
        except SignalError as signal:
            if self.environment.catches(signal.kind):
                raise
            if signal.kind == "FileNotFoundError" and not self.environment.uncertain:
                for name in signal.names:
                    self.record.absent_files.setdefault(name, self.place(place))
            return Unknown()

    def _Expr(self, node: ast.Expr, scope: dict[str, Any]) -> None:  # noqa: N802
        self._guarded(node.value, scope, node)

    def _Assign(self, node: ast.Assign, scope: dict[str, Any]) -> None:  # noqa: N802
        value = self._guarded(node.value, scope, node)
        for target in node.targets:
            self._bind(target, value, scope)

    def _AnnAssign(self, node: ast.AnnAssign, scope: dict[str, Any]) -> None:  # noqa: N802
        if node.value is not None:
            self._bind(node.target, self._guarded(node.value, scope, node), scope)

    def _bind(self, target: ast.expr, value: Any, scope: dict[str, Any]) -> None:
        if isinstance(target, ast.Name):
            scope[target.id] = value
            if target.id.isupper():
                self.record.assigned[target.id] = self.place(target)
        elif isinstance(target, (ast.Tuple, ast.List)):
            items = value if isinstance(value, (list, tuple)) and len(value) == len(target.elts) else None
            for number, item in enumerate(target.elts):
                self._bind(item, items[number] if items else Unknown(names_in(value)), scope)
        elif isinstance(target, ast.Subscript):
            holder, key = self.evaluate(target.value, scope), self.evaluate(target.slice, scope)
            if isinstance(holder, dict) and isinstance(key, (str, int)):
                holder[key] = value
            elif holder == Dotted("os.environ") and isinstance(key, str) and isinstance(value, str):
                self.environment.files[key] = value

    def _AugAssign(self, node: ast.AugAssign, scope: dict[str, Any]) -> None:  # noqa: N802
        if not isinstance(node.target, ast.Name):
            return
        before = scope.get(node.target.id, Unknown())
        added = self._guarded(node.value, scope, node)
        if isinstance(before, list) and isinstance(added, tuple):
            added = list(added)
        scope[node.target.id] = self.binary(node, before, added)

    def _FunctionDef(self, node: ast.FunctionDef, scope: dict[str, Any]) -> None:  # noqa: N802
        scope[node.name] = Function(node, scope, self.path)

    def _With(self, node: ast.With, scope: dict[str, Any]) -> None:  # noqa: N802
        for item in node.items:
            value = self._guarded(item.context_expr, scope, node)
            if item.optional_vars is not None:
                self._bind(item.optional_vars, value, scope)
        self.block(node.body, scope)

    def _For(self, node: ast.For, scope: dict[str, Any]) -> None:  # noqa: N802
        items = self._guarded(node.iter, scope, node)
        if isinstance(items, (list, tuple)) and len(items) <= 100:
            for item in items:
                self._bind(node.target, item, scope)
                self.block(node.body, scope)
            return
        self._bind(node.target, Unknown(), scope)
        self._uncertainly(node.body, scope)

    def _uncertainly(self, statements: list[ast.stmt], scope: dict[str, Any]) -> dict[str, Any]:
        """The scope after statements that may not be reached; the given one is left as it was."""
        branch = {
            name: copy.deepcopy(item) if isinstance(item, (list, dict)) else item
            for name, item in scope.items()
        }
        self.environment.uncertain += 1
        try:
            self.block(statements, branch)
        except (SignalError, ReturnError):
            pass
        finally:
            self.environment.uncertain -= 1
        return branch

    def _If(self, node: ast.If, scope: dict[str, Any]) -> None:  # noqa: N802
        value = self._guarded(node.test, scope, node)
        holds = truth(value)
        if holds is None:
            merged = merge(self._uncertainly(node.body, scope), self._uncertainly(node.orelse, scope))
            scope.update(merged)
            return
        taken = node.body if holds else node.orelse
        if holds and any(isinstance(item, ast.Raise) for item in taken):
            self.environment.require(self._unset_in(node.test, scope), self.place(node))
        self.block(taken, scope)

    def _unset_in(self, test: ast.expr, scope: dict[str, Any]) -> frozenset[str]:
        """`if not KEY: raise ...`: the variables whose absence it complains of."""
        used = [scope[item.id] for item in ast.walk(test) if isinstance(item, ast.Name) and item.id in scope]
        return names_in([item for item in used if isinstance(item, Unset)])

    def _Return(self, node: ast.Return, scope: dict[str, Any]) -> None:  # noqa: N802
        raise ReturnError(self.evaluate(node.value, scope) if node.value else None)

    def _Try(self, node: ast.Try, scope: dict[str, Any]) -> None:  # noqa: N802
        self.environment.guards.append(frozenset().union(*map(_caught, node.handlers)))
        try:
            self.block(node.body, scope)
        except SignalError as signal:
            self.environment.guards.pop()
            self._handle(node, signal, scope)
        else:
            self.environment.guards.pop()
            self.block(node.orelse, scope)
        self.block(node.finalbody, scope)

    def _handle(self, node: ast.Try, signal: SignalError, scope: dict[str, Any]) -> None:
        wide = {signal.kind, "Exception", "BaseException", ""}
        handler = next((item for item in node.handlers if _caught(item) & wide), None)
        if handler is None:
            raise signal
        if any(isinstance(item, ast.Raise) or _exits(item) for item in handler.body):
            if self.environment.catches(signal.kind):
                raise signal
            if signal.kind not in ("ImportError", "FileNotFoundError"):
                self.environment.require(signal.names, self.place(node))
            return
        self.block(handler.body, scope)

    def _Import(self, node: ast.Import, scope: dict[str, Any]) -> None:  # noqa: N802
        for item in node.names:
            top = item.name.split(".")[0]
            if self._is_ours(top):
                module = self._module(item.name, node)
                scope[item.asname or top] = module if item.asname or "." not in item.name else Unknown()
                continue
            self._note_import(top, node)
            scope[item.asname or top] = Dotted(item.name if item.asname else top)

    def _ImportFrom(self, node: ast.ImportFrom, scope: dict[str, Any]) -> None:  # noqa: N802
        name = self._absolute(node)
        if not self._is_ours(name.split(".")[0]) and not node.level:
            self._note_import(name.split(".")[0], node)
            for item in node.names:
                full = f"{name}.{item.name}"
                scope[item.asname or item.name] = settings_calls.CONSTANTS.get(full, Dotted(full))
            return
        module = self._module(name, node)
        inner = module.scope if isinstance(module, Module) else {}
        for item in node.names:
            if item.name == "*":
                scope.update({key: value for key, value in inner.items() if not key.startswith("_")})
            else:
                scope[item.asname or item.name] = self._member(name, item.name, inner, node)

    def _member(self, package: str, name: str, inner: dict[str, Any], node: ast.AST) -> Any:
        if name in inner:
            return inner[name]
        return self._module(f"{package}.{name}", node) if self._find(f"{package}.{name}") else Unknown()

    def _absolute(self, node: ast.ImportFrom) -> str:
        """The imported module's full name, from the project's directory."""
        if not node.level:
            return node.module or ""
        folder = posixpath.dirname(posixpath.relpath(self.path, self.base))
        parts = [part for part in folder.split("/") if part not in ("", ".")]
        parts = parts[: len(parts) - node.level + 1]
        return ".".join([*parts, *filter(None, [node.module])])

    def _stem(self, name: str) -> str:
        """Where a module would be. Some projects import their own directory by its name, from the root."""
        parts = name.split(".")
        inside, outside = (posixpath.normpath(posixpath.join(base, *parts)) for base in (self.base, ""))
        own = parts[0] == self.base and not self.tree.exists(posixpath.join(self.base, parts[0]))
        return outside if own else inside

    def _find(self, name: str) -> str:
        stem = self._stem(name)
        return next((path for path in (f"{stem}.py", f"{stem}/__init__.py") if self.tree.exists(path)), "")

    def _is_ours(self, top: str) -> bool:
        """A folder that holds no Python, such as one with Redis's configuration, hides no package."""
        folder = self._stem(top)
        folders = [folder, *self.tree.directories(folder)]
        files = (path for each in folders for path in self.tree.files(each))
        return bool(top) and (bool(self._find(top)) or any(path.endswith(".py") for path in files))

    def _module(self, name: str, node: ast.AST) -> Module | Unknown:
        path = self._find(name)
        if path:
            return Module(Executor(self.environment, path, self.budget, self.record, self.base).run())
        if self.tree.exists(self._stem(name)):
            return Unknown()
        if self.environment.catches("ImportError") or self.environment.catches("ModuleNotFoundError"):
            raise SignalError("ImportError")
        if not self.environment.uncertain:
            self.record.absent_modules.setdefault(name, self.place(node))
        return Unknown()

    def _note_import(self, top: str, node: ast.AST) -> None:
        guarded = self.environment.catches("ImportError") or self.environment.catches("ModuleNotFoundError")
        if top and top not in sys.stdlib_module_names and not guarded and not self.environment.uncertain:
            self.record.imports.setdefault(top, self.place(node))

    def _Call(self, node: ast.Call, scope: dict[str, Any]) -> Any:  # noqa: N802
        function = self.evaluate(node.func, scope)
        if isinstance(function, Dotted) and function.name in settings_calls.NETWORK:
            self.record.network.append((function.name, self.place(node)))
        return super()._Call(node, scope)

    def call(self, function: Function, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """The project's own function, with its arguments bound by position and name."""
        parameters = function.definition.args
        names = [item.arg for item in (*parameters.posonlyargs, *parameters.args)]
        defaults = [self.evaluate(item, function.scope) for item in parameters.defaults]
        bound = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
        bound |= dict(zip(names, arguments, strict=False)) | keywords
        if self.record.calls > _MOST_CALLS:
            return Unknown(names_in(arguments))
        self.record.calls += 1
        try:
            inner = Executor(self.environment, function.path, self.budget, self.record, self.base)
            inner.block(function.definition.body, {**function.scope, **bound})
        except ReturnError as returned:
            return returned.value
        finally:
            self.record.calls -= 1
        return None


def _caught(handler: ast.ExceptHandler) -> frozenset[str]:
    """Names of what a handler catches; "" for a bare one."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = [item.attr if isinstance(item, ast.Attribute) else getattr(item, "id", "") for item in kinds]
    synonyms = {
        "ModuleNotFoundError": "ImportError",
        "IOError": "FileNotFoundError",
        "OSError": "FileNotFoundError",
    }
    return frozenset(synonyms.get(name, name) for name in names)


def _exits(statement: ast.stmt) -> bool:
    """`sys.exit(...)` and the like."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return False
    function = statement.value.func
    return getattr(function, "attr", getattr(function, "id", "")) in ("exit", "quit", "_exit")
