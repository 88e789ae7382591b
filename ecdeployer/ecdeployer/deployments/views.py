"""One deployment's pages, and its logs in full."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from ..accounts.requests import SignedInRequest, signed_in
from ..applications import actions
from ..applications.queries import find_deployment
from . import migration_plans
from .fragments import answer_poll
from .models import Deployment, Step
from .progress import fingerprint, read_progress, read_steps

EVENTS = 100


@require_GET
@signed_in
def show_deployment(request: SignedInRequest, pk: UUID) -> HttpResponse:
    deployment = find_deployment(request.user, pk)
    return render(request, "deployments/detail.html", _context(deployment, etag=_etag(deployment)))


@require_GET
@signed_in
def poll_deployment(request: SignedInRequest, pk: UUID) -> HttpResponse:
    deployment = find_deployment(request.user, pk)
    etag = _etag(deployment)

    def answer() -> tuple[HttpResponse, bool]:
        context = _context(deployment, etag=etag)
        return render(request, "deployments/_live.html", context), not deployment.is_final

    return answer_poll(request, etag=etag, answer=answer)


@require_POST
@signed_in
def confirm_migrations(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """Deploy again with the migrations that the page of this deployment shows."""
    waiting = find_deployment(request.user, pk)
    try:
        queued = actions.deploy_confirmed(waiting, by=request.user, trigger=Deployment.Trigger.PAGE)
    except actions.RefusedError as error:
        messages.error(request, str(error))
        return redirect("deployments:detail", waiting.pk)
    return redirect("deployments:detail", queued.pk)


def _context(deployment: Deployment, *, etag: str) -> dict[str, Any]:
    migrations = migration_plans.read(deployment)
    events = deployment.application.events.filter(subject=f"deployment {deployment.number}")
    return {
        "deployment": deployment,
        "progress": read_progress(deployment),
        "migrations": migrations,
        "has_flags": any(migration.flags for migration in migrations),
        "migrations_wait": migration_plans.waits(deployment),
        "etag": etag,
        "events": events.order_by("-id")[:EVENTS],
    }


def _etag(deployment: Deployment) -> str:
    return fingerprint(
        deployment.pk,
        deployment.state,
        deployment.revision,
        deployment.last_event,
        deployment.plan is None,
        deployment.instance.revision,
        read_steps(deployment.pk),
        timezone.get_current_timezone_name(),
    )


@require_GET
@signed_in
def show_log(request: SignedInRequest, pk: UUID, step: str) -> HttpResponse:
    """A step's log from its first byte, as plain text: a browser never reads markup in it."""
    deployment = find_deployment(request.user, pk)
    log = Step.objects.filter(deployment=deployment, name=step).values_list("log", flat=True).first()
    if log is None:
        raise Http404("This deployment has no such step.")
    response = HttpResponse(log, content_type="text/plain; charset=utf-8")
    response["X-Content-Type-Options"] = "nosniff"
    return response
