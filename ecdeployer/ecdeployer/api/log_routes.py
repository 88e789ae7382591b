"""Logs of an application's machine: which there are, their lines, and what comes while somebody asks."""

from datetime import datetime
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from ninja import Field, Query, Router, Schema
from ninja.responses import Response
from pydantic import ConfigDict

from ..applications.queries import find_application
from ..commands import queue
from ..commands.models import Command
from ..commands.states import CommandState
from ..site_logs import actions
from ..site_logs.forms import LogForm
from ..site_logs.queries import find_reading, sources_of
from ..site_logs.questions import LINES, SEARCH
from . import idempotency
from .authentication import ApiRequest
from .bodies import Place
from .idempotency import once_for_a_key
from .logs import read_output_of
from .problems import (
    INVALID,
    NOT_FOUND,
    REFUSED,
    TOO_LARGE,
    UNAUTHORIZED,
    UNREADABLE,
    InvalidError,
    documented,
)
from .records import LogPart

of_an_application = Router(tags=["logs"])
router = Router(tags=["logs"])


class LogSource(Schema):
    name: str
    label: str
    size: int | None = Field(description="Bytes; null where the machine has not told yet.")
    changed_at: datetime | None


class LogSources(Schema):
    sources: list[LogSource] = Field(description="As the machine told when a log was read last.")


class NewReading(Schema):
    model_config = ConfigDict(extra="forbid")

    source: str = Field("web", description="The name of one of the sources.")
    search: str = Field("", max_length=SEARCH, description="Only lines with this text, in any case.")
    minutes: int = Field(0, description="Only lines of the last minutes: 15, 60, 1440 or 10080; 0 for all.")
    lines: int = Field(LINES[0], description="At most so many: 100, 500 or 2000.")
    follow: bool = Field(default=False, description="Go on with what comes, while somebody asks for it.")
    whole: bool = Field(default=False, description="The newest 10 MB in place of lines.")


class ReadingRecord(Schema):
    id: UUID
    application_id: UUID
    source: str
    search: str
    follow: bool
    whole: bool
    state: CommandState
    reason: str
    length: int = Field(description="Characters that have come in.")
    created_at: datetime


@of_an_application.get(
    "/{uuid:application_id}/logs/sources", response={200: LogSources, **documented(UNAUTHORIZED, NOT_FOUND)}
)
def list_log_sources(request: ApiRequest, application_id: UUID) -> LogSources:
    """Those that every machine has, and those of this site; none where no machine runs."""
    found = sources_of(find_application(request.auth, application_id))
    return LogSources(sources=[LogSource.from_orm(source) for source in found])


@of_an_application.post(
    "/{uuid:application_id}/logs",
    response={
        202: ReadingRecord,
        **documented(UNREADABLE, UNAUTHORIZED, NOT_FOUND, REFUSED, TOO_LARGE, INVALID),
    },
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def ask_for_log(request: ApiRequest, application_id: UUID, body: NewReading | None = None) -> HttpResponse:
    """Ask the machine: ``lines`` has what comes in. What is followed ends when nobody asks for 30 s."""
    application = find_application(request.auth, application_id)
    given = (body or NewReading.model_validate({})).model_dump()
    form = LogForm({name: value for name, value in given.items() if value is not False})
    if not form.is_valid():
        raise InvalidError({name: [str(each) for each in found] for name, found in form.errors.items()})
    record = _record(actions.ask(application, form.question, by=request.auth))
    location = {"Location": reverse("api:show_reading", args=[record.id])}
    return Response(record.model_dump(), status=202, headers=location)


@router.get("/{uuid:reading_id}", response={200: ReadingRecord, **documented(UNAUTHORIZED, NOT_FOUND)})
def show_reading(request: ApiRequest, reading_id: UUID) -> ReadingRecord:
    """It is forgotten an hour after it was asked for."""
    return _record(find_reading(request.auth, reading_id))


@router.get(
    "/{uuid:reading_id}/lines",
    response={200: LogPart, **documented(UNAUTHORIZED, NOT_FOUND, INVALID)},
)
def read_lines(request: ApiRequest, reading_id: UUID, place: Query[Place]) -> LogPart:
    """Up to 65,536 characters from an offset. To follow, ask again from ``next`` until it is complete."""
    reading = find_reading(request.auth, reading_id)
    queue.want(reading)
    return read_output_of(reading, place)


def _record(reading: Command) -> ReadingRecord:
    own = ("id", "application_id", "state", "reason", "created_at")
    asked = {name: reading.arguments[name] for name in ("source", "search", "follow", "whole")}
    return ReadingRecord(
        **{name: getattr(reading, name) for name in own}, **asked, length=reading.output_length
    )
