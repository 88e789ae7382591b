"""Writing a deployment into the queue, for people and for the portal itself."""

from typing import Any

from django.db.models import Max
from django.utils import timezone

from ..accounts.models import User
from ..applications.models import Application, Event
from ..instances.models import Instance
from ..wakeups import wake_deployment
from . import deadlines, endings, plan
from .models import Deployment
from .states import DeploymentState

#: What a deployment that rolls back takes from the one that made the release.
_OF_A_RELEASE = (
    "branch", "commit_sha", "commit_subject", "commit_author", "committed_at", "facts", "configuration"
)  # fmt: skip


def queue(
    application: Application,
    *,
    instance: Instance,
    by: User | None,
    trigger: Deployment.Trigger,
    **asked: Any,
) -> Deployment:
    """Write a deployment, its steps and its event in the caller's transaction, which holds the application.

    ``asked``: further columns. It takes the place of one that waits, and waits itself for one that runs.
    """
    newest = application.deployments.aggregate(number=Max("number"))["number"] or 0
    number = newest + 1
    for waiting in application.deployments.filter(state=DeploymentState.QUEUED):
        endings.skip(waiting, code="superseded", reason=f"Deployment {number} took its place in the queue.")
    now = timezone.now()
    deployment = Deployment(
        application=application,
        instance=instance,
        number=number,
        trigger=trigger,
        created_by=by,
        due_at=now,
        deadline=now + deadlines.QUEUE,
        **{"branch": application.branch, **asked},
    )
    deployment.kind = plan.kind_of(deployment)
    deployment.save(force_insert=True)
    plan.write_steps(deployment)
    _record(deployment, by=by)
    wake_deployment(deployment.pk)
    return deployment


def queue_rollback(to: Deployment, *, by: User | None, trigger: Deployment.Trigger) -> Deployment:
    """Queue the switch back to the release that a deployment made, as ``queue`` does."""
    copied = {name: getattr(to, name) for name in _OF_A_RELEASE}
    return queue(to.application, instance=to.instance, by=by, trigger=trigger, rolls_back_to=to, **copied)


def _record(deployment: Deployment, *, by: User | None) -> None:
    pushed = f", pushed by {deployment.pushed_by}" if deployment.pushed_by else ""
    Event.objects.create(
        application=deployment.application,
        actor=by,
        subject=f"deployment {deployment.number}",
        verb="queued",
        detail=f"from the {deployment.get_trigger_display()}{pushed}",
    )
