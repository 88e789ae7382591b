"""Log lines: whose request, deployment and instance they are about, and no secret in them."""

import copy
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

from pythonjsonlogger.json import JsonFormatter

HIDDEN = "[hidden]"
_context: ContextVar[Mapping[str, str]] = ContextVar("logs", default={})  # noqa: B039 - never changed in place
_SECRETS = re.compile(
    r"(?P<kept>(?i:bearer|basic) +|(?i:token|password|passwd|secret|key)[\"']?\s*[:=]\s*[\"']?)"
    r"[A-Za-z0-9+/._~=-]{8,}"
    r"|(?P<scheme>[a-z][a-z0-9+.-]{0,30}://[^\s:/@]*:)[^\s/@]+(?=@)"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|ecd_[A-Za-z0-9_-]{16,}"
)

#: What ends a line, what a terminal obeys, what turns the text beside it, and what cannot be encoded.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
#: Characters of a message, or of one line of a traceback.
LONGEST = 16_384


@contextmanager
def bound(**ids: str) -> Iterator[None]:
    """Every line within has these, beside those that are there already."""
    token = _context.set({**_context.get(), **ids})
    try:
        yield
    finally:
        _context.reset(token)


def redact(text: str, secrets: Sequence[str] = ()) -> str:
    """Without what looks like a secret, and without these."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return _SECRETS.sub(lambda found: (found["kept"] or found["scheme"] or "") + HIDDEN, text)


def redact_event(event: dict[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    """What goes to Sentry; ``before_send`` of its SDK."""
    return {key: _redacted(value) for key, value in event.items()}


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value, Redacting.secrets)
    if isinstance(value, Mapping):
        return {key: _redacted(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted(item) for item in value]
    return value


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
        copied = copy.copy(record)
        copied.msg, copied.args = one_line(redact(record.getMessage(), self.secrets)), ()
        if record.exc_info:
            trace = redact(self.formatException(record.exc_info), self.secrets)
            copied.exc_text = "\n".join(f"  {one_line(line)}" for line in trace.split("\n"))
            copied.exc_info = None
        self.add_ids(copied, _context.get())
        return super().format(copied)

    def add_ids(self, record: logging.LogRecord, ids: Mapping[str, str]) -> None:
        record.ids = "".join(f" {name}={value}" for name, value in ids.items())


class JsonLine(Redacting, JsonFormatter):
    """One JSON object a line, as CloudWatch and others read it."""

    def add_ids(self, record: logging.LogRecord, ids: Mapping[str, str]) -> None:
        record.__dict__.update(ids)
