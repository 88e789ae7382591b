"""What a machine says, read strictly: everything in it is hostile until it has been checked."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .states import FIRST_DEPLOYMENT_STEPS, StepName, StepState
from .texts import clean

#: Bytes of a body.
BODY_LIMIT = 256 * 1024
_OF_PORTAL = {StepName.PREFLIGHT, StepName.LAUNCH}
#: What follows at a rebuild is the portal's too.
MACHINE_STEPS = tuple(name for name in FIRST_DEPLOYMENT_STEPS if name not in _OF_PORTAL)

_EVENT_STATES = tuple(state for state in StepState if state != StepState.PENDING)
#: What a migration may hurt.
FLAGS = ("drop", "rename", "lock", "irreversible", "not-null", "opaque")
_OFFSET_LIMIT = 1 << 40
_CODE = re.compile(r"[a-z0-9-]{0,64}")
Item = TypeVar("Item")
Choice = TypeVar("Choice", StepName, StepState)


class ReportError(ValueError):
    """The body is no report; the text names the field."""


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
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ReportError("the body is not JSON") from error
    return read(document)


def read(document: Any) -> Report:
    """The same for JSON that was read already."""
    fields = _fields(document, "the body", optional=("events", "logs", "changes", "plan", "result"))
    result = fields.get("result")
    report = Report(
        events=_items(fields, "events", _event, limit=200),
        logs=_items(fields, "logs", _log_part, limit=20),
        changes=_items(fields, "changes", _change, limit=200),
        plan=None if fields.get("plan") is None else _items(fields, "plan", _migration, limit=500),
        result=None if result is None else _result(result),
    )
    numbers = [event.number for event in report.events]
    if numbers != sorted(set(numbers)):
        raise ReportError("events: the numbers do not grow")
    return report


def _event(item: Any) -> EventReport:
    fields = _fields(item, "event", required=("number", "step", "state", "at"), optional=("message",))
    at = fields["at"]
    if (
        isinstance(at, bool)
        or not isinstance(at, (int, float))
        or not 0 <= at < 1e11
        or not math.isfinite(at)
    ):
        raise ReportError("at: not a time")
    return EventReport(
        number=_integer(fields, "number", low=1, high=100_000),
        step=_choice(fields, "step", MACHINE_STEPS),
        state=_choice(fields, "state", _EVENT_STATES),
        at=float(at),
        message=_text(fields, "message", limit=1000),
    )


def _log_part(item: Any) -> LogPart:
    fields = _fields(item, "log", required=("step", "offset", "next", "text"))
    part = LogPart(
        step=_choice(fields, "step", MACHINE_STEPS),
        offset=_integer(fields, "offset", low=0, high=_OFFSET_LIMIT),
        next=_integer(fields, "next", low=1, high=_OFFSET_LIMIT),
        text=_text(fields, "text", limit=BODY_LIMIT),
    )
    if not 0 < part.next - part.offset <= BODY_LIMIT:
        raise ReportError("next: not a place behind the offset")
    return part


def _change(item: Any) -> dict[str, str]:
    names = ("setting", "from", "to", "why")
    fields = _fields(item, "change", required=names)
    return {name: _text(fields, name, limit=2000) for name in names}


def _migration(item: Any) -> dict[str, Any]:
    """One without a name stands for a plan that could not be read."""
    fields = _fields(item, "migration", required=("app", "name", "operations", "flags", "reversible"))
    if not isinstance(fields["reversible"], bool):
        raise ReportError("reversible: neither true nor false")
    return {
        "app": _name(fields, "app", limit=100),
        "name": _name(fields, "name", limit=255),
        "operations": list(_items(fields, "operations", _operation, limit=50)),
        "flags": list(_items(fields, "flags", _flag, limit=50)),
        "reversible": fields["reversible"],
    }


def _operation(item: Any) -> str:
    return _text({"operation": item}, "operation", limit=1000)


def _flag(item: Any) -> dict[str, str]:
    fields = _fields(item, "flag", required=("kind", "text"))
    if fields["kind"] not in FLAGS:
        raise ReportError(f"kind: not one of {', '.join(FLAGS)}")
    return {"kind": fields["kind"], "text": _text(fields, "text", limit=1000)}


def _name(fields: Mapping[str, Any], name: str, *, limit: int) -> str:
    """Exactly as it came: what was confirmed is compared by names."""
    value = fields[name]
    if not isinstance(value, str) or len(value) > limit or not (value.isprintable() or value == ""):
        raise ReportError(f"{name}: no name of a migration")
    return value


def _result(item: Any) -> Result:
    fields = _fields(item, "result", required=("state", "step"), optional=("reason", "code"))
    code = _text(fields, "code", limit=64)
    if not _CODE.fullmatch(code):
        raise ReportError("code: not a code")
    return Result(
        state=_choice(fields, "state", (StepState.SUCCEEDED, StepState.FAILED)),
        step=_choice(fields, "step", MACHINE_STEPS),
        reason=_text(fields, "reason", limit=2000),
        code=code,
    )


def _refuse_constant(name: str) -> None:
    raise ReportError(f"{name} is no number")


def _fields(
    item: Any, what: str, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    if not isinstance(item, dict):
        raise ReportError(f"{what}: not an object")
    if missing := set(required) - set(item):
        raise ReportError(f"{what}: no {min(missing)}")
    if set(item) - {*required, *optional}:
        raise ReportError(f"{what}: a field too many")
    return item


def _items(
    fields: Mapping[str, Any], name: str, read: Callable[[Any], Item], *, limit: int
) -> tuple[Item, ...]:
    items = fields.get(name, [])
    if not isinstance(items, list) or len(items) > limit:
        raise ReportError(f"{name}: not a list of at most {limit}")
    return tuple(read(item) for item in items)


def _integer(fields: Mapping[str, Any], name: str, *, low: int, high: int) -> int:
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ReportError(f"{name}: not a number from {low} to {high}")
    return value


def _choice(fields: Mapping[str, Any], name: str, choices: tuple[Choice, ...]) -> Choice:
    for choice in choices:
        if choice == fields[name]:
            return choice
    raise ReportError(f"{name}: not one of {', '.join(choices)}")


def _text(fields: Mapping[str, Any], name: str, *, limit: int) -> str:
    """Longer text is cut: what a site prints must not keep its report out."""
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise ReportError(f"{name}: not text")
    return clean(value[:limit])
