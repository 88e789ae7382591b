"""Asking for a deployment, and calling one off."""

from datetime import timedelta

from django.db.models import Max
from django.utils import timezone

from ..accounts.models import User
from ..applications.models import Application, Event
from ..instances.models import Instance
from ..wakeups import wake_deployment
from . import endings
from .claims import UNFINISHED
from .models import Deployment, Step
from .states import FIRST_DEPLOYMENT_STEPS, LATER_DEPLOYMENT_STEPS

#: How long one may wait for a worker before it is given up.
QUEUE_PATIENCE = timedelta(hours=1)


class RefusedError(Exception):
    """What was asked for cannot be done now; the text says why, for the person."""


def refuse_while_unfinished(application: Application) -> None:
    """Raises RefusedError: one deployment at a time."""
    running = application.deployments.filter(state__in=UNFINISHED).first()
    if running is not None:
        raise RefusedError(f"Deployment {running.number} is not finished yet. Deploy again when it is.")


def queue(
    application: Application,
    *,
    instance: Instance,
    kind: Deployment.Kind,
    by: User | None,
    trigger: Deployment.Trigger,
) -> Deployment:
    """Write a deployment, its steps and its event in the caller's transaction; raises RefusedError."""
    refuse_while_unfinished(application)
    newest = application.deployments.aggregate(number=Max("number"))["number"] or 0
    now = timezone.now()
    deployment = Deployment.objects.create(
        application=application,
        instance=instance,
        number=newest + 1,
        kind=kind,
        trigger=trigger,
        created_by=by,
        branch=application.branch,
        due_at=now,
        deadline=now + QUEUE_PATIENCE,
    )
    first = kind == Deployment.Kind.FIRST
    names = FIRST_DEPLOYMENT_STEPS if first else LATER_DEPLOYMENT_STEPS
    Step.objects.bulk_create(
        Step(deployment=deployment, name=name, position=position) for position, name in enumerate(names)
    )
    Event.objects.create(
        application=application,
        actor=by,
        subject=f"deployment {deployment.number}",
        verb="queued",
        detail=f"from the {deployment.get_trigger_display()}",
    )
    wake_deployment(deployment.pk)
    return deployment


def cancel_unfinished(application: Application, *, reason: str) -> Deployment | None:
    """End what is queued or running: that, or None. Its machine is told to stop as soon as it reports."""
    deployment = application.deployments.select_for_update().filter(state__in=UNFINISHED).first()
    if deployment is None or not endings.cancel(deployment, reason=reason):
        return None
    return deployment
