"""What a person asks of an application's machine, from a page, the command line or the API."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from ..accounts import limits
from ..accounts.models import User
from ..applications.models import Application, Event
from ..commands.queries import SHOWN as ASKED_BY_PEOPLE
from ..commands.states import UNFINISHED as UNFINISHED_COMMANDS
from ..deployments import queueing, releases
from ..deployments.actions import RefusedError
from ..deployments.models import Deployment
from ..deployments.states import UNFINISHED as UNFINISHED_DEPLOYMENTS
from ..instances.models import Instance
from ..instances.states import InstanceState
from ..wakeups import wake_change
from .models import Change
from .states import UNFINISHED

__all__ = ["RefusedError", "reboot", "rebuild", "resize", "start", "stop"]

_RUNS, _RESTS = (InstanceState.RUNNING,), (InstanceState.STOPPED,)
#: For AWS, the machine and its site together.
_PATIENCE = {
    Change.Kind.STOP: timedelta(minutes=10),
    Change.Kind.START: timedelta(minutes=10),
    Change.Kind.REBOOT: timedelta(minutes=10),
    Change.Kind.RESIZE: timedelta(minutes=25),
}
NO_ELASTIC = (
    "The site has no Elastic IP: at a rebuild its address changes. Deploy again to ask AWS for one, or say "
    "that another address is fine."
)
_NO_MACHINE = "There is no machine. Deploy first: another is launched then."
_WRONG_STATE = "The machine is {state}: only one that is {allowed} can be asked to {kind}."


def stop(application: Application, *, by: User | None) -> Change:
    """The site goes away until it is started; its disk and its Elastic IP stay. Raises RefusedError."""
    with Application.kept(application.pk):
        instance = _free_machine(application, Change.Kind.STOP, allowed=_RUNS)
        return _write(instance, Change.Kind.STOP, by=by)


def start(application: Application, *, by: User | None) -> Change:
    """Raises RefusedError."""
    with Application.kept(application.pk):
        instance = _free_machine(application, Change.Kind.START, allowed=_RESTS)
        return _write(instance, Change.Kind.START, by=by)


def reboot(application: Application, *, by: User | None) -> Change:
    """Raises RefusedError."""
    with Application.kept(application.pk):
        instance = _free_machine(application, Change.Kind.REBOOT, allowed=_RUNS)
        return _write(instance, Change.Kind.REBOOT, by=by)


def resize(application: Application, instance_type: str, *, by: User | None) -> Change:
    """Stop, another type, start; one that is stopped stays so. Raises RefusedError."""
    with Application.kept(application.pk):
        instance = _free_machine(application, Change.Kind.RESIZE, allowed=(*_RUNS, *_RESTS))
        if instance_type not in settings.INSTANCE_TYPES:
            raise RefusedError(
                f"Found {instance_type[:40]!r}. Choose one of {', '.join(settings.INSTANCE_TYPES)}."
            )
        if instance_type == instance.instance_type:
            raise RefusedError(f"The machine is a {instance_type} already.")
        refusal = limits.refusal_to_resize(instance.application.owner, instance.instance_type, instance_type)
        if refusal:
            raise RefusedError(refusal)
        return _write(
            instance,
            Change.Kind.RESIZE,
            by=by,
            from_type=instance.instance_type,
            to_type=instance_type,
            restarts=instance.state == InstanceState.RUNNING,
        )


def rebuild(
    application: Application, *, by: User | None, trigger: Deployment.Trigger, new_address: bool = False
) -> Deployment:
    """Another machine, of the newest golden image, takes the place of the one that serves when it is healthy.

    ``new_address``: also where the site has no Elastic IP, and is at another address then. Raises
    RefusedError.
    """
    with Application.kept(application.pk):
        instance = _free_machine(application, "rebuild", allowed=_RUNS)
        current = instance.application
        live = releases.live(current)
        if live is None or live.instance_id != instance.pk:
            raise RefusedError("Nothing is live on this machine: deploy first.")
        if not instance.has_elastic and not new_address:
            raise RefusedError(NO_ELASTIC)
        refusal = limits.refusal(current.owner, instance.instance_type)
        if refusal:
            raise RefusedError(f"For a while there are two machines. {refusal}")
        spare = Instance.objects.create(application=current, instance_type=instance.instance_type, spare=True)
        Event.objects.create(
            application=current, actor=by, subject="machine", verb="rebuild", detail=instance.ec2_id or ""
        )
        asked = {"commit_sha": live.commit_sha, "again": True}
        return queueing.queue(current, instance=spare, by=by, trigger=trigger, **asked)


def refuse_unless_free(application: Application) -> Application:
    """The application as it is by now, with nothing under way; the caller holds it. Raises RefusedError."""
    current = Application.objects.select_related("owner").get(pk=application.pk)
    if current.terminate_requested_at:
        raise RefusedError("This application is terminated.")
    deployment = current.deployments.filter(state__in=UNFINISHED_DEPLOYMENTS).order_by("number").first()
    if deployment is not None:
        raise RefusedError(f"Deployment {deployment.number} is not finished. Wait for it, or cancel it.")
    asked = current.commands.filter(state__in=UNFINISHED_COMMANDS, action__in=ASKED_BY_PEOPLE)
    command = asked.first()
    if command is not None:
        raise RefusedError(f"A command is not finished ({command.line[:80]}). Wait for it, or cancel it.")
    change = current.changes.filter(state__in=UNFINISHED).first()
    if change is not None:
        raise RefusedError(f"The machine is changed already ({change.line}). Wait until that is done.")
    return current


def _free_machine(application: Application, kind: str, *, allowed: Collection[InstanceState]) -> Instance:
    current = refuse_unless_free(application)
    instance = Instance.machine_of(current)
    if instance is None or not instance.exists or instance.end_asked_at:
        raise RefusedError(_NO_MACHINE)
    if instance.state not in allowed:
        states = " or ".join(state.label for state in allowed)
        state = instance.get_state_display()
        raise RefusedError(_WRONG_STATE.format(state=state, allowed=states, kind=kind))
    return instance


def _write(instance: Instance, kind: Change.Kind, *, by: User | None, **asked: Any) -> Change:
    now = timezone.now()
    change = Change.objects.create(
        application_id=instance.application_id,
        instance=instance,
        kind=kind,
        created_by=by,
        due_at=now,
        deadline=now + _PATIENCE[kind],
        **asked,
    )
    Event.objects.create(
        application_id=instance.application_id, actor=by, subject="machine", verb=kind, detail=change.line
    )
    wake_change(change.pk)
    return change
