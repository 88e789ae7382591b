"""What a machine says of a command, read strictly."""

import json
from dataclasses import dataclass
from typing import Any

#: Bytes of a body.
BODY_LIMIT = 256 * 1024
_OFFSET_LIMIT = 1 << 40


class ReportError(ValueError):
    """The body is no report; the text names the field."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """``offset`` and ``next`` are bytes of the machine's file; ``exit_code`` is None while it runs."""

    offset: int
    next: int
    text: str
    exit_code: int | None = None
    reason: str = ""


def parse(body: bytes) -> Report:
    """Raises ReportError for anything that is not exactly a report."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ReportError("the body is not JSON") from error
    return read(document)


def read(document: Any) -> Report:
    """The same for JSON that was read already."""
    names = {"offset", "next", "text", "exit_code", "reason"}
    if not isinstance(document, dict) or set(document) != names:
        raise ReportError("the body: not an object of a report's fields")
    offset, following = (_integer(document, name, 0, _OFFSET_LIMIT) for name in ("offset", "next"))
    if not 0 <= following - offset <= BODY_LIMIT:
        raise ReportError("next: not a place behind the offset")
    code = document["exit_code"]
    return Report(
        offset=offset,
        next=following,
        text=_text(document, "text", BODY_LIMIT),
        exit_code=None if code is None else _integer(document, "exit_code", -255, 255),
        reason=_text(document, "reason", 2000),
    )


def _integer(document: dict[str, Any], name: str, low: int, high: int) -> int:
    value = document[name]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ReportError(f"{name}: not a number from {low} to {high}")
    return value


def _text(document: dict[str, Any], name: str, limit: int) -> str:
    """Longer text is cut: what a site prints must not keep its report out."""
    value = document[name]
    if not isinstance(value, str):
        raise ReportError(f"{name}: not text")
    return value[:limit]
