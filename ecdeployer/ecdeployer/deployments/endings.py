"""How a deployment ends. Whoever comes second finds it ended, and changes nothing."""

from contextlib import suppress

from django.db import transaction
from django.utils import timezone

from ..commands import moving, queue
from ..commands.models import Command
from ..instances import addresses
from ..instances.models import Instance
from ..instances.states import InstanceState
from ..maintenance.models import Maintenance
from ..wakeups import wake_address, wake_deployment, wake_termination
from . import news, steps
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
            _wake_next(deployment)
            news.ended(deployment)
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
            Maintenance.doubt(deployment.application_id)
            _give_up_instance(deployment)
            _give_up_spare(deployment)
            _stop_machine(deployment)
            _wake_next(deployment)
            news.ended(deployment)
    return moved


def cancel(deployment: Deployment, *, reason: str) -> bool:
    return _call_off(deployment, DeploymentState.CANCELLED, code="", reason=reason)


def skip(deployment: Deployment, *, code: str, reason: str) -> bool:
    """It is not needed, and has touched nothing."""
    return _call_off(deployment, DeploymentState.SKIPPED, code=code, reason=reason)


def _call_off(deployment: Deployment, state: DeploymentState, *, code: str, reason: str) -> bool:
    with transaction.atomic():
        moved = deployment.move(
            state,
            detail=reason,
            failure_code=code,
            reason=reason,
            finished_at=timezone.now(),
            due_at=None,
            report_token_hash="",
        )
        if moved:
            steps.stop(deployment, message=reason)
            Maintenance.doubt(deployment.application_id)
            _give_up_spare(deployment)
            _stop_machine(deployment)
            _wake_next(deployment)
            news.ended(deployment)
    return moved


def _stop_machine(deployment: Deployment) -> None:
    """One that works on it still hears so when it reports; one that cannot report is sent a command."""
    handed_over = deployment.command_id or not deployment.steps.filter(
        name__in=[StepName.PREFLIGHT, StepName.LAUNCH], state=StepState.PENDING
    )
    instance = deployment.instance
    if (
        deployment.result is None
        and not instance.spare
        and handed_over
        and instance.state == InstanceState.RUNNING
    ):
        queue.put(instance, Command.Action.CANCEL, {"deployment": str(deployment.pk)})


def _wake_next(deployment: Deployment) -> None:
    """The one that waited for this one to end."""
    waiting = Deployment.objects.filter(
        application_id=deployment.application_id, state=DeploymentState.QUEUED
    ).exclude(pk=deployment.pk)
    waiting.update(due_at=timezone.now())
    for pk in waiting.values_list("pk", flat=True):
        wake_deployment(pk)


def _give_up_spare(deployment: Deployment) -> None:
    """A machine that was to take the place of another ends; the address goes back to the one that serves."""
    if deployment.kind != Deployment.Kind.REBUILD:
        return
    spare = Instance.objects.filter(pk=deployment.instance_id, spare=True)
    if not spare.update(end_asked_at=timezone.now()):
        return
    wake_termination(deployment.instance_id)
    machine = Instance.machine_of(deployment.application)
    if machine is None:
        return
    if addresses.move(deployment.application, to=machine):
        wake_address(machine.pk)
    with suppress(moving.MoveError):
        moving.resume(machine, move=deployment.pk)


def _give_up_instance(deployment: Deployment) -> None:
    """An instance that was only asked for is asked for no more."""
    instance = deployment.instance
    instance.refresh_from_db()
    if instance.state == InstanceState.REQUESTED:
        instance.move(InstanceState.FAILED, detail=NOTHING_LAUNCHED, reason=NOTHING_LAUNCHED)
    elif instance.state == InstanceState.LAUNCHING:
        wake_termination(instance.pk)
