"""What a machine says, read strictly: everything in it is hostile until it has been checked."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ..machine_reports import BODY_LIMIT, OFFSET_LIMIT, ReportError, fields, integer, load, text
from .states import FIRST_DEPLOYMENT_STEPS, StepName, StepState
from .texts import clean

_OF_PORTAL = {StepName.PREFLIGHT, StepName.LAUNCH}
#: What follows at a rebuild is the portal's too.
MACHINE_STEPS = tuple(name for name in FIRST_DEPLOYMENT_STEPS if name not in _OF_PORTAL)

_EVENT_STATES = tuple(state for state in StepState if state != StepState.PENDING)
#: What a migration may hurt.
FLAGS = ("drop", "rename", "lock", "irreversible", "not-null", "opaque")
_CODE = re.compile(r"[a-z0-9-]{0,64}")
Item = TypeVar("Item")
Choice = TypeVar("Choice", StepName, StepState)


@dataclass(frozen=True, kw_only=True)
class EventReport:
    """``at`` is in seconds since the epoch, by the machine's clock."""

    number: int
    step: StepName
    state: StepState
    at: float
    message: str


@dataclass(frozen=True, kw_only=True)
class LogPart:
    """``offset`` and ``next`` are bytes of the machine's file; the text may be longer or shorter."""

    step: StepName
    offset: int
    next: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Result:
    state: StepState
    step: StepName
    reason: str
    code: str


@dataclass(frozen=True, kw_only=True)
class Report:
    events: tuple[EventReport, ...] = ()
    logs: tuple[LogPart, ...] = ()
    changes: tuple[dict[str, str], ...] = ()
    plan: tuple[dict[str, Any], ...] | None = None
    result: Result | None = None


def parse(body: bytes) -> Report:
    """Raises ReportError for anything that is not exactly a report."""
    return read(load(body))


def read(document: Any) -> Report:
    """The same for JSON that was read already."""
    given = fields(document, "the body", optional=("events", "logs", "changes", "plan", "result"))
    result = given.get("result")
    report = Report(
        events=_items(given, "events", _event, limit=200),
        logs=_items(given, "logs", _log_part, limit=20),
        changes=_items(given, "changes", _change, limit=200),
        plan=None if given.get("plan") is None else _items(given, "plan", _migration, limit=500),
        result=None if result is None else _result(result),
    )
    numbers = [event.number for event in report.events]
    if numbers != sorted(set(numbers)):
        raise ReportError("events: the numbers do not grow")
    return report


def _event(item: Any) -> EventReport:
    given = fields(item, "event", required=("number", "step", "state", "at"), optional=("message",))
    at = given["at"]
    if (
        isinstance(at, bool)
        or not isinstance(at, (int, float))
        or not 0 <= at < 1e11
        or not math.isfinite(at)
    ):
        raise ReportError("at: not a time")
    return EventReport(
        number=integer(given, "number", low=1, high=100_000),
        step=_choice(given, "step", MACHINE_STEPS),
        state=_choice(given, "state", _EVENT_STATES),
        at=float(at),
        message=_text(given, "message", limit=1000),
    )


def _log_part(item: Any) -> LogPart:
    given = fields(item, "log", required=("step", "offset", "next", "text"))
    part = LogPart(
        step=_choice(given, "step", MACHINE_STEPS),
        offset=integer(given, "offset", low=0, high=OFFSET_LIMIT),
        next=integer(given, "next", low=1, high=OFFSET_LIMIT),
        text=_text(given, "text", limit=BODY_LIMIT),
    )
    if not 0 < part.next - part.offset <= BODY_LIMIT:
        raise ReportError("next: not a place behind the offset")
    return part


def _change(item: Any) -> dict[str, str]:
    names = ("setting", "from", "to", "why")
    given = fields(item, "change", required=names)
    return {name: _text(given, name, limit=2000) for name in names}


def _migration(item: Any) -> dict[str, Any]:
    """One without a name stands for a plan that could not be read."""
    given = fields(item, "migration", required=("app", "name", "operations", "flags", "reversible"))
    if not isinstance(given["reversible"], bool):
        raise ReportError("reversible: neither true nor false")
    return {
        "app": _name(given, "app", limit=100),
        "name": _name(given, "name", limit=255),
        "operations": list(_items(given, "operations", _operation, limit=50)),
        "flags": list(_items(given, "flags", _flag, limit=50)),
        "reversible": given["reversible"],
    }


def _operation(item: Any) -> str:
    return _text({"operation": item}, "operation", limit=1000)


def _flag(item: Any) -> dict[str, str]:
    given = fields(item, "flag", required=("kind", "text"))
    if given["kind"] not in FLAGS:
        raise ReportError(f"kind: not one of {', '.join(FLAGS)}")
    return {"kind": given["kind"], "text": _text(given, "text", limit=1000)}


def _name(given: Mapping[str, Any], name: str, *, limit: int) -> str:
    """Exactly as it came: what was confirmed is compared by names."""
    value = given[name]
    if not isinstance(value, str) or len(value) > limit or not (value.isprintable() or value == ""):
        raise ReportError(f"{name}: no name of a migration")
    return value


def _result(item: Any) -> Result:
    given = fields(item, "result", required=("state", "step"), optional=("reason", "code"))
    code = _text(given, "code", limit=64)
    if not _CODE.fullmatch(code):
        raise ReportError("code: not a code")
    return Result(
        state=_choice(given, "state", (StepState.SUCCEEDED, StepState.FAILED)),
        step=_choice(given, "step", MACHINE_STEPS),
        reason=_text(given, "reason", limit=2000),
        code=code,
    )


def _items(
    given: Mapping[str, Any], name: str, read: Callable[[Any], Item], *, limit: int
) -> tuple[Item, ...]:
    items = given.get(name, [])
    if not isinstance(items, list) or len(items) > limit:
        raise ReportError(f"{name}: not a list of at most {limit}")
    return tuple(read(item) for item in items)


def _choice(given: Mapping[str, Any], name: str, choices: tuple[Choice, ...]) -> Choice:
    for choice in choices:
        if choice == given[name]:
            return choice
    raise ReportError(f"{name}: not one of {', '.join(choices)}")


def _text(given: Mapping[str, Any], name: str, *, limit: int) -> str:
    return clean(text(given, name, limit=limit))
