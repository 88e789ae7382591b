"""What a worker does with a deployment: one idempotent piece of work, and the time of the next look."""

import logging
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from .. import claims
from . import deadlines, endings, machine, plan, preparation, releases, returning, watching
from .models import Deployment
from .states import UNFINISHED, DeploymentState, StepName, StepState

logger = logging.getLogger(__name__)

_NOW = timedelta(0)
#: Behind one that runs; its end wakes the one that waits.
_BEHIND = timedelta(seconds=10)


def advance(pk: UUID, *, only_if_due: bool = False) -> timedelta | None:
    """Do the next piece of work of an unfinished deployment; when to look again, or None."""
    rows = Deployment.objects.filter(state__in=UNFINISHED)
    related = ("application", "instance", "rolls_back_to")
    return claims.advance(rows, pk, _work, only_if_due=only_if_due, related=related, logger=logger)


def _work(deployment: Deployment) -> timedelta | None:
    pause = _piece(deployment)
    if pause is None:
        returning.settle(deployment.application)
    return pause


def _piece(deployment: Deployment) -> timedelta | None:
    if deployment.application.terminate_requested_at:
        endings.cancel(deployment, reason="The application was terminated.")
        return None
    if deployment.attempt > claims.ATTEMPTS:
        reason = f"{claims.ATTEMPTS} workers ended while they worked on it."
        watching.give_up(deployment, watching.current_step(deployment), code="worker-lost", reason=reason)
        return None
    if deployment.state == DeploymentState.QUEUED and _is_behind(deployment):
        return _BEHIND
    if deployment.deadline and deployment.deadline < timezone.now():
        watching.end_overdue(deployment)
        return None
    if deployment.state == DeploymentState.QUEUED:
        return _begin(deployment)
    return _next_step(deployment)


def _is_behind(deployment: Deployment) -> bool:
    """Whether it waits for one that runs. As long as it does, its own patience does not run out."""
    running = Deployment.objects.filter(
        application_id=deployment.application_id, state=DeploymentState.RUNNING
    )
    if not running.exists():
        return False
    deployment.deadline = timezone.now() + deadlines.QUEUE
    deployment.save(update_fields=["deadline"])
    return True


def _begin(deployment: Deployment) -> timedelta | None:
    refusal = plan.settle(deployment)
    if refusal:
        step = watching.current_step(deployment)
        endings.fail(deployment, step, code="no-machine", reason=refusal)
        return None
    live = releases.live(deployment.application)
    base = live.commit_sha if live else ""
    try:
        with transaction.atomic():
            moved = deployment.move(DeploymentState.RUNNING, started_at=timezone.now(), base_sha=base)
    except IntegrityError:
        return _BEHIND
    if not moved:
        return _NOW
    if deployment.kind != Deployment.Kind.ROLLBACK:
        preparation.begin(deployment)
    return _next_step(deployment)


def _next_step(deployment: Deployment) -> timedelta | None:
    """What comes next is read from the steps: a worker that died left them as they were."""
    open_steps = [StepState.PENDING, StepState.RUNNING]
    ahead = set(deployment.steps.filter(state__in=open_steps).values_list("name", flat=True))
    if StepName.PREFLIGHT in ahead:
        return preparation.read_repository(deployment)
    if StepName.LAUNCH in ahead:
        return machine.launch(deployment)
    if not deployment.launches and not deployment.command_id:
        return machine.send(deployment)
    return watching.watch(deployment)
