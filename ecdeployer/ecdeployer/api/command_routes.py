"""Commands: manage.py on an application's machine, with what it prints and how it ends."""

from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from ninja import Query, Router
from ninja.responses import Response

from ..applications.queries import find_application
from ..commands import actions
from ..commands.models import Command
from ..commands.queries import find_command, listed
from . import idempotency
from .authentication import ApiRequest
from .bodies import NewCommand, Page, Place
from .cursors import read_newest
from .idempotency import once_for_a_key
from .logs import read_output_of
from .problems import INVALID, NOT_FOUND, REFUSED, TOO_LARGE, UNAUTHORIZED, UNREADABLE, documented
from .records import CommandPage, CommandRecord, LogPart, record_command

of_an_application = Router(tags=["commands"])
router = Router(tags=["commands"])


@of_an_application.get(
    "/{uuid:application_id}/commands",
    response={200: CommandPage, **documented(UNAUTHORIZED, NOT_FOUND, INVALID)},
)
def list_commands(request: ApiRequest, application_id: UUID, page: Query[Page]) -> CommandPage:
    """The newest first."""
    shown, following = read_newest(listed(find_application(request.auth, application_id)), page)
    return CommandPage(commands=[record_command(command) for command in shown], next=following)


@of_an_application.post(
    "/{uuid:application_id}/commands",
    response={
        202: CommandRecord,
        **documented(UNREADABLE, UNAUTHORIZED, NOT_FOUND, REFUSED, TOO_LARGE, INVALID),
    },
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def run_command(request: ApiRequest, application_id: UUID, body: NewCommand | None = None) -> HttpResponse:
    """Run manage.py in the release that is live. It takes no input, and may run for an hour."""
    application = find_application(request.auth, application_id)
    words = (body or NewCommand.model_validate({})).read()
    return _answer(actions.manage(application, words, by=request.auth))


@router.get("/{uuid:command_id}", response={200: CommandRecord, **documented(UNAUTHORIZED, NOT_FOUND)})
def show_command(request: ApiRequest, command_id: UUID) -> CommandRecord:
    """With its exit code, once it has ended."""
    return record_command(find_command(request.auth, command_id))


@router.get(
    "/{uuid:command_id}/output",
    response={200: LogPart, **documented(UNAUTHORIZED, NOT_FOUND, INVALID)},
)
def read_output(request: ApiRequest, command_id: UUID, place: Query[Place]) -> LogPart:
    """Up to 65,536 characters from an offset. To follow it, ask again from ``next`` until it is complete."""
    return read_output_of(find_command(request.auth, command_id), place)


@router.post(
    "/{uuid:command_id}/cancel",
    response={202: CommandRecord, **documented(UNAUTHORIZED, NOT_FOUND, REFUSED, TOO_LARGE, INVALID)},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def cancel_command(request: ApiRequest, command_id: UUID) -> HttpResponse:
    """End it here; its machine ends it when it reports next, within seconds."""
    command = find_command(request.auth, command_id)
    actions.cancel(command, by=request.auth)
    return _answer(command)


def _answer(command: Command) -> HttpResponse:
    record = record_command(command)
    location = {"Location": reverse("api:show_command", args=[record.id])}
    return Response(record.model_dump(), status=202, headers=location)
