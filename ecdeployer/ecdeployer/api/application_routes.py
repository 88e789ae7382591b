"""Applications: listed, shown, registered, deployed again, terminated."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpResponse
from django.urls import reverse
from ninja import Query, Router
from ninja.responses import Response

from ..accounts.models import User
from ..applications import actions, deploy_keys, editing
from ..applications.editing_forms import EditForm, values_of
from ..applications.forms import TAKEN, ApplicationForm
from ..applications.models import EnvironmentVariable
from ..applications.queries import dashboard, rows
from ..deployments.models import Deployment
from . import idempotency
from .authentication import ApiRequest
from .bodies import ApplicationChange, Filters, NewApplication, NewDeployment, Page
from .cursors import read_deployments, read_newest
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
from .records import (
    ApplicationPage,
    ApplicationRecord,
    DeploymentPage,
    DeploymentRecord,
    record_application,
    record_deployments,
)

router = Router(tags=["applications"])
_CHANGES = documented(UNAUTHORIZED, NOT_FOUND, REFUSED, TOO_LARGE, INVALID)


@router.get("", response={200: ApplicationPage, **documented(UNAUTHORIZED, INVALID)})
def list_applications(request: ApiRequest, filters: Query[Filters]) -> ApplicationPage:
    """The newest first. A person's own; staff see everybody's."""
    found = _visible_to(request.auth, status=filters.status or "")
    if filters.name:
        found = found.filter(name=filters.name)
    page, following = read_newest(found, filters)
    return ApplicationPage(applications=[record_application(row) for row in rows(page)], next=following)


@router.post(
    "",
    response={201: ApplicationRecord, **documented(UNREADABLE, UNAUTHORIZED, REFUSED, TOO_LARGE, INVALID)},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def create_application(request: ApiRequest, body: NewApplication) -> HttpResponse:
    """Register an application, and queue its instance and first deployment."""
    form = ApplicationForm(body.model_dump(), owner=request.auth)
    if not form.is_valid():
        raise InvalidError(form.errors)
    try:
        application = actions.create_application(
            owner=request.auth, by=request.auth, trigger=Deployment.Trigger.API, **form.parameters()
        )
    except IntegrityError as error:
        raise InvalidError({"name": [TAKEN]}) from error
    return _answer(_record(request.auth, application.pk), status=201, name="show_application")


@router.get(
    "/{uuid:application_id}", response={200: ApplicationRecord, **documented(UNAUTHORIZED, NOT_FOUND)}
)
def show_application(request: ApiRequest, application_id: UUID) -> ApplicationRecord:
    """With its instance and newest deployment."""
    return _record(request.auth, application_id)


@router.patch(
    "/{uuid:application_id}",
    response={200: ApplicationRecord, **documented(UNREADABLE), **_CHANGES},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def edit_application(
    request: ApiRequest, application_id: UUID, body: ApplicationChange | None = None
) -> HttpResponse:
    """Change what is named, and nothing else. What a site is made of goes live with the next deployment."""
    application = find(request.auth, application_id)
    seen = values_of(application)
    given = body.model_dump(exclude_unset=True) if body else {}
    form = EditForm(seen | given, application=application, seen=seen)
    if not form.is_valid():
        raise InvalidError(form.errors)
    try:
        editing.edit(application, by=request.auth, changes=form.changes, seen=seen)
    except IntegrityError as error:
        raise InvalidError({"name": [TAKEN]}) from error
    return Response(_record(request.auth, application_id).model_dump(), status=200)


@router.get(
    "/{uuid:application_id}/deployments",
    response={200: DeploymentPage, **documented(UNAUTHORIZED, NOT_FOUND, INVALID)},
)
def list_deployments(request: ApiRequest, application_id: UUID, page: Query[Page]) -> DeploymentPage:
    """The newest first."""
    application = find(request.auth, application_id)
    found = application.deployments.defer("findings", "facts", "changes", "plan")
    shown, following = read_deployments(found, page)
    return DeploymentPage(deployments=record_deployments(shown), next=following)


@router.post(
    "/{uuid:application_id}/deployments",
    response={202: DeploymentRecord, **documented(UNREADABLE), **_CHANGES},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def deploy_application(
    request: ApiRequest, application_id: UUID, body: NewDeployment | None = None
) -> HttpResponse:
    """Queue a deployment of a commit; on a new instance where there is none any more.

    It takes the place of one that waits, and waits itself for one that runs. A commit that is live already
    ends as ``skipped``.
    """
    application = find(request.auth, application_id)
    asked = body.model_dump() if body else {}
    trigger = Deployment.Trigger.API
    deployment = actions.deploy_again(application, by=request.auth, trigger=trigger, **asked)
    return _answer(DeploymentRecord.from_orm(deployment), status=202, name="show_deployment")


@router.post(
    "/{uuid:application_id}/cancel",
    response={202: ApplicationRecord, **_CHANGES},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def cancel_deployment(request: ApiRequest, application_id: UUID) -> HttpResponse:
    """Stop what is queued or running. A machine that has served nothing is ended; one that serves goes on."""
    actions.cancel(find(request.auth, application_id), by=request.auth)
    return _answer(_record(request.auth, application_id), status=202, name="show_application")


@router.post(
    "/{uuid:application_id}/terminate",
    response={202: ApplicationRecord, **_CHANGES},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def terminate_application(request: ApiRequest, application_id: UUID) -> HttpResponse:
    """End its instance for good, and cancel what is unfinished. Its history stays."""
    actions.terminate(find(request.auth, application_id), by=request.auth)
    return _answer(_record(request.auth, application_id), status=202, name="show_application")


@router.post(
    "/{uuid:application_id}/deploy-key",
    response={201: ApplicationRecord, **_CHANGES},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def make_deploy_key(request: ApiRequest, application_id: UUID) -> HttpResponse:
    """Make a key for a private repository, in the place of an earlier one."""
    deploy_keys.make(find(request.auth, application_id), by=request.auth)
    return _answer(_record(request.auth, application_id), status=201, name="show_application")


@router.delete(
    "/{uuid:application_id}/deploy-key",
    response={200: ApplicationRecord, **documented(UNAUTHORIZED, NOT_FOUND, REFUSED)},
)
def remove_deploy_key(request: ApiRequest, application_id: UUID) -> ApplicationRecord:
    """From the next deployment on the repository is read without a key."""
    deploy_keys.remove(find(request.auth, application_id), by=request.auth)
    return _record(request.auth, application_id)


def _visible_to(user: User, *, status: str = "") -> QuerySet[Any]:
    names = EnvironmentVariable.objects.only("application_id", "name").order_by("name")
    found = dashboard(user, status=status).select_related("owner", "deploy_key")
    return found.prefetch_related(Prefetch("environment", queryset=names))


def find(user: User, pk: UUID) -> Any:
    application = _visible_to(user).filter(pk=pk).first()
    if application is None:
        raise Http404("No application of yours has this address.")
    return application


def _record(user: User, pk: UUID) -> ApplicationRecord:
    return record_application(rows([find(user, pk)])[0])


def _answer(record: ApplicationRecord | DeploymentRecord, *, status: int, name: str) -> HttpResponse:
    location = {"Location": reverse(f"api:{name}", args=[record.id])}
    return Response(record.model_dump(), status=status, headers=location)
