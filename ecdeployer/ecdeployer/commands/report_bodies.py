"""What a machine says of a command, read strictly."""

from dataclasses import dataclass
from typing import Any

from ..machine_reports import BODY_LIMIT, OFFSET_LIMIT, ReportError, fields, integer, load, text


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
    return read(load(body))


def read(document: Any) -> Report:
    """The same for JSON that was read already."""
    names = ("offset", "next", "text", "exit_code", "reason")
    given = fields(document, "the body", required=names)
    offset, following = (integer(given, name, low=0, high=OFFSET_LIMIT) for name in ("offset", "next"))
    if not 0 <= following - offset <= BODY_LIMIT:
        raise ReportError("next: not a place behind the offset")
    return Report(
        offset=offset,
        next=following,
        text=text(given, "text", limit=BODY_LIMIT),
        exit_code=None if given["exit_code"] is None else integer(given, "exit_code", low=-255, high=255),
        reason=text(given, "reason", limit=2000),
    )
