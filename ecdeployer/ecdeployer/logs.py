"""Log lines: whose request, task, deployment and instance they are about, and no secret in them."""

import copy
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pythonjsonlogger.json import JsonFormatter

from .redaction import SHORTEST, redact, redact_value


@dataclass(frozen=True)
class _Context:
    ids: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()


_context: ContextVar[_Context] = ContextVar("logs", default=_Context())  # noqa: B039 - frozen
#: What every record has; anything else is an ``extra`` of whoever logged it.
_COMMON = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}

#: What ends a line, what a terminal obeys, what turns the text beside it, and what cannot be encoded.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
#: Characters of a message, or of one line of a traceback.
LONGEST = 16_384


@contextmanager
def bound(**ids: str) -> Iterator[None]:
    """Every line within has these, beside those that are there already."""
    token = _context.set(_context.get())
    try:
        bind(**ids)
        yield
    finally:
        _context.reset(token)


def bind(**ids: str) -> None:
    """Every line has these until the innermost ``bound`` ends."""
    now = _context.get()
    _context.set(replace(now, ids={**now.ids, **ids}))


def hide(secrets: Iterable[str]) -> None:
    """No line has these, nor their lines, until the innermost ``bound`` ends."""
    now = _context.get()
    lines = {line.strip() for text in secrets for line in (text, *text.splitlines())}
    found = {line for line in lines if len(line) >= SHORTEST}
    _context.set(replace(now, secrets=now.secrets | found))


def known_secrets() -> list[str]:
    """Those of the operator's configuration, and those of what is worked on now."""
    return [*Redacting.secrets, *_context.get().secrets]


def one_line(text: str) -> str:
    """As Python would write it between quotes, and not too long: nothing in it begins a line of its own."""
    shown = _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text[:LONGEST])
    return shown if len(text) <= LONGEST else f"{shown} [... {len(text) - LONGEST:,} characters more]"


class Redacting(logging.Formatter):
    """Writes a copy of the record, which others see too: with the ids, without secrets, and as one line.

    The lines of a traceback are indented: whatever an error says, none of them looks like a record.
    """

    #: Known ones, of the operator's configuration.
    secrets: ClassVar[list[str]] = []

    def format(self, record: logging.LogRecord) -> str:
        copied, secrets = copy.copy(record), known_secrets()
        copied.msg, copied.args = one_line(redact(record.getMessage(), secrets)), ()
        if record.exc_info:
            copied.exc_text, copied.exc_info = self.formatException(record.exc_info), None
        copied.exc_text = _indented(copied.exc_text, secrets)
        copied.stack_info = _indented(record.stack_info, secrets)
        for name in copied.__dict__.keys() - _COMMON:
            copied.__dict__[name] = redact_value(copied.__dict__[name], secrets, name=name)
        self.add_ids(copied, _context.get().ids)
        return super().format(copied)

    def add_ids(self, record: logging.LogRecord, ids: Mapping[str, str]) -> None:
        record.ids = "".join(f" {name}={value}" for name, value in ids.items())


def _indented(trace: str | None, secrets: Iterable[str]) -> str | None:
    return "\n".join(f"  {one_line(line)}" for line in redact(trace, secrets).split("\n")) if trace else None


class JsonLine(Redacting, JsonFormatter):
    """One JSON object a line, as CloudWatch and others read it."""

    def add_ids(self, record: logging.LogRecord, ids: Mapping[str, str]) -> None:
        record.__dict__.update(ids)
