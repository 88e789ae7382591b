"""Switching a machine off and on, and giving it another type. Each may be repeated, and raises AWSError."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from ..applications.models import Application
from ..aws import ec2
from .connection import aws
from .models import Instance
from .states import InstanceState


def forget_stop(instance: Instance) -> None:
    """One that was not carried out: what stops the machine later comes from outside again."""
    _note_stop(instance, None)


def _note_stop(instance: Instance, at: datetime | None) -> None:
    Instance.objects.filter(pk=instance.pk).update(stop_asked_at=at)
    instance.stop_asked_at = at


def stop(instance: Instance) -> None:
    """It was asked for here, and does not come from outside: noted before AWS is asked."""
    _note_stop(instance, timezone.now())
    _follow(instance, ec2.stop(aws(), instance.ec2_id or ""))


def start(instance: Instance) -> None:
    _follow(instance, ec2.start(aws(), instance.ec2_id or ""))


def reboot(instance: Instance) -> None:
    ec2.reboot(aws(), instance.ec2_id or "")


def set_type(instance: Instance, instance_type: str) -> None:
    """Of a machine that is stopped; the application's next machine is of that type, too."""
    ec2.set_type(aws(), instance.ec2_id or "", instance_type)
    with transaction.atomic():
        Application.objects.filter(pk=instance.application_id).update(instance_type=instance_type)
        Instance.objects.filter(pk=instance.pk).update(instance_type=instance_type)
    instance.instance_type = instance_type


def _follow(instance: Instance, state: str) -> None:
    """EC2's answer, before the next sweep tells it."""
    if state in Instance.TRANSITIONS[instance.state]:
        gone = {"public_ip": None} if state == InstanceState.STOPPED and not _stays(instance) else {}
        instance.move(state, detail="It was asked for in the portal.", **gone)


def _stays(instance: Instance) -> bool:
    return instance.public_ip is not None and hasattr(instance, "elastic")
