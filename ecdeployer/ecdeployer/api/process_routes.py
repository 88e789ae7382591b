"""Processes of an application's machine, and what it runs by the clock."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.urls import reverse
from ninja import Router
from ninja.responses import Response

from ..applications.models import Application, Schedule
from ..applications.queries import find_application
from ..commands import actions, processes
from ..commands.forms import ScheduleForm
from ..commands.queries import find_schedule
from . import idempotency
from .authentication import ApiRequest
from .bodies import NewSchedule, ScheduleChange
from .idempotency import once_for_a_key
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
from .records import CommandRecord, ProcessesRecord, ScheduleRecord, record_command, record_processes

of_an_application = Router(tags=["processes"])
router = Router(tags=["processes"])
_ASKED = documented(UNAUTHORIZED, NOT_FOUND, REFUSED, TOO_LARGE, INVALID)
_CHANGED = documented(UNREADABLE, UNAUTHORIZED, NOT_FOUND, REFUSED, TOO_LARGE, INVALID)


@of_an_application.get(
    "/{uuid:application_id}/processes", response={200: ProcessesRecord, **documented(UNAUTHORIZED, NOT_FOUND)}
)
def list_processes(request: ApiRequest, application_id: UUID) -> ProcessesRecord:
    """As the machine told last; refresh asks it again."""
    return _read(find_application(request.auth, application_id))


@of_an_application.post(
    "/{uuid:application_id}/processes/refresh",
    response={202: ProcessesRecord, **_ASKED},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def refresh_processes(request: ApiRequest, application_id: UUID) -> HttpResponse:
    """Ask the machine. Look again until asking is false."""
    application = find_application(request.auth, application_id)
    actions.ask_processes(application, by=request.auth)
    return Response(_read(application).model_dump(), status=202)


@of_an_application.post(
    "/{uuid:application_id}/processes/{process}/restart",
    response={202: ProcessesRecord, **_ASKED},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def restart_process(request: ApiRequest, application_id: UUID, process: str) -> HttpResponse:
    """Start one anew: web loses no request, another ends first. Look again until asking is false."""
    application = find_application(request.auth, application_id)
    try:
        actions.restart(application, process, by=request.auth)
    except actions.UnknownProcessError as error:
        raise Http404(str(error)) from error
    return Response(_read(application).model_dump(), status=202)


@of_an_application.get(
    "/{uuid:application_id}/schedules",
    response={200: list[ScheduleRecord], **documented(UNAUTHORIZED, NOT_FOUND)},
)
def list_schedules(request: ApiRequest, application_id: UUID) -> list[ScheduleRecord]:
    """Twenty at most."""
    application = find_application(request.auth, application_id)
    return [ScheduleRecord.from_orm(schedule) for schedule in application.schedules.all()]


@of_an_application.post(
    "/{uuid:application_id}/schedules",
    response={201: ScheduleRecord, **_CHANGED},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def add_schedule(request: ApiRequest, application_id: UUID, body: NewSchedule | None = None) -> HttpResponse:
    """The machine that runs learns of it at once, another with its next deployment."""
    application = find_application(request.auth, application_id)
    given = body or NewSchedule.model_validate({})
    words, cron = _checked(cron=given.cron, line=given.line)
    schedule = actions.save_schedule(application, words, cron, enabled=given.enabled, by=request.auth)
    headers = {"Location": reverse("api:show_schedule", args=[schedule.pk])}
    return Response(ScheduleRecord.from_orm(schedule).model_dump(), status=201, headers=headers)


@router.get("/{uuid:schedule_id}", response={200: ScheduleRecord, **documented(UNAUTHORIZED, NOT_FOUND)})
def show_schedule(request: ApiRequest, schedule_id: UUID) -> Schedule:
    """What is run, and when, in UTC."""
    return find_schedule(request.auth, schedule_id)


@router.patch(
    "/{uuid:schedule_id}",
    response={200: ScheduleRecord, **_CHANGED},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def change_schedule(
    request: ApiRequest, schedule_id: UUID, body: ScheduleChange | None = None
) -> HttpResponse:
    """What is left out stays as it is."""
    schedule = find_schedule(request.auth, schedule_id)
    given = body.model_dump(exclude_unset=True) if body else {}
    if given:
        line = given.get("line", schedule.line.removeprefix("manage.py "))
        words, cron = _checked(cron=given.get("cron", schedule.cron), line=line)
        enabled = given.get("enabled", schedule.enabled)
        actions.save_schedule(
            schedule.application, words, cron, schedule=schedule, enabled=enabled, by=request.auth
        )
    return Response(ScheduleRecord.from_orm(schedule).model_dump(), status=200)


@router.delete(
    "/{uuid:schedule_id}", response={204: None, **documented(UNAUTHORIZED, NOT_FOUND, TOO_LARGE, INVALID)}
)
def remove_schedule(request: ApiRequest, schedule_id: UUID) -> HttpResponse:
    """Its log stays on the machine. There is no body."""
    actions.remove_schedule(find_schedule(request.auth, schedule_id), by=request.auth)
    return HttpResponse(status=204)


@router.post(
    "/{uuid:schedule_id}/run",
    response={202: CommandRecord, **_ASKED},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def run_schedule(request: ApiRequest, schedule_id: UUID) -> HttpResponse:
    """Now; the answer is a command, whose output is followed as any other's."""
    record = record_command(actions.run_schedule(find_schedule(request.auth, schedule_id), by=request.auth))
    headers = {"Location": reverse("api:show_command", args=[record.id])}
    return Response(record.model_dump(), status=202, headers=headers)


def _read(application: Application) -> ProcessesRecord:
    return record_processes(processes.read(application))


def _checked(*, cron: str, line: str) -> tuple[list[str], str]:
    """By the page's own form. Raises InvalidError."""
    form = ScheduleForm({"cron": cron, "words": line})
    if not form.is_valid():
        names = {"words": "line"}
        raise InvalidError({names.get(field, field): found for field, found in form.errors.items()})
    return form.cleaned_data["words"], form.cleaned_data["cron"]
