"""Ending one instance for good."""

import logging
from datetime import datetime, timedelta

from django.utils import timezone

from ..aws import ec2
from ..aws.errors import AWSError
from . import ledger, records
from .connection import aws
from .models import FleetWatch, Instance
from .states import InstanceState

logger = logging.getLogger(__name__)

_NO_MACHINE = {InstanceState.TERMINATED, InstanceState.FAILED}
_ASKED = "It was terminated from the portal."
#: A request that is under way when the end is asked for has its answer by then: botocore's three attempts of
#: 25 s, and EC2's minutes of not yet listing a machine that it has launched.
LAUNCH_GRACE = timedelta(minutes=5)


def terminate(instance: Instance) -> bool:
    """One step towards its end; whether it has come, and AWS has said that nothing is left. Raises AWSError.

    Any number of calls at once do no harm. TerminateInstances itself may be repeated.
    """
    instance.refresh_from_db()
    if instance.state == InstanceState.REQUESTED:
        instance.move(InstanceState.TERMINATED, detail=_ASKED, terminated_at=timezone.now())
    elif instance.state == InstanceState.LAUNCHING:
        _find_launched(instance)
    elif instance.state not in {InstanceState.SHUTTING_DOWN, *_NO_MACHINE}:
        _end(instance)
    return instance.state in _NO_MACHINE and ledger.verify(instance)


def _find_launched(instance: Instance) -> None:
    """A worker may have been killed between the launch and the note of it: the tag tells."""
    machine = ec2.find_by_instance_tag(aws(), str(instance.pk))
    if machine is not None:
        records.adopt(instance, machine)
        ended = {InstanceState.LAUNCHING, InstanceState.SHUTTING_DOWN, *_NO_MACHINE}
        if instance.state not in ended and _is_known(instance):
            _end(instance)
        return
    if _last_launch(instance) < timezone.now() - LAUNCH_GRACE:
        reason = "No machine was launched."
        instance.move(InstanceState.FAILED, detail=reason, reason=reason)


def _is_known(instance: Instance) -> bool:
    """Whether its end was asked for, or this database has watched since before it was made.

    A database that was restored has a launch under way which was finished after the copy: its machine serves.
    """
    asked = instance.end_asked_at or instance.application.terminate_requested_at
    return bool(asked) or FleetWatch.objects.filter(since__lt=instance.created_at).exists()


def _last_launch(instance: Instance) -> datetime:
    """An attempt is repeated until its deployment has ended, so its last request may be as late as that."""
    attempt = instance.launch_attempts.last()
    if attempt is None:
        return instance.created_at
    ends = instance.deployments.exclude(finished_at=None).values_list("finished_at", flat=True)
    times = [attempt.created_at, instance.application.terminate_requested_at, *ends]
    return max(time for time in times if time)


def _end(instance: Instance) -> None:
    """Ask EC2 for the end. A machine that it does not know is gone only when describing it says so too."""
    try:
        state = ec2.terminate(aws(), instance.ec2_id or "")
    except AWSError as error:
        if error.kind != "not-found":
            raise
        machine = ec2.find_machine(aws(), instance.ec2_id or "")
        young = instance.launched_at and instance.launched_at > timezone.now() - LAUNCH_GRACE
        if machine is None and not young:
            records.is_gone(instance)
        return
    if state in Instance.TRANSITIONS[instance.state]:
        ended_at = timezone.now() if state == InstanceState.TERMINATED else None
        instance.move(state, detail=_ASKED, terminated_at=ended_at)
