"""What a settings module's expressions can be worth when nothing is run."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Where the tree stands in the paths that settings compute.
ROOT = "/repository"


@dataclass(frozen=True)
class Unknown:
    """A value that reading cannot tell; ``names`` are the environment variables that it was made of."""

    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Unset(Unknown):
    """None, read from a variable that nobody sets."""


@dataclass(frozen=True)
class Dotted:
    """Something of an installed package or the standard library, by its full name."""

    name: str


@dataclass(frozen=True)
class Reader:
    """An object that reads the environment: ``library`` is "environ", "environs" or "decouple";
    ``schema`` its defaults; ``method`` what was taken of it.
    """

    library: str
    schema: Mapping[str, Any] = field(default_factory=dict, compare=False)
    method: str = ""


@dataclass(frozen=True, eq=False)
class Function:
    """A function of the project's own."""

    definition: ast.FunctionDef
    scope: dict[str, Any]
    path: str


@dataclass(frozen=True, eq=False)
class Module:
    """A module of the project's own."""

    scope: dict[str, Any]


@dataclass(frozen=True)
class Bound:
    """A method of a known value."""

    value: Any
    method: str


@dataclass(frozen=True, kw_only=True)
class Place:
    path: str
    line: int


class SignalError(Exception):
    """What the code would raise here, where the code itself catches it. ``names`` are variables it wanted."""

    def __init__(self, kind: str, names: frozenset[str] = frozenset()) -> None:
        super().__init__(kind)
        self.kind = kind
        self.names = names


class ReturnError(Exception):
    """Ends a function's body."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class TooMuchError(Exception):
    """More work than settings are worth."""


def names_in(value: Any, depth: int = 0) -> frozenset[str]:
    """All variables that a value, or what is inside it, was made of."""
    if isinstance(value, Unknown):
        return value.names
    if depth > 8:
        return frozenset()
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return frozenset[str]().union(*(names_in(item, depth + 1) for item in value))
    return frozenset()


def truth(value: Any) -> bool | None:
    """None where it cannot be told."""
    if isinstance(value, Unset):
        return False
    if isinstance(value, (Unknown, Dotted, Reader, Bound)):
        return None
    try:
        return bool(value)
    except (TypeError, ValueError):
        return None


def is_known(value: Any) -> bool:
    """Whether a value and all that is in it are plain."""
    if isinstance(value, (Unknown, Dotted, Reader, Bound, Function, Module)):
        return False
    if isinstance(value, dict):
        return all(map(is_known, value.values())) and all(map(is_known, value.keys()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(is_known, value))
    return True


def _names_server(value: dict[Any, Any]) -> bool:
    """Whether it is DATABASES with a server: one that is started in vain harms no SQLite file."""
    default = value.get("default")
    engine = default.get("ENGINE") if isinstance(default, dict) else None
    return isinstance(engine, str) and not engine.endswith("sqlite3")


def merge(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The scope after one of two branches, nobody knows which."""
    merged: dict[str, Any] = {}
    for name in {**one, **other}:
        first, second = one.get(name, Unknown()), other.get(name, Unknown())
        if isinstance(first, list) and isinstance(second, list):
            merged[name] = min(first, second, key=len)
        elif first is second or first == second:
            merged[name] = first
        elif isinstance(first, dict) and isinstance(second, dict):
            merged[name] = second if _names_server(second) else first
        else:
            merged[name] = Unknown(names_in(first) | names_in(second))
    return merged
