"""Where what is done now comes from: a page, the API, a command, or the portal itself; and which address."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

PAGE, API, COMMAND, SYSTEM = "page", "api", "command", "system"


@dataclass(frozen=True)
class Origin:
    through: str = SYSTEM
    address: str | None = None


_current: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039 - never changed in place


@contextmanager
def bound(through: str, *, address: str | None = None) -> Iterator[None]:
    token = _current.set(Origin(through, address))
    try:
        yield
    finally:
        _current.reset(token)


def through() -> str:
    return _current.get().through


def address() -> str | None:
    return _current.get().address
