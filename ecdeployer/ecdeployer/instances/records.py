"""Writing what EC2 reports of a machine into its row."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from ..aws.ec2 import Machine
from ..wakeups import wake_deployment
from .models import Instance, LaunchAttempt
from .states import InstanceState

UNFINISHED = ("queued", "running")
#: EC2 may take minutes to list what it has launched:
#: https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
LISTING = timedelta(minutes=5)
#: What was begun, by the portal or with a reason noted then, and how it ends.
_END_OF: dict[str, str] = {
    InstanceState.STOPPING: InstanceState.STOPPED,
    InstanceState.SHUTTING_DOWN: InstanceState.TERMINATED,
}
#: States that a person asks for through the portal alone; anything else came from outside.
_FROM_OUTSIDE = {
    InstanceState.STOPPED: "The instance was stopped outside of the portal.",
    InstanceState.STOPPING: "The instance was stopped outside of the portal.",
    InstanceState.TERMINATED: "The instance was terminated outside of the portal.",
    InstanceState.SHUTTING_DOWN: "The instance was terminated outside of the portal.",
}

_STOPS = {InstanceState.STOPPING, InstanceState.STOPPED}

#: Codes of StateReason: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html
_BY_AWS = {
    "Server.SpotInstanceTermination": "AWS took this spot instance back. Deploy again for another.",
    "Server.SpotInstanceShutdown": "AWS stopped this spot instance. It starts again when AWS has room.",
    "Server.ScheduledStop": "AWS stopped the instance for its maintenance. Start it again.",
}
_OF_AWS = {"Server.InsufficientInstanceCapacity", "Server.InternalError"}
_BY_AWS_ITSELF = "AWS ended or stopped the instance by itself. Deploy again for another."


def adopt(instance: Instance, machine: Machine) -> bool:
    """The machine that a launch attempt made is this instance's; any number of times, by anybody."""
    with transaction.atomic():
        instance.launch_attempts.filter(outcome=LaunchAttempt.Outcome.PREPARED).update(
            outcome=LaunchAttempt.Outcome.LAUNCHED, user_data=None
        )
        return update(instance, machine)


def update(instance: Instance, machine: Machine) -> bool:
    """Bring a row to what EC2 reports; whether anything was changed. A move back in time is refused."""
    facts = _facts(machine)
    changed = {name: value for name, value in facts.items() if getattr(instance, name) != value}
    if machine.state == instance.state:
        return bool(changed) and _write(instance, changed)
    if machine.state not in Instance.TRANSITIONS[instance.state]:
        return False
    if machine.state == InstanceState.TERMINATED:
        changed["terminated_at"] = timezone.now()
    changed.update(_reason(instance, machine))
    if machine.state == InstanceState.RUNNING and instance.stop_asked_at:
        changed["stop_asked_at"] = None
    with transaction.atomic():
        moved = instance.move(machine.state, detail=changed.get("reason") or machine.ec2_id, **changed)
        if moved:
            wake_deployments(instance)
    return moved


def is_gone(instance: Instance) -> bool:
    """EC2 does not report it any more, long after its launch. Whether the row was moved."""
    reason = instance.reason or "AWS does not report this instance any more."
    with transaction.atomic():
        moved = instance.move(
            InstanceState.TERMINATED,
            detail=reason,
            reason=reason,
            terminated_at=timezone.now(),
            public_ip=None,
        )
        if moved:
            wake_deployments(instance)
    return moved


def wake_deployments(instance: Instance) -> None:
    """What waits for this machine is looked at now."""
    unfinished = instance.deployments.filter(state__in=UNFINISHED)
    for pk in unfinished.values_list("pk", flat=True):
        wake_deployment(pk)


def _facts(machine: Machine) -> dict[str, Any]:
    """The fields of a row that EC2 knows better; what it has not said yet leaves the row as it is."""
    said = {
        "ec2_id": machine.ec2_id,
        "ami_id": machine.ami_id,
        "availability_zone": machine.availability_zone,
        "launched_at": machine.launched_at,
        "instance_type": machine.instance_type,
    }
    return {name: value for name, value in said.items() if value} | {
        "public_ip": machine.public_ip or None,
        "private_ip": machine.private_ip or None,
    }


def _write(instance: Instance, changed: dict[str, Any]) -> bool:
    rows = Instance.objects.filter(pk=instance.pk, state=instance.state)
    if not rows.update(revision=F("revision") + 1, **changed):
        return False
    for name, value in changed.items():
        setattr(instance, name, value)
    wake_deployments(instance)
    return True


def _reason(instance: Instance, machine: Machine) -> dict[str, str]:
    """Why it went, said when it begins to go; a machine that runs again has none."""
    if machine.state not in _FROM_OUTSIDE:
        return {"reason": ""} if instance.reason else {}
    asked = instance.application.terminate_requested_at or instance.end_asked_at
    if instance.stop_asked_at and machine.state in _STOPS:
        return {}
    if asked or machine.state == _END_OF.get(instance.state):
        return {}
    said = f" AWS says: {machine.state_reason}" if machine.state_reason else ""
    by = _BY_AWS.get(machine.state_code) or (_BY_AWS_ITSELF if machine.state_code in _OF_AWS else "")
    return {"reason": (by or _FROM_OUTSIDE[InstanceState(machine.state)]) + said}
