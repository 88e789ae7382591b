"""Deployments: shown, with their steps and the steps' logs."""

from uuid import UUID

from django.db.models.functions import Length
from django.http import Http404, HttpResponse
from django.urls import reverse
from ninja import Query, Router
from ninja.responses import Response

from ..applications import actions
from ..applications.queries import find_deployment
from ..deployments.models import Deployment, Step
from ..deployments.states import STEP_TRANSITIONS, StepName
from . import idempotency
from .authentication import ApiRequest
from .bodies import Place
from .idempotency import once_for_a_key
from .logs import read_part
from .problems import INVALID, NOT_FOUND, REFUSED, TOO_LARGE, UNAUTHORIZED, documented
from .records import DeploymentDetail, DeploymentRecord, LogPart, StepRecord, Steps

router = Router(tags=["deployments"])
_FINAL = [state for state, then in STEP_TRANSITIONS.items() if not then]


@router.get("/{uuid:deployment_id}", response={200: DeploymentDetail, **documented(UNAUTHORIZED, NOT_FOUND)})
def show_deployment(request: ApiRequest, deployment_id: UUID) -> DeploymentDetail:
    """With what was found in its repository, and what was changed for production."""
    return DeploymentDetail.from_orm(find_deployment(request.auth, deployment_id))


@router.post(
    "/{uuid:deployment_id}/rollback",
    response={202: DeploymentRecord, **documented(UNAUTHORIZED, NOT_FOUND, REFUSED, TOO_LARGE, INVALID)},
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def roll_back(request: ApiRequest, deployment_id: UUID) -> HttpResponse:
    """Queue the switch back to the release that this deployment made, dependencies and environment too."""
    to = find_deployment(request.auth, deployment_id)
    deployment = actions.roll_back(to, by=request.auth, trigger=Deployment.Trigger.API)
    return _queued(deployment)


@router.post(
    "/{uuid:deployment_id}/confirm",
    response={
        202: DeploymentRecord,
        **documented(UNAUTHORIZED, NOT_FOUND, REFUSED, TOO_LARGE, INVALID),
    },
    openapi_extra=idempotency.DOCUMENTED,
)
@once_for_a_key
def confirm_migrations(request: ApiRequest, deployment_id: UUID) -> HttpResponse:
    """Queue its commit again, with the migrations that waited for somebody to confirm them."""
    waiting = find_deployment(request.auth, deployment_id)
    queued = actions.deploy_confirmed(waiting, by=request.auth, trigger=Deployment.Trigger.API)
    return _queued(queued)


@router.get("/{uuid:deployment_id}/steps", response={200: Steps, **documented(UNAUTHORIZED, NOT_FOUND)})
def list_steps(request: ApiRequest, deployment_id: UUID) -> Steps:
    """All of them, in the order in which they run."""
    deployment = find_deployment(request.auth, deployment_id)
    names = ("name", "state", "message", "started_at", "finished_at", "log_length")
    found = deployment.steps.annotate(log_length=Length("log")).order_by("position").values(*names)
    return Steps(steps=[StepRecord(**step, label=StepName(step["name"]).label) for step in found])


@router.get(
    "/{uuid:deployment_id}/steps/{slug:name}/log",
    response={200: LogPart, **documented(UNAUTHORIZED, NOT_FOUND, INVALID)},
)
def read_log(request: ApiRequest, deployment_id: UUID, name: str, place: Query[Place]) -> LogPart:
    """Up to 65,536 characters from an offset. To follow it, ask again from ``next`` until it is complete."""
    deployment = find_deployment(request.auth, deployment_id)
    steps = Step.objects.filter(deployment=deployment, name=name)
    part = read_part(steps, "log", place, final=_FINAL)
    if part is None:
        raise Http404("This deployment has no such step.")
    return part


def _queued(deployment: Deployment) -> HttpResponse:
    record = DeploymentRecord.from_orm(deployment)
    location = {"Location": reverse("api:show_deployment", args=[record.id])}
    return Response(record.model_dump(), status=202, headers=location)
