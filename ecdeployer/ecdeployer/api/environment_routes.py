"""An application's environment variables: read where they are not secret, and changed."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from ninja import Router
from ninja.responses import Response

from ..applications import actions, environment, variables
from ..applications.models import Application, EnvironmentVariable
from ..applications.queries import find_application
from ..deployments.models import Deployment
from . import idempotency
from .authentication import ApiRequest
from .bodies import EnvironmentChange
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
from .records import EnvironmentRecord, VariableRecord

router = Router(tags=["applications"])
_CHANGES = documented(UNREADABLE, UNAUTHORIZED, NOT_FOUND, REFUSED, TOO_LARGE, INVALID)


@router.get(
    "/{uuid:application_id}/environment",
    response={200: EnvironmentRecord, **documented(UNAUTHORIZED, NOT_FOUND)},
)
def show_environment(request: ApiRequest, application_id: UUID) -> EnvironmentRecord:
    """By name. Values of secrets never come back."""
    return _record(find_application(request.auth, application_id))


@router.patch(
    "/{uuid:application_id}/environment",
    response={200: EnvironmentRecord, **_CHANGES},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def change_environment(
    request: ApiRequest, application_id: UUID, body: EnvironmentChange | None = None
) -> HttpResponse:
    """All of it or nothing. Without ``apply`` the next deployment has the change.

    What is new is a secret unless ``plain`` names it. ``apply`` queues the commit that is live with what is
    saved then, and the switch loses no request.
    """
    application = find_application(request.auth, application_id)
    body = body or EnvironmentChange.model_validate({})
    values: dict[str, str | None] = {**body.set, **dict.fromkeys(body.remove)}
    secret = {**dict.fromkeys(body.secret, True), **dict.fromkeys(body.plain, False)}
    _check(body, environment.read_variables(application), values, secret)
    deployment = None
    with transaction.atomic():
        actions.set_environment(application, by=request.auth, values=values, secret=secret)
        if body.apply:
            deployment = actions.apply_environment(
                application, by=request.auth, trigger=Deployment.Trigger.API
            )
    return Response(_record(application, deployment).model_dump(), status=200)


def _check(
    body: EnvironmentChange,
    present: dict[str, EnvironmentVariable],
    values: dict[str, str | None],
    secret: dict[str, bool],
) -> None:
    """What the action would refuse, under the name of the field. Raises InvalidError."""
    errors: dict[str, list[str]] = {}
    try:
        variables.check(dict[object, object](environment.merge(present, values)))
    except variables.VariableError as error:
        errors["set"] = [str(error)]
    for field, names, known in (
        ("remove", body.remove, set(present)),
        ("secret", body.secret, {*present, *body.set}),
        ("plain", body.plain, {*present, *body.set}),
    ):
        errors |= _named(field, "There is no variable {}.", (name for name in names if name not in known))
    twice = "{} is named in another field too. Keep one of them."
    errors |= _named("remove", twice, set(body.remove) & {*body.set, *secret})
    errors |= _named("plain", twice, set(body.secret) & set(body.plain))
    if "plain" not in errors:
        errors |= _named("plain", environment.NOT_SHOWN, environment.revealed(present, values, secret))
    if errors:
        raise InvalidError(errors)


def _named(field: str, message: str, names: Iterable[str]) -> dict[str, list[str]]:
    shown = [message.format(ascii(name[:60])) for name in sorted(set(names))]
    return {field: shown[:10]} if shown else {}


def _record(application: Application, deployment: Deployment | None = None) -> EnvironmentRecord:
    found = environment.read_variables(application).values()
    return EnvironmentRecord(
        variables=[VariableRecord.of(each) for each in found],
        deployment_id=deployment.pk if deployment else None,
    )
