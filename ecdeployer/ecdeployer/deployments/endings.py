"""How a deployment ends. Whoever comes second finds it ended, and changes nothing."""

from django.db import transaction
from django.utils import timezone

from ..instances.states import InstanceState
from ..wakeups import wake_termination
from . import steps
from .models import Deployment
from .remedies import remedy_for
from .states import DeploymentState, StepName, StepState

NOTHING_LAUNCHED = "Nothing was launched, and nothing costs."


def succeed(deployment: Deployment) -> bool:
    """The site is live. What the machine had no need to do is marked so."""
    with transaction.atomic():
        detail = f"commit {deployment.commit_sha[:12]} is live"
        now = timezone.now()
        moved = deployment.move(
            DeploymentState.SUCCEEDED, detail=detail, finished_at=now, due_at=None, report_token_hash=""
        )
        if moved:
            steps.end(deployment, StepName.HEALTH, StepState.SUCCEEDED, message="")
            running = deployment.steps.filter(state=StepState.RUNNING)
            running.update(state=StepState.SUCCEEDED, finished_at=now)
            deployment.steps.filter(state=StepState.PENDING).update(state=StepState.SKIPPED)
    return moved


def fail(deployment: Deployment, step: StepName, *, code: str, reason: str, remedy: str = "") -> bool:
    """Failed at a step, with what to say about it. A machine that was launched stays, to be looked at."""
    with transaction.atomic():
        moved = deployment.move(
            DeploymentState.FAILED,
            detail=f"{step}: {reason}",
            failed_step=step,
            failure_code=code[:64],
            reason=reason,
            remedy=remedy or remedy_for(code),
            finished_at=timezone.now(),
            due_at=None,
            report_token_hash="",
        )
        if moved:
            steps.end(deployment, step, StepState.FAILED, message=reason)
            steps.stop(deployment, message="Not finished.")
            _give_up_instance(deployment)
    return moved


def cancel(deployment: Deployment, *, reason: str) -> bool:
    with transaction.atomic():
        moved = deployment.move(
            DeploymentState.CANCELLED,
            detail=reason,
            reason=reason,
            finished_at=timezone.now(),
            due_at=None,
            report_token_hash="",
        )
        if moved:
            steps.stop(deployment, message=reason)
    return moved


def _give_up_instance(deployment: Deployment) -> None:
    """An instance that was only asked for is asked for no more."""
    instance = deployment.instance
    instance.refresh_from_db()
    if instance.state == InstanceState.REQUESTED:
        instance.move(InstanceState.FAILED, detail=NOTHING_LAUNCHED, reason=NOTHING_LAUNCHED)
    elif instance.state == InstanceState.LAUNCHING:
        wake_termination(instance.pk)
