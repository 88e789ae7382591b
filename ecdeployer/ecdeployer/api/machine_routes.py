"""An application's machine: shown, stopped, started, rebooted, resized."""

from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from ninja import Router
from ninja.responses import Response

from ..applications.queries import find_application
from ..deployments.models import Deployment
from ..machines import actions
from ..machines.queries import read_machine
from . import idempotency
from .authentication import ApiRequest
from .bodies import NewType, Rebuild
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
from .records import DeploymentRecord, MachineRecord, record_machine

router = Router(tags=["machine"])
_CHANGES = documented(UNAUTHORIZED, NOT_FOUND, REFUSED, TOO_LARGE, INVALID)


@router.get(
    "/{uuid:application_id}/machine", response={200: MachineRecord, **documented(UNAUTHORIZED, NOT_FOUND)}
)
def show_machine(request: ApiRequest, application_id: UUID) -> MachineRecord:
    """With what is under way, or was asked of it last."""
    return record_machine(read_machine(find_application(request.auth, application_id)))


@router.post(
    "/{uuid:application_id}/machine/stop",
    response={202: MachineRecord, **_CHANGES},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def stop_machine(request: ApiRequest, application_id: UUID) -> HttpResponse:
    """The site is away until it is started; disk and Elastic IP stay, and cost."""
    actions.stop(find_application(request.auth, application_id), by=request.auth)
    return _answer(request, application_id)


@router.post(
    "/{uuid:application_id}/machine/start",
    response={202: MachineRecord, **_CHANGES},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def start_machine(request: ApiRequest, application_id: UUID) -> HttpResponse:
    """Done when the site answers again."""
    actions.start(find_application(request.auth, application_id), by=request.auth)
    return _answer(request, application_id)


@router.post(
    "/{uuid:application_id}/machine/reboot",
    response={202: MachineRecord, **_CHANGES},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def reboot_machine(request: ApiRequest, application_id: UUID) -> HttpResponse:
    """The site is away for about a minute; done when it answers again."""
    actions.reboot(find_application(request.auth, application_id), by=request.auth)
    return _answer(request, application_id)


@router.post(
    "/{uuid:application_id}/machine/resize",
    response={202: MachineRecord, **documented(UNREADABLE), **_CHANGES},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def resize_machine(request: ApiRequest, application_id: UUID, body: NewType) -> HttpResponse:
    """Stop it, give it another type, start it. Where AWS has none of that type free, it is as before."""
    application = find_application(request.auth, application_id)
    if body.instance_type not in settings.INSTANCE_TYPES:
        raise InvalidError({"instance_type": [f"Choose one of {', '.join(settings.INSTANCE_TYPES)}."]})
    actions.resize(application, body.instance_type, by=request.auth)
    return _answer(request, application_id)


@router.post(
    "/{uuid:application_id}/machine/rebuild",
    response={202: DeploymentRecord, **documented(UNREADABLE), **_CHANGES},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def rebuild_machine(request: ApiRequest, application_id: UUID, body: Rebuild | None = None) -> HttpResponse:
    """Deploy what is live to a new machine, which takes the place of the old one when it is healthy."""
    deployment = actions.rebuild(
        find_application(request.auth, application_id),
        by=request.auth,
        trigger=Deployment.Trigger.API,
        new_address=bool(body and body.new_address),
    )
    record = DeploymentRecord.from_orm(deployment)
    location = {"Location": reverse("api:show_deployment", args=[deployment.pk])}
    return Response(record.model_dump(), status=202, headers=location)


def _answer(request: ApiRequest, application_id: UUID) -> HttpResponse:
    record = record_machine(read_machine(find_application(request.auth, application_id)))
    location = {"Location": reverse("api:show_machine", args=[application_id])}
    return Response(record.model_dump(), status=202, headers=location)
